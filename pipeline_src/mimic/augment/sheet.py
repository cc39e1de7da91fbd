"""A sheet of augmented images for the eye: each row an original, then random draws of it."""

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from mimic.augment.recipe import IMAGE_SIZE, draw_recipe
from mimic.augment.render import Renderer
from mimic.seeding import numpy_generator

_BACKGROUND, _INK, _FAINT = (250, 250, 248), (45, 45, 45), (130, 130, 130)


def augment_sheet(images, hsv, crop, n_draws=8, seed=0, magnify=3):
    """Draw, render and lay out.

    Parameters
    ----------
    images : uint8 array, shape (n, 3, 32, 32)
    hsv : mimic.config.augment.HsvSettings
    crop : mimic.config.augment.CropSettings
    n_draws : int
        Augmentations of each image, at least 1.
    seed : int
        The draws are those of ``numpy_generator(seed, "augment", "sheet")``.
    magnify : int
        Screen pixels a side of an image pixel.

    Returns
    -------
    PIL.Image.Image
        Mode RGB.

    Raises
    ------
    ValueError
        If there is no image, or `n_draws` is below 1, or `images` has another shape or dtype.
    """
    images = np.ascontiguousarray(images)
    if len(images) < 1 or n_draws < 1:
        raise ValueError(f"expected at least 1 image and 1 draw, got {len(images)} and {n_draws}")
    order = np.repeat(np.arange(len(images)), n_draws)
    recipe = draw_recipe(order, hsv, crop, numpy_generator(seed, "augment", "sheet"))
    rendered = Renderer("cpu").render(torch.from_numpy(images), recipe).numpy()
    return _lay_out(images, rendered, recipe, n_draws, magnify)


def _lay_out(images, rendered, recipe, n_draws, magnify):
    side = IMAGE_SIZE * magnify
    gap, gutter, margin = side // 12, side // 5, side // 6
    font = ImageFont.load_default(size=max(8, side // 9))
    line = sum(font.getmetrics())
    pitch_x, pitch_y = side + gap, side + 2 * line + 2 * gap
    width = 2 * margin + (n_draws + 1) * pitch_x - gap + gutter
    height = 2 * margin + len(images) * pitch_y - gap
    sheet = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for row, original in enumerate(images):
        upper = margin + row * pitch_y
        sheet.paste(_magnified(original, magnify), (margin, upper))
        draw.text((margin, upper + side + 2), "original", fill=_INK, font=font)
        for column in range(n_draws):
            index = row * n_draws + column
            left = margin + (column + 1) * pitch_x + gutter
            sheet.paste(_magnified(rendered[index], magnify), (left, upper))
            for number, (text, ink) in enumerate(zip(_captions(recipe, index), (_INK, _FAINT), strict=True)):
                draw.text((left, upper + side + 2 + number * line), text, fill=ink, font=font)
    return sheet


def _captions(recipe, row):
    """Two short lines: where the crop lies, and the hue shift in degrees."""
    mirror = " mirror" if recipe.mirror[row] else ""
    size, x, y = recipe.crop_size[row], recipe.crop_x[row], recipe.crop_y[row]
    return f"{size} at {x},{y}{mirror}", f"hue {360 * recipe.hue_shift[row]:+.0f}°"


def _magnified(image, magnify):
    picture = Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0)))
    return picture.resize((IMAGE_SIZE * magnify, IMAGE_SIZE * magnify), Image.Resampling.NEAREST)
