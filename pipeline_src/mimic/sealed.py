"""HDF5 files whose every byte is checked before it is believed, and how they are read. `docs/format.md` has
it whole.

A sealed file is an ordinary HDF5 file that any HDF5 program opens. Before the HDF5 part, in the block that
the format leaves to its users, stands the seal:

==================  =========================================================================================
bytes               meaning
==================  =========================================================================================
first line          ``mimic-seal 1 LENGTH SHA256``: of the JSON that follows; the digest names the whole file
JSON                format, version, attributes (provenance among them), and of every array its dtype, shape,
                    place in the file and SHA-256; the size of the file; the SHA-256 of the structure
structure           all bytes that belong to no checked array: HDF5's own, and the tables of checksums
arrays              contiguous, little-endian; ``crc32/NAME`` holds a CRC-32 for every so many rows of NAME
==================  =========================================================================================

So a file says what it is in text, and a reader needs no HDF5 library, which a damaged file can crash or
hang: it checks seal, size and structure when it opens the file, and the checksum of every row that it
reads. `verify` checks all of it. The seal proves that a file is what was written, not who wrote it: what
the values mean is for the readers of each format to check.
"""

import contextlib
import hashlib
import json
import math
import os
import re
import stat
import zlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

from mimic.cli import MAKE_AGAIN, MAKE_FIRST, InputError, validation_message

FIRST_LINE = re.compile(rb"mimic-seal 1 (\d{8}) ([0-9a-f]{64})\n")
FIRST_LINE_BYTES = 87
MAX_SEAL_BYTES = 2**24
DTYPES = ("|u1", "|b1", "<u4", "<i4", "<i8", "<f2", "<f4")
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_PIECE = 2**20  # read and checked at once, while it is in the cache


class Array(BaseModel):
    """Where an array lies and how it is checked.

    Parameters
    ----------
    dtype : str
        One of `DTYPES`.
    shape : tuple of int
        The first axis is that of rows.
    offset : int
        Of its first byte in the file.
    rows_per_checksum : int
        Rows that share a CRC-32; 0 for the tables of checksums, which are part of the structure.
    sha256 : str
        Of its bytes; empty for the tables of checksums.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    dtype: str
    shape: tuple[Annotated[StrictInt, Field(ge=0)], ...] = Field(min_length=1, max_length=8)
    offset: StrictInt = Field(ge=0, le=2**62)
    rows_per_checksum: StrictInt = Field(ge=0)
    sha256: str

    @property
    def n_rows(self):
        """Length of the first axis."""
        return self.shape[0]

    @property
    def row_bytes(self):
        """Bytes of a row."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape[1:])

    @property
    def n_bytes(self):
        """Bytes of the array."""
        return self.n_rows * self.row_bytes

    @property
    def n_checksums(self):
        """Entries of its table of checksums."""
        return -(-self.n_rows // self.rows_per_checksum) if self.rows_per_checksum else 0

    def rows_of(self, checksum):
        """First row and the one after the last that a checksum is for."""
        start = checksum * self.rows_per_checksum
        return start, min(start + self.rows_per_checksum, self.n_rows)


Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]+(/[A-Za-z0-9_]+)*$", max_length=100)]


