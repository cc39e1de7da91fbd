"""Colour jitter in HSV space on planes of pixels, without a branch and without leaving the cache.

The usual conversion takes one of three formulas a pixel, for the hue and again for the way back. Both have
a form without cases (all in units of pixels, 0..255):

    V = max(R, G, B)    m = min(R, G, B)    C = V - m
    hue (turns) = copysign(G + B + V - R - 2m, G - B) / 6C          in [-1/2, 1/2]
    R' = V' - 2W + 6W clamp(|hue' - 1/2|, 1/6, 1/3)                 W = V' S'
    G' = V' +  W - 6W clamp(|hue' - 1/3|, 1/6, 1/3)                 hue' in [0, 1)
    B' = V' +  W - 6W clamp(|hue' - 2/3|, 1/6, 1/3)

The hue is that of the hexagon (`matplotlib.colors.rgb_to_hsv`); a grey pixel has hue 0 there and here. Since
the pixels are whole numbers, every numerator and denominator is exact in float32.

Source: Urban 2.5. Reading: scale, then shift, then clip; README "Readings".
"""

import numpy as np
import torch


def jitter_parameters(recipe):
    """What `jitter_` needs for each image, from a recipe.

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


class HsvJitter:
    """Jitter of a fixed number of images, in place; owns the scratch planes.

    Parameters
    ----------
    n_images : int
        Images a call.
    device : torch.device
    """

    def __init__(self, n_images, device, n_pixels=1024):
        plane = (n_images, n_pixels)
        self._wheel = torch.empty(3, *plane, device=device)
        self._value = torch.empty(plane, device=device)
        self._chroma = torch.empty(plane, device=device)
        self._hue = torch.empty(plane, device=device)
        self._scratch = torch.empty(plane, device=device)

    def jitter_(self, rgb, parameters):
        """Shift the hue, scale and shift saturation and value.

        Parameters
        ----------
        rgb : float32 tensor, shape (3, n_images, n_pixels)
            Whole numbers 0..255; overwritten with real numbers 0..255 (to rounding).
        parameters : float32 tensor, shape (5, n_images)
            See `jitter_parameters`.
        """
        red, green, blue = rgb
        value, chroma, hue, scratch, wheel = self._value, self._chroma, self._hue, self._scratch, self._wheel
        hue_shift, saturation_scale, saturation_shift, value_scale, value_shift = parameters[:, :, None]

        lowest = wheel[0]
        torch.maximum(green, blue, out=value)
        torch.maximum(value, red, out=value)
        torch.minimum(green, blue, out=lowest)
        torch.minimum(lowest, red, out=lowest)
        torch.sub(value, lowest, out=chroma)

        torch.add(green, blue, out=hue)
        hue.sub_(red).add_(value).sub_(lowest, alpha=2)
        torch.sub(green, blue, out=scratch)
        hue.copysign_(scratch)
        # Grey: 0 / 1 instead of 0 / 0. A coloured pixel has a chroma of at least 1.
        torch.clamp_min(chroma, 1, out=scratch)
        torch.addcdiv(hue_shift, hue, scratch, value=1 / 6, out=hue)
        hue.frac_()

        torch.clamp_min(value, 1, out=scratch)
        saturation = torch.div(chroma, scratch, out=chroma)
        saturation.mul_(saturation_scale).add_(saturation_shift).clamp_(0, 6)
        value.mul_(value_scale).add_(value_shift).clamp_(0, 255)
        chroma6 = saturation.mul_(value)

        for channel, angle in enumerate((1 / 2, 1 / 3, 2 / 3)):
            torch.sub(hue, angle, out=wheel[channel])
        wheel.abs_().clamp_(1 / 6, 1 / 3)
        torch.add(value, chroma6, alpha=-1 / 3, out=scratch)
        torch.addcmul(scratch, chroma6, wheel[0], out=red)
        torch.add(value, chroma6, alpha=1 / 6, out=scratch)
        torch.addcmul(scratch, chroma6, wheel[1:], value=-1, out=rgb[1:])
