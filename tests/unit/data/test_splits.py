import numpy as np
import pytest

from mimic import seeding
from mimic.cli import InputError
from mimic.data.splits import split_rows


def split(*sizes, seed=1):
    return split_rows(*sizes, seeding.numpy_generator(seed, "split"))


def test_more_training_and_validation_images_than_there_are_is_refused_with_both_numbers():
    with pytest.raises(InputError, match=r"n_train \+ data\.n_validation: 8 \+ 3 = 11, more than the 10 "):
        split(10, 5, 8, 3, 5)


def test_more_test_images_than_there_are_is_refused_with_both_numbers():
    with pytest.raises(InputError, match=r"n_test: 6, more than the 5 test images"):
        split(10, 5, 7, 3, 6)


def test_all_test_images_keep_the_order_of_the_source():
    assert split(10, 5, 7, 3, 5)["test"].tolist() == [0, 1, 2, 3, 4]


def test_another_seed_draws_another_split():
    assert not np.array_equal(
        split(100, 5, 50, 50, 5, seed=1)["train"], split(100, 5, 50, 50, 5, seed=2)["train"]
    )


def test_the_published_sizes_leave_nothing_over():
    rows = split(50_000, 10_000, 40_000, 10_000, 10_000)
    together = np.concatenate([rows["train"], rows["validation"]])
    assert np.array_equal(np.sort(together), np.arange(50_000))
    # The split must not follow the source's order: four standard errors of the mean of 10,000 rows.
    assert abs(np.mean(rows["validation"]) - 24_999.5) < 4 * 50_000 / np.sqrt(12 * 10_000)
