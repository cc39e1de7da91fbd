"""A student whose training is ended anywhere and started again is the one that was left in peace."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from tests.stopping import (
    ends_early,
    outcome,
    stop_at_call,
    stop_while_saving,
    terminate_at_poll,
    trial_files,
)

from mimic.augment.render import Renderer
from mimic.config.whole import load
from mimic.epochs.generate_epochs import main as generate_epochs
from mimic.epochs.store import StoredEpochs
from mimic.logits.store import TARGETS_FORMAT, Member, write_logits
from mimic.search.rounds import write_proposals
from mimic.students.families import parse_study, study_settings
from mimic.students.train_student import main as train_student

CONFIG = load(yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8")))
RATES = {"learning_rate": 0.002, "momentum": 0.9}
SCALES = {"input_scale": 1.1, "init_scale": 1.2}
HYPERPARAMETERS = {
    "mlp1-30k": RATES | SCALES | {"C1": 0.5},
    "cnn2-10k": RATES | SCALES | {"C1": 0.5, "C2": 0.5},
    "cnn2-10k-hard": RATES
    | {"C1": 0.5, "C2": 0.5}
    | dict.fromkeys(("dropout_conv1", "dropout_conv2", "dropout_fc1"), 0.3),
}
# Three epochs: before each of three steps and the validation images, and after it; and at the end.
N_POLLS = 3 * (3 + 1 + 1) + 1


@pytest.fixture
def train(tmp_path, dataset_path, dataset, training):
    """Trains into a folder, on two stored epochs; batches of 16, 16 and 4."""
    shard = str(tmp_path / "shard.h5")
    settings = CONFIG.epochs.model_dump(include={"hsv", "crop"}) | {"store": "pixels"}
    arguments = ["--settings", json.dumps(settings), "--seed", "7", "--epochs", "0", "1"]
    generate_epochs([*arguments, "--dataset", dataset_path, "--shard", shard])
    epochs = StoredEpochs([shard], dataset.digest, torch.from_numpy(dataset.images["train"]), Renderer("cpu"))
    digests = [epochs.digests[epoch] for epoch in (0, 1)]

    def write_targets(dtype):
        draw = np.random.default_rng(0)
        logits = (draw.normal(0, 3, (36, 3)).astype("float32") for _ in range(2))
        path = str(tmp_path / "targets.h5")
        write_logits(path, TARGETS_FORMAT, logits, digests, 36, 3, dtype, [Member(0, "w")], {})
        return path

    def run(folder, name, precision="float32", dtype="float32"):
        study, place = parse_study(name), tmp_path / folder
        write_proposals(tmp_path / "proposals.json", name, 0, range(1), [HYPERPARAMETERS[name]])
        last = "on" if precision == "bfloat16" else "off"
        schedule = training(batch_size=16, precision=precision, channels_last=last)
        settings = study_settings(CONFIG.students, study).model_dump()
        settings |= {"training": schedule.model_dump(), "width_multiple": 1}
        arguments = ["--study", name, "--settings", json.dumps(settings), "--seed", "3", "--trial", "0"]
        arguments += ["--proposals", str(tmp_path / "proposals.json"), "--dataset", dataset_path]
        arguments += ["--epochs", shard, "--targets", *([] if study.hard_label else [write_targets(dtype)])]
        train_student([*arguments, *trial_files(place)])
        return place

    return run


@pytest.fixture(autouse=True)
def save_each_epoch(monkeypatch):
    monkeypatch.setenv("MIMIC_CHECKPOINT_SECONDS", "0")


@pytest.mark.parametrize(
    ("name", "precision"), [("mlp1-30k", "bfloat16"), ("cnn2-10k", "float32"), ("cnn2-10k-hard", "bfloat16")]
)
def test_sigterm_at_any_step_is_made_good(train, monkeypatch, capsys, name, precision):
    expected = outcome(train("whole", name, precision))
    for number in range(1, N_POLLS):
        folder = f"ended-{number}"
        with monkeypatch.context() as patch:
            terminate_at_poll(patch, number)
            assert ends_early(lambda: train(folder, name, precision))  # noqa: B023
        capsys.readouterr()
        with monkeypatch.context() as patch:
            polls = terminate_at_poll(patch, 0)
            assert outcome(train(folder, name, precision)) == expected, number
            assert len(polls) == N_POLLS - number + (number % 5 != 0), number
        assert f"resumed at epoch {number // 5 + 1}" in capsys.readouterr().err


def test_several_ends_in_one_epoch_are_made_good(train, monkeypatch):
    expected = outcome(train("whole", "cnn2-10k-hard"))
    for number in (2, 2, 1, 2, 3, 2):
        with monkeypatch.context() as patch:
            terminate_at_poll(patch, number)
            assert ends_early(lambda: train("ended", "cnn2-10k-hard"))
    assert outcome(train("ended", "cnn2-10k-hard")) == expected


@pytest.mark.parametrize("how", ["killed", "terminated"])
def test_an_end_while_saving_is_made_good(train, monkeypatch, capsys, how):
    expected = outcome(train("whole", "cnn2-10k"))
    with monkeypatch.context() as patch:
        stop_while_saving(patch, how, 2)
        assert ends_early(lambda: train("ended", "cnn2-10k"))
    capsys.readouterr()
    assert outcome(train("ended", "cnn2-10k")) == expected
    assert f"resumed at epoch {2 if how == 'killed' else 3}" in capsys.readouterr().err


@pytest.mark.parametrize("how", ["killed", "terminated"])
@pytest.mark.parametrize(
    "output",
    [
        "mimic.students.train_student.write_weights",
        "mimic.training.trial.write_metrics",
        "mimic.training.checkpoint.Checkpoint.remove",
    ],
)
def test_outputs_half_written_are_written_again(train, monkeypatch, capsys, output, how):
    expected = outcome(train("whole", "cnn2-10k"))
    with monkeypatch.context() as patch:
        stop_at_call(patch, output, how, before=True)
        assert ends_early(lambda: train("ended", "cnn2-10k"))
    capsys.readouterr()
    assert outcome(train("ended", "cnn2-10k")) == expected
    assert "resumed at epoch 4" in capsys.readouterr().err


def test_targets_stored_in_another_type_are_another_training(train, monkeypatch, capsys):
    """Same epochs, same members, other numbers."""
    expected = outcome(train("whole", "cnn2-10k", dtype="float16"))
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, 8)
        assert ends_early(lambda: train("ended", "cnn2-10k", dtype="float32"))
    capsys.readouterr()
    assert outcome(train("ended", "cnn2-10k", dtype="float16")) == expected
    assert "of another training" in capsys.readouterr().err


def test_another_study_is_another_training(train, monkeypatch, capsys):
    expected = outcome(train("whole", "mlp1-30k"))
    with monkeypatch.context() as patch:
        terminate_at_poll(patch, 8)
        assert ends_early(lambda: train("ended", "cnn2-10k"))
    capsys.readouterr()
    assert outcome(train("ended", "mlp1-30k")) == expected
    err = capsys.readouterr().err
    assert "of another training" in err
    assert "resumed" not in err


@pytest.mark.parametrize(("value", "exists"), [("0", True), ("3600", False)])
def test_the_environment_says_how_often(train, monkeypatch, value, exists, tmp_path):
    monkeypatch.setenv("MIMIC_CHECKPOINT_SECONDS", value)
    stop_at_call(monkeypatch, "mimic.students.train_student.write_weights", "killed", before=True)
    assert ends_early(lambda: train("ended", "cnn2-10k"))
    assert (tmp_path / "ended" / "checkpoint.safetensors").exists() == exists
