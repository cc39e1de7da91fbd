"""A sequential net as a sum over its sub-stacks: what the parallel net keeps, and what it leaves out.

The paper argues by a Taylor series that the layers of a sequential net act, to the first order, side by
side. The orders can be had without derivatives, and exactly: by inclusion and exclusion over the sub-stacks.

==========  ================  ==============================================================================
symbol      shape             meaning
==========  ================  ==============================================================================
L           int               residual layers; layer i maps y to y + f_i(y)
x           (b, F, H, W)      output of the first convolution
F_S(x)      (b, F, H, W)      the layers in S alone, in their order; of all layers F, the net's features
Delta_S     (b, F, H, W)      sum over R in S of (-1)^(|S|-|R|) F_R(x): what S does that no part of S does
T_k         (b, F, H, W)      order k: sum of Delta_S over all S of k layers
D_m         (b, F, H, W)      sum of F_R(x) - x over all R of m layers
==========  ================  ==============================================================================

T_0 = x; T_1 = f_1(x) + ... + f_L(x) is exactly what the parallel net adds; T_0 + ... + T_L = F. Counted by
its parts, T_k = sum over m <= k of (-1)^(k-m) binomial(L-m, k-m) D_m for k >= 1, where x itself cancels. The
binomials enlarge rounding, 2e5 times in order 4 of 32 layers: all is computed in float64.
"""

from dataclasses import dataclass
from math import comb

import torch
import torch.nn.functional as F

# Of one tensor of features; a few of them for each order are there at once. On a CPU a convolution in float64
# first copies its inputs, once for each place in a kernel, and is thrice as fast where the cache holds that.
_BYTES_ON_CPU, _BYTES_ON_GPU = 1_000_000, 128_000_000


@dataclass(frozen=True)
class Expansion:
    """How the orders of a net share its output; entry k of each list is order k, the last one the rest.

    Attributes
    ----------
    n_images : int
    feature_norm, logit_norm : list of float
        Norm of T_k over that of F - T_0, over all images; of its image under the dense layer, without bias.
        NaN where F = T_0. The rest is F - T_0 - ... - T_K.
    feature_share, logit_share : list of float
        1 - |F - T_0 - ... - T_k|^2 / |F - T_0|^2: what is explained so far; negative where the orders so far
        are further off than T_0.
    accuracy, cross_entropy : list of float
        Of the net that adds T_0 ... T_k and then has its dense layer; last, of the whole net.
    """

    n_images: int
    feature_norm: list
    feature_share: list
    logit_norm: list
    logit_share: list
    accuracy: list
    cross_entropy: list


def images_at_once(shape, device):
    """Images of a chunk on a torch device."""
    n_bytes = _BYTES_ON_CPU if device.type == "cpu" else _BYTES_ON_GPU
    return max(1, n_bytes // (8 * shape.n_features))


def displacements(net, x, max_order):
    """D_0 ... D_max_order.

    Sub-stacks are walked depth first, each from the features of its first layers: a layer is evaluated once
    for each sub-stack that ends in it.

    Parameters
    ----------
    net : mimic.shallow.nets.ResidualNet
    x : float64 tensor, shape (b, F, H, W)
    max_order : int
        At most the number of layers.

    Returns
    -------
    list of float64 tensor, shape (b, F, H, W)
    """
    sums = [torch.zeros_like(x) for _ in range(max_order + 1)]

    def descend(moved, first, size):
        for layer in range(first, net.shape.n_layers):
            further = moved + net.term(layer, x + moved)
            sums[size] += further
            if size < max_order:
                descend(further, layer + 1, size + 1)

    if max_order:
        descend(torch.zeros_like(x), 0, 1)
    return sums


def terms(net, x, max_order):
    """T_0 ... T_max_order; see `displacements`."""
    n, moved = net.shape.n_layers, displacements(net, x, max_order)
    found = [x]
    for k in range(1, max_order + 1):
        weights = [(-1) ** (k - m) * comb(n - m, k - m) for m in range(1, k + 1)]
        found.append(sum(weight * part for weight, part in zip(weights, moved[1:], strict=False)))
    return found


def features(net, x):
    """F, the features of the whole sequential net; float64 (b, F, H, W)."""
    for layer in range(net.shape.n_layers):
        x = x + net.term(layer, x)
    return x


@torch.no_grad()
def expand(net, images, labels, max_order, after_chunk=None):
    """Measure the orders of a sequential net.

    Parameters
    ----------
    net : mimic.shallow.nets.ResidualNet
        In float64 and in evaluation mode, on the device.
    images : uint8 tensor, shape (n, channels, height, width)
    labels : int64 tensor, shape (n,)
    max_order : int
        Orders above the number of layers do not occur.
    after_chunk : callable, optional
        Called without arguments after every `images_at_once` images.

    Returns
    -------
    Expansion
        Of the orders 0 ... min(max_order, L), and the rest.
    """
    max_order = min(max_order, net.shape.n_layers)
    size = images_at_once(net.shape, images.device)
    total = 0.0
    for start in range(0, len(labels), size):
        pixels = images[start : start + size].double() / 255
        total = total + _sums_of_chunk(net, pixels, labels[start : start + size], max_order)
        if after_chunk is not None:
            after_chunk()
    (feature, feature_left), (logit, logit_left), scores = total.cpu().unflatten(0, (3, 2))
    # |F - T_0|^2, of which there is no share where it is nothing
    whole = [left[0] if left[0] > 0 else torch.tensor(torch.nan) for left in (feature_left, logit_left)]
    n = len(labels)
    return Expansion(
        n,
        (feature / whole[0]).sqrt().tolist(),
        (1 - feature_left / whole[0]).tolist(),
        (logit / whole[1]).sqrt().tolist(),
        (1 - logit_left / whole[1]).tolist(),
        (scores[0] / n).tolist(),
        (scores[1] / n).tolist(),
    )


def _sums_of_chunk(net, pixels, labels, max_order):
    """Sums over images: squares of T_k and of what is left after it, in features, in logits; then scores.

    Returns
    -------
    float64 tensor, shape (6, max_order + 2)
        Last, those of the rest, after which nothing is left.
    """
    x = net.stem(pixels)
    full = features(net, x)
    columns, partial = [], torch.zeros_like(x)
    for term in terms(net, x, max_order):
        partial = partial + term
        columns.append((term, full - partial, partial))
    columns.append((columns[-1][1], torch.zeros_like(x), full))
    return torch.stack([_column(net, *column, labels) for column in columns], 1)


def _column(net, term, left, partial, labels):
    logits = net.dense(partial)
    return torch.stack(
        [
            term.square().sum(),
            left.square().sum(),
            F.linear(term.flatten(1), net.dense_weight).square().sum(),
            F.linear(left.flatten(1), net.dense_weight).square().sum(),
            (logits.argmax(1) == labels).sum().double(),
            F.cross_entropy(logits, labels, reduction="sum"),
        ]
    )
