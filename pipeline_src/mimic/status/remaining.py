"""How long a run will still take, from times that were measured in it.

A search is a chain of rounds, each at least as long as one trial; teachers come before the logits, the logits
before the students that mimic them. With the number of jobs that run side by side, that bounds the time left
from below.
"""

import math
from dataclasses import dataclass

#: The most jobs that ran side by side are looked for in the last hour of the run.
WINDOW_SECONDS = 3600.0
#: Steps that are searched in rounds, and take nearly all of the time.
SEARCHED = ("teachers", "students")


@dataclass(frozen=True)
class Work:
    """What is left of one kind of job.

    Parameters
    ----------
    step : str
    group : str
        Where to borrow a time from if none of its own was measured, such as a family.
    measured : tuple of float
        Seconds of those that are done.
    rounds : tuple of int
        Jobs not begun, by round; later rounds wait for earlier ones.
    running : tuple of (float, float or None)
        Of each that runs: seconds so far, and at most so many left as its own log says.
    follows : bool
        Whether it waits for the teachers and the logits.
    """

    step: str
    group: str
    measured: tuple
    rounds: tuple
    running: tuple
    follows: bool = False


def parallel_jobs(results, running_seconds, since, now):
    """The most trainings that went side by side in the last hour of a run, those that run now included.

    Parameters
    ----------
    results : iterable of mimic.status.trials.Result
    running_seconds : iterable of float
        How long each job that runs has been running.
    since : float
        When the run began, seconds since 1970.
    now : float

    Returns
    -------
    int
        0 where nothing ran.
    """
    first = max(since, now - WINDOW_SECONDS)
    ends = [(result.ended - result.seconds, result.ended) for result in results if result.ended > first]
    ends += [(now - seconds, math.inf) for seconds in running_seconds]
    # one that ends at the instant at which another begins makes room for it
    events = sorted([(max(start, first), 1) for start, _ in ends] + [(end, -1) for _, end in ends])
    most = at_once = 0
    for _, change in events:
        at_once += change
        most = max(most, at_once)
    return most


def time_left(works, parallel):
    """How long it will take, and how that is known.

    Parameters
    ----------
    works : list of Work
    parallel : int
        Jobs side by side; 0 where that is not known.

    Returns
    -------
    dict
        ``seconds`` (None where nothing was measured or `parallel` is 0), ``bound`` (``about``, ``at least``,
        or None without seconds), ``work_seconds`` (one job after another; None where nothing was measured),
        ``parallel``, ``measured`` (step -> mean seconds of its trainings or passes), ``borrowed`` (kinds
        whose time is that of others), ``unmeasured`` (steps without any).
    """
    means, unmeasured = {}, []
    own = [work for work in works if work.measured]
    borrowed = 0
    for place, work in enumerate(works):
        if not _is_left(work):
            continue
        sources = [work] if work.measured else []
        sources = sources or [other for other in own if (other.step, other.group) == (work.step, work.group)]
        sources = sources or [other for other in own if other.step == work.step]
        if not sources:
            unmeasured.append(work.step)
            continue
        borrowed += not work.measured
        means[place] = _mean([seconds for other in sources for seconds in other.measured])
    measured = {}
    for work in own:
        measured.setdefault(work.step, []).extend(work.measured)
    answer = {
        "seconds": None,
        "bound": None,
        "work_seconds": None,
        "parallel": parallel,
        "measured": {step: _mean(seconds) for step, seconds in measured.items()},
        "borrowed": borrowed,
        "unmeasured": list(dict.fromkeys(unmeasured)),
    }
    # seconds of an epochs file say nothing of the hours of training that come after it
    if unmeasured and not any(works[place].step in SEARCHED for place in means):
        return answer
    answer["work_seconds"] = sum(_work(works[place], mean) for place, mean in means.items())
    if parallel:
        answer["seconds"] = _bound(works, means, parallel)
        answer["bound"] = "at least" if unmeasured or _has_barriers(works) else "about"
    return answer


def _is_left(work):
    return bool(work.running) or any(work.rounds)


def _mean(values):
    return sum(values) / len(values)


def _left_of_running(work, mean):
    """Seconds left of each that runs; its own log knows better where it says less."""
    return [
        max(0.0, mean - seconds if left is None else min(mean - seconds, left))
        for seconds, left in work.running
    ]


def _work(work, mean):
    return mean * sum(work.rounds) + sum(_left_of_running(work, mean))


def _chain(work, mean, parallel):
    """Seconds that the rounds take one after another, if all places are theirs."""
    first, *later = work.rounds or (0,)
    running = _left_of_running(work, mean)
    now = max([(mean * first + sum(running)) / parallel, mean if first else 0.0, *running])
    return now + sum(mean * max(1.0, n / parallel) for n in later if n)


def _bound(works, means, parallel):
    chains = {place: _chain(works[place], mean, parallel) for place, mean in means.items()}
    work = {place: _work(works[place], mean) for place, mean in means.items()}
    before = sum(chains[place] for place in means if works[place].step in ("teachers", "logits"))
    after = [place for place in means if works[place].follows]
    last = max((chains[place] for place in after), default=0.0)
    students = max(sum(work[place] for place in after) / parallel, last)
    return max(sum(work.values()) / parallel, before + students, *chains.values(), 0.0)


def _has_barriers(works):
    """Whether places stay empty while a round or step ends, which no sum of work shows."""
    steps = {work.step for work in works if _is_left(work)}
    return len(steps) > 1 or any(any(work.rounds[1:]) for work in works)
