"""How fast teachers label stored images, as a share of the machine's matrix rate, and what bfloat16 costs.

    python benchmarks/labelling.py [--members 4] [--out benchmarks/results]

Images a second of all members together (each labels every image), from uint8 images on the device to logits
in memory: ours, several members in one pass over images that are rendered once, against a pass a member and
against float32. The peer for throughput is the machine itself: a large matrix product in the same
arithmetic. The effect of bfloat16 is measured on teachers that were trained here for some epochs on the
embedded images: the root mean square of the difference of their logits to those in float32, in standard
deviations of the logits, and the share of images whose largest logit is another.
"""

import argparse
import dataclasses
import statistics
from pathlib import Path

import cost
import fixed_nets
import numpy as np
import torch
from recording import alternate, claim, header, positive, write_result

from mimic.augment.render import Renderer
from mimic.data.shapes import generate
from mimic.epochs.generate_epochs import generate_epochs
from mimic.logits.record_logits import record_logits
from mimic.teachers.space import hsv_of
from mimic.teachers.train_teacher import augmented_epochs, teacher_training
from mimic.training.devices import choose_device
from mimic.training.evaluate import predict
from mimic.training.loop import fit_together

EPOCHS = fixed_nets.CONFIG.epochs


class Rendered:
    """One epoch, rendered when it is asked for, as `record_logits` takes it."""

    def __init__(self, images, device):
        self.source, self.renderer = images, Renderer(device.torch_device)
        self.recipe = generate_epochs(len(images), [0], EPOCHS, 0)[0]

    def images(self, epoch):
        return self.renderer.render(self.source, self.recipe)


def trained_teachers(n_members, images, labels, n_epochs, device):
    """Teachers after some epochs, so that their logits are those of nets that know something."""
    _, hyperparameters = fixed_nets.teacher()
    crop, settings = fixed_nets.CONFIG.teachers.crop, fixed_nets.CONFIG.teachers.training
    load_epoch = augmented_epochs(images, labels, hsv_of(hyperparameters), crop, 0, device)
    trainings = [
        teacher_training({**hyperparameters, "learning_rate": 0.02}, 10, seed, device)
        for seed in range(n_members)
    ]
    settings = settings.model_copy(update={"max_epochs": n_epochs})
    validation = (images[:200], labels[:200])
    fit_together(trainings, load_epoch, torch.nn.functional.cross_entropy, settings, validation, device)
    return [training.net for training in trainings]


def rms_in_deviations(logits, reference):
    """Root mean square of a difference, in standard deviations of the reference."""
    return float((logits - reference).square().mean().sqrt() / reference.std())


def main(argv=None):
    """Measure, print, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    on_gpu = torch.cuda.is_available()
    parser.add_argument("--images", type=positive, default=40_000 if on_gpu else 1_024, help="a round")
    parser.add_argument("--train-images", type=positive, default=40_000 if on_gpu else 4_096)
    parser.add_argument("--train-epochs", type=positive, default=4)
    parser.add_argument("--members", type=positive, default=16 if on_gpu else 2)
    parser.add_argument("--batch", type=positive, default=2_048 if on_gpu else 512)
    parser.add_argument("--rounds", type=positive, default=5)
    arguments = parser.parse_args(argv)
    machine = header()
    device = choose_device("auto", "auto")
    plain = dataclasses.replace(device, dtype=torch.float32)
    torch.backends.cudnn.allow_tf32 = False  # touches only what is in float32
    drawn = generate(max(arguments.images, arguments.train_images), np.random.default_rng(0))
    images, labels = (torch.from_numpy(array).to(device.torch_device) for array in drawn)
    n_train = arguments.train_images
    n_epochs = arguments.train_epochs
    nets = trained_teachers(arguments.members, images[:n_train], labels[:n_train], n_epochs, device)
    images = images[: arguments.images]
    epochs = Rendered(images, device)

    def together():
        list(record_logits(nets, epochs, [0], device, arguments.batch))

    def one_by_one():
        for net in nets:
            list(record_logits([net], epochs, [0], device, arguments.batch))

    def in_float32():
        list(record_logits(nets, epochs, [0], plain, arguments.batch))

    runs = {"one pass": together, "a pass a member": one_by_one, "one pass, float32": in_float32}
    wall, _ = alternate(runs, arguments.rounds)
    n_labels = len(images) * len(nets)
    rates = {name: [n_labels / seconds for seconds in wall[name]] for name in wall}
    flop = cost.inference_flop(nets[0].architecture, 1)
    matrix = [cost.matrix_rate(device, 1) for _ in range(arguments.rounds)]
    logits = [[predict(net, images, d).double() for net in nets] for d in (device, plain)]
    low, full = (torch.stack(each) for each in logits)
    effect = {
        "rms_of_a_member": rms_in_deviations(low, full),
        "share_of_other_classes": float((low.argmax(2) != full.argmax(2)).double().mean()),
        "rms_of_the_ensemble": rms_in_deviations(low.mean(0), full.mean(0)),
    }
    what = f"labelling by {len(nets)} teachers of {flop / 1e6:,.0f} MFLOP an image"
    claims = [
        claim(what, "images/s", rates["one pass"], "a pass a member", rates["a pass a member"]),
        claim(what, "images/s", rates["one pass"], "the same in float32", rates["one pass, float32"]),
        claim(
            what,
            "TFLOP/s",
            [rate * flop / 1e12 for rate in rates["one pass"]],
            "a matrix product alone",
            [rate / 1e12 for rate in matrix],
        ),
    ]
    for name, values in rates.items():
        share = statistics.median(values) * flop / statistics.median(matrix)
        print(f"{name:20}{statistics.median(values):12,.0f} images/s {share:8.1%} of the matrix rate")
    print(
        f"{device.describe()} against float32: rms {effect['rms_of_a_member']:.2e} sd a member, "
        f"{effect['rms_of_the_ensemble']:.2e} the ensemble; another class in "
        f"{effect['share_of_other_classes']:.3%}"
    )
    result = {**machine, "device": device.describe(), "images_per_second": rates, "effect": effect}
    result["accuracy"] = float((full.argmax(2) == labels[: len(images)]).double().mean())
    write_result(arguments.out, "labelling", {**result, "matrix_rate": matrix}, claims)


if __name__ == "__main__":
    main()
