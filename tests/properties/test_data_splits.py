import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mimic import seeding
from mimic.data.splits import split_rows


@st.composite
def sizes(draw):
    n_train, n_validation, n_test = (draw(st.integers(0, 60)) for _ in range(3))
    spare_train, spare_test = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    return n_train + n_validation + spare_train, n_test + spare_test, n_train, n_validation, n_test


@given(sizes(), st.integers(0, 2**32))
def test_splits_have_their_sizes_and_share_no_image(counts, seed):
    n_source_train, n_source_test, n_train, n_validation, n_test = counts
    rows = split_rows(*counts, seeding.numpy_generator(seed, "split"))
    assert [len(rows[split]) for split in ("train", "validation", "test")] == [n_train, n_validation, n_test]
    together = np.concatenate([rows["train"], rows["validation"]])
    assert len(set(together.tolist())) == n_train + n_validation
    assert set(together.tolist()) <= set(range(n_source_train))
    assert set(rows["test"].tolist()) <= set(range(n_source_test))
    assert (np.diff(rows["test"]) > 0).all()
    if n_train + n_validation == n_source_train:
        assert set(together.tolist()) == set(range(n_source_train))


@given(sizes(), st.integers(0, 2**32))
def test_the_same_seed_draws_the_same_split(counts, seed):
    first, second = (split_rows(*counts, seeding.numpy_generator(seed, "split")) for _ in range(2))
    assert all(np.array_equal(first[split], second[split]) for split in first)
