"""Ends a stage where one could be ended, and compares what a stage that went on has written."""

import csv
import importlib
import json
import os
import signal
from pathlib import Path

import safetensors.torch
import torch

from mimic.artifact import digest_arrays
from mimic.termination import Request, Terminated, raised

#: What differs between two runs of the same training: seconds, and the digest of a file that has some.
SECONDS = {"seconds", "images_per_second", "sha256"}


class Killed(BaseException):
    """Stands for SIGKILL in the test's own process."""


def terminate_at_poll(monkeypatch, number):
    """SIGTERM arrives before the poll of that number, from 1; returns the list of all polls, which grows."""
    polls, poll = [], Request.poll

    def counted(request):
        polls.append(request)
        if len(polls) == number:
            os.kill(os.getpid(), signal.SIGTERM)
        poll(request)

    monkeypatch.setattr(Request, "poll", counted)
    return polls


def ends_early(run):
    """Whether a call ends by SIGTERM, as `run_stage` would have it, or by `Killed`."""
    try:
        with raised():
            run()
    except (Terminated, Killed):
        return True
    return False


def stop_while_saving(monkeypatch, how, number):
    """The process is killed or terminated while it writes a checkpoint, the one of that number.

    A kill leaves half a file beside the one before.
    """
    saves, replace = [], os.replace

    def replaced(source, target):
        if Path(target).name == "checkpoint.safetensors":
            saves.append(target)
            if len(saves) == number and how == "killed":
                data = Path(source).read_bytes()
                # Another file of that name, since this process goes on and would remove its own.
                half = Path(source).with_suffix(".half")
                half.write_bytes(data[: len(data) // 2])
                replace(half, source)
                raise Killed
            if len(saves) == number:
                os.kill(os.getpid(), signal.SIGTERM)
        replace(source, target)

    monkeypatch.setattr("mimic.artifact.os.replace", replaced)


def stop_at_call(monkeypatch, target, how, before):
    """The process ends before or after a function is called for the first time."""
    module, name = target.rsplit(".", 1)
    function = getattr(_found(module), name)

    def stop():
        if how == "killed":
            raise Killed
        os.kill(os.getpid(), signal.SIGTERM)

    def stopping(*args, **kwargs):
        if before:
            stop()
        result = function(*args, **kwargs)
        stop()
        return result

    monkeypatch.setattr(target, stopping)


def _found(dotted):
    """A module, or a class in one."""
    try:
        return importlib.import_module(dotted)
    except ModuleNotFoundError:
        module, name = dotted.rsplit(".", 1)
        return getattr(importlib.import_module(module), name)


def forge(path, name, tensor):
    """Replace a tensor of a checkpoint, or leave it out (None), and put the digest right."""
    tensors = safetensors.torch.load(path.read_bytes()) | {name: tensor}
    tensors = {n: t for n, t in tensors.items() if t is not None and n != "digest"}
    digest = digest_arrays(**{n: t.numpy() for n, t in tensors.items()})
    tensors["digest"] = torch.frombuffer(bytearray.fromhex(digest), dtype=torch.uint8)
    path.write_bytes(safetensors.torch.save(tensors))


def trial_files(folder):
    """Options of a training stage for the files that `outcome` reads."""
    files = ("metrics.json", "history.csv", "weights.safetensors", "predictions.h5")
    return [word for file in files for word in (f"--{file.partition('.')[0]}", str(folder / file))]


def outcome(folder):
    """What a trial's folder holds, but for seconds: the four files of a trial and no other."""
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["history.csv", "metrics.json", "predictions.h5", "weights.safetensors"]
    metrics = json.loads((folder / "metrics.json").read_text())
    with open(folder / "history.csv", newline="") as file:
        history = [{k: v for k, v in row.items() if k not in SECONDS} for row in csv.DictReader(file)]
    return {
        "metrics": {key: value for key, value in metrics.items() if key not in SECONDS},
        "history": history,
        "weights": (folder / "weights.safetensors").read_bytes(),
        "predictions": (folder / "predictions.h5").read_bytes(),
    }
