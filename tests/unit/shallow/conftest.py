import pytest
import torch

from mimic.config.shallow import ShallowTraining
from mimic.shallow.grid import GroupSettings
from mimic.training.devices import Device


@pytest.fixture
def device():
    return Device(torch.device("cpu"), torch.float32, channels_last=False)


@pytest.fixture
def training():
    def make(**changes):
        values = {
            "batch_size": 16,
            "n_epochs": 2,
            "rho": 0.9,
            "momentum": 0.8,
            "betas": (0.9, 0.99),
            "epsilon": 1e-7,
            "precision": "float32",
            "memory_mb": 200,
        }
        return ShallowTraining(**{**values, **changes})

    return make


@pytest.fixture
def group(training):
    """Function that makes the settings of a small group; axes and training may be changed."""

    def make(n_layers=2, n_filters=3, kernel_size=3, batch_norm=False, trained=None, **axes):
        values = {
            "layout": ["sequential", "parallel"],
            "padding": ["zeros"],
            "activation": ["relu"],
            "optimiser": ["rmsprop"],
            "initialiser": ["glorot_uniform"],
            "learning_rate": [1e-3],
            "seed": [0, 1, 2],
        }
        return GroupSettings(
            n_layers=n_layers,
            n_filters=n_filters,
            kernel_size=kernel_size,
            batch_norm=batch_norm,
            axes={**values, **axes},
            training=trained or training(),
        )

    return make


@pytest.fixture
def images():
    """Function that draws images of a shape with labels that can be learned."""

    def make(n, shape=(1, 8, 8), n_classes=4, seed=0):
        generator = torch.Generator().manual_seed(seed)
        labels = torch.randint(n_classes, (n,), generator=generator)
        pixels = torch.randint(0, 60, (n, *shape), dtype=torch.uint8, generator=generator)
        pixels[torch.arange(n), 0, labels, :] += 180
        return pixels, labels

    return make
