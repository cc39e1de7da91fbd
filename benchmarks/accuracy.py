"""Is accuracy paid for speed? The fast path against a plain float32 path, over several seeds.

    python benchmarks/accuracy.py [--seeds 8] [--out benchmarks/results]

The same nets from the same weights on the same augmented epochs of real images (an image folder,
``MIMIC_IMAGES`` or ``MIMIC_TEST_DATA`` in the environment; else the embedded ones), learning hard labels.
Fast is what the stages do on this machine: rendered by our kernels, bfloat16 where the processor has it,
channels_last, the fused optimiser. Plain is written anew here: an image at a time augmented by matplotlib
and scipy, standardised by numpy, float32, torch's plain SGD, scored in float32. A seed decides split,
weights, augmentation and order, so that the paths differ by rounding alone; training amplifies that until
they are as far apart as two runs of one path with other rounding (another number of threads). The mean of
the differences by seed stands beside its standard error and beside the spread of one path between seeds.
"""

import argparse
import statistics
from pathlib import Path

import fixed_nets
import numpy as np
import torch
from augmentation import scipy_per_image
from recording import header, positive, write_result
from torch.nn.functional import cross_entropy

from mimic.augment.render import Renderer
from mimic.data.prepare_dataset import open_source, prepare_dataset
from mimic.epochs.generate_epochs import generate_epochs
from mimic.models.net import new_net
from mimic.seeding import numpy_generator
from mimic.training.devices import choose_device
from mimic.training.loop import Optimiser, fit

RATE, MOMENTUM, BATCH = 0.01, 0.9, 128


def dataset_of(seed, arguments):
    """Split of the seed."""
    source, path = fixed_nets.image_folder()
    settings = fixed_nets.CONFIG.data.model_copy(
        update={"source": source, "path": str(path), "download": False, "n_test": 1}
        | {"n_train": arguments.images, "n_validation": arguments.validation}
    )
    return prepare_dataset(open_source(settings, seed), settings, numpy_generator(seed, "data", "split"))


def net_of(name, seed):
    """New net of a study; the same weights for both paths."""
    return new_net(fixed_nets.student(name)[0], 1.0, seed)


def fast(names, data, recipes, seed):
    """Validation accuracy after the last epoch, by net; the stages' path."""
    device = choose_device("auto", "auto", torch.get_num_threads())
    images, labels = (
        torch.from_numpy(a).to(device.torch_device) for a in (data.images["train"], data.labels["train"])
    )
    validation = tuple(
        torch.from_numpy(part["validation"]).to(device.torch_device) for part in (data.images, data.labels)
    )
    renderer = Renderer(device.torch_device)

    def load_epoch(epoch):
        order = torch.from_numpy(recipes[epoch].image_index).long().to(labels.device)
        return renderer.render(images, recipes[epoch]), labels[order]

    settings = fixed_nets.CONFIG.students.training.model_copy(update={"max_epochs": len(recipes)})
    accuracies = {}
    for name in names:
        net = net_of(name, seed)
        net = device.suited_to(net).place(net)
        optimiser = Optimiser(RATE, MOMENTUM, 0.0)
        result = fit(net, load_epoch, cross_entropy, optimiser, settings, validation, device)
        accuracies[name] = result.history[-1].validation_accuracy
    return accuracies


def standardised(images):
    """float32 tensor (n, 3, 32, 32) by numpy."""
    flat = images.reshape(len(images), -1).astype(np.float64)
    flat = (flat - flat.mean(1, keepdims=True)) / np.maximum(flat.std(1, keepdims=True), 1e-12)
    return torch.from_numpy(flat.reshape(images.shape).astype(np.float32))


def plain(names, data, recipes, seed):
    """The same by the plain path."""
    epochs = [standardised(scipy_per_image(data.images["train"], recipe)()) for recipe in recipes.values()]
    labels = torch.from_numpy(data.labels["train"])
    images = standardised(data.images["validation"])
    accuracies = {}
    for name in names:
        net = net_of(name, seed)
        sgd = torch.optim.SGD(net.parameters(), RATE, MOMENTUM, nesterov=True, foreach=False)
        for epoch, recipe in zip(epochs, recipes.values(), strict=True):
            targets = labels[torch.from_numpy(recipe.image_index).long()]
            net.train()
            for start in range(0, len(epoch), BATCH):
                sgd.zero_grad()
                loss = cross_entropy(net(epoch[start : start + BATCH]), targets[start : start + BATCH])
                loss.backward()
                sgd.step()
        net.eval()
        with torch.no_grad():
            logits = torch.cat([net(part) for part in images.split(512)])
        correct = logits.argmax(1) == torch.from_numpy(data.labels["validation"])
        accuracies[name] = float(correct.double().mean())
    return accuracies


def main(argv=None):
    """Train, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--nets", nargs="+", default=["mlp3-300k", "cnn2-300k"])
    parser.add_argument("--images", type=positive, default=10_000, help="training images")
    parser.add_argument("--validation", type=positive, default=5_000, help="validation images")
    parser.add_argument("--epochs", type=positive, default=5)
    parser.add_argument("--seeds", type=positive, default=8)
    arguments = parser.parse_args(argv)
    result = {**header(), "source": fixed_nets.image_folder()[0], "options": vars(arguments) | {"out": None}}
    result["device"] = choose_device("auto", "auto").describe()
    found = {"fast": [], "plain": []}
    for seed in range(arguments.seeds):
        data = dataset_of(seed, arguments)
        recipes = generate_epochs(arguments.images, range(arguments.epochs), fixed_nets.CONFIG.epochs, seed)
        for name, path in (("fast", fast), ("plain", plain)):
            found[name].append(path(arguments.nets, data, recipes, seed))
            print(f"seed {seed}, {name}: {found[name][-1]}", flush=True)
    claims = []
    for net in arguments.nets:
        ours, theirs = ([100 * accuracies[net] for accuracies in found[path]] for path in found)
        difference = statistics.mean(ours) - statistics.mean(theirs)
        spread = max(max(each) - min(each) for each in (ours, theirs))
        apart = [a - b for a, b in zip(ours, theirs, strict=True)]
        error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else float("nan")
        verdict = "agree" if abs(difference) <= min(spread, 2 * error) else "DIFFER"
        print(
            f"{net}: {difference:+.2f} points, standard error {error:.2f}, spread between seeds "
            f"{spread:.2f}: {verdict}"
        )
        claims.append(
            {
                "what": f"validation accuracy of {net} after {arguments.epochs} epochs of "
                f"{arguments.images:,} images, mean of {arguments.seeds} seeds: {difference:+.2f} points, "
                f"standard error {error:.2f}, spread between seeds {spread:.2f}",
                "unit": "%",
                "ours": statistics.mean(ours),
                "peer": "plain float32",
                "peer_value": statistics.mean(theirs),
                "ratio": statistics.mean(ours) / statistics.mean(theirs),
                "ratio_low": min(a / b for a, b in zip(ours, theirs, strict=True)),
                "ratio_high": max(a / b for a, b in zip(ours, theirs, strict=True)),
                "n_rounds": arguments.seeds,
            }
        )
    write_result(arguments.out, "accuracy", {**result, "accuracies": found}, claims)


if __name__ == "__main__":
    main()
