"""The nets of the second paper: a first convolution to F channels, L residual layers, a dense layer.

==========  ==================  ============================================================================
symbol      shape               meaning
==========  ==================  ============================================================================
x_0         (b, F, H, W)        output of the first convolution, without activation
f_i(x)      (b, F, H, W)        activation(convolution_i(x)), i = 1 ... L
sequential                      x_i = x_{i-1} + f_i(x_{i-1}); the dense layer reads x_L
parallel                        the dense layer reads x_0 + f_1(x_0) + ... + f_L(x_0)
==========  ==================  ============================================================================

Both are one module with the same tensors, so that those of corresponding layers can start equal. The layers'
tensors are one, with an axis of layers: all convolutions of a parallel net are one convolution to L F
channels.
"""

import torch
import torch.nn.functional as F
from torch import nn

from mimic.seeding import derive

ACTIVATIONS = {
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "silu": F.silu,
    "gelu": F.gelu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
}
INITIALISERS = {
    "glorot_uniform": nn.init.xavier_uniform_,
    "glorot_normal": nn.init.xavier_normal_,
    "he_uniform": lambda tensor, generator: nn.init.kaiming_uniform_(
        tensor, nonlinearity="relu", generator=generator
    ),
    "he_normal": lambda tensor, generator: nn.init.kaiming_normal_(
        tensor, nonlinearity="relu", generator=generator
    ),
}
_SHARE_OF_BATCH = 0.1  # of a batch in the running mean and variance, as torch has it


def tensor_shapes(shape):
    """Names and shapes of a net's tensors.

    Returns
    -------
    weights : dict of str to tuple of int
        Trained.
    statistics : dict of str to tuple of int
        Running mean and variance of batch normalisation.
    """
    k, f, n = shape.kernel_size, shape.n_filters, shape.n_layers
    weights = {
        "stem_weight": (f, shape.image[0], k, k),
        "stem_bias": (f,),
        "layers_weight": (n, f, f, k, k),
        "layers_bias": (n, f),
        "dense_weight": (shape.n_classes, shape.n_features),
        "dense_bias": (shape.n_classes,),
    }
    if not shape.batch_norm:
        return weights, {}
    norm = {"norm_weight": (n, f), "norm_bias": (n, f)}
    return weights | norm, {"norm_mean": (n, f), "norm_variance": (n, f)}


class ResidualNet(nn.Module):
    """A sequential or a parallel net; see the module's table.

    Parameters
    ----------
    shape : mimic.shallow.grid.Shape
    layout : str
        ``sequential`` or ``parallel``.
    activation : str
        A key of `ACTIVATIONS`.
    padding : str
        ``zeros``, ``reflect``, ``replicate`` or ``circular``.
    """

    def __init__(self, shape, layout, activation="relu", padding="zeros"):
        super().__init__()
        self.shape, self.layout, self.padding = shape, layout, padding
        self.activation = ACTIVATIONS[activation]
        weights, statistics = tensor_shapes(shape)
        for name, size in weights.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(size)))
        for name, size in statistics.items():
            self.register_buffer(name, torch.zeros(size))

    def forward(self, images):
        """Logits.

        Parameters
        ----------
        images : float tensor, shape (b, channels, height, width)

        Returns
        -------
        float tensor, shape (b, n_classes)
        """
        x = self.stem(images)
        if self.layout == "parallel":
            return self.dense(x + self.terms(x).sum(1))
        for layer in range(self.shape.n_layers):
            x = x + self.term(layer, x)
        return self.dense(x)

    def stem(self, images):
        """x_0, float (b, F, H, W)."""
        return self._convolve(images, self.stem_weight, self.stem_bias)

    def term(self, layer, x):
        """f_i(x) of one layer, counted from 0; float (b, F, H, W)."""
        y = self._convolve(x, self.layers_weight[layer], self.layers_bias[layer])
        if self.shape.batch_norm:
            y = self._normalise(y, lambda tensor: tensor[layer])
        return self.activation(y)

    def terms(self, x):
        """f_1(x) ... f_L(x) by one convolution; float (b, L, F, H, W)."""
        y = self._convolve(x, self.layers_weight.flatten(0, 1), self.layers_bias.flatten())
        if self.shape.batch_norm:
            y = self._normalise(y, torch.flatten)
        return self.activation(y).unflatten(1, (self.shape.n_layers, self.shape.n_filters))

    def dense(self, x):
        """Logits of the last features, float (b, n_classes)."""
        return F.linear(x.flatten(1), self.dense_weight, self.dense_bias)

    def _convolve(self, x, weight, bias):
        edge = self.shape.kernel_size // 2
        if self.padding != "zeros" and edge:
            x, edge = F.pad(x, [edge] * 4, mode=self.padding), 0
        return F.conv2d(x, weight, bias, padding=edge)

    def _normalise(self, y, taken):
        names = ("norm_mean", "norm_variance", "norm_weight", "norm_bias")
        mean, variance, weight, bias = (taken(getattr(self, name)) for name in names)
        if not self.training:
            return F.batch_norm(y, mean, variance, weight, bias)
        with torch.no_grad():
            # here and not by batch_norm, which would change copies of stacked nets' statistics
            of_batch = torch.var_mean(y, (0, 2, 3))
            mean.mul_(1 - _SHARE_OF_BATCH).add_(of_batch[1], alpha=_SHARE_OF_BATCH)
            variance.mul_(1 - _SHARE_OF_BATCH).add_(of_batch[0], alpha=_SHARE_OF_BATCH)
        return F.batch_norm(y, None, None, weight, bias, training=True)


def initial_tensors(shape, initialiser, seed):
    """Tensors of a net at its start; the same for both layouts.

    Every tensor is drawn on its own, so that it is the same in nets with more layers.

    Parameters
    ----------
    shape : mimic.shallow.grid.Shape
    initialiser : str
        A key of `INITIALISERS`.
    seed : int
        All are derived from it.

    Returns
    -------
    dict of str to float32 tensor
        Weights and statistics, see `tensor_shapes`.
    """
    weights, statistics = tensor_shapes(shape)
    tensors = {name: torch.zeros(size) for name, size in (weights | statistics).items()}
    initialise = INITIALISERS[initialiser]

    def draw(tensor, *names):
        initialise(tensor, generator=torch.Generator().manual_seed(derive(seed, *names)))

    draw(tensors["stem_weight"], "stem")
    draw(tensors["dense_weight"], "dense")
    for index, layer in enumerate(tensors["layers_weight"]):
        draw(layer, "layer", index)
    if shape.batch_norm:
        tensors["norm_weight"].fill_(1.0)
        tensors["norm_variance"].fill_(1.0)
    return tensors
