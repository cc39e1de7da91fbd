"""The files of a search: a round's proposals, a trial's metrics."""

import math
from dataclasses import dataclass

from mimic.artifact import read_json, write_json
from mimic.cli import InputError

PROPOSALS_FORMAT = "mimic.proposals"
TRIAL_FORMAT = "mimic.trial"


@dataclass(frozen=True)
class FinishedTrial:
    """A trial of an earlier round.

    Parameters
    ----------
    number : int
    hyperparameters : dict
        Every dimension of the space.
    objective : float or None
        To be maximised; None for a trial that diverged.
    """

    number: int
    hyperparameters: dict
    objective: float | None


def read_finished(paths):
    """Finished trials of earlier rounds from their ``metrics.json``; validation accuracy is the objective.

    Raises
    ------
    InputError
        Names the file and the key that is no trial's.
    """
    finished = []
    for path in paths:
        metrics = read_json(path, TRIAL_FORMAT)
        objective = _checked(metrics, "validation_accuracy", int | float | None, path)
        status = metrics.get("status")
        if status not in ("finished", "diverged"):
            raise InputError(f"{path}: status: expected finished or diverged, got {status!r}")
        if status == "diverged":
            objective = None
        elif objective is None or not 0 <= objective <= 1:
            raise InputError(f"{path}: validation_accuracy: expected a fraction, got {objective}")
        number = _checked(metrics, "trial", int, path)
        finished.append(FinishedTrial(number, _checked(metrics, "hyperparameters", dict, path), objective))
    return finished


def _checked(values, key, kind, path):
    """Value of a key of an untrusted file, of the type that it must have."""
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, kind):
        raise InputError(f"{path}: {key}: expected {getattr(kind, '__name__', kind)}, got {value!r}")
    return value


def write_proposals(path, study, round_index, trials, proposals, **notes):
    """Write a round.

    Parameters
    ----------
    trials : sequence of int
        Trial number of each proposal.
    proposals : list of dict
        Hyperparameters.
    notes : str
        Further words for a reader, such as where width bounds come from.
    """
    rows = [
        {"trial": trial, "hyperparameters": proposal}
        for trial, proposal in zip(trials, proposals, strict=True)
    ]
    value = {"format": PROPOSALS_FORMAT, "study": study, "round": round_index, "proposals": rows}
    write_json(path, {**value, **notes})


def read_proposal(path, trial, study=None, names=None):
    """Hyperparameters and round of one trial.

    Parameters
    ----------
    path : path
    trial : int
    study : str, optional
        Refuse the proposals of another study.
    names : sequence of str, optional
        Refuse hyperparameters that do not have exactly these names and finite numbers as values.

    Raises
    ------
    InputError
        If the file is no round, or does not propose it.
    """
    value = read_json(path, PROPOSALS_FORMAT)
    if study is not None and value.get("study") != study:
        raise InputError(f"{path}: expected proposals of study {study}, got {value.get('study')!r}")
    for row in _checked(value, "proposals", list, path):
        if not isinstance(row, dict):
            raise InputError(f"{path}: proposals: expected objects, got {row!r}")
        if row.get("trial") == trial:
            hyperparameters = _checked(row, "hyperparameters", dict, path)
            if names is not None:
                _check_names(hyperparameters, names, path)
            return hyperparameters, _checked(value, "round", int, path)
    raise InputError(f"{path}: proposes no trial {trial}")


def _check_names(hyperparameters, names, path):
    if sorted(hyperparameters) != sorted(names):
        raise InputError(f"{path}: expected hyperparameters {sorted(names)}, got {sorted(hyperparameters)}")
    for name, value in hyperparameters.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise InputError(f"{path}: {name}: expected a finite number, got {value!r}")
