"""A described net as a torch module, and its initial weights."""

import torch
from torch import nn
from torch.nn import functional

from mimic.models.dropout import Dropout


class Net(nn.Module):
    """A net built from its `architecture`.

    Parameters
    ----------
    architecture : mimic.models.architecture.Architecture
    input_scale : float
        Factor on the standardised input (Urban 6.3); 1 for teachers.

    Input: float tensor, shape (batch, 3, 32, 32), standardised. Output: logits, shape (batch, n_classes).
    """

    def __init__(self, architecture, input_scale=1.0):
        super().__init__()
        self.architecture = architecture
        self.input_scale = float(input_scale)
        self.layers = nn.Sequential(*_modules(architecture))

    def forward(self, images):
        return self.layers(images if self.input_scale == 1.0 else images * self.input_scale)


def _modules(architecture):
    shape = tuple(architecture.input_shape)
    n_in = shape[0] * shape[1] * shape[2]
    flat = rectify = False
    for layer in architecture.layers:
        if rectify and layer.kind != "pool":
            yield nn.ReLU(inplace=True)
            rectify = False
        if layer.kind == "conv":
            yield Conv2d(shape[0], layer.filters, layer.kernel, padding="same")
            shape, rectify = (layer.filters, *shape[1:]), True
        elif layer.kind == "pool":
            # The largest of rectified values is the rectified largest, gradients too: to the same bits, on a
            # fraction of the values.
            yield nn.MaxPool2d(layer.size)
            if rectify:
                yield nn.ReLU(inplace=True)
            rectify = False
            shape = (shape[0], shape[1] // layer.size, shape[2] // layer.size)
        elif layer.kind == "dropout":
            yield Dropout(layer.rate)
        else:
            if not flat:
                yield Flatten(shape[0])
                flat = True
            yield nn.Linear(n_in, layer.units, bias=layer.kind == "dense")
            if layer.kind == "dense":
                yield nn.ReLU(inplace=True)
            n_in = layer.units
            continue
        n_in = n_in if flat else shape[0] * shape[1] * shape[2]
    if rectify:
        yield nn.ReLU(inplace=True)
    if not flat:
        yield Flatten(shape[0])
    yield nn.Linear(n_in, architecture.n_classes)


class Conv2d(nn.Conv2d):
    """Convolution that can work on more channels than it has, those beyond being zeros.

    Tensor cores take channels in groups of eight, while the paper's widths are arbitrary. With `alignment`
    8 the output has the next multiple of eight channels; those beyond its filters, and their gradients, are
    zero, so that logits and weights are those of the net as described.
    """

    alignment = 1

    def forward(self, images):
        n_out, n_in = self.weight.shape[:2]
        more_out, more_in = -n_out % self.alignment, images.shape[1] - n_in
        if more_out == more_in == 0:
            return super().forward(images)
        weight = functional.pad(self.weight, (0, 0, 0, 0, 0, more_in, 0, more_out))
        return self._conv_forward(images, weight, functional.pad(self.bias, (0, more_out)))


class Flatten(nn.Flatten):
    """Flatten of the channels that the net describes; `Conv2d` may give more."""

    def __init__(self, n_channels):
        super().__init__()
        self.n_channels = n_channels

    def forward(self, images):
        return super().forward(images[:, : self.n_channels])


def initialise(net, scale, generator):
    """Glorot-uniform weights times a factor, biases zero (Urban 2.7, 6.3).

    Parameters
    ----------
    net : Net
        On the CPU, so that the draws are the same for every device.
    scale : float
        Initialisation coefficient.
    generator : torch.Generator
    """
    for module in net.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight, gain=scale, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def new_net(architecture, init_scale, seed, input_scale=1.0):
    """A net with initial weights that depend on its seed alone."""
    net = Net(architecture, input_scale)
    initialise(net, init_scale, torch.Generator().manual_seed(seed))
    return net
