"""A GPU for a stage: waits for a place, shows the stage that GPU alone, and knows when it has failed.

Where there is no GPU, or torch cannot use one, nothing is done and no file is made. Unlike other modules of
the package this one reads the environment: it is what stands between the stages and the machine.
"""

import contextlib
import os
import random
import sys
import time
from dataclasses import dataclass

import torch

from mimic.cli import InputError
from mimic.gpus.ledger import Ticket
from mimic.gpus.slots import Place, is_there, places_per_gpu, slots_of
from mimic.gpus.visible import Gpu, usable_gpus
from mimic.termination import StartAgain

_TRIES = 3  # of one process; Snakemake's --retries come on top
_SAY_AGAIN_SECONDS = 60
_POLL_SECONDS = (0.2, 0.6)  # between two looks: not all at the same time, and no place lies idle for long
_TRY = "MIMIC_GPU_TRY"
_CLAIM = "MIMIC_CLAIM_MB"

# What CUDA and its libraries say when the device, not the program, is at fault. An illegal address or a
# failed assertion on the device is not among them: it would happen on the next GPU too, and its traceback is
# wanted.
_FULL = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
_FAILED = (
    *(
        "busy or unavailable",
        "no CUDA-capable device",
        "No CUDA GPUs are available",
        "invalid device ordinal",
    ),
    *("uncorrectable ECC error", "uncorrectable NVLink error", "hardware stack error", "hardware error"),
    *("unspecified launch failure", "CUDA unknown error", "CUDA error: unknown error", "GPU is lost"),
    *("system not yet initialized", "the launch timed out", "failed to connect to the MPS"),
    *("CUDNN_STATUS_NOT_INITIALIZED", "CUBLAS_STATUS_NOT_INITIALIZED"),
)


@dataclass(frozen=True)
class _Taken:
    """A place with its GPU, which is one of so many that were there to choose from."""

    place: Place
    gpu: Gpu
    number: int
    n_gpus: int


def _to_stderr(line):
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def gpu_place(what, claim_mb, note=_to_stderr):
    """Context in which this process has a place on a GPU and sees no other.

    Enter it before CUDA comes up. Read by it: ``CUDA_VISIBLE_DEVICES``, ``MIMIC_JOBS_PER_GPU``,
    ``MIMIC_SLOTS``, ``MIMIC_CLAIM_MB``, ``MIMIC_FAKE_GPUS``, ``SLURM_JOB_ID``. On a fake GPU no GPU is seen.

    Parameters
    ----------
    what : str
        A few words that say to people what this is, such as ``train_teacher 7``.
    claim_mb : int
        Memory that it may need on the GPU, see `mimic.gpus.claims`.
    note : callable, str -> None
        Takes lines for the log.

    Yields
    ------
    mimic.gpus.slots.Place or None
        None where there is no GPU.

    Raises
    ------
    InputError
        If a variable of the environment is wrong.
    StartAgain
        If the GPU is full or fails: in place of the error that torch raises inside.
    """
    environ = dict(os.environ)
    taken = _take(environ, what, _number(environ, _CLAIM, claim_mb), note)
    if taken is None:
        yield None
        return
    try:
        os.environ["CUDA_VISIBLE_DEVICES"] = "" if taken.gpu.fake else taken.gpu.visible
        note(f"GPU {taken.number} of {taken.n_gpus}, place {taken.place.owner.place}")
        if not (taken.gpu.fake or torch.cuda.is_available()):
            raise RuntimeError(
                "No CUDA GPUs are available to torch, though the driver lists this one "
                "(an empty CUDA_VISIBLE_DEVICES chooses the processor)"
            )
        yield taken.place
    except RuntimeError as error:
        fault = fault_of(error)
        if fault is None:
            raise
        raise _given_up(taken, environ, error, fault) from None
    finally:
        taken.place.release()
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        if "CUDA_VISIBLE_DEVICES" in environ:
            os.environ["CUDA_VISIBLE_DEVICES"] = environ["CUDA_VISIBLE_DEVICES"]


def fault_of(error):
    """``full`` or ``failed`` where an error says that of the GPU; None for a fault of the program.

    Parameters
    ----------
    error : RuntimeError
        Both `torch.OutOfMemoryError` and `torch.AcceleratorError` are such.
    """
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError) or any(words in text for words in _FULL):
        return "full"
    return "failed" if any(words in text for words in _FAILED) else None


