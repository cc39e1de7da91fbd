"""Runs of the workflow on a real Slurm, which ``tests/slurm/run.sh`` starts; skipped where none runs."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
NOT_CODE = (".git", ".venv", ".snakemake", ".hypothesis", ".pytest_cache", ".ruff_cache", "results", "data")


def slurm(*command):
    """What a command of Slurm prints, as lines."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout.splitlines()


def within(seconds, what, found):
    """What a function returns once that is true; fails if it is not within some time."""
    end = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
    return result


def queued(state):
    """Numbers of jobs in a state, such as ``RUNNING``."""
    return slurm("squeue", "--noheader", "--array", "--states", state, "--format", "%i")


def _not_code(folder, names):
    return NOT_CODE if Path(folder) == ROOT else ["__pycache__"]


class Checkout:
    """A fresh copy of the checkout, in which Snakemake is started as a user does.

    Parameters
    ----------
    folder : path
        Is made.
    environment : str
        Variables beside those of the tests.
    """

    def __init__(self, folder, **environment):
        self.folder = Path(folder)
        shutil.copytree(ROOT, self.folder, symlinks=True, ignore=_not_code)
        self.environment = {**os.environ, "PYTHONPATH": str(self.folder / "pipeline_src")}
        # a folder of the test's own comes first, for commands that are to misbehave
        folders = [self.folder / "bin", Path(sys.executable).parent, os.environ["PATH"]]
        self.environment["PATH"] = ":".join(map(str, folders))
        self.environment |= {"PYTHONWARNINGS": "ignore", **environment}
        self.log = self.folder / "snakemake.log"
        self._started = []

    def overlay(self, values):
        """Write an overlay; returns its name for ``--configfile``."""
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(values))
        return "overlay.yaml"

    def start(self, *arguments):
        """A run that goes on in the background."""
        command = ["snakemake", *arguments]
        with open(self.log, "wb") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        self._started.append(process)
        return process

    def end(self):
        """End runs that a failed test has left: they would go on submitting jobs."""
        for process in self._started:
            process.kill()
            process.wait()

    def run(self, *arguments, seconds=1800):
        """Exit code of a run, its output, and the seconds that it took."""
        started = time.monotonic()
        code = self.start(*arguments).wait(seconds)
        return code, self.log.read_text(), time.monotonic() - started

    def submissions(self):
        """Number of calls of sbatch."""
        calls = re.compile("Submitted array job|has been submitted with SLURM jobid")
        return len(calls.findall(self.log.read_text()))


@pytest.fixture
def checkout(tmp_path):
    """Function that makes a fresh checkout; skips where no Slurm answers, and ends what a test leaves."""
    try:
        subprocess.run(["scontrol", "ping"], check=True, capture_output=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        pytest.skip("no Slurm answers; tests/slurm/run.sh starts one")

    # A failed test may have left it set down.
    subprocess.run(["scontrol", "update", "NodeName=ALL", "State=RESUME"], check=False, capture_output=True)
    made = []

    def make(name, **environment):
        made.append(Checkout(tmp_path / name, **environment))
        return made[-1]

    yield make
    for one in made:
        one.end()
    subprocess.run(["scancel", "--user", str(os.getuid())], check=False)
