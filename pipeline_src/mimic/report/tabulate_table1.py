"""Table 1 of Urban et al.: nets trained on hard labels, the three best teachers, and the ensemble.

Validation chooses each row's trial; its test accuracy is reported.
"""

import argparse
import sys

import pandas as pd

from mimic.cli import run_stage, stage_parser
from mimic.config.families import CNN_FAMILIES, parse_budget
from mimic.report import paper
from mimic.report.cells import accuracy_text, difference, measured, without_paper
from mimic.report.members import read_ensemble
from mimic.report.trials import (
    best_trial,
    percent,
    ranked_trials,
    read_studies,
    read_teachers,
)
from mimic.tables import write_csv

COLUMNS = ("model", "architecture", "n_parameters", "accuracy_pct")
LONG_COLUMNS = (
    *("model", "kind", "family", "budget", "n_parameters", "architecture", "trial", "n_trials", "n_diverged"),
    *("n_members", "seed", "epochs", "seconds", "validation_accuracy_pct", "test_accuracy_pct"),
    *("paper_n_parameters", "paper_accuracy_pct", "difference"),
)


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
        ``LONG_COLUMNS``, the same rows; ``difference`` = measured - paper, in points.

    Reading: teachers are compared rank by rank; the ensemble only where it has the paper's size.
    """
    rows = [*hard_label_rows(studies), *teacher_rows(teachers), ensemble_row(ensemble)]
    long = pd.DataFrame(
        [dict.fromkeys(LONG_COLUMNS) | row for row in rows], columns=LONG_COLUMNS, dtype=object
    )
    table = long.assign(accuracy_pct=[accuracy_text(value) for value in long["test_accuracy_pct"]])
    return table[list(COLUMNS)], long


def hard_label_rows(studies):
    """One row a hard-label study: budgets ascending, at each the families in the paper's order."""
    order = sorted(studies, key=lambda cell: (parse_budget(cell[1]), CNN_FAMILIES.index(cell[0])))
    one_budget = len({budget for _, budget in studies}) == 1
    for family, budget in order:
        name = paper.hard_label_name(family)
        published = paper.hard_label(family, parse_budget(budget))
        row = {"model": name if one_budget else f"{name}, {budget}", "kind": "hard_label"}
        row |= {"family": family, "budget": budget} | published_columns(published)
        trials = studies[family, budget]
        yield row | measured(trials, best_trial(trials), row["paper_accuracy_pct"])


def teacher_rows(teachers):
    """Up to three rows: the best teachers by validation."""
    for rank, (_, chosen) in enumerate(ranked_trials(teachers).head(len(paper.TEACHER_ROWS)).iterrows()):
        row = {"model": paper.TEACHER_ROWS[rank], "kind": "teacher", "family": "teacher"}
        row |= published_columns(paper.teacher(rank))
        yield row | measured(teachers, chosen, row["paper_accuracy_pct"])


def ensemble_row(ensemble):
    """The row of the ensemble."""
    n_members = len(ensemble.members)
    row = {"model": f"Ensemble of {n_members} CNN{'s' if n_members > 1 else ''}", "kind": "ensemble"}
    row |= {"n_parameters": ensemble.n_parameters, "architecture": paper.ENSEMBLE_ARCHITECTURE}
    row |= {"n_members": n_members} | published_columns(paper.ensemble(n_members))
    row["validation_accuracy_pct"] = percent(ensemble.validation_accuracy)
    row["test_accuracy_pct"] = percent(ensemble.test_accuracy)
    return row | {"difference": difference(row["test_accuracy_pct"], row["paper_accuracy_pct"])}


def published_columns(published):
    """The paper's columns of a row; None where it has no such net."""
    if published is None:
        return {"paper_n_parameters": None, "paper_accuracy_pct": None}
    return {"paper_n_parameters": published.n_parameters, "paper_accuracy_pct": published.accuracy_pct}


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
