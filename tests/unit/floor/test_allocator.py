import platform
import subprocess
import sys

import pytest

from mimic import allocator

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
