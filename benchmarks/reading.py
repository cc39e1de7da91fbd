"""How fast stored epochs and logits are read: our HDF5 against a file a sample, a memmap, and HDF5 with gzip.

    taskset -c 0 python benchmarks/reading.py [--out benchmarks/results]

Each entry brings all epochs into memory, one after the other: augmented images as uint8 and logits as
float16, the same bytes everywhere, compared before anything is timed. Files were just written, so that all
are read from the page cache: no disk is measured. Ours goes through `StoredEpochs` and `StoredLogits`, which
check checksums, digests and that logits are finite. Of the peers gzip keeps the checksums, the others
check nothing. The files a sample are read by ``torch.load`` in a plain loop and stacked; they are fewer,
since they are slow. The memmap is copied into memory like the others; who can work from the mapping itself
saves that copy. Size is that of the files in whole blocks, all parts counted. How much gzip saves depends on
the images: these are the embedded ones, augmented.
"""

import argparse
import os
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import torch
from recording import alternate, claim, header, positive, write_result

from mimic.allocator import keep_memory
from mimic.augment.recipe import draw_recipe
from mimic.augment.render import Renderer
from mimic.config.augment import CropSettings, HsvSettings
from mimic.data.shapes import generate
from mimic.epochs.store import StoredEpochs, write_shard
from mimic.logits.store import TARGETS_FORMAT, Member, StoredLogits, write_logits
from mimic.seeding import numpy_generator

HSV = HsvSettings(
    hue_shift=0.06, saturation_shift=0.26, value_shift=0.2, saturation_scale=0.21, value_scale=0.13
)
CROP = CropSettings(mirror_probability=0.5, crop_min=24)
N_CLASSES = 10
BYTES_AN_IMAGE = 3 * 32 * 32 + 2 * N_CLASSES
OURS = "ours"


class OurFiles:
    """The pipeline's own: a shard of epochs with pixels, and targets."""

    def __init__(self, folder, source_images, recipes, logits):
        renderer = Renderer("cpu")
        shard, targets = folder / "epochs.h5", folder / "targets.h5"
        write_shard(shard, recipes, lambda r: renderer.render(source_images, r).numpy(), True, "dataset", {})
        self.epochs = StoredEpochs([shard], "dataset", source_images, renderer)
        digests = [self.epochs.digests[epoch] for epoch in sorted(recipes)]
        members, n = [Member(0, "")], len(source_images)
        write_logits(targets, TARGETS_FORMAT, logits, digests, n, N_CLASSES, "float16", members, {})
        self.logits = StoredLogits(targets, TARGETS_FORMAT, self.epochs.digests, n)

    def read(self, epoch):
        return self.epochs.images(epoch), torch.from_numpy(self.logits.epoch(epoch))


class SampleFiles(torch.utils.data.Dataset):
    """A ``.pt`` file a sample, of the first epoch alone."""

    def __init__(self, folder, epochs, logits, n_samples):
        self.paths = [folder / f"{row:06}.pt" for row in range(min(n_samples, len(logits[0])))]
        for row, path in enumerate(self.paths):
            # a view would be stored with the whole epoch behind it
            sample = {
                "image": torch.tensor(epochs[0][row]),
                "logits": torch.tensor(logits[0][row]),
            }
            torch.save(sample, path)

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, row):
        return torch.load(self.paths[row], weights_only=True)

    def read(self, _):
        samples = [self[row] for row in range(len(self))]
        return torch.stack([s["image"] for s in samples]), torch.stack([s["logits"] for s in samples])


class Memmap:
    """A ``.npy`` file an epoch for images and one for logits, mapped and copied."""

    def __init__(self, folder, epochs, logits):
        self.folder = folder
        for epoch, (images, values) in enumerate(zip(epochs, logits, strict=True)):
            np.save(folder / f"{epoch}-images.npy", images)
            np.save(folder / f"{epoch}-logits.npy", values)

    def read(self, epoch):
        images = np.load(self.folder / f"{epoch}-images.npy", mmap_mode="r")
        logits = np.load(self.folder / f"{epoch}-logits.npy", mmap_mode="r")
        return torch.from_numpy(np.array(images)), torch.from_numpy(np.array(logits))


class GzippedHdf5:
    """Our arrays compressed by HDF5, in chunks of an epoch or 1,000 images, with its checksums."""

    def __init__(self, folder, our_folder):
        self.folder = folder
        for name in ("epochs.h5", "targets.h5"):
            with h5py.File(our_folder / name) as source, h5py.File(folder / name, "w") as file:
                source.visititems(lambda name, item, file=file: self._copy(name, item, file))

    @staticmethod
    def _copy(name, item, file):
        if isinstance(item, h5py.Dataset) and not name.startswith("crc32/"):
            chunks = (1, min(1000, item.shape[1]), *item.shape[2:]) if item.ndim > 1 else True
            settings = {"chunks": chunks, "fletcher32": True}
            file.create_dataset(name, data=item[()], compression="gzip", compression_opts=4, **settings)

    def read(self, epoch):
        with h5py.File(self.folder / "epochs.h5") as file:
            images = torch.from_numpy(file["images"][epoch])
        with h5py.File(self.folder / "targets.h5") as file:
            return images, torch.from_numpy(file["logits"][epoch])


