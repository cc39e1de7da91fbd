import csv
import json
import types

import numpy as np
import pytest
import torch

from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.report.trials import read_metrics
from mimic.training.devices import choose_device
from mimic.training.evaluate import predict
from mimic.training.loop import EpochRecord, Fit
from mimic.training.predictions import read_predictions
from mimic.training.trial import on_device, record_trial, report_epoch, write_history, write_metrics

DEVICE = choose_device("float32", "off", 1)
HISTORY = [
    EpochRecord(1, 0.05, 1 / 3, 0.7, 0.5, 0.25, 144.0),
    EpochRecord(2, 0.025, 1e-17, 0.1, 0.75, 0.2, 180.0),
]
FACTS = {
    "study": "mlp2-30k",
    "trial": 3,
    "round": 1,
    "seed": 2**62,
    "loss": "logit_l2",
    "family": "mlp2",
    "budget": "30k",
    "architecture": "9fc-9fc",
    "n_parameters": 29_000,
    "hyperparameters": {"learning_rate": 0.01, "ratio1": 1 / 3},
    "seconds": 1.5,
}


def test_a_history_is_a_row_an_epoch_and_keeps_every_digit(tmp_path):
    write_history(tmp_path / "history.csv", HISTORY)
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == [
        "epoch",
        "learning_rate",
        "train_loss",
        "validation_loss",
        "validation_accuracy",
        "seconds",
        "images_per_second",
    ]
    assert [EpochRecord(int(row[0]), *map(float, row[1:])) for row in rows[1:]] == HISTORY


def test_metrics_of_a_finished_trial_are_what_the_report_reads(tmp_path):
    fit = Fit("finished", "last epoch", HISTORY, 2)
    write_metrics(tmp_path / "m.json", fit, {"validation": (0.75, 0.1), "test": (1 / 3, 0.9)}, **FACTS)
    trial = read_metrics(tmp_path / "m.json")
    assert trial.status == "finished"
    assert (trial.validation_accuracy, trial.validation_loss, trial.test_accuracy) == (0.75, 0.1, 1 / 3)
    assert (trial.epochs, trial.best_epoch) == (2, 2)
    for key, value in FACTS.items():
        assert getattr(trial, key) == value


def test_metrics_of_a_diverged_trial_are_read_too(tmp_path):
    fit = Fit("diverged", "loss nan", [], 0)
    write_metrics(tmp_path / "m.json", fit, None, **FACTS)
    trial = read_metrics(tmp_path / "m.json")
    assert trial.status == "diverged"
    assert trial.validation_accuracy is None
    assert trial.epochs == 0
    assert json.loads((tmp_path / "m.json").read_text())["reason"] == "loss nan"


def test_a_finished_trial_has_finite_scores(tmp_path):
    fit = Fit("finished", "last epoch", HISTORY, 2)
    with pytest.raises(ValueError, match="non-finite scores"):
        write_metrics(tmp_path / "m.json", fit, {"validation": (0.5, float("nan")), "test": (0, 0)}, **FACTS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", ["finished", "diverged"])
def test_a_trial_leaves_its_three_files(tmp_path, dataset, status):
    net = new_net(mlp_architecture([4], 3), 1.0, 0)
    data = on_device(dataset, DEVICE)
    paths = types.SimpleNamespace(**{name: tmp_path / name for name in ("metrics", "history", "predictions")})
    provenance = {"sources": {"dataset": dataset.digest}}
    record_trial(paths, net, Fit(status, "why", HISTORY, 2), data, DEVICE, provenance, **FACTS)
    logits, digest = read_predictions(paths.predictions, 3)
    assert digest == dataset.digest
    trial = read_metrics(paths.metrics)
    assert trial.status == status
    if status == "diverged":
        assert logits["test"].shape == (0, 3)
        return
    for split in ("validation", "test"):
        np.testing.assert_array_equal(logits[split], predict(net, data[split][0], DEVICE).numpy())
    hits = (logits["test"].argmax(axis=1) == dataset.labels["test"]).mean()
    assert trial.test_accuracy == hits


def test_splits_are_put_on_the_device_as_they_are(dataset):
    data = on_device(dataset, DEVICE)
    assert set(data) == {"train", "validation", "test"}
    for split, (images, labels) in data.items():
        assert images.dtype == torch.uint8
        np.testing.assert_array_equal(images.cpu(), dataset.images[split])
        np.testing.assert_array_equal(labels.cpu(), dataset.labels[split])


def test_an_epoch_s_line_names_rate_loss_accuracy_and_speed():
    lines = []
    report_epoch(types.SimpleNamespace(step=lines.append))(HISTORY[1])
    assert lines == ["loss 1e-17  validation 75.00%  180 images/s  rate 0.025"]
