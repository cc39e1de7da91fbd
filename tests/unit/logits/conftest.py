import json

import pytest
from tests.augment_settings import CROP, HSV

from mimic.artifact import write_json
from mimic.epochs.generate_epochs import main as generate_epochs
from mimic.logits.average_logits import main as average_logits
from mimic.logits.record_logits import main as record_logits
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.models.weights import write_weights

AUGMENTED = {"store": "recipe", "hsv": HSV, "crop": CROP}


@pytest.fixture
def shards(tmp_path, dataset_path):
    """Two shards, epochs 0, 1 and 2."""
    paths = []
    for name, epochs in (("00", "01"), ("01", "2")):
        paths.append(str(tmp_path / "epochs" / f"{name}.h5"))
        arguments = ["--settings", json.dumps(AUGMENTED), "--seed", "7", "--epochs", *epochs]
        generate_epochs([*arguments, "--dataset", dataset_path, "--shard", paths[-1]])
    return paths


@pytest.fixture
def member(tmp_path, dataset_path, shards):
    """Records a new net's logits on the shards through the stage's main."""

    def record(trial, epochs=None, dtype="float32", n_classes=3, init_scale=1.0, dataset=dataset_path):
        weights = tmp_path / "weights" / f"{trial}.safetensors"
        write_weights(weights, new_net(mlp_architecture([4], n_classes), init_scale, trial))
        settings = {"dtype": dtype, "batch_size": 16, "precision": "float32", "channels_last": "off"}
        path = str(tmp_path / "logits" / f"{trial}.h5")
        arguments = ["--settings", json.dumps(settings), "--trials", str(trial), "--dataset", dataset]
        arguments += ["--epochs", *(epochs or shards), "--weights", str(weights), "--logits", path]
        record_logits(arguments)
        return path

    return record


@pytest.fixture
def average(tmp_path):
    """Averages members' logits through the stage's main; returns the path of the targets."""

    def run(members, paths, dtype="float32", name="targets.h5", ensemble=None):
        listed = tmp_path / "members.json"
        write_json(listed, ensemble or {"format": "mimic.ensemble", "members": members})
        out = str(tmp_path / name)
        average_logits(["--dtype", dtype, "--members", str(listed), "--logits", *paths, "--targets", out])
        return out

    return run
