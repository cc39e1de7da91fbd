import random
import subprocess
import sys

import optuna
import pytest

from mimic.cli import InputError
from mimic.search.propose import propose, sobol_points
from mimic.search.rounds import FinishedTrial
from mimic.search.space import Dimension

SPACE = [
    Dimension("rate", 0.001, 0.1, log=True),
    Dimension("momentum", 0.5, 0.9),
    Dimension("units", 8, 64, integer=True),
]
FIXED = [*SPACE, Dimension("fixed", 0.3, 0.3), Dimension("fixed_log", 0.0013, 0.0013, log=True)]


def objective(point):
    """Best at rate 0.02, momentum 0.8, 40 units; about 1 there."""
    return 1 - abs(point["momentum"] - 0.8) - abs(point["units"] - 40) / 60 - abs(point["rate"] - 0.02) * 5


def history(space=SPACE, n=6, diverged=()):
    points = sobol_points(space, n, 3)
    return [FinishedTrial(i, p, None if i in diverged else objective(p)) for i, p in enumerate(points)]


def inside(space, points):
    for point in points:
        assert list(point) == [d.name for d in space]
        for dimension in space:
            value = point[dimension.name]
            assert dimension.low <= value <= dimension.high
            assert isinstance(value, int) == dimension.integer


@pytest.fixture(scope="module")
def batch():
    return propose(FIXED, 4, history(FIXED), 1, "a", 1)


def test_a_batch_lies_inside_the_space_and_repeats_nothing(batch):
    inside(FIXED, batch)
    assert len({tuple(point.values()) for point in batch}) == 4
    seen = {tuple(trial.hyperparameters.values()) for trial in history(FIXED)}
    assert not seen & {tuple(point.values()) for point in batch}


def test_the_order_in_which_trials_finished_does_not_matter(batch):
    shuffled = history(FIXED)
    random.Random(5).shuffle(shuffled)
    assert shuffled != history(FIXED)
    assert propose(FIXED, 4, shuffled, 1, "a", 1) == batch


def test_another_seed_study_or_round_proposes_something_else(batch):
    others = [propose(FIXED, 4, history(FIXED), *args) for args in ((2, "a", 1), (1, "a", 2), (1, "b", 1))]
    assert all(other != batch for other in others)
    first = {name: propose(SPACE, 4, [], 1, name, 0)[0]["rate"] for name in ("cnn1-1M", "cnn2-1M")}
    assert first["cnn1-1M"] != first["cnn2-1M"]


PROGRAM = """
from mimic.search.propose import propose, sobol_points
from mimic.search.rounds import FinishedTrial
from mimic.search.space import Dimension
space = [Dimension("a", 0.001, 0.1, log=True), Dimension("n", 8, 64, integer=True)]
points = sobol_points(space, 5, 3)
finished = [FinishedTrial(i, p, p["n"] / 64) for i, p in enumerate(points)]
answer = points, propose(space, 2, [], 1, "a", 0), propose(space, 2, finished, 1, "a", 1)
"""


def test_a_fresh_process_gives_the_same_points():
    here = {}
    exec(PROGRAM, here)
    command = [sys.executable, "-c", PROGRAM + "print(answer)"]
    there = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100).stdout
    assert there.strip() == repr(here["answer"])


def test_sobol_points_lie_inside_and_go_on_where_they_stopped():
    points = sobol_points(FIXED, 16, 7)
    inside(FIXED, points)
    assert sobol_points(FIXED, 5, 7) == points[:5]
    assert sobol_points(FIXED, 11, 7, skip=5) == points[5:]
    # sixteen points of a scrambled sequence: one in each sixteenth of each axis
    sixteenths = {int((point["momentum"] - 0.5) / 0.4 * 16) for point in points}
    assert sixteenths == set(range(16))


def test_a_single_point_is_a_round():
    proposals = propose(SPACE, 1, [], 3, "a", 0)
    assert len(proposals) == 1
    inside(SPACE, proposals)


def test_the_first_round_is_the_sobol_sequence():
    first = propose(SPACE, 6, [], 1, "a", 0)
    assert len({tuple(point.values()) for point in first}) == 6
    assert propose(SPACE, 4, [], 1, "a", 0) == first[:4]


