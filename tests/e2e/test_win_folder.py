"""The third paper's step from a folder of images of all kinds, cached, to its tables."""

import pandas as pd
import pytest

from mimic.win.store import read_metrics
from tests.image_folders import write_folder
from tests.workflow.conftest import run_snakemake

SCHEDULE = {"n_epochs": 1, "learning_rate": 0.01}
NET = "resnet14-1of16"


def overlay_of(folder, **reading):
    sizes = {"image_size": 32, "test_size": 40, "cache_size": 48, "images_per_shard": 10}
    return {
        "output": "out",
        "win": {
            "data": {"source": "imagenet", "path": str(folder)},
            "folder": {**sizes, **reading},
            "nets": {"depth": [14], "divide": [16]},
            "widen": [2],
            "training": {"batch_size": 8},
            "train_wide": SCHEDULE,
            "imitate_block": SCHEDULE,
            "finetune": SCHEDULE,
        },
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("folder")
    write_folder(folder / "images")
    run = run_snakemake(folder, "win", "--cores", "2", overlay=overlay_of(folder / "images"))
    assert run.returncode == 0, run.stdout + run.stderr
    return folder


def test_every_method_is_in_the_tables(finished):
    out = finished / "out/win"
    methods = pd.read_csv(out / "table2.csv")
    assert set(methods["method"]) == {"Vanilla", "KD", "WIN"}
    assert methods["top1_pct"].between(0, 100).all()
    sizes = pd.read_csv(out / "table1.csv")
    n_parameters = read_metrics(out / NET / "vanilla/0/metrics.json")["n_parameters"]
    assert sizes.loc[sizes["role"] == "student", "parameters"].item() == n_parameters  # of three classes
    assert len(pd.read_csv(out / "table3.csv"))


def test_a_second_run_does_nothing(finished):
    run = run_snakemake(finished, "win", "--cores", "2", overlay=overlay_of(finished / "images"))
    assert "Nothing to be done" in run.stdout + run.stderr


def test_images_that_are_decoded_each_time_train_too(finished):
    target = f"out/win/{NET}/vanilla/0/metrics.json"
    overlay = overlay_of(finished / "images", cached=False) | {"output": "decoded"}
    target = target.replace("out/", "decoded/", 1)
    run = run_snakemake(finished, target, "--cores", "2", "--set-threads", "train_vanilla=2", overlay=overlay)
    assert run.returncode == 0, run.stdout + run.stderr
    found, cached = (read_metrics(finished / path) for path in (target, target.replace("decoded", "out", 1)))
    digests = {metrics["provenance"]["sources"]["dataset"] for metrics in (found, cached)}
    assert len(digests) == 1  # of the listing
    assert found["n_parameters"] == cached["n_parameters"]
    assert found["weights"] != cached["weights"]
