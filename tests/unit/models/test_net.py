import math

import pytest
import torch
from torch import nn

from mimic.models.architecture import Architecture, Bottleneck, Conv, Dense, Dropout, Pool
from mimic.models.net import Net, new_net
from mimic.training.devices import Device

ARCHITECTURE = Architecture((Conv(8, 5), Pool(2), Bottleneck(20), Dense(30)), 10)


def aligned(net, alignment):
    """As on a device that wants it."""
    return Device(torch.device("cpu"), torch.float32, False, alignment=alignment).place(net)


def weighted(net):
    return [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("scale", [0.4, 1.0, 2.0])
def test_weights_are_uniform_within_glorot_s_bound_times_the_scale(scale):
    for module in weighted(new_net(ARCHITECTURE, scale, seed=3)):
        field = module.kernel_size[0] ** 2 if isinstance(module, nn.Conv2d) else 1
        fans = field * (module.weight.shape[0] + module.weight.shape[1])
        bound = scale * math.sqrt(6 / fans)
        n = module.weight.numel()
        assert module.weight.abs().max() <= bound
        # n uniform draws all stay below (1 - 20/n) of the bound with probability e^-20
        assert module.weight.abs().max() >= bound * (1 - 20 / n)
        # standard deviation of the mean is bound / sqrt(3 n): five of them
        assert abs(float(module.weight.detach().mean())) < 5 * bound / math.sqrt(3 * n)


def test_biases_start_at_zero_and_a_bottleneck_has_none():
    biases = [module.bias for module in weighted(new_net(ARCHITECTURE, 1.0, seed=3))]
    assert [bias is None for bias in biases] == [False, True, False, False]
    assert all((bias == 0).all() for bias in biases if bias is not None)


def test_a_seed_gives_the_same_weights_and_another_seed_others():
    first, same, other = (new_net(ARCHITECTURE, 1.0, seed).state_dict() for seed in (5, 5, 6))
    torch.manual_seed(1)
    again = new_net(ARCHITECTURE, 1.0, 5).state_dict()
    assert all(torch.equal(first[name], same[name]) for name in first)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["layers.0.weight"], other["layers.0.weight"])


def test_the_scale_is_a_factor_on_the_same_draws():
    one, two = (new_net(ARCHITECTURE, scale, 5).state_dict() for scale in (1.0, 2.0))
    for name in one:
        torch.testing.assert_close(two[name], 2 * one[name])


def test_the_input_scale_multiplies_the_images():
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain, scaled = new_net(ARCHITECTURE, 1.0, 5), new_net(ARCHITECTURE, 1.0, 5, input_scale=1.25)
    assert torch.equal(scaled(images), plain(images * 1.25))


def test_a_net_without_layers_is_linear_in_its_pixels():
    net = new_net(Architecture((), 4), 1.0, 0)
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = images.reshape(2, -1) @ net.layers[-1].weight.T
    torch.testing.assert_close(net(images), expected)


def test_every_hidden_layer_but_the_bottleneck_is_rectified():
    kinds = [type(module).__name__ for module in Net(ARCHITECTURE).layers]
    assert kinds == ["Conv2d", "MaxPool2d", "ReLU", "Flatten", "Linear", "Linear", "ReLU", "Linear"]


@pytest.mark.parametrize("size", [2, 3])
def test_rectifying_behind_the_pool_changes_no_bit(size):
    """Against the paper's order, conv, ReLU, pool: logits and gradients, ties and windows below zero too."""
    architecture = Architecture((Conv(4, 3), Conv(5, 3), Pool(size), Dense(6)), 3)
    net = new_net(architecture, 1.0, 1)
    first, second, pool, hidden, last = (
        module for module in net.layers if not isinstance(module, nn.ReLU | nn.Flatten)
    )
    in_order = nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), pool, nn.Flatten(), hidden, nn.ReLU(), last)
    images = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0)).round()
    images[0] = 0
    results = []
    for module in (net, in_order):
        net.zero_grad()
        logits = module(images)
        logits.square().sum().backward()
        results.append([logits.detach(), *(parameter.grad for parameter in net.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("alignment", [4, 8, 16])
def test_channels_beyond_the_filters_change_neither_logits_nor_gradients(alignment):
    """Widths that are multiples and others, one below the alignment; in float64."""
    layers = (Conv(3, 3), Conv(16, 5), Pool(2), Dropout(0.0), Conv(21, 3), Pool(3), Bottleneck(5), Dense(7))
    net = new_net(Architecture(layers, 3), 1.0, 1).double()
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)).double()
    results = []
    for width in (1, alignment):
        aligned(net, width)
        net.zero_grad()
        logits = net(images)
        logits.square().sum().backward()
        results.append([logits.detach(), *(parameter.grad for parameter in net.parameters())])
    for expected, found in zip(*results, strict=True):
        assert expected.shape == found.shape
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_an_aligned_net_really_works_on_multiples():
    net = aligned(new_net(Architecture((Conv(3, 3), Conv(9, 3), Pool(2)), 3), 1.0, 1), 8)
    seen = []
    for module in net.layers:
        module.register_forward_hook(lambda m, i, o: seen.append((type(m).__name__, o.shape[1])))
    net(torch.zeros(2, 3, 32, 32))
    convolutions = [("Conv2d", 8), ("ReLU", 8), ("Conv2d", 16), ("MaxPool2d", 16), ("ReLU", 16)]
    assert seen == [*convolutions, ("Flatten", 9 * 256), ("Linear", 3)]
    assert net.layers[2].weight.shape == (9, 3, 3, 3)
