"""Images as files: ``train/CLASS/*`` and ``test/CLASS/*``, of any size.

An image is a file whose extension is in `EXTENSIONS`, whatever its case. Other files, everything whose
name starts with a dot, and folders inside a class folder are ignored. Classes and files stand in the order
of their names (by code points), so that the same files give the same data set on any machine.

Every image becomes 32x32 RGB: 16-bit grey is scaled to 8 bits, transparent pixels are laid over white,
grey, palette and CMYK are converted; of an animation the first frame counts; EXIF orientation is not
applied. Then the whole image, not a crop of it, is resized by a bilinear filter that widens when it shrinks
(antialias), and left alone where it is 32x32 already.
"""

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from mimic.cli import InputError
from mimic.data.source import Source

SIZE = 32
PARTS = ("train", "test")
EXTENSIONS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# Only these decoders: others run external programs on what they are given.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 64_000_000  # a small file can claim gigabytes; this is beyond any photograph meant for 32x32


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


def class_folders(folder):
    """Class folders by part and name.

    Returns
    -------
    dict, part -> dict, class name -> str
        Sorted by name.

    Raises
    ------
    InputError
        If a folder is missing, holds no class, or a class of one part is missing in the other.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"data.path: no such folder: {folder}; set data.path, or the variable that it names")
    found = {}
    for part in PARTS:
        if not (folder / part).is_dir():
            raise InputError(f"data.path: expected {folder / part}/CLASS/*, no such folder: {folder / part}")
        with os.scandir(folder / part) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
        found[part] = {name: str(folder / part / name) for name in names}
        if not names:
            raise InputError(f"{folder / part}: no images: expected a folder for each class, found none")
    for part, other in (PARTS, PARTS[::-1]):
        for name in found[part]:
            if name not in found[other]:
                raise InputError(
                    f"{folder / other}: class {name!r} is missing, it is in {folder / part}; "
                    f"each class needs images in both"
                )
    if len(names) < 2:
        raise InputError(f"{folder}: expected at least two classes, found only {names[0]!r}")
    return found


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
    folders = class_folders(folder)
    paths, labels = {}, {}
    for part in PARTS:
        files = [_images_in(path) for path in folders[part].values()]
        paths[part] = [path for of_class in files for path in of_class]
        labels[part] = np.repeat(np.arange(len(files), dtype=np.int64), [len(of_class) for of_class in files])
    return ImageFiles(tuple(folders["train"]), paths, labels)


def _images_in(class_folder):
    with os.scandir(class_folder) as entries:
        # A link that leads nowhere counts as a file: it is reported as unreadable, not left out in silence.
        files = (e for e in entries if e.is_file() or (e.is_symlink() and not e.is_dir()))
        names = sorted(e.name for e in files if not e.name.startswith("."))
    images = [name for name in names if os.path.splitext(name)[1].lower() in EXTENSIONS]
    if not images:
        ignored = f" among {len(names)} files such as {names[0]!r}" if names else ""
        raise InputError(
            f"{class_folder}: no images{ignored}; expected files ending in {' '.join(sorted(EXTENSIONS))}"
        )
    return [os.path.join(class_folder, name) for name in images]


def open_image(path):
    """An image file, decoded.

    Returns
    -------
    PIL.Image.Image
        In the file's own mode and size.

    Raises
    ------
    InputError
        If it cannot be read whole, claims more than `MAX_PIXELS` or has 32 bits a channel; names it.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise InputError(f"{path}: expected at most {MAX_PIXELS:,} pixels, found {width} x {height}")
            image.load()
            if image.mode == "F" or (image.mode == "I" and image.format == "TIFF"):
                raise InputError(
                    f"{path}: expected 8 or 16 bits a channel, found 32, which have no agreed range"
                )
            return image
    except (InputError, MemoryError):
        raise
    except Image.UnidentifiedImageError:
        raise InputError(
            f"{path}: not a readable image: content of no known image format; replace it, or move it away"
        ) from None
    # A damaged file can make a decoder raise nearly anything: SyntaxError, struct.error, IndexError...
    except Exception as error:
        raise InputError(
            f"{path}: not a readable image: {' '.join(str(error).split())}; replace it, or move it away"
        ) from None


def to_rgb(image):
    """An image of any mode as 8-bit RGB.

    Parameters
    ----------
    image : PIL.Image.Image
        As `open_image` returns it.

    Returns
    -------
    PIL.Image.Image
    """
    if image.mode.startswith("I"):
        # 16-bit grey, whose modes are I;16 and, for some formats, I; PIL's own conversion clips it to white.
        grey = np.asarray(image).astype(np.int64) // 257
        return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8)).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(ground, image).convert("RGB")
    return image.convert("RGB")


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


def for_each(function, paths, n_threads=None):
    """``function(path)`` of every path, in order, by threads: decoders work outside Python's lock.

    Parameters
    ----------
    function : callable, str -> object
    paths : list of str
    n_threads : int, optional
        As many as there are processors, unless given.

    Yields
    ------
    object
        What the function returns; its first error, in the order of the paths, ends the work.
    """
    with warnings.catch_warnings():
        # open_image refuses such a file itself, in one line.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with ThreadPoolExecutor(n_threads or os.cpu_count()) as pool:
            try:
                # Pieces bound what is queued: an early error must not wait for all files.
                for start in range(0, len(paths), 1024):
                    yield from pool.map(function, paths[start : start + 1024])
            finally:
                pool.shutdown(cancel_futures=True)


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
    return len(class_folders(folder)["train"])


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
