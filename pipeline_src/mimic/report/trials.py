"""The trials' results: ``metrics.json`` files, the ``trials.csv`` of a study, and which trial is best.

Both kinds of file may come from a colleague, so each row passes the same closed check (`Trial`). A CSV row
holds the very numbers of its JSON file: floats are written in the shortest form that reads back equal. Its
last column ``digest`` says whether the table is what was written.

Notation of the frames: one row a trial, sorted by trial number; the columns are those of `COLUMNS`, then
``hyperparameter.NAME`` in alphabetical order. Accuracies are fractions 0-1; what a trial does not have
(a budget, the accuracy of a diverged net) is None or NaN, an empty cell in the CSV.
"""

import csv
import itertools
import re
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mimic.artifact import digest_json, read_json
from mimic.cli import InputError, validation_message
from mimic.config.families import CNN_FAMILIES, FAMILIES, parse_budget
from mimic.tables import read_rows, write_csv

FORMAT = "mimic.trial"
PREFIX = "hyperparameter."
DIGEST = "digest"
COLUMNS = (
    *("study", "trial", "round", "status", "loss", "family", "budget", "seed", "architecture"),
    *("n_parameters", "epochs", "best_epoch", "seconds"),
    *("validation_accuracy", "validation_loss", "test_accuracy"),
)
TEXT = ("study", "status", "loss", "family", "budget", "architecture")
#: What all trials of one study have in common.
SHARED = ("study", "loss", "family", "budget")
LARGEST = 2**63 - 1

Count = Annotated[int, Field(ge=0, le=LARGEST)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]


