import platform
import subprocess
import sys

import pytest

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
