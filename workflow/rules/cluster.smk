# Helpers of the rules for clusters: requests that grow with the attempt, and what version 2.8.0 of Snakemake's Slurm
# plugin would lose. No rules here.

import importlib

# Linux's limit of one argument of a command, in which the plugin passes all of an array's commands.
LONGEST_ARGUMENT = 131_072


ARRAY_OPTION = "--slurm-jobstep-array-execs"


def become_own_task_of_array():
    """Let a task of a job array be nothing but its own job.

    The plugin starts each task as the array's first job, which then runs the command of the task's own job and ends
    as that does: where the task fails it removes the outputs of the first job, and where it succeeds it waits for
    them, and fails when they are not there within a minute.
    """
    task = os.environ.get("SLURM_ARRAY_TASK_ID", "")
    given = [text for text in sys.argv if text.startswith(ARRAY_OPTION)]
    if not task.isdecimal() or not given:
        return
    commands = given[0].removeprefix(ARRAY_OPTION).removeprefix("=")
    if not commands:
        commands = sys.argv[sys.argv.index(ARRAY_OPTION) + 1]
    step = importlib.import_module("snakemake_executor_plugin_slurm_jobstep")
    if task not in step.parse_array_execs(commands):
        return  # the first job itself
    sys.stderr.flush()
    os.execvp("sh", ["sh", "-c", step._decompress_array_task_call(commands, int(task))])


if "SLURM_ARRAY_TASK_ID" in os.environ:
    become_own_task_of_array()


def growing(value):
    """A resource that is asked for twice, three times, ... over when a job failed and is tried again."""

    def grown(wildcards, attempt):
        return value * attempt

    return grown


def array_task_bytes():
    """What a job adds to the command of its array, at most.

    Measured: 2.1 kB for a teacher, 2.3 kB for a student with 16 shards, 8 bytes more for each shard; options of
    Snakemake's command line are passed on to jobs.
    """
    return 2200 + 10 * len(epoch_shards()) + len(" ".join(sys.argv))


def check_job_arrays():
    """Refuse limits under which jobs would never be submitted, and the run would wait for them for ever.

    The plugin forgets jobs of an array's rule where Snakemake does not hand over all of the rule's ready jobs at once
    (issue 473 of snakemake/snakemake-executor-plugin-slurm). Of an array whose commands are longer than an argument
    may be, each task runs the first.
    """
    settings = workflow.executor_settings
    arrays = getattr(settings, "array_jobs", None)
    if arrays is None or arrays == "none":
        return
    longest = LONGEST_ARGUMENT // array_task_bytes()
    if settings.array_limit > longest:
        stop(
            f"--slurm-array-limit {settings.array_limit}: expected at most {longest} with {len(epoch_shards())} "
            "shards of epochs and these options, since Linux limits the length of an array's command"
        )
    folders = ["teachers", *(f"students/{name}" for name in STUDIES)]
    most = sum(search_of(folder).trials for folder in folders)
    scheduling, limits = workflow.scheduling_settings, workflow.resource_settings.resources
    found = []
    if (workflow.resource_settings.nodes or most) < most:
        found.append(f"--jobs {workflow.resource_settings.nodes}")
    rate = scheduling.max_jobs_per_timespan
    if rate and rate.max_jobs < most:
        found.append(f"--max-jobs-per-timespan {rate.max_jobs}/{rate.timespan:g}s")
    if scheduling.subsample:
        found.append(f"--scheduler-subsample {scheduling.subsample}")
    found += [f"--resources {name}" for name in limits if not name.startswith("_")]
    if found:
        stop(
            f"{found[0]}: expected no limit below the {most} trials where --slurm-array-jobs names rules, since the "
            "Slurm plugin loses jobs that wait for it; limit jobs in Slurm (by a QOS), or submit them one by one "
            "with --slurm-array-jobs none"
        )


def keep_jobs_while_slurm_is_silent():
    """Look again later where Slurm does not answer: the plugin would forget all jobs, and wait for ever.

    After some failed queries in a row it neither reports jobs nor keeps them; an answer without jobs keeps them all.
    """
    plugin = sys.modules.get("snakemake_executor_plugin_slurm")
    query = getattr(plugin, "query_job_status", None)
    if query is None:
        return

    async def patient_query(command, logger):
        states, seconds = await query(command, logger)
        if states is None:
            logger.warning("Slurm does not answer; jobs go on, and are looked for again later.")
            return {}, 0.0
        return states, seconds

    plugin.query_job_status = patient_query
