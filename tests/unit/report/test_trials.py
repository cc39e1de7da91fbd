"""Reading trials, and which one is best."""

from pathlib import Path

import pandas as pd
import pytest

from mimic.cli import InputError
from mimic.report.trials import (
    best_trial,
    percent,
    ranked_trials,
    read_metrics,
    read_studies,
    read_teachers,
    read_trials,
    trials_frame,
    write_trials,
)


def test_ties_go_to_lower_validation_loss_then_to_the_lower_trial(a_trial, write_study):
    trials = read_trials(
        write_study(
            a_trial(0, validation_accuracy=0.7, validation_loss=0.1, test_accuracy=0.99),
            a_trial(1, validation_accuracy=0.8, validation_loss=0.5, test_accuracy=0.98),
            a_trial(2, validation_accuracy=0.8, validation_loss=0.4, test_accuracy=0.10),
            a_trial(3, validation_accuracy=0.8, validation_loss=0.4, test_accuracy=0.97),
        )
    )
    assert list(ranked_trials(trials)["trial"]) == [2, 3, 1, 0]
    assert best_trial(trials)["test_accuracy"] == 0.10


def test_a_diverged_trial_is_never_ranked_whatever_it_says(a_trial, write_study):
    trials = read_trials(
        write_study(
            a_trial(0, validation_accuracy=0.2),
            a_trial(1, status="diverged", validation_accuracy=0.9, validation_loss=0.0, test_accuracy=0.9),
        )
    )
    assert list(ranked_trials(trials)["trial"]) == [0]


def test_a_study_without_a_finished_trial_has_no_best(a_trial, write_study):
    assert best_trial(read_trials(write_study(a_trial(status="diverged")))) is None


def test_the_csv_reads_back_as_the_frame_that_was_written(a_trial, tmp_path, write_metrics):
    trials = [
        a_trial(1, seed=2**63 - 1, hyperparameters={"learning_rate": 0.1 + 0.2, "conv1": 7}, seconds=1e-7),
        a_trial(0, status="diverged", best_epoch=None, hyperparameters={"momentum": 1.0, "conv1": 3}),
    ]
    frame = trials_frame([read_metrics(write_metrics(trial)) for trial in trials], "here")
    write_trials(tmp_path / "trials.csv", frame)
    again = read_trials(tmp_path / "trials.csv")
    pd.testing.assert_frame_equal(again, frame)
    assert again.loc[1, "hyperparameter.learning_rate"] == 0.1 + 0.2
    assert type(again.loc[1, "hyperparameter.conv1"]) is int
    assert type(again.loc[0, "hyperparameter.momentum"]) is float
    assert again.loc[0, "best_epoch"] is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "mimic.other"}, "expected format 'mimic.trial', got 'mimic.other'"),
        ({"trial": "3"}, "trial: "),
        ({"trial": True}, "trial: "),
        ({"trial": -1}, "trial: "),
        ({"seed": 2**63}, "seed: "),
        ({"status": "done"}, "status: "),
        ({"family": "mlp9"}, "family: "),
        ({"study": "../../etc"}, "study: "),
        ({"architecture": "60c\n-mp"}, "architecture: "),
        ({"budget": "10 million"}, "expected a budget such as 316k, 3.16M or 10M"),
        ({"budget": None}, "does not go with budget None"),
        ({"validation_accuracy": 93.8}, "validation_accuracy: "),
        ({"validation_accuracy": None}, "a finished trial needs validation_accuracy"),
        ({"test_accuracy": None}, "a finished trial needs test_accuracy"),
        ({"validation_loss": float("nan")}, "validation_loss: "),
        ({"test_accuracy": float("inf")}, "test_accuracy: "),
        ({"hyperparameters": {"learning_rate": "fast"}}, "hyperparameters.learning_rate"),
        ({"hyperparameters": {"a,b": 1.0}}, "hyperparameters.a,b"),
        ({"hyperparameters": []}, "hyperparameters: "),
        ({"n_parameters": 0}, "n_parameters: "),
    ],
)
def test_malformed_metrics_are_refused_in_one_line_that_names_file_and_key(
    a_trial, write_metrics, changes, said
):
    path = write_metrics(a_trial(7) | changes)
    with pytest.raises(InputError) as error:
        read_metrics(path)
    assert str(error.value).startswith(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["study", "trial", "status", "budget", "test_accuracy", "hyperparameters"])
