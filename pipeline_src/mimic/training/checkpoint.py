"""The state of a training on disk, from which a killed or terminated one goes on.

One safetensors file beside the trial's outputs, since a workflow deletes outputs of a job that failed:

===============  =======  ==========================================================================
tensor           dtype    meaning
===============  =======  ==========================================================================
header           uint8    JSON: format, key, history, seen, epoch_seconds, seconds
digest           uint8    SHA-256 of all others: names, types, shapes and bytes
random_state     uint8    of dropout
loss             float64  sum over the images of the epoch at hand that were trained on
weights.NAME     float32
momentum.NAME    float32  where there is momentum
best.NAME        float32  weights of the best epoch, where those are not the weights
===============  =======  ==========================================================================

The key names the training: another one's file is ignored. A file that is damaged costs the progress that it
held, never the training.
"""

import argparse
import json
import math
import os
import stat
import time
from dataclasses import asdict
from pathlib import Path

import safetensors.torch
import torch
from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from mimic.artifact import digest_arrays, part_of, written_whole
from mimic.training.state import EpochRecord, State

FORMAT, FILE = "mimic.checkpoint/1", "checkpoint.safetensors"
_SHARE = 0.01  # of the time may go into saving
_ROOM_BYTES = 2**24  # for history and names, beside the tensors


def seconds_argument(text):
    """Type of an option that is a number of seconds, at least 0."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected seconds, at least 0, got {text!r}")
    return seconds


class Damaged(ValueError):
    """Not a state of this training that can be used; says why."""


@dataclass(frozen=True)
class _Header:
    format: str
    key: str
    history: list[EpochRecord]
    seen: int = Field(ge=0)
    epoch_seconds: float = Field(ge=0, allow_inf_nan=False)
    seconds: float = Field(ge=0, allow_inf_nan=False)


def to_bytes(state, key, seconds):
    """A `State` as the bytes of a safetensors file.

    Parameters
    ----------
    state : mimic.training.state.State
    key : str
        Names the training: digest of all that its bytes depend on.
    seconds : float
        Spent on the training so far.
    """
    header = {
        "format": FORMAT,
        "key": key,
        "history": [asdict(record) for record in state.history],
        "seen": state.seen,
        "epoch_seconds": state.epoch_seconds,
        "seconds": seconds,
    }
    text = json.dumps(header, sort_keys=True, allow_nan=False).encode()
    # A format has no channels_last: tensors lie in the order of their shape.
    tensors = {name: tensor.contiguous() for name, tensor in state.tensors.items()}
    tensors["header"] = torch.frombuffer(bytearray(text), dtype=torch.uint8)
    digest = bytearray.fromhex(_digest(tensors))
    return safetensors.torch.save({**tensors, "digest": torch.frombuffer(digest, dtype=torch.uint8)})


def from_bytes(data, key):
    """The state in a file's bytes, which may be anything.

    Returns
    -------
    state : mimic.training.loop.State
    seconds : float
        Spent until then.

    Raises
    ------
    Damaged
        Says what is wrong.
    """
    try:
        tensors = safetensors.torch.load(data)
        stated, header = (tensors[name].numpy().tobytes() for name in ("digest", "header"))
        del tensors["digest"]
        found = _digest(tensors)
        del tensors["header"]
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        # what the library raises on bytes that are no such file, or on types that numpy does not have
        raise Damaged(f"damaged: {' '.join(str(error).split())}") from None
    if stated.hex() != found:
        raise Damaged("damaged: its bytes do not match its digest")
    try:
        header = TypeAdapter(_Header).validate_json(header)
    except ValidationError as error:
        raise Damaged(f"not a checkpoint: {error.errors()[0]['msg']}") from None
    if header.format != FORMAT:
        raise Damaged(f"expected format {FORMAT!r}, got {header.format!r}")
    if header.key != key:
        raise Damaged("of another training")
    return State(tensors, header.history, header.seen, header.epoch_seconds), header.seconds


def _digest(tensors):
    return digest_arrays(**{name: tensor.numpy() for name, tensor in tensors.items()})


class Checkpoint:
    """Where a training is kept, and how often.

    The file is written whole or not at all. Where a save takes long the next one waits, so that no more than
    a hundredth of the time goes into saving; `every_seconds` of 0 saves after each epoch, and only there.

    Parameters
    ----------
    folder : path
        Of the trial's outputs.
    key : str
        Names the training.
    every_seconds : float
    say : callable, str -> None
        Gets a line where there is something to say.
    on_resume : callable, int -> None
        Gets the number of epochs that are done where there are some.
    """

    def __init__(self, folder, key, every_seconds, say, on_resume=None):
        self.path, self.key, self.every_seconds = Path(folder) / FILE, key, every_seconds
        self.say, self.on_resume = say, on_resume
        self._started = self._saved = time.perf_counter()
        self._earlier_seconds, self._cost_seconds = 0.0, 0.0

    def seconds(self):
        """Seconds spent on the training, those of earlier processes included."""
        return self._earlier_seconds + time.perf_counter() - self._started

    def resume(self, net):
        """Let a net stand where the file says, if it is one of this training.

        Parameters
        ----------
        net : object
            With `state`, `restore` and `epochs_done`, see `mimic.training.loop`.
        """
        try:
            found = self._read(net)
            if found is None:
                return
            state, seconds = found
            net.restore(state)
        except OSError as error:
            self.say(f"{self.path}: ignored, training starts afresh: {error.strerror or error}")
            return
        except (ValueError, RuntimeError) as error:
            self.say(f"{self.path}: ignored, training starts afresh: {error}")
            return
        self._earlier_seconds = seconds
        n_done = net.epochs_done
        within = f", after {state.seen:,} of its images" if state.seen else ""
        self.say(f"resumed at epoch {n_done + 1}{within}")
        if self.on_resume is not None:
            self.on_resume(n_done)

    def _read(self, net):
        """State and seconds of the file, None where there is no file."""
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode):
            raise Damaged("not a regular file")
        own = sum(tensor.nbytes for tensor in net.state().tensors.values())
        # No more memory than the best epoch's weights on top of all there is can need.
        limit = 2 * own + _ROOM_BYTES
        if found.st_size > limit:
            raise Damaged(f"expected at most {limit:,} bytes, got {found.st_size:,}")
        return from_bytes(self.path.read_bytes(), self.key)

    def save_if_due(self, net, within_epoch=False):
        """Save if the last time was long enough ago."""
        if within_epoch and not self.every_seconds:
            return
        wait = max(self.every_seconds, self._cost_seconds / _SHARE) if self.every_seconds else 0.0
        if time.perf_counter() - self._saved >= wait:
            self.save(net)

    def save(self, net):
        """Write the state of a net, whole or not at all.

        Raises
        ------
        OSError
            Names the file.
        """
        if self._is_folder():
            return
        started = time.perf_counter()
        data = to_bytes(net.state(), self.key, self.seconds())
        with written_whole(self.path) as temporary:
            temporary.write_bytes(data)
        self._saved = time.perf_counter()
        self._cost_seconds = self._saved - started

    def remove(self):
        """The training is over and its outputs are written: nothing is to be resumed."""
        if not self._is_folder():
            self.path.unlink(missing_ok=True)
            # Of a process that was killed while it wrote: as large as the file itself.
            part_of(self.path).unlink(missing_ok=True)

    def _is_folder(self):
        return self.path.is_dir() and not self.path.is_symlink()
