"""Shallow convolutional nets (Urban 2.8, 6.2): one to four 5x5 convolutions, one hidden ReLU layer.

=======  =======================  ================================
family   shape                    widths
=======  =======================  ================================
cnn1     c-mp-lfc-fc              conv1 bottleneck hidden
cnn2     c-mp-c-mp-fc             conv1 conv2 hidden
cnn3     c-mp-c-mp-c-mp-fc        conv1 conv2 conv3 hidden
cnn4     c-mp-c-c-mp-c-mp-fc      conv1 conv2 conv3 conv4 hidden
=======  =======================  ================================

Pools are 2x2, except 3x3 in cnn1.
"""

from mimic.models.architecture import Architecture, Bottleneck, Conv, Dense, Dropout, Pool

SHAPES = {
    "cnn1": ("conv1", "mp", "bottleneck", "hidden"),
    "cnn2": ("conv1", "mp", "conv2", "mp", "hidden"),
    "cnn3": ("conv1", "mp", "conv2", "mp", "conv3", "mp", "hidden"),
    "cnn4": ("conv1", "mp", "conv2", "conv3", "mp", "conv4", "mp", "hidden"),
}


def cnn_architecture(family, widths, n_classes, conv_dropout=(), fc_dropout=None):
    """A shallow CNN of a family.

    Parameters
    ----------
    family : str
        Key of `SHAPES`.
    widths : dict of str to int
        Filters or units of every named layer of the family.
    n_classes : int
    conv_dropout : sequence of float
        Rate after each pool; empty for none (students have none).
    fc_dropout : float or None
        Rate after the hidden layer.

    Returns
    -------
    Architecture
    """
    pool_size = 3 if family == "cnn1" else 2
    rates = iter(conv_dropout)
    layers = []
    for name in SHAPES[family]:
        if name == "mp":
            layers.append(Pool(pool_size))
            rate = next(rates, None)
            layers += [] if rate is None else [Dropout(rate)]
        elif name == "bottleneck":
            layers.append(Bottleneck(widths[name]))
        elif name == "hidden":
            layers.append(Dense(widths[name]))
        else:
            layers.append(Conv(widths[name], 5))
    layers += [] if fc_dropout is None else [Dropout(fc_dropout)]
    return Architecture(tuple(layers), n_classes)
