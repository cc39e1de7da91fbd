# How shallow can a net be and still mimic a deep one?
# Reads config.yaml (overlays: --configfile workflow/presets/NAME.yaml), writes under its key `output`.

from snakemake.utils import min_version

min_version("9.0")


configfile: f"{workflow.basedir}/config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/cluster.smk"
include: "workflow/rules/shallow_grid.smk"
include: "workflow/rules/win_nets.smk"


rule all:
    """Tables 1 and 2 and both figures of Urban et al., 2017, and the page about the run."""
    default_target: True
    input:
        f"{OUT}/table1.csv",
        f"{OUT}/table2.csv",
        f"{OUT}/figure1.png",
        f"{OUT}/figure2.png",
        f"{OUT}/report.html",


include: "workflow/rules/data.smk"


if SHARED:

    include: "workflow/rules/shared.smk"

else:

    include: "workflow/rules/teachers.smk"
    include: "workflow/rules/ensemble.smk"
    include: "workflow/rules/epochs.smk"
    include: "workflow/rules/logits.smk"


include: "workflow/rules/students.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/shallow.smk"
include: "workflow/rules/win.smk"
include: "workflow/rules/targets.smk"


onstart:
    for missing in [] if CONFIG.data.download else MISSING_DATA:
        stop(missing)
    for missing in SHALLOW_MISSING.values():
        stop(missing)
    for name, missing in WIN_MISSING.items():
        stop(f"win.{name}: {missing}")
    check_job_arrays()
    keep_jobs_while_slurm_is_silent()
    if workflow.is_main_process:
        record_fingerprints()
