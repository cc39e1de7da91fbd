"""Where images come from, before they are split."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mimic.image_files import folder_named


@dataclass(frozen=True)
class Source:
    """A training part and a test part whose images are read only when asked for.

    Attributes
    ----------
    class_names : tuple of str
        By label.
    labels : dict, part -> int64 array, shape (n_part,)
        Parts are ``train`` and ``test``.
    read_images : callable, (part, rows) -> uint8 array, shape (len(rows), 3, 32, 32)
        Images of the given rows of a part, in the order of `rows`.
    """

    class_names: tuple[str, ...]
    labels: dict[str, np.ndarray]
    read_images: Callable[[str, np.ndarray], np.ndarray]


def from_arrays(class_names, images, labels):
    """A source whose images are in memory already.

    Parameters
    ----------
    class_names : sequence of str
    images : dict, part -> uint8 array, shape (n_part, 3, 32, 32)
    labels : dict, part -> int64 array, shape (n_part,)
    """
    return Source(tuple(class_names), dict(labels), lambda part, rows: images[part][rows])


def folder_of(settings):
    """Absolute folder that ``data.path`` names; ``${NAME}`` is taken from the environment, ``~`` is home.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings

    Raises
    ------
    InputError
        If a variable is unset or empty (an empty one would silently point at the root).
    """
    return folder_named(settings.path, "data.path")
