import pytest
import torch

from mimic.models.architecture import Architecture, Bottleneck, Dense, count_parameters, notation
from mimic.models.bottleneck import absorb_bottleneck
from mimic.models.net import new_net
from mimic.models.student_cnn import cnn_architecture
from mimic.models.student_mlp import mlp_architecture

CNN1 = cnn_architecture("cnn1", {"conv1": 4, "bottleneck": 6, "hidden": 9}, 10)
MLP1 = mlp_architecture([9], 10, bottleneck=5)
IMAGES = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def with_biases(net):
    generator = torch.Generator().manual_seed(2)
    for name, tensor in net.state_dict().items():
        if name.endswith("bias"):
            tensor.copy_(torch.randn(tensor.shape, generator=generator))
    return net


@pytest.mark.parametrize("architecture", [CNN1, MLP1], ids=["cnn1", "mlp1"])
@torch.no_grad()
def test_outputs_stay_equal_in_float32_and_in_float64(architecture):
    net = with_biases(new_net(architecture, 1.0, 0, input_scale=1.2))
    plain = absorb_bottleneck(net)
    # relative to the logits' size: the rounding of sums of 3,072 products in float32
    torch.testing.assert_close(plain(IMAGES), net(IMAGES), rtol=1e-5, atol=1e-5)
    net = net.double()
    difference = (absorb_bottleneck(net)(IMAGES.double()) - net(IMAGES.double())).abs().max()
    assert difference <= 1e-10


def test_the_bottleneck_is_gone_and_the_count_is_that_of_the_plain_net():
    net = new_net(MLP1, 1.0, 0)
    plain = absorb_bottleneck(net)
    assert notation(plain.architecture) == "9fc"
    assert sum(p.numel() for p in plain.parameters()) == 3073 * 9 + 100
    assert count_parameters(plain.architecture) == 3073 * 9 + 100
    assert count_parameters(net.architecture) == 3072 * 5 + 6 * 9 + 100


def test_the_net_itself_is_left_as_it_is():
    net = new_net(CNN1, 1.0, 0).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    plain = absorb_bottleneck(net)
    assert plain.training
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.add_(1)
    assert all(torch.equal(before[name], tensor) for name, tensor in net.state_dict().items())


@torch.no_grad()
def test_bottlenecks_in_a_row_and_before_the_logits_are_absorbed_too():
    architecture = Architecture((Bottleneck(6), Bottleneck(5), Dense(8), Bottleneck(3)), 10)
    net = with_biases(new_net(architecture, 1.0, 0)).double()
    plain = absorb_bottleneck(net)
    assert notation(plain.architecture) == "8fc"
    torch.testing.assert_close(plain(IMAGES.double()), net(IMAGES.double()), rtol=1e-10, atol=1e-10)


@torch.no_grad()
def test_a_net_without_a_bottleneck_stays_the_same_function():
    net = with_biases(new_net(mlp_architecture([4, 5], 10), 1.0, 0))
    assert torch.equal(absorb_bottleneck(net)(IMAGES), net(IMAGES))
