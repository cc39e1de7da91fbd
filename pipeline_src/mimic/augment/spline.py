"""Resizing a crop to 32x32 by a cubic spline, as one product of three matrices.

The interpolating cubic spline is linear in the pixels, and separable: for each crop size there is one matrix,
whose columns are scipy's own answers for the unit vectors. Mirror and position of the crop are columns of
zeros around it, in the other order where mirrored; so every image of every crop size is the same product of
32x32 matrices, with no sorting by size and no shape that depends on the draw.

Notation
--------
S : crop size, 4..32
M_S : (32, S), crop -> 32 samples; rows sum to 1; M_32 is the identity
A : (32, 32), M_S at columns x..x+S-1, columns in reverse order where mirrored
I : (32, 32), one channel of an image; its augmented form is A_y I A_xᵀ

Source: Urban 2.5 ("third-order spline"). Reading: `scipy.ndimage.zoom(order=3)` with its defaults.
"""

import functools

import numpy as np
import scipy.ndimage

from mimic.augment.recipe import IMAGE_SIZE, SMALLEST_CROP

_N_PLACES = sum(IMAGE_SIZE + 1 - size for size in range(SMALLEST_CROP, IMAGE_SIZE + 1))


@functools.cache
def resize_matrix(crop_size):
    """The matrix of ``scipy.ndimage.zoom(order=3)`` from `crop_size` to 32 samples.

    Parameters
    ----------
    crop_size : int
        4..32.

    Returns
    -------
    float64 array, shape (32, crop_size)
        Read-only.

    Raises
    ------
    ValueError
        If `crop_size` is out of range.
    """
    if not SMALLEST_CROP <= crop_size <= IMAGE_SIZE:
        raise ValueError(f"crop_size: expected {SMALLEST_CROP} to {IMAGE_SIZE}, got {crop_size}")
    columns = [scipy.ndimage.zoom(unit, IMAGE_SIZE / crop_size, order=3) for unit in np.eye(crop_size)]
    matrix = np.stack(columns, axis=1)
    matrix.setflags(write=False)
    return matrix


@functools.cache
def placement_bank():
    """All matrices A: every crop size at every position, then the same mirrored.

    Returns
    -------
    float64 array, shape (870, 32, 32)
        Read-only; row `placement_row(S, x, mirrored)` is A.
    """
    bank = np.zeros((2, _N_PLACES, IMAGE_SIZE, IMAGE_SIZE))
    for size in range(SMALLEST_CROP, IMAGE_SIZE + 1):
        for start in range(IMAGE_SIZE + 1 - size):
            bank[0, placement_row(size, start), :, start : start + size] = resize_matrix(size)
    bank[1] = bank[0, :, :, ::-1]
    bank = bank.reshape(2 * _N_PLACES, IMAGE_SIZE, IMAGE_SIZE)
    bank.setflags(write=False)
    return bank


def placement_row(crop_size, start, mirrored=False):
    """Row of `placement_bank`.

    Parameters
    ----------
    crop_size, start : int or integer array, shape (n,)
        Size and first row or column of the crop, which must lie in the image.
    mirrored : bool or bool array, shape (n,)

    Returns
    -------
    int or int64 array, shape (n,)
    """
    # Smaller crops come first: sizes 4..S-1 have (33 - size) positions each.
    smaller = np.asarray(crop_size, np.int64) - SMALLEST_CROP
    most = IMAGE_SIZE + 1 - SMALLEST_CROP
    return smaller * most - smaller * (smaller - 1) // 2 + start + np.asarray(mirrored, np.int64) * _N_PLACES
