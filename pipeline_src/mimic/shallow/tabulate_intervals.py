"""Table 2 of "Make Deep Networks Shallow Again": mean losses by layout and interval of Q (arXiv 2309.08414).

Q = examples x outputs / parameters: below one a net could store its examples.
"""

import argparse
import math
import sys

import pandas as pd

from mimic.cli import run_stage, stage_parser
from mimic.config.shallow import LAYOUTS
from mimic.shallow.curves import checked_edges
from mimic.shallow.grid import interval_of, intervals
from mimic.shallow.paper import published_losses
from mimic.shallow.rows import read_losses
from mimic.tables import write_csv

LOSSES = ("train_loss", "validation_loss")
PAPER = tuple(name for loss in LOSSES for name in (f"paper_{loss}", f"{loss}_difference"))
KEYS = ("dataset", "layout", "q_low", "q_high", "n_nets", "n_diverged")
COLUMNS = (
    *KEYS,
    *(name for loss in LOSSES for name in (loss, f"{loss}_sd", f"paper_{loss}", f"{loss}_difference")),
)
_DECIMALS = 5  # as printed in the paper


def tabulate_intervals(losses, edges):
    """The table; an interval without nets keeps its row, with empty cells.

    Parameters
    ----------
    losses : DataFrame
        See `mimic.shallow.rows.LossRow`.
    edges : sequence of float
        Rising edges of the intervals of Q, each [low, high), the last one open.

    Returns
    -------
    DataFrame
        `COLUMNS`; ``n_nets`` counts the finished nets, of whose losses mean and standard deviation (n - 1)
        are taken, ``n_diverged`` those that are left out; the paper's losses stand where it has the dataset
        and the interval, and differences are measured - paper.

    Reading: means are over the losses of the last epoch; the paper does not say which epoch it took.
    """
    placed = losses.assign(interval=[interval_of(q, edges) for q in losses["q"]])
    rows = []
    for dataset in sorted(set(losses["dataset"])):
        for layout in LAYOUTS:
            of_layout = placed[(placed["dataset"] == dataset) & (placed["layout"] == layout)]
            if of_layout.empty:
                continue
            for index, (low, high) in enumerate(intervals(edges)):
                row = {"dataset": dataset, "layout": layout, "q_low": low, "q_high": high}
                row |= measured(of_layout[of_layout["interval"] == index])
                rows.append(row | compared(row))
    return pd.DataFrame([dict.fromkeys(COLUMNS) | row for row in rows], columns=COLUMNS)


def measured(nets):
    """Columns that the nets of an interval fill."""
    finished = nets[nets["status"] == "finished"]
    row = {"n_nets": len(finished), "n_diverged": len(nets) - len(finished)}
    for name in LOSSES:
        row |= {name: finished[name].mean(), f"{name}_sd": finished[name].std()}
    return row


def compared(row):
    """The paper's columns of a row; none where it has no such interval."""
    key = (row["dataset"].lower(), row["layout"], float(row["q_low"]), float(row["q_high"]))
    published = published_losses().get(key)
    if published is None:
        return {}
    found = {}
    for loss, value in zip(LOSSES, published, strict=True):
        found |= {f"paper_{loss}": value, f"{loss}_difference": row[loss] - value}
    return found


def as_printed(table):
    """The table as text: losses with the paper's five decimals, edges without needless ones."""
    texts = table.copy()
    for name in ("q_low", "q_high"):
        texts[name] = [f"{edge:g}" for edge in table[name]]
    for name in COLUMNS[len(KEYS) :]:
        texts[name] = [
            "" if value is None or math.isnan(value) else f"{value:.{_DECIMALS}f}" for value in table[name]
        ]
    return texts


def main(argv=None):
    parser = stage_parser(__doc__, "mimic.shallow.tabulate_intervals")
    parser.add_argument("--losses", required=True, metavar="CSV", help="losses.csv of the grid")
    parser.add_argument("--q-edges", type=float, nargs="+", required=True, help="edges of intervals of Q")
    parser.add_argument("--out", required=True, metavar="CSV", help="table to write")
    parser.add_argument(
        "--compare",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="put the paper's values, which are for MNIST and CIFAR-10, beside those measured",
    )
    args = parser.parse_args(argv)
    edges = checked_edges(args.q_edges)
    losses = read_losses(args.losses)
    below = int((losses["q"] < edges[0]).sum())
    if below:
        print(f"{below} nets have a Q below {edges[0]:g}, and are in no interval", file=sys.stderr)
    table = tabulate_intervals(losses, edges)
    write_csv(args.out, as_printed(table if args.compare else table.assign(**dict.fromkeys(PAPER))))


if __name__ == "__main__":
    sys.exit(run_stage(main))
