"""How the nets of step win were trained, for the page: distance from the teacher's blocks, and accuracy."""

from dataclasses import dataclass
from pathlib import Path

from mimic.config.win import N_BLOCKS
from mimic.report.page.histories import thinned
from mimic.report.page.win_rows import folder_name, printed_name, read_accuracies, read_block

#: Seeds whose curves are drawn.
N_SEEDS = 12


@dataclass(frozen=True)
class Curve:
    """One training.

    Parameters
    ----------
    model : str
        As in the tables.
    series : str
        ``block 1`` to ``block 4``, or a method.
    seed : int
    before : int
        Epochs that the net was trained for before: those of the blocks below, or of all of stage 2.
    values : list of float
        By epoch: discrepancies, or test accuracies in percent.
    relative : float or None
        The last discrepancy as a share of the mean square of the teacher's block.
    """

    model: str
    series: str
    seed: int
    before: int
    values: list
    relative: float | None = None

    def points(self):
        """Epochs and values, thinned to what a screen shows; the best is among them."""
        sign = -1 if self.series.startswith("block") else 1
        rows = [(self.before + i + 1, value, sign * value) for i, value in enumerate(self.values)]
        kept = thinned(rows)
        return {"epochs": [row[0] for row in kept], "values": [float(f"{row[1]:.5g}") for row in kept]}

    def plot(self):
        """The same for the scripts."""
        return {"model": self.model, "series": self.series, "seed": self.seed} | self.points()


def read_training(folder, settings, reading):
    """Trainings of the thin nets that have ended, with the first of the teachers' widths.

    Parameters
    ----------
    folder : path
        That of the step.
    settings : mimic.config.win.WinSettings
        Say which nets there are, so that no name in a folder is believed.
    reading : mimic.report.page.results.Reading

    Returns
    -------
    blocks, nets : list of Curve
        Discrepancies, and test accuracies; at most `N_SEEDS` seeds of each net.
    """
    blocks, nets, wide = [], [], f"x{settings.widen[0]}"
    sizes = [(depth, divide) for depth in settings.nets.depth for divide in settings.nets.divide]
    for size in sizes:
        model, place = printed_name(*size), Path(folder, folder_name(*size))
        for seed in settings.nets.seed[:N_SEEDS]:
            before = 0
            for block in range(1, N_BLOCKS + 1):
                own = place / wide / "win" / str(seed)
                epochs = reading.read(read_block, own / f"block{block}" / "history.csv")
                if epochs:
                    values = [epoch.discrepancy for epoch in epochs]
                    relative = epochs[-1].relative_discrepancy
                    blocks.append(Curve(model, f"block {block}", seed, before, values, relative))
                stage = settings.imitate_block
                before += len(epochs) if epochs else stage.n_epochs * (1 + stage.restarts)
            places = {"Vanilla": place / "vanilla" / str(seed), "KD": place / wide / "kd" / str(seed)}
            for method, path in (places | {"WIN": own / "finetuned"}).items():
                values = reading.read(read_accuracies, path / "history.csv")
                if values:
                    epochs = before if method == "WIN" else 0
                    nets.append(Curve(model, method, seed, epochs, values))
    return blocks, nets


def paths_of_nets(folder, settings):
    """Metrics of the trainings that have ended, with the first of the teachers' widths."""
    wide, found = f"x{settings.widen[0]}", []
    for depth in settings.nets.depth:
        for divide in settings.nets.divide:
            place = Path(folder, folder_name(depth, divide))
            found.append(place / wide / "teacher")
            for seed in settings.nets.seed[:N_SEEDS]:
                own = place / wide / "win" / str(seed)
                found += [place / "vanilla" / str(seed), place / wide / "kd" / str(seed), own / "merged"]
    return [path for folder in found if (path := folder / "metrics.json").exists()]


def training_rows(curves, pick):
    """A dict a training: model, series, seed, relative; epochs from, to; values: first, halfway, best, last.

    Parameters
    ----------
    curves : list of Curve
    pick : callable, list of float -> float
        Which value is the best.
    """
    rows = []
    for curve in curves:
        row = {"model": curve.model, "series": curve.series, "seed": curve.seed}
        row |= {"from": curve.before + 1, "to": curve.before + len(curve.values), "relative": curve.relative}
        middle = curve.values[(len(curve.values) - 1) // 2]
        rows.append(row | {"values": [curve.values[0], middle, pick(curve.values), curve.values[-1]]})
    return rows
