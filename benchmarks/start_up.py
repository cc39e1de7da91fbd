"""How long each stage takes to start: importing its module in a fresh interpreter.

    taskset -c 0 python benchmarks/start_up.py [--out benchmarks/results] [--rounds 5]

The stages are those of ``mimic stages``. Beside them stand the interpreter alone and the imports that most
of the time goes to: ``torch``, and ``numpy`` with ``h5py``. Every entry is a process of its own, timed from
start to end. One round before the first is not counted: it compiles and reads the files from disk. Rounds
alternate between all entries. The table shows the median of the rounds and their range by the wall clock,
and the median of the processor time, which leaves out the time in which other programs had the core.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

from recording import claim, header, positive, write_result

from mimic.console.stages import STAGES

PACKAGES = ("torch", "numpy", "h5py", "scipy", "pandas", "matplotlib", "pydantic", "mimic")
PEERS = {
    "the interpreter alone": "pass",
    "import numpy, h5py": "import numpy, h5py",
    "import torch": "import torch",
}


def start(code):
    """Seconds of an interpreter that runs one line, by the wall clock and of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "wall": wall,
        "processor": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }


def measure(entries, n_rounds):
    """Seconds of every entry in every round."""
    for code in entries.values():
        start(code)
    seconds = {name: [] for name in entries}
    for _ in range(n_rounds):
        for name, code in entries.items():
            seconds[name].append(start(code))
    return seconds


def main():
    """Measure, print a table, write a dated JSON."""
    modules = [f"mimic.{step}.{name}" for step, name in STAGES]
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--stages", nargs="+", choices=modules, default=modules, metavar="STAGE")
    arguments = parser.parse_args()
    machine = header(PACKAGES)
    entries = {**PEERS, **{module: f"import {module}" for module in arguments.stages}}
    seconds = measure(entries, arguments.rounds)
    medians = {
        name: {clock: round(statistics.median(r[clock] for r in rounds), 3) for clock in rounds[0]}
        for name, rounds in seconds.items()
    }
    print(f"{'':34}{'seconds':>9}{'range':>16}{'processor':>11}")
    for name, median in medians.items():
        walls = [taken["wall"] for taken in seconds[name]]
        spread = f"{min(walls):.2f} to {max(walls):.2f}"
        print(f"{name:34}{median['wall']:9.2f}{spread:>16}{median['processor']:11.2f}")
    rounded = {
        name: [{clock: round(value, 4) for clock, value in taken.items()} for taken in rounds]
        for name, rounds in seconds.items()
    }
    result = {**machine, "median_seconds": medians, "seconds": rounded}
    walls = {name: [taken["wall"] for taken in rounds] for name, rounds in rounded.items()}
    claims = [
        claim(
            f"import {module}", "s", walls[module], "import torch", walls["import torch"], less_is_better=True
        )
        for module in arguments.stages
    ]
    write_result(arguments.out, "start_up", result, claims)


if __name__ == "__main__":
    main()
