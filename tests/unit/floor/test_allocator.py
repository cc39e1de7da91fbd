import json
import platform
import subprocess
import sys

import pytest

from mimic import allocator
from mimic.cli import InputError
from mimic.config.augment import HsvSettings
from mimic.epochs import generate_epochs
from mimic.training import devices

FAULTS = """
import resource, sys
import numpy as np
from mimic.allocator import keep_memory
if sys.argv[1] == "keep":
    keep_memory()
def work():
    for n_bytes in (60_000_000, 40_000_000, 100_000_000):
        np.ones(n_bytes, np.uint8)
work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how):
    run = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's allocator")
def test_memory_of_the_last_step_serves_the_next():
    """By default every step faults its pages in again; huge pages make them few, but not none."""
    assert page_faults("keep") < 50 < page_faults("default")


class OldLibrary:
    """glibc that takes thresholds up to a limit, as before 2.35."""

    def __init__(self, limit):
        self.limit, self.taken = limit, {}

    def mallopt(self, option, value):
        if option == -3 and value > self.limit:
            return 0
        self.taken[option] = value
        return 1


@pytest.mark.parametrize(("limit", "taken"), [(1 << 40, {-3: 1 << 30}), (1 << 25, {-3: 1 << 25}), (0, None)])
def test_the_largest_threshold_that_the_library_takes_is_set(monkeypatch, limit, taken):
    library = OldLibrary(limit)
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(allocator.platform, "system", lambda: "Linux")
    monkeypatch.setattr(allocator.platform, "libc_ver", lambda: ("glibc", "2.31"))
    allocator.keep_memory()
    assert library.taken == ({**taken, -1: 1 << 30, -2: 1 << 26} if taken else {})


def test_what_trains_labels_or_renders_keeps_its_memory(monkeypatch):
    kept = []
    for module in (devices, generate_epochs):
        monkeypatch.setattr(module, "keep_memory", lambda: kept.append(True))
    devices.choose_device("float32", "off")
    assert kept == [True]
    hsv = dict.fromkeys(HsvSettings.model_fields, 0.1)
    settings = {"store": "recipe", "hsv": hsv, "crop": {"mirror_probability": 0.5, "crop_min": 24}}
    arguments = ["--settings", json.dumps(settings), "--seed", "1", "--epochs", "0", "--shard", "none.h5"]
    with pytest.raises(InputError, match="no such file"):
        generate_epochs.main([*arguments, "--dataset", "missing.h5"])
    assert kept == [True, True]
