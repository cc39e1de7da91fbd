import contextlib
import dataclasses
import gc
import sys
import weakref

import pytest
import torch
from torch.nn.functional import cross_entropy

from mimic.augment.render import standardise
from mimic.models.net import new_net
from mimic.models.student_cnn import cnn_architecture
from mimic.models.student_mlp import mlp_architecture
from mimic.models.teacher_cnn import teacher_architecture
from mimic.training.devices import Device, choose_device
from mimic.training.engine import EpochBuffers, Trainer
from mimic.training.graph import Replayable
from mimic.training.loop import Optimiser, Training, fit, fit_together

DEVICE = choose_device("float32", "off", 1)
PREPARES = dataclasses.replace(DEVICE, prepares=True)
SGD = Optimiser(learning_rate=0.05, momentum=0.9, weight_decay=1e-4)
ARCHITECTURES = {
    "mlp": mlp_architecture([8], 3),
    "cnn": cnn_architecture("cnn2", {"conv1": 4, "conv2": 4, "hidden": 6}, 3),
    "teacher with dropout": teacher_architecture([2, 2, 2], 4, [0.2] * 3, [0.2] * 2, 3),
}


@pytest.fixture
def data(dataset):
    return {
        split: (torch.from_numpy(dataset.images[split]), torch.from_numpy(dataset.labels[split]))
        for split in dataset.images
    }


def trained(architecture, data, settings, device=DEVICE, seed=1):
    net = new_net(architecture, 1.0, seed)
    net = device.suited_to(net).place(net)
    load_epoch, validation = (lambda epoch: data["train"]), data["validation"]
    return net, fit(net, load_epoch, cross_entropy, SGD, settings, validation, device, torch_seed=seed)


def same_bytes(net, other):
    return all(
        torch.equal(a.contiguous(), b.contiguous())
        for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True)
    )


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("batch_size", [12, 35])
def test_a_prepared_epoch_trains_to_the_same_bytes(data, training, name, batch_size):
    """What a GPU does to an epoch at once is what the CPU does batch by batch; 35 leaves a batch of 1."""
    settings = training(batch_size=batch_size)
    net, result = trained(ARCHITECTURES[name], data, settings)
    other, prepared = trained(ARCHITECTURES[name], data, settings, PREPARES)
    assert same_bytes(net, other)
    assert [r.train_loss for r in result.history] == [r.train_loss for r in prepared.history]


@pytest.mark.parametrize("last", [False, True])
def test_a_prepared_epoch_holds_standardised_images_in_order(data, last):
    images, labels = (tensor.clone() for tensor in data["train"])
    epoch = EpochBuffers(dataclasses.replace(PREPARES, channels_last=last))
    rows = torch.tensor([3, 4, 30])
    for _ in range(2):  # the second time into the same memory
        epoch.fill(images, labels)
        taken, targets = epoch.take(rows)
        assert torch.equal(taken, standardise(images)[rows])
        assert torch.equal(targets, labels[rows])
    assert taken.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    before = epoch.take(rows)[0].clone()
    images.fill_(0)
    assert torch.equal(epoch.take(rows)[0], before)


def test_a_prepared_epoch_is_in_the_arithmetic_of_the_nets(data):
    device = dataclasses.replace(choose_device("bfloat16", "on", 1), prepares=True)
    epoch = EpochBuffers(device)
    epoch.fill(*data["train"])
    taken, _ = epoch.take(torch.arange(5))
    assert torch.equal(taken, standardise(data["train"][0][:5]).bfloat16())


def test_epochs_that_do_not_fit_the_buffers_are_refused(data):
    images, labels = data["train"]
    epoch = EpochBuffers(PREPARES)
    with pytest.raises(ValueError, match="as many targets as images, got 35 and 36"):
        epoch.fill(images, labels[:-1])
    epoch.fill(images, labels)
    with pytest.raises(ValueError, match="expected 36 images an epoch, got 12"):
        epoch.fill(*data["validation"])


def test_nets_trained_together_get_the_bytes_of_those_trained_alone(data, training):
    """With their own rates, seeds of dropout and ends: the second stops when its error stops dropping."""
    settings = training(max_epochs=8, stop_patience=4)
    rates = [0.05, 1e-9, 0.003, 0.05]
    kinds = ["teacher with dropout", "cnn", "mlp", "teacher with dropout"]
    trainings, loads = [], []
    for seed, (rate, kind) in enumerate(zip(rates, kinds, strict=True)):
        net = new_net(ARCHITECTURES[kind], 1.0, seed)
        trainings.append(Training(net, Optimiser(rate, 0.9, 0.0), torch_seed=seed))

    def load_epoch(epoch):
        loads.append(epoch)
        return data["train"]

    fits = fit_together(trainings, load_epoch, cross_entropy, settings, data["validation"], DEVICE)
    assert loads == list(range(max(len(result.history) for result in fits)))
    for seed, (together, result, kind) in enumerate(zip(trainings, fits, kinds, strict=True)):
        net = new_net(ARCHITECTURES[kind], 1.0, seed)
        alone = fit(
            net,
            lambda e: data["train"],
            cross_entropy,
            together.optimiser,
            settings,
            data["validation"],
            DEVICE,
            torch_seed=seed,
        )
        assert same_bytes(net, together.net)
        assert (alone.reason, alone.best_epoch) == (result.reason, result.best_epoch)
    assert fits[1].reason == "no drop for 4 epochs"
    assert len(fits[1].history) < max(len(result.history) for result in fits)