@dataclass(frozen=True)
class Entry:
    """Files of one form, what of them is read in a round, and their size."""

    files: object  # with read(epoch) -> uint8 tensor (n_images, 3, 32, 32), float16 tensor (n_images, 10)
    n_epochs: int
    n_images: int
    n_bytes: int

    @property
    def n_read(self):
        """Images a round."""
        return self.n_epochs * self.n_images

    def read_all(self):
        """All epochs, one after the other; only one is in memory."""
        for epoch in range(self.n_epochs):
            self.files.read(epoch)


def write_all(folder, n_images, n_epochs, n_samples):
    """The same epochs in every form.

    Returns
    -------
    dict of str to Entry

    Raises
    ------
    ValueError
        If an entry reads anything else than what was written.
    """
    source_images = torch.from_numpy(generate(n_images, np.random.default_rng(0))[0])
    generators = [numpy_generator(0, "epochs", epoch) for epoch in range(n_epochs)]
    recipes = {
        epoch: draw_recipe(generator.permutation(n_images).astype("int32"), HSV, CROP, generator)
        for epoch, generator in enumerate(generators)
    }
    logits = np.random.default_rng(0).normal(0, 4, (n_epochs, n_images, N_CLASSES)).astype("float16")
    epochs = [Renderer("cpu").render(source_images, recipes[epoch]).numpy() for epoch in recipes]

    parts = {name: folder / name for name in ("ours", "memmap", "gzip", "samples")}
    for part in parts.values():
        part.mkdir()
    ours = OurFiles(parts["ours"], source_images, recipes, logits)
    memmap = Memmap(parts["memmap"], epochs, logits)
    gzip = GzippedHdf5(parts["gzip"], parts["ours"])
    samples = SampleFiles(parts["samples"], epochs, logits, n_samples)
    os.sync()  # blocks are given to files when they are written out
    n_bytes = {name: size_of(part) for name, part in parts.items()}
    entries = {
        OURS: Entry(ours, n_epochs, n_images, n_bytes["ours"]),
        "numpy memmap, an array an epoch, no checksums": Entry(memmap, n_epochs, n_images, n_bytes["memmap"]),
        "HDF5 with gzip, level 4": Entry(gzip, n_epochs, n_images, n_bytes["gzip"]),
        f"a .pt file a sample ({len(samples):,} of them)": Entry(
            samples, 1, len(samples), n_bytes["samples"]
        ),
    }
    for name, entry in entries.items():
        for epoch in range(entry.n_epochs):
            read, n = entry.files.read(epoch), entry.n_images
            if not (
                np.array_equal(read[0], epochs[epoch][:n]) and np.array_equal(read[1], logits[epoch][:n])
            ):
                raise ValueError(f"{name}: epoch {epoch} is not what was written")
    return entries


def size_of(folder):
    """Bytes of the files of a folder in whole blocks."""
    stats = [path.stat() for path in folder.iterdir()]
    return sum(max(stat.st_size, 512 * stat.st_blocks) for stat in stats)


def claims_of(rates, bytes_an_image, n_images):
    """Speed and size against every peer."""
    what = f"pixels and logits of an epoch of {n_images:,} read, page cache warm, one thread"
    peers = [name for name in rates if name != OURS]
    return [
        *(claim(what, "images/s", rates[OURS], peer, rates[peer]) for peer in peers),
        *(
            claim(
                "size on disk",
                "bytes an image",
                [bytes_an_image[OURS]],
                peer,
                [bytes_an_image[peer]],
                less_is_better=True,
            )
            for peer in peers
        ),
    ]


def main(argv=None):
    """Write the files, measure, print a table, write a dated JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder")
    parser.add_argument("--images", type=positive, default=10_000, help="an epoch")
    parser.add_argument("--epochs", type=positive, default=8)
    parser.add_argument("--samples", type=positive, default=2_000, help="files a sample, at most")
    parser.add_argument("--rounds", type=positive, default=5)
    arguments = parser.parse_args(argv)
    torch.set_num_threads(1)
    keep_memory()  # as training does
    machine = header()
    with tempfile.TemporaryDirectory() as folder:
        entries = write_all(Path(folder), arguments.images, arguments.epochs, arguments.samples)
        runs = {name: entry.read_all for name, entry in entries.items()}
        wall, processor = alternate(runs, arguments.rounds)
    rates = {name: [entries[name].n_read / seconds for seconds in wall[name]] for name in wall}
    bytes_an_image = {name: entry.n_bytes / entry.n_read for name, entry in entries.items()}
    print(f"{'':50}{'images/s':>11}{'range':>25}{'GB/s':>7}{'bytes an image':>16}")
    gigabytes = {name: statistics.median(rates[name]) * BYTES_AN_IMAGE / 1e9 for name in rates}
    for name, rate in rates.items():
        spread = f"{min(rate):,.0f} to {max(rate):,.0f}"
        print(
            f"{name:50}{statistics.median(rate):11,.0f}{spread:>25}{gigabytes[name]:7.2f}"
            f"{bytes_an_image[name]:16,.0f}"
        )
    result = {
        **machine,
        "n_images": arguments.images,
        "n_epochs": arguments.epochs,
        "n_images_read": {name: entry.n_read for name, entry in entries.items()},
        "seconds": wall,
        "processor_seconds": processor,
        "median_gigabytes_per_second": gigabytes,
        "bytes_an_image_in_memory": BYTES_AN_IMAGE,
        "bytes_an_image_on_disk": bytes_an_image,
    }
    write_result(arguments.out, "reading", result, claims_of(rates, bytes_an_image, arguments.images))


if __name__ == "__main__":
    main()
