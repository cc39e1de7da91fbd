import pytest
import torch

from mimic.shallow.run import GroupRun, order_of, parts_of
from mimic.shallow.train_group import train_group
from mimic.training.checkpoint import Checkpoint
from mimic.training.devices import choose_device

SHAPE = (1, 8, 8)


@pytest.fixture
def run_of(images, device):
    def make(settings, seed=7):
        shape = settings.shape(SHAPE, 4)
        return GroupRun(settings, shape, images(72), images(30, seed=2), seed, device)

    return make


class Killed(Exception):
    pass


def same(one, other):
    assert one.history.keys() == other.history.keys()
    for name in one.history:
        assert torch.equal(one.history[name], other.history[name]), name
    for name in one.tensors:
        assert torch.equal(one.tensors[name], other.tensors[name]), name


def test_every_net_has_a_history_and_learns(run_of, group, training):
    run = run_of(group(trained=training(n_epochs=6), learning_rate=[3e-3]))
    run.train()
    for values in run.history.values():
        assert values.isfinite().all()
    assert (run.history["train_loss"][:, -1] < run.history["train_loss"][:, 0]).all()
    assert run.epochs_done == run.n_steps


def test_stacks_of_a_group_cut_by_memory_give_the_same_nets(run_of, group, training):
    whole = run_of(group(trained=training(memory_mb=200), seed=list(range(5))))
    shape = group().shape(SHAPE, 4)
    nets = group(seed=list(range(5))).nets()
    few = parts_of(shape, nets, training(memory_mb=64), on_cpu=True)
    assert [(part.start, part.stop) for part in few] == [(0, 5), (5, 10)]
    cut = run_of(group(trained=training(memory_mb=200), seed=list(range(5))))
    cut.parts = [type(part)(a, b, part.n_images) for part in cut.parts for a, b in _halves(part)]
    whole.train()
    cut.train()
    assert len(cut.parts) == 4
    for name in whole.tensors:
        torch.testing.assert_close(whole.tensors[name], cut.tensors[name], rtol=0, atol=1e-5)


def _halves(part):
    middle = (part.start + part.stop) // 2
    return [(part.start, middle), (middle, part.stop)]


def test_layouts_of_a_net_start_equal_and_see_the_same_order(run_of, group):
    run = run_of(group())
    nets = run.nets
    for i, net in enumerate(nets):
        for j, other in enumerate(nets):
            if net.seed == other.seed:
                assert all(torch.equal(tensor[i], tensor[j]) for tensor in run.tensors.values())
    assert torch.equal(order_of(7, 3, 20), order_of(7, 3, 20))
    assert sorted(order_of(7, 3, 20).tolist()) == list(range(20))
    assert not torch.equal(order_of(7, 3, 20), order_of(7, 4, 20))


def test_another_seed_of_the_run_gives_other_nets(run_of, group):
    one, other = run_of(group()), run_of(group(), seed=8)
    assert not torch.equal(one.tensors["stem_weight"], other.tensors["stem_weight"])


@pytest.mark.parametrize("optimiser", ["rmsprop", "adam"])
@pytest.mark.parametrize("after", [1, 4, 5, 7, 13, 19])
def test_a_run_killed_at_any_step_goes_on_to_the_same_bytes(tmp_path, run_of, group, optimiser, after):
    settings = group(optimiser=[optimiser], batch_norm=True)
    undisturbed = run_of(settings)
    undisturbed.train()
    said = []

    def checkpoint():
        return Checkpoint(tmp_path, "key", 1e-9, said.append)

    killed, steps = run_of(settings), 0
    keeper = checkpoint()

    def between_steps():
        nonlocal steps
        steps += 1
        keeper.save(killed)
        if steps == after:
            raise Killed

    with pytest.raises(Killed):
        killed.train(None, between_steps)
    resumed = run_of(settings)
    checkpoint().resume(resumed)
    resumed.train()
    same(resumed, undisturbed)
    assert said
    assert "resumed at epoch" in said[0]


def test_the_state_of_another_group_is_ignored(tmp_path, run_of, group):
    said = []
    one = run_of(group())
    Checkpoint(tmp_path, "key", 0, said.append).save(one)
    other = run_of(group(n_layers=3))
    Checkpoint(tmp_path, "key", 0, said.append).resume(other)
    assert "ignored, training starts afresh" in said[0]
    fresh = run_of(group(n_layers=3))
    assert torch.equal(other.tensors["layers_weight"], fresh.tensors["layers_weight"])


def test_a_place_that_the_training_does_not_have_is_refused(run_of, group):
    run = run_of(group())
    state = run.state()
    state.tensors["place"][1] = 99
    with pytest.raises(ValueError, match="epoch 99, image 0 is none of this training"):
        run_of(group()).restore(state)


def test_train_group_saves_and_removes_nothing_itself(tmp_path, run_of, group):
    run = run_of(group())
    train_group(run, Checkpoint(tmp_path, "key", 0, print))
    assert (tmp_path / "checkpoint.safetensors").exists()
    resumed = run_of(group())
    train_group(resumed, Checkpoint(tmp_path, "key", 0, print))
    for name in run.tensors:
        assert torch.equal(run.tensors[name], resumed.tensors[name])


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_group_on_a_gpu_is_the_group_on_the_cpu(run_of, images, group, training):
    settings = group(optimiser=["sgd"], learning_rate=[1e-2], trained=training(n_epochs=2))
    on_cpu = run_of(settings)
    data = [tuple(tensor.cuda() for tensor in images(n, seed=seed)) for n, seed in ((72, 0), (30, 2))]
    on_gpu = GroupRun(settings, settings.shape(SHAPE, 4), *data, 7, choose_device("float32", "on"))
    for run in (on_cpu, on_gpu):
        run.train()
    for name, tensor in on_cpu.tensors.items():
        torch.testing.assert_close(on_gpu.tensors[name].cpu(), tensor, rtol=0, atol=1e-4)
