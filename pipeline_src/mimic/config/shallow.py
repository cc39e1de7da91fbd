"""Section ``shallow``: sequential against parallel residual nets (arXiv 2309.08414)."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from mimic.config.base import Settings
from mimic.config.data import DataSettings

#: Shape of an image by source; Reading: digits are taken as they are, not padded to 32x32 colour images.
IMAGE_SHAPES = {"mnist": (1, 28, 28)}
COLOUR_SHAPE = (3, 32, 32)
#: Layouts of the residual layers; at one layer they are the same function.
LAYOUTS = ("sequential", "parallel")
_MOST_IMAGES = 100_000_000
DatasetName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]{0,19}$")]


def image_shape(source):
    """Channels, height and width of the images of a source, as the grid's nets take them."""
    return IMAGE_SHAPES.get(source, COLOUR_SHAPE)


def _each_once(values):
    # 1 and True, or 1 and 1.0, are equal to Python, and have one count
    counts = Counter(values)
    for value in values:
        if counts[value] > 1:
            raise ValueError(f"expected each value once, got {value!r} twice")
    return values


def _odd(value):
    if value % 2 == 0:
        raise ValueError(f"expected an odd size, since the padding is the same on all sides, got {value}")
    return value


class ShallowDataset(Settings):
    """A dataset of the grid; its test images validate, as in the paper, and choose nothing."""

    source: Literal["cifar10", "mnist", "imagefolder", "shapes"] = Field(
        description="As data.source; the digits of mnist are taken as they are, 28x28 and grey"
    )
    path: str | None = Field(description="Folder of the images; ${NAME} is taken from the environment")
    download: bool = Field(description="Download cifar10 or mnist when absent")
    n_train: int = Field(ge=1, le=_MOST_IMAGES, description="Training images")
    n_test: int = Field(ge=1, le=_MOST_IMAGES, description="Test images, which validate")

    @model_validator(mode="after")
    def _path_where_needed(self):
        if self.source != "shapes" and not self.path:
            raise ValueError(f"path is needed for source {self.source}")
        return self

    def as_data(self):
        """The same as a section ``data`` without validation images."""
        return DataSettings(n_validation=0, **self.model_dump())


def _list(kind):
    return Annotated[list[kind], AfterValidator(_each_once), Field(min_length=1)]


class NetAxes(Settings):
    """The axes in which nets of equal tensors differ."""

    layout: _list(Literal[LAYOUTS]) = Field(
        description="sequential: x <- x + f_i(x), layer by layer; parallel: x + sum of all f_i(x)"
    )
    padding: _list(Literal["zeros", "reflect", "replicate", "circular"]) = Field(
        description="What lies beyond the image's edge; outputs keep its size"
    )
    activation: _list(Literal["relu", "leaky_relu", "elu", "silu", "gelu", "tanh", "sigmoid"]) = Field(
        description="Of the residual layers; the first convolution has none"
    )
    optimiser: _list(Literal["rmsprop", "sgd", "adam"]) = Field(description="Update rule")
    initialiser: _list(Literal["glorot_uniform", "glorot_normal", "he_uniform", "he_normal"]) = Field(
        description="Of all weights; biases start at zero"
    )
    learning_rate: _list(Annotated[float, Field(gt=0, strict=False)]) = Field(description="Constant rate")
    seed: _list(Annotated[int, Field(ge=0)]) = Field(description="Repetitions: seeds of the weights")


class ShallowGrid(NetAxes):
    """The axes; every combination of their values is a net to train."""

    dataset: _list(DatasetName) = Field(description="Names of `shallow.datasets`")
    n_layers: _list(Annotated[int, Field(ge=1, le=256)]) = Field(description="Residual layers")
    n_filters: _list(Annotated[int, Field(ge=1, le=4096)]) = Field(description="Channels of every layer")
    kernel_size: _list(Annotated[int, Field(ge=1), AfterValidator(_odd)]) = Field(
        description="Width of the square kernels"
    )
    batch_norm: _list(bool) = Field(description="Batch normalisation between convolution and activation")


class ShallowTraining(Settings):
    """How every net of the grid is trained; all of them see the images in the same order."""

    batch_size: int = Field(ge=1, description="Images a step")
    n_epochs: int = Field(ge=1, le=100_000, description="Passes over the training images")
    rho: float = Field(ge=0, lt=1, description="rmsprop: decay of the mean square of the gradient")
    momentum: float = Field(ge=0, lt=1, description="sgd: Nesterov momentum")
    betas: tuple[
        Annotated[float, Field(ge=0, lt=1, strict=False)], Annotated[float, Field(ge=0, lt=1, strict=False)]
    ] = Field(strict=False, description="adam: decay of the means of the gradient and of its square")
    epsilon: float = Field(gt=0, description="rmsprop, adam: added to the root of the mean square")
    precision: Literal["float32", "tf32"] = Field(
        description="Of convolutions and products on a GPU: tf32 rounds their factors to ten bits"
    )
    memory_mb: int = Field(
        ge=64,
        description="Memory of a stack's tensors; groups are split into stacks and batches into parts",
    )


class ExpansionSettings(Settings):
    """The expansion of trained sequential nets into orders; the parallel net is its first one."""

    n_nets: int = Field(
        ge=0,
        description="Sequential nets of each group that are expanded: the first, as they stand in "
        "`losses.csv`, whose last losses are finite; 0 for none",
    )
    n_images: int = Field(ge=1, description="Test images that are passed through the sub-stacks")
    max_order: int = Field(ge=1, le=32, description="Highest order that is told apart from the rest")


class ShallowSettings(Settings):
    """Step ``shallow``: the grid of the second paper."""

    datasets: dict[DatasetName, ShallowDataset] = Field(
        description="By name; `grid.dataset` says which are trained on"
    )
    grid: ShallowGrid
    training: ShallowTraining
    q_edges: _list(Annotated[float, Field(ge=0, strict=False)]) = Field(
        description="Edges of the intervals of Q = examples x outputs / parameters; the last one is open, "
        "nets below the first edge are in none"
    )
    expansion: ExpansionSettings

    @model_validator(mode="after")
    def _kernels_fit(self):
        for name in self.grid.dataset:
            if name not in self.datasets:
                known = ", ".join(self.datasets) or "none"
                raise ValueError(f"grid.dataset: expected names of shallow.datasets ({known}), got {name!r}")
            side = min(image_shape(self.datasets[name].source)[1:])
            too_large = [size for size in self.grid.kernel_size if size > side]
            if too_large:
                raise ValueError(
                    f"grid.kernel_size: expected at most {side}, the side of the images of {name}, "
                    f"got {too_large[0]}"
                )
        return self

    @model_validator(mode="after")
    def _edges_rise(self):
        if sorted(self.q_edges) != list(self.q_edges):
            raise ValueError(f"q_edges: expected rising values, got {self.q_edges}")
        return self
