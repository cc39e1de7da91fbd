"""How fast nets are trained: our engine against the usual loop, plain and done well.

    python benchmarks/training_step.py [--nets teacher cnn2-1M ...] [--out benchmarks/results]

All train the same net on the same images in batches of 128, by SGD with Nesterov momentum: a teacher on
labels, augmented on the fly; students on stored logits and images that were augmented before. Images a
second, from uint8 images in memory to the updated weights. The peers:

plain
    Dataset and DataLoader with a worker a core (at most 8), torchvision's transforms on a PIL image a sample,
    as its own data sets give it, float32, the loss read at every step.
done well
    Images on the device as uint8, standardised (and augmented, by our kernels, not compiled) a batch at a
    time, autocast to bfloat16 where the processor has it, channels_last, no wait for the loss; eager.

Each contender has processes of its own, since memory settings are a process's; they take turns. A peer has
all cores; ours is a job of one thread a core on the CPU, as the workflow runs them, and one process on a
GPU. There it runs once more with several nets in that process, their steps side by side; on Linux, with
glibc's memory allocator as it is by default.
"""

import argparse
import dataclasses
import itertools
import os
import platform
import statistics
from pathlib import Path

import fixed_nets
import numpy as np
import torch
from PIL import Image
from racing import Contender, race
from recording import claim, header, positive, write_result
from torch.nn.functional import cross_entropy

from mimic.augment.recipe import draw_recipe
from mimic.augment.render import Renderer, standardise
from mimic.models.net import new_net
from mimic.students.losses import logit_l2
from mimic.torchvision_import import import_torchvision
from mimic.training import devices
from mimic.training.devices import choose_device, gains_from_bfloat16
from mimic.training.engine import EpochBuffers, Trainer, train_epoch
from mimic.training.loop import Optimiser

BATCH, N_IMAGES = 128, 4096
RATE, MOMENTUM = 1e-4, 0.9
HSV, CROP = fixed_nets.CONFIG.epochs.hsv, fixed_nets.CONFIG.teachers.crop
STUDENTS = [
    f"{family}-{budget}" for budget in ("1M", "10M") for family in fixed_nets.CONFIG.students.families
]


def images_and_targets(is_teacher):
    """uint8 (n, 3, 32, 32), and labels int64 (n,) or logits float32 (n, 10), as numpy arrays."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (N_IMAGES, 3, 32, 32), dtype=np.uint8)
    if is_teacher:
        return images, generator.integers(0, 10, N_IMAGES)
    return images, generator.normal(0, 4, (N_IMAGES, 10)).astype(np.float32)


def build(net_name, seed=0):
    """The net, and its loss."""
    if net_name == "teacher":
        return new_net(fixed_nets.teacher()[0], 1.0, seed), cross_entropy
    architecture, hyperparameters = fixed_nets.student(net_name)
    return new_net(architecture, 1.0, seed, hyperparameters["input_scale"]), logit_l2


class Samples(torch.utils.data.Dataset):
    """Images and targets a sample at a time, with transforms."""

    def __init__(self, is_teacher):
        images, self.targets = images_and_targets(is_teacher)
        self.images = images.transpose(0, 2, 3, 1).copy()
        transforms = import_torchvision("transforms")
        bicubic = transforms.InterpolationMode.BICUBIC
        jitter = transforms.ColorJitter(HSV.value_scale, 0, HSV.saturation_scale, HSV.hue_shift)
        crop = transforms.RandomResizedCrop(32, scale=(0.5625, 1), ratio=(1, 1), interpolation=bicubic)
        augment = [jitter, transforms.RandomHorizontalFlip(), crop] if is_teacher else []
        self.transform = transforms.Compose([*augment, transforms.ToTensor()])

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.transform(Image.fromarray(self.images[index]))
        return (image - image.mean()) / image.std(correction=0), self.targets[index]


def plain(net_name, n_nets):
    """Function (n_steps) that trains so many steps of the usual loop; threads are torch's default."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net, loss_function = build(net_name)
    net = net.to(device).train()
    data = Samples(net_name == "teacher")
    sgd = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, nesterov=True)
    loader = torch.utils.data.DataLoader(
        data,
        BATCH,
        sampler=torch.utils.data.RandomSampler(data, replacement=True, num_samples=10**9),
        num_workers=min(8, os.cpu_count()),
        pin_memory=device.type == "cuda",
        multiprocessing_context="fork",
    )
    batches = iter(loader)

    def run(n_steps):
        running_loss = 0.0
        for images, targets in itertools.islice(batches, n_steps):
            images, targets = images.to(device, non_blocking=True), targets.to(device, non_blocking=True)
            sgd.zero_grad()
            loss = loss_function(net(images), targets)
            loss.backward()
            sgd.step()
            running_loss += loss.item()

    return run


