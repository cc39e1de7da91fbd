"""Is the source of the images in order? Asked before the first job starts, so torch is not imported."""

from mimic.cli import InputError
from mimic.data.source import folder_of
from mimic.data.sources import is_drawn, missing_files, module_of
from mimic.data.splits import check_counts


def check_source(settings, decode=True, n_threads=None):
    """Refuse a source that a job would stumble over.

    What can be downloaded and is not there yet is no error here: see `missing_data_message`.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings
    decode : bool
        Also look into every file where the source can (decoding millions of files takes minutes).
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
    module = module_of(settings)
    if is_drawn(module):
        return  # any number can be drawn
    folder = folder_of(settings)
    if missing_files(module, folder) is not None:
        counts = module.N_IMAGES
    else:
        counts = module.count_images(folder) if hasattr(module, "count_images") else None
    if counts is not None:
        wanted = settings.n_train, settings.n_validation, settings.n_test
        check_counts(counts["train"], counts["test"], *wanted)
    if decode and hasattr(module, "check_images"):
        module.check_images(folder, n_threads)


def missing_data_message(settings):
    """What is absent, where it was looked for and how to get it.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings

    Returns
    -------
    str or None
        One line for a source that can be downloaded and whose files are absent, None otherwise.
    """
    module = module_of(settings)
    return None if is_drawn(module) else missing_files(module, folder_of(settings))


def count_classes(settings):
    """Number of classes of a source, from names alone.

    Parameters
    ----------
    settings : mimic.config.data.DataSettings

    Returns
    -------
    int

    Raises
    ------
    InputError
        If there is no such source, a folder is missing, or train and test hold other classes.
    """
    module = module_of(settings)
    return module.count_classes(None if is_drawn(module) else folder_of(settings))
