"""Numbers and names as the page prints them, and its sentences."""

from mimic.config.families import CNN_FAMILIES, MLP_FAMILIES, SHAPES, parse_budget
from mimic.report.trials import best_trial

MINUS = "\N{MINUS SIGN}"
SOURCES = {
    "cifar10": "CIFAR-10",
    "mnist": "MNIST",
    "imagefolder": "a folder of images",
    "shapes": "the embedded images of shapes",
}


def signed(value, digits=2):
    """``+0.12``, ``−3.40``."""
    return f"{value:+.{digits}f}".replace("-", MINUS)


def duration(seconds):
    """``4.2 s``, ``4 min 12 s``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def count(value):
    """``5.34M``, ``97.2k``, ``812``: three digits, as budgets are written."""
    for size, letter in ((1_000_000, "M"), (1000, "k")):
        if value >= size:
            return f"{float(f'{value / size:.3g}'):g}{letter}"
    return str(value)


def plural(number, word):
    """``1 trial``, ``2,500 trials``."""
    return f"{number:,} {word}" + ("" if number == 1 else "s")


def source_name(config):
    """What the images are; of a source that was added, its own name."""
    return SOURCES.get(config.data.source, config.data.source)


def depth_of(family):
    """Convolutions of a family's nets, or hidden layers where they have none."""
    kind = "conv" if family in CNN_FAMILIES else "hidden"
    return sum(name.startswith(kind) for name in SHAPES[family].names())


def question(results):
    """What was asked, in one sentence."""
    config = results.config
    budgets = sorted(config.students.budgets, key=parse_budget)
    span = budgets[0] if len(budgets) == 1 else f"{budgets[0]} to {budgets[-1]}"
    if results.ensemble is not None:
        n_members = len(results.ensemble.members)
    else:
        n_members = None if results.places.is_shared else config.ensemble.n_members
    teachers = "an ensemble of deep convolutional nets"
    if n_members:
        teachers = f"an ensemble of {plural(n_members, 'deep convolutional net')}"
    source = source_name(config)
    return f"How shallow can a net with {span} parameters be and still mimic {teachers} on {source}?"


def answer(results):
    """What came out, in one sentence, from the trials that validation chose."""
    ensemble = results.ensemble
    best = _best_by_cell(results)
    if not best:
        if ensemble is not None:
            text = (
                f"The ensemble classifies {100 * ensemble.test_accuracy:.2f} % of the test images correctly"
            )
            return f"{text}; no student has finished yet."
        return "No student has finished yet, so there is no answer."
    budget = max((budget for _, budget in best), key=parse_budget)
    at = {family: row for (family, size), row in best.items() if size == budget}
    top = max(at, key=lambda family: (at[family]["validation_accuracy"], family))
    pct = {family: 100 * row["test_accuracy"] for family, row in at.items()}
    text = f"With {budget} parameters the best student, with {_depth(top)}, classifies {pct[top]:.2f} %"
    text += " of the test images correctly"
    if ensemble is not None:
        points = pct[top] - 100 * ensemble.test_accuracy
        side = "above" if points > 0 else "below"
        text += f", {abs(points):.2f} points {side} the ensemble"
    others = []
    shallow = min((family for family in CNN_FAMILIES if family in at), key=depth_of, default=None)
    if shallow not in (None, top) and _depth(shallow) != _depth(top):
        others.append(f"one with {_depth(shallow)} {pct[shallow]:.2f} %")
    mlps = [family for family in MLP_FAMILIES if family in at and family != top]
    if mlps and top not in MLP_FAMILIES:
        flat = max(mlps, key=lambda family: at[family]["validation_accuracy"])
        others.append(f"the best without any convolution {pct[flat]:.2f} %")
    return text + ("; " + " and ".join(others) if others else "") + "."


def _best_by_cell(results):
    found = {cell: best_trial(trials) for cell, trials in results.studies().items()}
    return {cell: row for cell, row in found.items() if row is not None}


def _depth(family):
    return plural(depth_of(family), "convolution" if family in CNN_FAMILIES else "hidden layer")


def tiles(results):
    """The four numbers that the page opens with: a dict each with name, value and detail."""
    found = []
    if results.ensemble is not None:
        n = len(results.ensemble.members)
        name = f"Ensemble of {plural(n, 'teacher')}"
        detail = f"{count(results.ensemble.n_parameters)} parameters"
        found.append(_tile(name, results.ensemble.test_accuracy, detail))
    if results.teachers.trials is not None:
        best = best_trial(results.teachers.trials)
        if best is not None:
            detail = f"trial {best['trial']}, {count(best['n_parameters'])} parameters"
            found.append(_tile("Best single teacher", best["test_accuracy"], detail))
    best = _best_by_cell(results)
    for name, kind in (("Best CNN student", CNN_FAMILIES), ("Best MLP student", MLP_FAMILIES)):
        rows = [row for (family, _), row in best.items() if family in kind]
        if rows:
            row = max(rows, key=lambda row: row["validation_accuracy"])
            detail = f"{row['study']}, trial {row['trial']}"
            found.append(_tile(name, row["test_accuracy"], detail))
    return found


def _tile(name, fraction, detail):
    return {"name": name, "value": f"{100 * fraction:.2f}", "detail": detail}
