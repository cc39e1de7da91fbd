"""``mimic inspect``: what a file says it is, without believing its arrays."""

import json
from pathlib import Path

import numpy as np
import safetensors

from mimic.artifact import digest_file, read_json
from mimic.cli import InputError
from mimic.sealed import open_sealed

_HIDDEN = ("provenance",)


def describe(path):
    """What a file of the pipeline says.

    Parameters
    ----------
    path : path
        A sealed HDF5 file, weights, or a JSON file.

    Returns
    -------
    dict
        ``path``, ``format``, ``version``, ``bytes``, ``digest``, ``attributes`` and ``arrays``.

    Raises
    ------
    InputError
        If it is no such file, or its header is damaged.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: {'expected a file' if path.exists() else 'no such file'}")
    with open(path, "rb"):
        pass  # an error of the system, rather than of a library, where it may not be read
    kind = {".safetensors": _describe_weights, ".json": _describe_json}.get(path.suffix, _describe_sealed)
    return {"path": str(path), "bytes": path.stat().st_size, **kind(path)}


def _describe_sealed(path):
    with open_sealed(path) as file:
        arrays = {
            name: {
                "dtype": str(np.dtype(array.dtype)),
                "shape": list(array.shape),
                "bytes": array.n_bytes,
                "rows_per_checksum": array.rows_per_checksum,
                "sha256": array.sha256,
            }
            for name, array in file.arrays.items()
        }
        return {
            "format": file.format,
            "version": file.format_version,
            "digest": file.digest,
            "attributes": file.attributes,
            "arrays": arrays,
        }


def _describe_weights(path):
    try:
        with safetensors.safe_open(path, "np") as file:
            header = json.loads((file.metadata() or {}).get("mimic", "{}"))
            slices = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            arrays = {
                name: {"dtype": part.get_dtype(), "shape": part.get_shape()} for name, part in slices.items()
            }
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable weights: {error}") from None
    header = header if isinstance(header, dict) else {}
    name, _, version = str(header.pop("format", "?")).partition("/")
    return {
        "format": name,
        "version": version,
        "digest": digest_file(path),
        "attributes": header,
        "arrays": arrays,
    }


def _describe_json(path):
    value = read_json(path)
    name, digest = value.pop("format", "?"), value.pop("sha256", None)
    return {"format": name, "version": None, "digest": digest, "attributes": value, "arrays": {}}


def show_file(path, as_json):
    """Print what a file says, as text or as JSON."""
    facts = describe(path)
    if as_json:
        print(json.dumps(facts, indent=1, sort_keys=True))
        return
    version = f" version {_short(facts['version'])}" if facts["version"] else ""
    print(f"{facts['path']}: {_short(facts['format'])}{version}, {facts['bytes']:,} bytes")
    print(f"digest {facts['digest']}")
    for name, array in facts["arrays"].items():
        print(f"  {_short(name)}: {array['dtype']} {tuple(array['shape'])}")
    for name, value in facts["attributes"].items():
        if name not in _HIDDEN:
            print(f"{_short(name)}: {_short(value)}")
    provenance = facts["attributes"].get("provenance")
    if isinstance(provenance, dict):
        print("made by")
        for name, value in provenance.items():
            print(f"  {_short(name)}: {_short(value)}")


def _short(value, limit=160):
    # What a stranger wrote may not move the cursor, break the line or fail to be printed.
    text = value if isinstance(value, str) and value.isprintable() else json.dumps(value)
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text):,} characters)"
