"""Go wide, then narrow, for the page: the third paper's tables and trainings, as far as they are there."""

import math
from dataclasses import dataclass
from pathlib import Path

from mimic.artifact import digest_file
from mimic.report.page.win_rows import read_methods, read_sizes, read_widths
from mimic.report.page.win_training import N_SEEDS, read_training, training_rows
from mimic.report.page.words import SOURCES, plural, signed

FOLDER = "win"
#: Tables of the step, and what reads them.
READERS = {"table1.csv": read_sizes, "table2.csv": read_methods, "table3.csv": read_widths}
QUESTION = "Does a thin net get better if it imitates a wide one block by block?"
BASELINES = ("KD", "Vanilla")
_SOURCES = SOURCES | {"imagenet": "ImageNet"}
#: Points that shade a difference fully, as in the other tables of accuracies.
_FULL_POINTS = 10
#: Nets of which each is named in a sentence.
_N_NAMED = 3


@dataclass(frozen=True)
class Win:
    """What the step has left.

    Parameters
    ----------
    sizes, methods, widths : list
        Rows of Tables 1 to 3, see `mimic.report.page.win_rows`; empty where a table is not there, cannot be
        read or has no rows.
    blocks, nets : list of mimic.report.page.win_training.Curve
    files : tuple of (str, str)
        Tables and their SHA-256.
    """

    sizes: list
    methods: list
    widths: list
    blocks: list
    nets: list
    files: tuple

    @property
    def models(self):
        """Names of the thin nets, in the order of the tables."""
        rows = [*self.methods, *self.sizes, *self.widths, *self.blocks, *self.nets]
        return list(dict.fromkeys(row.model for row in rows))


def read_win(folder, settings, reading):
    """The third paper's results of a run.

    Parameters
    ----------
    folder : path
        The config's ``output``.
    settings : mimic.config.win.WinSettings
    reading : mimic.report.page.results.Reading

    Returns
    -------
    Win or None
        None where there is no table; on a page about what there is so far, where no training is there either.
    """
    tables, files, place = [], [], Path(folder, FOLDER)
    for name, reader in READERS.items():
        rows = reading.read(reader, place / name)
        tables.append(rows or [])
        if rows is not None:
            files.append((f"{FOLDER}/{name}", digest_file(place / name)))
    if reading.strict and not any(tables):
        return None
    blocks, nets = read_training(place, settings, reading)
    if not any(tables) and not blocks and not nets:
        return None
    return Win(*tables, blocks, nets, tuple(files))


def win_view(win, settings):
    """What the page shows of it.

    Parameters
    ----------
    win : Win
    settings : mimic.config.win.WinSettings

    Returns
    -------
    dict
        models, files; source: name of the images; answer: a sentence or two; table1, table2, table3, gains,
        blocks, nets: rows of tables; has_paper: by table; has_spread, has_seeds: whether any net of Table 2,
        or of the trainings, has several seeds; n_drawn: seeds that are drawn; and ``plots``, JSON-ready.
    """
    gains = gains_of(win.methods)
    return {
        "models": win.models,
        "files": win.files,
        "source": _SOURCES.get(settings.data.source, settings.data.source),
        "answer": answer(win.methods),
        "table1": [size_view(row) for row in win.sizes],
        "table2": [accuracy_view(row) for row in win.methods],
        "table3": [accuracy_view(row) for row in win.widths],
        "gains": gains,
        "has_paper": {
            "table1": any(row.paper_parameters or row.paper_multiply_adds for row in win.sizes),
            "table2": any(row.paper_top1_pct is not None for row in win.methods),
            "table3": any(row.paper_top1_pct is not None for row in win.widths),
        },
        "has_spread": any(row.top1_sd is not None for row in win.methods),
        "blocks": training_rows(win.blocks, min),
        "nets": training_rows(win.nets, max),
        "n_drawn": N_SEEDS,
        "has_seeds": len({curve.seed for curve in [*win.blocks, *win.nets]}) > 1,
        "plots": {
            "methods": [method_plot(row) for row in win.methods],
            "blocks": [curve.plot() for curve in win.blocks],
            "nets": [curve.plot() for curve in win.nets],
        },
    }


def method_plot(row):
    """A mark of the figure of Table 2."""
    values = {"mean": row.top1_pct, "sd": row.top1_sd, "paper": row.paper_top1_pct}
    return {"model": row.model, "method": row.method, "n_seeds": row.n_seeds} | values


def _by_net(methods):
    """Rows by model, and in these by method."""
    found = {}
    for row in methods:
        found.setdefault(row.model, {})[row.method] = row
    return found


