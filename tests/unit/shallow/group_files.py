"""Files of groups whose histories are invented, and whose tensors are those at the start."""

import numpy as np
import torch

from mimic.config.shallow import ShallowTraining
from mimic.shallow.grid import GroupSettings, group_name
from mimic.shallow.nets import initial_tensors
from mimic.shallow.store import HISTORY, Group, write_group

TRAINING = ShallowTraining(
    batch_size=4,
    n_epochs=3,
    rho=0.9,
    momentum=0.9,
    betas=(0.9, 0.999),
    epsilon=1e-7,
    precision="float32",
    memory_mb=64,
)


def make_group(dataset="mnist", image=(1, 28, 28), n_examples=600, n_classes=10, digest="d1g3st", **changes):
    """A group of random losses; `changes` replace its sizes, or axes of its nets."""
    sizes = {"n_layers": 2, "n_filters": 1, "kernel_size": 3, "batch_norm": False}
    axes = {
        "layout": ["sequential", "parallel"],
        "padding": ["zeros"],
        "activation": ["relu"],
        "optimiser": ["rmsprop"],
        "initialiser": ["glorot_uniform"],
        "learning_rate": [0.001],
        "seed": [0, 1],
    }
    sizes |= {key: value for key, value in changes.items() if key in sizes}
    axes |= {key: value for key, value in changes.items() if key in axes}
    settings = GroupSettings(**sizes, axes=axes, training=TRAINING)
    generator = np.random.default_rng(0)
    history = {
        name: generator.uniform(0.1, 0.9, (len(settings.nets()), 3)).astype(np.float32) for name in HISTORY
    }
    name = group_name(dataset, *sizes.values())
    shape = settings.shape(image, n_classes)
    made = {"seed": 7, "sources": {"dataset": digest}}
    return Group(name, dataset, settings, shape, n_examples, history, 1.5, made)


def write_group_file(folder, group):
    """The group's file; gives its path."""
    path = folder / group.name / "nets.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn = [
        initial_tensors(group.shape, net.initialiser, 100 + i) for i, net in enumerate(group.settings.nets())
    ]
    write_group(path, group, {name: torch.stack([of[name] for of in drawn]).numpy() for name in drawn[0]})
    return str(path)
