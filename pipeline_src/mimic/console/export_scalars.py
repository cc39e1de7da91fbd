"""``mimic export-scalars``: the trials' histories as event files, which TensorBoard reads; a run a trial."""

import os
import shutil
from pathlib import Path

from mimic.cli import InputError
from mimic.console.trial_folders import HISTORY, check_study, finished_trials, studies_in

#: Column of a history, or key of a trial's metrics -> name of the scalar.
BY_EPOCH = {
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning_rate",
    "images_per_second": "speed/images_per_second",
    "seconds": "speed/seconds",
}
AT_BEST = {
    "validation_accuracy": "best/validation_accuracy",
    "validation_loss": "best/validation_loss",
    "test_accuracy": "best/test_accuracy",
}


def export(results, out, studies=None):
    """Write a folder of runs ``teachers/TTT`` and ``students/STUDY/TTT``, whole or not at all.

    Parameters
    ----------
    results : path
    out : path
        Folder to write; must not exist.
    studies : sequence of str, optional
        Only these.

    Raises
    ------
    InputError
        In one line: no TensorBoard, an unknown study, a damaged file, a folder that exists.
    """
    writer = _summary_writer()
    out = Path(out)
    if os.path.lexists(out):
        raise InputError(f"{out}: exists already; nothing is overwritten: give another --out")
    for name in studies or ():
        check_study(results, name)
    names = list(dict.fromkeys(studies)) if studies else studies_in(results)
    trials = {name: finished_trials(results, name) for name in names}
    n_trials = sum(map(len, trials.values()))
    if not n_trials:
        raise InputError(f"{results}: no trial has ended yet; `mimic status` shows the run")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)  # of an attempt that was killed
    try:
        for name, found in trials.items():
            folder = part / ("teachers" if name == "teachers" else f"students/{name}")
            for trial in found:
                with writer(str(folder / f"{trial.metrics.trial:03d}")) as run:
                    write_trial(run, trial)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    print(f"{out}: {n_trials} trials of {len(trials)} studies; look at them: tensorboard --logdir {out}")


def _summary_writer():
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise InputError(
            "tensorboard is not installed: .venv/bin/pip install -c constraints.txt -e '.[tensorboard]'"
        ) from None
    return SummaryWriter


def write_trial(run, trial):
    """Write one trial's scalars: a step an epoch, at the time when it ended; the scores at the best epoch.

    Parameters
    ----------
    run : torch.utils.tensorboard.SummaryWriter
    trial : mimic.console.trial_folders.FinishedFolder
    """
    metrics = trial.metrics
    now = trial.ended - sum(row["seconds"] for row in trial.history)
    for row in trial.history:
        now += row["seconds"]
        for column in HISTORY[1:]:
            run.add_scalar(BY_EPOCH[column], row[column], row["epoch"], now)
    for key, name in AT_BEST.items():
        value = getattr(metrics, key)
        if value is not None:
            run.add_scalar(name, value, metrics.best_epoch, trial.ended)
