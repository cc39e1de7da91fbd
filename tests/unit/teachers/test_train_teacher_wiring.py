"""What `train_teacher` passes on: to the net, to the augmentation and to the training loop."""

import inspect

import pytest
import torch
from tests.augment_settings import HSV

from mimic.config.augment import CropSettings, HsvSettings
from mimic.seeding import derive
from mimic.teachers import train_teacher as stage
from mimic.training.devices import choose_device
from mimic.training.loop import Fit, Optimiser

DEVICE = choose_device("float32", "off", 1)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)
HYPERPARAMETERS = HSV | {
    "learning_rate": 0.0123,
    "momentum": 0.87,
    "weight_decay": 0.00234,
    "init_coefficient": 0.345,
    "filters_conv1": 2,
    "filters_conv2": 3,
    "filters_conv3": 4,
    "hidden_units": 5,
    "dropout_conv1": 0.1,
    "dropout_conv2": 0.2,
    "dropout_conv3": 0.3,
    "dropout_fc1": 0.4,
    "dropout_fc2": 0.5,
}


@pytest.fixture
def data(dataset):
    return {
        split: (
            torch.from_numpy(dataset.images[split]).to(DEVICE.torch_device),
            torch.from_numpy(dataset.labels[split]).to(DEVICE.torch_device),
        )
        for split in dataset.images
    }


@pytest.fixture
def passed_on(monkeypatch, data, training):
    """Runs `train_teacher` without training; returns the arguments by function, a list of calls each."""
    calls = {"fit_together": [], "new_net": [], "draw_recipe": []}

    def record(name, answer=None):
        function = getattr(stage, name)

        def recorder(*args, **kwargs):
            calls[name].append(inspect.signature(function).bind(*args, **kwargs).arguments)
            return answer or function(*args, **kwargs)

        monkeypatch.setattr(stage, name, recorder)

    record("fit_together", [Fit("finished", "", [], 1)])
    record("new_net")
    record("draw_recipe")

    def run(trial_seed=11, **changes):
        for arguments in calls.values():
            arguments.clear()
        stage.train_teacher(HYPERPARAMETERS | changes, CROP, training(), data, 3, trial_seed, DEVICE)
        return calls

    return run


def test_the_optimiser_is_that_of_the_hyperparameters(passed_on, training):
    (arguments,) = passed_on()["fit_together"]
    assert arguments["trainings"][0].optimiser == Optimiser(0.0123, 0.87, 0.00234)
    assert arguments["settings"] == training()


def test_training_follows_the_validation_images(passed_on, data):
    (arguments,) = passed_on()["fit_together"]
    for got, expected in zip(arguments["validation"], data["validation"], strict=True):
        assert torch.equal(got, expected)


def test_the_initial_weights_have_the_coefficient_and_the_trial_s_seed(passed_on):
    (arguments,) = passed_on(trial_seed=11)["new_net"]
    assert arguments["init_scale"] == 0.345
    assert arguments["seed"] == derive(11, "weights")
    assert arguments.get("input_scale", 1.0) == 1.0


def test_the_jitter_is_that_of_the_hyperparameters_and_the_crop_that_of_the_config(passed_on):
    calls = passed_on()
    calls["fit_together"][0]["load_epoch"](0)
    assert [call["hsv"] for call in calls["draw_recipe"]] == [HsvSettings(**HSV)]
    assert [call["crop"] for call in calls["draw_recipe"]] == [CROP]


def test_every_epoch_is_augmented_afresh_and_again_the_same(passed_on):
    load_epoch = passed_on()["fit_together"][0]["load_epoch"]
    (first, first_labels), (second, second_labels) = load_epoch(0), load_epoch(1)
    again, again_labels = load_epoch(0)
    assert torch.equal(first, again)
    assert torch.equal(first_labels, again_labels)
    assert not torch.equal(first, second)
    assert not torch.equal(first_labels, second_labels)


def test_every_epoch_draws_another_jitter_and_crop(passed_on):
    """Not only another order: the same image is rendered otherwise in the next epoch."""
    calls = passed_on()
    load_epoch = calls["fit_together"][0]["load_epoch"]
    load_epoch(0)
    load_epoch(1)
    orders = [tuple(call["image_index"]) for call in calls["draw_recipe"]]
    draws = [call["generator"].random() for call in calls["draw_recipe"]]
    assert sorted(orders[0]) == sorted(orders[1]) == list(range(36))
    assert orders[0] != orders[1]
    assert draws[0] != draws[1]


def test_other_trials_see_other_augmentations(passed_on):
    images = [passed_on(trial_seed=seed)["fit_together"][0]["load_epoch"](0)[0] for seed in (11, 12)]
    assert not torch.equal(*images)


def test_an_epoch_is_every_training_image_once_with_its_label(passed_on, data):
    calls = passed_on()
    images, labels = calls["fit_together"][0]["load_epoch"](0)
    order = torch.from_numpy(calls["draw_recipe"][0]["image_index"]).long().to(labels.device)
    assert images.shape == data["train"][0].shape
    assert images.dtype == torch.uint8
    assert torch.equal(labels, data["train"][1][order])
