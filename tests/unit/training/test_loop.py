import dataclasses
import itertools

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy, mse_loss
from torch.optim.optimizer import register_optimizer_step_pre_hook

from mimic.augment.render import standardise
from mimic.models.net import new_net
from mimic.models.student_mlp import mlp_architecture
from mimic.models.teacher_cnn import teacher_architecture
from mimic.training.devices import choose_device
from mimic.training.evaluate import predict, score
from mimic.training.loop import Optimiser, fit

DEVICE = choose_device("float32", "off", 1)
SGD = Optimiser(learning_rate=0.05, momentum=0.9, weight_decay=1e-4)
PERCEPTRON = mlp_architecture([8], 3)
TEACHER = teacher_architecture([2, 2, 2], 4, [0.2] * 3, [0.2] * 2, 3)


@pytest.fixture
def data(dataset):
    return {
        split: (torch.from_numpy(dataset.images[split]), torch.from_numpy(dataset.labels[split]))
        for split in dataset.images
    }


def train(data, settings, architecture=PERCEPTRON, sgd=SGD, loss=cross_entropy, **others):
    """A new net and how its training on the same epoch over and over went."""
    net = new_net(architecture, 1.0, 1)
    return net, fit(
        net, lambda epoch: data["train"], loss, sgd, settings, data["validation"], DEVICE, **others
    )


def test_a_separable_problem_is_learnt(data, training):
    net, result = train(data, training(max_epochs=10))
    assert result.status == "finished"
    assert result.history[-1].train_loss < 0.1 * result.history[0].train_loss
    assert max(record.validation_accuracy for record in result.history) == 1.0
    accuracy, _ = score(predict(net, data["test"][0], DEVICE), data["test"][1])
    assert accuracy == 1.0


def test_logits_are_regressed(data, training):
    """A net that is trained on another net's logits comes to give them."""
    teacher = new_net(PERCEPTRON, 1.0, 9)
    logits = predict(teacher, data["train"][0], DEVICE).clone()
    mimicked = {"train": (data["train"][0], logits), "validation": data["validation"]}
    _, result = train(mimicked, training(max_epochs=30), sgd=Optimiser(0.001, 0.9, 0.0), loss=mse_loss)
    assert result.history[-1].train_loss < 0.05 * result.history[0].train_loss


@pytest.mark.parametrize("architecture", [PERCEPTRON, TEACHER], ids=["mlp", "teacher with dropout"])
def test_the_same_seed_gives_the_same_weights_byte_for_byte(data, training, architecture):
    first, second = (train(data, training(), architecture)[0].state_dict() for _ in range(2))
    torch.rand(3)
    third = train(data, training(), architecture)[0].state_dict()
    for name in first:
        assert first[name].numpy().tobytes() == second[name].numpy().tobytes()
        assert first[name].numpy().tobytes() == third[name].numpy().tobytes()


def test_dropout_draws_from_the_seed_given(data, training):
    first, other = (train(data, training(), TEACHER, torch_seed=s)[0].state_dict() for s in (0, 1))
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_torch_s_global_generator_is_left_as_it_was(data, training):
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    architecture_draws = new_net(TEACHER, 1.0, 1)
    torch.manual_seed(5)
    fit(
        architecture_draws,
        lambda epoch: data["train"],
        cross_entropy,
        SGD,
        training(max_epochs=2),
        data["validation"],
        DEVICE,
    )
    assert torch.equal(torch.rand(4), expected)


def test_one_step_is_nesterov_s_by_hand(data, training):
    """One batch, one epoch: v = g + decay w, then w - rate (v + momentum v)."""
    net = new_net(PERCEPTRON, 1.0, 1)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    sgd = Optimiser(0.01, 0.5, 0.1)
    settings = training(batch_size=100, max_epochs=1)
    logits = net(standardise(data["train"][0]))
    nn.functional.cross_entropy(logits, data["train"][1]).backward()
    gradients = {name: p.grad.clone() for name, p in net.named_parameters()}
    net.zero_grad()
    fit(net, lambda epoch: data["train"], cross_entropy, sgd, settings, data["validation"], DEVICE)
    for name, tensor in net.state_dict().items():
        velocity = gradients[name] + 0.1 * before[name]
        torch.testing.assert_close(tensor, before[name] - 0.01 * 1.5 * velocity, rtol=1e-5, atol=1e-7)


