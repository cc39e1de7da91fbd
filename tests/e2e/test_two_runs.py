"""Two runs at once in one working folder: the second stops at Snakemake's lock and harms nothing."""

import subprocess
import time

from tests.e2e.conftest import SMALLEST
from tests.workflow.conftest import command_of, run_snakemake

TARGETS = ("out/teachers/trials/000/weights.safetensors", "out/epochs/00.h5")


def wait_until(condition, process, seconds=60):
    """Wait for a condition while a process runs."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the first run ended before the second one began"
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_second_run_stops_at_the_lock_and_the_first_ends_with_the_right_bytes(tmp_path):
    folder, alone = tmp_path / "shared", tmp_path / "alone"
    folder.mkdir()
    alone.mkdir()
    command, environment = command_of(folder, *TARGETS, "--cores", "1", overlay=SMALLEST)
    with open(tmp_path / "first.log", "w") as log:
        first = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        # Both runs want what the first one is about to train.
        wait_until((folder / "out/data/dataset.h5").exists, first)
        second = run_snakemake(folder, *TARGETS, "--cores", "1", "--rerun-incomplete", overlay=SMALLEST)
        assert first.poll() is None, "the first run ended before the second one did"
        assert second.returncode != 0
        assert "Directory cannot be locked" in second.stdout + second.stderr
        assert "Traceback" not in second.stdout + second.stderr
        assert first.wait(timeout=120) == 0, (tmp_path / "first.log").read_text()
    assert run_snakemake(alone, *TARGETS, "--cores", "1", overlay=SMALLEST).returncode == 0
    for target in TARGETS:
        assert (folder / target).read_bytes() == (alone / target).read_bytes()
    run = run_snakemake(folder, *TARGETS, "--cores", "1", overlay=SMALLEST)
    assert "Nothing to be done" in run.stdout + run.stderr
