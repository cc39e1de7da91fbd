"""The nets of the grid as one would write them in torch, one at a time, to compare stacked ones with."""

import torch
from torch import nn

ACTIVATIONS = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}


class PlainNet(nn.Module):
    """Sequential or parallel; holds copies of a net's tensors as `mimic.shallow.nets` names them."""

    def __init__(self, shape, layout, tensors, activation="relu", padding="zeros"):
        super().__init__()
        options = {"padding": shape.kernel_size // 2, "padding_mode": padding}
        f, size = shape.n_filters, shape.kernel_size
        self.layout = layout
        self.stem = nn.Conv2d(shape.image[0], f, size, **options)
        self.convolutions = nn.ModuleList(nn.Conv2d(f, f, size, **options) for _ in range(shape.n_layers))
        norms = (nn.BatchNorm2d(f) if shape.batch_norm else nn.Identity() for _ in range(shape.n_layers))
        self.norms = nn.ModuleList(norms)
        self.activation = ACTIVATIONS[activation]()
        self.dense = nn.Linear(shape.n_features, shape.n_classes)
        self.to(tensors["stem_weight"].dtype)
        with torch.no_grad():
            for name, tensor in self.named(tensors):
                name.copy_(tensor)

    def named(self, tensors):
        """Pairs of a tensor of this net and the same of a net of the package."""
        yield self.stem.weight, tensors["stem_weight"]
        yield self.stem.bias, tensors["stem_bias"]
        yield self.dense.weight, tensors["dense_weight"]
        yield self.dense.bias, tensors["dense_bias"]
        for i, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            yield convolution.weight, tensors["layers_weight"][i]
            yield convolution.bias, tensors["layers_bias"][i]
            if isinstance(norm, nn.BatchNorm2d):
                yield norm.weight, tensors["norm_weight"][i]
                yield norm.bias, tensors["norm_bias"][i]
                yield norm.running_mean, tensors["norm_mean"][i]
                yield norm.running_var, tensors["norm_variance"][i]

    def forward(self, images):
        x = self.stem(images)
        features = x
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            read = features if self.layout == "sequential" else x
            features = features + self.activation(norm(convolution(read)))
        return self.dense(features.flatten(1))
