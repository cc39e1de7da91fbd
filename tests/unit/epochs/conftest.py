import json

import pytest
import torch
from tests.augment_settings import CROP, HSV

from mimic.augment.render import Renderer
from mimic.epochs.generate_epochs import main
from mimic.epochs.store import StoredEpochs


@pytest.fixture
def generate(tmp_path, dataset_path):
    """Writes a shard with the given epochs through the stage's main; returns its path."""
    count = iter(range(100))

    def write(*epochs, store="pixels", seed=7, dataset=dataset_path):
        path = str(tmp_path / f"shard-{next(count)}.h5")
        settings = json.dumps({"store": store, "hsv": HSV, "crop": CROP})
        arguments = ["--settings", settings, "--seed", str(seed), "--epochs", *map(str, epochs)]
        main([*arguments, "--dataset", dataset, "--shard", path])
        return path

    return write


@pytest.fixture
def read(dataset):
    """Opens shards with the dataset at hand."""

    def open_shards(*paths, digest=dataset.digest):
        images = torch.from_numpy(dataset.images["train"])
        return StoredEpochs(paths, digest, images, Renderer("cpu"))

    return open_shards
