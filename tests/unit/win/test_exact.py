import copy

import pytest
import torch
from tests.unit.win.nets_of_others import Blocks, Mlp
from torch import nn
from torch.nn.utils import parametrizations

from mimic.cli import InputError
from mimic.win.exact import check_exact, merging_error
from mimic.win.imitation import ImitationNet
from mimic.win.merge import merge
from mimic.win.resnet import BLOCKS, ResNet

IMAGE = (3, 8, 8)


class Tokens(nn.Module):
    """Tokens, flattened with the channel changing fastest."""

    def __init__(self, width=4):
        super().__init__()
        self.one, self.head = _Patches(width), nn.Linear(4 * width, 3)

    def forward(self, images):
        return self.head(self.one(images).flatten(1))


class _Patches(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 4, stride=4)

    def forward(self, images):
        return self.conv(images).flatten(2).transpose(1, 2)


class Rows(nn.Module):
    """A linear layer over the width of images."""

    def __init__(self, width=4):
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, width, 1), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, images):
        return self.head(self.two(self.one(images)).mean((1, 2)))


class Mean(nn.Module):
    """The mean over channels."""

    def __init__(self, width=4):
        super().__init__()
        self.one, self.two, self.head = nn.Conv2d(3, width, 1), nn.Linear(8, 8), nn.Linear(8, 3)

    def forward(self, images):
        return self.head(self.two(self.one(images).mean(1)).mean(1))


def hooked():
    net = Blocks(4)
    net.two[0].register_forward_pre_hook(lambda module, inputs: (inputs[0].relu(),))
    return net


def weight_normed():
    net = Blocks(4)
    parametrizations.weight_norm(net.two[0])
    return net


def imitating(student, teacher, blocks=("one", "two"), shape=IMAGE):
    return ImitationNet(student, teacher, blocks, blocks, shape)


@pytest.mark.parametrize("build", [Blocks, Mlp])
def test_nets_that_can_be_merged_pass_and_stay_as_they_are(build):
    student = build(4)
    net = imitating(student, build(6)).train()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    check_exact(net, student, IMAGE)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert net.training


@pytest.mark.parametrize(
    ("student", "blocks"),
    [
        (Tokens(), ("one",)),
        (Rows(), ("one",)),
        (Mean(), ("one",)),
        (hooked(), ("one", "two")),
        (weight_normed(), ("one", "two")),
    ],
    ids=["tokens", "rows", "mean", "hook", "weight norm"],
)
def test_nets_that_only_seem_to_be_merged_are_refused(student, blocks):
    with pytest.raises(
        InputError, match=r"^student: the pair after one cannot be merged: merged, the outputs are off"
    ):
        check_exact(imitating(student, copy.deepcopy(student), blocks), student, IMAGE)


def test_merging_a_trained_resnet_changes_its_outputs_by_rounding_alone():
    student, teacher = (ResNet(14, 8, widen, "cifar", 5) for widen in (1, 2))
    net = imitating(student, teacher, BLOCKS, (3, 32, 32))
    images = torch.randn(4, 3, 32, 32)
    net(images)
    assert 0 < merging_error(net, student, images, net.merged()) < 1e-5
    assert merging_error(net, student, images) < 1e-12
    assert merge(net, student, images) < 1e-5


def test_a_merge_that_is_not_exact_changes_nothing():
    student = hooked()
    net = imitating(student, Blocks(6))
    with torch.no_grad():
        net.pairs[0].up.weight.mul_(-1)
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    with pytest.raises(InputError, match=r"merged, the net's outputs differ by .* of their size"):
        merge(net, student, torch.randn(2, *IMAGE))
    assert all(torch.equal(tensor, before[name]) for name, tensor in student.state_dict().items())
