"""Shards of decoded images: format ``mimic.images``, version 1. This module alone knows its layout.

Let n be the images of the shard, and s the side of an image.

=======  ======  ============  ====================================================================
array    dtype   shape         meaning
=======  ======  ============  ====================================================================
images   uint8   (n, 3, s, s)  RGB, 0 to 255; the whole image, squeezed to a square
label    int64   (n,)          index into the sorted names of the classes
row      int64   (n,)          place in its part of the folder, see `mimic.win.listing`; ascending
size     int32   (n, 2)        width and height of the original image, pixels
=======  ======  ============  ====================================================================

A checksum for every row of `images` and `size`, so that one image is read, and checked, without the others,
and one for all labels and one for all rows. Attributes beside ``provenance``: ``listing``, the digest of the
folder's names and sizes; ``part``; ``n_part``, the images of the part, over all shards; ``n_classes``.
"""

import contextlib
import itertools
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from mimic.cli import MAKE_AGAIN, MAKE_FIRST, InputError
from mimic.image_files import folder_named
from mimic.sealed import open_sealed
from mimic.sealing import Layout, sealed_writer
from mimic.win.listing import PARTS

FORMAT, VERSION = "mimic.images", 1
_COLUMNS = {"label": (np.int64, ()), "row": (np.int64, ()), "size": (np.int32, (2,))}
_WITH_IMAGE = ("images", "size")  # known once an image is decoded
_ATTRIBUTES = {"listing": str, "part": str, "n_part": int, "n_classes": int}
MAX_SIDE = 1024


def cache_root(output, cache_folder):
    """Folder of the folders of shards: the run's own, or one that runs share.

    Raises
    ------
    InputError
        If `cache_folder` names a variable that is not set.
    """
    if cache_folder is None:
        return f"{output}/win/images"
    return str(folder_named(cache_folder, "win.folder.cache_folder", "/path/to/shards"))


def shard_name(part, number):
    """File of a shard in the folder of all of them."""
    return f"{part}-{number:05d}.h5"


def write_shard(path, header, provenance, labels, rows, size, decoded, on_image=None, resume_key=None):
    """Write a shard, whole or not at all.

    Parameters
    ----------
    path : path
    header : dict
        ``listing``, ``part``, ``n_part``, ``n_classes``.
    provenance : dict
    labels, rows : int64 array, shape (n,)
    size : int
        Side of an image.
    decoded : callable, list of int -> iterable of (uint8 array (3, size, size), int, int)
        Pixels, width and height of the original of some of the images, by place in the shard.
    on_image : callable, bool -> None
        Called after each image with whether an earlier attempt had written it.
    resume_key : str, optional
        Go on with what an attempt that was cut short has written, see `mimic.sealing.sealed_writer`.
    """
    n = len(rows)
    layouts = {"images": Layout("u1", (n, 3, size, size)), "size": Layout("i4", (n, 2))}
    layouts |= {"label": Layout("i8", (n,), n), "row": Layout("i8", (n,), n)}
    attributes = {**header, "provenance": provenance}
    with sealed_writer(path, FORMAT, VERSION, attributes, layouts, resume_key) as file:
        file.write("label", np.asarray(labels, np.int64))
        file.write("row", np.asarray(rows, np.int64))
        left = [place for place in range(n) if not file.holds(place, _WITH_IMAGE)]
        for _ in range(n - len(left)):
            if on_image is not None:
                on_image(True)
        for place, (pixels, width, height) in zip(left, decoded(left), strict=True):
            file.write("size", np.array([[width, height]], np.int32), place)
            file.write("images", pixels[None], place)
            if on_image is not None:
                on_image(False)


def read_header(file):
    """What an open shard says of itself, beside its provenance; its arrays are those of the format.

    Parameters
    ----------
    file : mimic.sealed.SealedFile

    Returns
    -------
    dict
        ``listing``, ``part``, ``n_part``, ``n_classes``; ``n_images`` of the shard, and their ``side``.

    Raises
    ------
    InputError
        Names the file, what was expected and what was found.
    """
    found = {}
    for name, kind in _ATTRIBUTES.items():
        found[name] = file.attributes.get(name)
        if type(found[name]) is not kind:
            raise InputError(f"{file.path}: attribute {name}: expected a {kind.__name__}")
    n, _, side, _ = file.array("images", np.uint8, (None, 3, None, None)).shape
    file.array("images", np.uint8, (n, 3, side, side))
    for name, (dtype, shape) in _COLUMNS.items():
        file.array(name, dtype, (n, *shape))
    if not 1 <= side <= MAX_SIDE:
        raise InputError(f"{file.path}: images: expected sides of 1 to {MAX_SIDE} pixels, got {side}")
    return {**found, "n_images": n, "side": side}


