import hypothesis
import pytest
from hypothesis import strategies

from mimic.status.remaining import Work, parallel_jobs, time_left
from mimic.status.trials import Result


def work(step="students", measured=(10.0,), rounds=(), running=(), group="cnn2", follows=None):
    follows = step == "students" if follows is None else follows
    return Work(step, group, measured, rounds, running, follows)


def left(*works, parallel=2):
    answer = time_left(list(works), parallel)
    return answer["bound"], answer["seconds"]


def test_one_round_is_shared_by_those_that_run_side_by_side():
    assert left(work(rounds=(8,))) == ("about", 40.0)
    assert left(work(rounds=(8,)), parallel=4) == ("about", 20.0)


def test_rounds_wait_for_each_other_and_make_the_time_a_lower_bound():
    # three rounds of one trial: no number of places makes them shorter
    assert left(work(rounds=(1, 1, 1)), parallel=8) == ("at least", 30.0)


def test_studies_go_side_by_side():
    assert left(work(rounds=(1, 1)), work(rounds=(1, 1)), parallel=2) == ("at least", 20.0)
    assert left(work(rounds=(1, 1)), work(rounds=(1, 1)), parallel=1) == ("at least", 40.0)


def test_teachers_and_logits_come_before_the_students_that_mimic_them():
    teachers = work("teachers", (100.0,), (2,), group="teacher")
    logits = work("logits", (7.0,), (4,), group="logits")
    mimics, hard = work(rounds=(2,)), work(rounds=(2,), follows=False)
    assert left(teachers, logits, mimics, parallel=4) == ("at least", 100.0 + 7.0 + 10.0)
    assert left(teachers, logits, hard, parallel=4) == ("at least", 100.0 + 7.0)


def test_what_a_running_job_has_done_counts():
    assert left(work(running=((4.0, None),))) == ("about", 6.0)
    assert left(work(running=((4.0, 2.5),))) == ("about", 2.5)
    assert left(work(running=((14.0, 25.0),))) == ("about", 0.0)


def test_a_study_without_a_trial_borrows_from_its_family_first():
    own = work(measured=(10.0,), group="cnn2")
    other = work(measured=(50.0,), group="mlp1")
    new = work(measured=(), rounds=(4,), group="cnn2")
    answer = time_left([own, other, new], 1)
    assert (answer["seconds"], answer["borrowed"]) == (40.0, 1)
    answer = time_left([own, other, work(measured=(), rounds=(4,), group="cnn4")], 1)
    assert (answer["seconds"], answer["borrowed"]) == (120.0, 1)


def test_no_time_where_no_training_was_measured():
    answer = time_left([work(measured=(), rounds=(4,)), work("epochs", (1.0,), (3,), group="epochs")], 2)
    assert (answer["seconds"], answer["bound"], answer["work_seconds"]) == (None, None, None)
    assert answer["unmeasured"] == ["students"]


def test_steps_without_a_time_make_it_a_lower_bound_and_are_named():
    answer = time_left([work("teachers", (10.0,), (2,), group="t"), work(measured=(), rounds=(4,))], 2)
    assert (answer["bound"], answer["seconds"], answer["unmeasured"]) == ("at least", 10.0, ["students"])


def test_without_a_run_the_work_is_known_and_its_end_is_not():
    answer = time_left([work(rounds=(3,))], 0)
    assert (answer["work_seconds"], answer["seconds"], answer["bound"]) == (30.0, None, None)


def test_nothing_left_takes_no_time():
    assert left(work()) == ("about", 0.0)


works = strategies.builds(
    work,
    step=strategies.sampled_from(["teachers", "logits", "students"]),
    measured=strategies.lists(strategies.floats(1, 100), max_size=3).map(tuple),
    rounds=strategies.lists(strategies.integers(0, 5), max_size=4).map(tuple),
    running=strategies.lists(
        strategies.tuples(strategies.floats(0, 200), strategies.none() | strategies.floats(0, 200)),
        max_size=3,
    ).map(tuple),
    group=strategies.sampled_from("ab"),
)


@hypothesis.given(strategies.lists(works, max_size=6), strategies.integers(1, 20))
def test_more_places_never_take_longer_and_never_beat_the_work(items, parallel):
    narrow, wide = time_left(items, parallel), time_left(items, parallel + 1)
    assert (narrow["seconds"] is None) == (narrow["work_seconds"] is None)
    if narrow["seconds"] is not None:
        assert wide["seconds"] <= narrow["seconds"] * (1 + 1e-9)
        assert narrow["seconds"] >= narrow["work_seconds"] / parallel * (1 - 1e-9)


def result(start, end):
    return Result(0, False, 0.5, 0.5, end - start, end)


@pytest.mark.parametrize(
    ("spans", "running", "expected"),
    [
        ([], [], 0),
        ([], [5.0, 3.0], 2),
        ([(0, 50), (50, 100)], [], 1),
        ([(0, 60), (50, 100), (55, 70)], [], 3),
        ([(0, 60), (50, 100), (55, 70)], [10.0], 3),
        ([(0, 60)], [50.0, 50.0], 3),
    ],
)
def test_parallel_jobs_are_the_most_that_were_there_at_once(spans, running, expected):
    assert parallel_jobs([result(*span) for span in spans], running, 0.0, 100.0) == expected


def test_what_an_earlier_run_did_side_by_side_does_not_count():
    spans = [result(0, 10), result(0, 10), result(20, 30)]
    assert parallel_jobs(spans, [], 15.0, 100.0) == 1
    assert parallel_jobs(spans, [], 0.0, 100.0) == 2
    assert parallel_jobs(spans, [], 0.0, 3700.0) == 0
