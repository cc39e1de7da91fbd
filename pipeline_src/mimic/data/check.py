"""Is the source of the images in order? Asked before the first job starts, so torch is not imported."""

from mimic.cli import InputError
from mimic.data import cifar10, image_folder, mnist
from mimic.data.source import folder_of
from mimic.data.splits import check_counts


def check_source(settings, decode=True, n_threads=None):
    """Refuse a source that a job would stumble over.

    CIFAR-10 or MNIST that is not there yet is no error here: see `missing_data_message`.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings
    decode : bool
        Also decode every file of an image folder, to find unreadable ones (minutes for millions of files).
    n_threads : int, optional
        As many as there are processors, unless given.

    Raises
    ------
    InputError
        In one line: a missing folder or class, a class without images, an unreadable image, more images
        wanted than there are, a variable in ``data.path`` that is not set, a folder that may not be read.
    """
    try:
        _check_counts_and_files(settings, decode, n_threads)
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}") from None


def _check_counts_and_files(settings, decode, n_threads):
    counts = _count_images(settings)
    if counts is not None:
        wanted = settings.n_train, settings.n_validation, settings.n_test
        check_counts(counts["train"], counts["test"], *wanted)
    if settings.source == "imagefolder" and decode:
        files = image_folder.list_images(folder_of(settings))
        paths = [path for part in image_folder.PARTS for path in files.paths[part]]
        for _ in image_folder.for_each(image_folder.open_image, paths, n_threads):
            pass


def _count_images(settings):
    """Images of each part; None where any number can be drawn."""
    if settings.source == "shapes":
        return None
    folder = folder_of(settings)
    if settings.source == "imagefolder":
        return {part: len(paths) for part, paths in image_folder.list_images(folder).paths.items()}
    if settings.source == "cifar10":
        return cifar10.N_IMAGES
    if missing_data_message(settings) is not None:
        return mnist.N_IMAGES
    return mnist.count_images(folder)


def missing_data_message(settings):
    """What is absent, where it was looked for and how to get it.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings

    Returns
    -------
    str or None
        One line for ``cifar10`` and ``mnist`` whose files are absent, None otherwise.
    """
    if settings.source == "cifar10":
        return cifar10.missing_message(folder_of(settings))
    if settings.source == "mnist":
        return mnist.missing_message(folder_of(settings))
    return None


def count_classes(settings):
    """Number of classes: a folder each in an image folder, ten in all other sources.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings

    Returns
    -------
    int

    Raises
    ------
    InputError
        If a folder is missing, or train and test hold other classes.
    """
    if settings.source != "imagefolder":
        return 10
    return len(image_folder.class_folders(folder_of(settings))["train"])
