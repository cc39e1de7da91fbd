"""A search space: named ranges, and points in them."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Dimension:
    """Range of one hyperparameter, both ends included.

    Parameters
    ----------
    name : str
    low, high : float or int
        ``low == high`` fixes the value.
    log : bool
        Uniform in the logarithm.
    integer : bool
        Whole numbers only.
    """

    name: str
    low: float
    high: float
    log: bool = False
    integer: bool = False

    def from_unit(self, unit):
        """Value for a coordinate in [0, 1)."""
        if self.integer:
            return min(self.high, self.low + math.floor(unit * (self.high - self.low + 1)))
        if self.log:
            value = math.exp(math.log(self.low) + unit * (math.log(self.high) - math.log(self.low)))
        else:
            value = self.low + unit * (self.high - self.low)
        return min(max(value, self.low), self.high)

    def contains(self, value):
        """Whether a value, of whatever type, is a number of the range."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return self.low <= value <= self.high and (not self.integer or value == int(value))


def dimension_of(name, settings):
    """Dimension from a ``Range`` or ``WidthRange`` of the config."""
    scale = getattr(settings, "scale", None)
    return Dimension(name, settings.low, settings.high, log=scale == "log", integer=scale is None)
