"""What is known at the end of a simulated run."""

from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What happened in one simulated run; seconds, those of GPUs per place of a trial.

    Parameters
    ----------
    makespan : float
        From the start of Snakemake to its end.
    finished : float
        When the last job was done.
    spans : list of (gpu, start, end, job)
        Every attempt.
    started, ended : list of float or None
        By job: of its last attempt.
    queue_waits : list of float
        From a submission, or a requeue, to the start.
    unseen : list of float
        From the end of a job until a poll sees it.
    work, starts, lost : float
        What attempts did that counted; what they spent before it, Snakemake's starts and the stage's own;
        what was done again.
    submissions : int
        Calls of sbatch.
    failures, preemptions, time_limits : int
    failed, not_run : list of int
        Jobs out of retries, and those that waited for them.
    """

    makespan: float = 0.0
    finished: float = 0.0
    spans: list = field(default_factory=list)
    started: list = field(default_factory=list)
    ended: list = field(default_factory=list)
    queue_waits: list = field(default_factory=list)
    unseen: list = field(default_factory=list)
    work: float = 0.0
    starts: float = 0.0
    lost: float = 0.0
    submissions: int = 0
    failures: int = 0
    preemptions: int = 0
    time_limits: int = 0
    failed: list = field(default_factory=list)
    not_run: list = field(default_factory=list)
