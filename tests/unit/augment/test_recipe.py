import dataclasses

import numpy as np
import pytest

from mimic.augment.recipe import FIELDS, Recipe, draw_recipe, identity_recipe
from mimic.config.augment import CropSettings, HsvSettings
from mimic.seeding import numpy_generator

HSV = HsvSettings(
    hue_shift=0.06, saturation_shift=0.26, value_shift=0.20, saturation_scale=0.21, value_scale=0.13
)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)


def draw(n, *names, hsv=HSV, crop=CROP):
    return draw_recipe(np.arange(n), hsv, crop, numpy_generator(7, *names))


def test_crops_are_uniform_over_sizes_and_places():
    recipe = draw(90_000, "crops")
    counts = np.bincount(recipe.crop_size, minlength=33)
    assert counts[:24].sum() == 0
    # 10,000 expected each, standard deviation 94: five of them.
    assert np.abs(counts[24:] - 10_000).max() < 5 * 94
    for size in range(24, 33):
        for places in (recipe.crop_x, recipe.crop_y):
            places = np.bincount(places[recipe.crop_size == size], minlength=33 - size)
            assert len(places) == 33 - size
            expected = places.sum() / len(places)
            assert np.abs(places - expected).max() < 5 * np.sqrt(expected) + 1e-9


def test_x_and_y_and_the_other_draws_do_not_depend_on_each_other():
    recipe = draw(50_000, "independence", crop=CropSettings(mirror_probability=0.5, crop_min=24))
    free = recipe.crop_size < 32
    columns = {name: getattr(recipe, name)[free].astype(float) for name in FIELDS if name != "image_index"}
    for name in ("crop_x", "crop_y"):
        columns[name] /= 32 - recipe.crop_size[free]
    correlation = np.corrcoef(list(columns.values())) - np.eye(len(columns))
    assert np.abs(correlation).max() < 5 / np.sqrt(free.sum())


def test_shifts_and_scales_are_uniform_over_the_ranges_of_the_paper():
    recipe = draw(100_000, "ranges")
    for name, low, high in (
        ("hue_shift", -0.06, 0.06),
        ("saturation_shift", -0.26, 0.26),
        ("value_shift", -0.20, 0.20),
        ("saturation_scale", 1 / 1.21, 1.21),
        ("value_scale", 1 / 1.13, 1.13),
    ):
        uniform = (getattr(recipe, name) - low) / (high - low)
        quarters = np.quantile(uniform, [0, 0.25, 0.5, 0.75, 1])
        # Five standard deviations of a median of 100,000: 0.008.
        np.testing.assert_allclose(quarters, [0, 0.25, 0.5, 0.75, 1], atol=0.008)


@pytest.mark.parametrize(("probability", "expected"), [(0.0, False), (1.0, True)])
def test_certain_mirrors_are_certain(probability, expected):
    crop = CropSettings(mirror_probability=probability, crop_min=24)
    assert (draw(1000, "mirror", crop=crop).mirror == expected).all()


def test_half_of_the_images_are_mirrored():
    # Standard deviation 158 of 100,000: five of them.
    assert abs(draw(100_000, "mirror").mirror.sum() - 50_000) < 790


def test_a_draw_keeps_its_value_over_versions():
    """Worked out once: a changed order of draws would silently change every stored epoch."""
    recipe = draw_recipe(np.array([5, 3]), HSV, CROP, np.random.Generator(np.random.PCG64(0)))
    uniform = np.random.Generator(np.random.PCG64(0)).random(18)
    np.testing.assert_array_equal(recipe.image_index, [5, 3])
    np.testing.assert_array_equal(recipe.hue_shift, np.float32(-0.06 + 0.12 * uniform[[0, 9]]))
    np.testing.assert_array_equal(recipe.value_shift, np.float32(-0.2 + 0.4 * uniform[[4, 13]]))
    np.testing.assert_array_equal(recipe.mirror, uniform[[5, 14]] < 0.5)
    size = 24 + np.floor(uniform[[6, 15]] * 9)
    np.testing.assert_array_equal(recipe.crop_size, size)
    np.testing.assert_array_equal(recipe.crop_x, np.floor(uniform[[7, 16]] * (33 - size)))
    np.testing.assert_array_equal(recipe.crop_y, np.floor(uniform[[8, 17]] * (33 - size)))
    assert recipe.digest() == "4cb2cba7beee3e13a2471c5b1bcc531e1d800246bd8707ceeeb41091a33c4255"


