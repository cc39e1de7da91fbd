from mimic.models.architecture import count_parameters, notation
from mimic.models.student_mlp import mlp_architecture


def test_a_perceptron_counted_by_hand():
    """3072*7 + 7*9+9 + 9*10+10, the bottleneck without biases."""
    net = mlp_architecture([9], 10, bottleneck=7)
    assert notation(net) == "7lfc-9fc"
    assert count_parameters(net) == 21504 + 72 + 100


def test_layers_stand_in_the_order_given():
    net = mlp_architecture([5, 6, 7], 10)
    assert notation(net) == "5fc-6fc-7fc"
    assert count_parameters(net) == 3073 * 5 + 6 * 6 + 7 * 7 + 8 * 10
