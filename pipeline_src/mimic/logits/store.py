"""Layout of stored logits: ``mimic.logits`` (a member) and ``mimic.targets`` (the ensemble), version 1.

=================  ================  ===================  =============================================
dataset            dtype             shape                meaning
=================  ================  ===================  =============================================
logits             float16, float32  (k, n, n_classes)    before softmax; row i of epoch e belongs to
                                                          image i of stored epoch e, in stored order
epoch_digest       uint8             (k, 32)              which epoch that is, see `mimic.epochs.store`
=================  ================  ===================  =============================================

Epochs are 0 to k - 1; one chunk an epoch, with a checksum. Attribute ``members`` is a JSON list with the
trial number and the SHA-256 of the weights of every net that had a part.
"""

import contextlib
import json
import math
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from mimic.artifact import create_hdf5, open_hdf5
from mimic.cli import InputError

MEMBER_FORMAT, TARGETS_FORMAT, VERSION = "mimic.logits", "mimic.targets", 1


@dataclass(frozen=True)
class Member:
    """A net of the ensemble: its trial and the SHA-256 of its weights file."""

    trial: int
    weights_digest: str


@contextlib.contextmanager
def logits_writer(path, format_name, epoch_digests, n_images, n_classes, dtype, members, provenance):
    """Context in which a file of logits is written epoch by epoch, whole or not at all.

    Parameters
    ----------
    format_name : str
        `MEMBER_FORMAT` or `TARGETS_FORMAT`.
    epoch_digests : sequence of bytes, 32
    n_images, n_classes : int
    dtype : str
        ``float16`` or ``float32``.
    members : sequence of Member
    provenance : dict

    Yields
    ------
    callable, float array of shape (n_images, n_classes) -> None
        Appends an epoch, from epoch 0.

    Raises
    ------
    InputError
        If a logit does not fit the type.
    ValueError
        If there are more or fewer epochs than digests, or one has another shape.
    """
    shape = (len(epoch_digests), n_images, n_classes)
    n_written = 0
    with create_hdf5(path, format_name, VERSION, provenance) as file:
        file.attrs["members"] = json.dumps([vars(member) for member in members])
        digests = np.stack([np.frombuffer(digest, np.uint8) for digest in epoch_digests])
        file.create_dataset("epoch_digest", data=digests, fletcher32=True)
        stored_type = np.dtype(dtype).newbyteorder("<")
        stored = file.create_dataset("logits", shape, stored_type, chunks=(1, *shape[1:]), fletcher32=True)

        def append(logits):
            nonlocal n_written
            if n_written >= len(stored) or np.shape(logits) != shape[1:]:
                raise ValueError(
                    f"expected {len(stored)} epochs of shape {shape[1:]}, got {np.shape(logits)}"
                )
            with np.errstate(over="ignore"):
                values = np.asarray(logits).astype(stored_type)
            if not np.isfinite(values).all():
                raise InputError(f"{path}: epoch {n_written}: a logit is not finite as {dtype}")
            stored[n_written] = values
            n_written += 1

        yield append
        if n_written != len(stored):
            raise ValueError(f"expected {len(stored)} epochs of shape {shape[1:]}, got {n_written}")


def write_logits(path, format_name, epochs, *layout):
    """Write a file of logits from an iterable of epochs, taken one at a time; see `logits_writer`."""
    with logits_writer(path, format_name, *layout) as append:
        for logits in epochs:
            append(logits)


class StoredLogits:
    """Logits of a member or of the ensemble, read an epoch at a time.

    Parameters
    ----------
    path : path
    format_name : str
    epoch_digests : dict of int to bytes
        Digests of the epochs at hand (`StoredEpochs.digests`); logits of other epochs are refused.
    n_images : int

    Raises
    ------
    InputError
        Names the file, the epoch and both digests.
    """

    def __init__(self, path, format_name, epoch_digests, n_images):
        self.path, self.format_name = Path(path), format_name
        with open_hdf5(path, format_name, VERSION) as file:
            stored, digests = _checked_arrays(path, file)
            k = len(epoch_digests)
            if stored.shape[:2] != (k, n_images):
                raise InputError(
                    f"{path}: logits: expected shape ({k}, {n_images}, n_classes), got {stored.shape}"
                )
            for epoch, found in enumerate(digests[()]):
                if found.tobytes() != epoch_digests[epoch]:
                    raise InputError(
                        f"{path}: made from another epoch {epoch}: expected digest "
                        f"{epoch_digests[epoch].hex()[:16]}, got {found.tobytes().hex()[:16]}"
                    )
            self.n_classes = stored.shape[2]
            self.n_epochs = k
            self.members = _read_members(path, file)

    def epoch(self, epoch):
        """Logits of stored epoch ``epoch mod n_epochs``.

        Returns
        -------
        float16 or float32 array, shape (n, n_classes)
        """
        with open_hdf5(self.path, self.format_name, VERSION) as file:
            try:
                values = file["logits"][epoch % self.n_epochs]
            except OSError as error:
                raise InputError(f"{self.path}: logits of epoch {epoch % self.n_epochs}: {error}") from None
        if not np.isfinite(values).all():
            raise InputError(f"{self.path}: logits of epoch {epoch % self.n_epochs} are not finite")
        return values


def read_epoch_digests(path, format_name):
    """The epochs that a file of logits belongs to.

    Returns
    -------
    epoch_digests : dict of int to bytes, 32
        By epoch number.
    n_images : int
    """
    with open_hdf5(path, format_name, VERSION) as file:
        stored, digests = _checked_arrays(path, file)
        return {epoch: digest.tobytes() for epoch, digest in enumerate(digests[()])}, stored.shape[1]


def _checked_arrays(path, file):
    """The two arrays, whose types and shapes fit each other; no larger than the file."""
    stored, digests = file.get("logits"), file.get("epoch_digest")
    if not isinstance(stored, h5py.Dataset) or stored.ndim != 3:
        found = getattr(stored, "shape", None)
        raise InputError(f"{path}: logits: expected shape (n_epochs, n_images, n_classes), got {found}")
    if stored.dtype not in (np.float16, np.float32):
        raise InputError(f"{path}: logits: expected float16 or float32, got {stored.dtype}")
    shape = (len(stored), 32)
    is_array = isinstance(digests, h5py.Dataset) and digests.dtype == np.uint8
    if not is_array or digests.shape != shape:
        raise InputError(f"{path}: epoch_digest: expected uint8 of shape {shape}, got {digests}")
    for array in (stored, digests):
        n_bytes = array.dtype.itemsize * math.prod(array.shape)
        if array.id.get_storage_size() < n_bytes:
            raise InputError(f"{path}: {array.name[1:]}: expected {n_bytes:,} bytes, the file holds fewer")
    return stored, digests


def _read_members(path, file):
    try:
        rows = json.loads(file.attrs["members"])
        return tuple(Member(int(row["trial"]), str(row["weights_digest"])) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: attribute members: {error!r}") from None
