"""Layout of stored logits: ``mimic.logits`` (a member) and ``mimic.targets`` (the ensemble), version 2.

=================  ================  ===================  =============================================
array              dtype             shape                meaning
=================  ================  ===================  =============================================
logits             float16, float32  (k, n, n_classes)    before softmax; row i of epoch e belongs to
                                                          image i of stored epoch e, in stored order
epoch_digest       uint8             (k, 32)              which epoch that is, see `mimic.epochs.store`
=================  ================  ===================  =============================================

Epochs are 0 to k - 1; a checksum an epoch. Attribute ``members`` is a list with the trial number and the
SHA-256 of the weights of every net that had a part."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mimic.cli import InputError
from mimic.sealed import open_sealed, read_provenance
from mimic.sealing import Layout, sealed_writer

MEMBER_FORMAT, TARGETS_FORMAT, VERSION = "mimic.logits", "mimic.targets", 2


@dataclass(frozen=True)
class Member:
    """A net of the ensemble: its trial and the SHA-256 of its weights file."""

    trial: int
    weights_digest: str


class LogitsWriter:
    """A file of logits on its way, see `logits_writer`."""

    def __init__(self, path, file, dtype):
        self._path, self._file, self._dtype = path, file, np.dtype(dtype)
        self._array = file.arrays["logits"]
        self.missing = [epoch for epoch in range(self._array.n_rows) if not file.holds(epoch)]

    def write(self, epoch, digest, logits):
        """Write an epoch.

        Parameters
        ----------
        epoch : int
        digest : bytes, 32
            Which epoch it is.
        logits : float array, shape (n_images, n_classes)

        Raises
        ------
        InputError
            If a logit does not fit the type.
        ValueError
            If the shape is another.
        """
        if np.shape(logits) != self._array.shape[1:]:
            raise ValueError(f"expected logits of shape {self._array.shape[1:]}, got {np.shape(logits)}")
        with np.errstate(over="ignore"):
            values = np.asarray(logits).astype(self._dtype)
        if not np.isfinite(values).all():
            raise InputError(f"{self._path}: epoch {epoch}: a logit is not finite as {self._dtype}")
        self._file.write("epoch_digest", np.frombuffer(digest, np.uint8)[None], epoch)
        self._file.write("logits", values[None], epoch)
        if epoch in self.missing:
            self.missing.remove(epoch)


@contextlib.contextmanager
def logits_writer(
    path, format_name, epoch_digests, n_images, n_classes, dtype, members, provenance, resume_key=None
):
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
    resume_key : str, optional
        Go on with what an attempt that was cut short has written, see `mimic.sealing.sealed_writer`.

    Yields
    ------
    LogitsWriter
        Its ``missing`` lists the epochs that are still to be written.

    Raises
    ------
    ValueError
        If epochs are missing at the end.
    """
    k = len(epoch_digests)
    layouts = {"logits": Layout(dtype, (k, n_images, n_classes)), "epoch_digest": Layout("u1", (k, 32))}
    attributes = {"members": [vars(member) for member in members], "provenance": provenance}
    # Logits of other epochs are another file, though their number is the same.
    key = None if resume_key is None else f"{resume_key} {b''.join(epoch_digests).hex()}"
    with sealed_writer(path, format_name, VERSION, attributes, layouts, key) as file:
        writer = LogitsWriter(path, file, dtype)
        yield writer
        if writer.missing:
            raise ValueError(f"{path}: epochs {writer.missing[:5]} were not written")


def write_logits(path, format_name, epochs, epoch_digests, *layout):
    """Write a file of logits from an iterable of epochs, taken one at a time; see `logits_writer`."""
    with logits_writer(path, format_name, epoch_digests, *layout) as writer:
        for epoch, (logits, digest) in enumerate(zip(epochs, epoch_digests, strict=True)):
            writer.write(epoch, digest, logits)


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
        with open_sealed(path, format_name, VERSION) as file:
            shape, k = _checked_shape(file), len(epoch_digests)
            if shape[:2] != (k, n_images):
                raise InputError(f"{path}: logits: expected shape ({k}, {n_images}, n_classes), got {shape}")
            for epoch, found in enumerate(file.read("epoch_digest")):
                if found.tobytes() != epoch_digests[epoch]:
                    raise InputError(
                        f"{path}: made from another epoch {epoch}: expected digest "
                        f"{epoch_digests[epoch].hex()[:16]}, got {found.tobytes().hex()[:16]}"
                    )
            self.n_classes = shape[2]
            self.n_epochs = k
            self.members = _read_members(file)
            self.dtype = file.arrays["logits"].dtype
            self.provenance = read_provenance(file)

    def epoch(self, epoch):
        """Logits of stored epoch ``epoch mod n_epochs``.

        Returns
        -------
        float16 or float32 array, shape (n, n_classes)
        """
        row = epoch % self.n_epochs
        with open_sealed(self.path, self.format_name, VERSION) as file:
            values = file.read("logits", row, row + 1)[0]
        if not np.isfinite(values).all():
            raise InputError(f"{self.path}: logits of epoch {row} are not finite")
        return values


def read_epoch_digests(path, format_name):
    """The epochs that a file of logits belongs to.

    Returns
    -------
    epoch_digests : dict of int to bytes, 32
        By epoch number.
    n_images : int
    """
    with open_sealed(path, format_name, VERSION) as file:
        n_images = _checked_shape(file)[1]
        return {epoch: digest.tobytes() for epoch, digest in enumerate(file.read("epoch_digest"))}, n_images


def _checked_shape(file):
    """Shape of the logits; an InputError where the arrays do not fit each other."""
    shape = file.array("logits", (np.float16, np.float32), (None, None, None)).shape
    file.array("epoch_digest", np.uint8, (shape[0], 32))
    return shape


def _read_members(file):
    rows = file.attributes.get("members")
    try:
        return tuple(Member(int(row["trial"]), str(row["weights_digest"])) for row in rows)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file.path}: attribute members: {error!r}") from None
