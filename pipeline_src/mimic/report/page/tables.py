"""Tables 1 and 2 for the page: the numbers of the CSV files, the paper's beside them."""

from mimic.config.families import FAMILIES
from mimic.report import paper
from mimic.report.cells import accuracy_text, without_paper
from mimic.report.page.words import signed
from mimic.report.rows import table1_rows, table2_rows


def table1_view(results):
    """Rows of Table 1, with all studies of the config, also those without a run.

    Returns
    -------
    list of dict
        The columns of `mimic.report.rows.TABLE1_COLUMNS`, and ``cell`` as in Table 2.
    """
    hard = {(study.family, study.budget): study.trials for study in results.students if study.is_hard}
    rows = table1_rows(hard, results.teachers.trials, results.ensemble)
    return [row | {"cell": _cell(row)} for row in _records(rows, results)]


def table2_view(results):
    """Table 2 in the paper's shape.

    Returns
    -------
    dict
        budgets: column names; rows: dicts with name and cells, one a budget: see `_cell`.
    """
    students = results.config.students
    long = table2_rows(results.studies(), students.families, students.budgets)
    cells = {(row["family"], row["budget"]): row for row in _records(long, results)}
    rows = []
    for family in [family for family in FAMILIES if family in students.families]:
        own = [_cell(cells[family, budget]) for budget in students.budgets]
        rows.append({"name": paper.table2_names()[family], "cells": own})
    return {"budgets": students.budgets, "rows": rows}


def _records(long, results):
    if not results.config.report.compare_with_paper:
        long = without_paper(long)
    return long.astype(object).where(long.notna(), None).to_dict("records")


def _cell(row):
    """Ours, the paper's and the difference, as text and as numbers.

    Returns
    -------
    dict
        ours, paper, difference: text, empty where there is none; value, paper_value, points: numbers or None;
        why: what an empty cell says; detail: trial and architecture.
    """
    value, published, points = (row[key] for key in ("test_accuracy_pct", "paper_accuracy_pct", "difference"))
    why = ""
    if value is None:
        why = "no run yet" if not row["n_trials"] else "no trial finished"
    detail = "" if row["trial"] is None else f"trial {row['trial']}: {row['architecture']}"
    return {
        "ours": accuracy_text(value),
        "paper": accuracy_text(published),
        "difference": "" if points is None else signed(points),
        "value": value,
        "paper_value": published,
        "points": points,
        "why": why,
        "detail": detail,
    }