def test_one_net_that_diverges_leaves_the_others_alone(data, training):
    wild, tame = (new_net(ARCHITECTURES["mlp"], 1.0, 1) for _ in range(2))
    trainings = [Training(wild, Optimiser(1e30, 0.9, 0.0)), Training(tame, SGD)]
    fits = fit_together(
        trainings, lambda e: data["train"], cross_entropy, training(), data["validation"], DEVICE
    )
    assert [result.status for result in fits] == ["diverged", "finished"]
    assert len(fits[1].history) == 3


def test_a_net_that_is_done_gives_its_memory_back_at_once(data, training, monkeypatch):
    """Not when Python next looks for circles: a GPU's graphs would pile up until then."""
    made = []
    create = Trainer.__init__

    def recorded(trainer, *arguments):
        create(trainer, *arguments)
        made.append(weakref.ref(trainer))

    monkeypatch.setattr(Trainer, "__init__", recorded)
    gc.disable()
    try:
        net, _ = trained(ARCHITECTURES["mlp"], data, training())
        assert [reference() for reference in made] == [None]
    finally:
        gc.enable()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_without_graphs_a_replayable_is_a_call_and_puts_nothing_back():
    counter = torch.zeros(())
    count = Replayable(lambda: counter.add_(1), DEVICE, [counter])
    for _ in range(3):
        count()
    assert counter == 3


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("batch_size", "a_graph"), [(12, 2), (35, 8), (2, 8), (7, 2)])
def test_warming_up_and_capturing_change_nothing(data, training, monkeypatch, name, batch_size, a_graph):
    """The path of a GPU, but that a captured graph is the function itself: warmed up, put back, replayed."""
    monkeypatch.setattr(Replayable, "_capture", lambda replayable: replayable.function)
    monkeypatch.setattr("mimic.training.engine._STEPS_A_GRAPH", a_graph)
    settings = training(batch_size=batch_size)
    net, result = trained(ARCHITECTURES[name], data, settings)
    other, captured = trained(ARCHITECTURES[name], data, settings, dataclasses.replace(PREPARES, graphs=True))
    assert same_bytes(net, other)
    losses = [[record.train_loss for record in fit.history] for fit in (result, captured)]
    assert losses[0] == losses[1]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_captured_step_does_what_the_same_step_does_uncaptured(data, training, name):
    device = choose_device("float32", "off")
    on_gpu = {split: tuple(t.cuda() for t in pair) for split, pair in data.items()}
    settings = training(batch_size=35, max_epochs=3)
    net, result = trained(ARCHITECTURES[name], on_gpu, settings, device)
    eager = dataclasses.replace(device, graphs=False)
    other, expected = trained(ARCHITECTURES[name], on_gpu, settings, eager)
    for a, b in zip(net.state_dict().values(), other.state_dict().values(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    losses = [[record.train_loss for record in fit.history] for fit in (result, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_captured_dropout_draws_anew_at_every_step():
    device = choose_device("float32", "off")
    drawn, out = torch.zeros(1000, device="cuda"), torch.ones(1000, device="cuda")

    def draw():
        drawn.copy_(torch.nn.functional.dropout(out, 0.5))

    with torch.cuda.stream(torch.cuda.Stream()):
        replay = Replayable(draw, device, [drawn])
        replay()
        first = drawn.clone()
        replay()
        assert not torch.equal(first, drawn)


class Abstract(Device):
    """A device without data: reading a number from it, or mixing it with the CPU's tensors, is an error."""

    def autocast(self):
        return contextlib.nullcontext()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_step_waits_for_nothing_and_stays_on_its_device(training, monkeypatch, name):
    """What a CUDA graph may not do, seen without a GPU."""
    stepped = []

    def fused_sgd(parameters, gradients, buffers, lr, **options):
        stepped.append({tensor.device.type for tensor in (*parameters, *gradients, *buffers, lr)})

    monkeypatch.setattr(sys.modules["torch.optim.sgd"], "_device_dtype_check_for_fused", lambda p: None)
    monkeypatch.setattr(torch, "_fused_sgd_", fused_sgd)
    device = Abstract(torch.device("meta"), torch.float32, True, prepares=True)
    images = torch.zeros(36, 3, 32, 32, dtype=torch.uint8, device="meta")
    labels = torch.zeros(36, dtype=torch.int64, device="meta")
    epoch = EpochBuffers(device)
    epoch.fill(images, labels)
    net = device.suited_to(new_net(ARCHITECTURES[name], 1.0, 1)).place(new_net(ARCHITECTURES[name], 1.0, 1))
    trainer = Trainer(net, SGD, cross_entropy, 12, epoch, (images, labels), torch_seed=0)
    trainer.begin(0.1)
    with trainer.turn():
        trainer.step(12, 3)
    trainer.evaluate()
    assert stepped == [{"meta"}] * 3
    with pytest.raises(NotImplementedError, match="meta tensor"):
        trainer.read()
