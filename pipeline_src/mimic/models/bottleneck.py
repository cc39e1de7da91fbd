"""Absorb a linear bottleneck into the layer that follows it: U (V x) + b = (U V) x + b."""

import torch
from torch import nn

from mimic.models.architecture import Architecture
from mimic.models.net import Net


def absorb_bottleneck(net):
    """The same function without the bottleneck (Urban 2.8).

    Parameters
    ----------
    net : Net
        With or without a bottleneck; left as it is.

    Returns
    -------
    Net
        Without bottlenecks, on the same device. Products are computed in float64 and rounded once to the
        weights' type, so that outputs agree to 1e-5 (1e-10 in float64). The parameter count grows where
        the bottleneck was narrow.
    """
    layers = net.architecture.layers
    kept = tuple(layer for layer in layers if layer.kind != "bottleneck")
    plain = Net(Architecture(kept, net.architecture.n_classes, net.architecture.input_shape), net.input_scale)
    plain.to(next(net.parameters()))  # before the copy: a float64 product must not pass through float32
    weighted = [module for module in net.layers if isinstance(module, nn.Conv2d | nn.Linear)]
    kinds = [layer.kind for layer in layers if layer.kind in ("conv", "dense", "bottleneck")] + ["logits"]
    targets = iter(module for module in plain.layers if isinstance(module, nn.Conv2d | nn.Linear))
    pending = None  # product of the bottlenecks met since the last kept layer
    with torch.no_grad():
        for kind, module in zip(kinds, weighted, strict=True):
            weight = module.weight.double()
            if pending is not None:
                weight = weight @ pending
            if kind == "bottleneck":
                pending = weight
                continue
            target = next(targets)
            target.weight.copy_(weight)
            target.bias.copy_(module.bias)
            pending = None
    return plain.train(net.training)
