"""A source is a module with a few functions and a line in `mimic.data.sources`."""

from types import ModuleType

import numpy as np
import pytest

from mimic.artifact import read_json
from mimic.cli import InputError
from mimic.config.data import DataSettings
from mimic.data.check import check_source, count_classes, missing_data_message
from mimic.data.contents import digest_of_images
from mimic.data.prepare_dataset import open_source
from mimic.data.source import from_arrays
from mimic.data.sources import SOURCES, is_drawn, module_of


def settings(source, path=None):
    return DataSettings(source=source, path=path, download=False, n_train=3, n_validation=1, n_test=2)


@pytest.fixture
def tiles(monkeypatch):
    """The least that a source with files must have, registered as `tiles`."""

    def load(folder, n_threads):
        values = {part: np.load(folder / f"{part}.npy") for part in ("train", "test")}
        images = {part: np.tile(v[:, None, None, None], (1, 3, 32, 32)) for part, v in values.items()}
        return from_arrays(
            ("dark", "light"), images, {part: v.astype("i8") % 2 for part, v in values.items()}
        )

    module = ModuleType("tiles")
    module.load, module.count_classes = load, lambda folder: 2
    monkeypatch.setitem(SOURCES, "tiles", module)


def test_sources_have_the_names_of_the_config_and_the_embedded_one_is_drawn():
    assert {"cifar10", "imagefolder", "mnist", "shapes"} <= SOURCES.keys()
    drawn = {name: is_drawn(SOURCES[name]) for name in ("cifar10", "imagefolder", "mnist", "shapes")}
    assert drawn == {"cifar10": False, "imagefolder": False, "mnist": False, "shapes": True}


def test_every_source_counts_its_classes_and_loads_or_draws():
    for name, module in SOURCES.items():
        assert callable(module.count_classes), name
        assert callable(getattr(module, "draw", None) or module.load), name
        assert (
            hasattr(module, "missing_message") == hasattr(module, "download") == hasattr(module, "N_IMAGES")
        )


def test_another_name_is_refused_with_those_that_there_are():
    with pytest.raises(InputError, match=r"^data.source: expected one of cifar10.*shapes.*, got 'imagenet'$"):
        module_of(settings("imagenet"))


@pytest.mark.parametrize("path", [None, ""])
def test_a_source_with_files_needs_a_folder(path):
    with pytest.raises(InputError, match=r"^data.path: expected the folder of source cifar10, got none$"):
        count_classes(settings("cifar10", path))


def test_a_new_source_needs_only_its_classes_and_its_images(tiles, tmp_path):
    np.save(tmp_path / "train.npy", np.arange(4, dtype=np.uint8))
    np.save(tmp_path / "test.npy", np.arange(7, 9, dtype=np.uint8))
    wanted = settings("tiles", str(tmp_path))
    assert count_classes(wanted) == 2
    assert check_source(wanted) is None
    assert missing_data_message(wanted) is None
    source = open_source(wanted, 5)
    assert source.labels["test"].tolist() == [1, 0]
    assert source.read_images("train", np.array([3]))[0, 2, 31, 31] == 3


def test_a_new_source_depends_on_all_files_of_its_folder(tiles, tmp_path):
    folder, memory = tmp_path / "images", tmp_path / "memory.json"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "a.npy").write_bytes(b"one")
    wanted = settings("tiles", str(folder))
    before = digest_of_images(wanted, memory)
    assert digest_of_images(wanted, memory) == before
    (folder / "below" / "a.npy").write_bytes(b"three")
    after = digest_of_images(wanted, memory)
    assert after != before
    assert read_json(memory, "mimic.images")["images"] == after


def test_a_new_source_without_its_folder_is_refused(tiles, tmp_path):
    with pytest.raises(InputError, match=r"data.path: .*/absent: no such folder$"):
        digest_of_images(settings("tiles", str(tmp_path / "absent")), tmp_path / "memory.json")