class Trial(BaseModel):
    """One trained net, as its ``metrics.json`` tells it; keys that no table needs are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)

    study: Name
    trial: Count
    round: Count
    status: Literal["finished", "diverged"]
    loss: Literal["cross_entropy", "logit_l2"]
    family: Literal[("teacher", *FAMILIES)]
    budget: str | None
    seed: Count
    architecture: Annotated[str, Field(pattern=r"^[ -~]{1,500}$")]
    n_parameters: Annotated[int, Field(ge=1, le=LARGEST)]
    epochs: Count
    best_epoch: Count | None
    seconds: Annotated[float, Field(ge=0)]
    validation_accuracy: Fraction | None
    validation_loss: float | None
    test_accuracy: Fraction | None
    hyperparameters: dict[Name, int | float]
    device: Annotated[str, Field(pattern=r"^[ -~]{1,200}$")] | None = None

    @model_validator(mode="after")
    def _complete(self):
        if (self.family == "teacher") != (self.budget is None):
            raise ValueError(f"family {self.family} does not go with budget {self.budget}")
        if self.budget is not None:
            parse_budget(self.budget)
        if self.status == "finished":
            for key in ("validation_accuracy", "validation_loss", "test_accuracy"):
                if getattr(self, key) is None:
                    raise ValueError(f"a finished trial needs {key}")
        return self


def _checked(values, where):
    try:
        return Trial.model_validate(values)
    except ValidationError as error:
        raise InputError(validation_message(error, where)) from None


def read_metrics(path):
    """One trial from its ``metrics.json``.

    Returns
    -------
    Trial

    Raises
    ------
    InputError
        In one line: the file, the key, what was expected and what was found.
    """
    return _checked(read_json(path, FORMAT), path)


def trials_frame(trials, where):
    """Tidy frame of one study.

    Parameters
    ----------
    trials : sequence of Trial
        In any order.
    where : str
        What the errors name.

    Returns
    -------
    DataFrame, one row a trial
        See the module's notation.

    Raises
    ------
    InputError
        If there is no trial, a trial number comes twice, or the trials are not of one study.
    """
    if not trials:
        raise InputError(f"{where}: expected at least one trial, found none")
    trials = sorted(trials, key=lambda trial: trial.trial)
    for before, after in itertools.pairwise(trials):
        if before.trial == after.trial:
            raise InputError(f"{where}: trial {after.trial} comes twice")
        for key in SHARED:
            first, second = getattr(before, key), getattr(after, key)
            if first != second:
                raise InputError(
                    f"{where}: expected trials of one study, found {key} {first!r} (trial {before.trial}) "
                    f"and {second!r} (trial {after.trial})"
                )
    names = sorted({name for trial in trials for name in trial.hyperparameters})
    columns = {column: [getattr(trial, column) for trial in trials] for column in COLUMNS}
    columns |= {PREFIX + name: [trial.hyperparameters.get(name) for trial in trials] for name in names}
    frame = pd.DataFrame(columns, dtype=object)
    for column in ("trial", "round", "seed", "n_parameters", "epochs"):
        frame[column] = frame[column].astype("int64")
    for column in ("seconds", "validation_accuracy", "validation_loss", "test_accuracy"):
        frame[column] = frame[column].astype("float64")
    return frame


def write_trials(path, frame):
    """Write a study's frame as ``trials.csv``, with a column ``digest`` that holds the same in each row.

    It is the SHA-256 of all other cells, so that a row that is changed or lost is noticed.
    """
    header, *rows = csv.reader(frame.to_csv(index=False, lineterminator="\n").splitlines())
    digest = digest_json([header, *rows])
    write_csv(path, frame.assign(**{DIGEST: digest}))


def _number_or_text(text):
    """The number that a cell holds; other text stays, for the model to refuse it by its key."""
    if re.fullmatch(r"-?\d{1,300}", text, re.ASCII):
        return int(text)
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?(e[+-]?\d+)?", text, re.ASCII) else text


def _trial_of_row(row, where):
    values = {key: row[key] if key in TEXT else _number_or_text(row[key]) for key in COLUMNS}
    values = {key: None if value == "" else value for key, value in values.items()}
    values["hyperparameters"] = {
        key.removeprefix(PREFIX): _number_or_text(text)
        for key, text in row.items()
        if key.startswith(PREFIX) and text != ""
    }
    return _checked(values, where)


def read_trials(path):
    """Trials of one study from its ``trials.csv``.

    Returns
    -------
    DataFrame, one row a trial
        See the module's notation; equal to the frame that was written.

    Raises
    ------
    InputError
        In one line: the file and line, the column, what was expected and what was found.
    """
    header, rows = read_rows(path)
    known = all(column in COLUMNS or column.startswith(PREFIX) for column in header[:-1])
    if (
        not known
        or len(set(header)) != len(header)
        or not set(COLUMNS) <= set(header)
        or header[-1:] != [DIGEST]
    ):
        raise InputError(f"{path}: expected the columns of a trials.csv, {', '.join((*COLUMNS, DIGEST))}")
    trials = []
    for line, row in rows:
        trials.append(_trial_of_row(dict(zip(header, row, strict=True)), f"{path} line {line}"))
    _check_digest(path, header, [row for _, row in rows])
    return trials_frame(trials, path)


def _check_digest(path, header, rows):
    found = digest_json([header[:-1], *(row[:-1] for row in rows)])
    for row in rows:
        if row[-1] != found:
            raise InputError(
                f"{path}: was changed after it was written: expected digest {row[-1][:16]}, got {found[:16]}"
            )


def read_studies(paths, loss, what):
    """Student studies, each from its ``trials.csv``.

    Parameters
    ----------
    paths : sequence of path
    loss : {"logit_l2", "cross_entropy"}
        What all of them must have been trained with.
    what : str
        What the errors call them.

    Returns
    -------
    dict of (str, str) to DataFrame
        Family and budget -> trials, in the order of the paths.

    Raises
    ------
    InputError
        If a file is of other nets, a hard-label net is no CNN, or two are of the same family and budget.
    """
    studies = {}
    for path in paths:
        frame = read_trials(path)
        study, found, family, budget = (frame[key].iloc[0] for key in SHARED)
        if family == "teacher" or found != loss:
            raise InputError(f"{path}: expected {what} (loss {loss}), found study {study} (loss {found})")
        if loss == "cross_entropy" and family not in CNN_FAMILIES:
            raise InputError(f"{path}: the paper trains only CNNs on hard labels, found {family}")
        if (family, budget) in studies:
            raise InputError(f"{path}: a second study of {family} at {budget}")
        studies[family, budget] = frame
    return studies


def read_teachers(path):
    """Frame of the teachers' ``trials.csv``; an `InputError` if it holds other nets."""
    frame = read_trials(path)
    if frame["family"].iloc[0] != "teacher":
        raise InputError(f"{path}: expected teachers, found study {frame['study'].iloc[0]}")
    return frame


def ranked_trials(trials):
    """Finished trials, best first: higher validation accuracy, then lower validation loss, then lower number.

    Test accuracy chooses nothing, and a diverged trial is never in.
    """
    finished = trials[trials["status"] == "finished"]
    order = ["validation_accuracy", "validation_loss", "trial"]
    return finished.sort_values(order, ascending=[False, True, True]).reset_index(drop=True)


def best_trial(trials):
    """The best trial's row, or None where no trial finished; see `ranked_trials`."""
    ranked = ranked_trials(trials)
    return None if ranked.empty else ranked.iloc[0]


def percent(fraction):
    """Percent with the two decimals of the paper's tables."""
    return round(100 * float(fraction), 2)