def test_the_largest_uniform_number_stays_inside_every_range():
    class Largest:
        def random(self, shape):
            return np.full(shape, np.nextafter(1.0, 0.0))

    for crop_min in range(4, 33):
        crop = CropSettings(mirror_probability=0.5, crop_min=crop_min)
        recipe = draw_recipe(np.arange(2), HSV, crop, Largest())
        assert (recipe.crop_size == 32).all()
        assert (recipe.crop_x == 0).all()


@pytest.mark.parametrize("name", FIELDS)
def test_digest_changes_with_any_field(name):
    recipe = draw(16, "digest")
    array = getattr(recipe, name).copy()
    array[11] = {"mirror": not array[11], "crop_size": 24 if array[11] != 24 else 4}.get(
        name, 0 if array[11] else 1
    )
    if name in ("crop_x", "crop_y"):
        recipe = dataclasses.replace(recipe, crop_size=np.full(16, 24, np.uint8))
        array = np.minimum(array, 8)
    changed = dataclasses.replace(recipe, **{name: array})
    assert changed.digest() != recipe.digest()
    assert dataclasses.replace(changed, **{name: getattr(recipe, name)}).digest() == recipe.digest()


def test_rows_are_a_recipe_of_their_own():
    recipe = draw(10, "rows")
    part = recipe.rows(3, 7)
    assert len(part) == 4
    np.testing.assert_array_equal(part.image_index, [3, 4, 5, 6])
    assert part.digest() != recipe.digest()
    assert recipe.rows(0, 10).digest() == recipe.digest()


def test_an_empty_recipe_is_a_recipe():
    assert len(draw(0, "empty")) == 0
    assert len(identity_recipe(np.arange(0))) == 0


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        (
            "hue_shift",
            np.zeros(3),
            "hue_shift: expected a float32 array of shape (3,), got float64 of shape (3,)",
        ),
        ("mirror", np.zeros(4, bool), "mirror: expected a bool array of shape (3,), got bool of shape (4,)"),
        ("crop_x", [0, 0, 0], "crop_x: expected a uint8 array of shape (3,), got list"),
        ("value_shift", np.float32([0, np.nan, 0]), "value_shift: expected finite numbers, got nan in row 1"),
        ("crop_size", np.uint8([32, 32, 3]), "crop_size: expected 4 to 32, got 3 in row 2"),
        ("crop_size", np.uint8([33, 32, 32]), "crop_size: expected 4 to 32, got 33 in row 0"),
        ("crop_y", np.uint8([0, 1, 0]), "crop_y: expected crop_y + crop_size <= 32, got 1 + 32 in row 1"),
        ("crop_x", np.uint8([0, 250, 0]), "crop_x: expected crop_x + crop_size <= 32, got 250 + 32 in row 1"),
        ("image_index", np.int32([0, -1, 0]), "image_index: expected 0 to 2147483647, got -1 in row 1"),
    ],
)
def test_a_recipe_refuses_what_cannot_be_rendered(field, value, message):
    good = identity_recipe(np.arange(3))
    with pytest.raises(ValueError, match="recipe field") as error:
        dataclasses.replace(good, **{field: value})
    assert message in str(error.value)


@pytest.mark.parametrize("index", [np.zeros((2, 2), int), np.zeros(3), np.array([2**31]), np.array([-1])])
def test_draws_refuse_what_is_no_list_of_images(index):
    with pytest.raises(ValueError, match="image_index: expected"):
        draw_recipe(index, HSV, CROP, np.random.default_rng(0))


def test_a_recipe_has_the_fields_it_documents():
    assert [field.name for field in dataclasses.fields(Recipe)] == list(Recipe.FIELDS)
