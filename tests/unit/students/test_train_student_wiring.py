"""What `train_student` passes on: to the net and to the training loop."""

import inspect
import json
from pathlib import Path

import pytest
import torch
import yaml

from mimic.config.students import StudySettings
from mimic.config.whole import load
from mimic.epochs.generate_epochs import main as generate_epochs
from mimic.models.student_mlp import mlp_architecture
from mimic.search.rounds import write_proposals
from mimic.seeding import derive
from mimic.students import train_student as stage
from mimic.students.families import parse_study, study_settings
from mimic.students.losses import LOSSES
from mimic.training.devices import choose_device
from mimic.training.loop import Optimiser

CONFIG = load(yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text(encoding="utf-8")))
DEVICE = choose_device("float32", "off", 1)
ARCHITECTURE = mlp_architecture([4], 3)
RATES = {"learning_rate": 0.0123, "momentum": 0.87}
SCALES = {"init_scale": 0.345, "input_scale": 1.7}
WEIGHT_DECAY = 0.00234


@pytest.fixture
def calls(monkeypatch):
    """The arguments by function, a list of calls each; the functions do what they do."""
    recorded = {"fit_together": [], "new_net": []}

    def record(name):
        function = getattr(stage, name)

        def recorder(*args, **kwargs):
            recorded[name].append(inspect.signature(function).bind(*args, **kwargs).arguments)
            return function(*args, **kwargs)

        monkeypatch.setattr(stage, name, recorder)

    for name in recorded:
        record(name)
    return recorded


@pytest.fixture
def train(calls, dataset, training):
    """Trains for an epoch; returns the net, the arguments and the validation data given."""
    data = {
        split: tuple(
            torch.from_numpy(part[split]).to(DEVICE.torch_device) for part in (dataset.images, dataset.labels)
        )
        for split in dataset.images
    }

    def run(hyperparameters, **others):
        settings = StudySettings(
            bounds={},
            bounds_source="tabled",
            width_multiple=1,
            weight_decay=WEIGHT_DECAY,
            training=training(max_epochs=1),
        )
        arguments = {
            "architecture": ARCHITECTURE,
            "hyperparameters": hyperparameters,
            "settings": settings,
            "load_epoch": lambda epoch: data["train"],
            "loss": "cross_entropy",
            "validation": data["validation"],
            "trial_seed": 11,
            "device": DEVICE,
        }
        net, _ = stage.train_student(**arguments | others)
        return net, calls, data

    return run


def test_the_optimiser_is_that_of_the_hyperparameters_and_the_settings(train, training):
    _, calls, _ = train(RATES | SCALES)
    (arguments,) = calls["fit_together"]
    assert arguments["trainings"][0].optimiser == Optimiser(0.0123, 0.87, WEIGHT_DECAY)
    assert arguments["settings"] == training(max_epochs=1)


def test_the_net_has_the_scales_of_the_hyperparameters_and_the_trial_s_seed(train):
    net, calls, _ = train(RATES | SCALES)
    (arguments,) = calls["new_net"]
    assert arguments["architecture"] == ARCHITECTURE
    assert arguments["init_scale"] == 0.345
    assert arguments["input_scale"] == net.input_scale == 1.7
    assert arguments["seed"] == derive(11, "weights")


def test_a_net_without_scales_has_one(train):
    net, calls, _ = train(RATES)
    (arguments,) = calls["new_net"]
    assert arguments["init_scale"] == 1.0
    assert net.input_scale == 1.0


def test_training_follows_the_validation_images_given(train):
    _, calls, data = train(RATES | SCALES)
    (arguments,) = calls["fit_together"]
    for got, expected in zip(arguments["validation"], data["validation"], strict=True):
        assert torch.equal(got, expected)


@pytest.mark.parametrize("loss", ["logit_l2", "cross_entropy"])
def test_the_loss_is_the_one_named(train, dataset, loss):
    images = torch.from_numpy(dataset.images["train"]).to(DEVICE.torch_device)
    labels = torch.from_numpy(dataset.labels["train"]).to(DEVICE.torch_device)
    targets = labels if loss == "cross_entropy" else torch.nn.functional.one_hot(labels, 3).float()
    _, calls, _ = train(RATES | SCALES, loss=loss, load_epoch=lambda epoch: (images, targets))
    (arguments,) = calls["fit_together"]
    assert arguments["loss_function"] is LOSSES[loss]


def test_the_stage_trains_as_its_files_and_settings_say(tmp_path, calls, dataset, dataset_path, training):
    """Validation images of the dataset, rates of the proposal, weight decay of the settings."""
    name = "cnn1-10k-hard"
    hyperparameters = RATES | {"dropout_conv1": 0.1, "dropout_fc1": 0.2, "C1": 0.5, "C2": 0.5}
    write_proposals(tmp_path / "proposals.json", name, 0, range(1), [hyperparameters])
    shard = str(tmp_path / "shard.h5")
    of_epochs = CONFIG.epochs.model_dump(include={"hsv", "crop"}) | {"store": "pixels"}
    arguments = ["--settings", json.dumps(of_epochs), "--seed", "7", "--epochs", "0"]
    generate_epochs([*arguments, "--dataset", dataset_path, "--shard", shard])
    settings = study_settings(CONFIG.students, parse_study(name)).model_dump()
    settings |= {"training": training(max_epochs=1).model_dump(), "width_multiple": 1}
    settings |= {"weight_decay": WEIGHT_DECAY}
    arguments = ["--study", name, "--settings", json.dumps(settings), "--seed", "3", "--trial", "0"]
    arguments += ["--proposals", str(tmp_path / "proposals.json"), "--dataset", dataset_path]
    arguments += ["--epochs", shard, "--targets"]
    for option in ("metrics", "history", "weights", "predictions"):
        arguments += [f"--{option}", str(tmp_path / "trial" / option)]
    stage.main(arguments)
    (passed_on,) = calls["fit_together"]
    assert passed_on["trainings"][0].optimiser == Optimiser(0.0123, 0.87, WEIGHT_DECAY)
    assert passed_on["settings"] == training(max_epochs=1)
    images, labels = passed_on["validation"]
    assert torch.equal(images.cpu(), torch.from_numpy(dataset.images["validation"]))
    assert torch.equal(labels.cpu(), torch.from_numpy(dataset.labels["validation"]))
