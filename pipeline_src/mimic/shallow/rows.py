"""Tables of nets: a row a net in ``losses.csv``, a row an order of a net in ``expansion.csv``.

Files may come from a colleague, so each row passes a closed check. Empty cells are None in the models and NaN
in the frames; accuracies are fractions, losses cross-entropies in nats.
"""

import math
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mimic.cli import MAKE_AGAIN, InputError, validation_message
from mimic.config.shallow import LAYOUTS, DatasetName
from mimic.tables import read_rows

_MOST = 2**53  # whole numbers that a float64 holds

Count = Annotated[int, Field(ge=0, le=_MOST)]
Size = Annotated[int, Field(ge=1, le=_MOST)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Loss = Annotated[float, Field(ge=0)]
Word = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.\-]{1,64}$")]


class NetRow(BaseModel):
    """What a net is."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    dataset: DatasetName
    group: Word
    net: Count = Field(description="Row in the group's file")
    layout: Literal[LAYOUTS]
    n_layers: Size
    n_filters: Size
    kernel_size: Size
    batch_norm: bool
    padding: Word
    activation: Word
    initialiser: Word
    optimiser: Word
    learning_rate: Annotated[float, Field(gt=0)]
    seed: Count


class LossRow(NetRow):
    """How a net was trained to the end; a diverged one has no numbers."""

    n_parameters: Size
    q: Annotated[float, Field(gt=0, description="Examples x outputs / parameters")]
    status: Literal["finished", "diverged"]
    train_loss: Loss | None
    train_accuracy: Fraction | None
    validation_loss: Loss | None
    validation_accuracy: Fraction | None
    best_validation_loss: Loss | None = Field(description="Lowest of all epochs")
    best_epoch: Size | None = Field(description="Its epoch, counted from 1")

    @model_validator(mode="after")
    def _numbers_where_finished(self):
        for key in MEASURED:
            if (getattr(self, key) is None) != (self.status == "diverged"):
                raise ValueError(f"{key} does not go with status {self.status}")
        return self


#: What a diverged net does not have.
MEASURED = tuple(list(LossRow.model_fields)[-6:])
REST = "rest"


class OrderRow(NetRow):
    """An order of a sequential net; see `mimic.shallow.expansion.Expansion`."""

    n_images: Size
    order: Annotated[str, Field(pattern=r"^([0-9]|[1-9][0-9]|rest)$")]
    feature_norm: Annotated[float, Field(ge=0)] | None
    feature_share: Annotated[float, Field(le=1)] | None
    logit_norm: Annotated[float, Field(ge=0)] | None
    logit_share: Annotated[float, Field(le=1)] | None
    accuracy: Fraction
    cross_entropy: Loss


def columns_of(model):
    """Names of a table's columns, in order."""
    return tuple(model.model_fields)


def net_columns(group, index, net):
    """Cells that say what a net of a group is.

    Parameters
    ----------
    group : mimic.shallow.store.Group
    index : int
    net : mimic.shallow.grid.NetSettings

    Returns
    -------
    dict of str to value
    """
    found = {"dataset": group.dataset, "group": group.name, "net": index}
    for name in columns_of(NetRow)[3:]:
        found[name] = getattr(net if hasattr(net, name) else group.settings, name)
    return found


def frame_of(rows, model):
    """Frame of dicts, one a row, with a model's columns."""
    return pd.DataFrame(
        [{**dict.fromkeys(columns_of(model)), **row} for row in rows], columns=columns_of(model)
    )


def read_table(path, model):
    """Rows of a table, checked.

    Parameters
    ----------
    path : path
    model : type
        `LossRow` or `OrderRow`.

    Returns
    -------
    DataFrame
        Columns of the model; empty where there are no rows.

    Raises
    ------
    InputError
        In one line: the file and line, the column, what was expected and what was found.
    """
    header, rows = read_rows(path)
    if tuple(header) != columns_of(model):
        raise InputError(f"{path}: expected the columns {', '.join(columns_of(model))}")
    found = []
    for line, row in rows:
        cells = {key: cell if cell else None for key, cell in zip(header, row, strict=True)}
        try:
            found.append(model.model_validate(cells).model_dump())
        except ValidationError as error:
            raise InputError(validation_message(error, f"{path} line {line}")) from None
    frame = frame_of(found, model)
    for name in columns_of(model)[len(columns_of(NetRow)) :]:
        if name not in ("status", "order"):
            frame[name] = pd.to_numeric(frame[name])
    return frame


def read_losses(path):
    """Rows of ``losses.csv``, checked; see `read_table`.

    Raises
    ------
    InputError
        If a row is wrong, a net of a group comes twice, or there is no net.
    """
    losses = read_table(path, LossRow)
    if losses.empty:
        raise InputError(f"{path}: expected a row a net, found none; {MAKE_AGAIN}")
    twice = losses[losses.duplicated(["group", "net"])]
    if len(twice):
        row = twice.iloc[0]
        raise InputError(
            f"{path}: net: expected each of a group once, got net {row['net']} of {row['group']} twice"
        )
    return losses


def finite_or_none(value):
    """A number for a cell: None where it is none."""
    return value if math.isfinite(value) else None
