"""Files that are written whole or not at all, and that say what they are.

Every HDF5 file of the pipeline carries in its attributes

==================  =======  ==============================================================
attribute           type     meaning
==================  =======  ==============================================================
format              str      what the file is, for example ``mimic.epochs``
format_version      int64    layout version; a reader refuses one that it does not know
provenance          str      JSON: digests of what the file was made from, the config slice,
                             seed, code fingerprint, package versions
==================  =======  ==============================================================
"""

import contextlib
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path

import h5py
import numpy as np

from mimic.cli import InputError


@contextlib.contextmanager
def written_whole(path):
    """Temporary path beside `path`, synced and renamed onto it at the end, removed on any error.

    A reader therefore sees the old file, the new one, or none: never half of one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path, text):
    """Write UTF-8 text, whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path, value):
    """Write JSON with sorted keys, whole or not at all; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path, expected_format=None):
    """Read a JSON file.

    Raises
    ------
    InputError
        If the file is no JSON object, or its key ``format`` is not `expected_format`.
    """
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(value).__name__}")
    if expected_format is not None and value.get("format") != expected_format:
        raise InputError(f"{path}: expected format {expected_format!r}, got {value.get('format')!r}")
    return value


@contextlib.contextmanager
def create_hdf5(path, format_name, format_version, provenance):
    """A new HDF5 file with its header, written whole or not at all; yields the open ``h5py.File``.

    Parameters
    ----------
    provenance : dict
        JSON-ready; see `provenance_of`.
    """
    # The lock would be taken on the temporary name and says nothing to readers of the final one.
    with written_whole(path) as temporary, h5py.File(temporary, "w", locking=False) as file:
        file.attrs["format"] = format_name
        file.attrs["format_version"] = np.int64(format_version)
        file.attrs["provenance"] = json.dumps(provenance, sort_keys=True)
        yield file


@contextlib.contextmanager
def open_hdf5(path, format_name, format_version):
    """An HDF5 file of a known format, for reading; yields the open ``h5py.File``.

    Raises
    ------
    InputError
        If it is no HDF5 file, of another format or of a version this code does not know, or if it proves
        to be damaged while it is read.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file (expected {format_name})")
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file: {error}") from None
    try:
        with file:
            found = file.attrs.get("format")
            if found != format_name:
                raise InputError(f"{path}: expected format {format_name!r}, got {found!r}")
            version = file.attrs.get("format_version")
            if version != format_version:
                raise InputError(f"{path}: expected {format_name} version {format_version}, got {version}")
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        # what the library raises on a damaged file, wherever it is read
        raise InputError(f"{path}: damaged: {' '.join(str(error).split())}") from None


def read_provenance(file):
    """Provenance of an open HDF5 file, as a dict; InputError where it has none."""
    try:
        provenance = json.loads(file.attrs["provenance"])
    except (KeyError, TypeError, ValueError, RecursionError):
        provenance = None
    if not isinstance(provenance, dict):
        raise InputError(f"{file.filename}: attribute provenance: expected a JSON object")
    return provenance


def provenance_of(stage, settings, seed, fingerprint, **sources):
    """What an artifact was made from: the same for the same run on any host.

    Parameters
    ----------
    stage : str
        Rule name.
    settings : dict
        The config slice that the stage was given.
    seed : int or None
        None where nothing is random.
    fingerprint : str
        Of the code that the stage executes (`mimic.fingerprint.of_stage`).
    sources : str or dict
        Digest of each input, by name.
    """
    packages = ("mimic", "numpy", "torch", "h5py")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "stage": stage,
        "settings": settings,
        "seed": seed,
        "fingerprint": fingerprint,
        "sources": sources,
        "versions": versions,
    }


def digest_arrays(**arrays):
    """SHA-256 over named arrays, in sorted order: names, little-endian dtypes, shapes and bytes."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        total.update(f"{name}:{array.dtype.str}:{array.shape};".encode())
        total.update(array.data if array.size else b"")
    return total.hexdigest()


def digest_file(path):
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
