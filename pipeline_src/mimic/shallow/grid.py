"""The nets of the grid, and the groups in which they are trained. Imports no torch: the workflow reads it.

A group holds all nets with equal tensors: one job, one file. Its nets differ in layout, padding, activation,
initialiser, optimiser, learning rate and seed; both layouts have the same tensors.

Symbols: K training images, M classes, P parameters of a net; Q = K M / P.
"""

import itertools
import math
import re
from dataclasses import dataclass, fields

from pydantic import Field

from mimic.artifact import digest_json
from mimic.cli import InputError
from mimic.config.base import Settings
from mimic.config.shallow import NetAxes, ShallowTraining

_NAME = re.compile(r"([a-z][a-z0-9]*)-L(\d+)-F(\d+)-K(\d+)(-BN)?")


@dataclass(frozen=True)
class Shape:
    """What decides the tensors of a net.

    Parameters
    ----------
    image : tuple of int
        Channels, height, width.
    n_classes : int
        Outputs, M.
    n_layers, n_filters, kernel_size : int
    batch_norm : bool
    """

    image: tuple
    n_classes: int
    n_layers: int
    n_filters: int
    kernel_size: int
    batch_norm: bool

    @property
    def n_features(self):
        """Inputs of the dense layer."""
        return self.n_filters * self.image[1] * self.image[2]

    @property
    def n_parameters(self):
        """Trained numbers of a net, P; the same for both layouts."""
        area, f = self.kernel_size**2, self.n_filters
        stem = f * (self.image[0] * area + 1)
        layers = self.n_layers * f * (f * area + 1 + 2 * self.batch_norm)
        return stem + layers + self.n_classes * (self.n_features + 1)


@dataclass(frozen=True)
class NetSettings:
    """What tells the nets of a group apart."""

    layout: str
    padding: str
    activation: str
    optimiser: str
    initialiser: str
    learning_rate: float
    seed: int


#: Nets that agree in these run through the same operations, and are trained as one; the first of the axes, so
#: that such nets stand side by side.
STACKED_BY = ("layout", "padding", "activation", "optimiser")
AXES = tuple(field.name for field in fields(NetSettings))


class GroupSettings(Settings):
    """What a group's job is given: its part of the grid, and how nets are trained."""

    n_layers: int = Field(ge=1)
    n_filters: int = Field(ge=1)
    kernel_size: int = Field(ge=1)
    batch_norm: bool
    axes: NetAxes
    training: ShallowTraining

    def nets(self):
        """The nets of the group, in the order of their file: seeds change fastest.

        Returns
        -------
        list of NetSettings
        """
        return [
            NetSettings(**dict(zip(AXES, values, strict=True)))
            for values in itertools.product(*(getattr(self.axes, axis) for axis in AXES))
        ]

    def shape(self, image, n_classes):
        """`Shape` of the group's nets on images of a shape."""
        return Shape(
            tuple(image), n_classes, self.n_layers, self.n_filters, self.kernel_size, self.batch_norm
        )


def group_name(dataset, n_layers, n_filters, kernel_size, batch_norm):
    """Name of a group, such as ``mnist-L4-F8-K3``."""
    return f"{dataset}-L{n_layers}-F{n_filters}-K{kernel_size}{'-BN' if batch_norm else ''}"


def groups_of(settings):
    """The groups of the grid: the settings of each by its name.

    Parameters
    ----------
    settings : mimic.config.shallow.ShallowSettings

    Returns
    -------
    dict of str to (dataset name, GroupSettings)
        In the order of datasets, filters, layers: cheap ones first.
    """
    grid, found = settings.grid, {}
    axes = NetAxes(**{axis: getattr(grid, axis) for axis in AXES})
    for dataset in grid.dataset:
        for f, n, k, norm in itertools.product(
            grid.n_filters, grid.n_layers, grid.kernel_size, grid.batch_norm
        ):
            group = GroupSettings(
                n_layers=n, n_filters=f, kernel_size=k, batch_norm=norm, axes=axes, training=settings.training
            )
            found[group_name(dataset, n, f, k, norm)] = (dataset, group)
    return found


def group_digest(name, settings, seed):
    """What a group is, in sixteen digits: the rules and the readers of its file compute it alike.

    Parameters
    ----------
    name : str
    settings : GroupSettings
    seed : int
        Of the run.

    Returns
    -------
    str
    """
    return digest_json({"group": name, "settings": settings.model_dump(mode="json"), "seed": seed})[:16]


def parse_group(name):
    """Name of the dataset of a group.

    Raises
    ------
    InputError
        If it is no name of a group.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise InputError(f"group: expected a name such as mnist-L4-F8-K3, got {name!r}")
    return match[1]


def examples_per_parameter(n_examples, n_outputs, n_parameters):
    """Q = K M / P of the paper: how many numbers there are to learn for each parameter."""
    return n_examples * n_outputs / n_parameters


def interval_of(q, edges):
    """Index of the half-open interval of Q, None below the first edge.

    Parameters
    ----------
    q : float
    edges : sequence of float
        Rising; the last interval has no end.
    """
    found = [index for index, edge in enumerate(edges) if q >= edge]
    return found[-1] if found else None


def intervals(edges):
    """The intervals as (low, high), the last one up to infinity."""
    return list(zip(edges, [*edges[1:], math.inf], strict=True))
