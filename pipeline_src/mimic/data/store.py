"""The file ``data/dataset.h5``: format ``mimic.dataset``, version 2. This module alone knows its layout.

=================  ======  ================  ==================================================
array              dtype   shape             unit
=================  ======  ================  ==================================================
images_train       uint8   (n, 3, 32, 32)    RGB, 0 to 255
labels_train       int64   (n,)              index into the class names
rows_train         int64   (n,)              row in the source's training part
images_validation  uint8   (n, 3, 32, 32)    the same of the validation images, whose rows are
labels_validation  int64   (n,)              also in the source's training part
rows_validation    int64   (n,)
images_test        uint8   (n, 3, 32, 32)    the same of the test images, whose rows are in the
labels_test        int64   (n,)              source's test part
rows_test          int64   (n,)
=================  ======  ================  ==================================================

Attributes beside ``provenance``: ``class_names``, a list of str; ``digest``, the SHA-256 of images and
labels (`mimic.artifact.digest_arrays`), which names the dataset wherever it is used. A checksum for every
1,000 rows."""

from dataclasses import dataclass

import numpy as np

from mimic import artifact, sealed, sealing
from mimic.cli import MAKE_AGAIN, InputError

FORMAT, VERSION = "mimic.dataset", 2
SPLIT_FORMAT, SPLIT_VERSION = "mimic.split", 1
SPLITS = ("train", "validation", "test")
IMAGE_SHAPE = (3, 32, 32)
_ROWS_PER_CHECKSUM = 1000


@dataclass(frozen=True)
class Dataset:
    """Images and labels by split.

    Attributes
    ----------
    images : dict, split -> uint8 array, shape (n, 3, 32, 32)
    labels : dict, split -> int64 array, shape (n,)
    class_names : tuple of str
        By label.
    rows : dict, split -> int64 array, shape (n,)
        Where each image stands in the source: the split that was drawn (Urban 2.1).
    digest : str
        Of the images and labels of all three splits, also where fewer were read.
    """

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    rows: dict[str, np.ndarray]
    digest: str


def make_dataset(images, labels, class_names, rows):
    """A `Dataset` with its digest.

    Raises
    ------
    ValueError
        If an array has another shape or dtype, or a label names no class.
    """
    for split in SPLITS:
        _check_arrays(split, images[split], labels[split], rows[split])
        _check_labels(split, labels[split], len(class_names))
    return Dataset(dict(images), dict(labels), tuple(class_names), dict(rows), _digest(images, labels))


def _digest(images, labels):
    arrays = {f"images_{split}": images[split] for split in SPLITS}
    return artifact.digest_arrays(**arrays, **{f"labels_{split}": labels[split] for split in SPLITS})


def write_dataset(path, dataset, provenance):
    """Write a dataset, whole or not at all.

    Parameters
    ----------
    path : path
    dataset : Dataset
        With all three splits.
    provenance : dict
        See `mimic.artifact.provenance_of`.
    """
    arrays = {}
    for split in SPLITS:
        arrays[f"images_{split}"] = dataset.images[split]
        arrays[f"labels_{split}"] = dataset.labels[split]
        arrays[f"rows_{split}"] = dataset.rows[split]
    attributes = {
        "class_names": list(dataset.class_names),
        "digest": dataset.digest,
        "provenance": provenance,
    }
    sealing.write_sealed(path, FORMAT, VERSION, attributes, arrays, _ROWS_PER_CHECKSUM)


def read_dataset(path, splits=SPLITS):
    """Read a dataset.

    Parameters
    ----------
    path : path
    splits : sequence of str
        Splits to read, of ``train``, ``validation``, ``test``.

    Returns
    -------
    Dataset

    Raises
    ------
    InputError
        If the file is of another format or version, an array is missing, damaged or of another shape or
        dtype, a label names no class, or, where all splits are read, the digest is not theirs.
    """
    with sealed.open_sealed(path, FORMAT, VERSION) as file:
        class_names, digest = _read_attributes(path, file)
        images, labels, rows = {}, {}, {}
        for split in splits:
            n = file.array(f"images_{split}", np.uint8, (None, *IMAGE_SHAPE)).n_rows
            for name in ("labels", "rows"):
                file.array(f"{name}_{split}", np.int64, (n,))
            images[split] = file.read(f"images_{split}")
            labels[split] = file.read(f"labels_{split}")
            rows[split] = file.read(f"rows_{split}")
            try:
                _check_labels(split, labels[split], len(class_names))
            except ValueError as error:
                raise InputError(f"{path}: {error}") from None
    if set(splits) == set(SPLITS):
        found = _digest(images, labels)
        if found != digest:
            raise InputError(
                f"{path}: images or labels were changed: expected digest {digest[:16]}, got {found[:16]}; "
                f"{MAKE_AGAIN}"
            )
    return Dataset(images, labels, class_names, rows, digest)


def read_dataset_header(path):
    """What a dataset is and what it was made from; no image is read.

    Returns
    -------
    digest : str
    provenance : dict
    """
    with sealed.open_sealed(path, FORMAT, VERSION) as file:
        return _read_attributes(path, file)[1], sealed.read_provenance(file)


def write_split(path, rows, dataset_digest, provenance):
    """Write a split of another run, whole or not at all.

    Parameters
    ----------
    rows : dict, split -> int64 array
    dataset_digest : str
        Of the dataset that it leads to.
    provenance : dict
    """
    arrays = {f"rows_{split}": rows[split] for split in SPLITS}
    attributes = {"dataset_digest": dataset_digest, "provenance": provenance}
    sealing.write_sealed(path, SPLIT_FORMAT, SPLIT_VERSION, attributes, arrays, _ROWS_PER_CHECKSUM)


def read_split(path):
    """A split of another run.

    Returns
    -------
    rows : dict, split -> int64 array
    dataset_digest : str
    """
    with sealed.open_sealed(path, SPLIT_FORMAT, SPLIT_VERSION) as file:
        for split in SPLITS:
            file.array(f"rows_{split}", np.int64, (None,))
        digest = file.attributes.get("dataset_digest")
        if not isinstance(digest, str):
            raise InputError(f"{path}: attribute dataset_digest: expected a SHA-256, got {digest!r}")
        return {split: file.read(f"rows_{split}") for split in SPLITS}, digest


def _read_attributes(path, file):
    names, digest = file.attributes.get("class_names"), file.attributes.get("digest")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: attribute class_names: expected a list of names, got {str(names)[:60]}")
    if not isinstance(digest, str):
        raise InputError(f"{path}: attribute digest: expected a SHA-256, got {str(digest)[:60]}")
    return tuple(names), digest


def _check_arrays(split, images, labels, rows):
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != IMAGE_SHAPE:
        raise ValueError(f"images_{split}: expected uint8 (n, 3, 32, 32), got {images.dtype} {images.shape}")
    for name, values in (("labels", labels), ("rows", rows)):
        if values.dtype != np.int64 or values.shape != images.shape[:1]:
            raise ValueError(
                f"{name}_{split}: expected int64 ({images.shape[0]},), got {values.dtype} {values.shape}"
            )


def _check_labels(split, labels, n_classes):
    if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(
            f"labels_{split}: expected labels 0 to {n_classes - 1}, found {labels.min()} to {labels.max()}"
        )
