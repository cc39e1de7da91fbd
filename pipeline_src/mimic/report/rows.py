"""The rows of Tables 1 and 2 in long form: one net each, measured and as the paper prints it.

A study without trials (None) keeps its row, with empty cells.
"""

import pandas as pd

from mimic.cli import InputError
from mimic.config.families import CNN_FAMILIES, FAMILIES, parse_budget
from mimic.report import paper
from mimic.report.cells import difference, measured
from mimic.report.trials import best_trial, percent, ranked_trials

TABLE1_COLUMNS = (
    *("model", "kind", "family", "budget", "n_parameters", "architecture", "trial", "n_trials", "n_diverged"),
    *("n_members", "seed", "epochs", "seconds", "validation_accuracy_pct", "test_accuracy_pct"),
    *("paper_n_parameters", "paper_accuracy_pct", "difference"),
)
TABLE2_COLUMNS = (
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


def table1_rows(studies, teachers, ensemble):
    """Table 1, a row a net.

    Parameters
    ----------
    studies : dict of (str, str) to DataFrame or None
        Hard-label nets: family and budget -> trials; None where none has finished yet.
    teachers : DataFrame or None
    ensemble : mimic.report.members.Ensemble or None

    Returns
    -------
    DataFrame, 18 columns
        ``TABLE1_COLUMNS``; accuracies in percent, ``difference`` = measured - paper, in points.
    """
    rows = [*hard_label_rows(studies), *teacher_rows(teachers), ensemble_row(ensemble)]
    rows = [dict.fromkeys(TABLE1_COLUMNS) | row for row in rows]
    return pd.DataFrame(rows, columns=TABLE1_COLUMNS, dtype=object)


def table2_rows(studies, families, budgets):
    """Table 2, a row a cell.

    Parameters
    ----------
    studies : dict of (str, str) to DataFrame
        Family and budget -> trials; a study without any may be left out.
    families, budgets : sequence of str
        Families in any order, budgets in the order of the columns.

    Returns
    -------
    DataFrame, shape (n_families * n_budgets, 15)
        ``TABLE2_COLUMNS``; accuracies in percent, ``difference`` = measured - paper, in points.

    Raises
    ------
    InputError
        If a study has no cell in the table.
    """
    for family, budget in studies:
        if family not in families or budget not in budgets:
            raise InputError(f"study of {family} at {budget}: not among --families and --budgets")
    rows = [family for family in FAMILIES if family in families]
    cells = [long_row(family, budget, studies.get((family, budget))) for family in rows for budget in budgets]
    return pd.DataFrame(cells, columns=TABLE2_COLUMNS, dtype=object)


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
        if trials is not None:
            row |= measured(trials, best_trial(trials), row["paper_accuracy_pct"])
        yield row


def teacher_rows(teachers):
    """Up to three rows: the best teachers by validation; three empty ones before any has finished."""
    if teachers is None:
        for rank, name in enumerate(paper.TEACHER_ROWS):
            row = {"model": name, "kind": "teacher", "family": "teacher"}
            yield row | published_columns(paper.teacher(rank))
        return
    for rank, (_, chosen) in enumerate(ranked_trials(teachers).head(len(paper.TEACHER_ROWS)).iterrows()):
        row = {"model": paper.TEACHER_ROWS[rank], "kind": "teacher", "family": "teacher"}
        row |= published_columns(paper.teacher(rank))
        yield row | measured(teachers, chosen, row["paper_accuracy_pct"])


def ensemble_row(ensemble):
    """The row of the ensemble; empty before it is selected."""
    if ensemble is None:
        return {"model": "Ensemble", "kind": "ensemble", "architecture": paper.ENSEMBLE_ARCHITECTURE}
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


def long_row(family, budget, trials):
    """One cell with all that stands behind it; `trials` is None where the study is not there."""
    published = paper.table2_accuracies().get((family, parse_budget(budget)))
    row = dict.fromkeys(TABLE2_COLUMNS)
    row |= {"model": paper.table2_names()[family], "family": family, "budget": budget, "n_trials": 0}
    row |= {"n_diverged": 0, "paper_accuracy_pct": published}
    return row if trials is None else row | measured(trials, best_trial(trials), published)
