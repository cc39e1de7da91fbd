"""Batches from shards of decoded images: read a batch ahead, cropped on the device."""

import torch

from mimic.training.ahead import loaded_ahead
from mimic.win.boxes import middle_boxes, random_boxes
from mimic.win.loading import normalise
from mimic.win.resample import resampled
from mimic.win.shards import Shards


class CachedImages:
    """A folder's images as its shards hold them; a context manager, which closes the files.

    Parameters
    ----------
    folder : path
        Of the shards.
    image_size, test_size : int
        See `mimic.config.win.FolderSettings`.
    n_threads : int
        That read.
    cache_size : int, optional
        Refuse shards of images of another size.
    """

    def __init__(self, folder, image_size, test_size, n_threads=1, cache_size=None):
        self.image_size, self.test_size = image_size, test_size
        self.shards = Shards(folder, n_threads, cache_size)

    def __enter__(self):
        self.shards.__enter__()
        self.labels, self.n_classes = self.shards.labels, self.shards.n_classes
        self.digest = self.shards.listing
        return self

    def __exit__(self, *error):
        self.shards.__exit__(*error)

    def batches(self, part, shares, key, device):
        """Batches of given rows.

        Parameters
        ----------
        part : str
        shares : sequence of int array
            Rows of each batch.
        key : int or None
            Of the epoch's crops; None for the middle of each image, as it is.
        device : mimic.training.devices.Device

        Yields
        ------
        images : float32 tensor, shape (b, 3, image_size, image_size)
            Normalised, on the device.
        labels : int64 tensor, shape (b,)
        """

        def load(number):
            return self._load(part, shares[number], key, device.torch_device)

        with loaded_ahead(load, device, len(shares)) as load_ahead:
            for number in range(len(shares)):
                yield load_ahead(number)

    def _load(self, part, rows, key, device):
        sizes = self.shards.widths[part][rows], self.shards.heights[part][rows]
        if key is None:
            boxes = middle_boxes(*sizes, self.test_size, self.image_size)
            mirrored = torch.zeros(len(rows), dtype=torch.bool)
        else:
            boxes, mirrored = random_boxes(key, rows, *sizes)
            mirrored = torch.from_numpy(mirrored)
        tensors = [torch.from_numpy(self.shards.read(part, rows)), torch.from_numpy(boxes), mirrored]
        tensors.append(torch.from_numpy(self.labels[part][rows]))
        images, boxes, mirrored, labels = (_moved(tensor, device) for tensor in tensors)
        return normalise(resampled(images, boxes, mirrored, self.image_size)), labels


def _moved(tensor, device):
    """A tensor on the device; a GPU fetches it while the processor goes on."""
    if device.type == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