class Shards:
    """All images of a folder, read from its shards row by row; a context manager, which closes the files.

    Parameters
    ----------
    folder : path
        Holds the shards of both parts and nothing else that has their names.
    n_threads : int
        That read a batch.
    size : int, optional
        Refuse images of another side.

    Attributes
    ----------
    size : int
        Side of an image.
    n_classes : int
    listing : str
        Digest of the folder that they were made from.
    labels, widths, heights : dict, part -> int array, shape (n,)
        By row of the part.

    Raises
    ------
    InputError
        If a shard is missing, damaged, or does not belong to the others.
    """

    def __init__(self, folder, n_threads=1, size=None):
        self.folder, self.n_threads = Path(folder), n_threads
        self.labels, self.widths, self.heights = {}, {}, {}
        self._wanted_size, self.size, self.n_classes, self.listing = size, None, None, None
        self._files, self._starts, self._first = {}, {}, None
        self._open, self._pool = contextlib.ExitStack(), None

    def __enter__(self):
        with contextlib.ExitStack() as opened:
            self._open = opened
            for part in PARTS:
                self._add_part(part)
            self._pool = opened.enter_context(ThreadPoolExecutor(self.n_threads, "shards"))
            self._open = opened.pop_all()
        return self

    def __exit__(self, *error):
        self._open.close()

    def _add_part(self, part):
        files, columns, n_found, n_part = [], [], 0, None
        for number in itertools.count():
            path = self.folder / shard_name(part, number)
            if n_part is not None and n_found >= n_part:
                break
            if not path.exists():
                raise InputError(f"{path}: no such file (expected format {FORMAT!r}); {MAKE_FIRST}")
            file = self._open.enter_context(open_sealed(path, FORMAT, VERSION))
            n_part = self._check(file, part, n_part)
            of_file = {name: file.read(name) for name in _COLUMNS}
            n = len(of_file["row"])
            if not n or not np.array_equal(of_file["row"], np.arange(n_found, n_found + n)):
                raise InputError(f"{path}: row: expected rows {n_found} and on, got {of_file['row'][:1]}")
            files.append(file)
            columns.append(of_file)
            n_found += n
        joined = {name: np.concatenate([of[name] for of in columns]) for name in _COLUMNS}
        if n_found != n_part:
            raise InputError(f"{path.parent}: part {part}: expected {n_part} images, got {n_found}")
        self._check_values(part, joined)
        self.labels[part] = joined["label"]
        self.widths[part], self.heights[part] = joined["size"].T
        counts = [len(of["row"]) for of in columns]
        self._files[part], self._starts[part] = files, np.cumsum([0, *counts[:-1]])

    def _check(self, file, part, n_part):
        """Refuse a shard that is not of the same images as those before; number of images of its part."""
        found = read_header(file)
        side = found["side"]
        if self._wanted_size not in (None, side):
            raise InputError(
                f"{file.path}: images: expected sides of {self._wanted_size} pixels, got {side}; {MAKE_AGAIN}"
            )
        if self._first is None:
            self._first, self.size = file.path, side
            self.n_classes, self.listing = found["n_classes"], found["listing"]
        wanted = {"part": part, "n_classes": self.n_classes, "listing": self.listing, "side": self.size}
        wanted |= {} if n_part is None else {"n_part": n_part}
        for name, value in wanted.items():
            got = found[name]
            if got != value:
                raise InputError(
                    f"{file.path}: {name}: expected {str(value)[:16]}, as {self._first.name} has, got "
                    f"{str(got)[:16]}; {MAKE_AGAIN}"
                )
        return found["n_part"]

    def _check_values(self, part, columns):
        labels = columns["label"]
        if not 0 <= labels.min() <= labels.max() < self.n_classes:
            raise InputError(
                f"{self.folder}: part {part}: expected labels 0 to {self.n_classes - 1}, found "
                f"{labels.min()} to {labels.max()}"
            )
        smallest = columns["size"].min()
        if smallest < 1:
            raise InputError(
                f"{self.folder}: part {part}: expected images of 1 pixel or more, got {smallest}"
            )

    def read(self, part, rows):
        """Images of some rows, each checked against its checksum.

        Parameters
        ----------
        part : str
        rows : int array, shape (b,)

        Returns
        -------
        uint8 array, shape (b, 3, size, size)
        """
        images = np.empty((len(rows), 3, self.size, self.size), np.uint8)
        numbers = np.searchsorted(self._starts[part], rows, side="right") - 1
        files, starts = self._files[part], self._starts[part]

        def fill(places):
            for place in places:
                number = numbers[place]
                row = int(rows[place] - starts[number])
                images[place] = files[number].read("images", row, row + 1)[0]

        list(self._pool.map(fill, np.array_split(np.arange(len(rows)), self.n_threads)))
        return images
