"""How fast the grid of small residual nets is trained: stacked, against the same nets one by one.

    python benchmarks/stacking.py [--filters 1 2 4 8] [--nets 32] [--out benchmarks/results]

Images a second through a net (images times nets), from uint8 images in memory to the updated weights: nets of
four layers on images of 1x28x28, batches of 512, RMSprop, float32. The peers train one net after another:

plain
    A module a net, TensorDataset and DataLoader, `torch.optim.RMSprop`, the loss read at every step.
done well
    Images on the device, no wait for the loss, and our memory settings.

A peer has all cores; ours is a job of one thread a core on the CPU, as the workflow runs them. Beside: the
cost of a net in a stack of twice as many, and the share of the rate of a large matrix product in float32.
"""

import argparse
import itertools
import os
import statistics
from pathlib import Path

import cost
import torch
from racing import Contender, race
from recording import claim, header, positive, write_result
from torch.nn.functional import cross_entropy

from mimic.allocator import keep_memory
from mimic.config.shallow import LAYOUTS, ShallowTraining
from mimic.shallow.grid import NetSettings, Shape
from mimic.shallow.memory import divide
from mimic.shallow.nets import ResidualNet, initial_tensors
from mimic.shallow.run import own_stream
from mimic.shallow.stack import Stack
from mimic.training.devices import choose_device

BATCH, N_IMAGES, N_LAYERS, RATE = 512, 4096, 4, 1e-4
TRAINING = ShallowTraining(
    batch_size=BATCH,
    n_epochs=1,
    rho=0.9,
    momentum=0.9,
    betas=(0.9, 0.999),
    epsilon=1e-7,
    precision="float32",
    memory_mb=3000,
)


def shape_of(n_filters):
    """Shape of the nets."""
    return Shape((1, 28, 28), 10, N_LAYERS, n_filters, 3, False)


def images_and_labels():
    """uint8 (n, 1, 28, 28) and int64 (n,)."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (N_IMAGES, 1, 28, 28), dtype=torch.uint8, generator=generator)
    return images, torch.randint(0, 10, (N_IMAGES,), generator=generator)


def training_flop(n_filters, n_images):
    """Forward, and twice as much backward."""
    area = 28 * 28
    multiply_adds = area * 9 * n_filters * (1 + N_LAYERS * n_filters) + 10 * area * n_filters
    return 6 * multiply_adds * n_images


def stacked(layout, n_filters, n_nets):
    """Function (n_steps) that trains a stack."""
    device = choose_device("float32", "off", torch.get_num_threads())
    place, shape = device.torch_device, shape_of(n_filters)
    nets = [NetSettings(layout, "zeros", "relu", "rmsprop", "glorot_uniform", RATE, i) for i in range(n_nets)]
    drawn = [initial_tensors(shape, "glorot_uniform", net.seed) for net in nets]
    tensors = {name: torch.stack([one[name] for one in drawn]) for name in drawn[0]}
    data = tuple(tensor.to(place) for tensor in images_and_labels())
    division = divide(shape, n_nets, TRAINING, place.type == "cpu", layout == "parallel")
    stack = Stack(shape, nets, tensors, TRAINING, device, data, division.images)
    order = torch.arange(N_IMAGES)

    def run(n_steps):
        with own_stream(device):
            for step in range(n_steps):
                if step % (N_IMAGES // BATCH) == 0:
                    stack.begin(order)
                stack.step(BATCH)
            stack.loss.tolist()

    return run


def module(layout, n_filters, place):
    """A net, and its optimiser."""
    shape = shape_of(n_filters)
    net = ResidualNet(shape, layout)
    net.load_state_dict(initial_tensors(shape, "glorot_uniform", 0))
    net = net.to(place).train()
    return net, torch.optim.RMSprop(net.parameters(), RATE, TRAINING.rho, TRAINING.epsilon)


def plain(layout, n_filters, n_nets):
    """The usual loop of one net."""
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net, optimiser = module(layout, n_filters, place)
    images, labels = images_and_labels()
    data = torch.utils.data.TensorDataset(images.float() / 255, labels)
    loader = torch.utils.data.DataLoader(data, BATCH, shuffle=True, drop_last=True)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))

    def run(n_steps):
        running_loss = 0.0
        for pixels, answers in itertools.islice(batches, n_steps):
            optimiser.zero_grad()
            loss = cross_entropy(net(pixels.to(place)), answers.to(place))
            loss.backward()
            optimiser.step()
            running_loss += loss.item()

    return run


def done_well(layout, n_filters, n_nets):
    """The same loop with images on the device."""
    keep_memory()
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net, optimiser = module(layout, n_filters, place)
    images, labels = (tensor.to(place) for tensor in images_and_labels())
    order = torch.arange(N_IMAGES, device=place)

    def run(n_steps):
        running_loss = torch.zeros((), device=place)
        for step in range(n_steps):
            rows = order.roll(step * BATCH)[:BATCH]
            optimiser.zero_grad()
            loss = cross_entropy(net(images[rows].float() / 255), labels[rows])
            loss.backward()
            optimiser.step()
            running_loss += loss.detach()
        running_loss.item()

    return run


def contenders_of(layout, n_filters, n_nets):
    """Who races, by name."""
    jobs = {} if torch.cuda.is_available() else {"n_processes": os.cpu_count(), "n_threads": 1}

    def contender(make, nets=1, **processes):
        return Contender(make, (layout, n_filters, nets), nets * BATCH, **processes)

    return {
        "ours": contender(stacked, n_nets, **jobs),
        "plain": contender(plain),
        "done well": contender(done_well),
        "half as many": contender(stacked, max(1, n_nets // 2), **jobs),
    }


def main(argv=None):
    """Measure, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--filters", type=positive, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--nets", type=positive, default=32, help="of a stack")
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round, about")
    parser.add_argument("--rounds", type=positive, default=5)
    arguments = parser.parse_args(argv)
    machine = header()
    rate = cost.matrix_rate(choose_device("float32", "off"))
    all_rates, claims, shares = {}, [], {}
    print(f"{'images/s':20}" + "".join(f"{name:>14}" for name in ("ours", "x plain", "x done well", "share")))
    for layout, n_filters in itertools.product(LAYOUTS, arguments.filters):
        name = f"{layout} F{n_filters}"
        rates = race(contenders_of(layout, n_filters, arguments.nets), arguments.seconds, arguments.rounds)
        all_rates[name] = rates
        medians = {entry: statistics.median(values) for entry, values in rates.items()}
        shares[name] = training_flop(n_filters, medians["ours"]) / rate
        ratios = "".join(f"{medians['ours'] / medians[peer]:14.2f}" for peer in ("plain", "done well"))
        print(f"{name:20}{medians['ours']:14,.0f}{ratios}{shares[name]:14.1%}", flush=True)
        what = f"training {arguments.nets} {layout} nets of {N_LAYERS} layers, {n_filters} filters"
        for peer in ("plain", "done well"):
            claims.append(claim(what, "images/s", rates["ours"], f"{peer}, one by one", rates[peer]))
        claims.append(claim(what, "images/s", rates["ours"], "a stack half as large", rates["half as many"]))
    result = {**machine, "images_per_second": all_rates, "matrix_rate": rate, "share_of_matrix_rate": shares}
    write_result(arguments.out, "stacking", result, claims)


if __name__ == "__main__":
    main()
