"""Reading sealed files: what is believed, and what a stranger's file is refused for."""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time
import tracemalloc
import zlib

import h5py
import numpy as np
import pytest
from tests.sealed_files import forge

from mimic.cli import InputError
from mimic.sealed import FIRST_LINE_BYTES, MAX_SEAL_BYTES, checksum_name, open_sealed, read_provenance
from mimic.sealing import write_sealed

ARRAYS = {
    "images": np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3),
    "recipe/angle": np.linspace(-1, 1, 5, dtype=np.float32),
    "mirror": np.array([True, False, True, True, False]),
}
ATTRIBUTES = {"provenance": {"seed": 7}, "names": ["cat", "dog"], "numbers": [1.5]}


@pytest.fixture
def path(tmp_path):
    """A file of three arrays, with a checksum for every two rows."""
    write_sealed(tmp_path / "a.h5", "mimic.thing", 2, ATTRIBUTES, ARRAYS, 2)
    return tmp_path / "a.h5"


def do_nothing(file):
    pass


def refusal(path, act=do_nothing, **expected):
    """Message of the InputError on opening a file, or on what `act` does with it."""
    with pytest.raises(InputError) as error, open_sealed(path, **expected) as file:
        act(file)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 600
    return message


def read_everything(file):
    for name in file.arrays:
        file.read(name)


def test_a_file_is_laid_out_as_documented(path):
    """Read by hand, without any code of the package."""
    content = path.read_bytes()
    first, rest = content.split(b"\n", 1)
    word, version, length, digest = first.split(b" ")
    assert (word, version, len(first) + 1) == (b"mimic-seal", b"1", 87)
    text = rest[: int(length)]
    assert hashlib.sha256(text).hexdigest().encode() == digest
    seal = json.loads(text)
    assert (seal["format"], seal["format_version"]) == ("mimic.thing", 2)
    assert seal["attributes"] == ATTRIBUTES
    assert seal["n_bytes"] == len(content)
    assert set(seal["arrays"]) == set(ARRAYS) | {f"crc32/{name}" for name in ARRAYS}
    structure = bytearray(content)
    for name, values in ARRAYS.items():
        entry, table = seal["arrays"][name], seal["arrays"][f"crc32/{name}"]
        stored = content[entry["offset"] :][: values.nbytes]
        assert stored == values.tobytes()
        assert entry["sha256"] == hashlib.sha256(stored).hexdigest()
        assert tuple(entry["shape"]) == values.shape
        checksums = np.frombuffer(content, "<u4", 3, table["offset"])
        assert checksums.tolist() == [zlib.crc32(values[i : i + 2].tobytes()) for i in (0, 2, 4)]
        structure[entry["offset"] : entry["offset"] + values.nbytes] = b"?" * values.nbytes
    belongs = np.ones(len(content), bool)
    belongs[: 87 + int(length)] = False
    for name, values in ARRAYS.items():
        belongs[seal["arrays"][name]["offset"] :][: values.nbytes] = False
    rest = np.frombuffer(content, np.uint8)[belongs].tobytes()
    assert seal["structure_sha256"] == hashlib.sha256(rest).hexdigest()


def test_what_was_written_is_read(path):
    with open_sealed(path, "mimic.thing", 2) as file:
        assert (file.format, file.format_version, file.attributes) == ("mimic.thing", 2, ATTRIBUTES)
        assert set(file.arrays) == set(ARRAYS)
        for name, values in ARRAYS.items():
            found = file.read(name)
            np.testing.assert_array_equal(found, values)
            assert found.dtype == values.dtype
        file.verify()


def test_the_digest_is_that_of_the_seal_and_names_the_content(path, tmp_path):
    with open_sealed(path) as file:
        digest = file.digest
    assert digest == path.read_bytes().split(b"\n")[0].split(b" ")[3].decode()
    other = {**ARRAYS, "mirror": ~ARRAYS["mirror"]}
    write_sealed(tmp_path / "b.h5", "mimic.thing", 2, ATTRIBUTES, other, 2)
    with open_sealed(tmp_path / "b.h5") as file:
        assert file.digest != digest


