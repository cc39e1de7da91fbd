"""The student families by their layers (Urban 2.8, 6.1, 6.3), and budgets as they are written.

Another family is another line of `SHAPES`. Its net is made of these layers:

==============  ==================================================================================
name            layer
==============  ==================================================================================
``conv...``     convolution with "same" padding, then ReLU
``mp``          max-pool; a dropout layer follows it in a net trained on hard labels
``bottleneck``  linear layer without biases
``hidden...``   fully connected layer, then ReLU; dropout follows the last one on hard labels
==============  ==================================================================================

A family without convolutions is a perceptron: hidden layers, before them a bottleneck or none.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field


@dataclass(frozen=True)
class Shape:
    """What the nets of a family have in common.

    Parameters
    ----------
    layers : str
        Names in forward order, unique but for ``mp``; a linear layer of logits follows.
    dependent : str
        The layer whose width is solved for, so that the net meets its budget.
    free : dict of str to tuple of str
        By constant of the search (``C1``, ``C2``) the layers whose widths it sets within
        ``students.width_bounds``. Empty: the search draws a ratio for each layer, and the last is dependent.
    kernel, pool : int
        Size of all convolutions and of all pools.
    """

    layers: str
    dependent: str
    free: dict = field(default_factory=dict)
    kernel: int = 5
    pool: int = 2

    def __post_init__(self):
        names = self.names()
        free = [name for layers in self.free.values() for name in layers] or names[:-1]
        if len(set(names)) != len(names) or sorted([*free, self.dependent]) != sorted(names):
            raise ValueError(
                f"shape {self.layers!r}: expected each width once, in free or as the dependent one"
            )
        if not self.has_convolutions() and ("mp" in self.layers.split() or "bottleneck" in names[1:]):
            raise ValueError(f"shape {self.layers!r}: expected hidden layers after at most a bottleneck")

    def names(self):
        """Layers with a width, in forward order."""
        return [name for name in self.layers.split() if name != "mp"]

    def n_pools(self):
        """Pools, each with a dropout rate of its own on hard labels."""
        return self.layers.split().count("mp")

    def has_convolutions(self):
        """Whether the family counts as convolutional in tables and figures."""
        return any(name.startswith("conv") for name in self.names())


SHAPES = {
    "mlp1": Shape("bottleneck hidden", "bottleneck", {"C1": ("hidden",)}),
    "mlp2": Shape("hidden1 hidden2", "hidden2"),
    "mlp3": Shape("hidden1 hidden2 hidden3", "hidden3"),
    "mlp4": Shape("hidden1 hidden2 hidden3 hidden4", "hidden4"),
    "mlp5": Shape("hidden1 hidden2 hidden3 hidden4 hidden5", "hidden5"),
    "cnn1": Shape("conv1 mp bottleneck hidden", "bottleneck", {"C1": ("conv1",), "C2": ("hidden",)}, pool=3),
    "cnn2": Shape("conv1 mp conv2 mp hidden", "hidden", {"C1": ("conv1",), "C2": ("conv2",)}),
    "cnn3": Shape(
        "conv1 mp conv2 mp conv3 mp hidden", "hidden", {"C1": ("conv1",), "C2": ("conv2", "conv3")}
    ),
    "cnn4": Shape(
        "conv1 mp conv2 conv3 mp conv4 mp hidden",
        "hidden",
        {"C1": ("conv1", "conv2"), "C2": ("conv3", "conv4")},
    ),
}
CNN_FAMILIES = tuple(name for name, shape in SHAPES.items() if shape.has_convolutions())
MLP_FAMILIES = tuple(name for name in SHAPES if name not in CNN_FAMILIES)
FAMILIES = MLP_FAMILIES + CNN_FAMILIES
#: Dropout is searched for three pools at most (Urban 6.2).
HARD_LABEL_FAMILIES = tuple(name for name in CNN_FAMILIES if SHAPES[name].n_pools() <= 3)
Family = Literal[FAMILIES]


def parse_budget(label):
    """Number of parameters of a budget written as ``316k``, ``3.16M`` or ``10M``.

    Raises
    ------
    ValueError
        If the label is written otherwise, or is no whole number of parameters.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([kM])", str(label))
    if not match:
        raise ValueError("expected a budget such as 316k, 3.16M or 10M")
    count = Decimal(match[1]) * {"k": 1000, "M": 1_000_000}[match[2]]
    if count != int(count) or count == 0:
        raise ValueError("expected a whole, positive number of parameters")
    return int(count)


def _checked_budget(label):
    parse_budget(label)
    return label


Budget = Annotated[
    str,
    AfterValidator(_checked_budget),
    Field(description="Trainable parameters, biases included: 316k, 3.16M, 10M"),
]
