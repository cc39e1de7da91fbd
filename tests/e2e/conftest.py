"""The whole pipeline at its smallest: dozens of images, three teachers, three trials a study."""

import json

import pytest

from tests.workflow.conftest import run_snakemake

TRAINING = {"batch_size": 16, "max_epochs": 2}
SEARCH = {"trials": 3, "first_round": 2, "round_size": 1}
OVERLAY = {
    "output": "out",
    "data": {
        "source": "shapes",
        "path": None,
        "download": False,
        "n_train": 96,
        "n_validation": 48,
        "n_test": 48,
    },
    "teachers": {
        "search": SEARCH,
        "search_space": {
            "filters_conv1": {"low": 4, "high": 6},
            "filters_conv2": {"low": 4, "high": 6},
            "filters_conv3": {"low": 4, "high": 6},
            "hidden_units": {"low": 8, "high": 12},
        },
        "training": TRAINING,
    },
    "ensemble": {"n_members": 2},
    "epochs": {"n_epochs": 3, "shard_size": 3, "store": "pixels"},
    "students": {
        "families": ["mlp1", "mlp2", "cnn2"],
        "budgets": ["40k"],
        "search": SEARCH,
        "training": TRAINING,
        "hard_label": {
            "families": ["cnn2"],
            "budgets": ["40k"],
            "search": {"trials": 1, "first_round": 1, "round_size": 1},
            "training": TRAINING,
        },
    },
    "report": {"compare_with_paper": False},
}


def changed(overlay=OVERLAY, **changes):
    """An overlay with dotted keys, written with __ for the dot, set to other values."""
    overlay = json.loads(json.dumps(overlay))  # no section shared between two keys
    for key, value in changes.items():
        section = overlay
        *parents, last = key.split("__")
        for parent in parents:
            section = section.setdefault(parent, {})
        section[last] = value
    return overlay


ONE_BY_ONE = {"trials": 2, "first_round": 1, "round_size": 1}
#: Every stage in a dozen and a half jobs: two teachers in two rounds, two shards, two studies of one trial.
SMALLEST = changed(
    teachers__search=ONE_BY_ONE,
    epochs__n_epochs=2,
    epochs__shard_size=1,
    students__families=["mlp1", "mlp2"],
    students__search={"trials": 1, "first_round": 1, "round_size": 1},
    students__hard_label__families=[],
)


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """Function (name, cores, overlay) -> folder of a finished run."""

    def run(name, cores, overlay):
        folder = tmp_path_factory.mktemp(name)
        finished = run_snakemake(folder, "--cores", str(cores), "--show-failed-logs", overlay=overlay)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return folder

    return run


@pytest.fixture(scope="session")
def finished_run(pipeline):
    """Two workers, pixels, one shard; nobody may write into it."""
    return pipeline("pixels", 2, OVERLAY)
