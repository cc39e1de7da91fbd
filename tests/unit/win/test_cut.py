import pytest
import torch
from torch import nn
from torch.nn import functional

from mimic.cli import InputError
from mimic.win.cut import cut, shared_modules
from mimic.win.resnet import BLOCKS, ResNet


def line(*modules):
    return nn.Sequential(*modules)


class Skipping(nn.Module):
    """Two blocks, of which the input of the first one goes past it."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.two(self.one(x)) + x


class Twice(Skipping):
    def forward(self, x):
        return self.two(self.one(self.one(x)))


class Deciding(Skipping):
    def forward(self, x):
        return self.one(x) if x.sum() > 0 else self.two(x)


class Dropping(Skipping):
    def forward(self, x):
        return self.two(functional.dropout(self.one(x), 0.5, self.training))


class TwoInputs(Skipping):
    def forward(self, x, y):
        return self.two(self.one(x) + y)


class Scaled(nn.Module):
    """An attribute of its own is used after the cut."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, x):
        scale = self.scale * 2
        return self.two(self.one(x)) * self.scale + 0 * scale.detach()


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_segments_one_after_the_other_are_the_net(stem):
    net = ResNet(14, 8, stem=stem, n_classes=5)
    images = torch.randn(4, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    segments = cut(net, BLOCKS)
    assert len(segments) == 5
    for mode in (True, False):
        net.train(mode)
        for segment in segments:
            segment.train(mode)
        expected, x = net(images), images
        for segment in segments:
            x = segment(x)
        torch.testing.assert_close(x, expected, rtol=0, atol=0)


def test_segments_hold_each_parameter_once_under_the_nets_names():
    net = ResNet(14, 8, n_classes=5)
    segments = cut(net, BLOCKS)
    found = [name for segment in segments for name in segment.state_dict()]
    assert sorted(found) == sorted(net.state_dict())
    assert {id(p) for segment in segments for p in segment.parameters()} == {id(p) for p in net.parameters()}
    assert shared_modules(segments) == []


def test_blocks_deep_inside_a_net_are_found():
    net = line(line(nn.Conv2d(3, 4, 1), nn.ReLU()), line(line(nn.Conv2d(4, 2, 1)), nn.ReLU()))
    segments = cut(net, ["0.1", "1.0"])
    x = torch.randn(2, 3, 5, 5)
    torch.testing.assert_close(segments[2](segments[1](segments[0](x))), net(x))
    assert [list(segment.state_dict()) for segment in segments[:2]] == [
        ["0.0.weight", "0.0.bias"],
        ["1.0.0.weight", "1.0.0.bias"],
    ]


@pytest.mark.parametrize(
    ("net", "blocks", "said"),
    [
        (line(nn.Linear(4, 4)), ["1"], r"no module '1' in Sequential; it has 0"),
        (line(nn.Linear(4, 4)), [""], "no module ''"),
        (line(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4)), ["2", "0"], "0 is called before 2"),
        (Skipping(), ["one"], r"no cut after one: add takes the input, which goes past it .*identity skip"),
        (Twice(), ["one"], "one is called 2 times in a forward pass, expected once"),
        (Deciding(), ["one"], "forward of Deciding cannot be traced"),
        (Dropping(), ["one"], "forward of Dropping is another one in training than in evaluation"),
        (TwoInputs(), ["one"], "expected a forward that takes one tensor, got 2: x, y"),
        (Scaled(), ["one"], "no cut after one: detach takes mul"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_net_that_cannot_be_cut_is_refused_in_one_line(net, blocks, said):
    with pytest.raises(InputError, match=f"^student: .*{said}") as caught:
        cut(net, blocks, "student")
    assert "\n" not in str(caught.value)


def test_the_mode_of_a_net_is_as_before():
    for mode in (True, False):
        net = ResNet(14, 8, n_classes=5).train(mode)
        cut(net, BLOCKS)
        assert all(module.training == mode for module in net.modules())
