"""What every trial does around its training, and the files that say how it went.

``metrics.json`` holds the scores and what the trial was; ``history.csv`` has a row an epoch.
"""

import csv
import dataclasses
import io
import math

import numpy as np
import torch

from mimic.artifact import write_json, write_text
from mimic.training.evaluate import predict, score
from mimic.training.loop import EpochRecord
from mimic.training.predictions import SPLITS, write_predictions


def write_history(path, history):
    """Write the epochs of a trial as CSV, a row an epoch.

    Parameters
    ----------
    history : list of EpochRecord
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in dataclasses.fields(EpochRecord))
    writer.writerows(dataclasses.astuple(record) for record in history)
    write_text(path, text.getvalue())


def on_device(dataset, device):
    """The splits of a dataset as tensors on the device.

    Parameters
    ----------
    dataset : mimic.data.store.Dataset
    device : mimic.training.devices.Device

    Returns
    -------
    dict of str to (images, labels)
        uint8 (n, 3, 32, 32) and int64 (n,), by split.
    """
    return {
        split: tuple(
            torch.from_numpy(array).to(device.torch_device)
            for array in (dataset.images[split], dataset.labels[split])
        )
        for split in dataset.images
    }


def report_epoch(report):
    """Function that shows an epoch's record as one step of a `mimic.progress.Report`."""

    def show(record):
        report.step(
            f"rate {record.learning_rate:.2g}  loss {record.train_loss:.4g}  "
            f"validation {record.validation_accuracy:.2%}  {record.images_per_second:,.0f} images/s"
        )

    return show


def write_metrics(path, fit, scores, **facts):
    """Write how a trial went; see the keys below, which the report reads.

    Parameters
    ----------
    fit : mimic.training.loop.Fit
    scores : dict of str to (accuracy, cross_entropy), or None if it diverged
    facts : str, int, float or dict
        study, trial, round, seed, loss, family, budget, architecture, n_parameters, hyperparameters,
        device, seconds.
    """
    finished = fit.status == "finished"
    measured = {
        "validation_accuracy": scores["validation"][0] if finished else None,
        "validation_loss": scores["validation"][1] if finished else None,
        "test_accuracy": scores["test"][0] if finished else None,
        "test_loss": scores["test"][1] if finished else None,
    }
    if finished and not all(math.isfinite(value) for value in measured.values()):
        raise ValueError(f"{path}: a finished trial has non-finite scores: {measured}")
    progress = {
        "format": "mimic.trial",
        "status": fit.status,
        "reason": fit.reason,
        "epochs": len(fit.history),
        "best_epoch": fit.best_epoch,
    }
    write_json(path, {**progress, **measured, **facts})


def add_trial_files(parser):
    """Options of a training stage for the files it writes."""
    for name in ("metrics", "history", "weights", "predictions"):
        parser.add_argument(f"--{name}", required=True, help="file to write")


def record_trial(paths, net, fit, data, device, provenance, **facts):
    """Score a trained net and write its metrics, history and predictions.

    Parameters
    ----------
    paths : object
        With attributes ``metrics``, ``history`` and ``predictions``; see `add_trial_files`.
    net : torch.nn.Module
        On the device.
    fit : mimic.training.loop.Fit
    data : dict of str to (images, labels)
        By split, on the device.
    device : mimic.training.devices.Device
    provenance : dict
    facts : str, int, float or dict
        What the trial was; see `write_metrics`.
    """
    n_classes = net.architecture.n_classes
    if fit.status == "finished":
        logits = {split: predict(net, data[split][0], device).cpu().numpy() for split in SPLITS}
        scores = {split: score(logits[split], data[split][1].cpu()) for split in SPLITS}
    else:
        logits, scores = {split: np.zeros((0, n_classes), np.float32) for split in SPLITS}, None
    write_predictions(paths.predictions, logits, provenance)
    write_history(paths.history, fit.history)
    write_metrics(paths.metrics, fit, scores, device=device.describe(), **facts)
