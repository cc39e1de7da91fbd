import numpy as np
import pytest

from mimic.gpus.claims import labelling_claim_mb, rendering_claim_mb, training_claim_mb


def images(n_train, n_other):
    return {
        "train": np.empty((n_train, 3, 32, 32), np.uint8),
        "test": np.empty((n_other, 3, 32, 32), np.uint8),
    }


def test_a_claim_is_the_sum_that_its_parts_give_by_hand():
    # the context; the renderer's sixteen copies of 2,048 images in float32, times 1.2
    empty = 900 + 1.2 * 2048 * 16 * 3072 * 4e-6
    assert rendering_claim_mb(0) == pytest.approx(empty, abs=1)
    # 10,000 images in all splits, two epochs of 6,000 in bytes and one in float32
    data = 1.2 * (10_000 + 2 * 6000 + 4 * 6000) * 3072e-6
    assert training_claim_mb(0, 0, 128, images(6000, 4000)) == pytest.approx(empty + data, abs=1)
    # six copies of a million weights
    assert training_claim_mb(10**6, 0, 128, images(0, 0)) == pytest.approx(empty + 1.2 * 24, abs=1)
    # three graphs keep three copies for a batch of 100, a validation pass of 2,500 one
    assert training_claim_mb(0, 10**5, 100, images(0, 0)) == pytest.approx(empty + 1.2 * 3400 * 0.4, abs=1)
    assert labelling_claim_mb(10**6, 10**5, 500, 0) == pytest.approx(empty + 1.2 * (8 + 200), abs=1)


def test_no_array_is_read_and_a_claim_is_a_whole_number():
    assert isinstance(training_claim_mb(1, 1, 1, {"train": range(5)}), int)
