"""Memory that training a net takes, computed without training it: what a GPU's place must have free."""

import torch

#: Beside what is kept for the backward pass: gradients on their way, and what the libraries work in.
_SLACK = 1.3
_MB = 2**20


def kept_bytes(net, image_shape):
    """Bytes that a forward pass of one image keeps for the backward pass, in float32, weights left out.

    Parameters
    ----------
    net : torch.nn.Module
        On the meta device: nothing is computed.
    image_shape : tuple of int
        Channels, height and width.
    """
    weights = {parameter.untyped_storage()._cdata for parameter in net.parameters()}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in weights:
            kept[storage._cdata] = storage  # held, so that no other gets its name
        return tensor

    def forward(n_images):
        kept.clear()
        images = torch.empty((n_images, *image_shape), device="meta")
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            net.train()(images)
        return sum(storage.nbytes() for storage in kept.values())

    # Batch statistics are kept once, however many images there are.
    return forward(3) - forward(2)


def training_memory_mb(trained, frozen, image_shape, batch_size, dtype):
    """Memory of a training step.

    Parameters
    ----------
    trained, frozen : sequence of torch.nn.Module
        On the meta device: nets that are trained, and those that are only passed through.
    image_shape : tuple of int
    batch_size : int
        Images of this process.
    dtype : torch.dtype
        Of the passes; weights, their gradients and their momentum are float32.

    Returns
    -------
    int
    """
    share = dtype.itemsize / 4
    total = 0.0
    for net in trained:
        n_weights = sum(parameter.numel() for parameter in net.parameters())
        total += (12 + 4 * (share < 1)) * n_weights + share * batch_size * kept_bytes(net, image_shape)
    for net in frozen:
        n_weights = sum(parameter.numel() for parameter in net.parameters())
        # Without a backward pass a layer's output lives until the next has used it: a small part of them all.
        total += 4 * n_weights + 0.1 * share * batch_size * kept_bytes(net, image_shape)
    return round(_SLACK * total / _MB)
