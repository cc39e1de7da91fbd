"""How a training went, epoch by epoch: ``history.csv``, thinned to what a curve on a screen shows."""

import math
from dataclasses import dataclass

from mimic.cli import InputError
from mimic.tables import read_rows

#: Points of a curve; more are not told apart on a screen.
N_POINTS = 48
COLUMNS = ("epoch", "train_loss", "validation_accuracy")


@dataclass(frozen=True)
class History:
    """A thinned training.

    Parameters
    ----------
    epochs : list of int
    validation_pct : list of float
        Validation accuracy in percent.
    train_loss : list of float or None
        None where it is no finite number.
    """

    epochs: list
    validation_pct: list
    train_loss: list


def read_history(path):
    """A trial's training from its ``history.csv``.

    Returns
    -------
    History
        At most `N_POINTS` epochs: the first, the last and the best among them.

    Raises
    ------
    InputError
        In one line: the file and line, what was expected and what was found.
    """
    header, cells = read_rows(path)
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise InputError(f"{path}: expected a column {missing[0]}")
    places = [header.index(name) for name in COLUMNS]
    rows = thinned([_row(row, places, f"{path} line {line}") for line, row in cells])
    return History([row[0] for row in rows], [row[2] for row in rows], [row[1] for row in rows])


def _row(row, places, where):
    try:
        epoch, loss, accuracy = (row[place] for place in places)
        epoch, loss, accuracy = int(epoch), float(loss), float(accuracy)
        if not (0 <= accuracy <= 1 and epoch >= 0):
            raise ValueError
    except ValueError:
        raise InputError(f"{where}: expected an epoch, a loss and a fraction") from None
    return epoch, float(f"{loss:.5g}") if math.isfinite(loss) else None, round(100 * accuracy, 2)


def thinned(rows):
    """At most `N_POINTS` rows, evenly spread, with the best on validation among them."""
    if len(rows) <= N_POINTS:
        return rows
    last = len(rows) - 1
    kept = {round(i * last / (N_POINTS - 2)) for i in range(N_POINTS - 1)}
    kept.add(max(range(len(rows)), key=lambda i: rows[i][2]))
    return [rows[i] for i in sorted(kept)]