@pytest.mark.parametrize("diverged", [(), range(6)])
def test_the_first_proposals_of_a_round_do_not_depend_on_how_many_follow(diverged):
    finished = history(diverged=diverged)
    whole = propose(SPACE, 4, finished, 1, "a", 1)
    for n in (1, 3):
        assert propose(SPACE, n, finished, 1, "a", 1) == whole[:n]


def test_diverged_trials_are_accepted():
    """Half of the space diverges: the next batch mostly stays out of it."""
    finished = [
        FinishedTrial(i, p, None if p["momentum"] > 0.7 else objective(p))
        for i, p in enumerate(sobol_points(SPACE, 12, 3))
    ]
    assert 3 < sum(trial.objective is None for trial in finished) < 9
    batch = propose(SPACE, 4, finished, 1, "a", 1)
    inside(SPACE, batch)


def test_a_diverged_trial_counts_as_the_worst_finished_one(monkeypatch):
    """What the model sees: the objectives, in the order of the trials; the diverged one is the worst."""
    added = []
    add_trial = optuna.study.Study.add_trial

    def record(study, trial):
        added.append((study.direction.name, trial.params, trial.value))
        add_trial(study, trial)

    monkeypatch.setattr(optuna.study.Study, "add_trial", record)
    points = sobol_points(SPACE, 5, 3)
    objectives = [0.4, None, 0.9, 0.2, None]
    finished = [
        FinishedTrial(i, p, value) for i, (p, value) in enumerate(zip(points, objectives, strict=True))
    ]
    propose(SPACE, 1, finished[::-1], 1, "a", 1)
    values = [0.4, 0.2, 0.9, 0.2, 0.2]
    assert added == [("MAXIMIZE", p, value) for p, value in zip(points, values, strict=True)]


def test_where_all_diverged_the_sequence_goes_on_without_repeating():
    first = propose(SPACE, 4, [], 1, "a", 0)
    finished = [FinishedTrial(i, point, None) for i, point in enumerate(first)]
    second = propose(SPACE, 3, finished, 1, "a", 1)
    assert first + second == propose(SPACE, 7, [], 1, "a", 0)
    finished += [FinishedTrial(4 + i, point, None) for i, point in enumerate(second)]
    third = propose(SPACE, 3, finished, 1, "a", 2)
    assert first + second + third == propose(SPACE, 10, [], 1, "a", 0)


def test_one_finished_trial_is_enough_to_go_on():
    proposals = propose(SPACE, 2, history(n=1), 1, "a", 1)
    assert len(proposals) == 2
    inside(SPACE, proposals)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rate", 0.2, r"trial 2: expected rate in \[0.001, 0.1\], got 0.2"),
        ("units", 9.5, r"trial 2: expected units in \[8, 64\], got 9.5"),
        ("units", "12", "trial 2: expected units"),
        ("momentum", float("nan"), "trial 2: expected momentum"),
        ("momentum", None, "trial 2: expected momentum"),
    ],
)
def test_a_trial_of_another_space_is_refused(name, value, expected):
    finished = history()
    finished[2].hyperparameters[name] = value
    with pytest.raises(InputError, match=expected):
        propose(SPACE, 2, finished, 1, "a", 1)
    del finished[2].hyperparameters[name]
    with pytest.raises(InputError, match=f"trial 2: expected {name}"):
        propose(SPACE, 2, finished, 1, "a", 1)


def test_a_trial_given_twice_is_refused():
    with pytest.raises(InputError, match="trial 3 comes twice"):
        propose(SPACE, 2, [*history(), history()[3]], 1, "a", 1)


def test_later_rounds_do_better_than_the_first():
    """Three seeds: the model's batches come closer to the best value, 1, than the Sobol round did."""
    for seed in (1, 2, 3):
        finished = []
        for round_index, n in enumerate((6, 3, 3, 3)):
            for point in propose(SPACE, n, finished, seed, "quadratic", round_index):
                finished.append(FinishedTrial(len(finished), point, objective(point)))
        best_first = max(trial.objective for trial in finished[:6])
        best_later = max(trial.objective for trial in finished[6:])
        assert best_later > best_first
