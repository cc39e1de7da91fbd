"""Widths that meet a parameter budget (Urban 2.8): one width is dependent, solved outside the search."""

from mimic.config.base import MAX_WIDTH
from mimic.models.architecture import count_parameters


class BudgetError(ValueError):
    """No width of the dependent layer meets the budget."""


def solve_width(build, budget):
    """Largest width whose net does not exceed the budget.

    Parameters
    ----------
    build : callable, int -> Architecture
        The net for a width of the dependent layer; its count must grow with the width.
    budget : int
        Trainable parameters, biases included.

    Returns
    -------
    int
        The count at this width is at most `budget`, at the next one above it.

    Raises
    ------
    BudgetError
        If even a width of 1 exceeds the budget, or the widest layer stays below it.
    """
    smallest = count_parameters(build(1))
    if smallest > budget:
        raise BudgetError(f"the smallest net has {smallest:,} parameters, more than the budget of {budget:,}")
    low, high = 1, 2
    while high <= MAX_WIDTH and count_parameters(build(high)) <= budget:
        low, high = high, 2 * high
    high = min(high, MAX_WIDTH + 1)
    while high - low > 1:
        middle = (low + high) // 2
        if count_parameters(build(middle)) <= budget:
            low = middle
        else:
            high = middle
    if low == MAX_WIDTH:
        largest = count_parameters(build(low))
        if budget - largest >= largest - count_parameters(build(low - 1)):
            raise BudgetError(
                f"the largest net, {MAX_WIDTH:,} units wide, has {largest:,} parameters, "
                f"too few for the budget of {budget:,}"
            )
    return low


def scale_ratios(ratios, build, budget):
    """Widths in given ratios, renormalised to the budget (Urban 6.3, MLPs with several hidden layers).

    Parameters
    ----------
    ratios : sequence of float > 0
        One a layer.
    build : callable, list of int -> Architecture
    budget : int

    Returns
    -------
    list of int
        ``max(1, floor(t * ratio))`` for the largest t that meets the budget; then the last layer is
        widened as far as the budget allows. Reading: the last hidden layer is the dependent one.

    Raises
    ------
    BudgetError
        If one unit in each layer exceeds the budget, or the widest layers stay below it.
    """

    def widths_at(scale):
        return [max(1, int(scale * ratio)) for ratio in ratios]

    def fits(scale):
        widths = widths_at(scale)
        return max(widths) <= MAX_WIDTH and count_parameters(build(widths)) <= budget

    low, high = 0.0, 1.0
    while fits(high):
        low, high = high, 2 * high
    # 60 halvings leave an interval far below the distance of two scales that round differently
    for _ in range(60):
        middle = (low + high) / 2
        if fits(middle):
            low = middle
        else:
            high = middle
    first = widths_at(low)[:-1]
    last = solve_width(lambda width: build([*first, width]), budget)
    return [*first, last]
