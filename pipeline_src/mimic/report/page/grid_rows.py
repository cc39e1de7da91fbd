"""The tables of step shallow as the page reads them: each row through a closed check.

The columns are those that the step writes, which the report does not import: a page is made without what
trains nets. Cells that the page shows are checked; the others only tell nets apart.
"""

import math
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mimic.cli import InputError, validation_message
from mimic.config.shallow import LAYOUTS, DatasetName
from mimic.tables import read_rows

REST = "rest"
_NET = (
    *("dataset", "group", "net", "layout", "n_layers", "n_filters", "kernel_size", "batch_norm", "padding"),
    *("activation", "initialiser", "optimiser", "learning_rate", "seed"),
)
#: What two nets of a pair have in common; they differ in layout.
PAIR = tuple(name for name in _NET if name not in ("net", "layout"))
LOSS_COLUMNS = (
    *_NET,
    *("n_parameters", "q", "status", "train_loss", "train_accuracy", "validation_loss"),
    *("validation_accuracy", "best_validation_loss", "best_epoch"),
)
ORDER_COLUMNS = (
    *(*_NET, "n_images", "order", "feature_norm", "feature_share", "logit_norm", "logit_share"),
    *("accuracy", "cross_entropy"),
)

Count = Annotated[int, Field(ge=0, le=2**53)]
Size = Annotated[int, Field(ge=1, le=2**53)]
Loss = Annotated[float, Field(ge=0)]


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)

    dataset: DatasetName
    layout: Literal[LAYOUTS]


class _NetRow(_Row):
    net: Count
    n_layers: Size
    n_filters: Size


class LossRow(_NetRow):
    """A net of ``losses.csv``; a diverged one has no losses."""

    q: Annotated[float, Field(gt=0)]
    status: Literal["finished", "diverged"]
    train_loss: Loss | None
    validation_loss: Loss | None

    @model_validator(mode="after")
    def _losses_where_finished(self):
        for key in ("train_loss", "validation_loss"):
            if (getattr(self, key) is None) != (self.status == "diverged"):
                raise ValueError(f"{key} does not go with status {self.status}")
        return self


class OrderRow(_NetRow):
    """An order of a net of ``expansion.csv``; shares have no lower bound."""

    order: Annotated[str, Field(pattern=r"^([0-9]|[1-9][0-9]|rest)$")]
    feature_share: Annotated[float, Field(le=1)] | None
    accuracy: Annotated[float, Field(ge=0, le=1)]


class IntervalRow(_Row):
    """A row of ``table2.csv``; the last interval has no end."""

    q_low: Annotated[float, Field(ge=0)]
    q_high: Annotated[float, Field(gt=0, allow_inf_nan=True)]
    n_nets: Count
    n_diverged: Count
    train_loss: Loss | None
    train_loss_sd: Loss | None
    paper_train_loss: Loss | None
    train_loss_difference: float | None
    validation_loss: Loss | None
    validation_loss_sd: Loss | None
    paper_validation_loss: Loss | None
    validation_loss_difference: float | None

    @model_validator(mode="after")
    def _cells_fit(self):
        if not self.q_low < self.q_high:
            raise ValueError("q_high: expected more than q_low")
        for loss in ("train_loss", "validation_loss"):
            value, published = getattr(self, loss), getattr(self, f"paper_{loss}")
            difference = getattr(self, f"{loss}_difference")
            for name, has, wanted in (
                (loss, value is not None, self.n_nets > 0),
                (f"{loss}_sd", getattr(self, f"{loss}_sd") is not None, self.n_nets > 1),
                (f"{loss}_difference", difference is not None, None not in (value, published)),
            ):
                if has != wanted:
                    raise ValueError(f"{name} does not go with the other cells of its row")
            if difference is not None and not math.isclose(difference, value - published, abs_tol=2e-5):
                raise ValueError(f"{loss}_difference: expected {loss} less paper_{loss}")
        return self


INTERVAL_COLUMNS = tuple(IntervalRow.model_fields)


def _read(path, columns, model, *keys):
    """Frame of a table's columns: those of the model checked, the others as text; no key twice.

    Each of `keys` is a list of columns that no two rows agree in.
    """
    header, rows = read_rows(path)
    if tuple(header) != columns:
        raise InputError(f"{path}: expected the columns {', '.join(columns)}")
    found, seen = [], set()
    for line, row in rows:
        cells = {key: cell if cell else None for key, cell in zip(header, row, strict=True)}
        try:
            cells |= model.model_validate(cells).model_dump()
        except ValidationError as error:
            raise InputError(validation_message(error, f"{path} line {line}")) from None
        for names in keys:
            key = (names, *(cells[name] for name in names))
            if key in seen:
                raise InputError(
                    f"{path} line {line}: {', '.join(names)}: expected each once, got them twice"
                )
            seen.add(key)
        found.append(cells)
    frame = pd.DataFrame(found, columns=columns)
    for name in model.model_fields:
        if name.endswith(("loss", "share", "_sd", "_difference")):
            frame[name] = pd.to_numeric(frame[name])  # not objects, where some are None
    return frame


def read_losses(path):
    """Nets of ``losses.csv``: a DataFrame with `LOSS_COLUMNS`; an `InputError` names what is wrong."""
    return _read(path, LOSS_COLUMNS, LossRow, ("group", "net"), (*PAIR, "layout"))


def read_intervals(path):
    """Rows of ``table2.csv``: a DataFrame with `INTERVAL_COLUMNS`; an `InputError` names what is wrong."""
    return _read(path, INTERVAL_COLUMNS, IntervalRow, ("dataset", "layout", "q_low"))


def read_orders(path):
    """Orders of ``expansion.csv``: a DataFrame with `ORDER_COLUMNS`; an `InputError` names what is wrong."""
    return _read(path, ORDER_COLUMNS, OrderRow, ("dataset", "group", "net", "order"))
