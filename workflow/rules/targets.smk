# Refuses targets that no rule makes in one line with the nearest names. Read last, when all rules are known; no rules here.


def refuse_unknown_targets():
    """End where Snakemake would end in an exception, which names no target that there is."""
    from mimic.console.targets import check_targets

    refusal = check_targets(workflow, CONFIG, SHARED)
    if refusal:
        stop(refusal)


if workflow.is_main_process:
    refuse_unknown_targets()
