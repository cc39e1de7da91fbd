"""What the tables read of a net's metrics, which are untrusted."""

from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mimic.cli import InputError, validation_message
from mimic.config.win import Depth, Divide, Widen
from mimic.win.names import net_name, printed_name
from mimic.win.store import read_metrics

#: Stages that give a net, and the method that tables call it.
METHODS = {"train_vanilla": "Vanilla", "train_kd": "KD", "merge": "WIN"}
Accuracy = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class NetMetrics(BaseModel):
    """A net that was trained; other keys are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    stage: Literal["train_wide", "train_vanilla", "train_kd", "merge"]
    depth: Depth
    divide: Divide
    widen: Widen | None = None
    repetition: int | None = Field(default=None, ge=0)
    n_parameters: int = Field(ge=1)
    test_accuracy: Accuracy

    @property
    def model(self):
        """Name as the paper prints it."""
        return printed_name(net_name(self.depth, self.divide))


def read_nets(paths):
    """Metrics of nets.

    Parameters
    ----------
    paths : sequence of path

    Returns
    -------
    list of NetMetrics

    Raises
    ------
    InputError
        In one line: the file, its key, what was expected and what was found.
    """
    found = []
    for path in paths:
        try:
            found.append(NetMetrics.model_validate(read_metrics(path)))
        except ValidationError as error:
            raise InputError(validation_message(error, path)) from None
    return found


def tabulated(nets, keys, order, published, columns):
    """A table with a row for each kind of net.

    Parameters
    ----------
    nets : sequence of NetMetrics
    keys : dict of str to callable
        Columns that tell kinds apart, and their value for a net; the first is its model.
    order : dict of str to sequence
        Values of a column in the order of its rows; models are in that in which they come, others sorted.
    published : dict of tuple to float
        The paper's accuracy in percent by these values; empty where none is to stand beside.
    columns : tuple of str
        Of the table.

    Returns
    -------
    DataFrame
        Accuracies in percent, of the test images: mean and standard deviation (n - 1) over seeds, and
        measured - paper.
    """
    kinds = {}
    for net in nets:
        kinds.setdefault(tuple(value_of(net) for value_of in keys.values()), []).append(net)
    order = {next(iter(keys)): list(dict.fromkeys(net.model for net in nets)), **order}

    def place(kind):
        return [
            order[name].index(value) if name in order else value
            for name, value in zip(keys, kind, strict=True)
        ]

    rows = []
    for kind in sorted(kinds, key=place):
        accuracies = pd.Series([100 * net.test_accuracy for net in kinds[kind]])
        row = dict(zip(keys, kind, strict=True))
        row |= {"n_parameters": kinds[kind][0].n_parameters, "n_seeds": len(accuracies)}
        row |= {"top1_pct": accuracies.mean(), "top1_sd": accuracies.std()}
        if kind in published:
            row |= {"paper_top1_pct": published[kind], "difference": row["top1_pct"] - published[kind]}
        rows.append(row)
    return pd.DataFrame([dict.fromkeys(columns) | row for row in rows], columns=columns)


def as_printed(table, columns, decimals=2):
    """The table as text: numbers of some columns with so many decimals, empty where there is none."""
    texts = table.astype(object)
    for name in columns:
        texts[name] = [
            "" if value is None or value != value else f"{value:.{decimals}f}" for value in table[name]
        ]
    return texts
