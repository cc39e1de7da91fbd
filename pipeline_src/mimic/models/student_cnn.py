"""Shallow convolutional nets (Urban 2.8, 6.2): one to four 5x5 convolutions, one hidden ReLU layer.

=======  =======================  ================================
family   shape                    widths
=======  =======================  ================================
cnn1     c-mp-lfc-fc              conv1 bottleneck hidden
cnn2     c-mp-c-mp-fc             conv1 conv2 hidden
cnn3     c-mp-c-mp-c-mp-fc        conv1 conv2 conv3 hidden
cnn4     c-mp-c-c-mp-c-mp-fc      conv1 conv2 conv3 conv4 hidden
=======  =======================  ================================

Pools are 2x2, except 3x3 in cnn1. The families stand in `mimic.config.families`.
"""

from mimic.config.families import SHAPES
from mimic.models.architecture import Architecture, Bottleneck, Conv, Dense, Dropout, Pool


def cnn_architecture(family, widths, n_classes, conv_dropout=(), fc_dropout=None):
    """A shallow CNN of a family.

    Parameters
    ----------
    family : str
        Key of `mimic.config.families.SHAPES`.
    widths : dict of str to int
        Filters or units of every named layer of the family.
    n_classes : int
    conv_dropout : sequence of float
        Rate after each pool; empty for none (students have none).
    fc_dropout : float or None
        Rate after the last hidden layer.

    Returns
    -------
    Architecture
    """
    shape = SHAPES[family]
    rates = iter(conv_dropout)
    layers = []
    for name in shape.layers.split():
        if name == "mp":
            layers.append(Pool(shape.pool))
            rate = next(rates, None)
            layers += [] if rate is None else [Dropout(rate)]
        elif name == "bottleneck":
            layers.append(Bottleneck(widths[name]))
        elif name.startswith("conv"):
            layers.append(Conv(widths[name], shape.kernel))
        else:
            layers.append(Dense(widths[name]))
    layers += [] if fc_dropout is None else [Dropout(fc_dropout)]
    return Architecture(tuple(layers), n_classes)
