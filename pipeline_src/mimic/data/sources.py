"""The sources of images that the config may name: one line each, ``NAME`` in ``data.source``.

A source is a module that either loads or draws:

=================================  ====================================================================
it has                             what it says
=================================  ====================================================================
``count_classes(folder)``          number of classes, from names alone
``load(folder, n_threads)``        the `Source` that lies in a folder
``draw(sizes, seed)``              or, without files: a `Source` with so many images of each part
*where it loads, it may have*
``count_images(folder)``           images by part, checked before any job starts; any number without it
``list_files(folder)``             the files that it reads, whose names and contents are what a dataset
                                   depends on; all files in the folder without it
``checksums(folder)``              digests by name in place of those files, where they are published
``check_images(folder, n_threads)``  raises InputError for a file that a job would stumble over
``missing_message(folder)``        one line where files are absent, else None; with it ``download(folder)``
                                   and ``N_IMAGES``, images by part of what is downloaded
=================================  ====================================================================

`folder` is ``data.path``, absolute. Nothing here may import torch at its top: rules ask at each start.
"""

from types import ModuleType

from mimic.cli import InputError
from mimic.data import cifar10 as cifar10
from mimic.data import image_folder as imagefolder  # noqa: F401 (registered by its import)
from mimic.data import mnist as mnist
from mimic.data import shapes as shapes

#: Module of each source, by the name under which it is imported above.
SOURCES = {name: value for name, value in list(globals().items()) if isinstance(value, ModuleType)}


def module_of(settings):
    """Module of the source that the settings name.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings

    Raises
    ------
    InputError
        If there is none of that name, or it loads from a folder and ``data.path`` names none.
    """
    if settings.source not in SOURCES:
        raise InputError(f"data.source: expected one of {', '.join(SOURCES)}, got {settings.source!r}")
    module = SOURCES[settings.source]
    if not is_drawn(module) and not settings.path:
        raise InputError(f"data.path: expected the folder of source {settings.source}, got none")
    return module


def is_drawn(module):
    """Whether a source draws its images instead of loading them from a folder."""
    return hasattr(module, "draw")


def missing_files(module, folder):
    """One line on what is absent of a source that can be downloaded, or None."""
    return module.missing_message(folder) if hasattr(module, "missing_message") else None
