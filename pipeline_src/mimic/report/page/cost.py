"""What a run took, from the files that tell seconds: the jobs' logs, whose last line says it.

A log tells the last attempt of its job; when it ended is the log's own time, which a copy may not have kept.
Neither how many cores there were nor what waited is written anywhere.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

#: Rules of the workflow by step, in the paper's order; those of the other papers after it.
RULES = {
    "prepare_dataset": "data",
    "propose_teachers": "teachers",
    "train_teacher": "teachers",
    "select_ensemble": "ensemble",
    "generate_epochs": "epochs",
    "record_logits": "logits",
    "average_logits": "logits",
    "unpack_targets": "shared",
    "propose_students": "students",
    "train_student": "students",
    "tabulate_trials": "report",
    "tabulate_table1": "report",
    "tabulate_table2": "report",
    "plot_figure1": "report",
    "plot_figure2": "report",
    "publish_report": "report",
    "prepare_shallow_dataset": "shallow",
    "train_group": "shallow",
    "expand_nets": "shallow",
    "tabulate_losses": "shallow",
    "tabulate_intervals": "shallow",
    "plot_losses": "shallow",
    "plot_expansion": "shallow",
    "publish_grid_report": "shallow",
    "prepare_win_dataset": "win",
    "cache_images": "win",
    "train_wide": "win",
    "train_vanilla": "win",
    "train_kd": "win",
    "imitate_block": "win",
    "finetune": "win",
    "merge": "win",
    "tabulate_sizes": "win",
    "tabulate_methods": "win",
    "tabulate_widths": "win",
    "publish_win_report": "win",
}
STEPS = frozenset(RULES.values())
#: Rules of which one reads what all jobs of the other wrote.
_FOLLOWS = (
    ("train_teacher", "prepare_dataset"),
    ("train_student", "prepare_dataset"),
    ("record_logits", "select_ensemble"),
    ("select_ensemble", "train_teacher"),
    ("average_logits", "record_logits"),
    ("tabulate_table2", "train_student"),
    ("tabulate_losses", "train_group"),
)
_SLACK_SECONDS = 5  # clocks of nodes, and the end of a process behind its last line
_DONE = re.compile(rb"^done in ([0-9]{1,9}\.[0-9]) s, memory ([0-9]{1,9}) MB at most\s*$", re.MULTILINE)
N_BINS = 160


@dataclass(frozen=True)
class Job:
    """A finished job's last attempt.

    Parameters
    ----------
    rule : str
    seconds : float
    megabytes : int
        Memory at most.
    ended : float
        Seconds since 1970.
    """

    rule: str
    seconds: float
    megabytes: int
    ended: float


def read_jobs(folder, steps=STEPS):
    """Jobs of a run from its logs.

    Parameters
    ----------
    folder : path
        The config's ``output``.
    steps : set of str
        Those whose jobs are asked for.

    Returns
    -------
    jobs : list of Job
    n_silent : int
        Logs that do not tell how long their job took: it runs, or did not end well.
    """
    jobs, n_silent = [], 0
    for rule in (rule for rule, step in RULES.items() if step in steps):
        base = Path(folder, "logs", rule)
        paths = [base.with_suffix(".log"), *sorted(base.rglob("*.log"))]
        for path in paths:
            try:
                with open(path, "rb") as file:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(max(0, size - 300))
                    said = _DONE.findall(file.read(300))
                    ended = os.fstat(file.fileno()).st_mtime
            except OSError:
                continue
            if said:
                jobs.append(Job(rule, float(said[-1][0]), int(said[-1][1]), ended))
            else:
                n_silent += 1
    return jobs, n_silent


def cost_by_step(jobs):
    """A dict a rule that ran: step, rule, n, seconds, mean_seconds, megabytes (the most)."""
    rows = []
    for rule, step in RULES.items():
        own = [job for job in jobs if job.rule == rule]
        if own:
            seconds = sum(job.seconds for job in own)
            row = {"step": step, "rule": rule, "n": len(own), "seconds": seconds}
            most = max(job.megabytes for job in own)
            rows.append(row | {"mean_seconds": seconds / len(own), "megabytes": most})
    return rows


def in_order(jobs):
    """Whether the logs' times can be those of the jobs: none started before what it reads was written.

    They cannot in a copy that did not keep them, where all have about one time and none can have taken long,
    nor while an earlier step is made again.
    """
    for later, earlier in _FOLLOWS:
        starts = [job.ended - job.seconds for job in jobs if job.rule == later]
        ends = [job.ended for job in jobs if job.rule == earlier]
        if starts and ends and min(starts) + _SLACK_SECONDS < max(ends):
            return False
    return True


def occupation(jobs):
    """How much was at work, and when.

    Returns
    -------
    dict or None
        None without jobs; ``busy_seconds`` alone where their times tell nothing (`in_order`). Else
        busy_seconds, of all jobs; wall_seconds, from the first start to the last end; worked_seconds, of
        these with a job at work; mean_jobs and most_jobs at once while any was; n_cores of this machine;
        started, ended in seconds since 1970; hours or minutes of the bins (``unit``, ``edges``) and by step
        the mean number of jobs at work in each bin (``steps``).
    """
    if not jobs:
        return None
    if not in_order(jobs):
        return {"busy_seconds": sum(job.seconds for job in jobs)}
    spans = sorted((job.ended - job.seconds, job.ended) for job in jobs)
    started, ended = spans[0][0], max(stop for _, stop in spans)
    worked, reach = 0.0, started
    for start, stop in spans:
        worked += max(0.0, stop - max(start, reach))
        reach = max(reach, stop)
    edges = sorted([(start, 1) for start, _ in spans] + [(stop, -1) for _, stop in spans])
    now = most = 0
    for _, change in edges:
        now += change
        most = max(most, now)
    busy, wall = sum(job.seconds for job in jobs), ended - started
    unit, scale = ("hours", 3600) if wall > 7200 else ("minutes", 60)
    width = max(wall / N_BINS, 1e-9)
    steps = {}
    for job in jobs:
        bins = steps.setdefault(RULES[job.rule], [0.0] * N_BINS)
        low, high = job.ended - job.seconds - started, job.ended - started
        for i in range(max(0, int(low / width)), min(N_BINS, int(high / width) + 1)):
            bins[i] += max(0.0, min(high, (i + 1) * width) - max(low, i * width)) / width
    return {
        "busy_seconds": busy,
        "wall_seconds": wall,
        "worked_seconds": worked,
        "mean_jobs": busy / worked if worked else 0.0,
        "most_jobs": most,
        "n_cores": os.cpu_count(),
        "started": started,
        "ended": ended,
        "unit": unit,
        "edges": [round(i * width / scale, 4) for i in range(N_BINS + 1)],
        "steps": {step: [round(n, 3) for n in bins] for step, bins in steps.items()},
    }
