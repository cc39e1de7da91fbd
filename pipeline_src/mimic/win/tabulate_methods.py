"""Table 2 of "Go Wide, Then Narrow": Vanilla, KD and WIN at equal epochs (Zhou et al., 4.1)."""

import argparse
import sys

from mimic.cli import run_stage, stage_parser
from mimic.tables import write_csv
from mimic.win.paper import published_methods
from mimic.win.rows import METHODS, as_printed, read_nets, tabulated

COLUMNS = (
    "model",
    "method",
    "n_parameters",
    "n_seeds",
    "top1_pct",
    "top1_sd",
    "paper_top1_pct",
    "difference",
)


def tabulate_methods(nets, compare=True):
    """The table: a row a model and method, in the order in which they come.

    Parameters
    ----------
    nets : sequence of mimic.win.rows.NetMetrics
        Trained by the methods of the table.
    compare : bool
        Put the paper's accuracies beside, which are on ImageNet.

    Returns
    -------
    DataFrame
        `COLUMNS`; accuracies in percent, of the test images: mean and standard deviation over seeds, and
        measured - paper.
    """
    keys = {"model": lambda net: net.model, "method": lambda net: METHODS[net.stage]}
    order = {"method": list(METHODS.values())}
    return tabulated(nets, keys, order, published_methods() if compare else {}, COLUMNS)


def main(argv=None):
    parser = stage_parser(__doc__, "mimic.win.tabulate_methods")
    parser.add_argument("--metrics", nargs="+", required=True, help="metrics.json of all nets")
    parser.add_argument(
        "--compare", action=argparse.BooleanOptionalAction, default=True, help="with the paper's"
    )
    parser.add_argument("--out", required=True, metavar="CSV", help="table to write")
    args = parser.parse_args(argv)
    table = tabulate_methods(read_nets(args.metrics), args.compare)
    write_csv(args.out, as_printed(table, COLUMNS[4:]))


if __name__ == "__main__":
    sys.exit(run_stage(main))
