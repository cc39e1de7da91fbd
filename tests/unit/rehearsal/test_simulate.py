"""Cases that a hand can work out: seconds on GPUs, in the queue, until a poll, done again."""

import pytest
from tests.clusters import NO_OVERHEAD

from mimic.cli import InputError
from mimic.rehearsal import simulate as module
from mimic.rehearsal.cluster import ClusterSettings
from mimic.rehearsal.jobs import Cost, Job
from mimic.rehearsal.simulate import simulate


def run(seconds, n_gpus, needs=None, rules=None, **changes):
    """Outcome of jobs with these seconds of work; rule ``light`` runs beside Snakemake."""
    needs, rules = needs or {}, rules or ["train_student"] * len(seconds)
    jobs = [Job(rule, number=i, needs=tuple(needs.get(i, ()))) for i, rule in enumerate(rules)]
    cluster = ClusterSettings(**NO_OVERHEAD | changes)
    costs = [Cost(0.0, float(value)) for value in seconds]
    return simulate(jobs, costs, [rule != "light" for rule in rules], cluster, n_gpus, 0)


@pytest.fixture
def luck(monkeypatch):
    """Function that sets the seconds until a job is hit, by attempt; later attempts never are."""

    def set_luck(*by_attempt):
        def luck_of(self, kind, job):
            attempt = self.attempts[job] - 1
            return by_attempt[attempt] if attempt < len(by_attempt) else float("inf")

        monkeypatch.setattr(module._Run, "luck_of", luck_of)

    return set_luck


def test_one_gpu_takes_the_sum_of_work_and_starts():
    out = run([10, 20, 30], 1, start_seconds=5)
    assert out.makespan == 3 * 5 + 60
    assert (out.work, out.starts, out.lost) == (60, 15, 0)
    assert out.queue_waits == [0, 15, 40]


def test_planning_submitting_and_queueing_come_before_the_first_job():
    out = run([10], 1, plan_seconds=2, submit_seconds=1, queue={"median": 3})
    assert out.makespan == 2 + 1 + 3 + 10
    assert out.queue_waits == [4]


def test_rounds_of_unequal_trials_wait_for_the_slowest():
    seconds, rules = [0, 10, 2, 0, 10, 2], ["light", *["train_student"] * 2] * 2
    with_barriers = {1: [0], 2: [0], 3: [1, 2], 4: [3], 5: [3]}
    without = {**with_barriers, 3: []}
    assert run(seconds, 2, with_barriers, rules).makespan == 20
    assert run(seconds, 2, without, rules).makespan == 12  # 10 + 2 beside 2 + 10


@pytest.mark.parametrize(("init", "expected"), [(40, 160), (8, 32)])
def test_three_levels_of_trivial_jobs_take_as_long_as_on_a_real_slurm(init, expected):
    # measured with Slurm 22.05 and its plugin: 160 s at 40, 32 s at 8; the last wait is Snakemake's own
    out = run([1, 1, 1], 4, {1: [0], 2: [1]}, init_seconds=init)
    assert out.makespan == expected
    assert out.finished == expected - init
    assert out.unseen == [init - 1] * 3


def test_polls_in_vain_become_rarer_up_to_a_limit():
    # polls at 40, 90, 150, 220, then every 80
    out = run([301], 1, init_seconds=40, poll_max_seconds=80)
    assert out.finished == 380
    assert out.makespan == 380 + 40


def test_polls_do_not_become_rarer_while_nothing_is_submitted():
    # polls at 40 and 80 have nothing to ask for; the one at 120 sees the job of 100 to 101
    out = run([100, 1], 1, {1: [0]}, ["light", "train_student"], init_seconds=40)
    assert out.finished == 120


def test_a_preempted_job_does_again_what_it_did_since_its_checkpoint(luck):
    luck(55)  # after 10 of its start and 45 of its work, of which 40 are saved
    out = run([100], 1, start_seconds=10, preemptions_per_gpu_hour=3600, requeue_seconds=120)
    assert out.makespan == 55 + 120 + 10 + 60
    assert (out.lost, out.starts, out.work, out.preemptions) == (5, 20, 100, 1)


