"""Multi-layer perceptrons (Urban 2.8, 6.3): one to five hidden ReLU layers.

Only the net with one hidden layer has a linear bottleneck before it. Reading: the paper's text says that
nets with 0 or 1 convolutions have one; Table 2 names it in the row "Bottleneck, 1 hidden layer" alone.
"""

from mimic.models.architecture import Architecture, Bottleneck, Dense


def mlp_architecture(hidden_units, n_classes, bottleneck=None):
    """A perceptron.

    Parameters
    ----------
    hidden_units : sequence of int
        Units of each hidden ReLU layer, from the image on.
    n_classes : int
    bottleneck : int or None
        Units of a linear layer before the first hidden one.

    Returns
    -------
    Architecture
    """
    first = () if bottleneck is None else (Bottleneck(bottleneck),)
    return Architecture((*first, *(Dense(units) for units in hidden_units)), n_classes)
