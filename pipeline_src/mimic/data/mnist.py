"""MNIST in torchvision's layout: four IDX files in ``MNIST/raw``.

Reading: to feed nets made for 32x32 colour images, the 28x28 digits get two black pixels on each side and
their one channel three times.
"""

from pathlib import Path

import numpy as np

from mimic.artifact import digest_file
from mimic.cli import InputError
from mimic.data.source import from_arrays
from mimic.torchvision_import import import_torchvision

PAGE = "http://yann.lecun.com/exdb/mnist/"
N_IMAGES = {"train": 60_000, "test": 10_000}  # of the official files; shorter ones are read as well
CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IMAGE_FILES = {"train": "MNIST/raw/train-images-idx3-ubyte", "test": "MNIST/raw/t10k-images-idx3-ubyte"}
LABEL_FILES = {"train": "MNIST/raw/train-labels-idx1-ubyte", "test": "MNIST/raw/t10k-labels-idx1-ubyte"}
# MD5 of the official files, unpacked: what a download brings. Other files are read as well.
PUBLISHED = {
    "MNIST/raw/train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "MNIST/raw/train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "MNIST/raw/t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "MNIST/raw/t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
_UINT8 = 8  # type code of an IDX file
_PAD = 2


def missing_message(folder):
    """One line on what is missing under a folder and how to get it, or None."""
    for name in (*IMAGE_FILES.values(), *LABEL_FILES.values()):
        if not (Path(folder) / name).is_file():
            return (
                f"MNIST is not there: no {name} in {folder} (data.path); get it with data.download: true, or "
                f"unpack {Path(name).name}.gz from {PAGE} there"
            )
    return None


def count_images(folder):
    """Number of images of each part, from the headers alone.

    Returns
    -------
    dict, part -> int

    Raises
    ------
    InputError
        If a header is broken, a file is shorter or longer than its header says, images are not 28x28, or
        images and labels differ in number.
    """
    counts = {}
    for part in IMAGE_FILES:
        image_file, label_file = Path(folder) / IMAGE_FILES[part], Path(folder) / LABEL_FILES[part]
        shape = _checked_shape(image_file, n_dimensions=3)
        if shape[1:] != (28, 28):
            raise InputError(f"{image_file}: expected images of 28x28, found {shape[1]}x{shape[2]}")
        (n_labels,) = _checked_shape(label_file, n_dimensions=1)
        if n_labels != shape[0]:
            raise InputError(f"{label_file}: expected {shape[0]} labels, one an image, found {n_labels}")
        counts[part] = n_labels
    return counts


def _checked_shape(path, n_dimensions):
    """Shape in the header of an IDX file, compared with the file's size."""
    n_header = 4 + 4 * n_dimensions
    with open(path, "rb") as file:
        header = file.read(n_header)
    if header[:4] != bytes((0, 0, _UINT8, n_dimensions)) or len(header) != n_header:
        raise InputError(
            f"{path}: expected the header of an IDX file of bytes in {n_dimensions} dimensions, "
            f"found {header[:4].hex() or 'an empty file'}"
        )
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))
    expected, found = n_header + int(np.prod(shape, dtype=object)), path.stat().st_size
    if expected != found:
        raise InputError(f"{path}: expected {expected} bytes for shape {shape}, found {found}")
    return shape


def count_classes(folder=None):
    """Ten, also where the files are not there yet."""
    return len(CLASS_NAMES)


def checksums(folder):
    """MD5 of each file; of the official ones where they are still to be downloaded."""
    if missing_message(folder) is not None:
        return PUBLISHED
    return {name: digest_file(Path(folder) / name, "md5") for name in PUBLISHED}


def download(folder):
    """Download MNIST into a folder.

    Raises
    ------
    InputError
        If that fails, in one line.
    """
    datasets = import_torchvision("datasets")
    try:
        datasets.MNIST(folder, download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(
            f"MNIST: download to {folder} failed: {' '.join(str(error).split())}; "
            "try again, or put the files there by hand (data.path)"
        ) from None


def load(folder, n_threads=None):
    """Read MNIST.

    Parameters
    ----------
    folder : path
        Holds ``MNIST/raw``.
    n_threads : int, optional
        Not used: the files are read one by one.

    Returns
    -------
    mimic.data.source.Source

    Raises
    ------
    InputError
        See `count_images`; also for a label above 9.
    """
    count_images(folder)
    reader = import_torchvision("datasets.mnist")
    images, labels = {}, {}
    for part in IMAGE_FILES:
        digits = reader.read_image_file(str(Path(folder) / IMAGE_FILES[part])).numpy()
        digits = np.pad(digits, ((0, 0), (_PAD, _PAD), (_PAD, _PAD)))
        images[part] = np.repeat(digits[:, None], 3, axis=1)  # (n, 3, 32, 32)
        labels[part] = reader.read_label_file(str(Path(folder) / LABEL_FILES[part])).numpy().astype(np.int64)
        if labels[part].size and labels[part].max() > 9:
            raise InputError(
                f"{Path(folder) / LABEL_FILES[part]}: expected labels 0 to 9, found {labels[part].max()}"
            )
    return from_arrays(CLASS_NAMES, images, labels)
