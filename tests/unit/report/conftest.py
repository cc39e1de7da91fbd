"""Invented trials, written as the ``metrics.json`` files that training leaves."""

import pytest
from tests.sealed_files import write_foreign_json

from mimic.artifact import write_json
from mimic.report import tabulate_trials


def metrics(trial=0, *, family="cnn2", budget="10M", loss="logit_l2", **changes):
    """Metrics of one finished trial; `changes` replace keys."""
    hard = "-hard" if family != "teacher" and loss == "cross_entropy" else ""
    values = {
        "format": "mimic.trial",
        "status": "finished",
        "study": "teachers" if family == "teacher" else f"{family}-{budget}{hard}",
        "trial": trial,
        "round": 0,
        "seed": 1000 + trial,
        "loss": loss,
        "family": family,
        "budget": budget,
        "architecture": "60c-mp-40c-mp-1200fc",
        "n_parameters": 9_999_000 + trial,
        "hyperparameters": {"learning_rate": 0.01, "conv1": 60},
        "epochs": 12,
        "best_epoch": 9,
        "seconds": 1.5,
        "validation_accuracy": 0.5,
        "validation_loss": 0.25,
        "test_accuracy": 0.5,
    }
    if changes.get("status") == "diverged":
        values |= {"validation_accuracy": None, "validation_loss": None, "test_accuracy": None}
    return values | changes


def teacher(trial=0, **changes):
    """Metrics of one teacher."""
    return metrics(trial, family="teacher", budget=None, loss="cross_entropy", **changes)


@pytest.fixture
def write_metrics(tmp_path):
    """Writes one trial's metrics.json and gives its path."""

    def write(values):
        folder = tmp_path / str(values.get("study")) / "trials" / f"{values.get('trial')}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "metrics.json"
        write_foreign_json(path, values)  # some tests need NaN, which write_json refuses
        return str(path)

    return write


@pytest.fixture
def write_study(tmp_path, write_metrics):
    """Writes the trials of one study and its trials.csv; gives the path of the CSV."""

    def write(*trials):
        out = str(tmp_path / trials[0]["study"] / "trials.csv")
        tabulate_trials.main(["--metrics", *map(write_metrics, trials), "--out", out])
        return out

    return write


@pytest.fixture
def write_ensemble(tmp_path):
    """Writes members.json and gives its path."""

    def write(members, **changes):
        values = {
            "format": "mimic.ensemble",
            "members": members,
            "steps": [],
            "validation_accuracy": 0.94,
            "validation_loss": 0.2,
            "test_accuracy": 0.938,
            "n_parameters": 83_400_000,
        }
        path = tmp_path / "members.json"
        write_json(path, values | changes)
        return str(path)

    return write


@pytest.fixture
def a_trial():
    """`metrics`, for tests that change its keys."""
    return metrics


@pytest.fixture
def a_teacher():
    """`teacher`, for tests that change its keys."""
    return teacher
