"""Layout of a trained group: ``mimic.shallow``, version 1. This module alone knows it.

======================  =======  ======================  ====================================================
array                   dtype    shape                   meaning
======================  =======  ======================  ====================================================
train_loss              float32  (n, k)                  cross-entropy, mean over the epoch's images, each
                                                         before the step that it took part in
train_accuracy          float32  (n, k)                  fraction, likewise
validation_loss         float32  (n, k)                  cross-entropy on the test images after the epoch
validation_accuracy     float32  (n, k)                  fraction, likewise
NAME                    float32  (n, ...)                tensors of the nets after the last epoch, see
                                                         `mimic.shallow.nets`
======================  =======  ======================  ====================================================

Row i of each is net i; epoch k - 1 is the last. A net whose loss became non-finite keeps it so. Attributes
beside ``provenance``: ``group`` and ``dataset``, their names; ``settings``, those of the group, from which
the nets follow; ``image_shape``, ``n_classes``, ``n_examples`` (training images, K); ``seconds``, what the
training took.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from mimic.cli import MAKE_AGAIN, InputError, validation_message
from mimic.sealed import open_sealed, read_provenance
from mimic.sealing import write_sealed
from mimic.shallow.grid import AXES, GroupSettings, group_digest, group_name

FORMAT, VERSION = "mimic.shallow", 1
HISTORY = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
_MOST = 2**31


@dataclass(frozen=True)
class Group:
    """A trained group.

    Attributes
    ----------
    name, dataset : str
    settings : mimic.shallow.grid.GroupSettings
    shape : mimic.shallow.grid.Shape
    n_examples : int
        Training images.
    history : dict of str to float32 array, shape (n_nets, n_epochs)
        By the names of `HISTORY`.
    seconds : float
    provenance : dict
    """

    name: str
    dataset: str
    settings: GroupSettings
    shape: object
    n_examples: int
    history: dict
    seconds: float
    provenance: dict


def write_group(path, group, tensors):
    """Write a trained group, whole or not at all.

    Parameters
    ----------
    path : path
    group : Group
    tensors : dict of str to float32 array, shape (n_nets, ...)
    """
    attributes = {
        "group": group.name,
        "dataset": group.dataset,
        "settings": group.settings.model_dump(mode="json"),
        "image_shape": list(group.shape.image),
        "n_classes": group.shape.n_classes,
        "n_examples": group.n_examples,
        "seconds": group.seconds,
        "provenance": group.provenance,
    }
    write_sealed(path, FORMAT, VERSION, attributes, {**group.history, **tensors}, rows_per_checksum=1)


def read_group(path):
    """A trained group without its tensors.

    Returns
    -------
    Group

    Raises
    ------
    InputError
        If the file is of another format, or does not fit what it says of itself.
    """
    with open_sealed(path, FORMAT, VERSION) as file:
        return _read_group(path, file)


def check_expected(path, group, digest):
    """Refuse a file of another group than its folder names, or of another config's.

    Parameters
    ----------
    path : path
        Of the file, in a folder with the group's name.
    group : Group
        What it holds.
    digest : str
        `mimic.shallow.grid.group_digest` of the group in the config.

    Raises
    ------
    InputError
        In one line: the file, what was expected and what was found.
    """
    named, seed = Path(path).absolute().parent.name, group.provenance.get("seed")
    if group.name != named:
        raise InputError(f"{path}: expected group {named}, as its folder is named, got {group.name}")
    found = group_digest(group.name, group.settings, seed)
    if found != digest:
        raise InputError(
            f"{path}: expected the settings and seed of the config (digest {digest[:16]}), got those of "
            f"another run (digest {found}, seed {str(seed)[:20]}); {MAKE_AGAIN}"
        )


def read_nets(path, rows, tensor_shapes):
    """Tensors of some nets of a group.

    Parameters
    ----------
    path : path
    rows : sequence of int
    tensor_shapes : callable, Shape -> (dict, dict)
        See `mimic.shallow.nets.tensor_shapes`.

    Returns
    -------
    group : Group
    nets : list of dict of str to float32 array
        In the order of `rows`.
    """
    with open_sealed(path, FORMAT, VERSION) as file:
        group = _read_group(path, file)
        nets = [{} for _ in rows]
        for name in _tensors(path, file, group, tensor_shapes):
            for net, row in zip(nets, rows, strict=True):
                net[name] = file.read(name, row, row + 1)[0]
        return group, nets


def _tensors(path, file, group, tensor_shapes):
    """Names of the nets' tensors, which must be there in their shapes, and no other array."""
    n_nets = len(group.settings.nets())
    weights, statistics = tensor_shapes(group.shape)
    shapes = weights | statistics
    for name, size in shapes.items():
        file.array(name, np.float32, (n_nets, *size))
    more = sorted(file.arrays.keys() - {*shapes, *HISTORY})
    if more:
        raise InputError(f"{path}: expected {', '.join([*HISTORY, *shapes])}, got also {more[0][:60]}")
    return list(shapes)


def _read_group(path, file):
    found = file.attributes
    try:
        settings = GroupSettings.model_validate(found.get("settings"))
    except ValidationError as error:
        raise InputError(validation_message(error, f"{path}: settings")) from None
    n_nets = math.prod(len(getattr(settings.axes, axis)) for axis in AXES)
    if n_nets > _MOST:
        raise InputError(f"{path}: settings: expected at most {_MOST:,} nets, got {n_nets:,}")
    name, dataset, image = found.get("group"), found.get("dataset"), found.get("image_shape")
    sizes = (settings.n_layers, settings.n_filters, settings.kernel_size, settings.batch_norm)
    if not isinstance(dataset, str) or name != group_name(dataset, *sizes):
        raise InputError(
            f"{path}: attribute group: expected a name that says {sizes[0]} layers and {sizes[1]} filters on "
            f"{str(dataset)[:60]!r}, got {str(name)[:60]!r}"
        )
    whole = isinstance(image, list) and len(image) == 3
    if not whole or not all(isinstance(side, int) and 1 <= side <= 4096 for side in image):
        raise InputError(f"{path}: attribute image_shape: expected three sizes, got {str(image)[:60]}")
    for key in ("n_classes", "n_examples"):
        if not isinstance(found.get(key), int) or not 1 <= found[key] < _MOST:
            raise InputError(f"{path}: attribute {key}: expected a number, got {str(found.get(key))[:60]}")
    seconds = found.get("seconds")
    if not isinstance(seconds, int | float) or not 0 <= seconds < np.inf:
        raise InputError(f"{path}: attribute seconds: expected seconds, got {str(seconds)[:60]}")
    history = {}
    for key in HISTORY:
        file.array(key, np.float32, (n_nets, settings.training.n_epochs))
        history[key] = file.read(key)
    return Group(
        name,
        dataset,
        settings,
        settings.shape(image, found["n_classes"]),
        found["n_examples"],
        history,
        float(seconds),
        read_provenance(file),
    )
