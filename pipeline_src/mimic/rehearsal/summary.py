"""Rehearse a run on clusters of several sizes, and sum up what happened."""

import statistics
import time

import numpy as np

from mimic.rehearsal.durations import costs_of
from mimic.rehearsal.jobs import jobs_of, longest_path, with_round_size
from mimic.rehearsal.simulate import simulate

#: Slices of a run in its line of utilisation.
N_SLICES = 48
LETTERS = {"train_teacher": "T", "generate_epochs": "E", "record_logits": "L", "train_student": "S"}


def rehearse(config, times, how, cluster, gpus, seed, target="all", shared=False, round_sizes=()):
    """Simulate a run on every number of GPUs, with the searches' barriers and without.

    Parameters
    ----------
    config : mimic.config.whole.Config
    times : mimic.rehearsal.times.StageTimes
    how : mimic.rehearsal.durations.Extrapolation
    cluster : mimic.rehearsal.cluster.ClusterSettings
    gpus : sequence of int
    seed : int
    target : str
    shared : bool
        See `mimic.rehearsal.jobs.jobs_of`.
    round_sizes : sequence of int
        Also rehearse with these in place of the searches' own.

    Returns
    -------
    dict
        ``jobs`` (by rule), ``gpu_jobs``, ``work_seconds`` (of the jobs on GPUs), ``start_seconds`` (theirs
        before it), ``longest_chain_seconds``, ``notes``, ``sizes`` (a dict a number of GPUs, see `_row`),
        ``round_sizes`` (a dict a size and number of GPUs) and ``simulation_seconds``, what this took.
    """
    began = time.perf_counter()
    plan = _Plan(config, times, how, cluster, seed, target, shared)
    sizes = [_row(plan, n_gpus) for n_gpus in gpus]
    rounds = []
    for size in round_sizes:
        other = _Plan(with_round_size(config, size), times, how, cluster, seed, target, shared)
        for n_gpus in gpus:
            makespan = other.run(n_gpus).makespan
            rounds.append({"round_size": size, "gpus": n_gpus, "makespan_seconds": makespan})
    rules = {}
    for job in plan.jobs:
        rules[job.rule] = rules.get(job.rule, 0) + 1
    return {
        "target": target,
        "seed": seed,
        "jobs": dict(sorted(rules.items())),
        "gpu_jobs": sum(plan.submitted),
        "work_seconds": plan.work,
        "start_seconds": plan.start,
        "longest_chain_seconds": plan.chain,
        "notes": plan.notes,
        "sizes": sizes,
        "round_sizes": rounds,
        "simulation_seconds": time.perf_counter() - began,
    }


class _Plan:
    """Jobs with their costs, to be run on clusters of several sizes."""

    def __init__(self, config, times, how, cluster, seed, target, shared):
        self.cluster, self.seed = cluster, seed
        self.jobs = jobs_of(config, target, shared)
        self.free = jobs_of(config, target, shared, barriers=False)
        self.costs, self.notes = costs_of(self.jobs, config, times, how, cluster, seed)
        self.submitted = [cluster.submits(job.rule, config) for job in self.jobs]
        on_gpus = [cost for cost, there in zip(self.costs, self.submitted, strict=True) if there]
        self.work, self.start = sum(cost.work for cost in on_gpus), sum(cost.start for cost in on_gpus)
        self.chain = longest_path(self.jobs, [cost.start + cost.work for cost in self.costs])

    def run(self, n_gpus, barriers=True):
        jobs = self.jobs if barriers else self.free
        return simulate(jobs, self.costs, self.submitted, self.cluster, n_gpus, self.seed)


def _row(plan, n_gpus):
    """One number of GPUs.

    Returns
    -------
    dict
        ``makespan_seconds``; ``no_barriers_seconds``, the same without the searches' barriers, and
        ``barriers_seconds``, what they cost; ``bound_seconds``, work / GPUs; ``idle_share`` of the GPUs' time
        until the end; ``queue_seconds`` mean and ``queue_max_seconds``, from a submission to its start;
        ``unseen_seconds``, mean from an end to the poll that sees it; ``start_share`` and ``lost_share``, of
        the seconds that jobs had a GPU: starting, and done again; ``lost_seconds``; counts; ``failed`` and
        ``not_run`` jobs; ``busy``, share of the GPUs in use in each of 48 slices, and ``step``, a letter for
        what they did most.
    """
    out = plan.run(n_gpus)
    free = plan.run(n_gpus, barriers=False)
    busy, steps = utilisation(out.spans, plan.jobs, n_gpus, out.makespan)
    held = out.work + out.starts + out.lost
    return {
        "gpus": n_gpus,
        "makespan_seconds": out.makespan,
        "no_barriers_seconds": free.makespan,
        "barriers_seconds": out.makespan - free.makespan,
        "bound_seconds": plan.work / (n_gpus * plan.cluster.gpus_worth()),
        "idle_share": 1 - float(np.mean(busy)) if busy else 1.0,
        "queue_seconds": statistics.fmean(out.queue_waits) if out.queue_waits else 0.0,
        "queue_max_seconds": max(out.queue_waits, default=0.0),
        "unseen_seconds": statistics.fmean(out.unseen) if out.unseen else 0.0,
        "start_share": out.starts / held if held else 0.0,
        "start_seconds": out.starts,
        "lost_share": out.lost / held if held else 0.0,
        "lost_seconds": out.lost,
        "submissions": out.submissions,
        "failures": out.failures,
        "preemptions": out.preemptions,
        "time_limits": out.time_limits,
        "failed": len(out.failed),
        "not_run": len(out.not_run),
        "busy": busy,
        "step": steps,
    }


def utilisation(spans, jobs, n_gpus, makespan, n_slices=N_SLICES):
    """How busy the GPUs are over a run, and with what.

    Parameters
    ----------
    spans : list of (gpu, start, end, job)
        Several may overlap on a GPU, which is busy once.
    jobs : list of mimic.rehearsal.jobs.Job
    n_gpus : int
    makespan : float
    n_slices : int

    Returns
    -------
    busy : list of float
        Share of the GPUs' time with a job, by slice; empty where nothing took time.
    steps : str
        A letter a slice for the rule that had most of it: T teachers, E epochs, L logits, S students,
        ``-`` others, ``.`` none.
    """
    if not makespan:
        return [], ""
    edges = np.linspace(0, makespan, n_slices + 1)
    by_letter, busy, last = {}, np.zeros(n_slices), {}
    for gpu, start, end, job in sorted(spans):
        seconds = _in_slices(edges, start, end)
        letter = LETTERS.get(jobs[job].rule, "-")
        by_letter[letter] = by_letter.get(letter, 0) + seconds
        seen = last.get(gpu, 0.0)
        if end > seen:
            busy += _in_slices(edges, max(start, seen), end)
            last[gpu] = end
    letters = sorted(by_letter)
    most = np.array([by_letter[letter] for letter in letters]) if letters else np.zeros((1, n_slices))
    steps = "".join(letters[np.argmax(column)] if column.max() > 0 else "." for column in most.T)
    return (busy / (n_gpus * makespan / n_slices)).tolist(), steps


def _in_slices(edges, start, end):
    """Seconds of [start, end] that lie in each slice."""
    return np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None)
