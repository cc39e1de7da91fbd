"""The figure of orders: medians of what the groups' tables say."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.unit.shallow.loss_rows import order

from mimic.cli import InputError
from mimic.shallow import plot_expansion
from mimic.shallow.panels import order_style
from mimic.shallow.rows import OrderRow, columns_of, frame_of
from mimic.tables import write_csv


def net_orders(n_layers, index=0, **changes):
    """Orders 0 to 2 and the rest of a net, each unlike the others."""
    return [
        order(
            k,
            n_layers,
            share,
            norm=0.9 - i / 10 - index / 50,
            accuracy=0.2 * i + index / 50,
            net=index,
            **changes,
        )
        for i, (k, share) in enumerate(
            [(0, 0.0), (1, 0.9 - n_layers / 20 - index / 10), (2, 0.97), ("rest", 1.0)]
        )
    ]


@pytest.fixture
def plot(tmp_path):
    """Writes tables and runs the stage; gives PNG, SVG and the CSV."""

    def run(*tables):
        paths = []
        for i, rows in enumerate(tables):
            paths.append(str(tmp_path / f"{i}.csv"))
            write_csv(paths[-1], frame_of(rows, OrderRow))
        out = {kind: tmp_path / f"figure.{kind}" for kind in ("png", "svg", "csv")}
        asked = ["--n-nets", "1", "--layouts", "sequential", "parallel"]
        files = [f"--{kind}={path}" for kind, path in out.items()]
        plot_expansion.main(["--expansions", *paths, *asked, *files])
        return out["png"].read_bytes(), out["svg"].read_bytes(), out["csv"]

    return run


def test_lines_are_medians_over_nets(plot):
    rows = [row for depth in (4, 8) for index in range(3) for row in net_orders(depth, index)]
    orders = frame_of(rows, OrderRow)
    shares, norms, accuracies = plot_expansion.plot_expansion(orders).axes
    joined = [line for line in shares.lines if line.get_linestyle() != "None"]
    expected = orders[orders["order"] == "1"].groupby("n_layers")["feature_share"].median()
    assert list(joined[0].get_xdata()) == [4, 8]
    np.testing.assert_array_equal(joined[0].get_ydata(), expected)
    for axes, column, drawn in ((norms, "feature_norm", "12r"), (accuracies, "accuracy", "012r")):
        names = [name.replace("r", "rest") for name in drawn]
        for line, name in zip(axes.lines, names, strict=True):
            values = orders[orders["order"] == name].groupby("n_layers")[column].median()
            np.testing.assert_array_equal(line.get_ydata(), values)
            assert line.get_color() == order_style(name)["color"]


def test_the_norm_of_a_rest_that_is_rounding_is_not_drawn():
    rows = [row for depth in (2, 8) for row in net_orders(depth)]
    _, norms, _ = plot_expansion.plot_expansion(frame_of(rows, OrderRow)).axes
    assert list(norms.lines[-1].get_xdata()) == [8]


def test_a_share_far_below_nothing_is_said_in_words():
    rows = [row | {"feature_share": -50.0} if row["order"] == "1" else row for row in net_orders(4)]
    shares = plot_expansion.plot_expansion(frame_of(rows, OrderRow)).axes[0]
    assert [text.get_text() for text in shares.texts] == ["1 net below -1"]
    assert shares.get_ylim()[0] > -2


def test_tables_are_joined_in_the_order_of_their_depths(plot):
    tables = [net_orders(16), net_orders(2), net_orders(4, n_filters=8), []]
    image, drawing, path = plot(*tables)
    joined = pd.read_csv(path)
    assert tuple(joined.columns) == columns_of(OrderRow)
    assert list(joined["n_layers"]) == [2] * 4 + [16] * 4 + [4] * 4
    assert list(joined["order"]) == ["0", "1", "2", "rest"] * 3
    assert Image.open(io.BytesIO(image)).size[0] > 800
    assert plot(*tables)[:2] == (image, drawing)


def test_a_net_without_shares_and_no_net_at_all_are_drawn_too(plot):
    nothing = dict.fromkeys(("feature_norm", "feature_share", "logit_norm", "logit_share"))
    _, _, path = plot([row | nothing for row in net_orders(4)])
    assert pd.read_csv(path)["feature_share"].isna().all()
    _, _, path = plot([])
    assert path.read_text() == ",".join(columns_of(OrderRow)) + "\n"


def test_a_net_that_comes_twice_is_refused(plot):
    with pytest.raises(InputError, match="order 0 of net 0 of mnist-L4-F1-K3 comes twice"):
        plot(net_orders(4), net_orders(4))


@pytest.mark.parametrize(
    ("n_nets", "layouts", "said"),
    [
        (0, ["sequential", "parallel"], "shallow.expansion.n_nets is 0"),
        (2, ["parallel"], "shallow.grid.layout has no sequential nets"),
        (2, ["sequential", "parallel"], "every sequential net diverged"),
    ],
)
def test_an_empty_figure_gives_the_reason_that_holds(tmp_path, monkeypatch, n_nets, layouts, said):
    write_csv(tmp_path / "none.csv", frame_of([], OrderRow))
    drawn = []
    monkeypatch.setattr(plot_expansion, "save_figure", lambda figure, *paths: drawn.append(figure))
    files = [f"--{kind}={tmp_path / kind}" for kind in ("png", "svg", "csv")]
    asked = ["--n-nets", str(n_nets), "--layouts", *layouts]
    plot_expansion.main(["--expansions", str(tmp_path / "none.csv"), *asked, *files])
    assert [text.get_text() for text in drawn[0].texts] == [f"No net was expanded: {said}."]
