"""What every benchmark writes down: the machine, the versions, the date, and where."""

import contextlib
import datetime
import importlib.metadata
import json
import os
import platform
import re
from pathlib import Path

import torch

PACKAGES = ("torch", "numpy", "scipy", "h5py", "mimic")


def processor_name():
    """Name of the processor, from Linux where it tells."""
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text(encoding="ascii"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def header(packages=PACKAGES):
    """Machine, load and versions; take it before measuring."""
    versions = {}
    for package in packages:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor_name(),
        "n_cores": os.cpu_count(),
        "n_threads": torch.get_num_threads(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "load_average_before": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "versions": versions,
    }


def write_result(folder, benchmark, result):
    """Write ``DATE-BENCHMARK-PROCESSOR.json`` and say where."""
    hardware = re.sub(r"[^a-z0-9]+", "-", result["processor"].lower()).strip("-")
    path = Path(folder) / f"{result['date']}-{benchmark}-{hardware}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"benchmark": benchmark, **result}, indent=1) + "\n", encoding="utf-8")
    print(f"written: {path}")
