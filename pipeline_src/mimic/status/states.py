"""In which state each job is, decided by files alone.

==========  =============================================================================================
state       what the files say
==========  =============================================================================================
done        all outputs are there (whether they are current is for `mimic why` to say)
running     Snakemake began it and its log has been written since; or, where Snakemake says nothing, the
            log was written within the last minute
queued      Snakemake has handed it over, and its log has not been written since: it waits in a cluster
failed      its log ends in an error or a traceback; or Snakemake saw it end, and its log has no last word
stopped     it was ended from outside (SIGTERM, a killed run): it goes on when the run is started again
waiting     nothing of it is there yet, or its outputs were removed
==========  =============================================================================================
"""

import os
from dataclasses import dataclass

from mimic.status.logs import read_log

STATES = ("done", "running", "queued", "stopped", "failed", "waiting")
#: Between two looks a job may begin or end; only after so long is a log without a last word one that ended.
GRACE_SECONDS = 10.0
#: Without a lock, what was written no longer ago belongs to a job that someone runs by hand.
ALIVE_SECONDS = 60.0
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Standing:
    """State of a job, with its log where it has one and is not done."""

    state: str
    log: object = None
    message: str = ""
    has_checkpoint: bool = False


class Files:
    """Names in folders, each listed once: a shared file system answers few questions faster than many."""

    def __init__(self, directory):
        self.directory = str(directory)
        self._names = {}

    def path(self, name):
        """Where a file lies that the rules call `name`."""
        return os.path.join(self.directory, name)

    def has(self, name):
        """Whether it is there."""
        folder, _, file = name.rpartition("/")
        names = self._names.get(folder)
        if names is None:
            try:
                names = frozenset(os.listdir(self.path(folder or ".")))
            except OSError:
                names = frozenset()
            self._names[folder] = names
        return file in names


def standing_of(job, files, run, now):
    """The state of one job.

    Parameters
    ----------
    job : mimic.status.jobs.Job
    files : Files
    run : mimic.status.runs.Run
        Read before the files: a job that ends in between then still seems to run, not to have failed.
    now : float
        Seconds since 1970.

    Returns
    -------
    Standing
    """
    if job.outputs and all(files.has(output) for output in job.outputs):
        return Standing("done")
    log = read_log(files.path(job.log)) if job.log and files.has(job.log) else None
    began = max((run.begun[output] for output in job.outputs if output in run.begun), default=None)
    if began is not None and (log is None or log.changed < began):
        return Standing("queued" if run.locked_since else "waiting", log)
    if log is None:
        return Standing("waiting")
    checkpoint = f"{job.outputs[0].rpartition('/')[0]}/{CHECKPOINT}"
    has_checkpoint = files.has(checkpoint)
    if log.ending is not None:
        return Standing(log.ending, log, log.last_line, has_checkpoint)
    state, message = _without_last_word(job, log, run, began, now, files.path(checkpoint))
    return Standing(state, log, message, has_checkpoint)


def _without_last_word(job, log, run, began, now, checkpoint):
    """State and message of a job whose log does not say that it ended."""
    if now - log.changed < GRACE_SECONDS and (log.last_line or run.locked_since):
        return "running", ""
    if run.locked_since and (began is not None or (not run.knows_jobs and log.changed >= run.locked_since)):
        return "running", ""
    if run.locked_since is None:
        if not log.last_line:
            return "waiting", ""  # made for a job that was never submitted, or died before its first word
        if now - max(log.changed, _changed(checkpoint)) < ALIVE_SECONDS:
            return "running", ""
    if began is not None or not run.knows_jobs:
        return "stopped", "ended from outside"
    if any(run.was_made(output) for output in job.outputs):
        return "waiting", ""
    return "failed", "ended without a last word; was it killed for memory or time?"


def _changed(path):
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0
