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
from mimic.data import cifar10, image_folder, mnist
from mimic.data.source import folder_of

#: Format of the file that remembers a digest.
FORMAT = "mimic.images"


def digest_of_images(settings, memory, n_threads=None):
    """Digest of the images that a dataset is made from.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings
    memory : path
        File that remembers the digest of an image folder as long as no file's name, size or time changes;
        written where it is absent or out of date.
    n_threads : int, optional
        That read files; as many as there are processors, unless given.

    Returns
    -------
    str
        SHA-256; ``drawn`` for the embedded set, which its seed and counts determine. Of ``cifar10``, whose
        files are compared with the published checksums before they are read, and of ``mnist`` that is still
        to be downloaded, that of the published files.

    Raises
    ------
    InputError
        If a folder or class is missing, or a file cannot be read; names it.
    """
    if settings.source == "shapes":
        return "drawn"
    if settings.source == "cifar10":
        return _digest_of_names(cifar10.FILES)
    folder = folder_of(settings)
    try:
        if settings.source == "mnist":
            return _digest_of_names(_checksums_of_mnist(folder))
        return _digest_of_folder(folder, Path(memory), n_threads)
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None


def _digest_of_names(digests):
    """SHA-256 over names and their digests, in the order of the names."""
    return hashlib.sha256(json.dumps(sorted(digests.items())).encode()).hexdigest()


def _checksums_of_mnist(folder):
    if mnist.missing_message(folder) is not None:
        return mnist.PUBLISHED
    return {name: digest_file(folder / name, "md5") for name in mnist.PUBLISHED}


def _digest_of_folder(folder, memory, n_threads):
    paths = [path for part in image_folder.list_images(folder).paths.values() for path in part]
    names = [path.removeprefix(str(folder)) for path in paths]
    states = [os.stat(path) for path in paths]
    listing = _digest_of_names(
        {name: [state.st_size, state.st_mtime_ns] for name, state in zip(names, states, strict=True)}
    )
    known = _recall(memory)
    if known.get("listing") == listing and isinstance(known.get("images"), str):
        return known["images"]
    images = _digest_of_names(
        dict(zip(names, image_folder.for_each(digest_file, paths, n_threads), strict=True))
    )
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
