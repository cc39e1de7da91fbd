import pytest

from mimic.models.architecture import count_parameters
from mimic.models.budget import BudgetError, scale_ratios, solve_width
from mimic.models.student_mlp import mlp_architecture


def perceptron(width):
    return mlp_architecture([width], 10)


def test_the_width_meets_its_budget_exactly_where_it_can():
    """A hidden unit of the plain perceptron costs 3072 + 1 + 10; the logits' biases 10."""
    assert solve_width(perceptron, 3083 * 7 + 10) == 7
    assert solve_width(perceptron, 3083 * 7 + 9) == 6
    assert solve_width(perceptron, 3083 * 8 + 9) == 7
    assert solve_width(perceptron, 3083 + 10) == 1


def test_a_budget_below_the_smallest_net_is_refused_with_both_numbers():
    with pytest.raises(BudgetError, match=r"3,093 parameters, more than the budget of 3,092"):
        solve_width(perceptron, 3092)


def test_a_budget_beyond_the_widest_layer_is_refused():
    """A million units is the most a layer may have; the net would stay far below its budget."""
    assert solve_width(perceptron, 3083 * 1_000_000 + 10) == 1_000_000
    with pytest.raises(BudgetError, match="1,000,000"):
        solve_width(perceptron, 3083 * 1_000_001 + 10)


def test_a_width_between_the_last_power_of_two_and_the_limit_is_found():
    assert solve_width(perceptron, 3083 * 900_000 + 10) == 900_000


def several_layers(widths):
    return mlp_architecture(widths, 10)


def test_ratios_are_kept_and_the_last_layer_takes_what_is_left():
    budget = 1_000_000
    first, last = scale_ratios([0.5, 1.0], several_layers, budget)
    # largest f with 3073 f + (f + 1) 2f + 10 (2f + 1) <= 10^6 (the layers are f and 2f): 274 by hand
    cost = [3073 * f + (f + 1) * 2 * f + 10 * (2 * f + 1) for f in (274, 275)]
    assert cost[0] <= budget < cost[1]
    assert first == 274
    assert count_parameters(several_layers([first, last])) <= budget
    assert count_parameters(several_layers([first, last + 1])) > budget
    assert last >= 2 * first


def test_only_the_ratio_of_ratios_matters():
    assert scale_ratios([0.1, 0.3, 0.2], several_layers, 10**6) == scale_ratios(
        [0.2, 0.6, 0.4], several_layers, 10**6
    )


def test_a_thin_layer_keeps_one_unit():
    widths = scale_ratios([1.0, 1e-9, 1.0], several_layers, 200_000)
    assert widths[1] == 1
    assert count_parameters(several_layers(widths)) <= 200_000


def test_a_budget_below_one_unit_a_layer_is_refused():
    with pytest.raises(BudgetError, match="more than the budget of 3,000"):
        scale_ratios([1.0, 1.0], several_layers, 3000)


def test_ratios_beyond_the_widest_layer_are_refused():
    with pytest.raises(BudgetError, match="1,000,000"):
        scale_ratios([1.0, 1e-6], several_layers, 10**14)
