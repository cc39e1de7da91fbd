"""How the students' figures look: one palette and marker set, a log axis of parameters."""

import itertools
import math

from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from mimic.config.families import CNN_FAMILIES, FAMILIES, MLP_FAMILIES

#: Blue for CNNs, orange for MLPs, darker with depth: told apart with every common colour blindness and in
#: grey. Markers differ within a kind, and MLPs are hollow.
COLOURS = {
    **dict(zip(CNN_FAMILIES, itertools.cycle(("#5BA4DA", "#2D7DBB", "#12569B", "#082F63")))),
    **dict(zip(MLP_FAMILIES, itertools.cycle(("#E9A23B", "#D97B1C", "#B8560F", "#8A3A0C", "#552207")))),
}
#: Families beyond the paper's take its colours again, with other markers.
MARKERS = {
    **dict(zip(CNN_FAMILIES, itertools.cycle("os^Dv<>pP"))),
    **dict(zip(MLP_FAMILIES, itertools.cycle("os^Dv<>pP"))),
}


def family_style(family):
    """Keyword arguments of ``Axes.plot`` for a family's line and marks."""
    hollow = family in MLP_FAMILIES
    return {
        "color": COLOURS[family],
        "marker": MARKERS[family],
        "markersize": 5,
        "markerfacecolor": "white" if hollow else COLOURS[family],
        "markeredgecolor": COLOURS[family] if hollow else "white",
        "markeredgewidth": 1.2 if hollow else 0.5,
    }


def families_of(numbers, kind=FAMILIES):
    """Families with a student row in `numbers`, those of `kind` only, in the paper's order."""
    present = set(numbers.loc[numbers["series"] == "student", "family"])
    return [family for family in kind if family in present]


def places(families, budgets):
    """Factor on the x position of each family's marks.

    One budget alone would put all marks above each other, so then the families stand side by side around
    it; with more budgets the factor is 1.
    """
    if len(budgets) > 1 or len(families) < 2:
        return dict.fromkeys(families, 1.0)
    exponents = [0.28 * (2 * i / (len(families) - 1) - 1) for i in range(len(families))]
    return {family: 10**exponent for family, exponent in zip(families, exponents, strict=True)}


def parameter_axis(axes, budgets, n_families):
    """Log x axis with one tick a budget.

    Parameters
    ----------
    budgets : dict of str to int
        Label -> number of parameters.
    n_families : int
        Families drawn, see `places`.

    Returns
    -------
    float
        Decades from the left end of the axis to the right end.
    """
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(list(budgets.values())))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(budgets.values()), list(budgets))
    low, high = min(budgets.values()), max(budgets.values())
    margin = 0.36 if len(budgets) == 1 else 0.06 * math.log10(high / low) + 0.03
    axes.set_xlim(low / 10**margin, high * 10**margin)
    side_by_side = len(budgets) == 1 and n_families > 1
    note = ", families side by side" if side_by_side else ""
    axes.set_xlabel(f"Number of trainable parameters (log scale{note})")
    return math.log10(high / low) + 2 * margin


def budgets_of(numbers):
    """Label -> number of parameters of the budgets that occur, ascending."""
    rows = numbers[numbers["budget"].notna()].drop_duplicates("budget")
    pairs = zip(rows["budget"], rows["n_parameters"], strict=True)
    return dict(sorted(pairs, key=lambda pair: pair[1]))


def family_entries(numbers, families):
    """Legend entries of families under a heading; none where there are none."""
    names = dict(zip(numbers["family"], numbers["model"], strict=True)) if len(families) else {}
    return [Line2D([], [], label=names[family], linewidth=1.6, **family_style(family)) for family in families]