def test_reading_needs_no_hdf5_library(path):
    """A damaged file can crash or hang the library: it must not see one."""
    code = (
        "import sys; sys.modules['h5py'] = None\n"
        "from mimic.sealed import open_sealed\n"
        f"with open_sealed({str(path)!r}) as file: print(file.read('mirror').tolist())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[True, False, True, True, False]\n"


def test_rows_are_those_of_a_slice(path):
    with open_sealed(path) as file:
        for start in range(6):
            for stop in range(start, 6):
                np.testing.assert_array_equal(file.read("images", start, stop), ARRAYS["images"][start:stop])
        for start, stop in ((-1, 2), (0, 6), (3, 2)):
            with pytest.raises(ValueError, match="images: expected rows within 5"):
                file.read("images", start, stop)


def test_only_the_rows_asked_for_are_read_and_checked(path):
    damage(path, "images", 4 * 6)
    with open_sealed(path) as file:
        np.testing.assert_array_equal(file.read("images", 0, 4), ARRAYS["images"][:4])
        with pytest.raises(InputError, match="images: rows 4 to 4 are damaged: expected checksum"):
            file.read("images", 4)
        with pytest.raises(InputError, match="images: rows 4 to 4 are damaged"):
            file.verify()


def damage(path, name, position):
    """Flip a bit of an array; its place is what an ordinary HDF5 program says."""
    with h5py.File(path) as file:
        place = file[name].id.get_offset() + position
    content = bytearray(path.read_bytes())
    content[place] ^= 16
    path.write_bytes(content)


def test_a_damaged_table_of_checksums_is_refused_on_opening(path):
    damage(path, checksum_name("images"), 1)
    assert "structure is damaged: expected digest" in refusal(path)


def test_what_is_no_sealed_file_is_named(tmp_path):
    assert "no such file (expected mimic.thing)" in refusal(tmp_path / "none.h5", format_name="mimic.thing")
    assert "no such file (expected a sealed HDF5 file)" in refusal(tmp_path / "none.h5")
    assert refusal(tmp_path).endswith("expected a file")
    (tmp_path / "empty.h5").write_bytes(b"")
    assert "got an empty file" in refusal(tmp_path / "empty.h5")
    (tmp_path / "text.h5").write_text("no HDF5" * 50)
    assert "got another file" in refusal(tmp_path / "text.h5")
    with h5py.File(tmp_path / "bare.h5", "w"):
        pass
    assert "got an HDF5 file without a seal" in refusal(tmp_path / "bare.h5")


def test_a_pipe_is_refused_at_once(tmp_path):
    """Opening one waits for somebody who writes: here he comes after five seconds."""
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Timer(5, os.open, [tmp_path / "pipe", os.O_RDWR])
    writer.start()
    began = time.monotonic()
    try:
        assert refusal(tmp_path / "pipe").endswith("expected a file")
        assert time.monotonic() - began < 4
    finally:
        writer.cancel()


def test_another_format_or_version_is_refused(path):
    assert "expected format 'mimic.other', got 'mimic.thing'" in refusal(path, format_name="mimic.other")
    message = refusal(path, format_name="mimic.thing", format_version=1)
    assert "expected mimic.thing version 1, got 2" in message


def test_an_array_that_is_not_as_expected_is_refused_by_name(path):
    with open_sealed(path) as file:
        assert file.array("images", np.uint8, (None, 2, 3)).n_rows == 5
        assert file.array("images", (np.float32, np.uint8), (5, None, None)).row_bytes == 6
    for dtypes, shape, said in (
        (np.int8, (None, 2, 3), "expected int8 of shape (n, 2, 3), got uint8 of shape (5, 2, 3)"),
        (np.uint8, (None, 2), "expected uint8 of shape (n, 2), got"),
        (np.uint8, (4, 2, 3), "expected uint8 of shape (4, 2, 3), got"),
        ((np.float16, np.float32), (None,), "expected float16 or float32 of shape (n), got uint8"),
    ):
        assert said in refusal(path, lambda file, d=dtypes, s=shape: file.array("images", d, s))
    assert "got nothing" in refusal(path, lambda file: file.array("crc32/images", np.uint32, (None,)))
    assert "expected an array other, found " in refusal(path, lambda file: file.read("other"))


def test_provenance_must_be_an_object(path, tmp_path):
    with open_sealed(path) as file:
        assert read_provenance(file) == {"seed": 7}
    for attributes in ({}, {"provenance": [1]}, {"provenance": "{}"}):
        write_sealed(tmp_path / "b.h5", "mimic.thing", 2, attributes, {}, 1)
        assert "attribute provenance: expected a JSON object" in refusal(tmp_path / "b.h5", read_provenance)


def test_a_truth_value_is_0_or_1(tmp_path):
    """Any other byte would be both true and unequal to true."""
    values = np.array([0, 2, 1], np.uint8).view(bool)
    write_sealed(tmp_path / "b.h5", "mimic.thing", 1, {}, {"mirror": values}, 2)
    assert "mirror: expected 0 or 1, got 2" in refusal(tmp_path / "b.h5", read_everything)


@pytest.mark.parametrize("act", [read_everything, lambda file: file.verify()])
def test_a_file_cut_short_while_it_is_open_is_refused(path, act):
    def cut(file):
        os.truncate(path, file.arrays["images"].offset + 1)
        act(file)

    assert "ends at byte" in refusal(path, cut)


def set_array(name, **changes):
    return lambda seal: seal["arrays"][name].update(changes)


def set_seal(**changes):
    return lambda seal: seal.update(changes)


def numbers(text):
    """The seal with something else in the place of an attribute's list."""
    return lambda seal: json.dumps(seal).replace("[1.5]", text).encode()


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        # places
        (set_array("images", offset=-1), "arrays.images.offset: Input should be greater"),
        (set_array("images", offset=0), "seal: images: expected 30 bytes of its own"),
        (set_array("images", offset=FIRST_LINE_BYTES), "images: expected 30 bytes of its own"),
        (set_array("images", offset=10**6), "images: expected 30 bytes of its own"),
        (set_array("images", offset=10**30), "arrays.images.offset: Input should be less than or equal to"),
        (lambda s: set_array("images", offset=s["n_bytes"] - 29)(s), "images: expected 30 bytes of its own"),
        (
            lambda s: set_array("images", offset=s["arrays"]["mirror"]["offset"] - 29)(s),
            "expected 5 bytes of its own",
        ),
        (
            lambda s: set_array("crc32/images", offset=s["arrays"]["images"]["offset"])(s),
            "bytes of its own",
        ),
        (set_array("images", offset=4096.0), "arrays.images.offset: Input should be a valid integer"),
        (set_array("images", offset="4096"), "arrays.images.offset: Input should be a valid integer"),
        (set_array("images", offset=True), "arrays.images.offset: Input should be a valid integer"),
        (set_array("images", offset=None), "arrays.images.offset"),
        # shapes
        (set_array("images", shape=[10**12, 2, 3]), "expected 6,000,000,000,000 bytes of its own"),
        (set_array("images", shape=[5, 10**6, 10**6]), "expected 5,000,000,000,000 bytes of its own"),
        (set_array("images", shape=[10**30, 2, 3]), "images: expected"),
        (set_array("images", shape=[-5, 2, 3]), "arrays.images.shape.0: Input should be greater"),
        (set_array("images", shape=[5, -2, -3]), "arrays.images.shape.1: Input should be greater"),
        (set_array("images", shape=[5.0, 2, 3]), "arrays.images.shape.0: Input should be a valid integer"),
        (set_array("images", shape=[]), "arrays.images.shape"),
        (set_array("images", shape=[1] * 9), "arrays.images.shape"),
        (set_array("images", shape=30), "arrays.images.shape"),
        (set_array("images", shape=[7, 2, 3]), "images: expected 4 checksums"),
        # dtypes
        (set_array("images", dtype="<f8"), "images: expected dtype of |u1, |b1, <u4"),
        (set_array("images", dtype=">f4"), "images: expected dtype of"),
        (set_array("images", dtype="|O"), "images: expected dtype of"),
        (set_array("images", dtype="u1,u1"), "images: expected dtype of"),
        (set_array("images", dtype="no\ntype" * 3), "images: expected dtype of"),
        (set_array("images", dtype=3), "arrays.images.dtype"),
        # checksums
        (set_array("images", rows_per_checksum=1), "images: expected 5 checksums"),
        (set_array("images", rows_per_checksum=10**30), "images: expected 1 checksums"),
        (set_array("images", rows_per_checksum=-1), "arrays.images.rows_per_checksum"),
        (set_array("images", rows_per_checksum=2.0), "arrays.images.rows_per_checksum"),
        (set_array("images", rows_per_checksum=0), "expected an array images, found mirror"),
        (set_array("crc32/images", shape=[4]), "images: expected 3 checksums"),
        (set_array("crc32/images", dtype="<i4"), "images: expected 3 checksums"),
        (set_array("crc32/images", rows_per_checksum=1), "images: expected 3 checksums"),
        (lambda seal: seal["arrays"].pop("crc32/images"), "seal"),
        # the seal
        (set_seal(n_bytes=10**15), "expected 1,000,000,000,000,000 bytes, the file has"),
        (lambda seal: seal.update(n_bytes=seal["n_bytes"] - 1), "bytes, the file has"),
        (set_seal(n_bytes=1e4), "n_bytes: Input should be a valid integer"),
        (set_seal(format_version="2"), "format_version: Input should be a valid integer"),
        (set_seal(format=3), "seal: format: Input should be a valid string"),
        (set_seal(format="x" * 10**5), "seal: format: "),
        (set_seal(surprise=1), "seal: surprise: unknown key"),
        (set_seal(**{"sur\nprise\x1b[31m": 1}), "unknown key"),
        (set_seal(**{"s" * 10**5: 1}), "unknown key"),
        (set_seal(arrays=[]), "seal: arrays: "),
        (lambda seal: seal["arrays"].update({"a\nb": seal["arrays"]["images"]}), "should match pattern"),
        (lambda seal: seal["arrays"].update({"../b": seal["arrays"]["images"]}), "should match pattern"),
        (lambda seal: seal.pop("format"), "seal"),
        (lambda seal: [seal], "seal: (top level)"),
        (lambda seal: b"", "seal is not JSON"),
        (lambda seal: b"{", "seal is not JSON"),
        (lambda seal: b"\xff\xfe", "seal is not JSON"),
        (numbers("[NaN]"), "seal is not JSON: NaN"),
        (numbers("[-Infinity]"), "seal is not JSON: -Infinity"),
        (numbers("7" * 10**5), "seal is not JSON"),
        (numbers("[" * 10**5 + "]" * 10**5), "seal is not JSON"),
        (lambda seal: json.dumps(seal).encode().ljust(20 * 10**6), "seal is damaged"),
    ],
)
def test_a_forged_seal_is_refused_and_takes_no_memory(path, edit, said):
    """All digests are right: only what the seal says is not."""

    def wrapped(seal):
        value = edit(seal)
        return value if isinstance(value, list | bytes) else None

    forge(path, wrapped)
    tracemalloc.start()
    try:
        message = refusal(path, lambda file: file.read("images"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert said in message
    assert peak < 3 * MAX_SEAL_BYTES if path.stat().st_size > 10**7 else peak < 3 * 10**6


def test_a_seal_that_was_changed_alone_is_refused(path):
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"cat"', b'"cut"', 1))
    assert "seal is damaged: expected digest" in refusal(path)


def test_an_untouched_seal_survives_forging(path):
    """Else the forgeries above could be refused for something that the tests did wrong."""
    forge(path, lambda seal: None)
    with open_sealed(path) as file:
        file.verify()
    forge(path, set_seal(format="mimic.other"))
    assert "got 'mimic.other'" in refusal(path, format_name="mimic.thing")


def test_a_wrong_digest_of_the_structure_is_refused(path):
    forge(path, lambda seal: json.dumps({**seal, "structure_sha256": "0" * 64}).encode())
    assert "structure is damaged: expected digest 0000000000000000" in refusal(path)


def test_rows_changed_together_with_their_checksum_are_found_by_verify(path):
    with h5py.File(path) as file:
        place, table = (file[name].id.get_offset() for name in ("images", "crc32/images"))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    content[table : table + 4] = zlib.crc32(content[place : place + 12]).to_bytes(4, "little")
    path.write_bytes(content)
    forge(path, lambda seal: None)
    assert "images: expected digest" in refusal(path, lambda file: file.verify())


def test_memory_that_does_not_suffice_is_one_line(path, monkeypatch):
    def fail(*args):
        raise MemoryError

    monkeypatch.setattr(np, "empty", fail)
    assert "images: no memory for 30 bytes" in refusal(path, lambda file: file.read("images"))


def test_an_error_of_the_disk_names_the_file(path, monkeypatch):
    def fail(*args):
        raise OSError(5, "Input/output error")

    with open_sealed(path) as file:
        monkeypatch.setattr(os, "preadv", fail)
        with pytest.raises(OSError, match="Input/output error"):
            file.read("images")
    with pytest.raises(OSError, match=r"a\.h5") as error, open_sealed(path) as file:
        file.read("images")
    assert error.value.filename == str(path)
