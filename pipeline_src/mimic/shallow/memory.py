"""How many nets are trained as one stack, and how many images of a batch at once, so that memory suffices.

Computed from what is allocated: every net has its weights, their gradient, the optimiser's means and the
temporaries of its step; every image of a part the outputs of each layer and their gradients. Without batch
normalisation a batch may be passed in parts whose gradients add up; with it the batch must be whole.
"""

import math
from dataclasses import dataclass

from mimic.cli import InputError
from mimic.config.shallow import image_shape

_FLOAT_BYTES = 4
_COPIES_OF_WEIGHTS = 7  # weights, gradient, two means, three temporaries of the step
_OUTPUTS_A_LAYER = 3  # of the convolution, of the activation, their sum; gradients replace them
_OUTPUTS_BESIDE = 5  # of the first convolution, the dense layer's inputs, gradients on their way
_CACHE_BYTES = 8_000_000  # outputs of a layer that a processor's cache holds
_SMALLEST_PART = 4


@dataclass(frozen=True)
class Division:
    """How a group's work is cut up."""

    nets: int
    images: int


def bytes_of_net(shape):
    """Bytes that a net takes however many images are passed."""
    return _COPIES_OF_WEIGHTS * _FLOAT_BYTES * shape.n_parameters


def bytes_of_image(shape, padding="zeros"):
    """Bytes that an image takes in each net that it is passed through."""
    outputs = _OUTPUTS_A_LAYER + shape.batch_norm + (padding != "zeros")
    n_values = shape.n_filters * shape.image[1] * shape.image[2]
    return _FLOAT_BYTES * n_values * (_OUTPUTS_BESIDE + outputs * shape.n_layers)


def divide(shape, n_nets, training, on_cpu, parallel, padding="zeros"):
    """Nets a stack and images a part.

    Parameters
    ----------
    shape : mimic.shallow.grid.Shape
    n_nets : int
        That could be trained as one.
    training : mimic.config.shallow.ShallowTraining
        Its ``memory_mb`` is what all tensors of a stack may take.
    on_cpu : bool
        Keep the outputs of a layer in the cache.
    parallel : bool
        The outputs of all layers are there at once.
    padding : str

    Returns
    -------
    Division

    Raises
    ------
    InputError
        If one net does not fit.
    """
    room = training.memory_mb * 1_000_000
    net, image = bytes_of_net(shape), bytes_of_image(shape, padding)
    least = training.batch_size if shape.batch_norm else 1
    if net + least * image > room:
        size, whole = shape.kernel_size, f" with batch_norm on batches of {least}" if shape.batch_norm else ""
        raise InputError(
            f"shallow.training.memory_mb: expected at least {math.ceil((net + least * image) / 1e6):,} "
            f"for a net of {shape.n_layers} layers of {shape.n_filters} filters of {size}x{size} on images "
            f"of {shape.image[1]}x{shape.image[2]}{whole}, got {training.memory_mb:,}"
        )
    if shape.batch_norm:
        return Division(min(n_nets, int(room // (net + least * image))), training.batch_size)
    wanted = min(training.batch_size, _SMALLEST_PART)
    nets = max(1, min(n_nets, int(room // (net + wanted * image))))
    images = max(1, min(training.batch_size, int((room - nets * net) // (nets * image))))
    if on_cpu:
        at_once = shape.n_layers if parallel else 1
        output = _FLOAT_BYTES * nets * shape.n_features * at_once
        images = min(images, max(_SMALLEST_PART, _CACHE_BYTES // output))
    return Division(nets, images)


def check_memory(settings, source, n_classes):
    """Refuse a group of which one net does not fit into memory.

    Parameters
    ----------
    settings : mimic.shallow.grid.GroupSettings
    source : str
        Of the images, see `mimic.config.shallow.image_shape`.
    n_classes : int

    Raises
    ------
    InputError
        Says what would suffice.
    """
    shape = settings.shape(image_shape(source), n_classes)
    for padding in settings.axes.padding:
        divide(shape, 1, settings.training, on_cpu=False, parallel=False, padding=padding)
