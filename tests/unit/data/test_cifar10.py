import hashlib
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from mimic.cli import InputError
from mimic.data import cifar10


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Small batches in the published layout; the published checksums are replaced by theirs."""
    generator = np.random.default_rng(0)
    (tmp_path / "cifar-10-batches-py").mkdir()
    sums = {}
    for name in cifar10.FILES:
        if name.endswith("meta"):
            content = {"label_names": ["airplane", "automobile"]}
        else:
            data = generator.integers(0, 256, (4, 3072), dtype=np.uint8)
            content = {"data": data, "labels": [0, 1, 1, 0]}
        (tmp_path / name).write_bytes(pickle.dumps(content))
        sums[name] = hashlib.md5((tmp_path / name).read_bytes()).hexdigest()
    monkeypatch.setattr(cifar10, "FILES", sums)
    theirs = cifar10.import_torchvision("datasets").CIFAR10
    listed = [[name.split("/")[1], md5] for name, md5 in sums.items()]
    monkeypatch.setattr(theirs, "train_list", listed[:5])
    monkeypatch.setattr(theirs, "test_list", listed[5:6])
    monkeypatch.setattr(theirs, "meta", theirs.meta | {"md5": listed[6][1]})
    return tmp_path


def test_the_checksums_are_those_that_torchvision_publishes():
    theirs = cifar10.import_torchvision("datasets").CIFAR10
    listed = dict([*theirs.train_list, *theirs.test_list, (theirs.meta["filename"], theirs.meta["md5"])])
    assert {name.split("/")[1]: md5 for name, md5 in cifar10.FILES.items()} == listed


def test_pixels_keep_channel_row_and_column(folder):
    source = cifar10.load(folder)
    with open(folder / "cifar-10-batches-py" / "data_batch_2", "rb") as file:
        second = pickle.load(file)["data"]
    images = source.read_images("train", np.arange(20))
    assert images.shape == (20, 3, 32, 32)
    assert images.dtype == np.uint8
    # The published layout: 1,024 red values row by row, then green, then blue.
    assert np.array_equal(images[4:8].reshape(4, 3072), second)
    assert source.labels["train"].tolist() == [0, 1, 1, 0] * 5
    assert source.labels["test"].dtype == np.int64
    assert source.class_names == ("airplane", "automobile")


def test_a_file_that_differs_from_the_published_one_is_not_opened(folder):
    path = folder / "cifar-10-batches-py" / "test_batch"
    path.write_bytes(path.read_bytes() + b"!")
    with pytest.raises(
        InputError, match=r"test_batch: expected MD5 [0-9a-f]{32}, found [0-9a-f]{32}; delete it"
    ):
        cifar10.load(folder)


class Bomb:
    """Writes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", cifar10.FILES)
def test_what_a_stranger_pickled_is_never_executed(folder, tmp_path, name):
    bomb = pickle.dumps(Bomb(tmp_path / "executed"))
    pickle.loads(bomb)
    assert (tmp_path / "executed").exists()  # it would
    (tmp_path / "executed").unlink()
    (folder / name).write_bytes(bomb)
    with pytest.raises(InputError, match="expected MD5"):
        cifar10.load(folder)
    assert not (tmp_path / "executed").exists()


def test_a_missing_file_is_named(folder):
    assert cifar10.missing_message(folder) is None
    (folder / "cifar-10-batches-py" / "data_batch_4").unlink()
    assert "no cifar-10-batches-py/data_batch_4 in" in cifar10.missing_message(folder)


def test_a_failed_download_is_one_line(monkeypatch, tmp_path):
    datasets = cifar10.import_torchvision("datasets")

    def fail(*arguments, **options):
        raise URLError("no route\nto host")

    monkeypatch.setattr(datasets, "CIFAR10", fail)
    with pytest.raises(InputError, match=r"^CIFAR-10: download to .* failed: .*no route to host.*$"):
        cifar10.download(tmp_path)
