"""A disk that is full while something is written: one clear error, nothing half there; it goes on later."""

import shutil
import subprocess

import pytest

from tests.e2e.conftest import changed
from tests.workflow.conftest import run_snakemake

TARGET = "out/logits/members/000.h5"


@pytest.fixture
def disk(tmp_path):
    """Function (size) that gives the folder ``out`` so much room; skips where nothing can be mounted."""
    folder = tmp_path / "out"
    folder.mkdir()

    def resize(size):
        options = f"remount,size={size}" if folder.is_mount() else f"size={size}"
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("a file system of a given size cannot be mounted here")

    yield resize
    if folder.is_mount():
        subprocess.run(["umount", str(folder)], check=True)


def unpublished(folder):
    return [path for path in folder.rglob(".*.part") if path.stat().st_size]


def test_a_full_disk_is_said_and_the_run_goes_on_when_there_is_room(disk, tmp_path):
    """Room for the dataset, then not for the pixels of an epoch; in the end for all."""
    overlay = changed(epochs__shard_size=1)
    disk("1300k")
    run = run_snakemake(tmp_path, "--cores", "1", "--keep-going", TARGET, overlay=overlay)
    assert run.returncode != 0
    logs = [path.read_text() for path in (tmp_path / "out" / "logs").rglob("*.log")]
    said = [line for text in logs for line in text.splitlines() if line.startswith("error:")]
    assert said
    assert all("No space left on device" in line and "out/" in line for line in said)
    assert not any("Traceback" in text for text in logs)
    assert not unpublished(tmp_path / "out")
    disk("20m")
    run = run_snakemake(tmp_path, "--cores", "1", "--rerun-incomplete", TARGET, overlay=overlay)
    assert run.returncode == 0, run.stdout + run.stderr
