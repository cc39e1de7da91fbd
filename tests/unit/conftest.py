"""A dataset of a few easy images and settings that train in milliseconds."""

import numpy as np
import pytest

from mimic.config.training import TrainingSettings
from mimic.data.store import make_dataset, write_dataset

N_CLASSES = 3


def easy_images(n, seed):
    """Class c: a bright block in another corner, on noise; uint8 (n, 3, 32, 32) and labels (n,)."""
    generator = np.random.default_rng(seed)
    labels = np.arange(n, dtype=np.int64) % N_CLASSES
    images = generator.integers(0, 80, (n, 3, 32, 32), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        x, y = 16 * (label % 2), 16 * (label // 2)
        image[:, y : y + 16, x : x + 16] += 150
    return images, labels


@pytest.fixture(scope="session")
def dataset():
    """36 training, 12 validation and 9 test images of three classes."""
    parts = {"train": easy_images(36, 1), "validation": easy_images(12, 2), "test": easy_images(9, 3)}
    images = {split: part[0] for split, part in parts.items()}
    labels = {split: part[1] for split, part in parts.items()}
    rows = {split: np.arange(len(part[1]), dtype=np.int64) for split, part in parts.items()}
    return make_dataset(images, labels, ("left", "right", "below"), rows)


@pytest.fixture
def dataset_path(tmp_path, dataset):
    """The dataset as a file."""
    write_dataset(tmp_path / "dataset.h5", dataset, {})
    return str(tmp_path / "dataset.h5")


@pytest.fixture
def training():
    """Factory of `TrainingSettings`: the paper's schedule, small batches, float32."""

    def make(**changes):
        values = {
            "batch_size": 12,
            "max_epochs": 3,
            "halve_patience": 10,
            "halve_cooldown": 8,
            "stop_patience": 30,
            "stop_reduction": 2000.0,
            "precision": "float32",
            "channels_last": "off",
        }
        return TrainingSettings(**values | changes)

    return make
