# Helpers of the rules for clusters: requests that grow with the attempt, limits that lose jobs. No rules here.


def growing(value):
    """A resource that is asked for twice, three times, ... over when a job failed and is tried again."""

    def grown(wildcards, attempt):
        return value * attempt

    return grown


def check_job_arrays():
    """Refuse limits under which jobs would never be submitted, and the run would wait for them for ever.

    Version 2.8.0 of Snakemake's Slurm plugin forgets jobs of an array's rule where Snakemake does not hand over
    all of the rule's ready jobs at once (issue 473 of snakemake/snakemake-executor-plugin-slurm).
    """
    arrays = getattr(workflow.executor_settings, "array_jobs", None)
    if arrays is None or arrays == "none":
        return
    folders = ["teachers", *(f"students/{name}" for name in STUDIES)]
    most = sum(search_of(folder).trials for folder in folders)
    scheduling, limits = workflow.scheduling_settings, workflow.resource_settings.resources
    found = []
    if (workflow.resource_settings.nodes or most) < most:
        found.append(f"--jobs {workflow.resource_settings.nodes}")
    rate = scheduling.max_jobs_per_timespan
    if rate and rate.max_jobs < most:
        found.append(f"--max-jobs-per-timespan {rate.max_jobs}/{rate.timespan}s")
    if scheduling.subsample:
        found.append(f"--scheduler-subsample {scheduling.subsample}")
    found += [f"--resources {name}" for name in limits if not name.startswith("_")]
    if found:
        stop(
            f"{found[0]}: expected no limit below the {most} trials where --slurm-array-jobs names rules, since the "
            "Slurm plugin loses jobs that wait for it; limit jobs in Slurm (by a QOS), or submit them one by one "
            "with --slurm-array-jobs none"
        )
