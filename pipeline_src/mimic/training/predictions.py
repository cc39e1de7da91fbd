"""The logits of a trial on validation and test images: format ``mimic.predictions``, version 1.

==================  =======  =====================  ===========================================
dataset             dtype    shape                  meaning
==================  =======  =====================  ===========================================
validation_logits   float32  (n_validation, n_cls)  before softmax, rows as in ``dataset.h5``
test_logits         float32  (n_test, n_cls)        likewise
==================  =======  =====================  ===========================================
"""

import h5py
import numpy as np

from mimic.artifact import create_hdf5, open_hdf5, read_provenance
from mimic.cli import InputError

FORMAT, VERSION = "mimic.predictions", 1
SPLITS = ("validation", "test")


def write_predictions(path, logits, provenance):
    """Write validation and test logits.

    Parameters
    ----------
    logits : dict of str to float32 array, shape (n, n_classes)
        By split. A diverged trial's rows may be missing: shape (0, n_classes).
    provenance : dict
    """
    with create_hdf5(path, FORMAT, VERSION, provenance) as file:
        for split in SPLITS:
            file.create_dataset(f"{split}_logits", data=logits[split].astype("<f4"), fletcher32=True)


def read_predictions(path, n_classes, seed=None):
    """Validation and test logits of a trial, and the digest of the dataset that they belong to.

    Parameters
    ----------
    path : path
    n_classes : int
    seed : int, optional
        Refuse the logits of a trial with another seed.

    Returns
    -------
    logits : dict of str to float32 array, shape (n, n_classes)
    dataset_digest : str

    Raises
    ------
    InputError
        If the file is of another format, or its arrays are not finite logits of `n_classes` classes.
    """
    with open_hdf5(path, FORMAT, VERSION) as file:
        logits = {}
        for split in SPLITS:
            name = f"{split}_logits"
            dataset = file.get(name)
            is_array = isinstance(dataset, h5py.Dataset) and dataset.dtype == np.float32
            if not is_array or dataset.shape[1:] != (n_classes,):
                raise InputError(f"{path}: {name}: expected float32 of shape (n, {n_classes}), got {dataset}")
            logits[split] = dataset[()]
            if not np.isfinite(logits[split]).all():
                raise InputError(f"{path}: {name}: expected finite logits")
        provenance = read_provenance(file)
        if seed is not None and provenance.get("seed") != seed:
            raise InputError(f"{path}: of another trial: expected seed {seed}, got {provenance.get('seed')}")
        sources = provenance.get("sources")
        digest = sources.get("dataset") if isinstance(sources, dict) else None
        if not isinstance(digest, str):
            raise InputError(f"{path}: provenance: expected the digest of a dataset, got {digest!r}")
        return logits, digest