def done_well(net_name, n_nets):
    """The same loop with images on the device, autocast and channels_last."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net, loss_function = build(net_name)
    net = net.to(device, memory_format=torch.channels_last).train()
    images, targets = (torch.from_numpy(a).to(device) for a in images_and_targets(net_name == "teacher"))
    sgd = torch.optim.SGD(net.parameters(), lr=RATE, momentum=MOMENTUM, nesterov=True)
    renderer, generator = Renderer(device, chunk=BATCH, compile_after=10**12), np.random.default_rng(0)
    bfloat16 = gains_from_bfloat16(device)

    def run(n_steps):
        running_loss = torch.zeros((), device=device)
        for step in range(n_steps):
            rows = np.arange(step * BATCH, (step + 1) * BATCH) % N_IMAGES
            if net_name == "teacher":
                batch = renderer.render(images, draw_recipe(rows, HSV, CROP, generator))
            else:
                batch = images[rows[0] : rows[0] + BATCH]
            batch = standardise(batch).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
                logits = net(batch)
            loss = loss_function(logits.float(), targets[rows[0] : rows[0] + BATCH])
            sgd.zero_grad()
            loss.backward()
            sgd.step()
            running_loss += loss.detach()
        running_loss.item()

    return run


def ours(net_name, n_nets):
    """The engine of the stages, an epoch of `n_steps` batches a call; `n_nets` at once."""
    device = choose_device("auto", "auto", torch.get_num_threads())
    images, targets = (
        torch.from_numpy(a).to(device.torch_device) for a in images_and_targets(net_name == "teacher")
    )
    renderer, generator = Renderer(device.torch_device), np.random.default_rng(0)
    prepared = {}

    def begin(n_images):
        """Trainers for epochs of one size; their buffers do not move."""
        epoch, trainers = EpochBuffers(device), []
        for seed in range(n_nets):
            net, loss_function = build(net_name, seed)
            net = device.suited_to(net).place(net)
            optimiser = Optimiser(RATE, MOMENTUM, 0.0)
            validation = (images[:BATCH], targets[:BATCH])
            trainers.append(Trainer(net, optimiser, loss_function, BATCH, epoch, validation, seed))
        return epoch, trainers

    def run(n_steps):
        rows = np.arange(n_steps * BATCH) % N_IMAGES
        if n_steps not in prepared:
            prepared.clear()
            prepared[n_steps] = begin(len(rows))
        epoch, trainers = prepared[n_steps]
        order = torch.from_numpy(rows).to(device.torch_device)
        if net_name == "teacher":
            epoch.fill(renderer.render(images, draw_recipe(rows, HSV, CROP, generator)), targets[order])
        else:
            epoch.fill(images[order], targets[order])
        train_epoch(trainers, [RATE] * n_nets)
        for trainer in trainers:
            trainer.read()

    return run


def default_allocator(net_name, n_nets):
    """Ours without the settings that keep memory from step to step."""
    devices.keep_memory = lambda: None
    return ours(net_name, n_nets)


CONTENDERS = {"ours": ours, "plain": plain, "done well": done_well}
ALLOCATOR = "ours, default allocator"


def contenders_of(net_name, n_together):
    """Who races for a net, by name."""
    on_gpu = torch.cuda.is_available()
    jobs = {} if on_gpu else {"n_processes": os.cpu_count(), "n_threads": 1}

    def contender(make, n_nets=1, **processes):
        return Contender(make, (net_name, n_nets), n_nets * BATCH, **processes)

    found = {name: contender(make, **(jobs if name == "ours" else {})) for name, make in CONTENDERS.items()}
    if not on_gpu and platform.libc_ver()[0] == "glibc":
        found[ALLOCATOR] = contender(default_allocator, **jobs)
    if n_together > 1:
        found[f"ours, {n_together} nets together"] = contender(ours, n_together)
    return found


def main(argv=None):
    """Measure, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--nets", nargs="+", default=["teacher", *STUDENTS])
    parser.add_argument("--together", type=positive, default=4 if torch.cuda.is_available() else 1)
    parser.add_argument("--seconds", type=float, default=2.0, help="of a round, about")
    parser.add_argument("--rounds", type=positive, default=5)
    arguments = parser.parse_args(argv)
    for name in arguments.nets:
        build(name)  # a wrong name ends here, not in another process
    machine = {**header(), "device": dataclasses.asdict(choose_device("auto", "auto"))}
    machine["device"] = {key: str(value) for key, value in machine["device"].items()}
    all_rates, claims = {}, []
    print(f"{'images/s':12}" + "".join(f"{name:>14}" for name in [*CONTENDERS, "x plain", "x done well"]))
    for name in arguments.nets:
        contenders = contenders_of(name, arguments.together)
        rates = all_rates[name] = race(contenders, arguments.seconds, arguments.rounds)
        medians = {entry: statistics.median(values) for entry, values in rates.items()}
        ratios = [medians["ours"] / medians[peer] for peer in ("plain", "done well")]
        row = [f"{medians[contender]:14,.0f}" for contender in CONTENDERS]
        print(f"{name:12}" + "".join(row) + "".join(f"{ratio:14.2f}" for ratio in ratios), flush=True)
        what = f"training {name}"
        for peer in ("plain", "done well", ALLOCATOR):
            if peer in rates:
                claims.append(claim(what, "images/s", rates["ours"], peer, rates[peer]))
        together = f"ours, {arguments.together} nets together"
        if together in rates:
            what = f"training {arguments.together} of {name} together"
            for peer in ("ours", "done well"):
                claims.append(claim(what, "images/s", rates[together], f"{peer}, one net", rates[peer]))
    write_result(arguments.out, "training_step", {**machine, "images_per_second": all_rates}, claims)


if __name__ == "__main__":
    main()
