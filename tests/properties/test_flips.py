"""A flipped bit or a missing end is refused by name, or changes nothing that is read: every kind of file.

A thousand random flips and two hundred random truncations of each; a read that takes ten seconds is a hang.
"""

import functools
import signal
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch

from mimic.artifact import digest_arrays, read_json, write_json
from mimic.augment.recipe import Recipe, draw_epoch
from mimic.augment.render import Renderer
from mimic.cli import InputError
from mimic.config.augment import CropSettings, HsvSettings
from mimic.data import store as data_store
from mimic.epochs.store import StoredEpochs, epoch_digest, write_shard
from mimic.logits.store import MEMBER_FORMAT, TARGETS_FORMAT, Member, StoredLogits, write_logits
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.models.weights import read_weights, write_weights
from mimic.report.trials import read_metrics, read_trials, trials_frame, write_trials
from mimic.search.rounds import read_finished, read_proposal, write_proposals
from mimic.shared.store import Augmentation, PackedTargets, PackHeader, open_pack, write_pack
from mimic.training.predictions import read_predictions, write_predictions

N_FLIPS, N_TRUNCATIONS, N_IMAGES, N_CLASSES = 1000, 200, 6, 3
HSV = HsvSettings(
    hue_shift=0.06, saturation_shift=0.26, value_shift=0.2, saturation_scale=0.21, value_scale=0.13
)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)
ACCURACIES = {"n_parameters": 9, "validation_accuracy": 0.5, "test_accuracy": 0.5}
PROVENANCE = {"sources": {"dataset": "d" * 64}, "seed": 7}
RENDERER = Renderer(torch.device("cpu"))
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (N_IMAGES, 3, 32, 32), dtype=np.uint8)
RECIPES = {epoch: draw_epoch(N_IMAGES, epoch, HSV, CROP, 7) for epoch in range(2)}
DIGESTS = {epoch: epoch_digest(recipe, "d" * 64) for epoch, recipe in RECIPES.items()}
LOGITS = GENERATOR.normal(size=(2, N_IMAGES, N_CLASSES)).astype(np.float32)
MEMBERS = [Member(0, "a" * 64)]
TRIAL = {
    **{"format": "mimic.trial", "status": "finished", "study": "mlp1-30k", "trial": 3, "round": 0, "seed": 5},
    **{"loss": "logit_l2", "family": "mlp1", "budget": "30k", "architecture": "8lfc-9fc", "n_parameters": 9},
    **{"epochs": 2, "best_epoch": 1, "seconds": 1.5, "validation_accuracy": 0.25, "validation_loss": 2.5},
    **{"test_accuracy": 0.75, "hyperparameters": {"learning_rate": 0.0123, "momentum": 0.9}},
}


def rows():
    return {
        split: np.arange(n, dtype=np.int64) for split, n in zip(data_store.SPLITS, (6, 3, 2), strict=True)
    }


def write_dataset(path):
    parts = {split: IMAGES[: len(r)] for split, r in rows().items()}
    labels = {split: r % N_CLASSES for split, r in rows().items()}
    dataset = data_store.make_dataset(parts, labels, ("a", "b", "c"), rows())
    data_store.write_dataset(path, dataset, PROVENANCE)


def read_dataset(path):
    d = data_store.read_dataset(path)
    return [digest_arrays(**part) for part in (d.images, d.labels, d.rows)], d.class_names, d.digest


def write_epochs(path, pixels):
    images = torch.from_numpy(IMAGES)
    write_shard(path, RECIPES, lambda r: RENDERER.render(images, r).numpy(), pixels, "d" * 64, PROVENANCE)


def read_epochs(path):
    epochs = StoredEpochs([path], "d" * 64, torch.from_numpy(IMAGES), RENDERER)
    recipes = [epochs.recipe(e) for e in range(2)]
    columns = [digest_arrays(**{name: getattr(r, name) for name in Recipe.FIELDS}) for r in recipes]
    return columns, [epochs.images(e).numpy().tobytes() for e in range(2)], epochs.provenance


def write_some_logits(path, format_name):
    write_logits(
        path, format_name, LOGITS, DIGESTS.values(), N_IMAGES, N_CLASSES, "float16", MEMBERS, PROVENANCE
    )


def read_some_logits(path, format_name):
    logits = StoredLogits(path, format_name, DIGESTS, N_IMAGES)
    return [logits.epoch(e).tobytes() for e in range(2)], logits.members, logits.provenance


def write_a_pack(path):
    header = PackHeader(
        dataset_digest="d" * 64,
        ensemble={"format": "mimic.ensemble", "members": [0], **ACCURACIES},
        augmentation=Augmentation(seed=7, hsv=HSV, crop=CROP),
        targets=PackedTargets(members=[{"trial": 0, "weights_digest": "a" * 64}], provenance=PROVENANCE),
        provenance=PROVENANCE,
    )
    epochs = [(DIGESTS[e], LOGITS[e], IMAGES[:2], RECIPES[e]) for e in range(2)]
    write_pack(path, header, rows(), b"study,trial\n", (2, N_IMAGES, N_CLASSES, 2, "float32", True), epochs)