def test_metrics_without_a_key_name_it(a_trial, write_metrics, key):
    values = a_trial(7)
    del values[key]
    with pytest.raises(InputError, match=rf"metrics\.json: {key}: Field required"):
        read_metrics(write_metrics(values))


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"format": ' + "9" * 5000 + "}", "[" * 100_000, "\udc80"], ids=range(6)
)
def test_a_file_that_is_no_json_object_is_refused_in_one_line(tmp_path, text):
    path = tmp_path / "metrics.json"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as error:
        read_metrics(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_trials_of_two_studies_are_no_study(a_trial, write_study):
    with pytest.raises(InputError, match="expected trials of one study, found study 'cnn2-10M'"):
        write_study(a_trial(0), a_trial(1, family="cnn3"))


def test_a_trial_that_comes_twice_is_refused(a_trial, write_study):
    with pytest.raises(InputError, match="trial 4 comes twice"):
        write_study(a_trial(4), a_trial(4))


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (",finished,", ",finishd,", "line 2: status"),
        (",0.25,", ",nan,", "line 2: validation_loss"),
        (",0.25,", ",1_0,", "line 2: validation_loss"),
        (",0.25,", ",", "line 2: expected 19 cells, found 18"),
        ("seed", "sed", "expected the columns of a trials.csv"),
        ("hyperparameter.conv1", "seed", "expected the columns of a trials.csv"),
    ],
)
def test_a_damaged_trials_csv_is_refused_by_line(a_trial, write_study, before, after, said):
    path = write_study(a_trial(0))
    text = Path(path).read_text()
    assert before in text
    Path(path).write_text(text.replace(before, after, 1))
    with pytest.raises(InputError) as error:
        read_trials(path)
    assert str(error.value).startswith(path)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("before", "after"), [(",0.25,", ",0.26,"), (",60,", ",61,"), ("cnn2-10M,1,", "cnn2-10M,3,")]
)
def test_a_number_that_was_changed_is_noticed(a_trial, write_study, before, after):
    path = write_study(a_trial(0, hyperparameters={"conv1": 60}), a_trial(1, hyperparameters={"conv1": 60}))
    text = Path(path).read_text()
    assert before in text
    Path(path).write_text(text.replace(before, after, 1))
    with pytest.raises(InputError, match="was changed after it was written: expected digest"):
        read_trials(path)


def test_a_row_that_was_lost_is_noticed(a_trial, write_study):
    path = write_study(a_trial(0), a_trial(1), a_trial(2))
    lines = Path(path).read_text().splitlines(keepends=True)
    Path(path).write_text("".join(lines[:-1]))
    with pytest.raises(InputError, match="was changed after it was written"):
        read_trials(path)


def test_a_trials_csv_without_trials_is_refused(a_trial, write_study):
    path = write_study(a_trial(0))
    Path(path).write_text(Path(path).read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match="expected at least one trial, found none"):
        read_trials(path)


def test_nets_of_another_kind_are_refused_where_students_are_expected(a_trial, a_teacher, write_study):
    hard = write_study(a_trial(0, loss="cross_entropy"))
    with pytest.raises(InputError, match=r"expected students \(loss logit_l2\), found study cnn2-10M-hard"):
        read_studies([hard], "logit_l2", "students")
    with pytest.raises(InputError, match=r"expected hard nets \(loss cross_entropy\), found study teachers"):
        read_studies([write_study(a_teacher(0))], "cross_entropy", "hard nets")
    with pytest.raises(InputError, match="expected teachers, found study cnn2-10M-hard"):
        read_teachers(hard)
    with pytest.raises(InputError, match="only CNNs on hard labels, found mlp2"):
        read_studies([write_study(a_trial(0, family="mlp2", loss="cross_entropy"))], "cross_entropy", "nets")


def test_two_studies_of_one_cell_are_refused(a_trial, write_study):
    paths = [write_study(a_trial(0)), write_study(a_trial(0, study="again"))]
    with pytest.raises(InputError, match="a second study of cnn2 at 10M"):
        read_studies(paths, "logit_l2", "students")


def test_percent_has_the_two_decimals_of_the_paper():
    assert percent(0.9175) == 91.75
    assert percent(1 / 3) == 33.33
    assert percent(1) == 100.0
