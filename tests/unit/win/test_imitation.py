import copy

import pytest
import torch
from tests.unit.win.nets_of_others import Blocks, Mlp, Residual
from torch import nn

from mimic.cli import InputError
from mimic.win.imitation import ImitationNet, Pair, Prefix, TeacherBlocks
from mimic.win.resnet import BLOCKS, ResNet

IMAGE = (3, 32, 32)


def images(n=4, shape=IMAGE, dtype=torch.float64, seed=0):
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def trained(net, x, steps=3):
    """The net after some steps on noise: no weight, no statistic and no pair is what it was at the start."""
    generator = torch.Generator().manual_seed(1)
    net.train()
    sgd = torch.optim.SGD(net.parameters(), lr=0.01)
    for _ in range(steps):
        sgd.zero_grad()
        out = net(x)
        (out - torch.randn(out.shape, generator=generator).to(out.dtype)).square().mean().backward()
        sgd.step()
    return net


def imitating(student, teacher, blocks=BLOCKS, shape=IMAGE, **options):
    return ImitationNet(student, teacher, blocks, blocks, shape, **options)


def merged(student, net):
    plain = copy.deepcopy(student)
    plain.load_state_dict(net.merged())
    return plain


@pytest.mark.parametrize("classifier", [False, True], ids=["own classifier", "teacher's classifier"])
@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
@pytest.mark.parametrize(("divide", "widen"), [(1, 2), (2, 2), (4, 2), (8, 2), (8, 4), (16, 2)])
def test_merged_equals_unmerged(divide, widen, stem, classifier):
    student = ResNet(14, divide, stem=stem, n_classes=6).double()
    teacher = ResNet(14, divide, widen, stem, 6).double()
    net = trained(imitating(student, teacher, teachers_classifier=classifier), images(6))
    plain, x = merged(student, net), images(5, seed=2)
    assert list(plain.state_dict()) == list(ResNet(14, divide, stem=stem, n_classes=6).state_dict())
    for mode in (False, True):  # evaluation first, since training changes the statistics
        net.train(mode)
        plain.train(mode)
        torch.testing.assert_close(plain(x), net(x), rtol=0, atol=1e-10)
    for (name, one), other in zip(student.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-10, msg=name)


@pytest.mark.parametrize("stem", ["imagenet", "cifar"])
def test_merged_equals_unmerged_in_float32(stem):
    student, teacher = (ResNet(26, 4, widen, stem, 6) for widen in (1, 2))
    net = trained(imitating(student, teacher), images(8, dtype=torch.float32))
    plain, x = merged(student, net).eval(), images(5, dtype=torch.float32, seed=2)
    expected, found = net.eval()(x), plain(x)
    assert (found - expected).norm() <= 1e-5 * expected.norm()


@pytest.mark.parametrize("wide", [4, 7, 3])
@pytest.mark.parametrize("build", [Blocks, Mlp, lambda width: Blocks(width, after=nn.AvgPool2d(2))])
def test_nets_of_a_users_own_are_merged(build, wide):
    student, teacher = build(4).double(), build(wide).double()
    net = trained(imitating(student, teacher, ("one", "two"), (3, 8, 8)), images(6, (3, 8, 8)))
    plain, x = merged(student, net).eval(), images(5, (3, 8, 8), seed=2)
    torch.testing.assert_close(plain(x), net.eval()(x), rtol=0, atol=1e-10)


def test_at_the_start_pairs_change_nothing():
    student, teacher = ResNet(14, 8, n_classes=6).double().eval(), ResNet(14, 4, n_classes=6).double()
    net, x = imitating(student, teacher).double(), images()
    torch.testing.assert_close(net.eval()(x), student(x), rtol=0, atol=1e-5)  # orthonormal in float32


def test_a_pair_to_fewer_channels_keeps_what_it_can():
    pair = Pair(5, 3, is_image=True)
    matrix = pair.matrix()
    torch.testing.assert_close(matrix @ matrix, matrix, rtol=0, atol=1e-5)


def test_with_the_teachers_blocks_and_its_classifier_the_net_is_the_teacher():
    teacher = ResNet(14, 8, n_classes=6).double().eval()
    student = copy.deepcopy(teacher)
    nn.init.zeros_(student.fc.weight)
    net = imitating(student, teacher, pairs=False, teachers_classifier=True).eval()
    x = images()
    torch.testing.assert_close(net(x), teacher(x), rtol=0, atol=0)
    torch.testing.assert_close(merged(student, net)(x), teacher(x), rtol=0, atol=0)


def test_without_pairs_the_student_is_trained_as_it_is():
    student, teacher = (ResNet(14, 8, widen, n_classes=6) for widen in (1, 2))
    net = imitating(student, teacher, pairs=False)
    assert {id(p) for p in net.parameters()} == {id(p) for p in student.parameters()}
    assert all(
        torch.equal(a, b) for a, b in zip(net.merged().values(), student.state_dict().values(), strict=True)
    )


def test_what_is_compared_has_the_teachers_shape_and_only_its_parts_are_trained():
    student, teacher = ResNet(14, 8, n_classes=6).double(), ResNet(14, 4, n_classes=6).double()
    net, x = imitating(student, teacher).double(), images()
    for block in range(1, 5):
        prefix, wide = Prefix(net, block), TeacherBlocks(teacher, BLOCKS, block)
        assert prefix(x).shape == wide(x).shape
        prefix(x).square().mean().backward()
        assert all(p.grad is not None for p in prefix.parameters())
        names = {name for name, p in net.named_parameters() if any(p is q for q in prefix.parameters())}
        assert not any(name.startswith(f"segments.{i}.") for name in names for i in range(block, 5))
        assert f"pairs.{block - 1}.up.weight" in names
        assert f"pairs.{block - 1}.down.weight" not in names


def test_a_frozen_teacher_stays_what_it_was():
    teacher = ResNet(14, 8, n_classes=6)
    before = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    blocks = TeacherBlocks(teacher, BLOCKS, 3)
    blocks.train()
    assert not blocks(images(dtype=torch.float32)).requires_grad
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def heads(n):
    return Blocks(n_classes=n)


@pytest.mark.parametrize(
    ("student", "teacher", "options", "said"),
    [
        (Blocks(4), Blocks(6), {"pairs": False}, "one has 4 channels, the teacher's block 6: without pairs"),
        (Blocks(4, after=nn.AvgPool2d(2)), Blocks(4), {}, r"two gives outputs of shape \(4, 2, 2\)"),
        (Mlp(), Blocks(), {}, r"one gives outputs of shape \(6,\), the teacher's block \(4, 8, 8\)"),
        (Blocks(4, after=nn.ReLU()), Blocks(4), {}, r"the pair after one cannot be merged: after \(ReLU\)"),
        (Residual(), Residual(6), {}, "the pair after one cannot be merged: an identity skip"),
        (
            heads(3),
            heads(4),
            {"teachers_classifier": True},
            "expected 4 outputs of head, as the teacher has, got 3",
        ),
    ],
)
def test_nets_that_do_not_fit_are_refused(student, teacher, options, said):
    with pytest.raises(InputError, match=f"^student: {said}") as caught:
        imitating(student, teacher, ("one", "two"), (3, 8, 8), **options)
    assert "\n" not in str(caught.value)


def test_as_many_blocks_as_the_teacher_has_are_expected():
    with pytest.raises(
        InputError, match="expected as many blocks of the teacher as of the student, got 1 and 2"
    ):
        ImitationNet(Blocks(), Blocks(), ["one", "two"], ["one"], (3, 8, 8))
