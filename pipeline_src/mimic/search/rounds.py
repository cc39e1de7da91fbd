"""The files of a search: a round's proposals, a trial's metrics."""

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


def read_proposal(path, trial):
    """Hyperparameters and round of one trial.

    Raises
    ------
    InputError
        If the file is no round, or does not propose it.
    """
    value = read_json(path, PROPOSALS_FORMAT)
    for row in _checked(value, "proposals", list, path):
        if not isinstance(row, dict):
            raise InputError(f"{path}: proposals: expected objects, got {row!r}")
        if row.get("trial") == trial:
            return _checked(row, "hyperparameters", dict, path), _checked(value, "round", int, path)
    raise InputError(f"{path}: proposes no trial {trial}")
