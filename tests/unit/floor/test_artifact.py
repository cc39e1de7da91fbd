import json
import math

import h5py
import numpy as np
import pytest

from mimic.artifact import (
    create_hdf5,
    digest_arrays,
    digest_file,
    open_hdf5,
    provenance_of,
    read_json,
    read_provenance,
    write_json,
    write_text,
    written_whole,
)
from mimic.cli import InputError


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_a_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "file.txt"
    with written_whole(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, InputError])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, error):
    path = tmp_path / "file.txt"
    path.write_text("old")

    def fail():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            raise error("stop")

    with pytest.raises(error):
        fail()
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


def test_an_error_before_anything_is_written_leaves_nothing(tmp_path):
    def fail():
        with written_whole(tmp_path / "file.txt"):
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == []


def test_a_reader_of_the_old_file_keeps_it(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with open(path) as file:
        write_text(path, "new")
        assert file.read() == "old"
    assert path.read_text() == "new"


def test_json_has_sorted_keys_and_no_nan(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": [2.5, None, "ü"]})
    assert list(json.loads(path.read_text())) == ["a", "b"]
    assert read_json(path) == {"b": 1, "a": [2.5, None, "ü"]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": math.nan})
    assert read_json(path)["b"] == 1
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[]", "expected a JSON object, got list"),
        (b"{}", "expected format 'mimic.trial', got None"),
        (b'{"format": 3}', "expected format 'mimic.trial', got 3"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_a_json_file_that_is_something_else_is_refused(tmp_path, content, expected):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(InputError) as error:
        read_json(path, "mimic.trial")
    assert str(error.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(error.value)


PROVENANCE = provenance_of("stage", {"a": 1}, 7, "f" * 16, dataset="d", members={"3": "w"})


def test_an_hdf5_file_says_what_it_is(tmp_path):
    path = tmp_path / "a.h5"
    with create_hdf5(path, "mimic.thing", 2, PROVENANCE) as file:
        file["x"] = np.arange(3)
    with open_hdf5(path, "mimic.thing", 2) as file:
        np.testing.assert_array_equal(file["x"], [0, 1, 2])
        assert read_provenance(file) == PROVENANCE
    assert PROVENANCE["sources"] == {"dataset": "d", "members": {"3": "w"}}
    assert set(PROVENANCE["versions"]) >= {"mimic", "numpy", "torch", "h5py"}


def test_the_same_content_is_the_same_bytes(tmp_path):
    for name in "ab":
        with create_hdf5(tmp_path / name, "mimic.thing", 2, PROVENANCE) as file:
            file["x"] = np.arange(3)
    assert digest_file(tmp_path / "a") == digest_file(tmp_path / "b")


def test_a_failed_hdf5_file_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.h5"
    with create_hdf5(path, "mimic.thing", 1, {}) as file:
        file["x"] = 1
    before = digest_file(path)

    def fail():
        with create_hdf5(path, "mimic.thing", 1, {}) as file:
            file["x"] = 2
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        fail()
    assert digest_file(path) == before
    assert names(tmp_path) == ["a.h5"]


def open_refusal(path):
    with pytest.raises(InputError) as error, open_hdf5(path, "mimic.thing", 1):
        pass
    assert str(error.value).startswith(f"{path}: ")
    return str(error.value)


def test_hdf5_files_of_another_kind_are_refused(tmp_path):
    assert "no such file (expected mimic.thing)" in open_refusal(tmp_path / "none.h5")
    assert "no such file" in open_refusal(tmp_path)
    (tmp_path / "text.h5").write_text("no HDF5")
    assert "not a readable HDF5 file" in open_refusal(tmp_path / "text.h5")
    with h5py.File(tmp_path / "bare.h5", "w"):
        pass
    assert "expected format 'mimic.thing', got None" in open_refusal(tmp_path / "bare.h5")
    with create_hdf5(tmp_path / "other.h5", "mimic.other", 1, {}):
        pass
    assert "got 'mimic.other'" in open_refusal(tmp_path / "other.h5")
    with create_hdf5(tmp_path / "later.h5", "mimic.thing", 2, {}):
        pass
    assert "expected mimic.thing version 1, got 2" in open_refusal(tmp_path / "later.h5")


def test_a_truncated_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    with create_hdf5(path, "mimic.thing", 1, {}) as file:
        file["x"] = np.zeros(5000)
    path.write_bytes(path.read_bytes()[:-1000])
    assert "not a readable HDF5 file" in open_refusal(path)


def test_a_digest_depends_on_names_types_shapes_and_bytes():
    array = np.arange(6, dtype=np.int32)
    digests = {
        digest_arrays(a=array),
        digest_arrays(b=array),
        digest_arrays(a=array.astype(np.uint32)),
        digest_arrays(a=array.reshape(2, 3)),
        digest_arrays(a=array[::-1]),
        digest_arrays(a=array, b=array[:0]),
        digest_arrays(),
    }
    assert len(digests) == 7


def test_a_digest_does_not_depend_on_how_an_array_lies_in_memory():
    array = np.arange(6, dtype="<i4").reshape(2, 3)
    expected = digest_arrays(a=array, b=array)
    assert digest_arrays(b=array, a=array.astype(">i4")) == expected
    assert digest_arrays(a=np.asfortranarray(array), b=array) == expected


def test_a_file_s_digest_is_the_sha256_of_its_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_file(tmp_path / "a") == expected
