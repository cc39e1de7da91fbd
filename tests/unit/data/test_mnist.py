import os
from pathlib import Path

import numpy as np
import pytest

from mimic.cli import InputError
from mimic.data import mnist

FILES = (*mnist.IMAGE_FILES.values(), *mnist.LABEL_FILES.values())


def idx(array):
    header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def folder(tmp_path):
    generator = np.random.default_rng(0)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    for part, n_images in (("train", 5), ("test", 3)):
        digits = generator.integers(0, 256, (n_images, 28, 28))
        (tmp_path / mnist.IMAGE_FILES[part]).write_bytes(idx(digits))
        (tmp_path / mnist.LABEL_FILES[part]).write_bytes(idx(np.arange(n_images) + 5))
    return tmp_path


def test_only_as_many_images_as_the_files_hold_are_counted(folder):
    assert mnist.count_images(folder) == {"train": 5, "test": 3}


def test_digits_stand_in_the_middle_of_three_equal_channels(folder):
    source = mnist.load(folder)
    digits = np.random.default_rng(0).integers(0, 256, (5, 28, 28))
    images = source.read_images("train", np.arange(5))
    assert images.shape == (5, 3, 32, 32)
    assert images.dtype == np.uint8
    for channel in range(3):
        assert np.array_equal(images[:, channel, 2:30, 2:30], digits)
    images[:, :, 2:30, 2:30] = 0
    assert not images.any()


def test_labels_are_those_of_the_files(folder):
    source = mnist.load(folder)
    assert source.labels["train"].tolist() == [5, 6, 7, 8, 9]
    assert source.labels["train"].dtype == np.int64
    assert source.class_names[5] == "five"


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder, name):
    assert mnist.missing_message(folder) is None
    (folder / name).unlink()
    assert f"no {name} in {folder}" in mnist.missing_message(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named_with_both_sizes(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(
        InputError, match=rf"{name}: expected {len(content)} bytes .* found {len(content) - 1}$"
    ):
        mnist.load(folder)


@pytest.mark.parametrize("content", [b"", b"<html>", idx(np.zeros((2, 2))), idx(np.zeros((2, 2, 2)))[:12]])
def test_what_is_no_idx_file_of_images_is_named(folder, content):
    (folder / mnist.IMAGE_FILES["train"]).write_bytes(content)
    with pytest.raises(InputError, match="train-images-idx3-ubyte: expected the header of an IDX file"):
        mnist.count_images(folder)


def test_images_of_another_size_are_refused(folder):
    (folder / mnist.IMAGE_FILES["train"]).write_bytes(idx(np.zeros((5, 28, 27))))
    with pytest.raises(InputError, match="expected images of 28x28, found 28x27"):
        mnist.count_images(folder)


def test_a_header_that_claims_more_than_memory_is_refused(folder):
    header = bytes((0, 0, 8, 3)) + np.array([2**32 - 1] * 3, ">u4").tobytes()
    (folder / mnist.IMAGE_FILES["train"]).write_bytes(header)
    with pytest.raises(InputError, match=r"found 16$"):
        mnist.load(folder)


def test_labels_and_images_of_different_number_are_refused(folder):
    (folder / mnist.LABEL_FILES["test"]).write_bytes(idx(np.zeros(4)))
    with pytest.raises(InputError, match="t10k-labels-idx1-ubyte: expected 3 labels, one an image, found 4"):
        mnist.count_images(folder)


def test_a_label_above_nine_is_refused(folder):
    (folder / mnist.LABEL_FILES["test"]).write_bytes(idx(np.array([1, 10, 2])))
    with pytest.raises(InputError, match="expected labels 0 to 9, found 10"):
        mnist.load(folder)


def test_a_failed_download_is_one_line(monkeypatch, tmp_path):
    datasets = mnist.import_torchvision("datasets")

    def fail(*arguments, **options):
        raise RuntimeError("Error downloading:\nTried one\nTried another")

    monkeypatch.setattr(datasets, "MNIST", fail)
    with pytest.raises(
        InputError,
        match=r"^MNIST: download to .* failed: Error downloading: Tried one Tried another; try",
    ):
        mnist.download(tmp_path)


@pytest.mark.skipif("MIMIC_TEST_DATA" not in os.environ, reason="MIMIC_TEST_DATA is not set")
def test_the_first_real_test_digit_is_a_seven():
    folder = Path(os.environ["MIMIC_TEST_DATA"])
    counts = mnist.count_images(folder)
    source = mnist.load(folder)
    assert {part: len(labels) for part, labels in source.labels.items()} == counts
    assert counts["test"] == 10_000
    assert source.labels["test"][:5].tolist() == [7, 2, 1, 0, 4]  # the order of the published file
    # The published mean of all digits, 33.3, over the padded area: 25.5.
    assert 22 < source.read_images("test", np.arange(1000)).mean() < 29
