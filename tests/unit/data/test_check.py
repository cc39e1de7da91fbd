import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mimic import image_files
from mimic.cli import InputError
from mimic.config.data import DataSettings
from mimic.data import check


def settings(source, path=None, n_train=3, n_validation=1, n_test=2, download=False):
    return DataSettings(
        source=source, path=path, download=download, n_train=n_train, n_validation=n_validation, n_test=n_test
    )


@pytest.fixture
def folder(tmp_path):
    for part, n_images in (("train", 2), ("test", 1)):
        for name in ("cat", "dog"):
            (tmp_path / part / name).mkdir(parents=True)
            for index in range(n_images):
                Image.new("RGB", (40, 40)).save(tmp_path / part / name / f"{index}.png")
    return tmp_path


def test_checking_imports_neither_torch_nor_h5py():
    code = (
        "import sys; from mimic.data import check; print([m for m in ('torch', 'h5py') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_a_sound_folder_passes(folder):
    assert check.check_source(settings("imagefolder", str(folder))) is None


def test_any_number_of_shapes_can_be_drawn():
    assert check.check_source(settings("shapes", n_train=10**6)) is None


def test_more_images_than_a_folder_has_are_refused(folder):
    with pytest.raises(InputError, match=r"3 \+ 2 = 5, more than the 4 training images"):
        check.check_source(settings("imagefolder", str(folder), n_validation=2))
    with pytest.raises(InputError, match="n_test: 3, more than the 2 test images"):
        check.check_source(settings("imagefolder", str(folder), n_test=3))


@pytest.mark.parametrize("source", ["cifar10", "mnist"])
def test_more_images_than_a_published_set_has_are_refused_before_it_is_there(tmp_path, source):
    with pytest.raises(InputError, match=r"more than the [56]0000 training images"):
        check.check_source(settings(source, str(tmp_path), n_train=60_000, n_validation=1))
    with pytest.raises(InputError, match="n_test: 10001, more than the 10000"):
        check.check_source(settings(source, str(tmp_path), n_test=10_001))


def test_a_class_missing_in_test_is_named(folder):
    (folder / "test" / "dog").rename(folder / "dog")
    with pytest.raises(InputError, match="test: class 'dog' is missing"):
        check.check_source(settings("imagefolder", str(folder)))


def test_an_unreadable_image_is_named_when_files_are_decoded_and_only_then(folder):
    path = folder / "test" / "dog" / "0.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(InputError, match=r"test/dog/0\.png: not a readable image"):
        check.check_source(settings("imagefolder", str(folder)))
    assert check.check_source(settings("imagefolder", str(folder)), decode=False) is None


def test_what_a_job_could_not_convert_is_refused_too(folder):
    Image.fromarray(np.zeros((8, 8), np.float32)).save(folder / "train" / "cat" / "depth.tif")
    with pytest.raises(InputError, match=r"depth\.tif: expected 8 or 16 bits"):
        check.check_source(settings("imagefolder", str(folder)))


def test_an_unset_variable_in_the_path_is_named(monkeypatch):
    monkeypatch.delenv("NO_SUCH_PLACE", raising=False)
    for source in ("imagefolder", "mnist", "cifar10"):
        with pytest.raises(InputError, match="NO_SUCH_PLACE"):
            check.check_source(settings(source, "${NO_SUCH_PLACE}"))


def test_a_folder_that_may_not_be_read_is_named(monkeypatch, folder):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(image_files.os, "scandir", refuse)
    with pytest.raises(InputError, match=r"/train: Permission denied$"):
        check.check_source(settings("imagefolder", str(folder)))


@pytest.mark.parametrize(
    ("source", "file", "page"),
    [
        ("cifar10", "cifar-10-batches-py/data_batch_1", "www.cs.toronto.edu/~kriz/cifar.html"),
        ("mnist", "MNIST/raw/train-images-idx3-ubyte", "yann.lecun.com/exdb/mnist"),
    ],
)
def test_the_message_on_missing_data_says_what_where_and_how(monkeypatch, tmp_path, source, file, page):
    monkeypatch.chdir(tmp_path)
    message = check.missing_data_message(settings(source, "data"))
    for part in (file, str(tmp_path / "data"), "data.path", "data.download: true", page):
        assert part in message
    assert "\n" not in message


def test_missing_data_is_no_error_of_its_own(tmp_path):
    assert check.check_source(settings("cifar10", str(tmp_path))) is None
    assert check.check_source(settings("mnist", str(tmp_path))) is None


def test_nothing_is_said_of_sources_that_are_never_downloaded(folder):
    assert check.missing_data_message(settings("shapes")) is None
    assert check.missing_data_message(settings("imagefolder", str(folder))) is None


def test_an_image_folder_has_a_folder_a_class_and_all_other_sources_ten_classes(folder):
    assert check.count_classes(settings("imagefolder", str(folder))) == 2
    assert check.count_classes(settings("shapes")) == 10
    assert check.count_classes(settings("cifar10", str(folder))) == 10
