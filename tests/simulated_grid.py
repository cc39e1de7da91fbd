"""Tables of a grid of the second paper as its stages write them, without training: invented losses."""

import numpy as np

from mimic.shallow import tabulate_intervals
from mimic.shallow.rows import LossRow, OrderRow, frame_of
from mimic.tables import write_csv
from tests.unit.shallow.loss_rows import diverged, net, order

EDGES = ("0", "1", "3", "10")
_SIDES = {"mnist": (28 * 28, 60_000), "cifar10": (32 * 32, 50_000)}


def loss_rows(depths=(1, 2, 4, 8), filters=(1, 2, 8), n_seeds=4, seed=0):
    """Rows of losses.csv: loss falls with size, parallel nets are a little worse, a few deep ones diverge."""
    generator = np.random.default_rng(seed)
    rows = []
    for dataset, (n_pixels, n_examples) in _SIDES.items():
        for depth in depths:
            for count in filters:
                n_parameters = count * (10 * n_pixels + 9 * count * depth)
                q = n_examples * 10 / n_parameters
                key = {"n_layers": depth, "n_filters": count, "n_parameters": n_parameters}
                key["group"] = f"{dataset}-L{depth}-F{count}-K3"
                for layout in ("sequential", "parallel"):
                    for i in range(n_seeds):
                        cells = {**key, "layout": layout, "seed": i, "dataset": dataset}
                        cells["net"] = i + n_seeds * (layout == "parallel")
                        if depth == max(depths) and i == 0 and count == min(filters):
                            rows.append(diverged(q, **cells))
                            continue
                        # with one layer, both layouts are the same net
                        drawn = np.random.default_rng([depth, count, i]) if depth == 1 else generator
                        worse = 1 + 0.02 * (layout == "parallel") * (depth > 1)
                        train = float(0.05 * q**0.6 * worse * np.exp(0.15 * drawn.standard_normal()))
                        losses = {
                            "train_loss": train,
                            "validation_loss": train + 0.05 + 0.02 * drawn.random(),
                        }
                        rows.append(net(q, **cells, **losses))
    return rows


def order_rows(depths=(1, 2, 4, 8), filters=(1, 2, 8)):
    """Rows of expansion.csv: the deeper, the less the first order explains."""
    rows = []
    for dataset in _SIDES:
        for depth in depths:
            for count in filters:
                cells = {"dataset": dataset, "n_filters": count, "group": f"{dataset}-L{depth}-F{count}-K3"}
                for k in [*range(min(depth, 3) + 1), "rest"]:
                    share = (
                        0.0 if k == 0 else 1.0 if k == "rest" or k == depth else 1 - depth**1.6 / (9 * k**2)
                    )
                    rows.append(order(k, depth, share=share, accuracy=0.6 + 0.05 * min(depth, 3), **cells))
    return rows


def write_grid(folder, losses=None, orders=None):
    """``losses.csv``, ``table2.csv`` and ``expansion.csv`` in the folder ``shallow`` of a run; gives it."""
    place = folder / "shallow"
    place.mkdir(parents=True, exist_ok=True)
    write_csv(place / "losses.csv", frame_of(loss_rows() if losses is None else losses, LossRow))
    files = ["--losses", str(place / "losses.csv"), "--out", str(place / "table2.csv")]
    tabulate_intervals.main([*files, "--q-edges", *EDGES])
    write_csv(place / "expansion.csv", frame_of(order_rows() if orders is None else orders, OrderRow))
    return place
