# Step ensemble (Urban 2.7)
# reads:  all teacher trials' metrics and validation logits
# writes: ensemble/members.json
# Not kept in a shared cache: seconds of work, and a checkout's own choice decides which jobs follow.


checkpoint select_ensemble:
    """Choose the members greedily on validation accuracy (Urban 2.7)."""
    input:
        dataset=f"{OUT}/data/dataset.h5",
        metrics=teacher_metrics,
        predictions=teacher_predictions,
    output:
        members=f"{OUT}/ensemble/members.json",
    log:
        f"{OUT}/logs/select_ensemble.log",
    localrule: True
    threads: 1
    resources:
        mem_mb=growing(2000),
    params:
        settings=as_json(CONFIG.ensemble),
        fingerprint=fingerprint("mimic.ensemble.select_ensemble"),
        versions=cache_only_versions,
    shell:
        "python -m mimic.ensemble.select_ensemble --settings {params.settings:q} --dataset {input.dataset:q}"
        " --metrics {input.metrics:q} --predictions {input.predictions:q} --members {output.members:q}"
        " > {log:q} 2>&1"
