"""What lies in a folder of images: ``train/CLASS/*`` and ``val/CLASS/*``, as ImageNet is laid out.

Names and sizes alone: ImageNet's bytes, 150 GB, are read by nobody who only wants to know whether they are
still the same. Asked for at the start of every run, so torch is not imported.

A part's images are numbered: its rows are the images of all classes, classes and files in the order of their
names.
"""

import hashlib
import json
import os
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from mimic.cli import InputError
from mimic.image_files import class_folders, for_each, image_entries

PARTS = ("train", "val")
KEY = "win.data.path"


@dataclass(frozen=True)
class Piece:
    """Images `first` to `stop` - 1 of a class, by its label and its name."""

    label: int
    name: str
    first: int
    stop: int


@dataclass(frozen=True)
class Listing:
    """The images of a folder.

    Parameters
    ----------
    class_names : tuple of str
        Sorted; the index is the label.
    files : dict, part -> list of list of (str, int)
        For each class its files' names and sizes in bytes.
    """

    class_names: tuple
    files: dict

    @property
    def n_classes(self):
        """Number of classes."""
        return len(self.class_names)

    def n_images(self, part):
        """Images of a part."""
        return sum(map(len, self.files[part]))

    def digest(self):
        """SHA-256 over names and sizes, wherever the folder lies."""
        total = hashlib.sha256()
        for part in PARTS:
            for name, files in zip(self.class_names, self.files[part], strict=True):
                total.update(_digest([part, name, files]).encode())
        return total.hexdigest()

    def pieces(self, part, start, stop):
        """Which images of which classes rows `start` to `stop` - 1 of a part are.

        Returns
        -------
        list of Piece
        """
        ends = list(accumulate(map(len, self.files[part])))
        found = []
        while start < min(stop, ends[-1]):
            label = bisect_right(ends, start)
            begin = ends[label] - len(self.files[part][label])
            upto = min(stop, ends[label])
            found.append(Piece(label, self.class_names[label], start - begin, upto - begin))
            start = upto
        return found

    def digest_of(self, part, pieces):
        """SHA-256 over the names and sizes of some images, see `read_pieces`."""
        return _digest([self.files[part][p.label][p.first : p.stop] for p in pieces])

    def relative_paths(self, part):
        """Paths of a part's images below the folder, by row; one at a time."""
        for name, files in zip(self.class_names, self.files[part], strict=True):
            for file, _ in files:
                yield os.path.join(part, name, file)


def _digest(value):
    return hashlib.sha256(json.dumps(value, separators=(",", ":")).encode()).hexdigest()


def list_folder(folder, n_threads=None):
    """The images of a folder, none of them opened.

    Parameters
    ----------
    folder : path
        Holds ``train`` and ``val``.
    n_threads : int, optional
        That list class folders: on a network each answer is waited for. As many as there are processors,
        unless given.

    Returns
    -------
    Listing

    Raises
    ------
    InputError
        In one line: no such folder, classes that are not those of the other part, a class without images.
    """
    try:
        folders = class_folders(folder, PARTS, KEY)
        files = {part: list(for_each(_files_of, list(folders[part].values()), n_threads)) for part in PARTS}
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None
    return Listing(tuple(folders[PARTS[0]]), files)


def _files_of(class_folder):
    return [(entry.name, entry.stat().st_size) for entry in image_entries(class_folder)]


def count_folder_classes(folder):
    """Number of classes, from the folders' names alone; refuses what `list_folder` does of them."""
    try:
        return len(class_folders(folder, PARTS, KEY)[PARTS[0]])
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None


def read_pieces(folder, part, pieces, digest, n_threads=None):
    """Paths of some images of a part: only the folders of their classes are looked at.

    Parameters
    ----------
    folder : path
    part : str
    pieces : sequence of Piece
    digest : str
        `Listing.digest_of` them, when they were listed.
    n_threads : int, optional

    Returns
    -------
    list of str

    Raises
    ------
    InputError
        If they are not what was listed.
    """
    classes = [os.path.join(folder, part, piece.name) for piece in pieces]
    try:
        found = list(for_each(_files_of, classes, n_threads))
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None
    files = [of_class[piece.first : piece.stop] for of_class, piece in zip(found, pieces, strict=True)]
    if _digest(files) != digest:
        names = pieces[0].name if len(pieces) == 1 else f"{pieces[0].name} to {pieces[-1].name}"
        raise InputError(
            f"{Path(folder, part)}: files of {names} were added, removed or changed since the run was "
            "planned; start it again"
        )
    return [
        os.path.join(path, name)
        for path, of_class in zip(classes, files, strict=True)
        for name, _ in of_class
    ]
