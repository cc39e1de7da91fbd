import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic.data import store


@settings(max_examples=25)
@given(
    st.tuples(*[st.integers(0, 5)] * 3),
    st.lists(st.text(max_size=8), min_size=1, max_size=4),
    st.integers(0, 2**32),
)
def test_a_dataset_comes_back_as_it_was_written(sizes, class_names, seed):
    generator = np.random.default_rng(seed)
    images, labels, rows = {}, {}, {}
    for split, n_images in zip(store.SPLITS, sizes, strict=True):
        images[split] = generator.integers(0, 256, (n_images, 3, 32, 32), dtype=np.uint8)
        labels[split] = generator.integers(0, len(class_names), n_images)
        rows[split] = generator.integers(0, 2**40, n_images)
    dataset = store.make_dataset(images, labels, class_names, rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dataset.h5"
        store.write_dataset(path, dataset, {})
        read = store.read_dataset(path)
    assert read.class_names == tuple(class_names)
    assert read.digest == dataset.digest
    for split in store.SPLITS:
        assert np.array_equal(read.images[split], images[split])
        assert np.array_equal(read.labels[split], labels[split])
        assert np.array_equal(read.rows[split], rows[split])
        dtypes = [part[split].dtype for part in (read.images, read.labels, read.rows)]
        assert dtypes == [np.uint8, np.int64, np.int64]


@given(st.integers(0, 2**32), st.integers(0, 4 * 3072 - 1), st.integers(1, 255))
def test_changing_any_pixel_changes_the_digest(seed, position, change):
    generator = np.random.default_rng(seed)
    images = {split: generator.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8) for split in store.SPLITS}
    labels = {split: np.zeros(4, np.int64) for split in store.SPLITS}
    before = store.make_dataset(images, labels, ("a",), labels).digest
    images["validation"].reshape(-1)[position] ^= change
    assert store.make_dataset(images, labels, ("a",), labels).digest != before
