"""Does cost grow in proportion? Twice the epochs, members or students, beside once.

    python benchmarks/proportion.py [--out benchmarks/results]

Each kind of work in one process at a small scale, and again twice as much of it, in alternating rounds;
processor seconds. The peer is twice the time of the single work: a ratio of 1 is exact proportion, below 1
that the double takes longer. Memory: the largest resident set of a process that trains a student on
stored epochs, against one that trains on four times as many.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import fixed_nets
import numpy as np
import torch
from recording import alternate, claim, header, positive, write_result

from mimic.allocator import keep_memory
from mimic.augment.render import Renderer
from mimic.data.shapes import generate
from mimic.epochs.generate_epochs import generate_epochs
from mimic.epochs.store import StoredEpochs, write_shard
from mimic.logits.record_logits import record_logits
from mimic.models.net import new_net
from mimic.students.losses import logit_l2
from mimic.teachers.train_teacher import augmented_epochs, teacher_training
from mimic.training.devices import choose_device
from mimic.training.loop import Optimiser, Training, fit_together

EPOCHS = fixed_nets.CONFIG.epochs
STUDENT = "cnn2-300k"


def write_epochs(path, images, n_epochs):
    """A shard of augmented epochs with pixels."""
    recipes = generate_epochs(len(images), range(n_epochs), EPOCHS, 0)
    renderer = Renderer(images.device)
    write_shard(path, recipes, lambda r: renderer.render(images, r).cpu().numpy(), True, "digest", {})


def train_students(epochs, n_students, n_epochs, device):
    """Students on stored epochs and made-up logits."""
    generator = torch.Generator(device=device.torch_device).manual_seed(0)
    shape = {"device": device.torch_device, "generator": generator}
    targets = torch.randn(epochs.n_images, 10, **shape)
    settings = fixed_nets.CONFIG.students.training.model_copy(update={"max_epochs": n_epochs})
    trainings = []
    for seed in range(n_students):
        net = new_net(fixed_nets.student(STUDENT)[0], 1.0, seed)
        net = device.suited_to(net).place(net)
        trainings.append(Training(net, Optimiser(1e-4, 0.9, 0.0)))
    validation = (epochs.source_images[:200], torch.zeros(200, dtype=torch.int64, device=device.torch_device))
    load_epoch = lambda epoch: (epochs.images(epoch), targets)  # noqa: E731
    fit_together(trainings, load_epoch, logit_l2, settings, validation, device)


def works(folder, images, labels, device):
    """By kind: function (times) that does the work so many times over, and what is counted."""
    teacher = fixed_nets.teacher()[1] | {"filters_conv1": 16, "filters_conv2": 24, "filters_conv3": 32}
    teacher["hidden_units"] = 128
    crop, hsv = fixed_nets.CONFIG.teachers.crop, EPOCHS.hsv
    shard = folder / "epochs.h5"
    write_epochs(shard, images, 4)
    epochs = StoredEpochs([shard], "digest", images, Renderer(device.torch_device))
    members = [teacher_training(teacher, 10, seed, device).net for seed in range(4)]

    def teach(times):
        settings = fixed_nets.CONFIG.teachers.training.model_copy(update={"max_epochs": 2 * times})
        load_epoch = augmented_epochs(images, labels, hsv, crop, 0, device)
        training = teacher_training(teacher, 10, 0, device)
        validation = (images[:200], labels[:200])
        loss_function = torch.nn.functional.cross_entropy
        fit_together([training], load_epoch, loss_function, settings, validation, device)

    return {
        "augmented epochs generated": lambda times: write_epochs(folder / "more.h5", images, 4 * times),
        "epochs of a teacher": teach,
        "members that label": lambda times: list(
            record_logits(members[: 2 * times], epochs, range(4), device, 512)
        ),
        "epochs of a student": lambda times: train_students(epochs, 1, 2 * times, device),
        "students trained together": lambda times: train_students(epochs, 2 * times, 2, device),
    }


def peak_memory(shard, n_epochs, n_images):
    """Largest resident set, in bytes, of a process that trains on that many stored epochs."""
    command = [sys.executable, __file__, "--child", str(shard), str(n_epochs), str(n_images)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def child(shard, n_epochs, n_images):
    """Train on all epochs of a shard, print the largest resident set."""
    device = choose_device("auto", "auto", 1)
    images = torch.from_numpy(generate(n_images, np.random.default_rng(0))[0]).to(device.torch_device)
    epochs = StoredEpochs([shard], "digest", images, Renderer(device.torch_device))
    train_students(epochs, 1, n_epochs, device)
    # Not getrusage: its peak includes that of the parent before this process began.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) * 1024)


def main(argv=None):
    """Measure, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--images", type=positive, default=2_000, help="an epoch")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        shard, n_epochs, n_images = arguments.child
        child(Path(shard), int(n_epochs), int(n_images))
        return
    torch.set_num_threads(1)
    keep_memory()
    machine = header()
    device = choose_device("auto", "auto", 1)
    drawn = generate(arguments.images, np.random.default_rng(0))
    images, labels = (torch.from_numpy(array).to(device.torch_device) for array in drawn)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kinds = works(folder, images, labels, device)
        runs = {(kind, n): (lambda w=work, n=n: w(n)) for kind, work in kinds.items() for n in (1, 2)}
        _, processor = alternate(runs, arguments.rounds)
        memory = {}
        for n_epochs in (4, 16):
            write_epochs(folder / "epochs.h5", images, n_epochs)
            memory[n_epochs] = peak_memory(folder / "epochs.h5", n_epochs, arguments.images)
    claims = []
    for kind in kinds:
        doubled = [2 * seconds for seconds in processor[kind, 1]]
        claims.append(claim(f"twice the {kind}", "s", processor[kind, 2], "2 x once", doubled, True))
    megabytes = [[memory[n] / 1e6] for n in (16, 4)]
    claims.append(claim("memory of training on 16 epochs", "MB", megabytes[0], "on 4", megabytes[1], True))
    for row in claims:
        print(
            f"{row['what']:45}{row['ours']:10.2f} {row['unit']:3}{row['peer_value']:10.2f}{row['ratio']:8.2f}"
        )
    seconds = {f"{kind}, x{n}": values for (kind, n), values in processor.items()}
    result = {**machine, "device": device.describe(), "processor_seconds": seconds, "memory_bytes": memory}
    write_result(arguments.out, "proportion", result, claims)


if __name__ == "__main__":
    main()
