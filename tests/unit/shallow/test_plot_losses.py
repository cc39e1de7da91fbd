"""The figures of losses: what is drawn is what the CSV says, against pandas."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from tests.unit.shallow.loss_rows import diverged, net, numbered

from mimic.cli import InputError
from mimic.shallow import plot_losses
from mimic.shallow.curves import numbers_by_depth, numbers_by_q
from mimic.shallow.panels import LAYOUTS
from mimic.shallow.rows import LossRow, frame_of
from mimic.tables import write_csv

EDGES = [0, 1, 3, 10]


@pytest.fixture
def losses():
    """Nets of two datasets, both layouts, three depths and two filter counts."""
    generator = np.random.default_rng(3)
    rows = [
        net(q, layout, dataset, n_layers=depth, n_filters=count, seed=seed)
        | {"train_loss": generator.uniform(0.1, 0.5), "validation_loss": generator.uniform(0.3, 0.9)}
        for dataset in ("mnist", "cifar10")
        for layout in LAYOUTS
        for depth in (1, 2, 8)
        for count, q in ((1, 20.0), (4, 2.0 - depth / 10))
        for seed in range(3)
    ]
    return frame_of([*rows, diverged(20.0)], LossRow)


@pytest.fixture
def plot(tmp_path):
    """Runs the stage; gives the bytes of PNG and SVG, and the CSV as pandas reads it."""

    def run(losses, figure, edges=EDGES):
        write_csv(tmp_path / "losses.csv", numbered(losses))
        out = {kind: str(tmp_path / f"figure.{kind}") for kind in ("png", "svg", "csv")}
        files = [
            "--losses",
            str(tmp_path / "losses.csv"),
            *(f"--{kind}={path}" for kind, path in out.items()),
        ]
        plot_losses.main(["--figure", figure, *files, "--q-edges", *map(str, edges)])
        image, drawing = (Path(out[kind]).read_bytes() for kind in ("png", "svg"))
        return image, drawing, pd.read_csv(out["csv"])

    return run


def marks_of(axes, colour):
    """(x, y) of the marks of a colour that no line joins."""
    lines = [line for line in axes.lines if line.get_color() == colour and line.get_linestyle() == "None"]
    return [tuple(map(list, line.get_data())) for line in lines]


@pytest.mark.parametrize("figure", ["q", "gap"])
def test_every_finished_net_is_a_mark_at_its_q(losses, figure):
    drawn, numbers = plot_losses.plot_losses(figure, losses, EDGES)
    finished = losses[losses["status"] == "finished"]
    value = finished["validation_loss"] - (finished["train_loss"] if figure == "gap" else 0)
    assert [axes.get_title() for axes in drawn.axes] == ["cifar10", "mnist"]
    for axes in drawn.axes:
        for layout, style in LAYOUTS.items():
            chosen = (finished["dataset"] == axes.get_title()) & (finished["layout"] == layout)
            ((x, y),) = marks_of(axes, style["color"])
            np.testing.assert_allclose(x, finished["q"][chosen], rtol=0.02)
            np.testing.assert_array_equal(y, value[chosen])
        assert axes.get_xscale() == "log"
    assert (numbers["series"] == "net").sum() == len(finished)


def test_medians_of_the_intervals_are_those_of_pandas(losses):
    numbers = numbers_by_q(losses, lambda nets: nets["validation_loss"], EDGES)
    found = numbers[numbers["series"] == "median"]
    frame = losses[losses["status"] == "finished"]
    frame = frame.assign(
        q_low=pd.cut(frame["q"], [0, 1, 3, 10, np.inf], right=False, labels=EDGES).astype(int)
    )
    expected = frame.groupby(["dataset", "layout", "q_low"])["validation_loss"].agg(["median", "size"])
    found = found.set_index(["dataset", "layout", "q_low"]).sort_index()
    assert list(found.index) == list(expected.index)
    np.testing.assert_array_equal(found["value"], expected["median"])
    np.testing.assert_array_equal(found["n_nets"], expected["size"])


def test_a_bar_at_the_median_stays_within_its_interval(losses):
    drawn, numbers = plot_losses.plot_losses("q", losses, EDGES)
    axes = drawn.axes[1]
    medians = numbers[(numbers["series"] == "median") & (numbers["dataset"] == "mnist")]
    for row in medians.itertuples():
        bars = [line for line in axes.lines if list(line.get_ydata()) == [row.value] * 2]
        assert len(bars) == 1
        assert bars[0].get_color() == LAYOUTS[row.layout]["color"]
        low, high = bars[0].get_xdata()
        assert max(row.q_low, axes.get_xlim()[0]) < low < high < min(row.q_high, axes.get_xlim()[1])


def test_losses_against_depth_are_medians_over_the_other_axes(losses):
    drawn, numbers = plot_losses.plot_losses("depth", losses, EDGES)
    assert len(drawn.axes) == 4
    axes = drawn.axes[1]  # cifar10, four filters
    frame = losses[(losses["dataset"] == "cifar10") & (losses["n_filters"] == 4)]
    for line, (layout, column) in zip(
        axes.lines,
        [(layout, column) for layout in LAYOUTS for column in ("validation_loss", "train_loss")],
        strict=True,
    ):
        expected = frame[frame["layout"] == layout].groupby("n_layers")[column].median()
        assert list(line.get_xdata()) == [1, 2, 8]
        np.testing.assert_array_equal(line.get_ydata(), expected)
        assert line.get_color() == LAYOUTS[layout]["color"]
    assert [label.get_text() for label in drawn.axes[3].get_xticklabels()] == ["1", "2", "8"]
    row = numbers[(numbers["n_diverged"] > 0)]
    assert row[["dataset", "layout", "n_layers", "n_nets"]].values.tolist() == [["mnist", "sequential", 2, 3]]


def test_a_depth_where_all_nets_diverged_has_no_point_but_a_row():
    losses = frame_of([net(2), diverged(2, n_layers=5)], LossRow)
    numbers = numbers_by_depth(losses)
    assert numbers[["n_layers", "n_nets", "n_diverged"]].values.tolist() == [[2, 1, 0], [5, 0, 1]]
    assert np.isnan(numbers["validation_loss"].iloc[1])
    line = plot_losses.plot_by_depth(numbers).axes[0].lines[0]
    assert list(line.get_xdata()) == [2]


@pytest.mark.parametrize("figure", plot_losses.FIGURES)
def test_figures_are_whole_files_and_the_same_bytes_each_time(losses, plot, figure):
    image, drawing, numbers = plot(losses, figure)
    assert Image.open(io.BytesIO(image)).size[0] > 800
    assert drawing.startswith(b"<?xml")
    assert len(numbers) > 4
    assert plot(losses, figure)[:2] == (image, drawing)


@pytest.mark.parametrize("figure", plot_losses.FIGURES)
@pytest.mark.parametrize("rows", [[diverged(2)], [net(0.5)], [net(0.0001), net(3e5, "parallel")]])
def test_a_grid_of_next_to_nothing_is_drawn_too(plot, figure, rows):
    image, _, _ = plot(frame_of(rows, LossRow), figure, edges=[1, 3])
    assert Image.open(io.BytesIO(image)).size[0] > 100


def test_edges_that_do_not_rise_are_refused(losses, plot):
    with pytest.raises(InputError, match="expected rising numbers"):
        plot(losses, "q", edges=[3, 1])


@pytest.mark.parametrize("n_counts", [1, 2, 3, 6])
def test_the_legend_lies_within_the_figure_however_few_panels_there_are(n_counts):
    rows = [net(2.0, layout, n_filters=1 + i, n_layers=2) for i in range(n_counts) for layout in LAYOUTS]
    losses = frame_of(rows, LossRow)
    for name in plot_losses.FIGURES:
        figure, _ = plot_losses.plot_losses(name, losses, EDGES)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        extent = legend.get_window_extent()
        assert extent.x0 >= 0
        assert extent.x1 <= figure.bbox.x1
        assert len(legend.get_texts()) == (4 if name == "depth" else 3)
