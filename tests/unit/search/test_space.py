import math

import pytest

from mimic.config.base import Range, WidthRange
from mimic.search.space import Dimension, dimension_of


def test_the_ends_and_the_middle_of_a_range_are_where_they_belong():
    linear, log = Dimension("a", 1.0, 9.0), Dimension("a", 1.0, 9.0, log=True)
    assert [linear.from_unit(u) for u in (0.0, 0.5)] == [1.0, 5.0]
    assert [log.from_unit(u) for u in (0.0, 0.5)] == pytest.approx([1.0, 3.0])
    last = math.nextafter(1.0, 0.0)
    assert linear.from_unit(last) == pytest.approx(9.0)
    assert linear.from_unit(last) <= 9.0
    assert log.from_unit(last) <= 9.0


def test_every_whole_number_has_an_equal_share():
    dimension = Dimension("n", 3, 6, integer=True)
    values = [dimension.from_unit((i + 0.5) / 400) for i in range(400)]
    assert {n: values.count(n) for n in values} == {3: 100, 4: 100, 5: 100, 6: 100}
    assert all(isinstance(value, int) for value in values)
    assert dimension.from_unit(math.nextafter(1.0, 0.0)) == 6


@pytest.mark.parametrize("log", [False, True])
def test_a_fixed_range_has_one_value(log):
    # exp(log(x)) may miss x by a bit; the range may not
    dimension = Dimension("a", 0.0013, 0.0013, log=log)
    assert {dimension.from_unit(u / 7) for u in range(7)} == {0.0013}


@pytest.mark.parametrize(
    ("value", "inside"),
    [(3, True), (6, True), (4.0, True), (2, False), (7, False), (4.5, False), ("4", False), (None, False)],
)
def test_a_value_is_inside_or_not(value, inside):
    assert Dimension("n", 3, 6, integer=True).contains(value) == inside


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, [0.5], {}])
def test_what_is_no_number_of_the_range_is_outside(value):
    assert not Dimension("a", 0.0, 2.0).contains(value)


def test_dimensions_come_from_the_config():
    assert dimension_of("a", Range(low=0.1, high=1, scale="log")) == Dimension("a", 0.1, 1.0, log=True)
    assert dimension_of("a", Range(low=0, high=1, scale="linear")) == Dimension("a", 0.0, 1.0)
    assert dimension_of("n", WidthRange(low=3, high=6)) == Dimension("n", 3, 6, integer=True)
