"""Writing sealed HDF5 files (`mimic.sealed`): whole or not at all, row by row, resumable.

The HDF5 library lays out the file in memory, with every array contiguous; only that structure is taken from
it. The arrays are written by plain system calls, so that a full disk is an error like any other, and the
file is sealed after everything that it holds was read back and found to be what was written.
"""

import contextlib
import hashlib
import json
import os
import zlib
from dataclasses import dataclass

import h5py
import numpy as np
from h5py import h5d, h5p

from mimic.artifact import part_file, publish
from mimic.sealed import (
    DTYPES,
    FIRST_LINE_BYTES,
    MAX_SEAL_BYTES,
    Array,
    Seal,
    SealedFile,
    checksum_name,
    structure_spans,
)

_SMALLEST_BLOCK = 4096
_ALIGNMENT = 4096  # of large arrays, so that they can be mapped into memory


@dataclass(frozen=True)
class Layout:
    """An array to be written.

    Parameters
    ----------
    dtype : str or numpy.dtype
    shape : tuple of int
        The first axis is that of rows.
    rows_per_checksum : int
        Rows that share a checksum, and that are read and written together.
    """

    dtype: object
    shape: tuple
    rows_per_checksum: int = 1


class _Structure:
    """A file that keeps what is written to it and takes no memory for what is skipped."""

    def __init__(self):
        self.writes, self.size, self._position = [], 0, 0

    def seek(self, offset, whence=os.SEEK_SET):
        self._position = (
            offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        )
        return self._position

    def tell(self):
        return self._position

    def write(self, data):
        data = bytes(data)
        self.writes.append((self._position, data))
        self._position += len(data)
        self.size = max(self.size, self._position)
        return len(data)

    def read(self, n_bytes=-1):
        buffer = bytearray(self.size - self._position if n_bytes < 0 else n_bytes)
        self.readinto(buffer)
        return bytes(buffer)

    def readinto(self, buffer):
        view = memoryview(buffer).cast("B")
        view[:] = bytes(len(view))
        first, last = self._position, self._position + len(view)
        for offset, data in self.writes:
            a, b = max(offset, first), min(offset + len(data), last)
            if a < b:
                view[a - first : b - first] = data[a - offset : b - offset]
        self._position = last
        return len(view)

    def truncate(self, size=None):
        self.size = self._position if size is None else size
        return self.size

    def flush(self):
        pass


