"""Batches from image files by torchvision: each image is decoded anew in every epoch, by worker processes."""

import os

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from mimic.cli import InputError
from mimic.image_files import open_image, to_rgb
from mimic.seeding import derive
from mimic.torchvision_import import import_torchvision
from mimic.win.boxes import RATIO, SCALE
from mimic.win.listing import PARTS, list_folder
from mimic.win.loading import normalise


def training_transform(image_size):
    """A crop of any place, size and ratio, resized, and mirrored every other time."""
    v2 = import_torchvision("transforms.v2")
    crop = v2.RandomResizedCrop(image_size, SCALE, RATIO)
    return v2.Compose([crop, v2.RandomHorizontalFlip(), v2.PILToTensor()])


def test_transform(image_size, test_size):
    """The middle of an image whose shorter side is brought to `test_size`."""
    v2 = import_torchvision("transforms.v2")
    return v2.Compose([v2.Resize(test_size), v2.CenterCrop(image_size), v2.PILToTensor()])


test_transform.__test__ = False  # no test of pytest's


class _Files(Dataset):
    """Images of a part in one epoch; what cannot be decoded is given as its `InputError`.

    An error raised in a worker would reach the log as a page of its traceback.
    """

    def __init__(self, folder, paths, labels, transform, key):
        self.folder, self.paths, self.labels = os.fsencode(folder), paths, labels
        self.transform, self.key = transform, key

    def __getitem__(self, row):
        path = os.fsdecode(os.path.join(self.folder, self.paths[row]))
        try:
            image = to_rgb(open_image(path))
        except InputError as error:
            return error
        with torch.random.fork_rng(devices=[]):
            if self.key is not None:
                torch.manual_seed(derive(self.key, int(row)))
            return self.transform(image), self.labels[row]


def _together(items):
    """A batch of images and labels; the first error where there is one."""
    for item in items:
        if isinstance(item, InputError):
            return item
    images, labels = zip(*items, strict=True)
    return torch.stack(images), torch.from_numpy(np.stack(labels))


class DecodedImages:
    """A folder's images as its files; a context manager like `mimic.win.cached.CachedImages`.

    Parameters
    ----------
    folder : path
        Holds ``train`` and ``val``.
    image_size, test_size : int
        See `mimic.config.win.FolderSettings`.
    n_threads : int
        Worker processes that decode; on a processor that has one thread none, since they would wait for it.
    """

    def __init__(self, folder, image_size, test_size, n_threads=1):
        self.folder, self.n_threads = folder, n_threads
        listing = list_folder(folder, n_threads)
        self.n_classes, self.digest = listing.n_classes, listing.digest()
        self.labels, self._paths = {}, {}
        for part in PARTS:
            counts = [len(files) for files in listing.files[part]]
            self.labels[part] = np.repeat(np.arange(len(counts)), counts)
            # One array, which workers share; counting references would copy a million objects.
            self._paths[part] = np.array([os.fsencode(path) for path in listing.relative_paths(part)])
        self._transforms = training_transform(image_size), test_transform(image_size, test_size)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def batches(self, part, shares, key, device):
        """As `mimic.win.cached.CachedImages.batches`."""
        on_gpu = device.torch_device.type == "cuda"
        files = _Files(self.folder, self._paths[part], self.labels[part], self._transforms[key is None], key)
        loader = DataLoader(
            files,
            batch_sampler=shares,
            num_workers=self.n_threads if on_gpu or self.n_threads > 1 else 0,
            collate_fn=_together,
            pin_memory=on_gpu,
        )
        for batch in loader:
            if isinstance(batch, InputError):
                raise batch
            images, labels = (tensor.to(device.torch_device, non_blocking=True) for tensor in batch)
            yield normalise(images), labels
