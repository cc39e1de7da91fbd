import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.win.nets_of_others import Blocks, Mlp, Residual, Reused
from torch import nn

from mimic.cli import InputError
from mimic.win.cut import cut
from mimic.win.merging import consumers_of, merged_bias, merged_weight
from mimic.win.resnet import BLOCKS, ResNet


def after(net, block, blocks=("one", "two")):
    return cut(net, blocks)[blocks.index(block) + 1]


def with_weight(layer, weight, channels):
    """The same layer with another weight."""
    if isinstance(layer, nn.Linear):
        new = nn.Linear(weight.shape[1], layer.out_features, layer.bias is not None)
    else:
        new = nn.Conv2d(
            channels,
            layer.out_channels,
            layer.kernel_size,
            layer.stride,
            layer.padding,
            layer.dilation,
            bias=layer.bias is not None,
            padding_mode=layer.padding_mode,
        )
    new = new.double()
    with torch.no_grad():
        new.weight.copy_(weight)
        if layer.bias is not None:
            new.bias.copy_(layer.bias)
    return new


@settings(deadline=None, max_examples=40)
@given(
    thin=st.integers(1, 5),
    wide=st.integers(1, 6),
    kernel=st.integers(1, 5),
    stride=st.integers(1, 2),
    padding=st.integers(0, 2),
    mode=st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
    bias=st.booleans(),
)
def test_a_convolution_takes_up_any_map_of_its_channels(thin, wide, kernel, stride, padding, mode, bias):
    layer = nn.Conv2d(thin, 3, kernel, stride, padding, bias=bias, padding_mode=mode).double()
    matrix = torch.randn(thin, wide, dtype=torch.float64)
    x = torch.randn(2, wide, 7, 6, dtype=torch.float64)
    expected = layer(torch.einsum("cd,ndhw->nchw", matrix, x))
    found = with_weight(layer, merged_weight(layer, matrix), wide)(x)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("places", [1, 4])
def test_a_linear_layer_takes_up_a_map_also_of_flattened_images(places):
    layer, matrix = nn.Linear(5 * places, 3).double(), torch.randn(5, 2, dtype=torch.float64)
    x = torch.randn(6, 2, places, dtype=torch.float64)
    expected = layer(torch.einsum("cd,ndp->ncp", matrix, x).flatten(1))
    found = with_weight(layer, merged_weight(layer, matrix), None)(x.flatten(1))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "layer", [nn.Linear(4, 3), nn.Conv2d(4, 3, 3), nn.Conv2d(4, 3, 3, padding=1, padding_mode="reflect")]
)
def test_a_layer_with_a_bias_takes_up_that_of_a_pair(layer):
    layer, offset = layer.double(), torch.randn(4, dtype=torch.float64)
    x = (
        torch.randn(2, 4, 5, 5, dtype=torch.float64)
        if isinstance(layer, nn.Conv2d)
        else torch.randn(2, 4).double()
    )
    expected = layer(x + offset.view(1, -1, *[1] * (x.ndim - 2)))
    bias = merged_bias(layer, offset, "layer")
    with torch.no_grad():
        layer.bias.copy_(bias)
    torch.testing.assert_close(layer(x), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (nn.Conv2d(4, 3, 3, padding=1), "next pads with zeros"),
        (nn.Conv2d(4, 3, 3, padding="same"), "next .Conv2d. pads with zeros"),
        (nn.Linear(4, 3, bias=False), "next has no bias"),
    ],
)
def test_a_bias_that_zeros_at_the_border_know_nothing_of_is_refused(layer, said):
    with pytest.raises(InputError, match=said.replace("next pads", r"next \(Conv2d\) pads")):
        merged_bias(layer, torch.ones(4, dtype=torch.float64), "next")


def names(consumers):
    return [consumer.name for consumer in consumers]


def test_what_takes_a_block_of_a_resnet_is_its_first_convolution_and_its_shortcut():
    segments = cut(ResNet(26, 8, n_classes=5), BLOCKS)
    for i, name in enumerate(BLOCKS[1:], 1):
        assert names(consumers_of(segments[i], BLOCKS[i - 1])) == [
            f"{name}.0.conv1",
            f"{name}.0.downsample.0",
        ]
    assert names(consumers_of(segments[4], BLOCKS[3])) == ["fc"]


@pytest.mark.parametrize(
    ("net", "block", "expected"),
    [
        (Blocks(), "one", ["two.0"]),
        (Blocks(after=nn.AvgPool2d(2)), "one", ["two.0"]),
        (Blocks(), "two", ["head"]),
        (Residual(), "two", ["head"]),
        (Mlp(), "one", ["two.0"]),
        (Mlp(), "two", ["head"]),
    ],
)
def test_layers_behind_what_treats_channels_alike_are_found(net, block, expected):
    assert names(consumers_of(after(net, block), block)) == expected


@pytest.mark.parametrize(
    ("net", "block", "said"),
    [
        (Blocks(after=nn.BatchNorm2d(4)), "one", r"after \(BatchNorm2d\) normalises"),
        (Blocks(after=nn.GroupNorm(2, 4)), "one", r"after \(GroupNorm\) normalises"),
        (Blocks(after=nn.ReLU()), "one", r"after \(ReLU\) is no linear map"),
        (Blocks(after=nn.MaxPool2d(2)), "one", r"after \(MaxPool2d\) is no linear map"),
        (Blocks(after=nn.Dropout2d(0.5)), "one", r"after \(Dropout2d\) is no linear map"),
        (Blocks(second=nn.Conv2d(4, 4, 3, groups=2)), "one", r"two.0 \(Conv2d\) has groups"),
        (Residual(), "one", r"an identity skip \(add\) across the boundary"),
        (Reused(), "one", "shared is called 2 times"),
    ],
)
def test_what_a_pair_cannot_be_merged_into_is_named(net, block, said):
    with pytest.raises(InputError, match=f"^student: the pair after {block} cannot be merged: {said}"):
        consumers_of(after(net, block), block, "student")


def test_a_pair_with_nothing_after_it_cannot_be_merged():
    net = nn.Sequential(nn.Linear(3, 4))
    with pytest.raises(InputError, match="nothing follows it"):
        consumers_of(cut(net, ["0"])[1], "0")
