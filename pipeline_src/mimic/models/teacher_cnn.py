"""Deep teachers (Urban 2.7): c^2-mp-c^2-mp-c^4-mp-fc^2 with 3x3 filters and 2x2 max-pools."""

from mimic.models.architecture import Architecture, Conv, Dense, Dropout, Pool


def teacher_architecture(filters, hidden_units, conv_dropout, fc_dropout, n_classes):
    """Teacher with dropout after each pool and after each hidden layer, no batch norm.

    Parameters
    ----------
    filters : sequence of 3 int
        Filters of the two, two and four convolutions before the three pools.
    hidden_units : int
        Of both fully connected ReLU layers.
    conv_dropout : sequence of 3 float
        Dropout rates after the three pools.
    fc_dropout : sequence of 2 float
        Dropout rates after the two hidden layers.
    n_classes : int

    Returns
    -------
    Architecture
    """
    layers = []
    for n_convs, width, rate in zip((2, 2, 4), filters, conv_dropout, strict=True):
        layers += [Conv(width, 3)] * n_convs + [Pool(2), Dropout(rate)]
    for rate in fc_dropout:
        layers += [Dense(hidden_units), Dropout(rate)]
    return Architecture(tuple(layers), n_classes)
