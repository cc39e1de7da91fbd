"""How long the page about a whole run takes: that of the paper's size, simulated.

    python benchmarks/page.py [--epochs 300] [--out benchmarks/results]

A results folder is filled with files of the real formats and invented numbers: 129 teachers, 48 trials of 36
studies and of four on hard labels. Then `mimic report` makes the page, in a process of its own.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from recording import CHECKOUT, header, positive, write_result

sys.path.insert(0, str(CHECKOUT))
from tests.simulated_run import SimulatedRun, paper_config

MEMORY = "import resource, sys; from mimic.console.main import main; code = main(); "
MEMORY += "print('peak', resource.getrusage(resource.RUSAGE_SELF).ru_maxrss); sys.exit(code)"


def main(argv=None):
    """Measure, print, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--epochs", type=positive, default=300, help="of each trial's history")
    parser.add_argument("--rounds", type=positive, default=3)
    arguments = parser.parse_args(argv)
    machine = header()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = paper_config(output="results")
        (folder / "config.yaml").write_text(yaml.safe_dump(config.model_dump(mode="json")))
        (folder / "Snakefile").touch()
        SimulatedRun(folder / "results", config, n_epochs=arguments.epochs).write_all()
        n_trials = len(list(folder.glob("results/**/metrics.json")))
        seconds, peaks = [], []
        command = [sys.executable, "-c", MEMORY, "report", "--out", "page.html"]
        for _ in range(arguments.rounds):
            started = time.perf_counter()
            done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
            seconds.append(time.perf_counter() - started)
            peaks.append(int(re.search(r"peak (\d+)", done.stdout)[1]) * 1024)
        size = (folder / "page.html").stat().st_size
    print(
        f"{n_trials:,} trials of {arguments.epochs} epochs: {statistics.median(seconds):.1f} s, "
        f"{max(peaks) / 1e6:.0f} MB of memory, {size / 1e6:.2f} MB on disk"
    )
    result = {"n_trials": n_trials, "n_epochs": arguments.epochs, "seconds": seconds}
    write_result(arguments.out, "page", {**machine, **result, "memory_bytes": peaks, "page_bytes": size})


if __name__ == "__main__":
    main()
