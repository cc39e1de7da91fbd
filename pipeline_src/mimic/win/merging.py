"""Merge a pair of bias-free linear maps into what follows it, exactly (Zhou et al., section 3).

notation: W (c, c') what stands between a block and the next one, out of M1 (c', c) and M2 (c, c'): W = M2 M1
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from mimic.cli import InputError
from mimic.win.cut import trace

#: Modules through which a linear map of the channels passes: they treat all channels alike, and linearly.
_TRANSPARENT = (nn.Identity, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Unflatten, nn.ZeroPad2d)
_TRANSPARENT_FUNCTIONS = {torch.flatten, torch.mean, functional.adaptive_avg_pool2d, functional.avg_pool2d}
_TRANSPARENT_METHODS = {"flatten", "mean", "contiguous"}


@dataclass(frozen=True)
class Consumer:
    """A convolution or linear layer that takes a block's output.

    Parameters
    ----------
    name : str
        Of the module in the net.
    module : torch.nn.Conv2d or torch.nn.Linear
    """

    name: str
    module: nn.Module


def consumers_of(segment, boundary, where="student"):
    """Layers that a map after a block's output can be merged into.

    Parameters
    ----------
    segment : torch.nn.Module
        What follows the block, see `mimic.win.cut.cut`.
    boundary : str
        Name of the block before it.
    where : str
        Named in errors.

    Returns
    -------
    list of Consumer
        All that take the output: a map that is merged into each of them is gone.

    Raises
    ------
    InputError
        If something takes the output that a map cannot be merged into exactly; names it.
    """
    graph = trace(segment, where=where)
    modules = dict(segment.named_modules())
    (first,) = [node for node in graph.nodes if node.op == "placeholder"]
    found, waiting, seen = {}, list(first.users), set()
    while waiting:
        node = waiting.pop(0)
        if node in seen:
            continue
        seen.add(node)
        module = modules.get(node.target) if node.op == "call_module" else None
        if isinstance(module, nn.Conv2d | nn.Linear):
            found[node.target] = Consumer(node.target, _checked(module, node.target, boundary, where))
        elif _is_transparent(node, module):
            waiting += list(node.users)
        else:
            raise InputError(f"{where}: the pair after {boundary} cannot be merged: {_reason(node, module)}")
    for name in found:
        calls = [node for node in graph.nodes if node.op == "call_module" and node.target == name]
        if len(calls) > 1:
            raise InputError(
                f"{where}: the pair after {boundary} cannot be merged: {name} is called {len(calls)} times, "
                "and the other calls take something else"
            )
    return list(found.values())


def _is_transparent(node, module):
    if module is not None:
        return isinstance(module, _TRANSPARENT)
    if node.op == "call_function":
        return node.target in _TRANSPARENT_FUNCTIONS
    return node.op == "call_method" and node.target in _TRANSPARENT_METHODS


def _reason(node, module):
    """Why a map is not merged into what a node does."""
    if node.op == "output":
        return "nothing follows it"
    if module is not None:
        kind = type(module).__name__
        if "Norm" in kind:
            return f"{node.target} ({kind}) normalises before any layer takes it"
        return f"{node.target} ({kind}) is no linear map of the channels"
    name = getattr(node.target, "__name__", str(node.target))
    if name in ("add", "iadd", "add_"):
        return f"an identity skip ({name}) across the boundary adds it to something else"
    return f"{name} is no linear map of the channels"


def _checked(module, name, boundary, where):
    if isinstance(module, nn.Conv2d) and module.groups != 1:
        raise InputError(
            f"{where}: the pair after {boundary} cannot be merged: {name} (Conv2d) has groups, "
            "each of which takes some of the channels only"
        )
    return module


def merged_weight(module, matrix):
    """Weight of a layer that does what it does after a linear map of its input's channels.

    Parameters
    ----------
    module : torch.nn.Conv2d or torch.nn.Linear
        Takes c channels; a linear layer may take each of them at several places.
    matrix : float64 tensor, shape (c, c')

    Returns
    -------
    float64 tensor
        Shape of the layer's weight with c' in place of c.
    """
    weight = module.weight.detach().double()
    if isinstance(module, nn.Conv2d):
        return torch.einsum("ochw,cd->odhw", weight, matrix)
    # flattened images have the places of a channel side by side
    places = weight.unflatten(1, (matrix.shape[0], -1))
    return torch.einsum("ocp,cd->odp", places, matrix).flatten(1)


def merged_bias(module, offset, name):
    """Bias of a layer that does what it does after a constant is added to its input's channels.

    Parameters
    ----------
    module : torch.nn.Conv2d or torch.nn.Linear
    offset : float64 tensor, shape (c,)
    name : str
        Of the layer.

    Returns
    -------
    float64 tensor, shape (out,)

    Raises
    ------
    InputError
        If the layer has no bias, or pads with zeros, which know nothing of the constant.
    """
    if module.bias is None:
        raise InputError(f"{name} has no bias into which that of a pair could be merged")
    weight = module.weight.detach().double()
    if isinstance(module, nn.Conv2d):
        if module.padding_mode == "zeros" and any(_padding(module)):
            raise InputError(
                f"{name} (Conv2d) pads with zeros, not with the bias of a pair: only a pair without bias can "
                "be merged"
            )
        added = torch.einsum("ochw,c->o", weight, offset)
    else:
        added = torch.einsum("ocp,c->o", weight.unflatten(1, (len(offset), -1)), offset)
    return module.bias.detach().double() + added


def _padding(module):
    if isinstance(module.padding, str):
        return (0,) if module.padding == "valid" else [size - 1 for size in module.kernel_size]
    return module.padding
