"""The finished trials that lie in a results folder: studies, metrics and histories, all of them checked."""

import csv
import math
import re
from dataclasses import dataclass
from pathlib import Path

from mimic.cli import InputError
from mimic.report.trials import read_metrics

#: Columns of ``history.csv``: fields of `mimic.training.loop.EpochRecord` (a test compares them).
HISTORY = (
    *("epoch", "learning_rate", "train_loss", "validation_loss", "validation_accuracy"),
    *("seconds", "images_per_second"),
)
MAX_HISTORY_BYTES = 2**26
_STUDY = re.compile(r"[A-Za-z0-9.]{1,32}-[A-Za-z0-9.\-]{1,32}")


@dataclass(frozen=True)
class FinishedFolder:
    """A trial that has ended.

    Parameters
    ----------
    metrics : mimic.report.trials.Trial
    history : list of dict
        Column of `HISTORY` -> number, a row an epoch; empty where there is no ``history.csv``.
    ended : float
        When ``metrics.json`` was written, seconds since 1970.
    """

    metrics: object
    history: list
    ended: float


def studies_in(results):
    """Names of the studies that have a folder of trials, teachers first.

    Raises
    ------
    InputError
        If there is no such folder, or no study in it.
    """
    folder = Path(results)
    if not folder.is_dir():
        raise InputError(f"{results}: no such folder; give the config's `output` by --results")
    names = ["teachers"] if (folder / "teachers" / "trials").is_dir() else []
    students = sorted(path.parent.name for path in folder.glob("students/*/trials") if path.is_dir())
    names += [name for name in students if _STUDY.fullmatch(name)]
    if not names:
        raise InputError(f"{results}: no trials yet; train some first: snakemake --cores all")
    return names


def check_study(results, name):
    """Refuse a study that a results folder does not have, naming those that it has."""
    names = studies_in(results)
    if name not in names:
        raise InputError(f"{results}: there is no study {name!r}; expected one of {', '.join(names)}")


def finished_trials(results, study):
    """Trials of a study that have ended, by number; those that run or wait are left out.

    Parameters
    ----------
    results : path
    study : str
        One of `studies_in`.

    Returns
    -------
    list of FinishedFolder

    Raises
    ------
    InputError
        If a file is damaged, was edited, or is another trial's; names it.
    """
    folder = Path(results, "teachers" if study == "teachers" else f"students/{study}", "trials")
    found = []
    for place in folder.iterdir():
        path = place / "metrics.json"
        if not re.fullmatch(r"\d{3,9}", place.name) or not path.is_file():
            continue
        metrics = read_metrics(path)
        for key, expected in (("study", study), ("trial", int(place.name))):
            if getattr(metrics, key) != expected:
                raise InputError(f"{path}: {key}: expected {expected!r}, got {getattr(metrics, key)!r}")
        history = place / "history.csv"
        rows = read_history(history) if history.is_file() else []
        found.append(FinishedFolder(metrics, rows, path.stat().st_mtime))
    return sorted(found, key=lambda trial: trial.metrics.trial)


def read_history(path):
    """Epochs of a trial from its ``history.csv``.

    Returns
    -------
    list of dict
        Column of `HISTORY` -> int (``epoch``, from 1) or float.

    Raises
    ------
    InputError
        In one line: the file and its line.
    """
    if Path(path).stat().st_size > MAX_HISTORY_BYTES:
        raise InputError(f"{path}: expected a history of at most {MAX_HISTORY_BYTES:,} bytes")
    try:
        with open(path, encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file, strict=True) or [[]]
    except ValueError:
        header, rows = [], []
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV file: {error}") from None
    if tuple(header) != HISTORY:
        raise InputError(f"{path}: expected the columns of a history, {', '.join(HISTORY)}")
    return [_epoch(path, number, row) for number, row in enumerate(rows, 1)]


def _epoch(path, number, row):
    try:
        values = dict(zip(HISTORY, map(float, row), strict=True))
    except ValueError:
        values = {"epoch": math.nan}
    if values["epoch"] != number or not all(map(math.isfinite, values.values())):
        raise InputError(
            f"{path} line {number + 1}: expected epoch {number} and {len(HISTORY) - 1} finite numbers"
        )
    return values | {"epoch": number}