def test_momentum_zero_is_plain_descent(data, training):
    _, result = train(data, training(max_epochs=1), sgd=Optimiser(0.01, 0.0, 0.0))
    assert result.status == "finished"


def test_the_best_epoch_s_weights_are_kept(data, training):
    """From the second epoch on the labels are wrong: the first epoch stays the best."""
    images, labels = data["train"]
    epochs = []

    def load_epoch(epoch):
        epochs.append(epoch)
        return images, (labels if epoch < 4 else (labels + 1) % 3)

    settings = training(max_epochs=12)
    net = new_net(PERCEPTRON, 1.0, 1)
    result = fit(net, load_epoch, cross_entropy, SGD, settings, data["validation"], DEVICE)
    alone = new_net(PERCEPTRON, 1.0, 1)
    short = training(max_epochs=result.best_epoch)
    fit(alone, load_epoch, cross_entropy, SGD, short, data["validation"], DEVICE)
    assert result.best_epoch <= 4
    assert epochs[:12] == list(range(12))
    assert all(torch.equal(tensor, alone.state_dict()[name]) for name, tensor in net.state_dict().items())
    accuracies = [record.validation_accuracy for record in result.history]
    assert accuracies.index(max(accuracies)) == result.best_epoch - 1
    assert accuracies[-1] < max(accuracies)


def test_a_rate_that_is_far_too_large_is_recorded_as_diverged(data, training):
    seen = []
    _, result = train(data, training(max_epochs=30), sgd=Optimiser(1e30, 0.9, 0.0), on_epoch=seen.append)
    assert result.status == "diverged"
    assert "epoch" in result.reason
    assert "nan" in result.reason or "inf" in result.reason
    assert result.history == seen
    assert len(seen) < 30
    assert result.best_epoch == 0


def test_the_history_says_what_happened(data, training):
    seen = []
    _, result = train(data, training(max_epochs=8, halve_patience=2, halve_cooldown=0), on_epoch=seen.append)
    assert result.history == seen
    assert [record.epoch for record in seen] == list(range(1, len(seen) + 1))
    assert result.reason == "last epoch"
    rates = [record.learning_rate for record in seen]
    assert rates[0] == SGD.learning_rate
    assert all(later in (earlier, earlier / 2) for earlier, later in itertools.pairwise(rates))
    assert rates[-1] < rates[0]
    for record in seen:
        assert record.seconds > 0
        assert record.images_per_second == pytest.approx(36 / record.seconds)
        assert 0 <= record.validation_accuracy <= 1
        assert np.isfinite(dataclasses.astuple(record)).all()


def test_every_step_is_taken_at_the_rate_that_the_history_states(data, training):
    """The labels are wrong throughout, so that the error never drops for long and the rate is halved."""
    images, labels = data["train"]
    used = []
    hook = register_optimizer_step_pre_hook(
        lambda sgd, *_: used.append([float(group["lr"]) for group in sgd.param_groups])
    )
    try:
        wrong = {**data, "train": (images, (labels + 1) % 3)}
        _, result = train(wrong, training(max_epochs=8, halve_patience=2, halve_cooldown=0))
    finally:
        hook.remove()
    stated = [record.learning_rate for record in result.history]
    assert stated[-1] <= SGD.learning_rate / 4
    expected = [rate for rate in stated for _ in range(3)]  # 36 images in batches of 12
    assert [rate for rates in used for rate in rates] == pytest.approx(expected, rel=1e-6)


def test_the_training_loss_is_the_mean_an_image_whatever_the_last_batch(data, training):
    """36 images in batches of 35 and 1, at a rate too small to change anything."""
    tiny = Optimiser(1e-20, 0.0, 0.0)
    losses = [
        train(data, training(batch_size=size, max_epochs=1), sgd=tiny)[1].history[0].train_loss
        for size in (36, 35, 7)
    ]
    assert losses == pytest.approx([losses[0]] * 3, rel=1e-5)


def test_bfloat16_trains_too(data, training):
    device = choose_device("bfloat16", "on", 1)
    net = device.place(new_net(TEACHER, 1.0, 1))
    settings = training(max_epochs=2)
    result = fit(net, lambda e: data["train"], cross_entropy, SGD, settings, data["validation"], device)
    assert result.status == "finished"
    assert all(p.dtype == torch.float32 for p in net.parameters())
