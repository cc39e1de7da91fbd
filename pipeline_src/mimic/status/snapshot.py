"""Where a run stands, as one JSON value; what ``mimic status --json`` prints.

Times are seconds, points in time seconds since 1970, accuracies fractions 0-1, paths as the rules name them.
``null`` is what is not known.

===========  =======================================================================================
key          value
===========  =======================================================================================
format       ``mimic.status/1``; keys may be added, none changes its meaning under this name
output       the config's results folder
time         when this was read
shared       whether students learn from another run's targets, so that there are no teachers
run          {"locked_since"}: when a run locked the folder (which a killed one leaves locked), or null
jobs         {"total", "done", "running", "queued", "stopped", "failed", "waiting"}: number of jobs
steps        step -> the same, in the order of the paper; tables of trials belong to ``report``;
             ``shallow`` and ``win`` where they have a folder, the others where these are not all there is
teachers     a search (below), or null where there are none
studies      list of searches, in the order of the config
running      list of {"rule", "name", "log", "epoch", "epochs", "validation_accuracy",
             "images_per_second", "seconds", "at_most_seconds_left", "log_age_seconds", "silent",
             "has_checkpoint"}: the last line of each running job's log; epochs that are done
stopped      list of {"rule", "name", "log", "message", "log_age_seconds", "has_checkpoint"}
failed       the same
unreadable   list of {"file", "reason"}: files that are there and are none of the pipeline's
left         the time left, see `mimic.status.remaining.time_left`
===========  =======================================================================================

A search: "name", "family", "budget", "hard_label" (null for teachers), "trials" (the keys of ``jobs``, and
"diverged" and "unreadable", which are among those done), "round" (the first with trials left, from 1; null
where none is), "rounds", "best" ({"trial", "validation_accuracy", "test_accuracy"} of the best on validation,
or null; test accuracy chooses nothing), "seconds_per_trial" (mean, or null).

What a job's state means: `mimic.status.states`.
"""

import time

from mimic.cli import InputError
from mimic.ensemble.store import read_members
from mimic.shared.places import Unpacked
from mimic.status import papers
from mimic.status.jobs import STEPS, plan_of
from mimic.status.logs import printable, read_log
from mimic.status.remaining import Work, parallel_jobs, time_left
from mimic.status.runs import read_run
from mimic.status.states import STATES, Files, standing_of
from mimic.status.trials import Results

FORMAT = "mimic.status/1"
#: Without a line for so long, and for so many times as long as its lines took, a job is called silent.
SILENT_SECONDS, SILENT_STEPS = 300.0, 3.0
#: Rules beside the trainings whose logs say how long they take.
TIMED_RULES = {
    "generate_epochs": "epochs",
    "record_logits": "logits",
    "train_group": "shallow",
    "train_vanilla": "win",
    "train_kd": "win",
    "train_wide": "win",
    "imitate_block": "win",
    "finetune": "win",
}


class Reader:
    """Looks at a run again and again; what has not changed is not read again.

    Parameters
    ----------
    config : mimic.config.whole.Config
    directory : path
        Where Snakemake works.
    """

    def __init__(self, config, directory="."):
        self.config, self.directory = config, directory
        self.results = Results()
        self._seconds_of_logs = {}

    def read(self, now=None):
        """Where the run stands; see the module's docstring.

        Parameters
        ----------
        now : float, optional
            Seconds since 1970.

        Returns
        -------
        dict
        """
        now = time.time() if now is None else now
        out = self.config.output
        run = read_run(self.directory, out)
        files = Files(self.directory)
        is_shared = self.config.shared.pack is not None or files.has(str(Unpacked.in_results(out).marker))
        unreadable = []
        first = plan_of(self.config, is_shared, self._members(files, is_shared, unreadable))
        plan = papers.with_papers(first, self.config, files)
        standings = {job: standing_of(job, files, run, now) for job in plan.jobs}
        found = {search.name: self._results(search, standings, files, unreadable) for search in plan.searches}
        searches = [_search(search, standings, *found[search.name]) for search in plan.searches]
        return {
            "format": FORMAT,
            "output": out,
            "time": now,
            "shared": is_shared,
            "run": {"locked_since": run.locked_since},
            "jobs": _counts(standings.values()),
            "steps": _steps(standings),
            "teachers": next((search for search in searches if search["hard_label"] is None), None),
            "studies": [search for search in searches if search["hard_label"] is not None],
            "running": [
                _running(job, standing, now)
                for job, standing in standings.items()
                if standing.state == "running"
            ],
            "stopped": _ended(standings, "stopped", now),
            "failed": _ended(standings, "failed", now),
            "unreadable": unreadable,
            "left": self._left(plan, standings, found, files, run, now),
        }

    def _members(self, files, is_shared, unreadable):
        path = f"{self.config.output}/ensemble/members.json"
        if is_shared or not files.has(path):
            return None
        try:
            return read_members(files.path(path))
        except (InputError, OSError, RecursionError) as error:
            unreadable.append(_unreadable(path, files, error))
            return None

    def _results(self, search, standings, files, unreadable):
        """Results of a search's done trials, and how many of them cannot be read."""
        results, n_bad = [], 0
        for trial, job in enumerate(search.trials):
            if standings[job].state != "done":
                continue
            path = search.metrics(trial)
            try:
                results.append(self.results.read(files.path(path), search.name, trial))
            except InputError as error:
                n_bad += 1
                unreadable.append(_unreadable(path, files, error))
        return results, n_bad

    def _left(self, plan, standings, found, files, run, now):
        works = [_work_of_search(search, standings, found[search.name][0], now) for search in plan.searches]
        for rule, step in TIMED_RULES.items():
            jobs = [job for job in plan.jobs if job.rule == rule]
            works.append(self._work_of_rule(step, jobs, standings, files, now))
        running = [seconds for work in works for seconds, _ in work.running]
        parallel = 0
        if running or run.locked_since:
            results = [result for results, _ in found.values() for result in results]
            parallel = parallel_jobs(results, running, run.locked_since or now, now)
        return time_left(works, parallel)

    def _work_of_rule(self, step, jobs, standings, files, now):
        done = [job for job in jobs if standings[job].state == "done"]
        measured = [seconds for job in done if (seconds := self._seconds_of_done(job, files)) is not None]
        n_left = sum(standings[job].state not in ("done", "running") for job in jobs)
        return Work(step, step, tuple(measured), (n_left,), _seconds_running(jobs, standings, now))

    def _seconds_of_done(self, job, files):
        """How long a job took by its log; None where that is not known."""
        if job.log not in self._seconds_of_logs:
            log = read_log(files.path(job.log)) if files.has(job.log) else None
            self._seconds_of_logs[job.log] = log.seconds if log and log.done == log.total else None
        return self._seconds_of_logs[job.log]


