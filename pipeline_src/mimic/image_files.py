"""Image files in class folders, whatever reads them: ``PART/CLASS/*``, and how a file is decoded.

An image is a file whose extension is in `EXTENSIONS`, whatever its case. Other files, everything whose name
starts with a dot, and folders inside a class folder are ignored. Classes and files stand in the order of
their names (by code points). Imports no torch: the workflow is planned with it.
"""

import os
import re
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from mimic.cli import InputError

EXTENSIONS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
# Only these decoders: others run external programs on what they are given.
_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 64_000_000  # a small file can claim gigabytes; this is beyond any photograph meant for 32x32


def folder_named(path, key, example="/path/to/images"):
    """Absolute folder that a key of the config names; ``${NAME}`` is of the environment, ``~`` is home.

    Parameters
    ----------
    path : str
    key : str
        For the message.
    example : str
        What the variable could be.

    Raises
    ------
    InputError
        If a variable is unset or empty (an empty one would silently point at the root).
    """

    def value_of(match):
        value = os.environ.get(match[1], "")
        if not value:
            raise InputError(
                f"{key}: {path}: expected the environment variable {match[1]}, it is not set; "
                f"export {match[1]}={example}"
            )
        return value

    full = re.sub(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value_of, path)
    return Path(os.path.abspath(os.path.expanduser(full)))


def class_folders(folder, parts, key="data.path"):
    """Class folders by part and name.

    Parameters
    ----------
    folder : path
    parts : (str, str)
        Folders that hold those of the classes, for training and for testing.
    key : str
        Of the config, which names the folder.

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
        raise InputError(f"{key}: no such folder: {folder}; set {key}, or the variable that it names")
    found = {}
    for part in parts:
        if not (folder / part).is_dir():
            raise InputError(f"{key}: expected {folder / part}/CLASS/*, no such folder: {folder / part}")
        with os.scandir(folder / part) as entries:
            names = sorted(e.name for e in entries if e.is_dir() and not e.name.startswith("."))
        found[part] = {name: str(folder / part / name) for name in names}
        if not names:
            raise InputError(f"{folder / part}: no images: expected a folder for each class, found none")
    for part, other in (parts, parts[::-1]):
        for name in found[part]:
            if name not in found[other]:
                raise InputError(
                    f"{folder / other}: class {name!r} is missing, it is in {folder / part}; "
                    f"each class needs images in both"
                )
    if len(names) < 2:
        raise InputError(f"{folder}: expected at least two classes, found only {names[0]!r}")
    return found


def image_entries(class_folder):
    """The images of a class folder, in the order of their names, none of them opened.

    Returns
    -------
    list of os.DirEntry

    Raises
    ------
    InputError
        If there is none.
    """
    with os.scandir(class_folder) as entries:
        # A link that leads nowhere counts as a file: it is reported as unreadable, not left out in silence.
        files = (e for e in entries if e.is_file() or (e.is_symlink() and not e.is_dir()))
        files = sorted((e for e in files if not e.name.startswith(".")), key=lambda e: e.name)
    images = [entry for entry in files if os.path.splitext(entry.name)[1].lower() in EXTENSIONS]
    if not images:
        ignored = f" among {len(files)} files such as {files[0].name!r}" if files else ""
        raise InputError(
            f"{class_folder}: no images{ignored}; expected files ending in {' '.join(sorted(EXTENSIONS))}"
        )
    return images


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
