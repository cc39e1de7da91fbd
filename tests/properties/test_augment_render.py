import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic.augment.recipe import FIELDS, Recipe, draw_recipe
from mimic.augment.render import Renderer, standardise
from mimic.config.augment import CropSettings, HsvSettings

HSV = HsvSettings(hue_shift=0.5, saturation_shift=0.5, value_shift=0.5, saturation_scale=1.0, value_scale=1.0)
CROP = CropSettings(mirror_probability=0.5, crop_min=4)
N = 300
IMAGES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (N, 3, 32, 32), dtype=np.uint8))
RECIPE = draw_recipe(np.arange(N), HSV, CROP, np.random.default_rng(1))
RENDERER = Renderer("cpu")
RENDERED = RENDERER.render(IMAGES, RECIPE)


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=N))
def test_bytes_of_an_image_do_not_depend_on_its_company(rows):
    part = Recipe(**{name: getattr(RECIPE, name)[rows] for name in FIELDS})
    assert torch.equal(RENDERER.render(IMAGES, part), RENDERED[rows])
    images = RENDERED[rows]
    assert torch.equal(standardise(images), standardise(RENDERED)[rows])


@pytest.mark.parametrize("n_threads", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [1, 5, 128, N])
def test_bytes_of_an_image_do_not_depend_on_the_number_of_threads(n, n_threads, threads):
    expected = standardise(RENDERED)
    threads(n_threads)
    assert torch.equal(RENDERER.render(IMAGES, RECIPE.rows(0, n)), RENDERED[:n])
    assert torch.equal(standardise(RENDERED[:n]), expected[:n])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 255), st.integers(0, 255))
def test_any_image_under_any_draw_keeps_shape_and_type(seed, low, high):
    generator = np.random.default_rng(seed)
    pixels = generator.integers(min(low, high), max(low, high) + 1, (2, 3, 32, 32), dtype=np.uint8)
    recipe = draw_recipe([0, 1, 0], HSV, CROP, generator)
    rendered = RENDERER.render(torch.from_numpy(pixels), recipe)
    assert rendered.shape == (3, 3, 32, 32)
    assert rendered.dtype == torch.uint8
    assert torch.isfinite(standardise(rendered)).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 40))
def test_bytes_do_not_depend_on_the_size_of_a_chunk(chunk):
    """Another device takes larger chunks; nothing in an image may come from its place in one."""
    renderer = Renderer("cpu", chunk=chunk)
    assert torch.equal(renderer.render(IMAGES, RECIPE.rows(0, 50)), RENDERED[:50])
