"""CIFAR-10 in torchvision's layout (the files of the official page, unpacked)."""

import hashlib
from pathlib import Path

import numpy as np

from mimic.cli import InputError
from mimic.data.source import from_arrays
from mimic.torchvision_import import import_torchvision

PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"
N_IMAGES = {"train": 50_000, "test": 10_000}
# MD5 as published with torchvision. The files are pickles: they are opened only when these match.
FILES = {
    "cifar-10-batches-py/data_batch_1": "c99cafc152244af753f735de768cd75f",
    "cifar-10-batches-py/data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "cifar-10-batches-py/data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "cifar-10-batches-py/data_batch_4": "634d18415352ddfa80567beed471001a",
    "cifar-10-batches-py/data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "cifar-10-batches-py/test_batch": "40351d587109b95175f43aff81a1287e",
    "cifar-10-batches-py/batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}


def missing_message(folder):
    """One line on what is missing under a folder and how to get it, or None."""
    for name in FILES:
        if not (Path(folder) / name).is_file():
            return (
                f"CIFAR-10 is not there: no {name} in {folder} (data.path); "
                f'get it with data.download: true, or unpack "CIFAR-10 python version" from {PAGE} there'
            )
    return None


def check_files(folder):
    """Compare the files with their published checksums.

    Raises
    ------
    InputError
        If a file differs, for example after a broken download; names it.
    """
    for name, expected in FILES.items():
        path = Path(folder) / name
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "md5").hexdigest()
        if found != expected:
            raise InputError(f"{path}: expected MD5 {expected}, found {found}; delete it and get it again")


def download(folder):
    """Download and unpack CIFAR-10 into a folder.

    Raises
    ------
    InputError
        If that fails, in one line.
    """
    datasets = import_torchvision("datasets")
    try:
        datasets.CIFAR10(folder, download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"CIFAR-10: download to {folder} failed: {' '.join(str(error).split())}; "
            "try again, or put the files there by hand (data.path)"
        ) from None


def count_classes(folder=None):
    """Ten, also where the files are not there yet."""
    return 10


def count_images(folder=None):
    """Number of images of each part, which the checksums of the files determine."""
    return N_IMAGES


def checksums(folder=None):
    """MD5 of each file, as published: other files are refused when they are read."""
    return FILES


def load(folder, n_threads=None):
    """Read CIFAR-10.

    Parameters
    ----------
    folder : path
        Holds ``cifar-10-batches-py``.
    n_threads : int, optional
        Not used: the files are read one by one.

    Returns
    -------
    mimic.data.source.Source

    Raises
    ------
    InputError
        If a file differs from the published one.
    """
    check_files(folder)
    datasets = import_torchvision("datasets")
    parts = {part: datasets.CIFAR10(folder, train=part == "train") for part in N_IMAGES}
    return from_arrays(
        class_names=parts["train"].classes,
        images={part: np.ascontiguousarray(d.data.transpose(0, 3, 1, 2)) for part, d in parts.items()},
        labels={part: np.array(d.targets, np.int64) for part, d in parts.items()},
    )
