import h5py
import numpy as np
import pytest
from tests.sealed_files import forge, reseal

from mimic import artifact, sealed, sealing
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
    first = {"train": 0, "validation": sizes[0], "test": 0}
    rows = {
        split: np.arange(first[split], first[split] + n)[::-1].copy()
        for split, n in zip(store.SPLITS, sizes, strict=True)
    }
    return store.make_dataset(images, labels, names, rows)


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
        assert np.array_equal(read.rows[split], dataset().rows[split])
    assert read.class_names == ("cat", "dog")
    assert read.digest == dataset().digest


def test_the_digest_is_that_of_the_six_arrays():
    made = dataset()
    arrays = {f"images_{split}": made.images[split] for split in store.SPLITS}
    arrays |= {f"labels_{split}": made.labels[split] for split in store.SPLITS}
    assert made.digest == artifact.digest_arrays(**arrays)


def test_only_the_splits_asked_for_are_read(written):
    read = store.read_dataset(written, splits=("validation",))
    assert set(read.images) == set(read.labels) == set(read.rows) == {"validation"}
    assert read.digest == dataset().digest


def test_the_provenance_is_kept(written):
    with sealed.open_sealed(written, store.FORMAT, store.VERSION) as file:
        assert sealed.read_provenance(file) == {"stage": "test"}
    assert store.read_dataset_header(written) == (dataset().digest, {"stage": "test"})


def test_another_format_is_refused(tmp_path):
    sealing.write_sealed(tmp_path / "x.h5", "mimic.epochs", 2, {}, {}, 1)
    with pytest.raises(InputError, match=r"expected format 'mimic\.dataset', got 'mimic\.epochs'"):
        store.read_dataset(tmp_path / "x.h5")


def test_a_missing_array_is_refused(written):
    reseal(written, {"labels_test": None})
    with pytest.raises(InputError, match=r"labels_test: expected int64 of shape \(1\), got nothing"):
        store.read_dataset(written)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        (
            "images_train",
            np.zeros((3, 3, 32, 31), np.uint8),
            r"expected uint8 of shape \(n, 3, 32, 32\), got uint8",
        ),
        ("images_train", np.zeros((3, 3, 32, 32), np.float32), "got float32"),
        ("labels_train", np.zeros(3, np.int32), r"labels_train: expected int64 of shape \(3\), got int32"),
        ("labels_train", np.zeros(4, np.int64), r"expected int64 of shape \(3\), got int64 of shape \(4,\)"),
        ("labels_train", np.array([0, 1, 2]), "expected labels 0 to 1, found 0 to 2"),
        ("labels_train", np.array([0, 1, -1]), "expected labels 0 to 1, found -1 to 1"),
        ("rows_train", np.zeros(3, np.int32), r"rows_train: expected int64 of shape \(3\), got int32"),
        ("rows_train", np.zeros(2, np.int64), r"rows_train: expected int64 of shape \(3\), got int64"),
        ("rows_train", None, r"rows_train: expected int64 of shape \(3\), got nothing"),
    ],
)
def test_an_array_of_another_shape_type_or_range_is_refused(written, name, array, message):
    reseal(written, {name: array})
    with pytest.raises(InputError, match=message):
        store.read_dataset(written)


def test_an_array_that_is_claimed_and_not_there_is_refused_before_memory_is_taken(written):
    def claim(seal):
        for name in ("images_train", "labels_train", "rows_train"):
            seal["arrays"][name]["shape"][0] = 10**12

    forge(written, claim)
    with pytest.raises(InputError, match=r"images_train: expected 3,072,000,000,000,000 bytes of its own"):
        store.read_dataset(written)


def test_a_flipped_bit_is_refused(written):
    content = bytearray(written.read_bytes())
    start = content.index(dataset().images["train"][1].tobytes()[:64])
    content[start] ^= 1
    written.write_bytes(content)
    with pytest.raises(InputError, match=r"dataset\.h5: images_train: rows 0 to 2 are damaged"):
        store.read_dataset(written)


@pytest.mark.parametrize("names", ["no list", {}, [], [1], None, 3])
def test_broken_class_names_are_refused(written, names):
    reseal(written, attributes={"class_names": names})
    with pytest.raises(InputError, match="class_names"):
        store.read_dataset(written)


def test_a_dataset_is_not_made_from_images_of_another_size():
    arrays = {split: np.zeros((1, 3, 28, 28), np.uint8) for split in store.SPLITS}
    numbers = {split: np.zeros(1, np.int64) for split in store.SPLITS}
    with pytest.raises(ValueError, match=r"images_train: expected uint8 \(n, 3, 32, 32\)"):
        store.make_dataset(arrays, numbers, ("a",), numbers)


def test_a_dataset_is_not_made_with_labels_that_name_no_class():
    arrays = {split: np.zeros((1, 3, 32, 32), np.uint8) for split in store.SPLITS}
    numbers = {split: np.ones(1, np.int64) for split in store.SPLITS}
    with pytest.raises(ValueError, match="labels_train: expected labels 0 to 0, found 1 to 1"):
        store.make_dataset(arrays, numbers, ("a",), numbers)


@pytest.mark.parametrize("rows", [np.zeros(2, np.int64), np.zeros(1, np.int32)])
def test_a_dataset_is_not_made_without_the_row_of_every_image(rows):
    arrays = {split: np.zeros((1, 3, 32, 32), np.uint8) for split in store.SPLITS}
    labels = {split: np.zeros(1, np.int64) for split in store.SPLITS}
    with pytest.raises(ValueError, match=r"rows_validation: expected int64 \(1,\), got int"):
        store.make_dataset(arrays, labels, ("a",), labels | {"validation": rows})


def test_a_split_survives_its_file(tmp_path):
    path, rows = tmp_path / "split.h5", dataset().rows
    store.write_split(path, rows, "d" * 64, {"stage": "test"})
    read, digest = store.read_split(path)
    assert digest == "d" * 64
    assert {name: array.tolist() for name, array in read.items()} == {
        name: array.tolist() for name, array in rows.items()
    }
    reseal(path, {"rows_test": None})
    with pytest.raises(InputError, match=r"rows_test: expected int64 of shape \(n\), got nothing"):
        store.read_split(path)
    store.write_split(path, rows, "d" * 64, {})
    reseal(path, attributes={"dataset_digest": 3})
    with pytest.raises(InputError, match="dataset_digest: expected a SHA-256, got 3"):
        store.read_split(path)


@pytest.mark.parametrize("name", ["images_test", "labels_train"])
def test_other_images_or_labels_under_the_old_digest_are_refused(written, name):
    def change(values):
        values[...] = 1 - (values > 0)

    reseal(written, {name: change})
    with pytest.raises(InputError, match=r"images or labels were changed: expected digest [0-9a-f]{16}, got"):
        store.read_dataset(written)


@pytest.mark.parametrize("digest", [None, 7, ["a"]])
def test_a_dataset_without_a_digest_is_refused(written, digest):
    reseal(written, attributes={"digest": digest})
    for read in (store.read_dataset, store.read_dataset_header):
        with pytest.raises(InputError, match=r"attribute digest: expected a SHA-256"):
            read(written)


def test_an_ordinary_hdf5_program_reads_a_dataset(written):
    with h5py.File(written) as file:
        assert file.attrs["format"] == "mimic.dataset"
        for split in store.SPLITS:
            assert np.array_equal(file[f"images_{split}"], dataset().images[split])
            assert np.array_equal(file[f"labels_{split}"], dataset().labels[split])
            assert np.array_equal(file[f"rows_{split}"], dataset().rows[split])
