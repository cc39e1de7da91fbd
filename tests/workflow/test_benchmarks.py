"""The benchmarks of the planner and of the start run through, in a tiny form, and check what they measure."""

import json
import os
import subprocess
import sys

import pytest
import yaml

from tests.workflow.conftest import ROOT

TINY = {
    "output": "results/tiny",
    "data": {"source": "shapes", "path": None, "download": False},
    "teachers": {"search": {"trials": 3, "first_round": 2, "round_size": 1}},
    "ensemble": {"n_members": 2},
    "epochs": {"n_epochs": 2, "shard_size": 1},
    "students": {
        "families": ["mlp1", "cnn1"],
        "budgets": ["1M"],
        "search": {"trials": 2, "first_round": 1, "round_size": 1},
    },
}


def run_benchmark(name, out, *arguments):
    """Finished process of a benchmark of one round, and the result that it wrote, if any."""
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--out", str(out), "--rounds", "1"]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    run = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, env=environment, cwd=out, timeout=600
    )
    written = list(out.glob(f"*-{name}-*.json"))
    return run, json.loads(written[0].read_text()) if written else None


@pytest.fixture
def tiny(tmp_path):
    """Function that writes the tiny overlay, some keys of it changed, and returns its path."""

    def write(**changed):
        path = tmp_path / "tiny.yaml"
        path.write_text(yaml.safe_dump({**TINY, **changed}))
        return str(path)

    return write


def test_the_planner_is_measured_beside_a_toy_of_the_same_shape(tmp_path, tiny):
    run, result = run_benchmark("planner", tmp_path, "--configfile", tiny())
    assert run.returncode == 0, run.stdout + run.stderr
    # 3 teachers in 2 rounds; 2 studies of 2 students in 2 rounds, each tabulated; 2 shards; 4 single jobs
    assert result["sizes"]["plan"]["jobs"] == 5 + 2 * 5 + 2 + 4
    assert result["sizes"]["no-op"]["jobs"] == 21 + 2  # logits of 2 members
    for what in ("plan", "no-op"):
        for name in ("ours", "toy"):
            (taken,) = result["seconds"][what][name]
            assert taken["wall"] > 0.1
            assert taken["processor"] > 0.1
    assert not (ROOT / "results" / "tiny").exists()


def test_the_planner_writes_in_its_temporary_folder_only(tmp_path, tiny):
    run, result = run_benchmark("planner", tmp_path, "--configfile", tiny(output=str(tmp_path / "elsewhere")))
    assert run.returncode == 2
    assert "output: expected a folder relative" in run.stderr
    assert result is None
    assert not (tmp_path / "elsewhere").exists()


def test_the_start_of_a_stage_is_measured_beside_its_imports(tmp_path):
    stage = "mimic.ensemble.select_ensemble"
    run, result = run_benchmark("start_up", tmp_path, "--stages", stage)
    assert run.returncode == 0, run.stderr
    seconds = {name: median["processor"] for name, median in result["median_seconds"].items()}
    assert set(seconds) == {"the interpreter alone", "import numpy, h5py", "import torch", stage}
    assert 0 < seconds["the interpreter alone"] < seconds["import torch"]
