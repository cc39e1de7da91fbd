"""Runs Snakemake as a user would: its own process, an overlay file, an own working folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


def command_of(folder, *arguments, overlay=None, preset=None):
    """Command of ``snakemake`` in `folder`, with an overlay (dict) on a preset, and its environment."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), *arguments]
    files = [str(ROOT / "workflow" / "presets" / f"{preset}.yaml")] if preset else []
    if overlay is not None:
        path = Path(folder) / "overlay.yaml"
        path.write_text(yaml.safe_dump(overlay))
        files.append(str(path))
    if files:
        command += ["--configfile", *files]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    environment.pop("MIMIC_IMAGES", None)
    environment.pop("SNAKEMAKE_OUTPUT_CACHE", None)
    return command, environment


def run_snakemake(folder, *arguments, overlay=None, preset=None, **variables):
    """Finished process of that command, with more environment variables."""
    command, environment = command_of(folder, *arguments, overlay=overlay, preset=preset)
    return subprocess.run(command, capture_output=True, text=True, env=environment | variables, timeout=600)


def planned_jobs(output):
    """Rule -> number of jobs, from the table that a dry run prints."""
    lines = output.split("Job stats:")[1].splitlines()
    jobs = {}
    for line in lines[3:]:
        if not line.strip():
            break
        rule, count = line.split()
        jobs[rule] = int(count)
    return jobs


@pytest.fixture
def snakemake(tmp_path):
    """Function that runs Snakemake in this test's own folder."""
    return lambda *arguments, **options: run_snakemake(tmp_path, *arguments, **options)


@pytest.fixture
def image_folder(tmp_path):
    """Two classes of four training and two test images."""
    for part, n in (("train", 4), ("test", 2)):
        for name in ("cat", "dog"):
            folder = tmp_path / "images" / part / name
            folder.mkdir(parents=True)
            for i in range(n):
                Image.new("RGB", (40, 30), (i * 20, 100, 50)).save(folder / f"{i}.png")
    return tmp_path / "images"


def overlay_of(folder, **counts):
    """Overlay of that image folder."""
    data = {"source": "imagefolder", "path": str(folder), "n_train": 6, "n_validation": 2, "n_test": 4}
    return {"data": {**data, **counts}}
