import numpy as np
import pytest

from mimic.augment.sheet import augment_sheet
from mimic.config.augment import CropSettings, HsvSettings

STILL = HsvSettings(
    hue_shift=0.0, saturation_shift=0.0, value_shift=0.0, saturation_scale=0.0, value_scale=0.0
)
WHOLE = CropSettings(mirror_probability=0.0, crop_min=32)
HSV = HsvSettings(
    hue_shift=0.06, saturation_shift=0.26, value_shift=0.20, saturation_scale=0.21, value_scale=0.13
)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)


def places_of(picture, sheet):
    """Upper left corners at which a magnified image (h, w, 3) stands in the sheet."""
    height, width = picture.shape[:2]
    corners = (sheet[: -height + 1, : -width + 1] == picture[0, 0]).all(-1)
    return [
        (y, x)
        for y, x in np.argwhere(corners)
        if np.array_equal(sheet[y : y + height, x : x + width], picture)
    ]


def test_each_row_shows_the_original_and_its_draws_magnified():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32), dtype=np.uint8)
    sheet = np.asarray(augment_sheet(images, STILL, WHOLE, n_draws=3, magnify=2))
    for image in images:
        picture = image.transpose(1, 2, 0).repeat(2, axis=0).repeat(2, axis=1)
        places = places_of(picture, sheet)
        assert len(places) == 4
        assert len({y for y, _ in places}) == 1


def test_the_seed_decides_the_sheet():
    images = np.random.default_rng(0).integers(0, 256, (1, 3, 32, 32), dtype=np.uint8)
    sheets = [augment_sheet(images, HSV, CROP, n_draws=2, seed=seed).tobytes() for seed in (1, 1, 2)]
    assert sheets[0] == sheets[1] != sheets[2]


@pytest.mark.parametrize(("n_images", "n_draws"), [(0, 4), (2, 0)])
def test_an_empty_sheet_is_refused(n_images, n_draws):
    with pytest.raises(ValueError, match="expected at least 1 image and 1 draw"):
        augment_sheet(np.zeros((n_images, 3, 32, 32), np.uint8), HSV, CROP, n_draws=n_draws)
