"""The numbers behind the figures of the grid: nets against Q and against depth, and their medians."""

import math

import pandas as pd

from mimic.cli import InputError
from mimic.shallow.grid import interval_of, intervals

Q_COLUMNS = ("dataset", "layout", "series", "group", "net", "q", "q_low", "q_high", "n_nets", "value")
DEPTH_KEYS = ("dataset", "n_filters", "layout", "n_layers")
DEPTH_COLUMNS = (*DEPTH_KEYS, "n_nets", "n_diverged", "train_loss", "validation_loss")


def checked_edges(edges):
    """Edges of intervals of Q from a command line; an `InputError` if they do not rise."""
    if sorted(set(edges)) != edges or not all(map(math.isfinite, edges)):
        raise InputError(f"--q-edges: expected rising numbers, got {' '.join(map(str, edges))}")
    return edges


def finished_nets(losses):
    """Rows of the nets that did not diverge."""
    return losses[losses["status"] == "finished"]


def numbers_by_q(losses, values, edges):
    """Every net against its Q, and medians over the intervals.

    Parameters
    ----------
    losses : DataFrame
        See `mimic.shallow.rows.LossRow`.
    values : callable, DataFrame -> Series
        What is drawn, of finished nets.
    edges : sequence of float
        Of the intervals of Q; nets below the first one are in no median.

    Returns
    -------
    DataFrame
        `Q_COLUMNS`; ``series`` is ``net``, or ``median`` where ``n_nets`` finished nets lie in an interval.
    """
    nets = finished_nets(losses)
    nets = nets.assign(series="net", value=values(nets), interval=[interval_of(q, edges) for q in nets["q"]])
    bounds, medians = intervals(edges), []
    for (dataset, layout, index), found in nets.groupby(["dataset", "layout", "interval"]):
        low, high = bounds[int(index)]
        row = {"dataset": dataset, "layout": layout, "series": "median", "q_low": low, "q_high": high}
        medians.append(row | {"n_nets": len(found), "value": found["value"].median()})
    return pd.concat([nets, pd.DataFrame(medians)]).reindex(columns=Q_COLUMNS)


def numbers_by_depth(losses):
    """Median losses of the nets of each depth, filter count and layout.

    Returns
    -------
    DataFrame
        `DEPTH_COLUMNS`; ``n_nets`` finished ones, of which the medians are taken over all other axes.
    """
    rows = []
    for key, nets in losses.groupby(list(DEPTH_KEYS)):
        finished = finished_nets(nets)
        row = dict(zip(DEPTH_KEYS, key, strict=True))
        row |= {"n_nets": len(finished), "n_diverged": len(nets) - len(finished)}
        rows.append(row | {name: finished[name].median() for name in DEPTH_COLUMNS[-2:]})
    return pd.DataFrame(rows, columns=DEPTH_COLUMNS)