class Seal(BaseModel):
    """What stands in a file's seal."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: str = Field(max_length=100)
    format_version: StrictInt
    attributes: dict[str, Any]
    arrays: dict[Name, Array]
    n_bytes: StrictInt
    structure_sha256: str


def checksum_name(name):
    """Name of the array that holds the checksums of another."""
    return f"crc32/{name}"


def structure_spans(seal, start, with_checksums=True):
    """Parts of a file from byte `start` that belong to no checked array, as (first, one after the last).

    The tables of checksums are among them, unless they are left out.
    """
    spans, position = [], start
    for array in sorted(seal.arrays.values(), key=lambda array: array.offset):
        if array.n_bytes and (array.rows_per_checksum or not with_checksums):
            spans.append((position, array.offset))
            position = array.offset + array.n_bytes
    return [*spans, (position, seal.n_bytes)]


def _refuse_constant(name):
    raise ValueError(f"{name} is no number of JSON")


class SealedFile:
    """An open sealed file; see `open_sealed`.

    Attributes
    ----------
    path : pathlib.Path
    format, format_version : str, int
    attributes : dict
        JSON values: what the format says, and ``provenance``.
    arrays : dict of str to Array
        Without the tables of checksums.
    digest : str
        SHA-256 of the seal, which names the whole file.
    """

    def __init__(self, path, descriptor, seal=None):
        self.path, self._descriptor = Path(path), descriptor
        self._seal, self.digest = seal, None
        if seal is None:
            self._seal, self.digest, end = self._read_seal()
            self._check_structure(end)
        self.format, self.format_version = self._seal.format, self._seal.format_version
        self.attributes = self._seal.attributes
        self.arrays = {name: array for name, array in self._seal.arrays.items() if array.rows_per_checksum}

    def _read_seal(self):
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise InputError(f"{self.path}: expected a file")
        first = os.pread(self._descriptor, FIRST_LINE_BYTES, 0)
        match = FIRST_LINE.fullmatch(first)
        if match is None:
            was = "an HDF5 file without a seal" if first.startswith(_HDF5_SIGNATURE) else "another file"
            was = "an empty file" if not first else was
            raise InputError(
                f"{self.path}: expected a sealed HDF5 file, got {was}, or its first line is damaged; "
                f"{MAKE_AGAIN}"
            )
        n_bytes, digest = int(match[1]), match[2].decode()
        text = os.pread(self._descriptor, min(n_bytes, MAX_SEAL_BYTES), FIRST_LINE_BYTES)
        found = hashlib.sha256(text).hexdigest()
        if len(text) != n_bytes or found != digest:
            raise InputError(
                f"{self.path}: seal is damaged: expected digest {digest[:16]}, got {found[:16]}; {MAKE_AGAIN}"
            )
        try:
            seal = Seal.model_validate(json.loads(text, parse_constant=_refuse_constant))
        except ValidationError as error:
            raise InputError(validation_message(error, f"{self.path}: seal")) from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{self.path}: seal is not JSON: {error}") from None
        if status.st_size != seal.n_bytes:
            raise InputError(
                f"{self.path}: expected {seal.n_bytes:,} bytes, the file has {status.st_size:,}; {MAKE_AGAIN}"
            )
        end = FIRST_LINE_BYTES + n_bytes
        self._check_places(seal, end)
        return seal, digest, end

    def _check_places(self, seal, start):
        """Refuse arrays that lie outside the file, on each other, or have no fitting checksums."""
        position = start
        for name, array in sorted(seal.arrays.items(), key=lambda item: item[1].offset):
            where = f"{self.path}: seal: {name}"
            if array.dtype not in DTYPES:
                raise InputError(f"{where}: expected dtype of {', '.join(DTYPES)}, got {array.dtype!r}")
            if array.n_bytes:
                if array.offset < position or array.offset + array.n_bytes > seal.n_bytes:
                    raise InputError(f"{where}: expected {array.n_bytes:,} bytes of its own in the file")
                position = array.offset + array.n_bytes
            table = seal.arrays.get(checksum_name(name))
            fits = table is not None and table.dtype == "<u4" and table.shape == (array.n_checksums,)
            if array.rows_per_checksum and not (fits and table.rows_per_checksum == 0):
                raise InputError(f"{where}: expected {array.n_checksums} checksums")

    def _check_structure(self, end_of_seal):
        found = self.structure_digest(end_of_seal)
        if found != self._seal.structure_sha256:
            raise InputError(
                f"{self.path}: structure is damaged: expected digest {self._seal.structure_sha256[:16]}, "
                f"got {found[:16]}; {MAKE_AGAIN}"
            )

    def structure_digest(self, end_of_seal):
        """SHA-256 of all bytes after the seal that belong to no checked array."""
        total = hashlib.sha256()
        for start, stop in structure_spans(self._seal, end_of_seal):
            for piece in self._pieces(start, stop):
                total.update(piece)
        return total.hexdigest()

    def _pieces(self, start, stop):
        while start < stop:
            piece = os.pread(self._descriptor, min(_PIECE, stop - start), start)
            if not piece:
                raise InputError(f"{self.path}: ends at byte {start:,}, expected {self._seal.n_bytes:,}")
            yield piece
            start += len(piece)

    def array(self, name, dtypes, shape):
        """An array that must be there with a dtype and shape.

        Parameters
        ----------
        name : str
        dtypes : dtype or tuple of them
            Any one of them will do.
        shape : tuple of int or None
            None takes any length.

        Returns
        -------
        Array

        Raises
        ------
        InputError
            Names the array, what was expected and what was found.
        """
        array = self.arrays.get(name)
        dtypes = [np.dtype(dtype) for dtype in (dtypes if isinstance(dtypes, tuple) else (dtypes,))]
        known = [dtype.newbyteorder("<").str for dtype in dtypes]
        fits = array is not None and array.dtype in known and len(array.shape) == len(shape)
        if not fits or any(n not in (None, m) for n, m in zip(shape, array.shape, strict=True)):
            lengths = ", ".join("n" if n is None else str(n) for n in shape)
            wanted = f"{' or '.join(map(str, dtypes))} of shape ({lengths})"
            found = "nothing" if array is None else f"{np.dtype(array.dtype)} of shape {array.shape}"
            raise InputError(f"{self.path}: {name}: expected {wanted}, got {found}")
        return array

    def read(self, name, start=0, stop=None):
        """Rows of an array, each checked against its checksum.

        Parameters
        ----------
        name : str
        start, stop : int, optional
            Rows `start` to `stop` - 1; all unless given.

        Returns
        -------
        array, shape (stop - start, ...)

        Raises
        ------
        InputError
            If there is no such array, a checksum is not that of its rows, or memory does not suffice.
        """
        if name not in self.arrays:
            raise InputError(
                f"{self.path}: expected an array {name}, found {', '.join(self.arrays) or 'none'}"
            )
        array = self.arrays[name]
        stop = array.n_rows if stop is None else stop
        if not 0 <= start <= stop <= array.n_rows:
            raise ValueError(f"{name}: expected rows within {array.n_rows}, got {start} to {stop}")
        first, last = start // array.rows_per_checksum, -(-stop // array.rows_per_checksum)
        low, high = first * array.rows_per_checksum, min(last * array.rows_per_checksum, array.n_rows)
        try:
            values = np.empty((max(high - low, 0), *array.shape[1:]), array.dtype)
        except (MemoryError, ValueError):
            raise InputError(f"{self.path}: {name}: no memory for {array.n_bytes:,} bytes") from None
        if values.size:
            buffer = memoryview(values.reshape(-1).view(np.uint8))
            expected = self._checksums(name, first, last)
            for checksum in range(first, last):
                a, b = (row * array.row_bytes for row in array.rows_of(checksum))
                base = low * array.row_bytes
                found = self._fill(buffer[a - base : b - base], array.offset + a)
                self._check(name, checksum, expected[checksum - first], found)
            if array.dtype == "|b1" and values.view(np.uint8).max() > 1:
                raise InputError(f"{self.path}: {name}: expected 0 or 1, got {values.view(np.uint8).max()}")
        return values[start - low : stop - low]

    def _fill(self, buffer, offset):
        """Read into a buffer; its CRC-32."""
        checksum, done = 0, 0
        while done < len(buffer):
            piece = buffer[done : done + _PIECE]
            n = os.preadv(self._descriptor, [piece], offset + done)
            if n == 0:
                raise InputError(
                    f"{self.path}: ends at byte {offset + done:,}, expected {self._seal.n_bytes:,}"
                )
            checksum = zlib.crc32(piece[:n], checksum)
            done += n
        return checksum

    def _checksums(self, name, first, last):
        table = self._seal.arrays[checksum_name(name)]
        data = os.pread(self._descriptor, 4 * (last - first), table.offset + 4 * first)
        return np.frombuffer(data.ljust(4 * (last - first), b"\0"), "<u4").tolist()

    def _check(self, name, checksum, expected, found):
        if found != expected:
            start, stop = self.arrays[name].rows_of(checksum)
            raise InputError(
                f"{self.path}: {name}: rows {start} to {stop - 1} are damaged: expected checksum "
                f"{expected:08x}, got {found:08x}; {MAKE_AGAIN}"
            )

    def checked_digest(self, name):
        """SHA-256 of an array, every row of which was found to fit its checksum."""
        array, total = self.arrays[name], hashlib.sha256()
        for checksum, expected in enumerate(self._checksums(name, 0, array.n_checksums)):
            a, b = (array.offset + row * array.row_bytes for row in array.rows_of(checksum))
            found = 0
            for piece in self._pieces(a, b):
                total.update(piece)
                found = zlib.crc32(piece, found)
            self._check(name, checksum, expected, found)
        return total.hexdigest()

    def verify(self):
        """Read all arrays and check every checksum and digest; an InputError names what is damaged."""
        for name, array in self.arrays.items():
            found = self.checked_digest(name)
            if found != array.sha256:
                raise InputError(
                    f"{self.path}: {name}: expected digest {array.sha256[:16]}, got {found[:16]}; "
                    f"{MAKE_AGAIN}"
                )


@contextlib.contextmanager
def open_sealed(path, format_name=None, format_version=None):
    """A sealed file for reading, its seal and structure checked; yields the open `SealedFile`.

    Parameters
    ----------
    path : path
    format_name : str, optional
        Refuse a file of another format; any unless given.
    format_version : int, optional
        Refuse a version that the reader does not know.

    Raises
    ------
    InputError
        Names the file, what was expected and what was found.
    """
    try:
        # a pipe that nobody writes to would be waited for; a file does not care
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file (expected {format_name or 'a sealed HDF5 file'}); {MAKE_FIRST}"
        ) from None
    try:
        file = SealedFile(path, descriptor)
        if format_name is not None and file.format != format_name:
            raise InputError(f"{path}: expected format {format_name!r}, got {file.format!r}")
        if format_version is not None and file.format_version != format_version:
            raise InputError(
                f"{path}: expected {file.format} version {format_version}, got {file.format_version}; "
                f"{MAKE_AGAIN}"
            )
        yield file
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
    finally:
        os.close(descriptor)


def read_provenance(file):
    """Provenance of an open file, as a dict; InputError where it has none."""
    provenance = file.attributes.get("provenance")
    if not isinstance(provenance, dict):
        raise InputError(f"{file.path}: attribute provenance: expected a JSON object")
    return provenance
