"""Which part of each image a net sees: boxes drawn for training, the middle for testing, a batch at once.

A box is (left, top, width, height) in fractions of its image, whatever size that is stored in. Draws are a
function of a key, an image's row and a counter, so that an epoch is the same however it is cut into batches.
"""

import numpy as np

#: Of torchvision's RandomResizedCrop, as usual for ImageNet.
SCALE, RATIO, TRIES = (0.08, 1.0), (3 / 4, 4 / 3), 10
_DRAWS = 4 * TRIES + 1
_GOLDEN, _MIX = np.uint64(0x9E3779B97F4A7C15), (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)


def uniforms(key, rows, n):
    """Numbers in [0, 1) for rows: those of SplitMix64, which may be asked for anywhere in its sequence.

    Parameters
    ----------
    key : int
        Below 2**64; another one gives other numbers.
    rows : int array, shape (b,)
    n : int
        Numbers a row, below `_DRAWS`.

    Returns
    -------
    float64 array, shape (b, n)
    """
    places = np.asarray(rows, np.uint64)[:, None] * np.uint64(_DRAWS) + np.arange(n, dtype=np.uint64)
    return (splitmix64(key, places) >> np.uint64(11)) * 2.0**-53


def splitmix64(key, places):
    """Numbers of the generator SplitMix64 (Steele, Lea, Flood, 2014) that was seeded with `key`.

    Parameters
    ----------
    key : int
    places : uint64 array
        From 0: which of its numbers.

    Returns
    -------
    uint64 array, of the same shape
    """
    z = np.uint64(key) + (places + np.uint64(1)) * _GOLDEN  # both wrap around, as they should
    for shift, factor in zip((30, 27), _MIX, strict=True):
        z = (z ^ (z >> np.uint64(shift))) * np.uint64(factor)
    return z ^ (z >> np.uint64(31))


def random_boxes(key, rows, widths, heights):
    """Boxes as torchvision's RandomResizedCrop draws them for images of these sizes, and which are mirrored.

    Parameters
    ----------
    key : int
        Of the epoch.
    rows : int array, shape (b,)
    widths, heights : int array, shape (b,)
        Of the original images, in pixels.

    Returns
    -------
    boxes : float32 array, shape (b, 4)
    mirrored : bool array, shape (b,)
    """
    drawn = uniforms(key, rows, _DRAWS)
    tries = drawn[:, :-1].reshape(-1, TRIES, 4)
    w, h = widths[:, None].astype(np.float64), heights[:, None].astype(np.float64)
    area = w * h * (SCALE[0] + tries[..., 0] * (SCALE[1] - SCALE[0]))
    low, high = np.log(RATIO)
    ratio = np.exp(low + tries[..., 1] * (high - low))
    box_w, box_h = np.round(np.sqrt(area * ratio)), np.round(np.sqrt(area / ratio))
    fits = (box_w > 0) & (box_w <= w) & (box_h > 0) & (box_h <= h)
    first = fits.argmax(1)
    which = np.arange(len(first))
    box_w, box_h = box_w[which, first], box_h[which, first]
    left = np.floor(tries[which, first, 2] * (w[:, 0] - box_w + 1))
    top = np.floor(tries[which, first, 3] * (h[:, 0] - box_h + 1))
    boxes = np.stack([left, top, box_w, box_h], 1)
    boxes = np.where(fits.any(1)[:, None], boxes, _middle(w[:, 0], h[:, 0]))
    return (boxes / np.concatenate([w, h, w, h], 1)).astype(np.float32), drawn[:, -1] < 0.5


def _middle(w, h):
    """The middle of images of which no drawn box fits, brought to the nearest ratio that may be drawn."""
    box_w = np.where(w / h > RATIO[1], np.round(h * RATIO[1]), w)
    box_h = np.where(w / h < RATIO[0], np.round(w / RATIO[0]), h)
    return np.stack([(w - box_w) // 2, (h - box_h) // 2, box_w, box_h], 1)


def middle_boxes(widths, heights, test_size, image_size):
    """What torchvision's Resize(test_size) and CenterCrop(image_size) take of images of these sizes.

    Parameters
    ----------
    widths, heights : int array, shape (b,)
        Of the original images, in pixels.
    test_size, image_size : int

    Returns
    -------
    float32 array, shape (b, 4)
    """
    w, h = widths.astype(np.int64), heights.astype(np.int64)
    shorter = np.minimum(w, h)
    sides = [np.where(side == shorter, test_size, test_size * side // shorter) for side in (w, h)]
    starts = [np.round((side - image_size) / 2) / side for side in sides]
    return np.stack([*starts, *(image_size / side for side in sides)], 1).astype(np.float32)