def _unreadable(path, files, error):
    """One line, with the name that the rules give the file."""
    reason = printable(str(getattr(error, "strerror", None) or error)).removeprefix(f"{files.path(path)}: ")
    return {"file": path, "reason": reason}


def _counts(standings):
    counts = {"total": 0, **dict.fromkeys(STATES, 0)}
    for standing in standings:
        counts["total"] += 1
        counts[standing.state] += 1
    return counts


def _steps(standings):
    by_step = {}
    for job, standing in standings.items():
        by_step.setdefault(job.step, []).append(standing)
    return {step: _counts(by_step[step]) for step in (*STEPS, *papers.STEPS) if step in by_step}


def _search(search, standings, results, n_bad):
    counts = _counts(standings[job] for job in search.trials)
    counts["diverged"] = sum(result.diverged for result in results)
    counts["unreadable"] = n_bad
    left = [trial for trial, job in enumerate(search.trials) if standings[job].state != "done"]
    # of equal ones the first, as everywhere
    sound = [result for result in results if not result.diverged]
    best = max(sound, key=lambda result: (result.validation_accuracy, -result.trial), default=None)
    study = search.study
    return {
        "name": search.name,
        "family": study.family if study else "teacher",
        "budget": study.budget_label if study else None,
        "hard_label": study.hard_label if study else None,
        "trials": counts,
        "round": 1 + search.settings.round_of_trial(left[0]) if left else None,
        "rounds": search.settings.n_rounds(),
        "best": best
        and {
            "trial": best.trial,
            "validation_accuracy": best.validation_accuracy,
            "test_accuracy": best.test_accuracy,
        },
        "seconds_per_trial": sum(result.seconds for result in results) / len(results) if results else None,
    }


def _age(log, now):
    """Clocks of a file server and of this machine may differ by a little."""
    return max(0.0, now - log.changed)


def _running(job, standing, now):
    log = standing.log
    age = _age(log, now)
    step_seconds = log.seconds / log.done if log.done and log.seconds is not None else 0.0
    return {
        "rule": job.rule,
        "name": job.name,
        "log": job.log,
        "epoch": log.done,
        "epochs": log.total,
        "validation_accuracy": log.validation_accuracy,
        "images_per_second": log.images_per_second,
        "seconds": log.seconds,
        "at_most_seconds_left": log.at_most_seconds_left,
        "log_age_seconds": age,
        "silent": age > max(SILENT_SECONDS, SILENT_STEPS * step_seconds),
        "has_checkpoint": standing.has_checkpoint,
    }


def _ended(standings, state, now):
    return [
        {
            "rule": job.rule,
            "name": job.name,
            "log": job.log,
            "message": standing.message,
            "log_age_seconds": _age(standing.log, now),
            "has_checkpoint": standing.has_checkpoint,
        }
        for job, standing in standings.items()
        if standing.state == state
    ]


def _seconds_running(jobs, standings, now):
    """Of each that runs: seconds of its process so far, and at most left, by the last line of its log."""
    found = []
    for job in jobs:
        if standings[job].state == "running":
            log = standings[job].log
            age, left = _age(log, now), log.at_most_seconds_left
            found.append(((log.seconds or 0.0) + age, None if left is None else max(0.0, left - age)))
    return tuple(found)


def _work_of_search(search, standings, results, now):
    first = len(search.trials)
    rounds = [0] * search.settings.n_rounds()
    for trial, job in enumerate(search.trials):
        if standings[job].state == "done":
            continue
        first = min(first, trial)
        if standings[job].state != "running":
            rounds[search.settings.round_of_trial(trial)] += 1
    at = search.settings.round_of_trial(first) if first < len(search.trials) else len(rounds)
    study = search.study
    return Work(
        "students" if study else "teachers",
        study.family if study else "teacher",
        tuple(result.seconds for result in results),
        tuple(rounds[at:]),
        _seconds_running(search.trials, standings, now),
        follows=bool(study) and not study.hard_label,
    )
