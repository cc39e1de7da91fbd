"""Files changed as a stranger could change them: sealed anew, so that only what they say is wrong."""

import contextlib
import hashlib
import json
import math
from pathlib import Path

import numpy as np

from mimic.artifact import DIGEST_KEY, digest_json
from mimic.sealed import FIRST_LINE_BYTES, open_sealed
from mimic.sealing import Layout, sealed_writer

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def read_all(path):
    """Format, version, attributes, arrays by name, and rows a checksum by name."""
    with open_sealed(path) as file:
        arrays = {name: file.read(name) for name in file.arrays}
        rows = {name: array.rows_per_checksum for name, array in file.arrays.items()}
        return file.format, file.format_version, dict(file.attributes), arrays, rows


def reseal(path, arrays=None, attributes=None, format_name=None, version=None):
    """Write a sealed file again with some things changed; None takes an array or attribute away.

    Parameters
    ----------
    path : path
    arrays : dict of str to array, callable or None
        A callable gets the array and changes it in place.
    attributes : dict of str to JSON value or None
    format_name : str, optional
    version : int, optional

    Returns
    -------
    path
    """
    old_format, old_version, old_attributes, old_arrays, rows = read_all(path)
    for name, value in (arrays or {}).items():
        if callable(value):
            value(old_arrays[name])
        else:
            old_arrays[name] = value
    new_arrays = {name: np.asarray(value) for name, value in old_arrays.items() if value is not None}
    new_attributes = {k: v for k, v in (old_attributes | (attributes or {})).items() if v is not None}
    layouts = {name: Layout(a.dtype, a.shape, rows.get(name, 1)) for name, a in new_arrays.items()}
    kind = (format_name or old_format, version or old_version)
    with sealed_writer(path, *kind, new_attributes, layouts) as writer:
        for name, values in new_arrays.items():
            writer.write(name, values)
    return path


def forge(path, edit):
    """Change the seal alone, as a stranger with a text editor could; its own digests are right.

    Parameters
    ----------
    path : path
    edit : callable
        Gets the seal's JSON value, and changes it in place or returns what stands for it: another JSON
        value, or bytes.

    Returns
    -------
    path
    """
    path = Path(path)
    content = path.read_bytes()
    start, body = FIRST_LINE_BYTES, content.index(HDF5_SIGNATURE)
    seal = json.loads(content[start:body].rstrip(b"\0"))
    edited = edit(seal)
    text = edited
    if not isinstance(edited, bytes):
        seal = seal if edited is None else edited
        text = json.dumps(seal).encode()
        with contextlib.suppress(AttributeError, LookupError, TypeError, ValueError, OverflowError):
            seal["structure_sha256"] = structure_digest(content, start + len(text), body, seal["arrays"])
            text = json.dumps(seal).encode()
    line = f"mimic-seal 1 {len(text):08d} {hashlib.sha256(text).hexdigest()}\n".encode()
    path.write_bytes((line + text).ljust(body, b"\0") + content[body:])
    return path


def structure_digest(content, end_of_seal, body, arrays):
    """SHA-256 of the bytes after the seal that belong to no checked array, told byte by byte."""
    belongs = np.ones(len(content), bool)
    belongs[:end_of_seal] = False
    for array in arrays.values():
        if array["rows_per_checksum"]:
            n_bytes = np.dtype(array["dtype"]).itemsize * math.prod(array["shape"])
            belongs[array["offset"] : array["offset"] + n_bytes] = False
    values = np.frombuffer(content, np.uint8).copy()
    values[end_of_seal:body] = 0
    return hashlib.sha256(values[belongs].tobytes()).hexdigest()


def write_foreign_json(path, value):
    """Write a JSON object with its digest as `mimic.artifact.write_json` does, but also with NaN in it."""
    value = json.loads(json.dumps(value))
    Path(path).write_text(json.dumps(value | {DIGEST_KEY: digest_json(value)}), encoding="utf-8")