def _lay_out(format_name, format_version, attributes, layouts):
    """The structure of a file, and a draft of its seal: all but the digests."""
    layouts = {name: _normalised(layout) for name, layout in layouts.items()}
    tables = {
        checksum_name(name): Layout("<u4", (-(-layout.shape[0] // layout.rows_per_checksum),), 0)
        for name, layout in layouts.items()
    }
    draft = {"format": format_name, "format_version": format_version, "attributes": attributes}
    taken = [name for name in ("format", "format_version") if name in attributes]
    if taken:
        raise ValueError(f"attributes: {taken[0]} is given apart")
    room = len(json.dumps(draft, allow_nan=False)) + 600 * len(layouts) + sum(map(len, layouts)) * 2 + 1000
    if room > MAX_SEAL_BYTES:
        raise ValueError(f"attributes: expected at most {MAX_SEAL_BYTES:,} bytes, got about {room:,}")
    block = _SMALLEST_BLOCK
    while block < FIRST_LINE_BYTES + room:
        block *= 2
    structure = _Structure()
    options = {"alignment_threshold": 2**16, "alignment_interval": _ALIGNMENT}
    arrays = {}
    with h5py.File(structure, "w", userblock_size=block, **options) as file:
        file.attrs["format"] = format_name
        file.attrs["format_version"] = np.int64(format_version)
        for name, value in attributes.items():
            file.attrs[name] = value if isinstance(value, str | int) else json.dumps(value, sort_keys=True)
        for name, layout in {**layouts, **tables}.items():
            creation = h5p.create(h5p.DATASET_CREATE)
            creation.set_layout(h5d.CONTIGUOUS)
            creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
            creation.set_fill_time(h5d.FILL_TIME_NEVER)
            dataset = file.create_dataset(name, layout.shape, np.dtype(layout.dtype), dcpl=creation)
            offset = dataset.id.get_offset() if dataset.size else 0
            arrays[name] = Array(
                dtype=layout.dtype,
                shape=layout.shape,
                offset=offset,
                rows_per_checksum=layout.rows_per_checksum,
                sha256="",
            )
    return structure, Seal(**draft, arrays=arrays, n_bytes=structure.size, structure_sha256="")


def _normalised(layout):
    dtype = np.dtype(layout.dtype).newbyteorder("<").str
    if dtype not in DTYPES or layout.rows_per_checksum < 1 or not layout.shape:
        raise ValueError(
            f"expected a dtype of {DTYPES}, an axis of rows and rows_per_checksum of 1 or more, got {layout}"
        )
    return Layout(dtype, tuple(int(n) for n in layout.shape), layout.rows_per_checksum)


class SealedWriter:
    """A sealed file on its way; see `sealed_writer`."""

    def __init__(self, descriptor, structure, draft, key):
        self._descriptor, self._draft = descriptor, draft
        self.arrays = {name: array for name, array in draft.arrays.items() if array.rows_per_checksum}
        first_line = f"mimic-part 1 {key}\n".encode()
        goes_on = (
            os.fstat(descriptor).st_size == draft.n_bytes
            and os.pread(descriptor, len(first_line), 0) == first_line
        )
        if not goes_on:
            os.ftruncate(descriptor, 0)
            try:
                # Room for all of it now, so that a full disk is found before the work is done.
                os.posix_fallocate(descriptor, 0, draft.n_bytes)
            except OSError:
                os.ftruncate(descriptor, 0)
                raise
        # Also over that of an earlier attempt, any part of which a crash of the machine can have lost.
        for start, stop in structure_spans(draft, 0, with_checksums=False):
            structure.seek(start)
            data = structure.read(stop - start)
            self._write_bytes(first_line + data[len(first_line) :] if start == 0 else data, start)

    def _write_bytes(self, data, offset):
        data = memoryview(data).cast("B")
        while len(data):
            n = os.pwrite(self._descriptor, data, offset)
            data, offset = data[n:], offset + n

    def write(self, name, values, start=0):
        """Write rows, from row `start`; whole groups of rows that share a checksum.

        Raises
        ------
        ValueError
            If rows of another shape or dtype, rows beyond the end, or parts of a group are given.
        """
        array = self.arrays[name]
        values = np.ascontiguousarray(values)
        stop = start + len(values)
        group = array.rows_per_checksum
        whole = start % group == 0 and (stop % group == 0 or stop == array.n_rows)
        if values.dtype.newbyteorder("<").str != array.dtype or values.shape[1:] != array.shape[1:]:
            raise ValueError(
                f"{name}: expected {array.dtype} rows of {array.shape[1:]}, got {values.dtype} {values.shape}"
            )
        if not whole or start < 0 or stop > array.n_rows:
            raise ValueError(
                f"{name}: expected groups of {group} of {array.n_rows} rows, got {start} to {stop}"
            )
        values = values.astype(array.dtype, copy=False)
        data = memoryview(values.reshape(-1).view(np.uint8)) if values.size else b""
        self._write_bytes(data, array.offset + start * array.row_bytes)
        checksums = []
        for checksum in range(start // group, -(-stop // group)):
            a, b = ((row - start) * array.row_bytes for row in array.rows_of(checksum))
            checksums.append(zlib.crc32(data[a:b]))
        # After the rows: a checksum that is there says that they are.
        table = self._draft.arrays[checksum_name(name)]
        self._write_bytes(np.asarray(checksums, "<u4").tobytes(), table.offset + 4 * (start // group))

    def holds(self, row, names=None):
        """Whether a row of arrays with a checksum a row is already in the file, from an earlier attempt."""
        for name in names or self.arrays:
            array, table = self.arrays[name], self._draft.arrays[checksum_name(name)]
            if array.rows_per_checksum != 1:
                raise ValueError(f"{name}: expected a checksum for every row")
            expected = int.from_bytes(os.pread(self._descriptor, 4, table.offset + 4 * row), "little")
            found, position = 0, array.offset + row * array.row_bytes
            end = position + array.row_bytes
            while position < end:
                piece = os.pread(self._descriptor, min(2**20, end - position), position)
                if not piece:
                    return False
                found, position = zlib.crc32(piece, found), position + len(piece)
            # Rows of nothing but zeros have a checksum too, and it is not 0.
            if expected == 0 or found != expected:
                return False
        return True

    def seal(self, path):
        """Read everything back, and seal it if it is as it was written; InputError names what is not."""
        file = SealedFile(path, self._descriptor, self._draft)
        arrays = {
            name: array.model_copy(
                update={"sha256": file.checked_digest(name) if array.rows_per_checksum else ""}
            )
            for name, array in self._draft.arrays.items()
        }
        seal = self._draft.model_copy(update={"arrays": arrays, "structure_sha256": "0" * 64})
        end = FIRST_LINE_BYTES + len(_text_of(seal))
        structure = SealedFile(path, self._descriptor, seal).structure_digest(end)
        text = _text_of(seal.model_copy(update={"structure_sha256": structure}))
        self._write_bytes(
            f"mimic-seal 1 {len(text):08d} {hashlib.sha256(text).hexdigest()}\n".encode() + text, 0
        )


def _text_of(seal):
    return json.dumps(seal.model_dump(mode="json"), sort_keys=True).encode()


@contextlib.contextmanager
def sealed_writer(path, format_name, format_version, attributes, layouts, resume_key=None):
    """A new sealed file, written whole or not at all; yields a `SealedWriter`.

    Parameters
    ----------
    path : path
    format_name : str
    format_version : int
    attributes : dict
        JSON values by name, ``provenance`` among them (`mimic.artifact.provenance_of`).
    layouts : dict of str to Layout
        Arrays by name.
    resume_key : str, optional
        Keep what was written when the work is cut short, and go on from there if the next attempt has the
        same key, attributes and layouts. Without it every attempt starts afresh.

    Raises
    ------
    InputError
        If another process is writing the file.
    """
    structure, draft = _lay_out(format_name, format_version, attributes, layouts)
    plan = json.dumps([draft.model_dump(mode="json"), resume_key], sort_keys=True)
    key = hashlib.sha256(plan.encode()).hexdigest()
    with part_file(path, keep=resume_key is not None) as (temporary, descriptor):
        writer = SealedWriter(descriptor, structure, draft, key)
        yield writer
        writer.seal(path)
        publish(temporary, path)


def sealed_bytes(format_name, format_version, attributes, layouts):
    """Bytes that a sealed file will have; arguments as of `sealed_writer`."""
    return _lay_out(format_name, format_version, attributes, layouts)[1].n_bytes


def write_sealed(path, format_name, format_version, attributes, arrays, rows_per_checksum):
    """Write arrays that are at hand as a sealed file, whole or not at all.

    Parameters
    ----------
    path, format_name, format_version, attributes
        See `sealed_writer`.
    arrays : dict of str to array
    rows_per_checksum : int
    """
    layouts = {name: Layout(a.dtype, a.shape, rows_per_checksum) for name, a in arrays.items()}
    with sealed_writer(path, format_name, format_version, attributes, layouts) as writer:
        for name, values in arrays.items():
            writer.write(name, values)
