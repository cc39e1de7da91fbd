"""Files that are written whole or not at all, and that say what they are.

JSON files of the pipeline carry their format and a SHA-256 of what they say; arrays are in sealed HDF5 files
(`mimic.sealed`); both name what they were made from (`provenance_of`).
"""

import contextlib
import errno
import fcntl
import hashlib
import importlib.metadata
import json
import os
from pathlib import Path

import numpy as np

from mimic.cli import MAKE_AGAIN, MAKE_FIRST, InputError

DIGEST_KEY = "sha256"
#: Far more than any JSON file of the pipeline has.
MAX_JSON_BYTES = 2**26


def part_of(path):
    """Where a file is written until it is whole."""
    return Path(path).with_name(f".{Path(path).name}.part")


@contextlib.contextmanager
def part_file(path, keep=False):
    """The temporary file beside `path` that becomes it; yields its path and an open descriptor.

    Its name is always the same, so that a killed process leaves one such file at most, which the next one
    takes over; a lock keeps two processes from writing it at once. It is removed at the end, unless it was
    published.

    Parameters
    ----------
    path : path
    keep : bool
        Leave it as it is on an error, to go on from.

    Raises
    ------
    InputError
        If another process is writing it.
    OSError
        With the name of the file, also where the system gives none (a full disk).
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = part_of(path)
    descriptor = _open_locked(temporary, path)
    try:
        yield temporary, descriptor
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
    finally:
        # Once published, the name may be that of another process's next file.
        if not keep and _is_same_file(temporary, descriptor):
            temporary.unlink()
        os.close(descriptor)


def _open_locked(temporary, path):
    while True:
        descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise InputError(
                f"{path}: another process is writing this file; wait until it has ended, or end it"
            ) from None
        except OSError as error:
            # some network file systems have no locks; then nothing but the name is shared
            if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                os.close(descriptor)
                raise
        # Its last owner may have renamed it between our opening and locking it.
        if _is_same_file(temporary, descriptor):
            return descriptor
        os.close(descriptor)


def _is_same_file(path, descriptor):
    try:
        return os.path.samestat(os.stat(path, follow_symlinks=False), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def publish(temporary, path):
    """Sync a finished file and give it its name; a reader sees the old file, the new one, or none."""
    with open(temporary, "rb") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)
    _sync_folder(Path(path).parent)


@contextlib.contextmanager
def written_whole(path):
    """Temporary path beside `path`, synced and renamed onto it at the end, removed on any error.

    A reader therefore sees the old file, the new one, or none: never half of one.
    """
    with part_file(path) as (temporary, descriptor):
        os.ftruncate(descriptor, 0)
        yield temporary
        publish(temporary, path)


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
    """Write JSON with sorted keys, whole or not at all; NaN and infinity are refused.

    An object with a format gets a key ``sha256``, of the rest.
    """
    if isinstance(value, dict) and "format" in value:
        # what a reader will see, where for example all keys are text
        value = json.loads(json.dumps(value, allow_nan=False))
        value.pop(DIGEST_KEY, None)  # that of a file which was read as plain JSON
        value[DIGEST_KEY] = digest_json(value)
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path, expected_format=None):
    """Read a JSON file.

    Parameters
    ----------
    path : path
    expected_format : str, optional
        Refuse an object of another format, or one that is not what was written.

    Returns
    -------
    dict
        Without the key ``sha256`` where a format is expected.

    Raises
    ------
    InputError
        If the file is no JSON object, of another format, or was changed after it was written.
    """
    try:
        size = Path(path).stat().st_size
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file (expected {expected_format or 'JSON'}); {MAKE_FIRST}"
        ) from None
    if size > MAX_JSON_BYTES:
        raise InputError(f"{path}: expected at most {MAX_JSON_BYTES:,} bytes of JSON, got {size:,}")
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not JSON: {error}") from None
    if not isinstance(value, dict):
        raise InputError(f"{path}: expected a JSON object, got {type(value).__name__}")
    if expected_format is not None:
        if value.get("format") != expected_format:
            raise InputError(f"{path}: expected format {expected_format!r}, got {value.get('format')!r}")
        expected = value.pop(DIGEST_KEY, None)
        found = digest_json(value)
        if expected != found:
            raise InputError(
                f"{path}: was changed after it was written: expected digest {str(expected)[:16]}, "
                f"got {found[:16]}; {MAKE_AGAIN}"
            )
    return value


def digest_json(value):
    """SHA-256 of a JSON value: of its text with sorted keys and no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


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


def digest_file(path, algorithm="sha256"):
    """Digest of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
