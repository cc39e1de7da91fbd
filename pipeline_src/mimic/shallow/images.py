"""Images of a dataset in the shape in which the second paper takes them."""

import numpy as np

from mimic.cli import InputError
from mimic.config.shallow import image_shape
from mimic.data.store import read_dataset, read_dataset_header


def native_images(images, shape, where="images"):
    """Images without the border and the repeated channels that a source was given.

    Parameters
    ----------
    images : uint8 array, shape (n, 3, 32, 32)
    shape : tuple of int
        Channels, height and width of the images as they were.
    where : str
        Named in errors.

    Returns
    -------
    uint8 array, shape (n, *shape)

    Raises
    ------
    InputError
        If more than black pixels and equal channels would be lost.
    """
    if images.shape[1:] == tuple(shape):
        return images
    channels, height, width = shape
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    inner = images[:, :channels, top : top + height, left : left + width]
    padded = np.zeros_like(images)
    padded[:, :, top : top + height, left : left + width] = inner
    if not np.array_equal(padded, images):
        raise InputError(f"{where}: expected images of {channels}x{height}x{width} within a black border")
    return np.ascontiguousarray(inner)


def read_images(path):
    """Training and test images of a dataset, as the nets of the grid take them.

    Parameters
    ----------
    path : path
        A file of `mimic.data.store`, which says its source.

    Returns
    -------
    train, test : (uint8 array, shape (n, channels, height, width), int64 array, shape (n,))
    class_names : tuple of str
    digest : str

    Raises
    ------
    InputError
        If it is no such file, or its images are not those of its source.
    """
    _, provenance = read_dataset_header(path)
    settings = provenance.get("settings")
    source = settings.get("source") if isinstance(settings, dict) else None
    if not isinstance(source, str):
        raise InputError(f"{path}: provenance: expected the dataset's source, got {str(source)[:60]}")
    dataset = read_dataset(path)
    found = [
        (native_images(dataset.images[split], image_shape(source), f"{path}: {split}"), dataset.labels[split])
        for split in ("train", "test")
    ]
    return *found, dataset.class_names, dataset.digest
