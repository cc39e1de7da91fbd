"""Is merging exact? Asked of the nets themselves, since no graph tells all that a forward does."""

import torch
from torch.func import functional_call

from mimic.cli import InputError

#: Relative difference of outputs through weights that are rounded to float32, and through none at all.
TOLERANCE, EXACT = 1e-4, 1e-8


@torch.no_grad()
def merging_error(net, student, images, state=None):
    """How far a merged student's outputs are from those of its imitation net, in evaluation mode.

    Parameters
    ----------
    net : mimic.win.imitation.ImitationNet
    student : torch.nn.Module
        The net that it was made of. Both are as before afterwards.
    images : float tensor, shape (n, channels, height, width)
    state : dict of str to tensor, optional
        Merged state; computed in float64 unless given.

    Returns
    -------
    float
        Relative to the outputs' size; infinite where a state does not fit the student.
    """
    dtype, modes = next(net.parameters()).dtype, (net.training, student.training)
    for module in (net, student):
        module.double().eval()
    try:
        images = images.double()
        expected = net(images)
        state = (
            net.merged()
            if state is None
            else {
                name: tensor.double() if tensor.is_floating_point() else tensor
                for name, tensor in state.items()
            }
        )
        wanted = {name: tensor.shape for name, tensor in student.state_dict().items()}
        if {name: tensor.shape for name, tensor in state.items()} != wanted:
            return float("inf")
        found = functional_call(student, state, (images,))
        return ((found - expected).norm() / expected.norm()).item()
    finally:
        for module, mode in zip((net, student), modes, strict=True):
            module.to(dtype).train(mode)


@torch.no_grad()
def check_exact(net, student, image_shape):
    """Refuse nets of which a pair cannot be merged, whatever it becomes in training.

    Each pair in its turn is made random, and the outputs with and without it merged are compared.

    Parameters
    ----------
    net : mimic.win.imitation.ImitationNet
    student : torch.nn.Module
    image_shape : tuple of int

    Raises
    ------
    InputError
        Names the block.
    """
    generator = torch.Generator().manual_seed(0)
    parameter = next(net.parameters())
    images = torch.randn((2, *image_shape), generator=generator).to(parameter)
    for block, pair in zip(net.blocks, net.pairs, strict=len(net.pairs) > 0):
        before = {name: tensor.clone() for name, tensor in pair.state_dict().items()}
        for weight in pair.parameters():
            drawn = torch.randn(weight.shape, generator=generator) / weight.shape[1] ** 0.5
            weight.copy_(drawn)
        error = merging_error(net, student, images)
        pair.load_state_dict(before)
        if not error <= EXACT:
            raise InputError(
                f"student: the pair after {block} cannot be merged: merged, the outputs are off by "
                f"{error:.1g} of their size; what takes them is no plain convolution or linear layer"
            )
