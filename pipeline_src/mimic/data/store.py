"""The file ``data/dataset.h5``: this module alone knows its layout.

=================  ======  ================  ==================================================
dataset            dtype   shape             unit
=================  ======  ================  ==================================================
images_train       uint8   (n, 3, 32, 32)    RGB, 0 to 255
labels_train       int64   (n,)              index into the class names
images_validation  uint8   (n, 3, 32, 32)    the same of the validation images
labels_validation  int64   (n,)
images_test        uint8   (n, 3, 32, 32)    the same of the test images
labels_test        int64   (n,)
=================  ======  ================  ==================================================

Attributes beside those of `mimic.artifact`: ``class_names``, a JSON list of str; ``digest``, the SHA-256 of
the six arrays (`mimic.artifact.digest_arrays`). Chunks of 1,000 images, each with a checksum.
"""

import json
from dataclasses import dataclass

import numpy as np

from mimic import artifact
from mimic.cli import InputError

FORMAT, VERSION = "mimic.dataset", 1
SPLITS = ("train", "validation", "test")
IMAGE_SHAPE = (3, 32, 32)
_CHUNK = 1000


@dataclass(frozen=True)
class Dataset:
    """Images and labels by split.

    Attributes
    ----------
    images : dict, split -> uint8 array, shape (n, 3, 32, 32)
    labels : dict, split -> int64 array, shape (n,)
    class_names : tuple of str
        By label.
    digest : str
        Of the arrays of all three splits, also where fewer were read.
    """

    images: dict[str, np.ndarray]
    labels: dict[str, np.ndarray]
    class_names: tuple[str, ...]
    digest: str


def make_dataset(images, labels, class_names):
    """A `Dataset` with its digest.

    Raises
    ------
    ValueError
        If an array has another shape or dtype, or a label names no class.
    """
    for split in SPLITS:
        _check_arrays(split, images[split], labels[split])
        _check_labels(split, labels[split], len(class_names))
    return Dataset(dict(images), dict(labels), tuple(class_names), _digest(images, labels))


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
    with artifact.create_hdf5(path, FORMAT, VERSION, provenance) as file:
        file.attrs["class_names"] = json.dumps(dataset.class_names)
        file.attrs["digest"] = dataset.digest
        for split in SPLITS:
            for name, array in (("images", dataset.images[split]), ("labels", dataset.labels[split])):
                little = array.astype(array.dtype.newbyteorder("<"), copy=False)
                # An empty array has no chunk to be checked.
                chunks = (min(_CHUNK, len(array)), *array.shape[1:]) if len(array) else None
                options = {"chunks": chunks, "fletcher32": len(array) > 0}
                file.create_dataset(f"{name}_{split}", data=little, **options)


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
    with artifact.open_hdf5(path, FORMAT, VERSION) as file:
        class_names = _read_class_names(path, file)
        images, labels = {}, {}
        for split in splits:
            try:
                _check_arrays(split, file[f"images_{split}"], file[f"labels_{split}"])
                images[split] = _read_whole(file[f"images_{split}"])
                labels[split] = _read_whole(file[f"labels_{split}"])
                _check_labels(split, labels[split], len(class_names))
            except KeyError:
                raise InputError(f"{path}: expected images_{split} and labels_{split}, not found") from None
            except (OSError, ValueError) as error:
                raise InputError(f"{path}: {error}") from None
        digest = file.attrs.get("digest")
        if not isinstance(digest, str):
            raise InputError(f"{path}: attribute digest: expected a SHA-256, got {digest!r}")
        if set(splits) == set(SPLITS):
            found = _digest(images, labels)
            if found != digest:
                raise InputError(
                    f"{path}: images or labels were changed: expected digest {digest[:16]}, got {found[:16]}"
                )
        return Dataset(images, labels, class_names, digest)


def read_dataset_provenance(path):
    """What a dataset was made from, as a dict; nothing else is read."""
    with artifact.open_hdf5(path, FORMAT, VERSION) as file:
        return artifact.read_provenance(file)


def _read_whole(dataset):
    # A file can claim any shape without holding it: look before memory is taken.
    n_bytes = dataset.dtype.itemsize * int(np.prod(dataset.shape, dtype=object))
    if dataset.id.get_storage_size() < n_bytes:
        raise ValueError(f"{dataset.name[1:]}: expected {n_bytes} bytes, the file holds fewer")
    return dataset[:]


def _read_class_names(path, file):
    try:
        names = json.loads(file.attrs["class_names"])
    except (KeyError, TypeError, ValueError):
        names = None
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise InputError(f"{path}: attribute class_names: expected a JSON list of names")
    return tuple(names)


def _check_arrays(split, images, labels):
    """Shapes and dtypes, of arrays or of HDF5 datasets that are not read yet."""
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != IMAGE_SHAPE:
        raise ValueError(f"images_{split}: expected uint8 (n, 3, 32, 32), got {images.dtype} {images.shape}")
    if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
        raise ValueError(
            f"labels_{split}: expected int64 ({images.shape[0]},), got {labels.dtype} {labels.shape}"
        )


def _check_labels(split, labels, n_classes):
    if labels.size and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(
            f"labels_{split}: expected labels 0 to {n_classes - 1}, found {labels.min()} to {labels.max()}"
        )
