import numpy as np
import pytest
import scipy.ndimage

from mimic.augment.spline import placement_bank, placement_row, resize_matrix

ALL_SIZES = range(4, 33)


@pytest.mark.parametrize("size", ALL_SIZES)
def test_the_matrices_give_what_scipy_zoom_gives_in_float64(size):
    generator = np.random.default_rng(size)
    bank = placement_bank()
    worst = 0.0
    # Every place, hence both borders, along each axis; the two axes at different places.
    for start in range(33 - size):
        other = 32 - size - start
        image = generator.random((32, 32))
        for mirrored in (False, True):
            seen = image[:, ::-1] if mirrored else image
            expected = scipy.ndimage.zoom(
                seen[other : other + size, start : start + size], 32 / size, order=3
            )
            rows, columns = bank[placement_row(size, other)], bank[placement_row(size, start, mirrored)]
            worst = max(worst, np.abs(rows @ image @ columns.T - expected).max())
    assert expected.shape == (32, 32)
    # Pixels are 0 to 1 here; both are sums of some 32 rounded products a side.
    assert worst < 1e-12


@pytest.mark.parametrize("size", ALL_SIZES)
def test_a_constant_stays_constant_and_the_corners_stay_corners(size):
    matrix = resize_matrix(size)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-14)
    np.testing.assert_allclose(matrix[0], np.eye(size)[0], atol=1e-14)
    np.testing.assert_allclose(matrix[-1], np.eye(size)[-1], atol=1e-14)


def test_full_size_is_exactly_the_identity():
    np.testing.assert_array_equal(resize_matrix(32), np.eye(32))


def test_the_spline_interpolates_cubics_away_from_the_borders():
    """Known of cubic splines without scipy: a cubic is reproduced where no border is felt."""
    size = 31
    points = np.arange(size) / 30 - 0.5
    samples = np.linspace(0, 30, 32) / 30 - 0.5
    resized = resize_matrix(size) @ points**3
    # A border's influence falls by 0.27 a point: 0.27**12 is 1e-7.
    np.testing.assert_allclose(resized[12:20], samples[12:20] ** 3, atol=1e-7)


def test_every_place_has_a_row_of_its_own():
    rows = [
        int(placement_row(size, start, mirrored))
        for mirrored in (False, True)
        for size in ALL_SIZES
        for start in range(33 - size)
    ]
    assert rows == list(range(len(placement_bank())))


@pytest.mark.parametrize("size", [0, 3, 33])
def test_sizes_without_a_spline_are_refused(size):
    with pytest.raises(ValueError, match=f"crop_size: expected 4 to 32, got {size}"):
        resize_matrix(size)
