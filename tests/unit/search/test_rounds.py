import json

import pytest
from tests.sealed_files import write_foreign_json

from mimic.cli import InputError
from mimic.search.rounds import FinishedTrial, read_finished, read_proposal, write_proposals


def metrics(tmp_path, **changes):
    values = {
        "format": "mimic.trial",
        "status": "finished",
        "trial": 3,
        "hyperparameters": {"a": 0.5},
        "validation_accuracy": 0.75,
    }
    path = tmp_path / "metrics.json"
    write_foreign_json(path, {k: v for k, v in (values | changes).items() if v != "missing"})
    return path


def test_finished_trials_are_read_in_the_order_given(tmp_path):
    assert read_finished([metrics(tmp_path)]) == [FinishedTrial(3, {"a": 0.5}, 0.75)]
    assert read_finished([]) == []


def test_a_diverged_trial_has_no_objective(tmp_path):
    path = metrics(tmp_path, status="diverged", validation_accuracy=None)
    assert read_finished([path]) == [FinishedTrial(3, {"a": 0.5}, None)]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "mimic.ensemble"},
        {"status": "missing"},
        {"status": "running"},
        {"trial": "missing"},
        {"trial": "three"},
        {"trial": None},
        {"hyperparameters": "missing"},
        {"hyperparameters": [1, 2]},
        {"hyperparameters": None},
        {"validation_accuracy": "missing"},
        {"validation_accuracy": "0.5"},
        {"validation_accuracy": None},
        {"validation_accuracy": float("nan")},
    ],
)
def test_a_file_that_is_no_trial_is_refused_by_name(tmp_path, changes):
    path = metrics(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        read_finished([path])
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)


def test_a_round_survives_its_file(tmp_path):
    path = tmp_path / "round-01" / "proposals.json"
    write_proposals(path, "cnn2-10M", 1, range(4, 6), [{"a": 0.1}, {"a": 1 / 3}], note="tabled")
    assert read_proposal(path, 5) == ({"a": 1 / 3}, 1)
    assert read_proposal(path, 4) == ({"a": 0.1}, 1)
    value = json.loads(path.read_text())
    assert value["study"] == "cnn2-10M"
    assert value["note"] == "tabled"


def test_a_round_with_a_proposal_too_few_is_refused(tmp_path):
    with pytest.raises(ValueError, match="zip"):
        write_proposals(tmp_path / "p.json", "cnn2-10M", 1, range(3), [{"a": 1}])


def test_a_trial_that_a_round_does_not_propose_is_refused(tmp_path):
    path = tmp_path / "proposals.json"
    write_proposals(path, "teachers", 0, range(2), [{"a": 1}, {"a": 2}])
    with pytest.raises(InputError, match=r"proposals.json: proposes no trial 2"):
        read_proposal(path, 2)


@pytest.mark.parametrize(
    "value",
    [
        {"format": "mimic.proposals"},
        {"format": "mimic.proposals", "proposals": 3},
        {"format": "mimic.proposals", "proposals": [3]},
        {"format": "mimic.proposals", "proposals": [{"trial": 0}], "round": 0},
        {"format": "mimic.proposals", "proposals": [{"trial": 0, "hyperparameters": {}}]},
        {"format": "mimic.trial"},
    ],
)
def test_a_file_that_is_no_round_is_refused_by_name(tmp_path, value):
    path = tmp_path / "proposals.json"
    write_foreign_json(path, value)
    with pytest.raises(InputError, match=r"proposals.json: "):
        read_proposal(path, 0)


@pytest.mark.parametrize(
    ("study", "names", "said"),
    [
        ("cnn2-10M-hard", ["a"], "expected proposals of study cnn2-10M-hard, got 'cnn2-10M'"),
        ("cnn2-10M", ["a", "b"], "expected hyperparameters"),
        ("cnn2-10M", ["b"], "expected hyperparameters"),
    ],
)
def test_proposals_of_another_study_are_refused(tmp_path, study, names, said):
    path = tmp_path / "proposals.json"
    write_proposals(path, "cnn2-10M", 0, [0], [{"a": 0.5}])
    assert read_proposal(path, 0, "cnn2-10M", ["a"]) == ({"a": 0.5}, 0)
    with pytest.raises(InputError, match=said):
        read_proposal(path, 0, study, names)


def test_a_hyperparameter_that_is_no_number_is_refused(tmp_path):
    path = tmp_path / "proposals.json"
    write_proposals(path, "cnn2-10M", 0, [0], [{"a": "0.5"}])
    with pytest.raises(InputError, match=r"a: expected a finite number, got '0\.5'"):
        read_proposal(path, 0, "cnn2-10M", ["a"])
