"""What all sections share: closed, frozen models and ranges of hyperparameters."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

#: Filters or units that a layer may have at most.
MAX_WIDTH = 1_000_000
Fraction = Annotated[float, Field(ge=0, le=1)]


class Settings(BaseModel):
    """Base of all sections: frozen, no unknown keys, no silent conversions between types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Range(Settings):
    """Range of one hyperparameter of a search; ``low`` = ``high`` fixes it."""

    low: float = Field(strict=False)
    high: float = Field(strict=False)
    scale: Literal["linear", "log"]

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError(f"low {self.low} exceeds high {self.high}")
        if self.scale == "log" and self.low <= 0:
            raise ValueError(f"a log scale needs low > 0, got {self.low}")
        return self


def _ends_within(ge=-math.inf, gt=-math.inf, le=math.inf, lt=math.inf):
    """A `Range` with limits, which the schema tells: a net must be built and trained at both of its ends."""
    signs = {">=": ge, ">": gt, "<=": le, "<": lt}
    limits = " and ".join(f"{sign} {limit:g}" for sign, limit in signs.items() if math.isfinite(limit))

    def check(item):
        for end in (item.low, item.high):
            if not (ge <= end <= le and gt < end < lt):
                raise ValueError(f"expected values {limits}, got {end:g}")
        return item

    return Annotated[Range, AfterValidator(check), Field(json_schema_extra={"ends": limits})]


PositiveRange = _ends_within(gt=0)
MomentumRange = _ends_within(ge=0, lt=1)
DecayRange = _ends_within(ge=0)
DropoutRange = _ends_within(ge=0, lt=1)
HueRange = _ends_within(ge=0, le=0.5)
FractionRange = _ends_within(ge=0, le=1)
ScaleRange = _ends_within(ge=0, le=10)


class WidthRange(Settings):
    """Whole-number range of a layer's width."""

    low: int = Field(ge=1, le=MAX_WIDTH)
    high: int = Field(ge=1, le=MAX_WIDTH)

    @model_validator(mode="after")
    def _ordered(self):
        if self.low > self.high:
            raise ValueError(f"low {self.low} exceeds high {self.high}")
        return self