def test_a_preempted_job_that_may_save_loses_nothing(luck):
    luck(55)
    changes = {"start_seconds": 10, "preemptions_per_gpu_hour": 3600, "saves_when_preempted": True}
    out = run([100], 1, **changes)
    assert out.makespan == 55 + 10 + 55
    assert out.lost == 0


def test_costly_checkpoints_are_rarer(luck):
    luck(55)
    out = run([100], 1, preemptions_per_gpu_hour=3600, save_seconds=0.5)  # one in 50 s
    assert out.lost == 5
    assert out.makespan == 55 + 50


def test_a_failure_is_seen_by_a_poll_and_tried_again_at_the_end_of_the_queue(luck):
    luck(55)
    out = run([100], 1, start_seconds=10, failures_per_gpu_hour=3600, init_seconds=40)
    # polls: 40, 90 (sees the failure, which does not count as finished), 150, 220 (sees the end)
    assert out.ended == [90 + 10 + 60]
    assert (out.finished, out.makespan) == (220, 260)
    assert (out.failures, out.submissions) == (1, 2)


def test_a_job_past_its_time_limit_goes_on_until_its_retries_are_used_up():
    changes = {"start_seconds": 10, "time_limit_seconds": 30}
    out = run([100], 1, retries=4, **changes)  # 20 s of work an attempt
    assert out.makespan == 5 * 30
    assert (out.time_limits, out.lost, out.failed) == (4, 0, [])
    out = run([100, 5, 5, 5], 2, {1: [0], 2: [1]}, retries=3, **changes)
    assert (out.failed, out.not_run) == ([0], [1, 2])
    assert out.ended[3] == 15


def test_a_job_that_is_always_preempted_ends_the_rehearsal_in_one_line(luck):
    luck(*[1] * 2000)
    with pytest.raises(InputError, match="train_student 0: expected an end, found 1000 attempts"):
        run([100], 1, preemptions_per_gpu_hour=3600)


@pytest.mark.parametrize(("seconds", "ends"), [([10, 10], [15, 15]), ([10, 4], [12, 6])])
def test_trials_that_share_a_gpu_slow_each_other_down_while_they_do(seconds, ends):
    out = run(seconds, 1, slowdown=[1, 1.5])
    assert out.ended == pytest.approx(ends)


def test_trials_share_a_gpu_only_where_none_is_free():
    out = run([10, 10, 10], 2, slowdown=[1, 1.5])
    assert {gpu for gpu, *_ in out.spans} == {0, 1}
    assert out.ended == pytest.approx([15, 10, 15])


@pytest.mark.parametrize("changes", [{"jobs": 1}, {"cpus": 3, "cpus_per_job": 2}])
def test_few_jobs_or_processors_leave_gpus_idle(changes):
    assert run([10, 10], 2, **changes).makespan == 20


def test_a_released_gpu_is_given_away_later():
    assert run([10, 10], 1, release_seconds=3).makespan == 23


def test_jobs_of_a_rule_that_are_ready_together_are_one_array():
    rules = ["train_student"] * 5 + ["train_teacher"] * 2
    assert run([1] * 7, 7, rules=rules).submissions == 2
    assert run([1] * 7, 7, rules=rules, array_limit=2).submissions == 3 + 1
    assert run([1] * 7, 7, rules=rules, jobs=1).submissions == 7


def test_light_rules_share_the_cores_beside_snakemake_and_need_no_poll():
    out = run([4, 4, 4], 1, rules=["light"] * 3, local_cores=2)
    assert out.makespan == 8
    assert out.spans == []


def test_too_few_processors_for_a_job_are_refused():
    with pytest.raises(InputError, match="cpus: expected 4 for a job, got 2"):
        run([1], 1, cpus=2, cpus_per_job=4)


def test_another_gpu_may_make_a_run_slower():
    # Graham, Bounds on multiprocessing timing anomalies, 1969: 12 on three machines, 15 on four
    seconds = [3, 2, 2, 2, 4, 4, 4, 4, 9]
    needs = {8: [0], **{job: [3] for job in (4, 5, 6, 7)}}
    assert run(seconds, 3, needs).makespan == 12
    assert run(seconds, 4, needs).makespan == 15
