"""Images as files: ``train/CLASS/*`` and ``test/CLASS/*``, of any size.

An image is a file whose extension is in `EXTENSIONS`, whatever its case. Other files, everything whose
name starts with a dot, and folders inside a class folder are ignored. Classes and files stand in the order
of their names (by code points), so that the same files give the same data set on any machine.

Every image becomes 32x32 RGB: 16-bit grey is scaled to 8 bits, transparent pixels are laid over white,
grey, palette and CMYK are converted; of an animation the first frame counts; EXIF orientation is not
applied. Then the whole image, not a crop of it, is resized by a bilinear filter that widens when it shrinks
(antialias), and left alone where it is 32x32 already.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from mimic.data.source import Source
from mimic.image_files import EXTENSIONS as EXTENSIONS
from mimic.image_files import class_folders, for_each, image_entries, open_image, to_rgb

SIZE = 32
PARTS = ("train", "test")


@dataclass(frozen=True)
class ImageFiles:
    """The files of an image folder.

    Attributes
    ----------
    class_names : tuple of str
        Sorted; the index is the label.
    paths : dict, part -> list of str
    labels : dict, part -> int64 array
        Row i belongs to ``paths[part][i]``.
    """

    class_names: tuple[str, ...]
    paths: dict[str, list[str]]
    labels: dict[str, np.ndarray]


def list_images(folder):
    """The image files of a folder, without opening any.

    Returns
    -------
    ImageFiles

    Raises
    ------
    InputError
        See `class_folders`; also for a class folder without images.
    """
    folders = class_folders(folder, PARTS)
    paths, labels = {}, {}
    for part in PARTS:
        files = [[entry.path for entry in image_entries(path)] for path in folders[part].values()]
        paths[part] = [path for of_class in files for path in of_class]
        labels[part] = np.repeat(np.arange(len(files), dtype=np.int64), [len(of_class) for of_class in files])
    return ImageFiles(tuple(folders["train"]), paths, labels)


def read_image(path):
    """One image file as pixels.

    Returns
    -------
    uint8 array, shape (3, 32, 32)

    Raises
    ------
    InputError
        See `open_image`.
    """
    image = to_rgb(open_image(path))
    if image.size != (SIZE, SIZE):
        image = image.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)


def read_images(paths, n_threads=None):
    """Image files as pixels.

    Returns
    -------
    uint8 array, shape (len(paths), 3, 32, 32)
    """
    images = np.empty((len(paths), 3, SIZE, SIZE), np.uint8)
    for row, image in enumerate(for_each(read_image, paths, n_threads)):
        images[row] = image
    return images


def count_classes(folder):
    """Number of classes: a folder each."""
    return len(class_folders(folder, PARTS)["train"])


def count_images(folder):
    """Number of images of each part."""
    return {part: len(paths) for part, paths in list_images(folder).paths.items()}


def list_files(folder):
    """Paths of all images, those of the training part first."""
    return [path for paths in list_images(folder).paths.values() for path in paths]


def check_images(folder, n_threads=None):
    """Decode every image.

    Raises
    ------
    InputError
        If one cannot be read; names it.
    """
    for _ in for_each(open_image, list_files(folder), n_threads):
        pass


def load(folder, n_threads=None):
    """An image folder as a source; files are opened when their images are asked for.

    Parameters
    ----------
    folder : path
        Holds ``train`` and ``test``.
    n_threads : int, optional

    Returns
    -------
    mimic.data.source.Source
    """
    files = list_images(folder)
    return Source(files.class_names, files.labels, partial(_read_rows, files.paths, n_threads))


def _read_rows(paths, n_threads, part, rows):
    return read_images([paths[part][row] for row in rows], n_threads)
