"""``mimic verify`` of a group of the second paper's grid."""

import numpy as np
import pytest
from tests.unit.shallow.group_files import make_group, write_group_file

from mimic.cli import InputError
from mimic.console.verify import verify_file
from mimic.data.store import make_dataset, write_dataset
from mimic.shallow import store


@pytest.fixture
def results(tmp_path):
    """Results with a dataset of the grid; gives their folder and the dataset's digest."""
    rows = {split: np.arange(2) for split in ("train", "validation", "test")}
    images = {split: np.zeros((2, 3, 32, 32), np.uint8) for split in rows}
    dataset = make_dataset(images, rows, ("a", "b"), rows)
    (tmp_path / "results" / "shallow" / "data").mkdir(parents=True)
    write_dataset(tmp_path / "results" / "shallow" / "data" / "mnist.h5", dataset, {})
    return tmp_path / "results", dataset.digest


@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_group_is_verified_alone_and_against_its_results(tmp_path, results, batch_norm):
    folder, digest = results
    path = write_group_file(tmp_path, make_group(digest=digest, batch_norm=batch_norm))
    lines = verify_file(path)
    assert lines[0].startswith("mimic.shallow: seal, structure and all checksums of ")
    # stem 1 (9 + 1), two layers (9 + 1) each, dense 10 (28 28 + 1), two of normalisation a filter and layer
    n_parameters = 7880 + 4 * batch_norm
    name = "mnist-L2-F1-K3" + "-BN" * batch_norm
    assert lines[1:] == [f"group {name}: 4 nets of {n_parameters:,} parameters"]
    assert verify_file(path, folder) == [*lines, f"dataset is that of {folder}"]


def test_a_group_of_other_images_does_not_belong_to_the_results(tmp_path, results):
    path = write_group_file(tmp_path, make_group(digest="0" * 64))
    with pytest.raises(InputError, match=f"{path}: dataset mnist: expected {results[1]}, got 0000"):
        verify_file(path, results[0])


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_arrays_that_do_not_fit_the_settings_are_refused(tmp_path, monkeypatch, change):
    sealed = store.write_sealed

    def altered(path, name, version, attributes, arrays, rows_per_checksum):
        if change == "missing":
            arrays.pop("stem_bias")
        elif change == "more":
            arrays["momentum"] = np.zeros((4, 1), np.float32)
        else:
            arrays["stem_bias"] = np.zeros((4, 2), np.float32)
        sealed(path, name, version, attributes, arrays, rows_per_checksum)

    monkeypatch.setattr(store, "write_sealed", altered)
    path = write_group_file(tmp_path, make_group())
    with pytest.raises(InputError, match="momentum" if change == "more" else "stem_bias"):
        verify_file(path)
