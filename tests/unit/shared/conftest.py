"""A results folder of the smallest run, made by the stores alone: no net is trained."""

import numpy as np
import pytest
import torch
from tests.augment_settings import CROP, HSV

from mimic.artifact import digest_file, write_json
from mimic.augment.recipe import draw_epoch
from mimic.augment.render import Renderer
from mimic.config.augment import CropSettings, HsvSettings
from mimic.data.store import write_dataset
from mimic.epochs.store import epoch_digest, write_shard
from mimic.logits.store import MEMBER_FORMAT, TARGETS_FORMAT, Member, write_logits
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.models.weights import write_weights
from mimic.report.tabulate_trials import main as tabulate_trials

SEED, N_EPOCHS = 7, 3


def make_results(folder, dataset, seed=SEED, dtype="float16"):
    """Dataset, two shards of epochs, logits of two members, targets, ensemble and teachers."""
    provenance = {"seed": seed, "settings": {"store": "recipe", "hsv": HSV, "crop": CROP}, "sources": {}}
    images = torch.from_numpy(dataset.images["train"])
    renderer = Renderer(torch.device("cpu"))
    write_dataset(folder / "data" / "dataset.h5", dataset, provenance)
    recipes = {
        epoch: draw_epoch(len(images), epoch, HsvSettings(**HSV), CropSettings(**CROP), seed)
        for epoch in range(N_EPOCHS)
    }
    for shard, epochs in enumerate(((0, 1), (2,))):
        write_shard(
            folder / "epochs" / f"{shard:02d}.h5",
            {epoch: recipes[epoch] for epoch in epochs},
            lambda recipe: renderer.render(images, recipe).numpy(),
            False,
            dataset.digest,
            provenance,
        )
    digests = [epoch_digest(recipe, dataset.digest) for recipe in recipes.values()]
    generator, members = np.random.default_rng(seed), []
    for trial in (2, 0):
        weights = folder / "teachers" / "trials" / f"{trial:03d}" / "weights.safetensors"
        write_weights(weights, new_net(mlp_architecture([4], len(dataset.class_names)), 1.0, trial))
        members.append(Member(trial, digest_file(weights)))
        logits = generator.normal(size=(N_EPOCHS, len(images), len(dataset.class_names)))
        path = folder / "logits" / "members" / f"{trial:03d}.h5"
        layout = (digests, len(images), len(dataset.class_names), dtype)
        write_logits(path, MEMBER_FORMAT, logits, *layout, members[-1:], provenance)
    logits = generator.normal(size=(N_EPOCHS, len(images), len(dataset.class_names)))
    write_logits(folder / "logits" / "targets.h5", TARGETS_FORMAT, logits, *layout, members, provenance)
    accuracies = {"test_accuracy": 0.5, "validation_accuracy": 0.25}
    ensemble = {"format": "mimic.ensemble", "members": [2, 0], "n_parameters": 9, **accuracies}
    write_json(folder / "ensemble" / "members.json", ensemble)
    tabulate_teachers(folder)
    return folder


def tabulate_teachers(folder, **changes):
    """Metrics of three teachers, and their table."""
    paths = []
    for trial in range(3):
        metrics = {
            **{
                "format": "mimic.trial",
                "status": "finished",
                "study": "teachers",
                "trial": trial,
                "round": 0,
            },
            **{"loss": "cross_entropy", "family": "teacher", "budget": None, "seed": trial, "epochs": 1},
            **{"architecture": "9fc", "n_parameters": 9, "best_epoch": 1, "seconds": 1.0},
            **{"validation_accuracy": 0.25, "validation_loss": 1.5, "test_accuracy": 0.5 + trial / 8},
            **{"hyperparameters": {"learning_rate": 0.1}, **changes},
        }
        paths.append(str(folder / "teachers" / "trials" / f"{trial:03d}" / "metrics.json"))
        write_json(paths[-1], metrics)
    tabulate_trials(["--metrics", *paths, "--out", str(folder / "teachers" / "trials.csv")])


@pytest.fixture
def results(tmp_path, dataset):
    """The results folder of the run to be shared."""
    return make_results(tmp_path / "results", dataset)
