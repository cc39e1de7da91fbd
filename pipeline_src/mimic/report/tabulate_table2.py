"""Table 2 of Urban et al.: test accuracy of the student families at every parameter budget.

A cell is the test accuracy of the trial that validation chose; it is empty where no trial finished.
"""

import argparse
import sys

import pandas as pd

from mimic.cli import InputError, run_stage, stage_parser
from mimic.config.families import FAMILIES, parse_budget
from mimic.report import paper
from mimic.report.cells import accuracy_text, measured, without_paper
from mimic.report.trials import best_trial, read_studies
from mimic.tables import write_csv

LONG_COLUMNS = (
    *("model", "family", "budget", "n_parameters", "architecture", "trial", "n_trials", "n_diverged", "seed"),
    *(
        "epochs",
        "seconds",
        "validation_accuracy_pct",
        "test_accuracy_pct",
        "paper_accuracy_pct",
        "difference",
    ),
)


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
        ``LONG_COLUMNS``; accuracies in percent, ``difference`` = measured - paper, in points.

    Raises
    ------
    InputError
        If a study has no cell in the table.
    """
    for family, budget in studies:
        if family not in families or budget not in budgets:
            raise InputError(f"study of {family} at {budget}: not among --families and --budgets")
    rows = [family for family in FAMILIES if family in families]
    long = [long_row(family, budget, studies.get((family, budget))) for family in rows for budget in budgets]
    long = pd.DataFrame(long, columns=LONG_COLUMNS, dtype=object)
    cells = {(row.family, row.budget): accuracy_text(row.test_accuracy_pct) for row in long.itertuples()}
    table = [
        [paper.table2_names()[family], *(cells[family, budget] for budget in budgets)] for family in rows
    ]
    return pd.DataFrame(table, columns=["model", *budgets]), long


def long_row(family, budget, trials):
    """One cell with all that stands behind it; `trials` is None where the study is not there."""
    published = paper.table2_accuracies().get((family, parse_budget(budget)))
    row = dict.fromkeys(LONG_COLUMNS)
    row |= {"model": paper.table2_names()[family], "family": family, "budget": budget, "n_trials": 0}
    row |= {"n_diverged": 0, "paper_accuracy_pct": published}
    return row if trials is None else row | measured(trials, best_trial(trials), published)


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
