"""``mimic status`` knows the workflow's jobs without planning it: as many of each rule as Snakemake."""

import json
import subprocess
import sys

import pytest

from mimic.console.overlays import read_config
from mimic.status.jobs import plan_of
from mimic.status.papers import JOBS
from mimic.status.snapshot import Reader
from tests.workflow.conftest import ROOT, planned_jobs


def counted(config, is_shared=False):
    jobs = {}
    for job in plan_of(config, is_shared).jobs:
        jobs[job.rule] = jobs.get(job.rule, 0) + 1
    return jobs


@pytest.mark.parametrize("preset", [None, "demo"])
def test_the_jobs_are_those_that_snakemake_plans(snakemake, preset):
    run = snakemake("-n", preset=preset)
    planned = planned_jobs(run.stdout)
    overlays = [ROOT / "workflow" / "presets" / f"{preset}.yaml"] if preset else []
    jobs = counted(read_config(ROOT / "Snakefile", overlays))
    # known to Snakemake once the ensemble is selected
    assert jobs.pop("record_logits") == (3 if preset else 16)
    assert jobs == {rule: n for rule, n in planned.items() if rule not in ("all", "total")}


@pytest.mark.parametrize("target", ["shallow", "win"])
def test_the_jobs_of_the_other_papers_are_those_that_snakemake_plans(snakemake, tmp_path, target):
    preset = ROOT / "workflow" / "presets" / f"{target}-demo.yaml"
    planned = planned_jobs(snakemake("-n", target, preset=f"{target}-demo").stdout)
    config = read_config(ROOT / "Snakefile", [preset])
    jobs = {}
    for job in JOBS[target](config):
        jobs[job.rule] = jobs.get(job.rule, 0) + 1
    assert jobs == {rule: n for rule, n in planned.items() if rule not in (target, "total")}
    (tmp_path / config.output / target).mkdir(parents=True)
    standing = Reader(config, tmp_path).read()
    assert list(standing["steps"]) == [target]
    assert standing["jobs"]["waiting"] == standing["jobs"]["total"] == sum(jobs.values())
    (tmp_path / config.output / "teachers").mkdir()
    assert list(Reader(config, tmp_path).read()["steps"])[-1] == target
    assert Reader(config, tmp_path).read()["jobs"]["total"] > sum(jobs.values())


def test_so_are_those_of_a_run_from_a_pack(snakemake, tmp_path):
    pack = tmp_path / "pack.h5"
    pack.write_bytes(b"")
    overlay = {"shared": {"pack": str(pack), "digest": "0" * 64}}
    planned = planned_jobs(snakemake("-n", overlay=overlay, preset="demo").stdout)
    preset = ROOT / "workflow" / "presets" / "demo.yaml"
    config = read_config(ROOT / "Snakefile", [preset, tmp_path / "overlay.yaml"])
    jobs = counted(config, is_shared=True)
    assert jobs == {rule: n for rule, n in planned.items() if rule not in ("all", "total")}
    command = [sys.executable, "-m", "mimic", "status", "--json", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(preset), str(tmp_path / "overlay.yaml"), "--directory", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    standing = json.loads(run.stdout)
    assert (standing["shared"], standing["teachers"]) == (True, None)
    assert standing["jobs"]["total"] == sum(jobs.values())
