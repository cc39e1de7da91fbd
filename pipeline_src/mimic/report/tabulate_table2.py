"""Table 2 of Urban et al.: test accuracy of the student families at every parameter budget.

A cell is the test accuracy of the trial that validation chose; it is empty where no trial finished.
"""

import argparse
import sys

import pandas as pd

from mimic.cli import InputError, run_stage, stage_parser
from mimic.config.families import FAMILIES, parse_budget
from mimic.report import paper
from mimic.report.cells import accuracy_text, without_paper
from mimic.report.rows import table2_rows
from mimic.report.trials import read_studies
from mimic.tables import write_csv


def tabulate_table2(studies, families, budgets):
    """The table in the paper's shape and in long form.

    Parameters
    ----------
    studies : dict of (str, str) to DataFrame
        Family and budget -> trials.
    families, budgets : sequence of str
        Rows, put into the paper's order, and columns, in the order given.

    Returns
    -------
    table : DataFrame, shape (n_families, 1 + n_budgets)
        Row name, then percent with two decimals as text, "" where no trial finished.
    long : DataFrame, shape (n_families * n_budgets, 15)
        ``mimic.report.rows.TABLE2_COLUMNS``; accuracies in percent, ``difference`` in points.

    Raises
    ------
    InputError
        If a study has no cell in the table.
    """
    long = table2_rows(studies, families, budgets)
    rows = [family for family in FAMILIES if family in families]
    cells = {(row.family, row.budget): accuracy_text(row.test_accuracy_pct) for row in long.itertuples()}
    table = [
        [paper.table2_names()[family], *(cells[family, budget] for budget in budgets)] for family in rows
    ]
    return pd.DataFrame(table, columns=["model", *budgets]), long


def main(argv=None):
    """Read the studies' trials, write the table and its long form."""
    parser = stage_parser(__doc__, "mimic.report.tabulate_table2")
    parser.add_argument("--studies", nargs="+", required=True, metavar="CSV", help="trials.csv of each study")
    parser.add_argument("--families", nargs="+", required=True, choices=FAMILIES, help="rows")
    parser.add_argument(
        "--budgets", nargs="+", required=True, metavar="BUDGET", help="columns, in this order"
    )
    parser.add_argument("--out", required=True, metavar="CSV", help="table in the paper's shape")
    parser.add_argument("--long", required=True, metavar="CSV", help="one row a cell, with what is behind it")
    parser.add_argument(
        "--compare",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="put the paper's values, which are for CIFAR-10, into the long form",
    )
    arguments = parser.parse_args(argv)

    for budget in arguments.budgets:
        try:
            parse_budget(budget)
        except ValueError as error:
            raise InputError(f"--budgets: {error}, got {budget!r}") from None
    studies = read_studies(arguments.studies, "logit_l2", "students that mimic")
    table, long = tabulate_table2(studies, arguments.families, arguments.budgets)
    write_csv(arguments.out, table)
    write_csv(arguments.long, long if arguments.compare else without_paper(long))


if __name__ == "__main__":
    sys.exit(run_stage(main))
