"""Colour jitter in HSV space on planes of pixels, without a branch.

The usual conversion takes one of three formulas a pixel, for the hue and again for the way back. Both have
a form without cases (all in units of pixels, 0..255):

    V = max(R, G, B)    m = min(R, G, B)    C = V - m
    hue (turns) = copysign(G + B + V - R - 2m, G - B) / 6C          in [-1/2, 1/2]
    R' = V' - 2W + 6W clamp(|hue' - 1/2|, 1/6, 1/3)                 W = V' S'
    G' = V' +  W - 6W clamp(|hue' - 1/3|, 1/6, 1/3)                 hue' in [0, 1)
    B' = V' +  W - 6W clamp(|hue' - 2/3|, 1/6, 1/3)

The hue is that of the hexagon (`matplotlib.colors.rgb_to_hsv`); a grey pixel has hue 0 there and here. Since
the pixels are whole numbers, every numerator and denominator is exact in float32.

No operation multiplies and adds in one, which would round otherwise: a compiler may fuse all of them, and
every bit stays the same.

Source: Urban 2.5. Reading: scale, then shift, then clip; README "Readings".
"""

import numpy as np
import torch


def jitter_parameters(recipe):
    """What `jitter` needs for each image, from a recipe.

    Returns
    -------
    float32 array, shape (5, n)
        Hue shift in [1/2, 3/2] turns, scale and shift of 6S, scale and shift of V in pixel units.
    """
    # Whole turns do nothing; the one turn added keeps the hue positive, where frac is the remainder.
    hue_shift = recipe.hue_shift.astype(np.float64)
    return np.stack(
        [
            hue_shift - np.round(hue_shift) + 1,
            6 * recipe.saturation_scale.astype(np.float64),
            6 * recipe.saturation_shift.astype(np.float64),
            recipe.value_scale,
            255 * recipe.value_shift.astype(np.float64),
        ]
    ).astype(np.float32)


def jitter(rgb, parameters):
    """Shift the hue, scale and shift saturation and value.

    Parameters
    ----------
    rgb : float32 tensor, shape (n, 3, n_pixels)
        Whole numbers 0..255.
    parameters : float32 tensor, shape (5, n)
        See `jitter_parameters`.

    Returns
    -------
    red, green, blue : float32 tensors, shape (n, n_pixels)
        Real numbers 0..255 (to rounding).
    """
    red, green, blue = rgb.unbind(1)
    hue_shift, saturation_scale, saturation_shift, value_scale, value_shift = parameters[:, :, None].unbind(0)
    value = torch.maximum(torch.maximum(green, blue), red)
    lowest = torch.minimum(torch.minimum(green, blue), red)
    chroma = value - lowest
    numerator = torch.copysign(green + blue - red + value - lowest - lowest, green - blue)
    # Grey: 0 / 1 instead of 0 / 0. A coloured pixel has a chroma of at least 1.
    hue = numerator / (6 * chroma.clamp_min(1)) + hue_shift
    hue = hue - hue.floor()
    saturation6 = (chroma / value.clamp_min(1) * saturation_scale + saturation_shift).clamp(0, 6)
    value = (value * value_scale + value_shift).clamp(0, 255)
    w6 = saturation6 * value
    red = value - w6 * (1 / 3) + w6 * (hue - 1 / 2).abs().clamp(1 / 6, 1 / 3)
    rest = value + w6 * (1 / 6)
    green = rest - w6 * (hue - 1 / 3).abs().clamp(1 / 6, 1 / 3)
    blue = rest - w6 * (hue - 2 / 3).abs().clamp(1 / 6, 1 / 3)
    return red, green, blue
