"""What every trial does around its training, and the files that say how it went.

``metrics.json`` holds the scores and what the trial was; ``history.csv`` has a row an epoch.
"""

import csv
import dataclasses
import io
import math
from pathlib import Path

import numpy as np
import torch

from mimic.artifact import digest_json, write_json, write_text
from mimic.training.checkpoint import Checkpoint, seconds_argument
from mimic.training.evaluate import predict, score
from mimic.training.predictions import SPLITS, write_predictions
from mimic.training.state import EpochRecord


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
            f"loss {record.train_loss:.4g}  validation {record.validation_accuracy:.2%}  "
            f"{record.images_per_second:,.0f} images/s  rate {record.learning_rate:.2g}"
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


def add_trial_files(parser, checkpoint_seconds):
    """Options of a training stage for the files it writes.

    Parameters
    ----------
    checkpoint_seconds : str
        Default of ``--checkpoint-seconds``.
    """
    for name in ("metrics", "history", "weights", "predictions"):
        parser.add_argument(f"--{name}", required=True, help="file to write")
    parser.add_argument(
        "--checkpoint-seconds",
        type=seconds_argument,
        default=checkpoint_seconds,
        help="save the training beside --metrics when so long has passed since the last time; "
        "0: after each epoch; the environment's MIMIC_CHECKPOINT_SECONDS is the default where it is set",
    )


def trial_checkpoint(args, device, report, **facts):
    """Where a trial's training is kept until its outputs are written.

    Parameters
    ----------
    args : object
        With attributes ``metrics``, ``checkpoint_seconds`` and ``trial``; see `add_trial_files`.
    device : mimic.training.devices.Device
    report : mimic.progress.Report
        Is told what was resumed.
    facts : JSON-ready
        All that the training depends on beside the arithmetic: a file made with others is ignored.

    Returns
    -------
    mimic.training.checkpoint.Checkpoint
    """
    arithmetic = {
        "device": device.describe(),
        "alignment": device.alignment,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    key = digest_json({"trial": args.trial, **arithmetic, **facts})
    return Checkpoint(Path(args.metrics).parent, key, args.checkpoint_seconds, report.note, report.resume)


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
