"""What work costs: operations of a net, the machine's measured rate to compare with, and a ledger of both."""

import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

import torch

from mimic.artifact import write_json
from mimic.models.architecture import count_multiply_adds


def inference_flop(architecture, n_images):
    """Floating-point operations of forward passes; a multiply-add counts as two."""
    return 2 * count_multiply_adds(architecture) * n_images


def training_flop(architecture, n_images):
    """Forward, and twice as much backward: gradients of activations and of weights.

    The gradient of the images, which no one needs, is counted in: for the nets here at most a few percent.
    """
    return 3 * inference_flop(architecture, n_images)


def matrix_rate(device, n_rounds=5):
    """Operations a second of a square matrix product in the device's arithmetic, on random numbers.

    Parameters
    ----------
    device : mimic.training.devices.Device

    Returns
    -------
    float
        Median of the rounds, each long enough to be timed.
    """
    size = 8192 if device.torch_device.type == "cuda" else 2048
    a, b = (torch.randn(size, size, device=device.torch_device, dtype=device.dtype) for _ in range(2))
    out = torch.empty_like(a)

    def seconds(n):
        started = time.perf_counter()
        for _ in range(n):
            torch.mm(a, b, out=out)
        synchronise()
        return time.perf_counter() - started

    n = max(1, round(0.3 / min(seconds(1) for _ in range(3))))
    return statistics.median(n * 2 * size**3 / seconds(n) for _ in range(n_rounds))


def synchronise():
    """Wait for the GPU, if one is in use."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def read_list(path):
    """Units of a ledger; ends the program in one line where the file is none."""
    try:
        units = json.loads(path.read_text(encoding="utf-8"))
        if all(unit.keys() == {"step", "name", "seconds", "flop"} for unit in units):
            return units
    except (ValueError, TypeError, AttributeError, OSError):
        pass
    sys.exit(f"error: {path}: expected a list of finished units: give another --work")


class Ledger:
    """Seconds and operations of finished units, kept in a file."""

    def __init__(self, path):
        self.path, self.flop = Path(path), 0
        self.units = read_list(self.path) if self.path.exists() else []

    @contextlib.contextmanager
    def unit(self, step, name, output, n_flop=None):
        """Times a unit of a step, unless its last output is there; the value says whether to do it."""
        done = any((unit["step"], unit["name"]) == (step, name) for unit in self.units)
        if done and Path(output).exists():
            yield False
            return
        self.flop, started = n_flop or 0, time.perf_counter()
        yield True
        synchronise()
        seconds = time.perf_counter() - started
        self.units = [unit for unit in self.units if (unit["step"], unit["name"]) != (step, name)]
        self.units.append({"step": step, "name": name, "seconds": seconds, "flop": self.flop})
        write_json(self.path, self.units)
        rate = f"  {self.flop / seconds / 1e12:.2f} TFLOP/s" if self.flop else ""
        print(f"{step} {name}: {seconds:.1f} s{rate}", flush=True)

    def count(self, flop):
        """Add to the operations of the unit at hand."""
        self.flop += flop

    def by_step(self):
        """Seconds and operations, by step."""
        steps = {}
        for unit in self.units:
            seconds, flop = steps.get(unit["step"], (0, 0))
            steps[unit["step"]] = (seconds + unit["seconds"], flop + unit["flop"])
        return steps
