"""Table 3 of "Go Wide, Then Narrow": teachers of different widths, and their students (Zhou et al., 4.1)."""

import argparse
import sys

import pandas as pd

from mimic.cli import run_stage, stage_parser
from mimic.tables import write_csv
from mimic.win.paper import published_widths
from mimic.win.rows import as_printed, read_nets, summary

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
    frame = pd.DataFrame(
        [
            {
                "model": net.model,
                "teacher_width": net.widen,
                "role": ROLES[net.stage],
                "n_parameters": net.n_parameters,
                "accuracy": net.test_accuracy,
            }
            for net in nets
        ]
    )
    rows = []
    for model in frame["model"].unique():
        of_model = frame[frame["model"] == model]
        for width in sorted(of_model["teacher_width"].unique()):
            for role in ROLES.values():
                found = of_model[(of_model["teacher_width"] == width) & (of_model["role"] == role)]
                if found.empty:
                    continue
                row = {"model": model, "teacher_width": width, "role": role}
                row |= {"n_parameters": found["n_parameters"].iloc[0], **summary(found["accuracy"])}
                published = published_widths().get((model, width, role)) if compare else None
                if published is not None:
                    row |= {"paper_top1_pct": published, "difference": row["top1_pct"] - published}
                rows.append(row)
    return pd.DataFrame([dict.fromkeys(COLUMNS) | row for row in rows], columns=COLUMNS)


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
