"""Sequential against parallel nets for the page: the grid of arXiv 2309.08414, as far as its tables go.

Q = examples x outputs / parameters: below one a net could store its examples.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mimic.artifact import digest_file
from mimic.config.shallow import LAYOUTS
from mimic.report.page.grid_rows import PAIR, REST, read_intervals, read_losses, read_orders
from mimic.report.page.words import plural, signed

FOLDER = "shallow"
#: Tables of the grid, and what reads them.
READERS = {"losses.csv": read_losses, "table2.csv": read_intervals, "expansion.csv": read_orders}
QUESTION = "Must the layers of a deep residual net stand in a row, or may they stand side by side?"
#: Marks of a layout in a panel; of more nets these are drawn, evenly spread over Q.
N_MARKS = 2000
#: Panels and lines beyond these are left to the tables.
MAX_DATASETS, MAX_FILTERS = 8, 12
_LOSSES = ("train_loss", "validation_loss")


@dataclass(frozen=True)
class Grid:
    """The tables of the grid.

    Parameters
    ----------
    losses, intervals, orders : DataFrame or None
        See `mimic.report.page.grid_rows`; None where a table is not there, cannot be read or has no rows.
    files : tuple of (str, str)
        Tables and their SHA-256.
    """

    losses: pd.DataFrame | None
    intervals: pd.DataFrame | None
    orders: pd.DataFrame | None
    files: tuple

    @property
    def datasets(self):
        """Names, in order."""
        frames = [frame for frame in (self.losses, self.intervals, self.orders) if frame is not None]
        return sorted({name for frame in frames for name in frame["dataset"]})


def read_grid(folder, reading):
    """The grid of a run.

    Parameters
    ----------
    folder : path
        The config's ``output``.
    reading : mimic.report.page.results.Reading

    Returns
    -------
    Grid or None
        None where neither the losses nor their table can be shown.
    """
    tables, files = [], []
    for name, reader in READERS.items():
        path = Path(folder, FOLDER, name)
        frame = reading.read(reader, path)
        tables.append(None if frame is None or frame.empty else frame)
        if frame is not None:
            files.append((f"{FOLDER}/{name}", digest_file(path)))
    if tables[0] is None and tables[1] is None:
        return None
    return Grid(*tables, tuple(files))


def grid_view(grid, edges):
    """What the page shows of the grid.

    Parameters
    ----------
    grid : Grid
    edges : sequence of float
        Of the intervals of Q, over which medians are taken.

    Returns
    -------
    dict
        datasets, files; answer: a sentence; n_nets, n_diverged; below: nets in no interval, in words; table2,
        medians, depths, shares: rows of tables; has_paper; is_drawn: whether there is no more than can be
        told apart; and ``plots``, JSON-ready.
    """
    medians, depths = medians_by_q(grid.losses, edges), losses_by_depth(grid.losses)
    shares = shares_by_depth(grid.orders)
    counts = set() if grid.losses is None else set(grid.losses["n_filters"])
    is_drawn = len(grid.datasets) <= MAX_DATASETS and len(counts) <= MAX_FILTERS
    view = {
        "datasets": grid.datasets,
        "files": grid.files,
        "answer": answer(grid),
        "n_nets": 0 if grid.losses is None else len(grid.losses),
        "n_diverged": 0 if grid.losses is None else int((grid.losses["status"] == "diverged").sum()),
        "below": below_edges(grid.losses, edges),
        "table2": [] if grid.intervals is None else [interval_view(row) for row in _records(grid.intervals)],
        "has_paper": grid.intervals is not None
        and bool(grid.intervals["paper_validation_loss"].notna().any()),
        "medians": medians,
        "depths": depths,
        "shares": shares,
        "orders": [] if grid.orders is None else orders_in(grid.orders),
        "is_drawn": is_drawn,
        "n_marks": N_MARKS,
        "drawn": {},
    }
    plots = plots_of(grid, medians, depths, shares) if is_drawn else None
    if plots is not None:
        view["drawn"] = {kind: sorted({row["dataset"] for row in plots[kind]}) for kind in plots}
    return view | {"plots": plots}


def _records(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


def pairs(losses):
    """Nets that differ in layout alone, of two layers or more: with one, both layouts are the same net.

    Returns
    -------
    DataFrame
        dataset, and validation_loss_sequential and validation_loss_parallel, of pairs that both finished.
    """
    nets = losses[(losses["status"] == "finished") & (losses["n_layers"] > 1)]
    sides = [nets.loc[nets["layout"] == layout, [*PAIR, "validation_loss"]] for layout in LAYOUTS]
    return sides[0].merge(sides[1], on=list(PAIR), suffixes=[f"_{layout}" for layout in LAYOUTS])


def answer(grid):
    """What came out, in a sentence or two."""
    if grid.losses is None:
        n = int(grid.intervals["n_nets"].sum())
        return (
            f"{plural(n, 'net')} finished; the losses of single nets are not there, so that none are paired."
        )
    parts = []
    for dataset, found in pairs(grid.losses).groupby("dataset"):
        ours, theirs = found["validation_loss_parallel"], found["validation_loss_sequential"]
        lower, n = int((ours < theirs).sum()), len(found)
        middle = signed(float((ours - theirs).median()), 5)
        share = f"{lower:,} of {plural(n, 'pair')} ({100 * lower / n:.1f} %)"
        parts.append(f"on {dataset} in {share}, median difference {middle}")
    diverged = grid.losses[grid.losses["status"] == "diverged"].groupby("layout").size()
    n_nets, n_diverged = len(grid.losses), int(diverged.sum())
    if parts:
        text = (
            "Of nets of two layers or more that differ in layout alone, the parallel one has the lower "
            f"validation loss {'; '.join(parts)}."
        )
    else:
        text = _why_no_pairs(grid.losses)
    if n_diverged:
        each = " and ".join(f"{diverged[layout]:,} {layout}" for layout in LAYOUTS if layout in diverged)
        text += f" Diverged: {each} of {plural(n_nets, 'net')}."
    return text


def _why_no_pairs(losses):
    """Why no two nets can be compared."""
    nets = losses[losses["status"] == "finished"]
    if nets.empty:
        return "No net finished: there are no losses to compare."
    text = f"{plural(len(nets), 'net')} finished"
    if (nets["n_layers"] == 1).all():
        return f"{text}, each of one residual layer, with which both layouts are the same net: no pairs."
    if nets["layout"].nunique() == 1:
        return f"{text}, all of them {nets['layout'].iloc[0]}: there is no other layout to compare with."
    return f"{text}, no two of which are of two layers or more and differ in layout alone."


def interval_text(low, high):
    """``1 to 3``, ``10 and more``."""
    return f"{low:g} and more" if math.isinf(high) else f"{low:g} to {high:g}"


def interval_view(row):
    """A row of Table 2 as text and as numbers.

    Returns
    -------
    dict
        dataset, layout, interval, q_low, n_nets, n_diverged; losses: for training and validation a dict with
        name, and value, sd, paper and difference as pairs of text and number, both empty where there is
        none; why, what the empty cells of ours say; share of the paper's loss that the difference is.
    """
    why = "" if row["n_nets"] else "all diverged" if row["n_diverged"] else "no net"
    losses = []
    for name in _LOSSES:
        difference, published = row[f"{name}_difference"], row[f"paper_{name}"]
        share = 0.0
        if difference is not None:
            share = min(1.0, abs(difference) / published) if published else 1.0
        losses.append(
            {
                "value": _cell(row[name]),
                "sd": _cell(row[f"{name}_sd"]),
                "paper": _cell(published),
                "difference": ("", "") if difference is None else (signed(difference, 5), difference),
                "share": round(share, 3),
                "why": why,
                "why_sd": why or "one net",
            }
        )
    shown = {key: row[key] for key in ("dataset", "layout", "q_low", "n_nets", "n_diverged")}
    return shown | {"interval": interval_text(row["q_low"], row["q_high"]), "losses": losses}


def _cell(value):
    return ("", "") if value is None else (f"{value:.5f}", value)


def medians_by_q(losses, edges):
    """Median losses of the finished nets of each interval of Q; nets below the first edge are in none.

    Returns
    -------
    list of dict
        dataset, layout, q_low, q_high (None for no end), interval, n_nets, train_loss, validation_loss.
    """
    if losses is None:
        return []
    bounds, rows = [*edges, math.inf], []
    nets = losses[losses["status"] == "finished"]
    places = pd.cut(nets["q"], bounds, right=False, labels=False)
    for (dataset, layout, place), found in nets.groupby(["dataset", "layout", places]):
        low, high = bounds[int(place)], bounds[int(place) + 1]
        row = {"dataset": dataset, "layout": layout, "q_low": low, "n_nets": len(found)}
        row |= {"q_high": None if math.isinf(high) else high, "interval": interval_text(low, high)}
        rows.append(row | {name: float(found[name].median()) for name in _LOSSES})
    return rows


def below_edges(losses, edges):
    """How many nets are in no interval of Q, in words; empty where there are none, or no losses."""
    n_below = 0 if losses is None else int((losses["q"] < edges[0]).sum())
    if not n_below:
        return ""
    verb = "has" if n_below == 1 else "have"
    return f"{plural(n_below, 'net')} {verb} a Q below {edges[0]:g}, the first edge: in no interval."


def paths_of_groups(grid, folder):
    """Files of the groups that the losses are of, as far as they lie in a results folder."""
    if grid is None or grid.losses is None:
        return []
    known = set(grid.losses["group"])  # text of a file, so that no path is made of it
    found = sorted(Path(folder, FOLDER, "groups").glob("*/nets.h5"))
    return [path for path in found if path.parent.name in known]


def losses_by_depth(losses):
    """Median losses of the nets of each dataset, filter count, layout and depth.

    Returns
    -------
    list of dict
        dataset, n_filters, layout, n_layers, n_nets (finished), n_diverged, and the losses, None where all
        diverged.
    """
    rows = []
    if losses is None:
        return rows
    keys = ["dataset", "n_filters", "layout", "n_layers"]
    for key, nets in losses.groupby(keys):
        finished = nets[nets["status"] == "finished"]
        row = dict(zip(keys, key, strict=True)) | {"n_nets": len(finished)}
        row |= {name: int(row[name]) for name in ("n_filters", "n_layers")}  # of numpy, which JSON refuses
        row["n_diverged"] = len(nets) - len(finished)
        middle = {name: float(finished[name].median()) if len(finished) else None for name in _LOSSES}
        rows.append(row | middle)
    return rows


def orders_in(orders):
    """Orders above 0 that occur, rising; the rest, which explains all that is left, is none."""
    return sorted({int(order) for order in orders["order"] if order not in ("0", REST)})


def shares_by_depth(orders):
    """Median share that the orders up to each explain, by dataset and depth, and accuracy up to there.

    Returns
    -------
    list of dict
        dataset, n_layers, order, n_nets, share (None where no net has one), accuracy.
    """
    rows = []
    if orders is None:
        return rows
    told = orders[~orders["order"].isin(("0", REST))]
    for (dataset, depth, order), nets in told.groupby(["dataset", "n_layers", told["order"].astype(int)]):
        share = nets["feature_share"].median()
        row = {"dataset": dataset, "n_layers": int(depth), "order": int(order), "n_nets": len(nets)}
        row["share"] = None if math.isnan(share) else float(share)
        rows.append(row | {"accuracy": float(nets["accuracy"].median())})
    return rows


def plots_of(grid, medians, depths, shares):
    """Values of the plots, JSON-ready.

    Returns
    -------
    dict
        nets: by dataset and layout, columns q, loss, n_layers and n_filters; medians, depths, shares: rows.
    """
    nets = []
    if grid.losses is not None:
        finished = grid.losses[grid.losses["status"] == "finished"]
        for (dataset, layout), found in finished.groupby(["dataset", "layout"]):
            ordered = found.sort_values(["q", "validation_loss"], kind="stable")
            kept = ordered.iloc[:: math.ceil(len(ordered) / N_MARKS)]
            columns = {"q": [float(f"{q:.5g}") for q in kept["q"]], "loss": kept["validation_loss"].tolist()}
            sizes = {name: kept[name].astype(int).tolist() for name in ("n_layers", "n_filters")}
            nets.append({"dataset": dataset, "layout": layout, "n": len(found)} | columns | sizes)
    drawn = [row for row in depths if row["n_nets"]]
    told = [row for row in shares if row["share"] is not None]
    return {"nets": nets, "medians": medians, "depths": drawn, "shares": told}
