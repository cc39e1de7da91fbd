"""How much of a student's epoch is not forward, backward and optimiser.

    taskset -c 0 python benchmarks/student_epoch.py [--out benchmarks/results]

One core, one epoch of a student as the training loop runs it (stored epochs read or rendered, targets read,
images standardised, loss summed up), against the same forward, backward and optimiser steps on batches that
lie standardised in memory. Five alternating rounds; the share is 1 - median(bare) / median(loop).
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from recording import header, write_result

from mimic.augment.recipe import draw_recipe
from mimic.augment.render import Renderer, standardise
from mimic.config.augment import CropSettings, HsvSettings
from mimic.data.shapes import generate
from mimic.epochs.store import StoredEpochs, write_shard
from mimic.logits.store import TARGETS_FORMAT, Member, StoredLogits, write_logits
from mimic.models.net import new_net
from mimic.seeding import numpy_generator
from mimic.students.families import Study, architecture_at
from mimic.students.losses import logit_l2
from mimic.students.train_student import epoch_loader
from mimic.training.devices import choose_device
from mimic.training.loop import _train_epoch

HSV = HsvSettings(
    hue_shift=0.06, saturation_shift=0.26, value_shift=0.2, saturation_scale=0.21, value_scale=0.13
)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)
STUDENTS = {
    "mlp1-1M": [2000],
    "mlp3-1M": [250, 250],
    "cnn1-1M": [90, 800],
    "cnn2-1M": [64, 64],
    "cnn3-1M": [64, 64, 64],
    "cnn4-1M": [64, 64, 64, 64],
}
BATCH = 128


def stored(folder, images, store):
    """Two epochs and their targets on disk."""
    renderer = Renderer("cpu")
    recipes = {}
    for epoch in range(2):
        generator = numpy_generator(0, "epochs", epoch)
        recipes[epoch] = draw_recipe(generator.permutation(len(images)).astype("int32"), HSV, CROP, generator)
    shard, targets = folder / f"{store}.h5", folder / f"{store}-targets.h5"
    write_shard(shard, recipes, lambda r: renderer.render(images, r).numpy(), store == "pixels", "digest", {})
    epochs = StoredEpochs([shard], "digest", images, renderer)
    logits = np.random.default_rng(0).normal(0, 4, (2, len(images), 10))
    digests = [epochs.digests[0], epochs.digests[1]]
    members = [Member(0, "")]
    write_logits(targets, TARGETS_FORMAT, logits, digests, len(images), 10, "float16", members, {})
    return epochs, StoredLogits(targets, TARGETS_FORMAT, epochs.digests, len(images))


def measure(name, loader, device, rounds):
    """Median seconds of an epoch in the loop and bare."""
    family, budget = name.split("-")
    net = new_net(architecture_at(Study(family, budget, False), STUDENTS[name], 10), 1.0, 0)
    device = device.suited_to(net)
    net = device.place(net)
    sgd = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9, nesterov=True, foreach=True)
    images, targets = loader(0)
    batches = [
        (device.format(standardise(images[i : i + BATCH])), targets[i : i + BATCH])
        for i in range(0, len(images), BATCH)
    ]

    def bare():
        for batch, target in batches:
            with device.autocast():
                logits = net(batch)
            loss = logit_l2(logits.float(), target)
            sgd.zero_grad(set_to_none=True)
            loss.backward()
            sgd.step()

    def loop():
        _train_epoch(net, *loader(0), logit_l2, sgd, BATCH, device)

    seconds = {bare: [], loop: []}
    for _ in range(rounds + 1):
        for run in (bare, loop):
            started = time.perf_counter()
            run()
            seconds[run].append(time.perf_counter() - started)
    # the first round warms up
    return {run.__name__: statistics.median(times[1:]) for run, times in seconds.items()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", default=Path(__file__).parent / "results", type=Path)
    parser.add_argument("--images", type=int, default=6400, help="images an epoch")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    device = choose_device("auto", "auto", threads=1)
    images = torch.from_numpy(generate(args.images, np.random.default_rng(0))[0])
    rows = []
    print(f"{device.describe()}; {args.images} images an epoch, batches of {BATCH}, one core")
    print(f"{'student':10} {'store':7} {'images/s':>9} {'bare':>9} {'outside':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for store in ("pixels", "recipe"):
            epochs, targets = stored(Path(folder), images, store)
            loader = epoch_loader(epochs, targets, None)
            for name in STUDENTS:
                seconds = measure(name, loader, device, args.rounds)
                rates = {key: args.images / value for key, value in seconds.items()}
                outside = 1 - seconds["bare"] / seconds["loop"]
                rows.append({"student": name, "store": store, "share_outside": outside, **rates})
                print(f"{name:10} {store:7} {rates['loop']:9,.0f} {rates['bare']:9,.0f} {outside:8.1%}")
    write_result(args.out, "student_epoch", {**header(), "device": device.describe(), "rows": rows})


if __name__ == "__main__":
    main()
