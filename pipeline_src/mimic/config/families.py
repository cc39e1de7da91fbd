"""Names of the student families, and budgets as they are written."""

import re
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

CNN_FAMILIES = ("cnn1", "cnn2", "cnn3", "cnn4")
MLP_FAMILIES = ("mlp1", "mlp2", "mlp3", "mlp4", "mlp5")
FAMILIES = MLP_FAMILIES + CNN_FAMILIES
Family = Literal[FAMILIES]


def parse_budget(label):
    """Number of parameters of a budget written as ``316k``, ``3.16M`` or ``10M``.

    Raises
    ------
    ValueError
        If the label is written otherwise, or is no whole number of parameters.
    """
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)([kM])", str(label))
    if not match:
        raise ValueError("expected a budget such as 316k, 3.16M or 10M")
    count = Decimal(match[1]) * {"k": 1000, "M": 1_000_000}[match[2]]
    if count != int(count) or count == 0:
        raise ValueError("expected a whole, positive number of parameters")
    return int(count)


def _checked_budget(label):
    parse_budget(label)
    return label


Budget = Annotated[
    str,
    AfterValidator(_checked_budget),
    Field(description="Trainable parameters, biases included: 316k, 3.16M, 10M"),
]
