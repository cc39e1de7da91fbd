import dataclasses

import numpy as np
import pytest
import torch
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv

from mimic.augment.hsv import jitter, jitter_parameters
from mimic.augment.recipe import draw_recipe, identity_recipe
from mimic.config.augment import CropSettings, HsvSettings

CROP = CropSettings(mirror_probability=0.5, crop_min=24)


def colours():
    """All colours on a grid, with all greys and all ties of two channels among them: uint8 (n, 3)."""
    steps = np.array([0, 1, 2, 51, 84, 85, 127, 128, 170, 200, 253, 254, 255], np.uint8)
    grid = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    random = np.random.default_rng(0).integers(0, 256, (4000, 3), dtype=np.uint8)
    return np.concatenate([grid, greys, random])


def jittered(pixels, recipe):
    """Every colour under every row of the recipe, float32 (rows, colours, 3), 0..255."""
    rgb = torch.from_numpy(pixels.T.astype(np.float32))[None].repeat(len(recipe), 1, 1)
    return torch.stack(jitter(rgb, torch.from_numpy(jitter_parameters(recipe))), dim=2).numpy()


def by_matplotlib(pixels, recipe):
    results = []
    for row in range(len(recipe)):
        hue, saturation, value = np.moveaxis(rgb_to_hsv(pixels / 255.0), -1, 0)
        hue = (hue + float(recipe.hue_shift[row])) % 1
        saturation = saturation * float(recipe.saturation_scale[row]) + float(recipe.saturation_shift[row])
        value = value * float(recipe.value_scale[row]) + float(recipe.value_shift[row])
        hsv = np.stack([hue, saturation.clip(0, 1), value.clip(0, 1)], axis=-1)
        results.append(255 * hsv_to_rgb(hsv))
    return np.stack(results)


# float32: a hue of up to 2 turns is known to 2**-24 of a turn, and 6 x 255 levels are one turn: 1e-4; a few
# such roundings follow each other.
TOLERANCE = 4e-4


@pytest.mark.parametrize("widest", [0.06, 0.5])
def test_jitter_is_that_of_matplotlib(widest):
    hsv = HsvSettings(
        hue_shift=widest, saturation_shift=0.26, value_shift=0.2, saturation_scale=0.21, value_scale=0.13
    )
    recipe = draw_recipe(np.arange(40), hsv, CROP, np.random.default_rng(1))
    pixels = colours()
    difference = np.abs(jittered(pixels, recipe) - by_matplotlib(pixels, recipe))
    assert difference.max() < TOLERANCE


def test_extreme_shifts_and_scales_are_clipped_as_by_matplotlib():
    recipe = identity_recipe(np.arange(6))
    recipe = dataclasses.replace(
        recipe,
        hue_shift=np.float32([0.5, -0.5, 1.0, -2.25, 0.999999, 7.5]),
        saturation_scale=np.float32([0, 1, 11, 1, 1 / 11, 1]),
        saturation_shift=np.float32([0, 1, 1, -1, 0, 0.5]),
        value_scale=np.float32([1, 0, 11, 1, 1 / 11, 1]),
        value_shift=np.float32([1, 0.5, -1, -0.2, 0, -1]),
    )
    pixels = colours()
    difference = np.abs(jittered(pixels, recipe) - by_matplotlib(pixels, recipe))
    assert difference.max() < TOLERANCE


def test_no_shift_gives_every_colour_back():
    pixels = colours()
    difference = np.abs(jittered(pixels, identity_recipe([0]))[0] - pixels)
    assert difference.max() < TOLERANCE


def test_a_third_of_a_turn_makes_red_green_and_green_blue():
    recipe = dataclasses.replace(identity_recipe([0]), hue_shift=np.float32([1 / 3]))
    rotated = jittered(np.eye(3, dtype=np.uint8) * 200, recipe)[0]
    np.testing.assert_allclose(rotated, 200 * np.eye(3)[[1, 2, 0]], atol=TOLERANCE)


def test_a_grey_pixel_gets_the_shifted_red_when_saturation_is_added():
    """As by the formula: the hue of grey is 0, so added saturation shows the colour at the hue shift."""
    recipe = dataclasses.replace(identity_recipe([0]), saturation_shift=np.float32([0.25]))
    np.testing.assert_allclose(
        jittered(np.full((1, 3), 200, np.uint8), recipe)[0, 0], [200, 150, 150], atol=TOLERANCE
    )
