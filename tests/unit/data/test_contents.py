import os
import shutil

import pytest

from mimic.artifact import digest_file
from mimic.cli import InputError
from mimic.config.data import DataSettings
from mimic.data import cifar10, contents, mnist
from mimic.data.contents import digest_of_images

FILES = ("train/cat/a.png", "train/cat/b.png", "train/dog/a.png", "test/cat/a.png", "test/dog/a.png")


def settings(source, path=None):
    return DataSettings(source=source, path=path, download=False, n_train=2, n_validation=1, n_test=2)


@pytest.fixture
def folder(tmp_path):
    """Files that are named as images; nothing here decodes them."""
    for i, name in enumerate(FILES):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([i]) * 10)
    return tmp_path / "images"


@pytest.fixture
def digest(tmp_path):
    """Function of a folder; all calls share one memory."""
    return lambda folder: digest_of_images(settings("imagefolder", str(folder)), tmp_path / "memory.json", 1)


def test_an_image_changed_in_place_is_noticed(folder, digest):
    before = digest(folder)
    path = folder / "train/cat/b.png"
    path.write_bytes(b"x" * 10)  # as long as before
    os.utime(path, ns=(1, 1))
    assert digest(folder) != before
    path.write_bytes(bytes([1]) * 10)
    assert digest(folder) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "train/cat/c.png").write_bytes(b"new"),
        lambda folder: (folder / "train/cat/b.png").unlink(),
        lambda folder: (folder / "train/cat/b.png").rename(folder / "train/cat/d.png"),
        lambda folder: (folder / "train/cat/b.png").rename(folder / "train/dog/b.png"),
        lambda folder: [(folder / part / "dog").rename(folder / part / "cow") for part in ("train", "test")],
    ],
    ids=["added", "removed", "renamed", "of another class", "class renamed"],
)
def test_the_files_and_their_names_make_the_digest(folder, digest, change):
    before = digest(folder)
    change(folder)
    assert digest(folder) != before


def test_images_that_were_moved_copied_or_touched_are_the_same(folder, digest, tmp_path):
    before = digest(folder)
    shutil.copytree(folder, tmp_path / "copy", copy_function=shutil.copy)
    for path in (tmp_path / "copy").rglob("*.png"):
        os.utime(path, ns=(7, 7))
    assert digest(tmp_path / "copy") == before
    (folder / "train/cat/notes.txt").write_text("ignored, as it is by the stage")
    assert digest(folder) == before


def test_files_are_read_only_where_a_name_size_or_time_has_changed(folder, digest, monkeypatch):
    before = digest(folder)
    monkeypatch.setattr(contents, "digest_file", None)
    assert digest(folder) == before
    os.utime(folder / "train/cat/b.png", ns=(1, 1))
    with pytest.raises(TypeError):
        digest(folder)


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"format": "mimic.images", "listing": 3, "images": "x"}'])
def test_a_memory_that_says_nothing_is_written_anew(folder, digest, tmp_path, text):
    before = digest(folder)
    (tmp_path / "memory.json").write_text(text)
    assert digest(folder) == before
    assert before in (tmp_path / "memory.json").read_text()


def test_a_memory_that_cannot_be_written_is_done_without(folder, tmp_path):
    (tmp_path / "file").write_text("no folder")
    chosen = settings("imagefolder", str(folder))
    assert len(digest_of_images(chosen, tmp_path / "file" / "memory.json")) == 64


def test_mnist_to_be_downloaded_has_the_digest_of_the_published_files(tmp_path, monkeypatch):
    absent = digest_of_images(settings("mnist", str(tmp_path)), tmp_path / "memory.json")
    for name in mnist.PUBLISHED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    other = digest_of_images(settings("mnist", str(tmp_path)), tmp_path / "memory.json")
    assert other != absent
    sums = {name: digest_file(tmp_path / name, algorithm="md5") for name in mnist.PUBLISHED}
    monkeypatch.setattr(mnist, "PUBLISHED", sums)
    (tmp_path / "MNIST").rename(tmp_path / "elsewhere")
    assert digest_of_images(settings("mnist", str(tmp_path)), tmp_path / "memory.json") == other


def test_cifar10_is_what_was_published_wherever_it_lies(monkeypatch, tmp_path):
    digests = {digest_of_images(settings("cifar10", path), tmp_path / "m") for path in ("a", "b")}
    assert len(digests) == 1
    monkeypatch.setattr(cifar10, "FILES", cifar10.FILES | {"more": "0"})
    assert digest_of_images(settings("cifar10", "a"), tmp_path / "m") not in digests


def test_an_unreadable_file_is_named(folder, digest):
    (folder / "train/cat/b.png").unlink()
    (folder / "train/cat/b.png").symlink_to("nowhere.png")
    with pytest.raises(InputError, match=r"train/cat/b\.png: No such file or directory"):
        digest(folder)
