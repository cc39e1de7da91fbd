"""The rehearsal's plan is Snakemake's own: the same jobs, and the same jobs wait for the same."""

from pathlib import Path

import pytest
import yaml

from mimic.console.overlays import read_config
from mimic.console.plan import plan
from mimic.rehearsal.jobs import jobs_of
from tests.workflow.conftest import ROOT

DEMO = ROOT / "workflow" / "presets" / "demo.yaml"
#: Behind the checkpoint, whose jobs Snakemake's plan does not know.
UNKNOWN = {"record_logits", "average_logits"}


def key_of(rule, wildcards):
    """Key of a planned job, as `mimic.rehearsal.jobs.Job.key`."""
    study = wildcards.get("study") or wildcards.get("study_folder", "").removeprefix("students/")
    if rule in ("train_teacher", "propose_teachers"):
        study = "teachers"
    number = next((int(wildcards[name]) for name in ("trial", "round", "shard") if name in wildcards), None)
    return rule, study, number


def check_plan(folder, overlay):
    """Compare jobs and edges of a fresh run."""
    path = Path(folder) / "overlay.yaml"
    path.write_text(yaml.safe_dump(overlay))
    planned = plan([], str(ROOT / "Snakefile"), str(folder), [str(DEMO), str(path)])["jobs"]
    keys = [key_of(job["rule"], job["wildcards"]) for job in planned]
    expected = {key: {keys[need] for need in job["needs"]} for key, job in zip(keys, planned, strict=True)}
    jobs = jobs_of(read_config(ROOT / "Snakefile", [DEMO, path]))
    found = {job.key: {jobs[need].key for need in job.needs} for job in jobs if job.rule != "record_logits"}
    assert found.keys() == expected.keys()
    for key in expected:
        if key[0] not in UNKNOWN:
            assert found[key] == expected[key], key
    return jobs


def test_the_demo_is_planned_as_snakemake_plans_it(tmp_path):
    search = {"trials": 5, "first_round": 2, "round_size": 2}
    jobs = check_plan(tmp_path, {"students": {"search": search}})
    assert len(jobs) > 150


def test_a_run_from_a_pack_is_planned_as_snakemake_plans_it(tmp_path):
    (tmp_path / "pack.h5").touch()
    jobs = check_plan(tmp_path, {"shared": {"pack": "pack.h5"}})
    assert jobs[0].rule == "unpack_targets"


@pytest.mark.parametrize("target", ["table1", "figure2"])
def test_a_table_or_figure_alone_is_planned_as_snakemake_plans_it(tmp_path, target):
    name = f"results/demo/{target}" + (".csv" if target[0] == "t" else ".png")
    planned = plan([name], str(ROOT / "Snakefile"), str(tmp_path), [str(DEMO)])["jobs"]
    jobs = jobs_of(read_config(ROOT / "Snakefile", [DEMO]), target)
    found = {job.key for job in jobs if job.rule != "record_logits"}
    assert found == {key_of(job["rule"], job["wildcards"]) for job in planned}
