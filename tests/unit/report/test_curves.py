"""The numbers behind the figures, by hand."""

import math

import pytest

from mimic.report.curves import figure1_numbers, figure2_numbers
from mimic.report.members import read_ensemble
from mimic.report.trials import read_studies, read_teachers


@pytest.fixture
def study(a_trial, write_study):
    """A study from (validation, test) accuracies; None is a diverged trial."""

    def make(family, budget, *accuracies, loss="logit_l2"):
        trials = []
        for trial, pair in enumerate(accuracies):
            changes = {"status": "diverged"}
            if pair is not None:
                changes = {"validation_accuracy": pair[0], "test_accuracy": pair[1]}
            trials.append(a_trial(trial, family=family, budget=budget, loss=loss, **changes))
        return write_study(*trials)

    return make


@pytest.fixture
def numbers(a_teacher, write_study, write_ensemble):
    def make(students, hard=()):
        pair = [a_teacher(0, test_accuracy=0.7), a_teacher(1, validation_accuracy=0.8, test_accuracy=0.6)]
        teachers = read_teachers(write_study(*pair))
        return figure1_numbers(
            read_studies(students, "logit_l2", "students"),
            read_studies(hard, "cross_entropy", "hard-label nets"),
            teachers,
            read_ensemble(write_ensemble([0, 1]), teachers),
        )

    return make


def row_of(frame, series, **where):
    chosen = frame[frame["series"] == series]
    for key, value in where.items():
        chosen = chosen[chosen[key] == value]
    assert len(chosen) == 1
    return chosen.iloc[0]


def test_mean_best_and_fifth_are_of_the_five_best_on_validation(study, numbers):
    accuracies = [(0.1, 0.99), (0.6, 0.5), (0.5, 0.4), None, (0.4, 0.7), (0.3, 0.2), (0.2, 0.3)]
    row = row_of(numbers([study("cnn2", "1M", *accuracies)]), "student")
    assert (row["n_trials"], row["n_best"], row["n_parameters"]) == (7, 5, 1_000_000)
    # tests 50, 40, 70, 20, 30 in the order of validation; 99 is sixth and out
    assert (row["mean_pct"], row["best_pct"], row["fifth_pct"]) == (42.0, 50.0, 30.0)


def test_a_study_with_fewer_than_five_finished_trials_says_so(study, numbers):
    frame = numbers([study("cnn2", "1M", (0.3, 0.3), None, (0.4, 0.4)), study("mlp1", "1M", None)])
    row = row_of(frame, "student", family="cnn2")
    assert (row["n_best"], row["mean_pct"], row["best_pct"], row["fifth_pct"]) == (2, 35.0, 40.0, 30.0)
    row = row_of(frame, "student", family="mlp1")
    assert row["n_best"] == 0
    assert math.isnan(row["mean_pct"])
    assert math.isnan(row["best_pct"])


def test_the_best_teacher_is_chosen_on_validation(study, numbers):
    frame = numbers([study("cnn2", "1M", (0.3, 0.3))])
    assert row_of(frame, "teacher")["best_pct"] == 60.0
    assert row_of(frame, "ensemble")["best_pct"] == 93.8


def test_the_convolutional_gap_is_the_shallowest_cnn_over_the_best_mlp_at_the_largest_shared_budget(
    study, numbers
):
    frame = numbers(
        [
            study("cnn1", "1M", (0.5, 0.5)),
            study("cnn1", "10M", (0.5, 0.8)),
            study("cnn2", "10M", (0.5, 0.9)),
            study("mlp1", "10M", (0.5, 0.55)),
            study("mlp3", "10M", (0.5, 0.65)),
            study("mlp4", "10M", None),
            study("cnn1", "31.6M", (0.5, 0.9)),
            study("mlp3", "31.6M", None),
        ]
    )
    gap = row_of(frame, "convolutional_gap")
    assert gap["gap_points"] == 15.0
    assert gap["gap_from"] == "3 hidden layers"
    assert (gap["family"], gap["budget"]) == ("cnn1", "10M")
    assert "compression_gap" not in set(frame["series"])


def test_the_compression_gap_is_one_family_with_and_without_compression(study, numbers):
    frame = numbers(
        [study("cnn2", "10M", (0.5, 0.8)), study("cnn1", "1M", (0.5, 0.7)), study("cnn3", "10M", None)],
        [
            study("cnn2", "10M", (0.5, 0.77), (0.4, 0.99), loss="cross_entropy"),
            study("cnn1", "10M", (0.5, 0.6), loss="cross_entropy"),
            study("cnn3", "10M", (0.5, 0.6), loss="cross_entropy"),
        ],
    )
    gap = row_of(frame, "compression_gap")
    assert gap["gap_points"] == 3.0
    assert (gap["family"], gap["gap_from"], gap["budget"]) == ("cnn2", "2 conv. layer", "10M")
    assert "convolutional_gap" not in set(frame["series"])


def test_figure_2_holds_the_best_trial_at_every_budget_in_ascending_order(study):
    budgets = ["100M", "316k", "10M"]
    paths = [study("cnn2", budget, (0.5, 0.1), (0.6, i / 10)) for i, budget in enumerate(budgets)]
    frame = figure2_numbers(read_studies(paths, "logit_l2", "students"))
    assert list(frame["budget"]) == ["316k", "10M", "100M"]
    assert list(frame["n_parameters"]) == [316_000, 10_000_000, 100_000_000]
    assert list(frame["best_pct"]) == [10.0, 20.0, 0.0]
