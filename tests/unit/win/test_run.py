import copy
import math

import pytest
import torch
from tests.unit.win.nets_of_others import Blocks
from torch.nn import functional

from mimic.cli import InputError
from mimic.training.checkpoint import Checkpoint
from mimic.training.devices import choose_device
from mimic.win.distributed import Processes
from mimic.win.imitate_block import imitate_block
from mimic.win.imitation import ImitationNet
from mimic.win.loading import DeviceImages
from mimic.win.objectives import on_labels
from mimic.win.run import Objective, cosine
from mimic.win.stage import Place


class Killed(Exception):
    pass


def net_of(width=4, seed=0):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Blocks(width)


def test_rates_are_those_of_torchs_cosine():
    sgd = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=30)
    for step in range(30):
        assert cosine(0.1, step, 30) == pytest.approx(schedule.get_last_lr()[0], abs=1e-12)
        sgd.step()
        schedule.step()


def test_a_training_is_what_torch_does_step_by_step(place, stage):
    where, settings = place(), stage(n_epochs=3, weight_decay=1e-3, label_smoothing=0.1)
    net, other = net_of(), net_of()
    run = where.run(net, on_labels(where, 0.1), settings)
    run.train()
    sgd = torch.optim.SGD(other.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(sgd, T_max=15)
    other.train()
    losses = []
    for epoch in range(3):
        for images, labels in where.images.epoch(epoch):
            sgd.zero_grad()
            loss = functional.cross_entropy(other(images), labels, label_smoothing=0.1)
            loss.backward()
            sgd.step()
            schedule.step()
            losses.append(loss.item())
    for (name, one), two in zip(net.state_dict().items(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(one, two, rtol=1e-5, atol=1e-6, msg=name)
    assert [epoch.train_loss for epoch in run.history] == pytest.approx(
        [sum(losses[i : i + 5]) / 5 for i in (0, 5, 10)], rel=1e-5
    )
    images, labels = next(where.images.tests(10))
    accuracy = (other.eval()(images).argmax(1) == labels).double().mean().item()
    assert run.history[-1].judged["test_accuracy"] == accuracy > 0.5


@pytest.mark.parametrize("after", [1, 4, 5, 9, 10, 14])
def test_a_training_killed_at_any_step_goes_on_to_the_same_bytes(tmp_path, place, stage, after):
    where, settings = place(), stage(n_epochs=3)

    def fresh():
        return where.run(net_of(), on_labels(where, 0.0), settings)

    undisturbed, killed, resumed = fresh(), fresh(), fresh()
    undisturbed.train()
    checkpoint = Checkpoint(tmp_path, "key", 0.0, lambda line: None)
    steps = iter(range(1, 100))

    def between_steps():
        if next(steps) == after:
            checkpoint.save(killed)
            raise Killed

    with pytest.raises(Killed):
        killed.train(between_steps=between_steps)
    Checkpoint(tmp_path, "key", 0.0, lambda line: None).resume(resumed)
    assert resumed.epochs_done == after // 5 - (after % 5 == 0)
    resumed.train()
    same(undisturbed, resumed)


def same(one, other):
    for name, tensor in one.module.state_dict().items():
        assert torch.equal(tensor, other.module.state_dict()[name]), name
    for a, b in zip(one.history, other.history, strict=True):
        assert (a.epoch, a.learning_rate, a.train_loss, a.judged) == (
            b.epoch,
            b.learning_rate,
            b.train_loss,
            b.judged,
        )


def test_the_state_of_another_training_is_ignored(tmp_path, place, stage):
    where, said = place(), []
    run = where.run(net_of(), on_labels(where, 0.0), stage(n_epochs=1))
    Checkpoint(tmp_path, "key", 0.0, said.append).save(run)
    other = where.run(net_of(width=5), on_labels(where, 0.0), stage(n_epochs=1))
    Checkpoint(tmp_path, "key", 0.0, said.append).resume(other)
    assert other.epochs_done == 0
    assert "ignored, training starts afresh: momentum.head.weight: expected" in said[0]


class Judged:
    """Judges what it was told to, cycle by cycle."""

    def __init__(self, values):
        self.values = iter(values)

    def __call__(self, module):
        return {"discrepancy": next(self.values)}


@pytest.mark.parametrize(
    ("values", "kept"), [((3.0, 2.0, 5.0), 1), ((1.0, 2.0, 3.0), 0), ((3.0, 2.0, 1.0), 2)]
)
def test_of_several_cosines_the_best_weights_are_kept(place, stage, values, kept):
    where, settings = place(), stage(n_epochs=1)
    objective = Objective(
        lambda out, images, labels: functional.cross_entropy(out, labels),
        Judged(values),
        ("discrepancy",),
        "discrepancy",
    )
    run = where.run(net_of(), objective, settings, n_cycles=3)
    seen = []
    judge = objective.judge

    def remember(module):
        seen.append(copy.deepcopy(module.state_dict()))
        return judge(module)

    run.objective = Objective(objective.loss, remember, objective.columns, objective.keeps)
    run.train()
    for name, tensor in run.module.state_dict().items():
        assert torch.equal(tensor, seen[kept][name]), name
    assert [epoch.learning_rate for epoch in run.history] == [0.05] * 3


def test_a_restarted_training_killed_in_its_last_cosine_goes_on_to_the_same_bytes(tmp_path, place, stage):
    where, settings = place(), stage(n_epochs=1, restarts=2)

    def fresh():
        net, teacher = net_of(), net_of(6, seed=9)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            imitation = ImitationNet(net, teacher, ("one", "two"), ("one", "two"), (3, 8, 8))
        return imitate_block(imitation, 2, teacher, ("one", "two"), settings, where)

    undisturbed, killed, resumed = fresh(), fresh(), fresh()
    undisturbed.train()
    checkpoint, steps = Checkpoint(tmp_path, "key", 0.0, lambda line: None), iter(range(1, 100))

    def between_steps():
        if next(steps) == 12:
            checkpoint.save(killed)
            raise Killed

    with pytest.raises(Killed):
        killed.train(between_steps=between_steps)
    Checkpoint(tmp_path, "key", 0.0, lambda line: None).resume(resumed)
    resumed.train()
    same(undisturbed, resumed)
    assert len(undisturbed.history) == 3


def test_a_block_that_imitates_comes_nearer_and_changes_nothing_above_it(place, stage):
    where, settings = place(), stage(n_epochs=8, learning_rate=0.1, restarts=0)
    student, teacher = net_of(), net_of(6, seed=9).eval()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = ImitationNet(student, teacher, ("one", "two"), ("one", "two"), (3, 8, 8))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    of_teacher = {name: tensor.clone() for name, tensor in teacher.state_dict().items()}
    for block in (1, 2):
        run = imitate_block(net, block, teacher, ("one", "two"), settings, where)
        run.train()
        values = [epoch.judged["discrepancy"] for epoch in run.history]
        assert 0 < run.history[-1].judged["relative_discrepancy"] < 1
        assert values[-1] < 0.7 * values[0]
        after = net.state_dict()
        changed = {name for name, tensor in before.items() if not torch.equal(tensor, after[name])}
        parts = {name.split(".")[1] for name in changed if name.startswith("segments.")}
        assert parts == {str(i) for i in range(block)}
        assert f"pairs.{block - 1}.up.weight" in changed
        assert f"pairs.{block - 1}.down.weight" not in changed
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, of_teacher[name]), name


def test_a_net_that_is_judged_to_have_diverged_says_so(place, stage):
    where = place(n=8)  # one step, whose loss is still finite
    run = where.run(net_of(), on_labels(where, 0.0), stage(n_epochs=1, learning_rate=1e38))
    with pytest.raises(InputError, match=r"diverged in epoch 1: test loss (nan|inf); lower learning_rate"):
        run.train()


def test_a_training_that_diverges_says_so(place, stage):
    where = place()
    run = where.run(net_of(), on_labels(where, 0.0), stage(learning_rate=1e30))
    with pytest.raises(
        InputError, match=r"diverged in epoch 1: loss nan; lower learning_rate \(now 1e\+30\)"
    ):
        run.train()
    assert math.isnan(run.state().tensors["loss"].item())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_training_on_a_gpu_is_that_on_the_cpu(place, coloured, stage):
    settings, runs = stage(n_epochs=2, learning_rate=0.01), []
    on_gpu = choose_device("float32", "on")
    data = [tuple(tensor.cuda() for tensor in coloured(n, 8, seed=seed)) for n, seed in ((40, 0), (10, 1))]
    for where in (place(), Place(on_gpu, Processes(), DeviceImages(*data, 3, 8), 3, "")):
        run = where.run(where.placed(net_of()), on_labels(where, 0.0), settings)
        run.train()
        runs.append(run)
    for name, tensor in runs[0].module.state_dict().items():
        torch.testing.assert_close(runs[1].module.state_dict()[name].cpu(), tensor, rtol=0, atol=1e-3)
