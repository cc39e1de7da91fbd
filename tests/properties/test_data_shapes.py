import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic import seeding
from mimic.data import shapes


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 150))
def test_the_same_seed_draws_the_same_balanced_images(seed, n_images):
    first, second = (shapes.generate(n_images, seeding.numpy_generator(seed, "shapes")) for _ in range(2))
    assert np.array_equal(first[0], second[0])
    assert np.array_equal(first[1], second[1])
    counts = np.bincount(first[1], minlength=10)
    assert counts.max() - counts.min() <= 1
    if n_images:
        assert (first[0].std(axis=(1, 2, 3)) > 5).all()  # never a blank image
