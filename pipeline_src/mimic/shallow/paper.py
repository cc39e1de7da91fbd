"""Table 2 as Bermeitinger et al. (2023) printed it (``reference/shallow_table2.csv``)."""

import functools
from importlib import resources

import pandas as pd


@functools.cache
def published_losses():
    """Mean losses by dataset (in small letters), layout and interval of Q.

    Returns
    -------
    dict of (str, str, float, float) to (float, float)
        Training and validation loss; the last interval's end is infinite.
    """
    table = resources.files("mimic.shallow").joinpath("reference", "shallow_table2.csv")
    with table.open(encoding="utf-8") as file:
        frame = pd.read_csv(file)
    return {
        (row.dataset.lower(), row.architecture, float(row.q_low), float(row.q_high)): (
            row.train_loss,
            row.val_loss,
        )
        for row in frame.itertuples()
    }
