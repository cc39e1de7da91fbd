"""What holds for any run on any cluster: bounds, each job once, the same seed the same run."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from tests.clusters import NO_OVERHEAD

from mimic.rehearsal.cluster import ClusterSettings
from mimic.rehearsal.jobs import Cost, Job, longest_path
from mimic.rehearsal.simulate import simulate

TROUBLE = {"failures_per_gpu_hour": 40, "preemptions_per_gpu_hour": 60, "retries": 1000}
SECONDS = st.integers(1, 200).map(float)


@st.composite
def plans(draw, dependent=True):
    """Jobs of which each needs some of those before it, and their seconds."""
    seconds = draw(st.lists(SECONDS, min_size=1, max_size=12))
    jobs = []
    for place in range(len(seconds)):
        needs = draw(st.sets(st.integers(0, place - 1))) if dependent and place else ()
        jobs.append(Job("train_student", number=place, needs=tuple(sorted(needs))))
    return jobs, seconds


def run(plan, n_gpus, seed=0, **changes):
    jobs, seconds = plan
    cluster = ClusterSettings(**NO_OVERHEAD | changes)
    return simulate(jobs, [Cost(0.0, s) for s in seconds], [True] * len(jobs), cluster, n_gpus, seed)


def longest_chain(jobs, seconds):
    """By trying all chains: the oracle of `longest_path`."""

    def until(place):
        return seconds[place] + max((until(need) for need in jobs[place].needs), default=0)

    return max(until(place) for place in range(len(jobs)))


def check_order(jobs, out):
    """Each job starts after all that it needs; no GPU has two at once."""
    for place, job in enumerate(jobs):
        assert all(out.ended[need] <= out.started[place] for need in job.needs)
    for _, spans in itertools.groupby(sorted(out.spans), key=lambda span: span[0]):
        spans = list(spans)
        assert all(a[2] <= b[1] for a, b in itertools.pairwise(spans))


@given(plans(), st.integers(1, 5))
def test_time_lies_between_the_bounds_and_each_job_runs_once(plan, n_gpus):
    jobs, seconds = plan
    out = run(plan, n_gpus)
    chain, work = longest_chain(jobs, seconds), sum(seconds)
    assert longest_path(jobs, seconds) == chain
    assert out.makespan >= max(work / n_gpus, chain) - 1e-9
    # Graham, 1966: whoever is ready runs as soon as there is a GPU
    assert out.makespan <= work / n_gpus + chain * (1 - 1 / n_gpus) + 1e-6
    assert sorted(job for *_, job in out.spans) == list(range(len(jobs)))
    check_order(jobs, out)


@given(plans())
def test_with_a_gpu_a_job_the_longest_chain_remains(plan):
    assert run(plan, len(plan[0])).makespan == longest_chain(*plan)


@given(plans(dependent=False), st.integers(1, 5))
def test_more_gpus_are_never_slower_for_jobs_that_wait_for_none(plan, n_gpus):
    assert run(plan, n_gpus + 1).makespan <= run(plan, n_gpus).makespan


@given(plans(), st.integers(1, 4), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_run_whatever_goes_wrong(plan, n_gpus, seed):
    changes = {**TROUBLE, "init_seconds": 8, "queue": {"median": 5, "spread": 1}}
    assert run(plan, n_gpus, seed, **changes) == run(plan, n_gpus, seed, **changes)


@given(plans(), st.integers(1, 4), st.integers(0, 2**32), st.sampled_from([[1], [1, 1.3]]))
def test_failures_and_preemption_leave_all_work_done_once(plan, n_gpus, seed, slowdown):
    jobs, seconds = plan
    out = run(plan, n_gpus, seed, **TROUBLE, slowdown=slowdown, start_seconds=3)
    assert abs(out.work - sum(seconds)) < 1e-6
    assert len(out.spans) == len(jobs) + out.failures + out.preemptions
    assert out.failed == out.not_run == []
    held = sum(end - start for _, start, end, _ in out.spans)
    assert held >= out.work + out.starts + out.lost - 1e-6  # as much where GPUs are not shared
    if slowdown == [1]:
        assert abs(held - out.work - out.starts - out.lost) < 1e-6
        check_order(jobs, out)


@given(plans(), st.integers(1, 4), st.integers(1, 60).map(float))
def test_each_overhead_takes_time_and_polls_are_on_the_grid(plan, n_gpus, init):
    jobs, seconds = plan
    out = run(plan, n_gpus, init_seconds=init, poll_step_seconds=0)
    assert out.makespan >= max(longest_chain(jobs, seconds), sum(seconds) / n_gpus) - 1e-9
    for ended, waited in zip(sorted(out.ended), out.unseen, strict=True):
        assert 0 <= waited <= init + 1e-9
        assert abs((ended + waited) / init - round((ended + waited) / init)) < 1e-6
