"""The images of a folder as trainings take them: which ones each step of each process gets, cached or not."""

import numpy as np

from mimic.cli import InputError
from mimic.seeding import derive, numpy_generator
from mimic.win.cached import CachedImages
from mimic.win.decoded import DecodedImages


def open_folder(images, shards, settings, n_threads):
    """The images that a command line names: a folder of files, or of shards made from one.

    Parameters
    ----------
    images, shards : path or None
        One of them.
    settings : mimic.win.settings.FolderStage or None
    n_threads : int

    Returns
    -------
    mimic.win.cached.CachedImages or mimic.win.decoded.DecodedImages
        To be entered as a context.

    Raises
    ------
    InputError
        If they are not there, or the settings say something else about them.
    """
    option = "--images" if shards is None else "--shards"
    if settings is None or (settings.cache_size is None) != (shards is None):
        wanted = "with a cache_size" if shards else "without a cache_size"
        raise InputError(f"--settings: folder: expected one {wanted} for {option}")
    sizes = settings.image_size, settings.test_size
    if shards is None:
        return DecodedImages(images, *sizes, n_threads)
    return CachedImages(shards, *sizes, n_threads, settings.cache_size)


class FolderImages:
    """Training and test images of a folder; the interface of `mimic.win.loading.DeviceImages`.

    The order of an epoch and its crops are the same with any number of processes, each of which takes its
    share of every batch.

    Parameters
    ----------
    source : mimic.win.cached.CachedImages or mimic.win.decoded.DecodedImages
        Entered.
    image_size : int
    seed : int
        Of the order and the crops.
    batch_size : int
        Images a step, over all processes; what is left over at an epoch's end is left out.
    device : mimic.training.devices.Device
    rank, n_processes : int
        Which of the processes this is.
    """

    def __init__(self, source, image_size, seed, batch_size, device, rank=0, n_processes=1):
        self.source, self.seed, self.device = source, seed, device
        self.n_train, self.n_test = (len(source.labels[part]) for part in ("train", "val"))
        self.rank, self.n_processes = rank, n_processes
        self.batch_size = min(batch_size, self.n_train) // n_processes * n_processes
        self.image_shape = (3, image_size, image_size)

    @property
    def n_steps(self):
        """Steps of an epoch."""
        return self.n_train // self.batch_size

    def epoch(self, epoch, first_step=0):
        """Batches of an epoch, from a step on: normalised float32 images (b, 3, h, w), labels (b,)."""
        order = numpy_generator(self.seed, "epoch", epoch).permutation(self.n_train)
        share = self.batch_size // self.n_processes
        starts = range(first_step * self.batch_size, self.n_steps * self.batch_size, self.batch_size)
        shares = [order[start + self.rank * share :][:share] for start in starts]
        key = derive(self.seed, "crops", epoch)
        yield from self.source.batches("train", shares, key, self.device)

    def probe(self, batch_size, n):
        """This process's share of batches of some training images, as they are.

        They are spread over all: the first ones would be those of a few classes.
        """
        n = min(n, self.n_train)
        yield from self._batches("train", np.arange(n) * self.n_train // n, batch_size)

    def tests(self, batch_size):
        """This process's share of batches of the test images."""
        yield from self._batches("val", np.arange(self.n_test), batch_size)

    def _batches(self, part, rows, batch_size):
        starts = range(self.rank * batch_size, len(rows), self.n_processes * batch_size)
        shares = [rows[start : start + batch_size] for start in starts]
        yield from self.source.batches(part, shares, None, self.device)
