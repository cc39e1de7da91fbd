"""A teacher whose training is ended anywhere and started again is the one that was left in peace."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from tests.stopping import (
    ends_early,
    forge,
    outcome,
    stop_at_call,
    stop_while_saving,
    terminate_at_poll,
    trial_files,
)

from mimic.search.rounds import write_proposals
from mimic.teachers.train_teacher import main as train_teacher

CONFIG = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8"))
HYPERPARAMETERS = {
    "learning_rate": 0.02,
    "momentum": 0.9,
    "weight_decay": 0.001,
    "init_coefficient": 1.2,
    "filters_conv1": 2,
    "filters_conv2": 3,
    "filters_conv3": 4,
    "hidden_units": 5,
    "hue_shift": 0.06,
    "saturation_shift": 0.26,
    "value_shift": 0.2,
    "saturation_scale": 0.21,
    "value_scale": 0.13,
    "dropout_conv1": 0.1,
    "dropout_conv2": 0.2,
    "dropout_conv3": 0.3,
    "dropout_fc1": 0.4,
    "dropout_fc2": 0.5,
}
PRECISIONS = {"float32": "off", "bfloat16": "on"}
# Three epochs: before each of three steps and the validation images, and after it; and at the end.
N_POLLS = 3 * (3 + 1 + 1) + 1


@pytest.fixture
def train(tmp_path, dataset_path, training):
    """Trains into a folder; batches of 16, 16 and 4."""
    write_proposals(tmp_path / "proposals.json", "teachers", 0, range(2), [HYPERPARAMETERS] * 2)

    def run(folder, precision="float32", seed=3, trial=0, checkpoint_seconds="0", **changes):
        place = tmp_path / folder
        changes = {"batch_size": 16, "precision": precision, "channels_last": PRECISIONS[precision]} | changes
        arguments = ["--crop", json.dumps(CONFIG["teachers"]["crop"])]
        arguments += ["--training", json.dumps(training(**changes).model_dump())]
        arguments += ["--seed", str(seed), "--trial", str(trial), "--dataset", dataset_path]
        arguments += ["--proposals", str(tmp_path / "proposals.json")]
        arguments += ["--checkpoint-seconds", checkpoint_seconds]
        train_teacher([*arguments, *trial_files(place)])
        return place

    return run


@pytest.mark.parametrize("precision", PRECISIONS)
def test_sigterm_at_any_step_is_made_good(train, precision, capsys, monkeypatch):
    expected = outcome(train("whole", precision))
    for number in range(1, N_POLLS):
        folder = f"ended-{number}"
        with monkeypatch.context() as patch:
            polls = terminate_at_poll(patch, number)
            assert ends_early(lambda: train(folder, precision))  # noqa: B023
            assert len(polls) == number
        capsys.readouterr()
        with monkeypatch.context() as patch:
            polls = terminate_at_poll(patch, 0)
            assert outcome(train(folder, precision)) == expected, number
            # Nothing is done twice: the poll that ended it comes again but at the end of an epoch.
            assert len(polls) == N_POLLS - number + (number % 5 != 0), number
        assert f"resumed at epoch {number // 5 + 1}" in capsys.readouterr().err


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("how", ["killed", "terminated"])
def test_an_end_while_saving_is_made_good(train, monkeypatch, capsys, how, number):
    """A kill costs what was done since the save before, SIGTERM nothing."""
    expected = outcome(train("whole"))
    with monkeypatch.context() as patch:
        stop_while_saving(patch, how, number)
        assert ends_early(lambda: train("ended"))
    capsys.readouterr()
    assert outcome(train("ended")) == expected
    epoch = number if how == "killed" else number + 1
    assert (f"resumed at epoch {epoch}" in capsys.readouterr().err) == (epoch > 1)


OUTPUTS = {
    "weights": "mimic.teachers.train_teacher.write_weights",
    "predictions": "mimic.training.trial.write_predictions",
    "history": "mimic.training.trial.write_history",
    "metrics": "mimic.training.trial.write_metrics",
    "removal": "mimic.training.checkpoint.Checkpoint.remove",
}


@pytest.mark.parametrize("how", ["killed", "terminated"])
@pytest.mark.parametrize("output", OUTPUTS)
def test_outputs_half_written_are_written_again(train, monkeypatch, capsys, output, how):
    expected = outcome(train("whole"))
    with monkeypatch.context() as patch:
        stop_at_call(patch, OUTPUTS[output], how, before=True)
        assert ends_early(lambda: train("ended"))
    capsys.readouterr()
    with monkeypatch.context() as patch:
        polls = terminate_at_poll(patch, 0)
        assert outcome(train("ended")) == expected
        assert len(polls) == 1  # that of the end: nothing was trained again
    assert "resumed at epoch 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changes",
    [{"seed": 4}, {"trial": 1}, {"learning_rate": 0.01}, {"max_epochs": 4}, {"precision": "bfloat16"}],
    ids=str,
)
def test_another_training_s_state_is_not_gone_on_with(train, monkeypatch, capsys, tmp_path, changes):
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, 8)
        assert ends_early(lambda: train("ended"))
    if "learning_rate" in changes:
        write_proposals(tmp_path / "proposals.json", "teachers", 0, range(2), [HYPERPARAMETERS | changes] * 2)
        changes = {}
    expected = outcome(train("whole", **changes))
    capsys.readouterr()
    assert outcome(train("ended", **changes)) == expected
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "checkpoint" in line]
    assert line.endswith("checkpoint.safetensors: ignored, training starts afresh: of another training")


@pytest.mark.parametrize(
    ("name", "tensor", "reason"),
    [
        ("momentum.layers.0.bias", None, "momentum.layers.0.bias: expected torch.float32 (2,), got None"),
        ("best.layers.0.bias", torch.zeros(3), "expected torch.float32 (2,), got torch.float32 (3,)"),
        ("weights.more", torch.zeros(3), "weights.more: expected None, got torch.float32 (3,)"),
        ("loss", torch.zeros(()), "loss: expected torch.float64 (), got torch.float32 ()"),
        ("random_state", torch.full((5056,), 255, dtype=torch.uint8), "Invalid mt19937 state"),
    ],
)
def test_a_state_that_does_not_fit_is_not_gone_on_with(
    train, monkeypatch, capsys, tmp_path, name, tensor, reason
):
    """With the right key and a right digest, as only a forger would write it."""
    expected = outcome(train("whole"))
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, 8)
        assert ends_early(lambda: train("ended"))
    forge(tmp_path / "ended" / "checkpoint.safetensors", name, tensor)
    capsys.readouterr()
    assert outcome(train("ended")) == expected
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "afresh" in line]
    assert reason in line


def test_a_training_that_diverges_does_so_again(train, monkeypatch, tmp_path):
    wild = HYPERPARAMETERS | {"learning_rate": 1e30}
    write_proposals(tmp_path / "proposals.json", "teachers", 0, range(1), [wild])
    expected = outcome(train("whole"))
    assert expected["metrics"]["status"] == "diverged"
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, 3)
        assert ends_early(lambda: train("ended"))
    assert outcome(train("ended")) == expected


def test_the_history_and_seconds_go_on(train, monkeypatch):
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, 12)
        assert ends_early(lambda: train("ended"))
    place = train("ended")
    rows = [line.split(",") for line in (place / "history.csv").read_text().splitlines()[1:]]
    assert [row[0] for row in rows] == ["1", "2", "3"]
    seconds = json.loads((place / "metrics.json").read_text())["seconds"]
    assert seconds > sum(float(row[5]) for row in rows) > 0


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "soon"])
def test_seconds_that_are_none_are_a_wrong_command_line(train, value, capsys):
    with pytest.raises(SystemExit) as error:
        train("x", checkpoint_seconds=value)
    assert error.value.code == 2
    assert f"--checkpoint-seconds: expected seconds, at least 0, got '{value}'" in capsys.readouterr().err
