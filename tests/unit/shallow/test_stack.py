import pytest
import torch
import torch.nn.functional as F
from tests.unit.shallow.plain_nets import PlainNet

from mimic.shallow.nets import initial_tensors
from mimic.shallow.stack import Stack

SHAPE = (1, 8, 8)
RATES = {"rmsprop": 1e-3, "sgd": 1e-2, "adam": 1e-3}
OPTIMISERS = {
    "rmsprop": lambda p, rate, t: torch.optim.RMSprop(p, rate, alpha=t.rho, eps=t.epsilon),
    "sgd": lambda p, rate, t: torch.optim.SGD(p, rate, momentum=t.momentum, nesterov=True),
    "adam": lambda p, rate, t: torch.optim.Adam(p, rate, betas=t.betas, eps=t.epsilon),
}


def stacked(settings, images, device, dtype=torch.float64, n_images=16):
    shape = settings.shape(SHAPE, 4)
    nets = settings.nets()
    drawn = [initial_tensors(shape, net.initialiser, net.seed) for net in nets]
    tensors = {name: torch.stack([one[name].to(dtype) for one in drawn]) for name in drawn[0]}
    singles = [
        PlainNet(shape, net.layout, {name: tensors[name][i] for name in tensors}, net.activation, net.padding)
        for i, net in enumerate(nets)
    ]
    return Stack(shape, nets, tensors, settings.training, device, images, n_images), singles


def train_one_by_one(nets, singles, settings, images, order):
    pixels, labels = images
    for net, single in zip(nets, singles, strict=True):
        single.train()
        optimiser = OPTIMISERS[net.optimiser](single.parameters(), net.learning_rate, settings.training)
        for rows in order.split(settings.training.batch_size):
            optimiser.zero_grad()
            logits = single(pixels[rows].to(single.stem.weight.dtype) / 255)
            F.cross_entropy(logits, labels[rows]).backward()
            optimiser.step()


def furthest(stack, singles):
    """Largest distance of a tensor of the stack from the same of the nets."""
    own = {**stack.weights, **stack.statistics}
    return max(
        (one - other).abs().max().item()
        for i, single in enumerate(singles)
        for one, other in single.named({name: tensor[i].detach() for name, tensor in own.items()})
    )


def run(stack, order, batch_size):
    stack.begin(order)
    for rows in order.split(batch_size):
        stack.step(len(rows))


@pytest.mark.parametrize("optimiser", sorted(OPTIMISERS))
@pytest.mark.parametrize("layout", ["sequential", "parallel"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_a_stack_is_its_nets_trained_one_by_one(group, images, device, optimiser, layout, batch_norm):
    rate = RATES[optimiser]
    settings = group(
        n_layers=3,
        batch_norm=batch_norm,
        layout=[layout],
        optimiser=[optimiser],
        learning_rate=[rate, rate / 3],
        initialiser=["glorot_uniform", "he_normal"],
        padding=["reflect"],
        activation=["gelu"],
    )
    data, order = images(90), torch.randperm(90, generator=torch.Generator().manual_seed(1))
    stack, singles = stacked(settings, data, device)
    start = furthest(stack, singles)
    run(stack, order, 16)
    train_one_by_one(settings.nets(), singles, settings, data, order)
    assert start == 0
    assert furthest(stack, singles) <= 1e-8


def test_a_stack_in_float32_is_its_nets_within_rounding(group, images, device):
    # SGD: rmsprop divides by roots of tiny means, so that rounding of a gradient near 0 becomes a whole step
    settings = group(optimiser=["sgd"], learning_rate=[1e-2], layout=["sequential"])
    data, order = images(64), torch.arange(64)
    stack, singles = stacked(settings, data, device, torch.float32)
    run(stack, order, 16)
    train_one_by_one(settings.nets(), singles, settings, data, order)
    assert furthest(stack, singles) <= 4 * 10 * torch.finfo(torch.float32).eps  # 4 steps on weights below 1


@pytest.mark.parametrize("optimiser", sorted(OPTIMISERS))
def test_with_one_layer_both_layouts_stay_one_function_through_training(group, images, device, optimiser):
    data, order = images(80), torch.arange(80)
    ends = []
    for layout in ("sequential", "parallel"):
        settings = group(n_layers=1, layout=[layout], optimiser=[optimiser], learning_rate=[RATES[optimiser]])
        stack, _ = stacked(settings, data, device)
        run(stack, order, 16)
        ends.append(stack)
    for name, tensor in ends[0].weights.items():
        torch.testing.assert_close(tensor, ends[1].weights[name], rtol=0, atol=1e-10)


def test_a_batch_passed_in_parts_is_the_same_batch(group, images, device):
    data, order = images(50), torch.arange(50)
    settings = group(layout=["parallel"])
    whole, _ = stacked(settings, data, device)
    parts, _ = stacked(settings, data, device, n_images=5)
    for stack in (whole, parts):
        run(stack, order, 16)
    for name, tensor in whole.weights.items():
        torch.testing.assert_close(tensor, parts.weights[name], rtol=0, atol=1e-10)
    torch.testing.assert_close(whole.loss, parts.loss, rtol=1e-12, atol=0)


def test_a_net_that_diverges_leaves_the_others_alone(group, images, device):
    data, order = images(48), torch.arange(48)
    wild = group(layout=["sequential"], learning_rate=[1e-3, 1e30], seed=[0])
    tame = group(layout=["sequential"], learning_rate=[1e-3], seed=[0])
    both, _ = stacked(wild, data, device, torch.float32)
    alone, _ = stacked(tame, data, device, torch.float32)
    for stack in (both, alone):
        run(stack, order, 16)
    assert not both.loss[1].isfinite()
    for name, tensor in alone.weights.items():
        torch.testing.assert_close(tensor[0], both.weights[name][0], rtol=1e-4, atol=1e-6)


def test_losses_and_accuracies_are_those_of_the_nets(group, images, device):
    data, seen = images(40, seed=3), images(33, seed=4)
    settings = group(layout=["sequential"], batch_norm=True)
    stack, singles = stacked(settings, data, device, n_images=7)
    loss, accuracy = stack.evaluate(*seen)
    for i, single in enumerate(singles):
        logits = single.eval()(seen[0].double() / 255)
        assert loss[i].item() == pytest.approx(F.cross_entropy(logits, seen[1]).item(), abs=1e-12)
        assert accuracy[i].item() == (logits.argmax(1) == seen[1]).double().mean().item()


def test_the_training_loss_is_that_of_each_image_before_its_step(group, images, device):
    data, order = images(40), torch.randperm(40)
    settings = group(layout=["parallel"], optimiser=["sgd"], learning_rate=[1e-2], seed=[4])
    stack, (single,) = stacked(settings, data, device)
    run(stack, order, 16)
    optimiser = OPTIMISERS["sgd"](single.parameters(), 1e-2, settings.training)
    losses, correct = 0.0, 0
    for rows in order.split(16):
        logits = single(data[0][rows].double() / 255)
        loss = F.cross_entropy(logits, data[1][rows])
        losses += loss.item() * len(rows)
        correct += (logits.argmax(1) == data[1][rows]).sum().item()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert stack.loss.item() == pytest.approx(losses, rel=1e-10)
    assert stack.correct.item() == correct
