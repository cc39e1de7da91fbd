"""The profile for one machine with GPUs and no scheduler."""

import ast
import os
import re
from pathlib import Path

import pytest
import yte

from mimic.fingerprint import PACKAGE
from tests.workflow.conftest import ROOT, planned_jobs

PROFILE = ROOT / "workflow" / "profiles" / "workstation"


@pytest.fixture
def profile(monkeypatch):
    """Function that computes the profile's values as Snakemake does, in an environment."""
    for name in ("CUDA_VISIBLE_DEVICES", "MIMIC_JOBS_PER_GPU", "MIMIC_FAKE_GPUS"):
        monkeypatch.delenv(name, raising=False)

    def values(**environ):
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        with open(PROFILE / "config.yaml", encoding="utf-8") as file:
            return yte.process_yaml(file, require_use_yte=True)

    return values


def resources(profile):
    return dict(entry.split("=") for entry in profile["resources"])


def stages_on_gpus():
    """Names of the rules whose stage asks for a place."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            taken = {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) else set()
            if taken & {"gpu_place", "place_of"} and path.stem != "stage":
                names.add(path.stem)
    return names


def test_every_rule_that_takes_a_place_is_counted(profile):
    counted = profile()["set-resources"]
    assert sorted(counted) == [f"{name}:gpu_places=1" for name in sorted(stages_on_gpus())]
    assert len(counted) == 12


@pytest.mark.parametrize(
    ("environ", "places"),
    [
        ({"MIMIC_FAKE_GPUS": "2"}, 8),
        ({"MIMIC_FAKE_GPUS": "2", "MIMIC_JOBS_PER_GPU": "1"}, 2),
        ({"MIMIC_FAKE_GPUS": "4", "CUDA_VISIBLE_DEVICES": "1,3,2", "MIMIC_JOBS_PER_GPU": "2"}, 6),
        ({"CUDA_VISIBLE_DEVICES": ""}, os.cpu_count()),
    ],
)
def test_as_many_jobs_run_as_there_are_places(profile, environ, places):
    assert resources(profile(**environ))["gpu_places"] == str(places)


def test_a_tenth_of_the_memory_is_left_to_the_system(profile):
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    total = int(lines["MemTotal"].split()[0]) * 1024
    assert int(resources(profile())["mem_mb"]) == pytest.approx(0.9 * total / 1e6, abs=1)


def test_snakemake_plans_with_it(snakemake):
    variables = {"MIMIC_FAKE_GPUS": "2", "MIMIC_JOBS_PER_GPU": "1"}
    run = snakemake("-n", "--profile", str(PROFILE), preset="demo", **variables)
    assert run.returncode == 0, run.stderr
    jobs = planned_jobs(run.stdout + run.stderr)
    # record_logits is planned once the ensemble is known
    expected = sum(jobs[name] for name in ("generate_epochs", "train_student", "train_teacher"))
    assert len(re.findall(r"resources: .*gpu_places=1\b", run.stdout + run.stderr)) == expected > 10
