"""The ensemble as ``members.json`` tells it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mimic.artifact import read_json
from mimic.cli import InputError, validation_message
from mimic.report.trials import LARGEST, Count, Fraction

FORMAT = "mimic.ensemble"


class Step(BaseModel):
    """The ensemble as it was after one member more was chosen."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    trial: Count
    validation_accuracy: Fraction
    test_accuracy: Fraction


class Ensemble(BaseModel):
    """What the tables say of the ensemble; keys that no table needs are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    members: Annotated[list[Count], Field(min_length=1)]
    n_parameters: Annotated[int, Field(ge=1, le=LARGEST)]
    validation_accuracy: Fraction
    test_accuracy: Fraction
    steps: list[Step] = []


def read_ensemble(path, teachers):
    """The ensemble, checked against the teachers it was chosen from.

    Parameters
    ----------
    path : path
        ``members.json``.
    teachers : DataFrame
        Frame of the teachers' trials.

    Returns
    -------
    Ensemble

    Raises
    ------
    InputError
        If the file is malformed or names a member that is no finished teacher.
    """
    try:
        ensemble = Ensemble.model_validate(read_json(path, FORMAT))
    except ValidationError as error:
        raise InputError(validation_message(error, path)) from None
    finished = set(teachers.loc[teachers["status"] == "finished", "trial"])
    for member in ensemble.members:
        if member not in finished:
            raise InputError(f"{path}: members: expected finished teacher trials, found {member}")
    if len(set(ensemble.members)) != len(ensemble.members):
        raise InputError(f"{path}: members: a trial comes twice in {ensemble.members}")
    return ensemble