def _take(environ, what, claim_mb, note):
    """Wait for a place; None where there is no GPU."""
    with usable_gpus(environ) as gpus:
        present = gpus.read()
        # A process in which CUDA is up has its GPU, and it is too late to choose.
        named = environ.get("CUDA_VISIBLE_DEVICES", "")
        if not present and named not in ("", "-1"):
            note(f"CUDA_VISIBLE_DEVICES={named}: no such GPU answers; on the processor")
        if not present or torch.cuda.is_initialized() or not (present[0].fake or _built_for_them()):
            return None
        slots, places = slots_of(environ), places_per_gpu(environ)
        with slots.ticket(what, claim_mb, [gpu.name for gpu in present], places) as ticket:
            said, said_at = None, 0.0
            while True:
                place, rooms = slots.try_take(ticket, present)
                if place is not None:
                    number = [gpu.name for gpu in present].index(place.room.name)
                    return _Taken(place, present[number], number, len(present))
                line = f"waiting for a GPU with {claim_mb:,} MB: " + "; ".join(
                    f"GPU {number} {state_of(room, slots)}" for number, room in enumerate(rooms)
                )
                if line != said and time.monotonic() - said_at > (_SAY_AGAIN_SECONDS if said else 0):
                    note(line)
                    said, said_at = line, time.monotonic()
                time.sleep(random.uniform(*_POLL_SECONDS))
                present = gpus.read()
                if not present:
                    raise StartAgain("no GPU answers any more; run the same command again when one does")


def state_of(room, slots):
    """A few words on a GPU: who is there, what is free.

    Parameters
    ----------
    room : mimic.gpus.ledger.Room
    slots : mimic.gpus.slots.Slots
    """
    words = [f"used by {people(room.owners)}" if room.owners else "not used by us"]
    if room.total_mb is not None:
        words.append(f"{room.claimed_mb():,} of {room.total_mb:,} MB claimed")
    if room.free_mb is not None:
        words.append(f"{room.free_mb:,} MB free")
    closed = slots.closed(room.name)
    if closed is not None:
        whom = f" by jobs from {closed['from_mb']:,} MB" if closed["from_mb"] else ""
        until = time.strftime("%H:%M:%S", time.localtime(closed["until"]))
        words.append(f"left alone{whom} until {until} ({closed['reason']})")
    return ", ".join(words)


def people(owners):
    """Owners as words: pid and what each does."""
    return ", ".join(
        f"pid {owner.pid}{'' if is_there(owner.pid) else ' (not seen from here)'} ({owner.what})"
        for owner in owners
    )


def _built_for_them():
    """Whether this torch can use NVIDIA's GPUs."""
    return torch.backends.cuda.is_built() and torch.version.hip is None


def _number(environ, name, default):
    """A whole number of the environment."""
    text = environ.get(name, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 12):
        raise InputError(f"{name}: expected a whole number, got {text!r}")
    return int(text)


def _given_up(taken, environ, error, fault):
    """Keep others away from the GPU for a while, and say what to do; the place is still held.

    Returns
    -------
    StartAgain
        At once where another GPU is there, and this was not the last try; else later.
    """
    slots, owner, name = slots_of(environ), taken.place.owner, taken.gpu.name
    claim_mb = owner.claim_mb
    lines = str(error).strip().splitlines() or [type(error).__name__]
    reason = "".join(c if c.isprintable() else " " for c in lines[0])[:200].rstrip(". ")
    # One that was full for this job may have room for smaller ones.
    slots.close(name, reason, from_mb=claim_mb if fault == "full" else 0)
    with usable_gpus(environ) as gpus:
        rooms, _ = slots.look(gpus.read())
    state = "is full" if fault == "full" else "failed"
    words = [f"GPU {taken.number} of {taken.n_gpus} ({name}) {state}: {reason}"]
    words.append(f"claimed {claim_mb:,} MB")
    for room in rooms:
        if room.name == name and room.free_mb is not None:
            words.append(f"{room.free_mb:,} of {room.total_mb:,} MB are free")
        if room.name == name:
            others = [other for other in room.owners if other.place != owner.place]
            words.append(f"shared with {people(others)}" if others else "shared with no other job of ours")
    # What was too little is not claimed again.
    next_claim = 2 * claim_mb if fault == "full" else claim_mb
    ticket = Ticket(os.getpid(), "", 0, next_claim, tuple(room.name for room in rooms), 1)
    tries = _number(environ, _TRY, 1)
    if tries < _TRIES and any(room.admits(ticket) for room in rooms if room.name != name):
        again = environ | {_TRY: str(tries + 1)} | ({_CLAIM: str(next_claim)} if fault == "full" else {})
        return StartAgain("; ".join([*words, "starting again on another GPU"]), again)
    return StartAgain("; ".join([*words, "run the same command again to go on"]))
