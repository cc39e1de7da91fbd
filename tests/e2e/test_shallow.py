"""The second paper's grid from images to tables, on the embedded set; killed, and run again."""

import os
import signal
import subprocess
import time

import pandas as pd
import pytest

from tests.workflow.conftest import command_of, planned_jobs, run_snakemake

GRID = {
    "output": "out",
    "shallow": {
        "datasets": {
            "shapes": {"source": "shapes", "path": None, "download": False, "n_train": 300, "n_test": 100}
        },
        "grid": {
            "dataset": ["shapes"],
            "n_layers": [1, 2],
            "n_filters": [2],
            "initialiser": ["glorot_uniform"],
            "learning_rate": [0.001],
            "seed": [0, 1],
        },
        "training": {"batch_size": 32, "n_epochs": 3},
        "expansion": {"n_nets": 1, "n_images": 20, "max_order": 2},
    },
}
GROUPS = ("shapes-L1-F2-K3", "shapes-L2-F2-K3")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    run = run_snakemake(folder, "shallow", "--cores", "2", overlay=GRID)
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def test_every_net_is_in_the_tables(finished):
    out = finished / "out/shallow"
    losses = pd.read_csv(out / "losses.csv")
    assert len(losses) == 2 * 2 * 2
    assert set(losses["status"]) == {"finished"}
    table = pd.read_csv(out / "table2.csv")
    means = losses.groupby("layout")["validation_loss"].mean()
    for layout, mean in means.items():
        row = table[(table["layout"] == layout) & (table["n_nets"] == 4)]
        assert row["validation_loss"].item() == pytest.approx(mean, abs=6e-6)
    one_layer = losses[losses["n_layers"] == 1].pivot(index="seed", columns="layout")["train_loss"]
    assert one_layer["sequential"].tolist() == pytest.approx(one_layer["parallel"].tolist(), abs=1e-4)
    expansion = pd.read_csv(out / "expansion.csv")
    assert set(expansion["group"]) == set(GROUPS)
    for figure in ("q", "depth", "gap", "expansion"):
        assert (out / f"figure_{figure}.png").stat().st_size > 10_000


def test_a_second_run_does_nothing(finished):
    run = run_snakemake(finished, "shallow", "--cores", "2", overlay=GRID)
    assert "Nothing to be done" in run.stdout + run.stderr


def test_a_layer_count_more_trains_its_group_alone(finished):
    grid = GRID["shallow"]["grid"] | {"n_layers": [1, 2, 3]}
    overlay = GRID | {"shallow": GRID["shallow"] | {"grid": grid}}
    jobs = planned_jobs(run_snakemake(finished, "-n", "shallow", overlay=overlay).stdout)
    assert jobs["train_group"] == jobs["expand_nets"] == 1


def test_a_killed_group_goes_on_to_the_same_bytes(finished, tmp_path):
    target = f"out/shallow/groups/{GROUPS[1]}/nets.h5"
    state = tmp_path / target.replace("nets.h5", "checkpoint.safetensors")
    command, environment = command_of(tmp_path, target, "--cores", "1", overlay=GRID)
    environment["MIMIC_CHECKPOINT_SECONDS"] = "0.001"
    run = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    end = time.monotonic() + 120
    while not state.exists():
        assert run.poll() is None, run.stdout.read().decode()
        assert time.monotonic() < end
        time.sleep(0.005)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert not (tmp_path / target).exists()
    assert run_snakemake(tmp_path, "--unlock", target, overlay=GRID).returncode == 0
    again = run_snakemake(tmp_path, target, "--cores", "1", "--rerun-incomplete", overlay=GRID)
    assert again.returncode == 0, again.stdout + again.stderr
    log = (tmp_path / f"out/logs/train_group/{GROUPS[1]}.log").read_text()
    assert "resumed at epoch" in log
    script = "from mimic.sealed import open_sealed; import sys, hashlib\n"
    script += "for path in sys.argv[1:]:\n"
    script += "    with open_sealed(path, 'mimic.shallow', 1) as file:\n"
    script += "        print({name: array.sha256 for name, array in file.arrays.items()})\n"
    digests = subprocess.run(
        [command[0], "-c", script, str(finished / target), str(tmp_path / target)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    ).stdout.splitlines()
    assert digests[0] == digests[1]
