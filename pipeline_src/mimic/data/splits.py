"""Which images train, validate and test (Urban 2.1).

Reading: the paper says 40,000 / 10,000 / 10,000 and not which: the source's training images are split at
random from the seed, and its test images stay the test images.
"""

import numpy as np

from mimic.cli import InputError


def split_rows(n_source_train, n_source_test, n_train, n_validation, n_test, generator):
    """Draw a split.

    Parameters
    ----------
    n_source_train, n_source_test : int
        Images that the source has.
    n_train, n_validation, n_test : int
        Images wanted.
    generator : numpy.random.Generator

    Returns
    -------
    dict, split -> int64 array
        ``train`` and ``validation``: distinct rows of the source's training part, in random order. ``test``:
        distinct rows of its test part, ascending.

    Raises
    ------
    InputError
        If more is wanted than there is; says both numbers.
    """
    check_counts(n_source_train, n_source_test, n_train, n_validation, n_test)
    shuffled = np.argsort(generator.random(n_source_train), kind="stable").astype(np.int64)
    drawn = np.argsort(generator.random(n_source_test), kind="stable").astype(np.int64)
    return {
        "train": shuffled[:n_train],
        "validation": shuffled[n_train : n_train + n_validation],
        "test": np.sort(drawn[:n_test]),
    }


def check_counts(n_source_train, n_source_test, n_train, n_validation, n_test):
    """Refuse more images than the source has.

    Raises
    ------
    InputError
        Says both numbers.
    """
    if n_train + n_validation > n_source_train:
        raise InputError(
            f"data.n_train + data.n_validation: {n_train} + {n_validation} = {n_train + n_validation}, "
            f"more than the {n_source_train} training images there are; lower one of them"
        )
    if n_test > n_source_test:
        raise InputError(
            f"data.n_test: {n_test}, more than the {n_source_test} test images there are; lower it"
        )
