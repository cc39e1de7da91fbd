"""A net as data: a tuple of layers, its shapes, parameters, multiply-adds and the paper's notation.

Counting needs no torch, so a config is checked against its budgets before any job starts.
"""

import itertools
import math
from dataclasses import asdict, dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from mimic.cli import InputError, validation_message
from mimic.config.base import MAX_WIDTH

Width = Annotated[int, Field(ge=1, le=MAX_WIDTH)]
_closed = ConfigDict(extra="forbid", strict=True)


@checked_dataclass(frozen=True, config=_closed)
class Conv:
    """Convolution with stride 1, "same" zero padding and biases, then ReLU."""

    filters: Width
    kernel: Annotated[int, Field(ge=1, le=31)]
    kind: Literal["conv"] = "conv"


@checked_dataclass(frozen=True, config=_closed)
class Pool:
    """Max-pool over size x size windows that do not overlap; a remainder at the border is dropped."""

    size: Annotated[int, Field(ge=2, le=32)]
    kind: Literal["pool"] = "pool"


@checked_dataclass(frozen=True, config=_closed)
class Dropout:
    """Dropout while training."""

    rate: Annotated[float, Field(ge=0, lt=1)]
    kind: Literal["dropout"] = "dropout"


@checked_dataclass(frozen=True, config=_closed)
class Dense:
    """Fully connected layer with biases, then ReLU; the input is flattened first."""

    units: Width
    kind: Literal["dense"] = "dense"


@checked_dataclass(frozen=True, config=_closed)
class Bottleneck:
    """Linear layer without biases or ReLU: W of the next layer factorised as U V.

    Reading: no biases, since those of the next layer can express them.
    """

    units: Width
    kind: Literal["bottleneck"] = "bottleneck"


Layer = Annotated[Conv | Pool | Dropout | Dense | Bottleneck, Field(discriminator="kind")]


@checked_dataclass(frozen=True, config=_closed)
class Architecture:
    """Layers from the image to the last hidden layer; a linear layer of `n_classes` logits follows."""

    layers: Annotated[tuple[Layer, ...], Field(max_length=1000)]
    n_classes: Annotated[int, Field(ge=2, le=100_000)]
    input_shape: tuple[Width, Width, Width] = (3, 32, 32)

    def __post_init__(self):
        for row in _walk(self):
            if min(row.output_shape) < 1:
                raise ValueError(f"layer {row.name} has no output left: {row.output_shape}")


@dataclass(frozen=True)
class LayerRow:
    """One line of a net's table: name, shape that comes out, parameters, multiply-adds an image."""

    name: str
    output_shape: tuple
    n_parameters: int
    n_multiply_adds: int


def _walk(architecture):
    shape = tuple(architecture.input_shape)
    for layer in (*architecture.layers, None):
        if layer is None or layer.kind in ("dense", "bottleneck"):
            n_in = shape[0] if len(shape) == 1 else shape[0] * shape[1] * shape[2]
            n_out = architecture.n_classes if layer is None else layer.units
            biases = 0 if layer is not None and layer.kind == "bottleneck" else n_out
            name = f"{n_out} logits" if layer is None else f"{n_out} {layer.kind}"
            shape = (n_out,)
            yield LayerRow(name, shape, n_in * n_out + biases, n_in * n_out)
        elif layer.kind == "dropout":
            yield LayerRow(f"dropout {layer.rate:.3g}", shape, 0, 0)
        elif len(shape) == 1:
            raise ValueError(f"a {layer.kind} layer cannot follow a flat one")
        elif layer.kind == "pool":
            shape = (shape[0], shape[1] // layer.size, shape[2] // layer.size)
            yield LayerRow(f"max-pool {layer.size}x{layer.size}", shape, 0, 0)
        else:
            weights = shape[0] * layer.filters * layer.kernel**2
            shape = (layer.filters, *shape[1:])
            name = f"{layer.filters} conv {layer.kernel}x{layer.kernel}"
            yield LayerRow(name, shape, weights + layer.filters, weights * shape[1] * shape[2])


def layer_table(architecture):
    """The net layer by layer, logits included.

    Returns
    -------
    list of LayerRow
    """
    return list(_walk(architecture))


def count_parameters(architecture):
    """Trainable parameters, biases included."""
    return sum(row.n_parameters for row in _walk(architecture))


def count_multiply_adds(architecture):
    """Multiply-adds of one image's forward pass, biases and pools not counted."""
    return sum(row.n_multiply_adds for row in _walk(architecture))


def count_activations(architecture):
    """Values that all layers give for one image, logits included: a training step keeps some copies."""
    return sum(math.prod(row.output_shape) for row in _walk(architecture))


def notation(architecture):
    """The net as the paper writes it: ``76c^2-mp-126c^2-mp-148c^4-mp-1200fc^2``.

    ``c`` is a convolution, ``mp`` a max-pool, ``lfc`` a linear bottleneck, ``fc`` a fully connected ReLU
    layer; ``^n`` says that n such layers follow each other.
    """
    names = {"conv": "c", "dense": "fc", "bottleneck": "lfc"}
    parts = []
    for layer in architecture.layers:
        if layer.kind == "pool":
            parts.append("mp")
        elif layer.kind != "dropout":
            width = layer.filters if layer.kind == "conv" else layer.units
            parts.append(f"{width}{names[layer.kind]}")
    runs = [(part, len(list(run))) for part, run in itertools.groupby(parts)]
    return "-".join("-".join(n * ["mp"]) if part == "mp" else part + f"^{n}" * (n > 1) for part, n in runs)


def to_json_value(architecture):
    """The architecture as plain lists and dictionaries; `from_json_value` reads it back."""
    return asdict(architecture)


def from_json_value(value, where):
    """Architecture out of untrusted JSON.

    Raises
    ------
    InputError
        If it describes no net that can be built; `where` names the file.
    """
    try:
        return TypeAdapter(Architecture).validate_json(value)
    except ValidationError as error:
        raise InputError(validation_message(error, where)) from None
