"""The third paper's nets from images to tables, on the embedded set; killed, edited, and run again."""

import json
import os
import signal
import subprocess
import time

import pandas as pd
import pytest
import safetensors.torch

from tests.workflow.conftest import command_of, planned_jobs, run_snakemake

NET = "out/win/resnet14-1of16"
WIN = {
    "data": {"source": "shapes", "path": None, "download": False, "n_train": 160, "n_test": 60},
    "nets": {"depth": [14], "divide": [16], "stem": "cifar", "seed": [0, 1]},
    "widen": [2],
    "training": {"batch_size": 32, "precision": "float32", "channels_last": "off"},
    "train_wide": {"n_epochs": 2},
    "imitate_block": {"n_epochs": 1, "restarts": 1, "n_probe": 50},
    "finetune": {"n_epochs": 2},
}
SMALL = {"output": "out", "win": WIN}


def overlay(**changes):
    return {"output": "out", "win": {**WIN, **changes}}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("win")
    run = run_snakemake(folder, "win", "--cores", "2", overlay=SMALL)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def metrics(folder, name):
    return json.loads((folder / NET / name / "metrics.json").read_text())


def test_every_net_is_in_the_tables(finished):
    table = pd.read_csv(finished / "out/win/table2.csv")
    assert table[["method", "n_seeds"]].to_numpy().tolist() == [["Vanilla", 2], ["KD", 2], ["WIN", 2]]
    folders = {"Vanilla": "vanilla/{}", "KD": "x2/kd/{}", "WIN": "x2/win/{}/merged"}
    for method, folder in folders.items():
        found = pd.Series([metrics(finished, folder.format(seed))["test_accuracy"] for seed in (0, 1)])
        row = table[table["method"] == method]
        assert row["top1_pct"].item() == pytest.approx(100 * found.mean(), abs=0.005)
        assert row["top1_sd"].item() == pytest.approx(100 * found.std(), abs=0.005)
    assert pd.read_csv(finished / "out/win/table3.csv")["role"].tolist() == ["teacher", "student"]
    page = (finished / "out/win/report.html").read_text(encoding="utf-8")
    assert 'id="win-table2"' in page
    assert page.count('"series":"WIN"') == 2
    sizes = pd.read_csv(finished / "out/win/table1.csv")
    assert sizes["parameters"].tolist()[1] == metrics(finished, "vanilla/0")["n_parameters"]


def test_all_methods_had_equal_epochs_and_merging_changed_nothing(finished):
    histories = {
        name: len(pd.read_csv(finished / NET / name / "history.csv")) for name in ("vanilla/0", "x2/kd/0")
    }
    stages = [*(f"x2/win/0/block{i}" for i in (1, 2, 3, 4)), "x2/win/0/finetuned"]
    assert set(histories.values()) == {
        sum(len(pd.read_csv(finished / NET / s / "history.csv")) for s in stages)
    }
    merged = metrics(finished, "x2/win/0/merged")
    assert (
        merged["test_accuracy"]
        == merged["unmerged_accuracy"]
        == metrics(finished, stages[-1])["test_accuracy"]
    )
    shapes = [
        {name: tensor.shape for name, tensor in safetensors.torch.load_file(finished / NET / folder).items()}
        for folder in ("vanilla/0/weights.safetensors", "x2/win/0/merged/weights.safetensors")
    ]
    assert shapes[0] == shapes[1]


def test_a_second_run_does_nothing(finished):
    run = run_snakemake(finished, "win", "--cores", "2", overlay=SMALL)
    assert "Nothing to be done" in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("changes", "jobs"),
    [
        ({"finetune": {"n_epochs": 2, "learning_rate": 0.02}}, {"finetune": 2, "merge": 2}),
        ({"kd": {"temperature": 2.0}}, {"train_kd": 2}),
        (
            {"imitate_block": {**WIN["imitate_block"], "learning_rate": 0.2}},
            {"imitate_block": 8, "finetune": 2, "merge": 2},
        ),
        (
            {"nets": {**WIN["nets"], "seed": [0, 1, 2]}},
            {"train_vanilla": 1, "train_kd": 1, "imitate_block": 4, "finetune": 1, "merge": 1},
        ),
    ],
    ids=["finetune", "kd", "imitate_block", "seed"],
)
def test_an_edit_runs_what_depends_on_it(finished, changes, jobs):
    planned = planned_jobs(run_snakemake(finished, "-n", "win", overlay=overlay(**changes)).stdout)
    trained = {
        rule: n
        for rule, n in planned.items()
        if not rule.startswith("tabulate") and rule not in ("publish_win_report", "win", "total")
    }
    assert trained == jobs


def test_a_killed_block_goes_on_to_the_same_bytes_and_no_other_block_is_trained(finished, tmp_path):
    before, target = (
        f"{NET}/x2/win/0/block1/weights.safetensors",
        f"{NET}/x2/win/0/block2/weights.safetensors",
    )
    run = run_snakemake(tmp_path, before, "--cores", "1", overlay=SMALL)
    assert run.returncode == 0, run.stderr
    first = (tmp_path / before).stat().st_mtime_ns
    command, environment = command_of(tmp_path, target, "--cores", "1", overlay=SMALL)
    environment["MIMIC_CHECKPOINT_SECONDS"] = "0.001"
    state = tmp_path / target.replace("weights.safetensors", "checkpoint.safetensors")
    run = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    end = time.monotonic() + 120
    while not state.exists() and run.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
    assert state.exists()
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert not (tmp_path / target).exists()
    run_snakemake(tmp_path, "--unlock", overlay=SMALL)
    run = run_snakemake(tmp_path, target, "--cores", "1", "--rerun-incomplete", overlay=SMALL)
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / target).read_bytes() == (finished / target).read_bytes()
    assert (tmp_path / before).stat().st_mtime_ns == first
    log = (tmp_path / "out/logs/imitate_block/resnet14-1of16-x2-0-2.log").read_text()
    assert "resumed at epoch" in log
    assert not state.exists()
