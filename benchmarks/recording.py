"""What every benchmark shares: alternating rounds, what is written down, and the form of a claim.

A script measures all its entries in one process by `alternate`, turns them into claims by `claim`, and calls
``write_result(folder, name, {**header(), ...}, claims)``. The name is that of the script. The file,
``DATE-NAME-HARDWARE.json``, holds the header (machine, versions, commit), whatever else the script keeps
(times of every round, options), and ``claims``, a list of flat objects, each a row of the table:

==========================  =====  =======================================================================
key                         type   meaning
==========================  =====  =======================================================================
what                        str    what was measured, with the size of the work
unit                        str    of ``ours`` and ``peer_value``, such as ``images/s``
ours                        float  median over the rounds
peer                        str    the competitor, and in a few words what it does otherwise
peer_value                  float  its median over the same rounds
ratio                       float  of the medians, above 1 where ours is better: ours / peer, or peer / ours
                                   where less is better
ratio_low, ratio_high       float  the same ratio in the worst and in the best round
n_rounds                    int    rounds measured after the warm-up; 1 for what has no spread, as a size
==========================  =====  =======================================================================
"""

import argparse
import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

import torch

import mimic

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "numpy", "scipy", "h5py", "mimic")


def synchronised_seconds():
    """Wall clock in seconds, read when the GPU has done what it was given."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter()


def alternate(runs, n_rounds, clock=synchronised_seconds):
    """Time several callables in alternating rounds, so that a busy spell of the machine hits all of them.

    Parameters
    ----------
    runs : dict of str to callable
        Each is called once to warm up, then once in each round, in the order of the dict.
    n_rounds : int
    clock : callable, -> float
        Wall clock in seconds.

    Returns
    -------
    wall, processor : dict of str to list of float, n_rounds each
        Seconds; processor time is that of all threads of this process, and leaves out the time in which
        other programs had the cores.
    """
    for run in runs.values():
        run()
    wall, processor = {name: [] for name in runs}, {name: [] for name in runs}
    for _ in range(n_rounds):
        for name, run in runs.items():
            wall_before, processor_before = clock(), time.process_time()
            run()
            wall[name].append(clock() - wall_before)
            processor[name].append(time.process_time() - processor_before)
    return wall, processor


def claim(what, unit, ours, peer, peer_values, less_is_better=False):
    """One row of the table, see the list above.

    Parameters
    ----------
    ours, peer_values : sequence of float
        In `unit`, one value a round; value i of both is the same round.
    less_is_better : bool
        For seconds and bytes.

    Returns
    -------
    dict
    """

    def ratio_of(a, b):
        return b / a if less_is_better else a / b

    ratios = [ratio_of(a, b) for a, b in zip(ours, peer_values, strict=True)]
    median, peer_median = statistics.median(ours), statistics.median(peer_values)
    return {
        "what": what,
        "unit": unit,
        "ours": median,
        "peer": peer,
        "peer_value": peer_median,
        "ratio": ratio_of(median, peer_median),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "n_rounds": len(ratios),
    }


def positive(text):
    """Whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected at least 1, got {text}")
    return value


def processor_name():
    """Name of the processor, from Linux where it tells."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="ascii"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def gpu():
    """Name, memory, driver and libraries of the GPU that torch uses; None where it uses none."""
    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    driver = _output_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")
    return {
        "name": properties.name,
        "memory_bytes": properties.total_memory,
        "driver": driver.splitlines()[0].strip() if driver else None,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
    }


def commit():
    """Commit of the code that is measured, "dirty" behind it where the code has changes.

    Returns
    -------
    str or None
        Outside a checkout what ``MIMIC_COMMIT`` says, for a copy on a machine without the history; else None.
        None also where `mimic` is imported from elsewhere than beside this script.
    """
    if not Path(mimic.__file__).resolve().is_relative_to(CHECKOUT / "pipeline_src"):
        return None
    head = _output_of("git", "-C", CHECKOUT, "rev-parse", "--short", "HEAD")
    if head is None:
        return os.environ.get("MIMIC_COMMIT")
    # results and their table change while benchmarks run; they are not what is measured
    code = ("pipeline_src", "benchmarks/*.py")
    changes = _output_of("git", "-C", CHECKOUT, "status", "--porcelain", "--", *code)
    return f"{head} dirty" if changes else head


def _output_of(*command):
    """Standard output of a command; None where it is absent or fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def header(packages=PACKAGES):
    """Machine, load, commit and versions; take it before measuring."""
    versions = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "processor": processor_name(),
        "n_cores": os.cpu_count(),
        "n_threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "memory_bytes": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        "gpu": gpu(),
        "load_average_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": versions,
    }


def hardware_name(result):
    """The GPU where there was one, else the processor."""
    return result["gpu"]["name"] if result.get("gpu") else result["processor"]


def write_result(folder, benchmark, result, claims=()):
    """Write ``DATE-BENCHMARK-HARDWARE.json`` and say where.

    Parameters
    ----------
    folder : path
    benchmark : str
        Name of the script.
    result : dict
        `header` and what else is kept.
    claims : sequence of dict
        From `claim`; without any the result has no rows in the table.
    """
    hardware = re.sub(r"[^a-z0-9]+", "-", hardware_name(result).lower()).strip("-")
    path = Path(folder) / f"{result['date']}-{benchmark}-{hardware}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"benchmark": benchmark, **result, **({"claims": list(claims)} if claims else {})}
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path}")
