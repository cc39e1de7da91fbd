import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import torch
from matplotlib.colors import hsv_to_rgb, rgb_to_hsv
from PIL import Image

from mimic.augment.recipe import draw_recipe, identity_recipe
from mimic.augment.render import Renderer, render_chunk, standardise
from mimic.config.augment import CropSettings, HsvSettings

HSV = HsvSettings(
    hue_shift=0.06, saturation_shift=0.26, value_shift=0.20, saturation_scale=0.21, value_scale=0.13
)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)


def random_images(n, seed=0):
    """Half noise, the hardest for a spline; half smooth, as photographs are."""
    generator = np.random.default_rng(seed)
    images = generator.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
    images[n // 2 :] = scipy.ndimage.gaussian_filter(images[n // 2 :], (0, 0, 2, 2), mode="wrap")
    return images


def real_images(n):
    root = os.environ.get("MIMIC_TEST_DATA")
    if not root:
        pytest.skip("MIMIC_TEST_DATA is not set")
    paths = sorted(Path(root, "test").glob("*/*.jpg"))
    paths = paths[:: max(1, len(paths) // n)][:n]
    images = [np.asarray(Image.open(path).convert("RGB").resize((32, 32))) for path in paths]
    return np.stack(images).transpose(0, 3, 1, 2)


def render(images, recipe):
    return Renderer("cpu").render(torch.from_numpy(np.ascontiguousarray(images)), recipe).numpy()


def one_by_one(images, recipe):
    """The same work an image at a time by matplotlib and scipy in float64, before clip and round."""
    results = []
    for row in range(len(recipe)):
        pixels = images[recipe.image_index[row]].transpose(1, 2, 0) / 255.0
        hue, saturation, value = np.moveaxis(rgb_to_hsv(pixels), -1, 0)
        hue = (hue + float(recipe.hue_shift[row])) % 1
        saturation = saturation * float(recipe.saturation_scale[row]) + float(recipe.saturation_shift[row])
        value = value * float(recipe.value_scale[row]) + float(recipe.value_shift[row])
        pixels = hsv_to_rgb(np.stack([hue, saturation.clip(0, 1), value.clip(0, 1)], axis=-1))
        if recipe.mirror[row]:
            pixels = pixels[:, ::-1]
        size, x, y = (int(getattr(recipe, name)[row]) for name in ("crop_size", "crop_x", "crop_y"))
        crop = pixels[y : y + size, x : x + size]
        results.append([scipy.ndimage.zoom(255 * crop[..., c], 32 / size, order=3) for c in range(3)])
    return np.array(results)


def assert_same_levels(rendered, expected, share):
    """At most one level apart, and that on at most `share` of all values."""
    assert rendered.dtype == np.uint8
    difference = np.abs(rendered - np.rint(expected.clip(0, 255)))
    assert difference.max() <= 1
    assert (difference > 0).mean() <= share


@pytest.mark.parametrize("size", range(24, 33))
def test_crops_are_resized_as_by_scipy_zoom(size):
    n = 240
    images = random_images(n, seed=size)
    # Both borders first, then places between; mirrored or not.
    places = np.concatenate([[0, 0, 32 - size, 32 - size], np.arange(n - 4) % (33 - size)])
    recipe = dataclasses.replace(
        identity_recipe(np.arange(n)),
        mirror=np.arange(n) % 3 == 0,
        crop_size=np.full(n, size, np.uint8),
        crop_x=places.astype(np.uint8),
        crop_y=np.roll(places, 1).astype(np.uint8),
    )
    # float32 puts a value within 1e-4 of a half on the other side of it now and then (DESIGN: 0.002 %).
    assert_same_levels(render(images, recipe), one_by_one(images, recipe), share=1e-4)


@pytest.mark.parametrize("source", [random_images, real_images])
def test_whole_augmentation_is_that_of_matplotlib_and_scipy(source):
    images = source(100)
    order = np.repeat(np.arange(len(images)), 4)
    recipe = draw_recipe(order, HSV, CROP, np.random.default_rng(2))
    assert_same_levels(render(images, recipe), one_by_one(images, recipe), share=1e-3)


def test_small_crops_are_rendered_too():
    images = random_images(60)
    crop = CropSettings(mirror_probability=0.5, crop_min=4)
    recipe = draw_recipe(np.arange(60), HSV, crop, np.random.default_rng(3))
    assert recipe.crop_size.min() < 8
    assert_same_levels(render(images, recipe), one_by_one(images, recipe), share=1e-3)


def test_the_identity_gives_every_image_back():
    images = random_images(300)
    images[:3] = np.array([0, 255, 1], np.uint8)[:, None, None, None]
    order = np.random.default_rng(0).permutation(300)
    np.testing.assert_array_equal(render(images, identity_recipe(order)), images[order])


def test_a_mirror_is_exactly_a_mirror():
    images = random_images(10)
    recipe = dataclasses.replace(identity_recipe(np.arange(10)), mirror=np.arange(10) % 2 == 1)
    expected = images.copy()
    expected[1::2] = expected[1::2, :, :, ::-1]
    np.testing.assert_array_equal(render(images, recipe), expected)


@pytest.mark.parametrize("level", [0, 1, 128, 254, 255])
def test_constant_images_stay_constant_under_any_crop(level):
    still = HsvSettings(
        hue_shift=0.5, saturation_shift=0.0, value_shift=0.0, saturation_scale=0.0, value_scale=0.0
    )
    images = np.full((1, 3, 32, 32), level, np.uint8)
    recipe = draw_recipe(
        np.zeros(200, int),
        still,
        CropSettings(mirror_probability=0.5, crop_min=4),
        np.random.default_rng(0),
    )
    assert (render(images, recipe) == level).all()


def test_overshoot_of_the_spline_is_clipped():
    """A black and white edge overshoots on both sides: without the clip it would wrap around in uint8."""
    images = np.zeros((1, 3, 32, 32), np.uint8)
    images[..., 16:] = 255
    recipe = dataclasses.replace(identity_recipe([0]), crop_size=np.uint8([24]), crop_x=np.uint8([3]))
    assert one_by_one(images, recipe).max() > 256
    assert_same_levels(render(images, recipe), one_by_one(images, recipe), share=1e-3)


def test_no_rows_give_no_images():
    assert render(random_images(2), identity_recipe(np.arange(0))).shape == (0, 3, 32, 32)


def test_products_stay_float32_whatever_training_has_asked_for(monkeypatch):
    images, recipe = random_images(64), draw_recipe(np.arange(64), HSV, CROP, np.random.default_rng(0))
    expected = render(images, recipe)
    # Not every processor multiplies otherwise when asked to, so the precision asked for is looked at too.
    seen, bmm = set(), torch.bmm

    def observed(*arguments, **options):
        seen.add(torch.get_float32_matmul_precision())
        return bmm(*arguments, **options)

    monkeypatch.setattr(torch, "bmm", observed)
    torch.set_float32_matmul_precision("medium")
    try:
        with torch.autocast("cpu", torch.bfloat16):
            rendered = render(images, recipe)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    assert seen == {"highest"}
    np.testing.assert_array_equal(rendered, expected)


def test_rendering_leaves_the_input_alone():
    images = torch.from_numpy(random_images(4))
    before = images.clone()
    Renderer("cpu").render(images, draw_recipe(np.arange(4), HSV, CROP, np.random.default_rng(0)))
    assert torch.equal(images, before)


def test_a_second_call_does_not_change_what_the_first_returned():
    images, renderer = torch.from_numpy(random_images(4)), Renderer("cpu")
    first = renderer.render(images, identity_recipe([0, 1]))
    renderer.render(images, identity_recipe([2, 3]))
    assert torch.equal(first, images[:2])


@pytest.mark.parametrize(
    ("images", "got"),
    [
        (torch.zeros(2, 3, 32, 32), "float32 of shape (2, 3, 32, 32)"),
        (torch.zeros(2, 32, 32, 3, dtype=torch.uint8), "uint8 of shape (2, 32, 32, 3)"),
        (torch.zeros(3, 32, 32, dtype=torch.uint8), "uint8 of shape (3, 32, 32)"),
        (np.zeros((2, 3, 32, 32), np.uint8), "ndarray"),
    ],
)
def test_other_images_are_refused(images, got):
    for call in (lambda: Renderer("cpu").render(images, identity_recipe([0])), lambda: standardise(images)):
        with pytest.raises(ValueError, match="expected a uint8 tensor of shape") as error:
            call()
        assert str(error.value).endswith(f"got {got}")


def test_an_image_beyond_the_end_is_refused():
    images = torch.zeros(5, 3, 32, 32, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"image_index: expected below 5 .*, got 5 in row 2"):
        Renderer("cpu").render(images, identity_recipe([0, 1, 5]))


def test_what_is_no_recipe_is_refused():
    with pytest.raises(ValueError, match="recipe: expected a Recipe, got dict"):
        Renderer("cpu").render(torch.zeros(5, 3, 32, 32, dtype=torch.uint8), {})


def test_standardised_images_have_mean_zero_and_deviation_one():
    images = random_images(20)
    expected = images.reshape(20, -1).astype(np.float64)
    expected = (expected - expected.mean(1, keepdims=True)) / expected.std(1, keepdims=True)
    standardised = standardise(torch.from_numpy(images))
    assert standardised.dtype == torch.float32
    # Values up to 10, rounded three times to 24 bits.
    np.testing.assert_allclose(standardised.reshape(20, -1), expected, atol=1e-5)


def test_constant_images_are_standardised_to_zeros():
    for level in (0, 77, 255):
        images = torch.full((2, 3, 32, 32), level, dtype=torch.uint8)
        assert torch.equal(standardise(images), torch.zeros(2, 3, 32, 32))


def test_one_deviating_pixel_is_enough_to_standardise():
    images = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    images[0, 1, 4, 5] = 254
    standardised = standardise(images)
    # One of n: mean 1/n and variance (1/n)(1 - 1/n) from the others.
    assert standardised[0, 1, 4, 5].item() == pytest.approx(-np.sqrt(3071), rel=1e-5)
    # The mean of nearly 255 is known to 2**-17, which is divided by a deviation of 1/55.
    assert standardised[0, 0, 0, 0].item() == pytest.approx(1 / np.sqrt(3071), abs=55 * 2**-17)


def has_compiler():
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        return bool(get_cpp_compiler())
    except InvalidCxxCompiler:
        return False


def test_compiled_or_not_the_bytes_are_the_same(caplog):
    if not has_compiler():
        pytest.skip("no C++ compiler")
    images = random_images(300)
    images[:4] = np.array([0, 255, 1, 128], np.uint8)[:, None, None, None]
    crop = CropSettings(mirror_probability=0.5, crop_min=4)
    recipe = draw_recipe(np.repeat(np.arange(300), 4), HSV, crop, np.random.default_rng(4))
    # Eager up to 640 images, compiled from there on.
    renderer = Renderer("cpu", compile_after=640)
    rendered = renderer.render(torch.from_numpy(images), recipe).numpy()
    assert renderer._render_chunk is not render_chunk
    assert not [record for record in caplog.records if record.name.startswith("mimic")]
    never = Renderer("cpu", compile_after=10**9).render(torch.from_numpy(images), recipe).numpy()
    np.testing.assert_array_equal(rendered, never)


def test_without_a_compiler_one_line_says_so_and_the_bytes_are_the_same(monkeypatch, caplog):
    def fail(*arguments, **options):
        raise RuntimeError("no C++ compiler found\nand a long explanation")

    monkeypatch.setattr(torch, "compile", fail)
    images, recipe = random_images(300), identity_recipe(np.arange(300))
    renderer = Renderer("cpu", compile_after=0)
    for _ in range(2):
        np.testing.assert_array_equal(renderer.render(torch.from_numpy(images), recipe).numpy(), images)
    assert [record.getMessage() for record in caplog.records] == [
        "images are rendered at half the speed: not compiled (no C++ compiler found)"
    ]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_devices_render_alike():
    images = random_images(500)
    recipe = draw_recipe(np.repeat(np.arange(500), 8), HSV, CROP, np.random.default_rng(2))
    on_device = Renderer("cuda").render(torch.from_numpy(images).cuda(), recipe).cpu().numpy()
    assert_same_levels(on_device, render(images, recipe).astype(float), share=1e-4)
