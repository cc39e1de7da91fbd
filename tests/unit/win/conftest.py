import types

import pytest
import torch

from mimic.config.win import ImitationSchedule, LabelSchedule, WinTraining
from mimic.training.devices import Device
from mimic.win.distributed import Processes
from mimic.win.loading import DeviceImages
from mimic.win.stage import Place


@pytest.fixture(autouse=True)
def seeded():
    """The same nets at each run."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


@pytest.fixture
def training():
    """Settings that all trainings share; may be changed."""

    def make(**changes):
        values = {
            "batch_size": 8,
            "momentum": 0.9,
            "precision": "float32",
            "channels_last": "off",
        }
        return WinTraining(**{**values, **changes})

    return make


@pytest.fixture
def stage(training):
    """Settings of a stage as far as functions look at them."""

    def make(n_epochs=2, learning_rate=0.05, weight_decay=0.0, restarts=None, label_smoothing=0.0, **changes):
        values = {"n_epochs": n_epochs, "learning_rate": learning_rate, "weight_decay": weight_decay}
        if restarts is None:
            schedule = LabelSchedule(**values, label_smoothing=label_smoothing)
        else:
            schedule = ImitationSchedule(**values, restarts=restarts, n_probe=20)
        return types.SimpleNamespace(training=training(**changes), schedule=schedule)

    return make


@pytest.fixture
def coloured():
    """Function that draws images that can be told apart, with their labels."""

    def make(n, side=8, n_classes=3, seed=0):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(n_classes, (n,), generator=generator)
        pixels = torch.randint(0, 60, (n, 3, side, side), dtype=torch.uint8, generator=generator)
        pixels[torch.arange(n), labels] += 150
        return pixels, labels

    return make


@pytest.fixture
def place(coloured):
    """A place on the CPU with 40 training images and 10 test images."""

    def make(n=40, side=8, batch_size=8, seed=3):
        device = Device(torch.device("cpu"), torch.float32, channels_last=False)
        data = coloured(n, side), coloured(10, side, seed=1)
        return Place(device, Processes(), DeviceImages(*data, seed, batch_size), 3, "d1g3st")

    return make
