"""The tables of step win and its trainings as the page reads them: each row through a closed check.

The columns are those that the step writes, which the report does not import: a page is made without what
trains nets.
"""

import math
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mimic.cli import InputError, validation_message
from mimic.config.win import Depth, Divide
from mimic.tables import read_rows

METHODS = ("Vanilla", "KD", "WIN")
ROLES = ("teacher", "student")
#: A training of a million epochs is none; neither is a table of more nets than the config can name.
MAX_BYTES = 2**24

_DEPTHS = "|".join(map(str, get_args(Depth)))
_DIVISORS = "|".join(str(divide) for divide in get_args(Divide) if divide > 1)
Model = Annotated[str, Field(pattern=rf"^ResNet({_DEPTHS})(-1/({_DIVISORS}))?$")]
Count = Annotated[int, Field(ge=1, le=2**53)]
Percent = Annotated[float, Field(ge=0, le=100)]
Spread = Annotated[float, Field(ge=0, le=100)]


def printed_name(depth, divide):
    """A thin net's name in the tables, such as ``ResNet50-1/4``."""
    return f"ResNet{depth}" if divide == 1 else f"ResNet{depth}-1/{divide}"


def folder_name(depth, divide):
    """The folder of a thin net's trainings, such as ``resnet50-1of4``."""
    return printed_name(depth, divide).lower().replace("/", "of")


class _Checked(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class SizeRow(_Checked):
    """A row of ``table1.csv``."""

    model: Model
    role: Literal[ROLES]
    parameters: Count
    paper_parameters: Count | None
    multiply_adds: Count
    paper_multiply_adds: Count | None


class _AccuracyRow(_Checked):
    model: Model

    @model_validator(mode="after")
    def _cells_fit(self):
        if (self.top1_sd is None) != (self.n_seeds == 1):
            raise ValueError(f"top1_sd does not go with n_seeds {self.n_seeds}")
        if (self.difference is None) != (self.paper_top1_pct is None):
            raise ValueError("difference does not go with paper_top1_pct")
        if self.difference is not None:
            expected = self.top1_pct - self.paper_top1_pct
            if not math.isclose(self.difference, expected, abs_tol=0.011):  # two rounded decimals
                raise ValueError("difference: expected top1_pct less paper_top1_pct")
        return self


class MethodRow(_AccuracyRow):
    """A row of ``table2.csv``."""

    method: Literal[METHODS]
    n_parameters: Count
    n_seeds: Count
    top1_pct: Percent
    top1_sd: Spread | None
    paper_top1_pct: Percent | None
    difference: float | None


class WidthRow(_AccuracyRow):
    """A row of ``table3.csv``."""

    teacher_width: Annotated[int, Field(ge=2, le=16)]
    role: Literal[ROLES]
    n_parameters: Count
    n_seeds: Count
    top1_pct: Percent
    top1_sd: Spread | None
    paper_top1_pct: Percent | None
    difference: float | None


class BlockEpoch(_Checked):
    """An epoch of stage 2: mean square of a block's difference from the teacher's, and its share of that."""

    epoch: Count
    discrepancy: Annotated[float, Field(ge=0)]
    relative_discrepancy: Annotated[float, Field(ge=0)] | None = None


class NetEpoch(_Checked):
    """An epoch of a training that is judged on the test images."""

    epoch: Count
    test_accuracy: Annotated[float, Field(ge=0, le=1)]


def _checked(path, model, keys, whole):
    """Rows of a table as `model`; none twice, and with `whole` no other column than the model's."""
    if Path(path).stat().st_size > MAX_BYTES:
        raise InputError(f"{path}: expected a table of at most {MAX_BYTES:,} bytes")
    header, rows = read_rows(path)
    columns = tuple(name for name, field in model.model_fields.items() if field.is_required())
    if set(columns) - set(header) or len(set(header)) < len(header) or (whole and len(header) > len(columns)):
        raise InputError(f"{path}: expected the columns {', '.join(columns)}")
    found, seen = [], set()
    for line, row in rows:
        cells = {key: cell if cell else None for key, cell in zip(header, row, strict=True)}
        try:
            checked = model.model_validate(cells)
        except ValidationError as error:
            raise InputError(validation_message(error, f"{path} line {line}")) from None
        key = tuple(getattr(checked, name) for name in keys)
        if key in seen:
            raise InputError(f"{path} line {line}: {', '.join(keys)}: expected each once, got them twice")
        seen.add(key)
        found.append(checked)
    return found


def read_sizes(path):
    """Rows of ``table1.csv``: a list of `SizeRow`; an `InputError` names what is wrong."""
    return _checked(path, SizeRow, ("model", "role"), whole=True)


def read_methods(path):
    """Rows of ``table2.csv``: a list of `MethodRow`; an `InputError` names what is wrong."""
    return _checked(path, MethodRow, ("model", "method"), whole=True)


def read_widths(path):
    """Rows of ``table3.csv``: a list of `WidthRow`; an `InputError` names what is wrong."""
    return _checked(path, WidthRow, ("model", "teacher_width", "role"), whole=True)


def read_block(path):
    """Epochs of a block's ``history.csv``: a list of `BlockEpoch`."""
    return _epochs(path, BlockEpoch)


def read_accuracies(path):
    """Test accuracies, in percent, of a net's ``history.csv``, epoch by epoch: a list of float."""
    return [100 * row.test_accuracy for row in _epochs(path, NetEpoch)]


def _epochs(path, model):
    rows = _checked(path, model, ("epoch",), whole=False)
    if [row.epoch for row in rows] != list(range(1, len(rows) + 1)):
        raise InputError(f"{path}: expected epochs 1, 2, 3 and so on")
    return rows
