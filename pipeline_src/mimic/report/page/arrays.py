"""Logits, labels, images and provenance out of the run's sealed HDF5 files, no more than the page shows.

The formats are those of the steps' stores (``docs/format.md``), which the report does not import: a page is
made without what trains nets.
"""

from dataclasses import dataclass

import numpy as np

from mimic.artifact import digest_file, read_json
from mimic.cli import InputError
from mimic.sealed import open_sealed, read_provenance

IMAGE_SHAPE = (3, 32, 32)
_ORIGIN = ("stage", "fingerprint", "seed", "versions", "sources")


@dataclass(frozen=True)
class Labels:
    """What the images are.

    Parameters
    ----------
    class_names : list of str
        By label; from a file, so anything may stand in them.
    test : int64 array, shape (n_test,)
    n_images : dict of str to int
        By split.
    digest : str
        Of the dataset.
    """

    class_names: list
    test: np.ndarray
    n_images: dict
    digest: str


def read_labels(path):
    """Class names and test labels of ``dataset.h5``; an `InputError` names what is wrong with it."""
    with open_sealed(path, "mimic.dataset", 2) as file:
        names, digest = file.attributes.get("class_names"), file.attributes.get("digest")
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise InputError(f"{path}: attribute class_names: expected a list of names")
        counts = {
            split: file.array(f"images_{split}", np.uint8, (None, *IMAGE_SHAPE)).n_rows
            for split in ("train", "validation", "test")
        }
        file.array("labels_test", np.int64, (counts["test"],))
        labels = file.read("labels_test")
    if labels.size and not 0 <= labels.min() <= labels.max() < len(names):
        raise InputError(f"{path}: labels_test: expected labels 0 to {len(names) - 1}")
    return Labels(names, labels, counts, str(digest))


def read_test_logits(path, labels):
    """A trial's logits of the test images.

    Parameters
    ----------
    path : path
        ``predictions.h5``.
    labels : Labels
        Of the dataset that it must belong to.

    Returns
    -------
    float32 array, shape (n_test, n_classes)
    """
    with open_sealed(path, "mimic.predictions", 2) as file:
        file.array("test_logits", np.float32, (len(labels.test), len(labels.class_names)))
        logits = file.read("test_logits")
        sources = read_provenance(file).get("sources")
    found = sources.get("dataset") if isinstance(sources, dict) else None
    if found != labels.digest:
        raise InputError(f"{path}: of another dataset: expected {labels.digest[:16]}, got {str(found)[:16]}")
    if not np.isfinite(logits).all():
        raise InputError(f"{path}: test_logits: expected finite logits")
    return logits


def read_origin(path):
    """What a sealed file, or a JSON file with a provenance, says it is.

    Returns
    -------
    dict
        format, version, digest (of its seal), stage, fingerprint, seed, versions, sources.
    """
    if path.suffix == ".json":
        return _read_json_origin(path)
    with open_sealed(path) as file:
        provenance = read_provenance(file)
        found = {"format": file.format, "version": file.format_version, "digest": file.digest}
    return found | {key: provenance.get(key) for key in _ORIGIN}


def _read_json_origin(path):
    value = read_json(path)
    name, _, version = str(value.get("format"))[:60].rpartition("/")
    found = {"format": name, "version": version, "digest": digest_file(path)}
    provenance = value.get("provenance")
    return found | {key: provenance.get(key) if isinstance(provenance, dict) else None for key in _ORIGIN}
