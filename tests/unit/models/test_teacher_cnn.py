import pytest
from torch import nn

from mimic.models.architecture import count_parameters, notation
from mimic.models.net import Net
from mimic.models.teacher_cnn import teacher_architecture


@pytest.mark.parametrize(
    ("filters", "hidden_units", "n_parameters"),
    [
        ([76, 126, 148], 1200, 5_339_350),
        ([96, 171, 128], 512, 2_453_729),
        ([54, 158, 189], 1044, 5_823_101),
    ],
)
def test_the_published_teachers_have_their_published_sizes(filters, hidden_units, n_parameters):
    """Urban 2.7: the three best teachers; counts with biases (design, section 4)."""
    net = teacher_architecture(filters, hidden_units, [0.1] * 3, [0.1] * 2, 10)
    assert count_parameters(net) == n_parameters
    f1, f2, f3 = filters
    assert notation(net) == f"{f1}c^2-mp-{f2}c^2-mp-{f3}c^4-mp-{hidden_units}fc^2"


def test_dropout_stands_after_each_pool_and_each_hidden_layer():
    net = Net(teacher_architecture([2, 3, 4], 5, [0.1, 0.2, 0.3], [0.4, 0.5], 10))
    kinds = [type(module) for module in net.layers]
    before = {
        module.p: tuple(kinds[place - 2 : place])
        for place, module in enumerate(net.layers)
        if isinstance(module, nn.Dropout)
    }
    pooled, hidden = (nn.MaxPool2d, nn.ReLU), (nn.Linear, nn.ReLU)
    assert before == {0.1: pooled, 0.2: pooled, 0.3: pooled, 0.4: hidden, 0.5: hidden}
    assert sum(issubclass(kind, nn.Conv2d) for kind in kinds) == 8
    assert kinds.count(nn.Linear) == 3
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())


def test_a_rate_too_few_is_refused():
    with pytest.raises(ValueError, match="zip"):
        teacher_architecture([2, 3, 4], 5, [0.1, 0.2], [0.4, 0.5], 10)