def read_a_pack(path):
    with open_pack(path) as pack:
        epochs = [(pack.logits(e).tobytes(), pack.probe(e).tobytes()) for e in range(2)]
        recipes = [pack.stored_recipe(e).digest() for e in range(2)]
        return (
            pack.header,
            epochs,
            recipes,
            pack.epoch_digests(),
            pack.teachers(),
            digest_arrays(**pack.rows()),
        )


def write_some_weights(path):
    write_weights(path, new_net(mlp_architecture([4], N_CLASSES, 2), 1.0, 5, 0.9))


def read_some_weights(path):
    net = read_weights(path)
    arrays = {name: tensor.numpy() for name, tensor in net.state_dict().items()}
    return net.architecture, net.input_scale, digest_arrays(**arrays)


def write_table(path):
    with tempfile.TemporaryDirectory() as folder:
        write_json(Path(folder) / "m.json", TRIAL)
        write_trials(path, trials_frame([read_metrics(Path(folder) / "m.json")], "here"))


def read_table(path):
    return read_trials(path).to_json()


KINDS = {
    "dataset.h5": (write_dataset, read_dataset),
    "pixels.h5": (functools.partial(write_epochs, pixels=True), read_epochs),
    "recipes.h5": (functools.partial(write_epochs, pixels=False), read_epochs),
    "member.h5": tuple(
        functools.partial(f, format_name=MEMBER_FORMAT) for f in (write_some_logits, read_some_logits)
    ),
    "targets.h5": tuple(
        functools.partial(f, format_name=TARGETS_FORMAT) for f in (write_some_logits, read_some_logits)
    ),
    "predictions.h5": (
        lambda path: write_predictions(path, {"validation": LOGITS[0], "test": LOGITS[1]}, PROVENANCE),
        lambda path: [array.tobytes() for array in read_predictions(path, N_CLASSES, 7)[0].values()],
    ),
    "split.h5": (
        lambda path: data_store.write_split(path, rows(), "d" * 64, PROVENANCE),
        lambda path: (digest_arrays(**data_store.read_split(path)[0]), data_store.read_split(path)[1]),
    ),
    "pack.h5": (write_a_pack, read_a_pack),
    "weights.safetensors": (write_some_weights, read_some_weights),
    "metrics.json": (lambda path: write_json(path, TRIAL), lambda path: read_finished([path])),
    "proposals.json": (
        lambda path: write_proposals(path, "mlp1-30k", 0, [0, 1], [{"a": 0.5}, {"a": 0.25}]),
        lambda path: [read_proposal(path, trial, "mlp1-30k", ["a"]) for trial in (0, 1)],
    ),
    "members.json": (
        lambda path: write_json(path, {"format": "mimic.ensemble", "members": [3, 1], "test_accuracy": 0.5}),
        lambda path: read_json(path, "mimic.ensemble"),
    ),
    "trials.csv": (write_table, read_table),
}


class Hangs(Exception):
    """A read took too long."""


def raise_hangs(signum, frame):
    raise Hangs


def read_or_refuse(read, path):
    """What is read, or None where the file is refused in one line that names it."""
    signal.setitimer(signal.ITIMER_REAL, 10)
    try:
        return read(path)
    except InputError as error:
        message = str(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    assert str(path) in message
    assert "\n" not in message
    return None


@pytest.fixture(autouse=True)
def alarm():
    before = signal.signal(signal.SIGALRM, raise_hangs)
    yield
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(params=KINDS)
def kind(request, tmp_path):
    """Path of a sound file, its bytes, how it is read and what is read."""
    write, read = KINDS[request.param]
    path = tmp_path / request.param
    write(path)
    return path, path.read_bytes(), read, read(path)


def test_a_flipped_bit_is_refused_or_changes_nothing(kind):
    path, content, read, expected = kind
    generator, refused = np.random.default_rng(len(content)), 0
    for place in generator.integers(0, 8 * len(content), N_FLIPS):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        found = read_or_refuse(read, path)
        assert found is None or found == expected, f"bit {place} changed what is read"
        refused += found is None
    # Only a space or a line break in JSON text can change without a meaning; in the rest nothing can.
    assert refused == N_FLIPS if path.suffix == ".h5" else refused > 0.9 * N_FLIPS


def test_a_truncated_file_is_refused_or_says_the_same(kind):
    path, content, read, expected = kind
    generator = np.random.default_rng(len(content))
    for length in generator.integers(0, len(content), N_TRUNCATIONS):
        path.write_bytes(content[:length])
        found = read_or_refuse(read, path)
        assert found is None or found == expected, f"{length} of {len(content)} bytes were taken for all"
        assert found is None or path.suffix in (".json", ".csv"), "only a last line break can be missing"
