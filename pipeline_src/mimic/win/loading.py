"""Small images on the device: batches with mirror and shifted crops, no work for each image in Python."""

import numpy as np
import torch
from torch.nn import functional

from mimic.seeding import numpy_generator

#: Mean and standard deviation of ImageNet's channels, fractions of 255, as torchvision's nets take images.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_SHIFT = 4  # pixels; Reading: the usual augmentation of 32x32 images, of which the paper has none


def normalise(images):
    """Float32 images (n, 3, h, w) of uint8 ones, by mean and standard deviation of ImageNet's channels."""
    mean, std = (torch.tensor(values, device=images.device).view(1, 3, 1, 1) * 255 for values in (MEAN, STD))
    return (images.float() - mean) / std


class DeviceImages:
    """Training and test images that lie on the device as uint8.

    The order of an epoch and its augmentations are the same on any device and with any number of processes:
    each of them takes its share of every batch.

    Parameters
    ----------
    train, test : (uint8 tensor (n, 3, h, w), int64 tensor (n,))
        On the device.
    seed : int
        Of the order and the augmentations.
    batch_size : int
        Images a step, over all processes; what is left over at an epoch's end is left out.
    rank, n_processes : int
        Which of the processes this is.
    """

    def __init__(self, train, test, seed, batch_size, rank=0, n_processes=1):
        self.train, self.test, self.seed = train, test, seed
        self.rank, self.n_processes = rank, n_processes
        self.batch_size = min(batch_size, len(train[1])) // n_processes * n_processes
        self.image_shape = tuple(train[0].shape[1:])

    @property
    def n_steps(self):
        """Steps of an epoch."""
        return len(self.train[1]) // self.batch_size

    def epoch(self, epoch, first_step=0):
        """Batches of an epoch, from a step on: normalised float32 images (b, 3, h, w), labels (b,)."""
        images, labels = self.train
        generator = numpy_generator(self.seed, "epoch", epoch)
        n, device = len(labels), labels.device
        order = torch.from_numpy(generator.permutation(n)).to(device)
        shifts = torch.from_numpy(generator.integers(0, 2 * _SHIFT + 1, (2, n))).to(device)
        mirrored = torch.from_numpy(generator.integers(0, 2, n).astype(bool)).to(device)
        share = self.batch_size // self.n_processes
        for step in range(first_step, self.n_steps):
            start = step * self.batch_size + self.rank * share
            rows = order[start : start + share]
            yield normalise(shifted(images[rows], shifts[:, rows], mirrored[rows])), labels[rows]

    def probe(self, batch_size, n):
        """This process's share of batches of the first training images, as they are."""
        yield from self._batches(*self.train, batch_size, min(n, len(self.train[1])))

    def tests(self, batch_size):
        """This process's share of batches of the test images."""
        yield from self._batches(*self.test, batch_size, len(self.test[1]))

    def _batches(self, images, labels, batch_size, n):
        for start in range(self.rank * batch_size, n, self.n_processes * batch_size):
            stop = min(start + batch_size, n)
            yield normalise(images[start:stop]), labels[start:stop]


def shifted(images, shifts, mirrored):
    """Images moved by up to `_SHIFT` pixels, with zeros where they were not, and mirrored.

    Parameters
    ----------
    images : uint8 tensor, shape (n, c, h, w)
    shifts : int64 tensor, shape (2, n)
        Down and right, from 0: `_SHIFT` leaves the image where it is.
    mirrored : bool tensor, shape (n,)

    Returns
    -------
    uint8 tensor, shape (n, c, h, w)
    """
    n, _, h, w = images.shape
    padded = functional.pad(images, (_SHIFT,) * 4)
    places = [torch.arange(size, device=images.device) for size in (h, w)]
    rows = shifts[0, :, None] + places[0]
    columns = shifts[1, :, None] + torch.where(mirrored[:, None], places[1].flip(0), places[1])
    which = torch.arange(n, device=images.device)[:, None, None]
    return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def as_tensors(dataset, split, device):
    """Images and labels of a split of a dataset, on the device."""
    images = torch.from_numpy(np.ascontiguousarray(dataset.images[split]))
    return images.to(device), torch.from_numpy(dataset.labels[split]).to(device)
