"""Runs Snakemake as a user would: its own process, an overlay file, an own working folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def snakemake_command(folder, *arguments, overlay=None, preset=None):
    """Command of ``snakemake`` in `folder`, with an overlay (dict) on a preset."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), *arguments]
    files = [str(ROOT / "workflow" / "presets" / f"{preset}.yaml")] if preset else []
    if overlay is not None:
        path = Path(folder) / "overlay.yaml"
        path.write_text(yaml.safe_dump(overlay))
        files.append(str(path))
    return [*command, "--configfile", *files] if files else command


def run_snakemake(folder, *arguments, overlay=None, preset=None):
    """Finished process of ``snakemake``, see `snakemake_command`."""
    command = snakemake_command(folder, *arguments, overlay=overlay, preset=preset)
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    environment.pop("MIMIC_IMAGES", None)
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)


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
