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
    """Finished trials of earlier rounds from their ``metrics.json``; validation accuracy is the objective."""
    finished = []
    for path in paths:
        metrics = read_json(path, TRIAL_FORMAT)
        try:
            objective = metrics["validation_accuracy"] if metrics["status"] == "finished" else None
            trial = FinishedTrial(int(metrics["trial"]), dict(metrics["hyperparameters"]), objective)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: not a trial's metrics: {error!r}") from None
        finished.append(trial)
    return finished


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
        If the round does not propose it.
    """
    value = read_json(path, PROPOSALS_FORMAT)
    for row in value.get("proposals", ()):
        if row.get("trial") == trial:
            return row["hyperparameters"], value["round"]
    raise InputError(f"{path}: proposes no trial {trial}")
