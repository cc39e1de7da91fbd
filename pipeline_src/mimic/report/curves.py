"""The numbers behind Figures 1 and 2, each a frame that is also written as CSV.

Notation of the frames: one row a mark in the figure, kinds told apart by ``series``

=================  ==========================================================================
series             the row is
=================  ==========================================================================
student            a family that mimics, at one budget
hard_label         a family trained on hard labels, at one budget
teacher            the best single teacher
ensemble           the ensemble
convolutional_gap  Figure 1's first annotation
compression_gap    Figure 1's second annotation
=================  ==========================================================================

``n_parameters`` is the place on the x axis: the budget of students and hard-label nets, the true count of
teacher and ensemble. Columns ``_pct`` are test accuracies in percent, ``gap_points`` percentage points, all
with four decimals; what a row does not have is NaN or None. Trials are ranked on validation alone, so
``best_pct`` may be below ``fifth_pct``.
"""

import pandas as pd

from mimic.config.families import CNN_FAMILIES, FAMILIES, MLP_FAMILIES, SHAPES, parse_budget
from mimic.report import paper
from mimic.report.trials import ranked_trials

#: Urban, Figure 1: "the average performance of the 5 best".
N_BEST = 5
COLUMNS = (
    *("series", "family", "model", "budget", "n_parameters", "n_trials", "n_best"),
    *("mean_pct", "best_pct", "fifth_pct", "gap_points", "gap_from", "gap_to"),
)


def figure1_numbers(studies, hard_studies, teachers, ensemble):
    """All marks of Figure 1.

    Parameters
    ----------
    studies, hard_studies : dict of (str, str) to DataFrame
        Family and budget -> trials.
    teachers : DataFrame or None
    ensemble : mimic.report.members.Ensemble or None

    Returns
    -------
    DataFrame
        See the module's notation. Where a study has fewer than five finished trials, the mean is over those
        there are, ``fifth_pct`` is the last of them, and ``n_best`` says how many.

    Reading: mean, best and fifth are test accuracies of the five trials that are best on validation; both
    gaps are between best trials, as in Tables 1 and 2. Convolutional gap: the shallowest CNN over the best
    MLP at the largest budget that both have. Compression gap: the shallowest CNN that mimics over the same
    family on hard labels, at the largest budget that both have.
    """
    rows = [*study_rows("student", studies), *study_rows("hard_label", hard_studies)]
    rows += reference_rows(teachers, ensemble)
    rows += [row for row in (convolutional_gap(rows), compression_gap(rows)) if row]
    return frame_of(rows, COLUMNS)


def figure2_numbers(studies):
    """All marks of Figure 2: the best trial of each study, at every budget.

    Parameters
    ----------
    studies : dict of (str, str) to DataFrame
        Family and budget -> trials.

    Returns
    -------
    DataFrame
        Columns series, family, model, budget, n_parameters, n_trials, best_pct.
    """
    columns = [*COLUMNS[:6], "best_pct"]
    return frame_of([{key: row[key] for key in columns} for row in study_rows("student", studies)], columns)


def frame_of(rows, columns):
    """Frame of row dictionaries; numeric columns as float64, counts as they are."""
    frame = pd.DataFrame([dict.fromkeys(columns) | row for row in rows], columns=columns, dtype=object)
    for column in columns:
        if column.endswith(("_pct", "_points")):
            frame[column] = frame[column].astype("float64").round(4)
    return frame


def study_rows(series, studies):
    """One row a study: families in the paper's order, budgets ascending."""
    names = paper.table2_names() if series == "student" else paper.hard_label_names()
    rows = []
    for family, budget in sorted(studies, key=lambda cell: (FAMILIES.index(cell[0]), parse_budget(cell[1]))):
        best = 100 * ranked_trials(studies[family, budget])["test_accuracy"].head(N_BEST)
        row = {"series": series, "family": family, "model": names[family], "budget": budget}
        row |= {"n_parameters": parse_budget(budget), "n_trials": len(studies[family, budget])}
        row |= {"n_best": len(best), "mean_pct": None, "best_pct": None, "fifth_pct": None}
        if len(best):
            row |= {"mean_pct": best.mean(), "best_pct": best.iloc[0], "fifth_pct": best.iloc[-1]}
        rows.append(row)
    return rows


def reference_rows(teachers, ensemble):
    """The horizontal lines: best single teacher, where one finished, and ensemble; None is neither yet."""
    rows = []
    ranked = [] if teachers is None else ranked_trials(teachers)
    if len(ranked):
        best = ranked.iloc[0]
        row = {"series": "teacher", "family": "teacher", "model": "Best single teacher"}
        row |= {"n_parameters": best["n_parameters"], "n_trials": len(teachers), "n_best": 1}
        rows.append(row | {"best_pct": 100 * best["test_accuracy"]})
    if ensemble is None:
        return rows
    name = f"Ensemble of {len(ensemble.members)} teacher{'s' if len(ensemble.members) > 1 else ''}"
    row = {"series": "ensemble", "model": name, "n_parameters": ensemble.n_parameters}
    return [*rows, row | {"best_pct": 100 * ensemble.test_accuracy}]


def _best_by_cell(rows, series):
    """(n_parameters, family) -> row, of studies with a finished trial."""
    return {
        (row["n_parameters"], row["family"]): row for row in rows if row["series"] == series and row["n_best"]
    }


def _gap(series, upper, lower):
    row = {key: upper[key] for key in ("family", "model", "budget", "n_parameters")}
    row |= {"series": series, "gap_from": lower["model"], "gap_to": upper["model"]}
    return row | {"gap_points": upper["best_pct"] - lower["best_pct"]}


def _n_convolutions(family):
    """By which one CNN is shallower than another, wherever it stands among the families."""
    return sum(name.startswith("conv") for name in SHAPES[family].names())


def convolutional_gap(rows):
    """Shallowest CNN over the best MLP at the largest budget with both, or None."""
    students = _best_by_cell(rows, "student")
    for budget in sorted({budget for budget, _ in students}, reverse=True):
        cnns = [students[budget, family] for family in CNN_FAMILIES if (budget, family) in students]
        mlps = [students[budget, family] for family in MLP_FAMILIES if (budget, family) in students]
        if cnns and mlps:
            shallowest = min(cnns, key=lambda row: _n_convolutions(row["family"]))
            return _gap("convolutional_gap", shallowest, max(mlps, key=lambda row: row["best_pct"]))
    return None


def compression_gap(rows):
    """Shallowest CNN that mimics over itself on hard labels, at the largest budget with both, or None."""
    students, hard = _best_by_cell(rows, "student"), _best_by_cell(rows, "hard_label")
    both = sorted(students.keys() & hard.keys(), key=lambda cell: (-cell[0], _n_convolutions(cell[1])))
    return _gap("compression_gap", students[both[0]], hard[both[0]]) if both else None
