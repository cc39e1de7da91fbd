import h5py
import numpy as np
import pytest

from mimic import artifact
from mimic.cli import InputError
from mimic.data import store


def dataset(sizes=(3, 2, 1), names=("cat", "dog")):
    generator = np.random.default_rng(0)
    images = {
        split: generator.integers(0, 256, (n, 3, 32, 32), dtype=np.uint8)
        for split, n in zip(store.SPLITS, sizes, strict=True)
    }
    labels = {
        split: generator.integers(0, len(names), n) for split, n in zip(store.SPLITS, sizes, strict=True)
    }
    return store.make_dataset(images, labels, names)


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "dataset.h5"
    store.write_dataset(path, dataset(), {"stage": "test"})
    return path


def test_what_was_written_is_read(written):
    read = store.read_dataset(written)
    for split in store.SPLITS:
        assert np.array_equal(read.images[split], dataset().images[split])
        assert np.array_equal(read.labels[split], dataset().labels[split])
    assert read.class_names == ("cat", "dog")
    assert read.digest == dataset().digest


def test_the_digest_is_that_of_the_six_arrays():
    made = dataset()
    arrays = {f"images_{split}": made.images[split] for split in store.SPLITS}
    arrays |= {f"labels_{split}": made.labels[split] for split in store.SPLITS}
    assert made.digest == artifact.digest_arrays(**arrays)


def test_only_the_splits_asked_for_are_read(written):
    read = store.read_dataset(written, splits=("validation",))
    assert set(read.images) == set(read.labels) == {"validation"}
    assert read.digest == dataset().digest


def test_the_provenance_is_kept(written):
    with artifact.open_hdf5(written, store.FORMAT, store.VERSION) as file:
        assert artifact.read_provenance(file) == {"stage": "test"}


def test_another_format_is_refused(tmp_path):
    with artifact.create_hdf5(tmp_path / "x.h5", "mimic.epochs", 1, {}):
        pass
    with pytest.raises(InputError, match=r"expected format 'mimic\.dataset', got 'mimic\.epochs'"):
        store.read_dataset(tmp_path / "x.h5")


def test_a_missing_array_is_refused(written):
    with h5py.File(written, "a") as file:
        del file["labels_test"]
    with pytest.raises(InputError, match="expected images_test and labels_test"):
        store.read_dataset(written)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("images_train", np.zeros((3, 3, 32, 31), np.uint8), r"expected uint8 \(n, 3, 32, 32\), got uint8"),
        ("images_train", np.zeros((3, 3, 32, 32), np.float32), "got float32"),
        ("labels_train", np.zeros(3, np.int32), r"expected int64 \(3,\), got int32"),
        ("labels_train", np.zeros(4, np.int64), r"expected int64 \(3,\), got int64 \(4,\)"),
        ("labels_train", np.array([0, 1, 2]), "expected labels 0 to 1, found 0 to 2"),
        ("labels_train", np.array([0, 1, -1]), "expected labels 0 to 1, found -1 to 1"),
    ],
)
def test_an_array_of_another_shape_type_or_range_is_refused(written, name, array, message):
    with h5py.File(written, "a") as file:
        del file[name]
        file[name] = array
    with pytest.raises(InputError, match=message):
        store.read_dataset(written)


def test_an_array_that_is_claimed_and_not_there_is_refused_before_memory_is_taken(written):
    with h5py.File(written, "a") as file:
        for name, shape, dtype in (("images", (10**12, 3, 32, 32), "u1"), ("labels", (10**12,), "i8")):
            del file[f"{name}_train"]
            file.create_dataset(f"{name}_train", shape, dtype, chunks=(1000, *shape[1:]))
    with pytest.raises(InputError, match="the file holds fewer"):
        store.read_dataset(written)


def test_a_damaged_chunk_is_refused(written):
    content = bytearray(written.read_bytes())
    start = content.index(dataset().images["train"][1].tobytes()[:64])
    content[start] ^= 1
    written.write_bytes(content)
    with pytest.raises(InputError, match=r"dataset\.h5: "):
        store.read_dataset(written)


@pytest.mark.parametrize("names", ["no json", "{}", "[]", "[1]"])
def test_broken_class_names_are_refused(written, names):
    with h5py.File(written, "a") as file:
        file.attrs["class_names"] = names
    with pytest.raises(InputError, match="class_names"):
        store.read_dataset(written)


def test_a_dataset_is_not_made_from_images_of_another_size():
    arrays = {split: np.zeros((1, 3, 28, 28), np.uint8) for split in store.SPLITS}
    with pytest.raises(ValueError, match=r"images_train: expected uint8 \(n, 3, 32, 32\)"):
        store.make_dataset(arrays, {split: np.zeros(1, np.int64) for split in store.SPLITS}, ("a",))


def test_a_dataset_is_not_made_with_labels_that_name_no_class():
    arrays = {split: np.zeros((1, 3, 32, 32), np.uint8) for split in store.SPLITS}
    with pytest.raises(ValueError, match="labels_train: expected labels 0 to 0, found 1 to 1"):
        store.make_dataset(arrays, {split: np.ones(1, np.int64) for split in store.SPLITS}, ("a",))
