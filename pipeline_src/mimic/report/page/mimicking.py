"""Does mimicking help? Nets that were trained both on the ensemble's logits and on hard labels."""

import math

from mimic.config.families import CNN_FAMILIES, parse_budget
from mimic.report import paper
from mimic.report.page.words import plural
from mimic.report.trials import best_trial


def mimicking_view(results, labels):
    """Both trainings of each net, and a sentence about them.

    Parameters
    ----------
    results : mimic.report.page.results.Results
    labels : mimic.report.page.arrays.Labels or None
        Without them the number of test images is the config's.

    Returns
    -------
    dict
        summary: text, empty without rows; rows: dicts with name, mimic_pct, hard_pct, points (mimic less
        hard) and error_points, see `standard_error`; budgets ascending, at each the families in the paper's
        order.
    """
    n_test = results.config.data.n_test if labels is None else len(labels.test)
    studies, hard_studies = results.studies(), results.studies(is_hard=True)
    rows = []
    for family, budget in sorted(
        studies.keys() & hard_studies.keys(),
        key=lambda cell: (parse_budget(cell[1]), CNN_FAMILIES.index(cell[0])),
    ):
        best = [best_trial(found[family, budget]) for found in (studies, hard_studies)]
        if any(row is None for row in best):
            continue
        mimic, hard = (float(row["test_accuracy"]) for row in best)
        row = {"name": f"{paper.table2_names()[family]}, {budget}", "points": 100 * (mimic - hard)}
        row |= {"mimic_pct": 100 * mimic, "hard_pct": 100 * hard}
        rows.append(row | {"error_points": 100 * standard_error(mimic, hard, n_test)})
    return {"summary": _summary(rows), "rows": rows}


def standard_error(first, second, n):
    """Binomial standard error of the difference of two accuracies, as if each had `n` images of its own."""
    return math.sqrt((first * (1 - first) + second * (1 - second)) / n)


def _summary(rows):
    if not rows:
        return ""
    better = [row for row in rows if row["points"] > 0]
    clear = [row for row in better if row["points"] > 2 * row["error_points"]]
    told = f"Of {plural(len(rows), 'net')} trained both ways, {len(better) or 'none'} "
    told += (
        f"{'is' if len(better) == 1 else 'are'} better on the ensemble\N{RIGHT SINGLE QUOTATION MARK}s logits"
    )
    if better:
        told += f", {len(clear) or 'none'} by more than two standard errors"
    return told + "."
