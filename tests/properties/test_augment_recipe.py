import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mimic.augment.recipe import FIELDS, draw_recipe
from mimic.config.augment import CropSettings, HsvSettings

fractions = st.floats(0, 1)
scales = st.floats(0, 10)
hsv_settings = st.builds(
    HsvSettings,
    hue_shift=st.floats(0, 0.5),
    saturation_shift=fractions,
    value_shift=fractions,
    saturation_scale=scales,
    value_scale=scales,
)
crop_settings = st.builds(CropSettings, mirror_probability=fractions, crop_min=st.integers(4, 32))
orders = st.lists(st.integers(0, 2**31 - 1), max_size=40).map(lambda order: np.array(order, np.int64))
seeds = st.integers(0, 2**63 - 1)


@given(orders, hsv_settings, crop_settings, seeds)
def test_every_draw_lies_in_its_range(order, hsv, crop, seed):
    recipe = draw_recipe(order, hsv, crop, np.random.default_rng(seed))
    for name, dtype in FIELDS.items():
        assert getattr(recipe, name).dtype == dtype
    np.testing.assert_array_equal(recipe.image_index, order)
    for name in ("hue_shift", "saturation_shift", "value_shift"):
        assert (np.abs(getattr(recipe, name)) <= np.float32(getattr(hsv, name))).all()
    for name in ("saturation_scale", "value_scale"):
        widest = 1 + getattr(hsv, name)
        # Rounding to float32 may touch the float32 next to the bound, never pass it.
        assert (getattr(recipe, name) >= np.float32(1 / widest)).all()
        assert (getattr(recipe, name) <= np.float32(widest)).all()
    size = recipe.crop_size.astype(int)
    assert ((size >= crop.crop_min) & (size <= 32)).all()
    assert (recipe.crop_x + size <= 32).all()
    assert (recipe.crop_y + size <= 32).all()


@given(orders, hsv_settings, crop_settings, seeds, st.integers(0, 40))
def test_a_seed_gives_the_same_rows_however_many_follow(order, hsv, crop, seed, n):
    whole = draw_recipe(order, hsv, crop, np.random.default_rng(seed))
    first = draw_recipe(order[:n], hsv, crop, np.random.default_rng(seed))
    assert whole.rows(0, n).digest() == first.digest()
