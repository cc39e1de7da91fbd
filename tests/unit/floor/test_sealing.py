"""Writing sealed files: what an HDF5 program reads of them, and what is refused."""

import json

import h5py
import numpy as np
import pytest

from mimic.cli import InputError
from mimic.sealed import DTYPES, MAX_SEAL_BYTES, open_sealed
from mimic.sealing import Layout, sealed_writer, write_sealed

SHAPES = [(0,), (1,), (7,), (0, 3), (1, 3), (7, 3), (5, 0), (4, 33, 31), (2, 1, 1, 1, 1, 1, 1, 3), (70_001,)]
ATTRIBUTES = {"provenance": {"seed": 7}}


def values_of(dtype, shape, seed=0):
    """Any values of a dtype, never all zeros."""
    values = np.random.default_rng(seed).integers(1, 255, (*shape, np.dtype(dtype).itemsize), np.uint8)
    if dtype == "|b1":
        values %= 2
    return values.view(dtype).reshape(shape)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_ordinary_hdf5_program_reads_what_was_written(tmp_path, dtype, shape):
    values, path = values_of(dtype, shape), tmp_path / "a.h5"
    for rows_per_checksum in (1, 2, 3, 1000):
        if shape[0] / rows_per_checksum > 1000:
            continue
        write_sealed(path, "mimic.thing", 1, {}, {"x/y": values}, rows_per_checksum)
        with h5py.File(path) as file:
            found = file["x/y"]
            assert (found.shape, found.dtype) == (shape, np.dtype(dtype))
            assert found[()].tobytes() == values.tobytes()
            assert found.chunks is None
            assert file["crc32/x/y"].shape == (-(-shape[0] // rows_per_checksum),)
        with open_sealed(path) as file:
            assert file.read("x/y").tobytes() == values.tobytes()
            assert file.read("x/y").shape == shape
            file.verify()


def test_an_ordinary_hdf5_program_reads_the_attributes(tmp_path):
    attributes = {
        "provenance": {"b": [1, None], "a": "ü"},
        "digest": "f" * 64,
        "number": -3,
        "long": ["x" * 50_000] * 3,
        "empty": "",
    }
    write_sealed(tmp_path / "a.h5", "mimic.thing", 3, attributes, {}, 1)
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file.attrs["format"], file.attrs["format_version"]) == ("mimic.thing", 3)
        assert file.attrs["digest"] == "f" * 64
        assert file.attrs["number"] == -3
        assert file.attrs["empty"] == ""
        assert file.attrs["provenance"] == '{"a": "\\u00fc", "b": [1, null]}'
        assert json.loads(file.attrs["long"]) == attributes["long"]
        assert len(file.attrs) == 7
    with open_sealed(tmp_path / "a.h5") as file:
        assert file.attributes == attributes


def test_large_arrays_can_be_mapped_into_memory(tmp_path):
    values = {name: values_of("<f4", (20_000,)) for name in "abc"}
    write_sealed(tmp_path / "a.h5", "mimic.thing", 1, {}, values, 1000)
    with open_sealed(tmp_path / "a.h5") as file:
        for name, array in file.arrays.items():
            assert array.offset % 4096 == 0
            mapped = np.memmap(tmp_path / "a.h5", array.dtype, "r", array.offset, array.shape)
            np.testing.assert_array_equal(mapped, values[name])


def test_the_same_content_is_the_same_bytes_however_it_lies_in_memory(tmp_path):
    values = values_of("<f4", (6, 5, 3))
    forms = [values, values.astype(">f4"), np.asfortranarray(values), np.repeat(values, 2, axis=0)[::2]]
    for number, form in enumerate(forms):
        write_sealed(tmp_path / f"{number}", "mimic.thing", 1, ATTRIBUTES, {"x": form}, 4)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_other_content_is_other_bytes(tmp_path):
    values = values_of("<f4", (6, 5, 3))
    write_sealed(tmp_path / "a", "mimic.thing", 1, ATTRIBUTES, {"x": values}, 4)
    write_sealed(tmp_path / "b", "mimic.thing", 1, {"provenance": {"seed": 8}}, {"x": values}, 4)
    write_sealed(tmp_path / "c", "mimic.thing", 1, ATTRIBUTES, {"x": values}, 3)
    write_sealed(tmp_path / "d", "mimic.thing", 2, ATTRIBUTES, {"x": values}, 4)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 4


@pytest.mark.parametrize(
    ("layouts", "attributes", "said"),
    [
        ({"x": Layout("f8", (3,))}, {}, "expected a dtype of"),
        ({"x": Layout("U3", (3,))}, {}, "expected a dtype of"),
        ({"x": Layout("f4", (3,), 0)}, {}, "rows_per_checksum of 1 or more"),
        ({"x": Layout("f4", ())}, {}, "expected a dtype of .*, an axis of rows"),
        ({"ü": Layout("f4", (3,))}, {}, "should match pattern"),
        ({"../x": Layout("f4", (3,))}, {}, "should match pattern"),
        ({}, {"provenance": {"rate": float("nan")}}, "not JSON compliant"),
        ({}, {"format": "mimic.other"}, "attributes: format is given apart"),
        ({}, {"long": "x" * MAX_SEAL_BYTES}, "attributes: expected at most 16,777,216 bytes"),
    ],
)
def test_what_no_reader_would_take_is_not_begun(tmp_path, layouts, attributes, said):
    with (
        pytest.raises(ValueError, match=said),
        sealed_writer(tmp_path / "a.h5", "f", 1, attributes, layouts),
    ):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("values", "start", "said"),
    [
        (np.zeros((2, 3), np.float64), 0, "x: expected <f4 rows of"),
        (np.zeros((2, 3), np.int32), 0, "x: expected <f4 rows of"),
        (np.zeros((2, 4), np.float32), 0, r"rows of \(3,\), got float32 \(2, 4\)"),
        (np.zeros((2, 1), np.float32), 0, r"rows of \(3,\), got float32 \(2, 1\)"),
        (np.zeros((1, 3), np.float32), 0, "groups of 2 of 5 rows, got 0 to 1"),
        (np.zeros((2, 3), np.float32), 1, "groups of 2 of 5 rows, got 1 to 3"),
        (np.zeros((2, 3), np.float32), 4, "groups of 2 of 5 rows, got 4 to 6"),
        (np.zeros((2, 3), np.float32), -2, "groups of 2 of 5 rows, got -2 to 0"),
        (np.zeros((6, 3), np.float32), 0, "groups of 2 of 5 rows, got 0 to 6"),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path, values, start, said):
    layouts = {"x": Layout("f4", (5, 3), 2)}
    with (
        pytest.raises(ValueError, match=said),
        sealed_writer(tmp_path / "a.h5", "f", 1, {}, layouts) as writer,
    ):
        writer.write("x", values, start)
    assert names(tmp_path) == []


def test_rows_that_nobody_wrote_are_no_zeros(tmp_path):
    with (
        pytest.raises(InputError, match=r"a\.h5: x: rows 4 to 4 are damaged"),
        sealed_writer(tmp_path / "a.h5", "f", 1, {}, {"x": Layout("f4", (5, 3), 2)}) as writer,
    ):
        writer.write("x", np.ones((4, 3), np.float32))
    assert names(tmp_path) == []