def gains_of(methods):
    """What WIN has more than each baseline, in points.

    Returns
    -------
    list of dict
        model; n_seeds of WIN; cells: a dict for each of `BASELINES` with baseline, points, error, paper:
        the difference of the means, its standard error from the spreads over seeds, and the paper's
        difference, each None where it is not known.
    """
    rows = []
    for model, own in _by_net(methods).items():
        if "WIN" not in own or len(own) == 1:
            continue
        cells = []
        for name in BASELINES:
            ours, theirs = own["WIN"], own.get(name)
            cell = {"baseline": name, "points": None, "error": None, "paper": None}
            if theirs is not None:
                cell["points"] = round(ours.top1_pct - theirs.top1_pct, 2)
                if ours.top1_sd is not None and theirs.top1_sd is not None:
                    cell["error"] = math.sqrt(
                        ours.top1_sd**2 / ours.n_seeds + theirs.top1_sd**2 / theirs.n_seeds
                    )
                if ours.paper_top1_pct is not None and theirs.paper_top1_pct is not None:
                    cell["paper"] = round(ours.paper_top1_pct - theirs.paper_top1_pct, 2)
            cells.append(cell | {"share": _share(cell["points"])})
        rows.append({"model": model, "n_seeds": own["WIN"].n_seeds, "cells": cells})
    return rows


def _share(points):
    return 0.0 if points is None else round(min(1.0, abs(points) / _FULL_POINTS), 3)


def answer(methods):
    """What came out at equal epochs, whichever way, in a sentence or two."""
    nets, gains = _by_net(methods), gains_of(methods)
    if not gains:
        return "No net has been trained by WIN and by a baseline yet, so there is no answer."
    if len(gains) == 1:
        text = _of_one_net(gains[0]["model"], nets[gains[0]["model"]])
    else:
        clauses = [_clause(name, gains) for name in BASELINES]
        text = "At equal epochs WIN is " + ", and ".join(filter(None, clauses)) + "."
    rows = [row for gain in gains for row in nets[gain["model"]].values()]
    seeds, spreads = {row.n_seeds for row in rows}, [row.top1_sd for row in rows if row.top1_sd is not None]
    if not spreads:
        return f"{text} Each is one seed, so that no spread is known."
    each = plural(max(seeds), "seed") if len(seeds) == 1 else f"{min(seeds)} to {plural(max(seeds), 'seed')}"
    if len(gains) == 1:
        return f"{text} Means and standard deviations over {each}."
    low, high = min(spreads), max(spreads)
    span = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    return f"{text} Means over {each}, with standard deviations of {span} points."


def _of_one_net(model, own):
    parts = []
    for name in BASELINES:
        if name in own:
            points = own["WIN"].top1_pct - own[name].top1_pct
            side = f"{abs(points):.2f} points {'above' if points > 0 else 'below'}"
            side = "equal to" if f"{abs(points):.2f}" == "0.00" else side
            parts.append(f"{side} {name} ({_with_spread(own[name])})")
    return f"At equal epochs {model} comes to {_with_spread(own['WIN'])} with WIN, {' and '.join(parts)}."


def _with_spread(row):
    spread = "" if row.top1_sd is None else f" ± {row.top1_sd:.2f}"
    return f"{row.top1_pct:.2f}{spread} %"


def _clause(name, gains):
    """On which side of a baseline WIN is, for how many nets, by how much; empty where none has both."""
    points = {}
    for gain in gains:
        for cell in gain["cells"]:
            if cell["baseline"] == name and cell["points"] is not None:
                points[gain["model"]] = cell["points"]
    parts = []
    for side, sign in (("above", 1), ("equal to", 0), ("below", -1)):
        own = {model: value for model, value in points.items() if (value > 0) - (value < 0) == sign}
        if not own:
            continue
        share = str(len(own)) if parts else f"{len(own)} of {plural(len(points), 'net')}"
        if len(own) == len(points):
            share = {1: "the one net", 2: "both nets"}.get(len(own), f"all {len(own)} nets")
        what = name if not parts else "it"
        parts.append(f"{side} {what} for {share}" + (f" ({_span(own)})" if sign else ""))
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def _span(points):
    """``ResNet50 +1.60, ResNet101 +1.10 points``; of many nets the least and the most."""
    if len(points) <= _N_NAMED:
        return ", ".join(f"{model} {signed(value)}" for model, value in points.items()) + " points"
    return f"{signed(min(points.values()))} to {signed(max(points.values()))} points"


def accuracy_view(row):
    """A row of Table 2 or 3 as text and as numbers; `mimic.report.page.win_rows` has the columns."""
    cells = row.model_dump() | {"share": _share(row.difference)}
    return cells | {"why_sd": "one net" if cells.get("role") == "teacher" else "one seed"}


def size_view(row):
    """A row of Table 1: ours and the paper's number, or None, of parameters and of multiply-adds."""
    return {
        "model": row.model,
        "role": row.role,
        "numbers": [
            (row.parameters, row.paper_parameters),
            (row.multiply_adds, row.paper_multiply_adds),
        ],
    }
