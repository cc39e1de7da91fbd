"""Figures 1 and 2 for the page: our marks, the paper's beside them, and what they show in words."""

import functools

from mimic.config.families import CNN_FAMILIES, FAMILIES, MLP_FAMILIES
from mimic.report import paper
from mimic.report.curves import N_BEST, figure1_numbers, figure2_numbers
from mimic.report.page.words import depth_of, signed


def figure_data(results):
    """Both figures as JSON-ready values.

    Returns
    -------
    dict
        figure1, figure2: lists of rows, see `mimic.report.curves`; paper: rows with series, family,
        n_parameters and pct; names, depths, styles and kinds by family; planned: kinds that the config has
        families of; n_best.
    """
    kinds = {family: "cnn" if family in CNN_FAMILIES else "mlp" for family in FAMILIES}
    figure1 = figure1_numbers(
        results.studies(), results.studies(is_hard=True), results.teachers.trials, results.ensemble
    )
    return {
        "figure1": rows_of(figure1),
        "figure2": rows_of(figure2_numbers(results.studies())),
        "paper": paper_rows(),
        "names": paper.table2_names(),
        "depths": {family: depth_of(family) for family in FAMILIES},
        "styles": styles(),
        "kinds": kinds,
        "planned": sorted({kinds[family] for family in results.config.students.families}),
        "n_best": N_BEST,
    }


def styles():
    """Number of each family's symbol and colour, unique within its kind.

    It is the depth where that is free, the paper's families first, else the next free number.
    """
    of_paper = {family for family, _ in paper.table2_accuracies()}
    found = {}
    for kind in (CNN_FAMILIES, MLP_FAMILIES):
        own = {}
        for family in sorted(kind, key=lambda family: family not in of_paper):
            number = depth_of(family)
            while number in own.values():
                number += 1
            own[family] = number
        found |= own
    return found


def rows_of(numbers):
    """Rows of a frame as dicts, None where it has nothing."""
    return numbers.astype(object).where(numbers.notna(), None).to_dict("records")


@functools.cache
def paper_rows():
    """The paper's curves (Table 2), hard-label nets, best teacher and ensemble (Table 1)."""
    rows = [
        {"series": "student", "family": family, "n_parameters": int(n), "pct": float(pct)}
        for (family, n), pct in paper.table2_accuracies().items()
    ]
    for family in CNN_FAMILIES:
        published = paper.hard_label(family, 10_000_000)
        if published is not None:
            row = {"series": "hard_label", "family": family, "n_parameters": published.n_parameters}
            rows.append(row | {"pct": published.accuracy_pct})
    for series, published in (("teacher", paper.teacher(0)), ("ensemble", paper.ensemble(paper.N_MEMBERS))):
        row = {"series": series, "family": None, "n_parameters": published.n_parameters}
        rows.append(row | {"pct": published.accuracy_pct})
    return rows


def has_students(rows):
    """Whether a figure has anything to draw against the number of parameters."""
    return any(row["series"] in ("student", "hard_label") and row["n_best"] != 0 for row in rows)


def _students(rows, column, kind):
    return [
        row
        for row in rows
        if row["series"] == "student" and row["family"] in kind and row[column] is not None
    ]


def _extremes(rows, column, kind, what):
    """``CNN students: 55.8 % (2 conv. layers, 30k) to 74.0 % (4 conv. layers, 100k)``."""
    own = sorted(_students(rows, column, kind), key=lambda row: row[column])
    if not own:
        return None
    ends = [f"{row[column]:.1f} % ({row['model']}, {row['budget']})" for row in (own[0], own[-1])]
    return f"{what}: " + (ends[0] if len(own) == 1 else " to ".join(ends))


def figure1_summary(rows):
    """What Figure 1 shows, in words."""
    parts = [
        _extremes(rows, "mean_pct", CNN_FAMILIES, "CNN students"),
        _extremes(rows, "mean_pct", MLP_FAMILIES, "MLP students"),
    ]
    for row in rows:
        if row["series"] in ("teacher", "ensemble"):
            parts.append(f"{row['model'][0].lower()}{row['model'][1:]}: {row['best_pct']:.1f} %")
    parts = [part for part in parts if part]
    told = "Mean test accuracy of the best trials of each study. "
    if not has_students(rows):
        told = "No student has finished yet. "
    text = "; ".join(parts)
    return (told + (text[0].upper() + text[1:] + "." if parts else "")).strip()


def figure2_summary(rows):
    """What Figure 2 shows, in words."""
    parts = [
        _extremes(rows, "best_pct", CNN_FAMILIES, "CNN students"),
        _extremes(rows, "best_pct", MLP_FAMILIES, "MLP students"),
    ]
    parts = [part for part in parts if part]
    if not parts:
        return "No student has finished yet."
    return "Test accuracy of the best trial of each study. " + "; ".join(parts) + "."


def gaps(rows):
    """The two gaps of Figure 1, each as a sentence."""
    sentences = []
    for row in rows:
        if row["gap_points"] is not None:
            points = signed(row["gap_points"])
            name = row["series"].replace("_", " ").capitalize()
            if row["series"] == "compression_gap":
                told = f"{row['gap_to']} that mimics, over the same net on hard labels"
            else:
                told = f"{row['gap_to']} over the best net without convolution, {row['gap_from']}"
            sentences.append({"name": name, "text": f"{points} points at {row['budget']}: {told}."})
    return sentences
