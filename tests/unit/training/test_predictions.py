import h5py
import numpy as np
import pytest
from tests.sealed_files import reseal

from mimic.cli import InputError
from mimic.training.predictions import read_predictions, write_predictions

PROVENANCE = {"sources": {"dataset": "d" * 64}}
LOGITS = {"validation": np.arange(6, dtype=np.float32).reshape(2, 3), "test": np.ones((4, 3), np.float32)}


def test_logits_survive_their_file(tmp_path):
    write_predictions(tmp_path / "p.h5", LOGITS, PROVENANCE)
    logits, digest = read_predictions(tmp_path / "p.h5", 3)
    assert digest == "d" * 64
    for split in LOGITS:
        np.testing.assert_array_equal(logits[split], LOGITS[split])
        assert logits[split].dtype == np.float32


def test_a_diverged_trial_has_no_rows(tmp_path):
    nothing = {split: np.zeros((0, 3), np.float32) for split in LOGITS}
    write_predictions(tmp_path / "p.h5", nothing, PROVENANCE)
    assert read_predictions(tmp_path / "p.h5", 3)[0]["test"].shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"arrays": {"test_logits": None}}, "test_logits: expected float32 of shape (n, 3)"),
        (
            {"arrays": {"test_logits": lambda v: v.__setitem__((0, 0), np.nan)}},
            "test_logits: expected finite logits",
        ),
        ({"attributes": {"provenance": None}}, "provenance"),
        ({"attributes": {"provenance": "{"}}, "provenance"),
        ({"attributes": {"provenance": {}}}, "provenance"),
        ({"attributes": {"provenance": [1]}}, "provenance"),
        ({"version": 9}, "version 2, got 9"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_by_name(tmp_path, change, expected):
    path = tmp_path / "p.h5"
    write_predictions(path, LOGITS, PROVENANCE)
    reseal(path, **change)
    with pytest.raises(InputError) as error:
        read_predictions(path, 3)
    assert str(error.value).startswith(f"{path}: ")
    assert expected in str(error.value)


def test_logits_of_other_classes_types_or_shapes_are_refused(tmp_path):
    write_predictions(tmp_path / "p.h5", LOGITS, PROVENANCE)
    with pytest.raises(InputError, match=r"expected float32 of shape \(n, 4\)"):
        read_predictions(tmp_path / "p.h5", 4)
    for values in (LOGITS["validation"].astype(np.float16), LOGITS["validation"].ravel(), None):
        reseal(tmp_path / "p.h5", {"validation_logits": values})
        with pytest.raises(InputError, match=r"validation_logits: expected float32 of shape \(n, 3\)"):
            read_predictions(tmp_path / "p.h5", 3)


def test_an_ordinary_hdf5_program_reads_predictions(tmp_path):
    write_predictions(tmp_path / "p.h5", LOGITS, PROVENANCE)
    with h5py.File(tmp_path / "p.h5") as file:
        for split in LOGITS:
            np.testing.assert_array_equal(file[f"{split}_logits"], LOGITS[split])
            assert file[f"{split}_logits"].dtype == np.float32
