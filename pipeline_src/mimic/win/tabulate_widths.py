"""Table 3 of "Go Wide, Then Narrow": teachers of different widths, and their students (Zhou et al., 4.1)."""

import argparse
import sys

from mimic.cli import run_stage, stage_parser
from mimic.tables import write_csv
from mimic.win.paper import published_widths
from mimic.win.rows import as_printed, read_nets, tabulated

ROLES = {"train_wide": "teacher", "merge": "student"}
COLUMNS = (
    "model",
    "teacher_width",
    "role",
    "n_parameters",
    "n_seeds",
    "top1_pct",
    "top1_sd",
    "paper_top1_pct",
    "difference",
)


def tabulate_widths(nets, compare=True):
    """The table: a row a model, width and role.

    Parameters
    ----------
    nets : sequence of mimic.win.rows.NetMetrics
        Teachers, and merged students.
    compare : bool
        Put the paper's accuracies beside, which are on ImageNet.

    Returns
    -------
    DataFrame
        `COLUMNS`; accuracies in percent, of the test images. A teacher is one net, without a spread.
    """
    keys = {
        "model": lambda net: net.model,
        "teacher_width": lambda net: net.widen,
        "role": lambda net: ROLES[net.stage],
    }
    order = {"role": list(ROLES.values())}
    return tabulated(nets, keys, order, published_widths() if compare else {}, COLUMNS)


def main(argv=None):
    parser = stage_parser(__doc__, "mimic.win.tabulate_widths")
    parser.add_argument(
        "--metrics", nargs="+", required=True, help="metrics.json of teachers and merged students"
    )
    parser.add_argument(
        "--compare", action=argparse.BooleanOptionalAction, default=True, help="with the paper's"
    )
    parser.add_argument("--out", required=True, metavar="CSV", help="table to write")
    args = parser.parse_args(argv)
    table = tabulate_widths(read_nets(args.metrics), args.compare)
    write_csv(args.out, as_printed(table, COLUMNS[5:]))


if __name__ == "__main__":
    sys.exit(run_stage(main))
