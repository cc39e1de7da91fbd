"""What holds for any sealed file, and for any damage to one."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic.artifact import read_json, write_json
from mimic.cli import InputError
from mimic.sealed import DTYPES, open_sealed
from mimic.sealing import Layout, sealed_writer, write_sealed

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
json_objects = st.dictionaries(st.text(max_size=5), json_values, max_size=3)
attributes = st.fixed_dictionaries({"provenance": json_objects})
array_kinds = st.tuples(
    st.sampled_from(DTYPES),
    st.integers(0, 9),
    st.lists(st.integers(0, 5), max_size=3).map(tuple),
    st.integers(1, 12),
)
files = st.dictionaries(st.sampled_from(["a", "b", "c/d", "c/e"]), array_kinds, max_size=4)


def arrays_of(kinds, seed):
    """Any bytes of the kinds' dtypes and shapes; truth values are 0 or 1."""
    generator = np.random.default_rng(seed)
    arrays = {}
    for name, (dtype, n_rows, shape, _) in kinds.items():
        values = generator.integers(0, 256, (n_rows, *shape, np.dtype(dtype).itemsize), np.uint8)
        values = values % 2 if dtype == "|b1" else values
        arrays[name] = values.reshape(-1).view(dtype).reshape(n_rows, *shape)
    return arrays


@contextmanager
def new_path():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "a.h5")


@settings(max_examples=60)
@given(files, attributes, st.integers(0, 2**32))
def test_any_arrays_are_read_as_they_were_written_by_us_and_by_hdf5(kinds, said, seed):
    arrays = arrays_of(kinds, seed)
    layouts = {name: Layout(a.dtype, a.shape, kinds[name][3]) for name, a in arrays.items()}
    with new_path() as path:
        with sealed_writer(path, "f", 1, said, layouts) as writer:
            for name, values in arrays.items():
                writer.write(name, values)
        with open_sealed(path, "f", 1) as file, h5py.File(path) as other:
            file.verify()
            assert file.attributes == said
            assert set(file.arrays) == set(arrays)
            for name, values in arrays.items():
                for found in (file.read(name), other[name][()]):
                    assert (found.dtype, found.shape) == (values.dtype, values.shape)
                    assert found.tobytes() == values.tobytes()


@settings(max_examples=60)
@given(array_kinds, st.integers(0, 2**32), st.data())
def test_any_range_of_rows_is_that_of_a_slice(kind, seed, data):
    values = arrays_of({"a": kind}, seed)["a"]
    start = data.draw(st.integers(0, len(values)))
    stop = data.draw(st.integers(start, len(values)))
    with new_path() as path:
        write_sealed(path, "f", 1, {}, {"a": values}, kind[3])
        with open_sealed(path) as file:
            found = file.read("a", start, stop)
    assert found.shape == values[start:stop].shape
    assert found.tobytes() == values[start:stop].tobytes()


class Stop(Exception):
    pass


@settings(max_examples=40)
@given(st.lists(st.integers(0, 6), max_size=4), st.permutations(range(6)), st.integers(0, 2**32))
def test_a_file_stopped_anywhere_and_gone_on_with_is_the_file_written_at_once(stops, order, seed):
    """In any order of rows, stopped after any number of them, any number of times."""
    arrays = arrays_of({"a": ("<f4", 6, (3, 2), 1), "b": ("<i8", 6, (), 1)}, seed)
    layouts = {name: Layout(a.dtype, a.shape) for name, a in arrays.items()}

    def attempt(path, n_rows):
        with sealed_writer(path, "f", 1, {}, layouts, "key") as writer:
            for done, row in enumerate(order):
                if done == n_rows:
                    raise Stop
                if not writer.holds(row):
                    for name, values in arrays.items():
                        writer.write(name, values[row : row + 1], row)
            if n_rows is not None:
                raise Stop

    with new_path() as path:
        write_sealed(path, "f", 1, {}, arrays, 1)
        whole = path.read_bytes()
        path.unlink()
        for n_rows in stops:
            with pytest.raises(Stop):
                attempt(path, n_rows)
            assert not path.exists()
        attempt(path, None)
        assert path.read_bytes() == whole
        assert [file.name for file in path.parent.iterdir()] == ["a.h5"]


def small_file(path):
    kinds = {"a": ("<f4", 5, (3,), 2), "b": ("|b1", 3, (), 2), "c/d": ("<i8", 0, (2,), 2)}
    write_sealed(path, "mimic.thing", 1, {"provenance": {"seed": 7}}, arrays_of(kinds, 0), 2)


def check_refused(path, read, what):
    with pytest.raises(InputError) as error:
        read(path)
    message = str(error.value)
    assert message.startswith(f"{path}: "), what
    assert "\n" not in message, what


def read_everything(path):
    with open_sealed(path, "mimic.thing", 1) as file:
        for name in file.arrays:
            file.read(name)


def every_byte_flipped(path, bits):
    """Flips a bit of every byte in place, one after the other; yields where, and turns it back."""
    content = path.read_bytes()
    with open(path, "r+b", buffering=0) as file:
        for place, (byte, bit) in enumerate(zip(content, bits, strict=True)):
            os.pwrite(file.fileno(), bytes([byte ^ (1 << bit)]), place)
            yield place, bit
            os.pwrite(file.fileno(), bytes([byte]), place)


def test_a_flipped_bit_of_any_byte_is_refused():
    with new_path() as path:
        small_file(path)
        bits = np.random.default_rng().integers(0, 8, path.stat().st_size).tolist()
        for what in every_byte_flipped(path, bits):
            check_refused(path, read_everything, what)
        read_everything(path)


def test_every_flipped_bit_of_the_seal_is_refused():
    with new_path() as path:
        small_file(path)
        content = path.read_bytes()
        for place in range(87 + int(content[13:21])):
            for bit in range(8):
                damaged = bytearray(content)
                damaged[place] ^= 1 << bit
                with open(path, "r+b", buffering=0) as file:
                    os.pwrite(file.fileno(), damaged[place : place + 1], place)
                    check_refused(path, read_everything, (place, bit))
                    os.pwrite(file.fileno(), content[place : place + 1], place)
        read_everything(path)


def test_a_file_cut_anywhere_or_with_more_behind_it_is_refused():
    with new_path() as path:
        small_file(path)
        content = path.read_bytes()
        for more in (b"\0", b"x", content):
            path.write_bytes(content + more)
            check_refused(path, read_everything, more[:1])
        for n_bytes in range(len(content) - 1, -1, -1):
            os.truncate(path, n_bytes)
            check_refused(path, read_everything, n_bytes)


def read_or_refused(path):
    """What is read, or what is said instead."""
    try:
        return read_json(path, "mimic.thing"), ""
    except InputError as error:
        return None, str(error)


@settings(max_examples=5)
@given(json_objects)
def test_a_flipped_bit_of_json_is_refused_or_changes_nothing_that_is_read(value):
    value = {**value, "format": "mimic.thing", "numbers": [1, -2.5, 1e300], "e": True}
    with new_path() as path:
        write_json(path, value)
        expected = read_json(path, "mimic.thing")
        for bit in range(8):
            for what in every_byte_flipped(path, [bit] * path.stat().st_size):
                found, refused = read_or_refused(path)
                assert refused.startswith(f"{path}: ") or repr(found) == repr(expected), what
