"""Boxes of images brought to one size, a batch at once on the device: two matrix products, no loop.

The filter is that of PIL and torchvision with antialias: a triangle as wide as a pixel of the coarser grid.
It looks beyond a box's edge, not beyond the image's.
"""

import torch


def resampled(images, boxes, mirrored, size):
    """Boxes of square images, resized.

    Parameters
    ----------
    images : uint8 tensor, shape (b, 3, s, s)
        Each the whole of its image, squeezed to a square.
    boxes : float32 tensor, shape (b, 4)
        Left, top, width and height in fractions of the image.
    mirrored : bool tensor, shape (b,)
        Left and right exchanged.
    size : int

    Returns
    -------
    float32 tensor, shape (b, 3, size, size)
        0 to 255, not rounded.
    """
    with torch.autocast(images.device.type, enabled=False):
        across, down = (_weights(boxes[:, i], boxes[:, 2 + i], images.shape[-1], size) for i in (0, 1))
        across = torch.where(mirrored[:, None, None], across.flip(1), across)
        b, c, side, _ = images.shape
        columns = torch.bmm(images.float().view(b, c * side, side), across.transpose(1, 2))
        return torch.matmul(down[:, None], columns.view(b, c, side, size))  # (b, c, size, size)


def _weights(starts, lengths, side, size):
    """Weight of each pixel of an axis in each pixel of the result.

    Parameters
    ----------
    starts, lengths : float32 tensor, shape (b,)
        Of the boxes along the axis, in fractions of it.
    side, size : int
        Pixels of the axis, and of the result.

    Returns
    -------
    float32 tensor, shape (b, size, side)
        The sum over pixels is 1.
    """
    step = lengths[:, None, None] * (side / size)  # from one pixel of the result to the next
    places = torch.arange(size, device=starts.device)[None, :, None] + 0.5
    centres = starts[:, None, None] * side + places * step
    pixels = torch.arange(side, device=starts.device) + 0.5
    weights = (1 - (pixels - centres).abs() / step.clamp(min=1)).clamp(min=0)
    return weights / weights.sum(2, keepdim=True)
