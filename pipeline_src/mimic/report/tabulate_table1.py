"""Table 1 of Urban et al.: nets trained on hard labels, the three best teachers, and the ensemble.

Validation chooses each row's trial; its test accuracy is reported.
"""

import argparse
import sys

from mimic.cli import run_stage, stage_parser
from mimic.report.cells import accuracy_text, without_paper
from mimic.report.members import read_ensemble
from mimic.report.rows import table1_rows
from mimic.report.trials import read_studies, read_teachers
from mimic.tables import write_csv

COLUMNS = ("model", "architecture", "n_parameters", "accuracy_pct")


def tabulate_table1(studies, teachers, ensemble):
    """The table in the paper's shape and in long form.

    Parameters
    ----------
    studies : dict of (str, str) to DataFrame
        Hard-label nets: family and budget -> trials.
    teachers : DataFrame
        All teacher trials.
    ensemble : mimic.report.members.Ensemble

    Returns
    -------
    table : DataFrame, 4 columns
        ``COLUMNS``; a study without a finished trial keeps its row, with empty cells.
    long : DataFrame, 18 columns
        ``mimic.report.rows.TABLE1_COLUMNS``, the same rows; ``difference`` = measured - paper, in points.

    Reading: teachers are compared rank by rank; the ensemble only where it has the paper's size.
    """
    long = table1_rows(studies, teachers, ensemble)
    table = long.assign(accuracy_pct=[accuracy_text(value) for value in long["test_accuracy_pct"]])
    return table[list(COLUMNS)], long


def main(argv=None):
    """Read trials and ensemble, write the table and its long form."""
    parser = stage_parser(__doc__, "mimic.report.tabulate_table1")
    parser.add_argument(
        "--hard-studies", nargs="*", default=[], metavar="CSV", help="trials.csv of each hard-label study"
    )
    parser.add_argument("--teachers", required=True, metavar="CSV", help="trials.csv of the teachers")
    parser.add_argument("--ensemble", required=True, metavar="JSON", help="members.json")
    parser.add_argument("--out", required=True, metavar="CSV", help="table in the paper's shape")
    parser.add_argument("--long", required=True, metavar="CSV", help="the same rows with what is behind them")
    parser.add_argument(
        "--compare",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="put the paper's values, which are for CIFAR-10, into the long form",
    )
    arguments = parser.parse_args(argv)

    studies = read_studies(arguments.hard_studies, "cross_entropy", "nets trained on hard labels")
    teachers = read_teachers(arguments.teachers)
    table, long = tabulate_table1(studies, teachers, read_ensemble(arguments.ensemble, teachers))
    write_csv(arguments.out, table)
    write_csv(arguments.long, long if arguments.compare else without_paper(long))


if __name__ == "__main__":
    sys.exit(run_stage(main))
