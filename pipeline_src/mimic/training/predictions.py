"""The logits of a trial on validation and test images: format ``mimic.predictions``, version 2.

==================  =======  =====================  ===========================================
array               dtype    shape                  meaning
==================  =======  =====================  ===========================================
validation_logits   float32  (n_validation, n_cls)  before softmax, rows as in ``dataset.h5``
test_logits         float32  (n_test, n_cls)        likewise
==================  =======  =====================  ===========================================
"""

import numpy as np

from mimic.cli import InputError
from mimic.sealed import open_sealed, read_provenance
from mimic.sealing import write_sealed

FORMAT, VERSION = "mimic.predictions", 2
SPLITS = ("validation", "test")
_ROWS_PER_CHECKSUM = 1000


def write_predictions(path, logits, provenance):
    """Write validation and test logits.

    Parameters
    ----------
    logits : dict of str to float32 array, shape (n, n_classes)
        By split. A diverged trial's rows may be missing: shape (0, n_classes).
    provenance : dict
    """
    arrays = {f"{split}_logits": logits[split].astype("<f4") for split in SPLITS}
    write_sealed(path, FORMAT, VERSION, {"provenance": provenance}, arrays, _ROWS_PER_CHECKSUM)


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
    with open_sealed(path, FORMAT, VERSION) as file:
        logits = {}
        for split in SPLITS:
            name = f"{split}_logits"
            file.array(name, np.float32, (None, n_classes))
            logits[split] = file.read(name)
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
