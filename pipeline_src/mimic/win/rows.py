"""What the tables read of a net's metrics, which are untrusted."""

from typing import Annotated, Literal

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


def summary(accuracies):
    """Columns of some repetitions: how many, their mean in percent, their standard deviation (n - 1).

    Parameters
    ----------
    accuracies : Series of float
        Fractions.
    """
    return {
        "n_seeds": len(accuracies),
        "top1_pct": 100 * accuracies.mean(),
        "top1_sd": 100 * accuracies.std(),
    }


def as_printed(table, columns, decimals=2):
    """The table as text: numbers of some columns with so many decimals, empty where there is none."""
    texts = table.astype(object)
    for name in columns:
        texts[name] = [
            "" if value is None or value != value else f"{value:.{decimals}f}" for value in table[name]
        ]
    return texts
