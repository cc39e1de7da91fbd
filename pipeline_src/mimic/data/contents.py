"""Digest of a source's images: what a dataset depends on, wherever the images lie.

An image folder is too large to list every file as a rule's input, so its rule takes this digest instead: an
image edited in place, added, removed or renamed changes it; a moved, copied or touched folder does not.
Asked for at the start of every run, so torch is not imported and files are read only where one has changed.
"""

import contextlib
import hashlib
import json
import os
from pathlib import Path

from mimic.artifact import digest_file, read_json, write_json
from mimic.cli import InputError
from mimic.data.source import folder_of
from mimic.data.sources import is_drawn, module_of
from mimic.image_files import for_each

#: Format of the file that remembers a digest.
FORMAT = "mimic.images"


def digest_of_images(settings, memory, n_threads=None):
    """Digest of the images that a dataset is made from.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings
    memory : path
        File that remembers the digest of a folder's files as long as no file's name, size or time changes;
        written where it is absent or out of date.
    n_threads : int, optional
        That read files; as many as there are processors, unless given.

    Returns
    -------
    str
        SHA-256; ``drawn`` where images are drawn, which seed and counts determine. Of ``cifar10``, whose
        files are compared with the published checksums before they are read, and of ``mnist`` that is still
        to be downloaded, that of the published files.

    Raises
    ------
    InputError
        If a folder or class is missing, or a file cannot be read; names it.
    """
    module = module_of(settings)
    if is_drawn(module):
        return "drawn"
    folder = folder_of(settings)
    try:
        if hasattr(module, "checksums"):
            return _digest_of_names(module.checksums(folder))
        files = module.list_files(folder) if hasattr(module, "list_files") else _all_files(folder)
        return _digest_of_files(folder, files, Path(memory), n_threads)
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None


def _digest_of_names(digests):
    """SHA-256 over names and their digests, in the order of the names."""
    return hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()


def _all_files(folder):
    if not folder.is_dir():
        raise InputError(f"data.path: {folder}: no such folder")
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def _digest_of_files(folder, paths, memory, n_threads):
    names = [path.removeprefix(str(folder)) for path in paths]
    states = [os.stat(path) for path in paths]
    listing = _digest_of_names(
        {name: [state.st_size, state.st_mtime_ns] for name, state in zip(names, states, strict=True)}
    )
    known = _recall(memory)
    if known.get("listing") == listing and isinstance(known.get("images"), str):
        return known["images"]
    images = _digest_of_names(dict(zip(names, for_each(digest_file, paths, n_threads), strict=True)))
    # A folder that may not be written to costs time at the next start, nothing else.
    with contextlib.suppress(OSError):
        write_json(memory, {"format": FORMAT, "listing": listing, "images": images})
    return images


def _recall(memory):
    """What the memory holds; nothing where it is absent, damaged or another file."""
    try:
        return read_json(memory, FORMAT)
    except (InputError, OSError):
        return {}
