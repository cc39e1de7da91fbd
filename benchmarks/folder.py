"""How fast images of ImageNet's size reach a training: our cache against torchvision on JPEG files.

    python benchmarks/folder.py [--out benchmarks/results]

Each entry gives an epoch of normalised training batches of 224 x 224 on the device, a GPU where there is one,
with random crops and mirrors. torchvision's is as its own reference script has it: ImageFolder,
RandomResizedCrop, RandomHorizontalFlip, and worker processes, as many as ours has threads. Ours without the
cache decodes the same files through torch's DataLoader, too. The cache holds squares of 256 x 256; what it
cost to fill is in the result, since it is paid once. On a processor ours crops with the cores that a training
would use meanwhile; what is read, checked and not cropped is measured beside. Images are drawn, 500 x 375,
with noise, so that a file has about as many bytes as one of ImageNet's; all files were just written and come
from the page cache.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from recording import alternate, claim, header, positive, write_result

from mimic.torchvision_import import import_torchvision
from mimic.training.devices import choose_device
from mimic.win import cache_images
from mimic.win.cached import CachedImages
from mimic.win.decoded import DecodedImages
from mimic.win.folder import FolderImages
from mimic.win.listing import PARTS, list_folder
from mimic.win.loading import MEAN, STD
from mimic.win.shards import shard_name

WIDTH, HEIGHT, SIZE, TEST_SIZE, CACHE_SIZE = 500, 375, 224, 256, 256
CLASSES = ("a", "b")
OURS, UNCACHED, READING = "ours", "ours without the cache", "ours, read and not cropped"


def write_images(folder, n_images):
    """JPEG files in class folders; returns the bytes of one, on average."""
    generator = np.random.default_rng(0)
    for part, n in (("train", n_images), ("val", len(CLASSES))):
        for name in CLASSES:
            (folder / part / name).mkdir(parents=True)
        for i in range(n):
            coarse = Image.fromarray(generator.integers(0, 256, (12, 16, 3), dtype=np.uint8))
            pixels = np.asarray(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)).astype(np.int16)
            noisy = pixels + generator.integers(-20, 21, pixels.shape)
            image = Image.fromarray(noisy.clip(0, 255).astype(np.uint8))
            image.save(folder / part / CLASSES[i % 2] / f"{i:05}.JPEG", quality=90)
    sizes = [path.stat().st_size for path in folder.rglob("*.JPEG")]
    return statistics.mean(sizes)


def write_shards(folder, out, n_threads):
    """Shards as the rule makes them, one for each part; returns the seconds that those of training took."""
    listing = list_folder(folder)
    seconds = {}
    for part in PARTS:
        n = listing.n_images(part)
        pieces = listing.pieces(part, 0, n)
        settings = {
            "part": part,
            "first_row": 0,
            "pieces": [(piece.label, piece.name, piece.first, piece.stop) for piece in pieces],
            "files": listing.digest_of(part, pieces),
            "listing": listing.digest(),
            "n_part": n,
            "n_classes": listing.n_classes,
            "cache_size": CACHE_SIZE,
        }
        arguments = ["--settings", json.dumps(settings), "--images", str(folder)]
        arguments += ["--threads", str(n_threads), "--shard", str(out / shard_name(part, 0))]
        started = time.perf_counter()
        cache_images.main(arguments)
        seconds[part] = time.perf_counter() - started
    return seconds["train"]


def reference_loader(folder, batch_size, n_workers):
    """torchvision's reference: what its training script builds."""
    v2 = import_torchvision("transforms.v2")
    datasets = import_torchvision("datasets")
    steps = [v2.RandomResizedCrop(SIZE), v2.RandomHorizontalFlip(), v2.PILToTensor()]
    steps += [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    return torch.utils.data.DataLoader(
        datasets.ImageFolder(folder / "train", v2.Compose(steps)),
        batch_size,
        shuffle=True,
        num_workers=n_workers,
        drop_last=True,
        pin_memory=torch.cuda.is_available(),
    )


def passes(folder, shards, batch_size, n_threads, device):
    """A callable for each entry that goes through an epoch; returns them and the images of an epoch."""
    loader = reference_loader(folder, batch_size, n_threads)

    def reference():
        for images, labels in loader:
            images.to(device.torch_device, non_blocking=True)
            labels.to(device.torch_device, non_blocking=True)

    sources = {
        OURS: CachedImages(shards, SIZE, TEST_SIZE, n_threads, CACHE_SIZE).__enter__(),
        UNCACHED: DecodedImages(folder, SIZE, TEST_SIZE, n_threads),
    }
    runs = {}
    for name, source in sources.items():
        images = FolderImages(source, SIZE, 0, batch_size, device)

        def run(images=images):
            for _ in images.epoch(0):
                pass

        runs[name] = run

    def reading():
        rows = np.random.default_rng(0).permutation(images.n_train)
        for step in range(images.n_steps):
            sources[OURS].shards.read("train", rows[step * batch_size :][:batch_size])

    runs[READING] = reading
    runs[f"torchvision's ImageFolder, {n_threads} workers"] = reference
    return runs, images.n_steps * images.batch_size


def main(argv=None):
    """Write images and shards, measure, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--images", type=positive, default=1024, help="an epoch")
    parser.add_argument("--batch-size", type=positive, default=64)
    parser.add_argument("--threads", type=positive, default=os.cpu_count(), help="threads, or workers")
    parser.add_argument("--rounds", type=positive, default=5)
    arguments = parser.parse_args(argv)
    device = choose_device("auto", "auto", arguments.threads)
    machine = header()
    with tempfile.TemporaryDirectory() as folder:
        images, shards = Path(folder, "images"), Path(folder, "shards")
        bytes_a_file = write_images(images, arguments.images)
        caching = arguments.images / write_shards(images, shards, arguments.threads)
        runs, n_read = passes(images, shards, arguments.batch_size, arguments.threads, device)
        wall, processor = alternate(runs, arguments.rounds)
    rates = {name: [n_read / seconds for seconds in wall[name]] for name in wall}
    for name, rate in rates.items():
        spread = f"{min(rate):,.0f} to {max(rate):,.0f}"
        print(f"{name:45}{statistics.median(rate):10,.0f} images/s  ({spread})")
    print(f"{'filling the cache, once':45}{caching:10,.0f} images/s")
    threads = f"{arguments.threads} thread" + "s" * (arguments.threads > 1)
    what = f"batches of 224 x 224 out of images of {WIDTH} x {HEIGHT}, {threads}"
    claims = [
        claim(what, "images/s", rates[OURS], peer, rates[peer])
        for peer in rates
        if peer not in (OURS, READING)
    ]
    peer = list(rates)[-1]
    what = f"images of the cache read and checked, random rows, {threads}"
    claims.append(claim(what, "images/s", rates[READING], f"{peer}, decoded and cropped", rates[peer]))
    result = {
        **machine,
        "n_images": arguments.images,
        "batch_size": arguments.batch_size,
        "bytes_a_file": bytes_a_file,
        "images_per_second_of_filling": caching,
        "seconds": wall,
        "processor_seconds": processor,
    }
    write_result(arguments.out, "folder", result, claims)


if __name__ == "__main__":
    main()
