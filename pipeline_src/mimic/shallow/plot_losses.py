"""Losses of the grid against Q and against depth, and the gap to the training loss (arXiv 2309.08414).

One figure a call: ``q``, ``depth`` or ``gap``.
"""

import sys

import matplotlib
from matplotlib.lines import Line2D

from mimic.cli import run_stage, stage_parser
from mimic.drawing import DASHES, DOTS, FAINT, STYLE, save_figure
from mimic.shallow.curves import checked_edges, numbers_by_depth, numbers_by_q
from mimic.shallow.panels import (
    LAYOUTS,
    depth_axis,
    hollow,
    legend_below,
    nothing_to_draw,
    panels,
    plain_numbers,
)
from mimic.shallow.rows import read_losses
from mimic.tables import write_csv

FIGURES = ("q", "depth", "gap")
GAP_LABEL = "Validation loss \N{MINUS SIGN} training loss"
_MOST_OPAQUE, _NETS_OPAQUE = 0.75, 150


def gap_of(losses):
    """Validation loss less training loss."""
    return losses["validation_loss"] - losses["train_loss"]


def plot_by_q(numbers, label, scale):
    """Every net a mark at its Q, medians of intervals as bars across them; a panel a dataset.

    Parameters
    ----------
    numbers : DataFrame
        From `mimic.shallow.curves.numbers_by_q`.
    label : str
        Of the y axis.
    scale : str
        Of the y axis, ``log`` or ``linear``.

    Returns
    -------
    matplotlib Figure
    """
    datasets = sorted(set(numbers["dataset"]))
    if not datasets:
        return nothing_to_draw("No net finished its training.")
    with matplotlib.rc_context(STYLE):
        figure, places = panels(1, len(datasets), 4.4, 3.2, sharex=True)
        for axes, dataset in zip(places[0], datasets, strict=True):
            of_dataset = numbers[numbers["dataset"] == dataset]
            axes.set_title(dataset)
            axes.set_xscale("log")
            axes.set_yscale(scale)
            axes.set_xlabel("Q = examples × outputs / parameters")
            for layout in LAYOUTS:
                draw_nets(axes, of_dataset[of_dataset["layout"] == layout], layout)
        low, high = places[0][0].get_xlim()  # shared
        for axes, dataset in zip(places[0], datasets, strict=True):
            draw_medians(axes, numbers[numbers["dataset"] == dataset], low, high)
            axes.set_xlim(low, high)
            plain_numbers(axes, "x")
            if scale == "log":
                plain_numbers(axes, "y")
            else:
                axes.axhline(0, color=FAINT, linewidth=0.8, zorder=1)
        places[0][0].set_ylabel(label)
        entries = [Line2D([], [], linestyle="none", label=layout, **LAYOUTS[layout]) for layout in LAYOUTS]
        bar = Line2D([], [], color=FAINT, linewidth=2.2, label="median of an interval of Q")
        legend_below(figure, [*entries, bar])
    return figure


def draw_nets(axes, numbers, layout):
    """Marks of a layout's nets, more transparent the more there are."""
    nets = numbers[numbers["series"] == "net"]
    opacity = max(0.12, _MOST_OPAQUE * min(1, _NETS_OPAQUE / max(len(nets), 1)))
    # Side by side: where both layouts have one Q, neither hides the other.
    aside = 0.985 if layout == "sequential" else 1.015
    style = {"linestyle": "none", "markersize": 3.5, "markeredgewidth": 0, "alpha": opacity, "zorder": 2}
    axes.plot(nets["q"] * aside, nets["value"], **style, **LAYOUTS[layout])


def draw_medians(axes, numbers, low, high):
    """A bar across each interval at its median, and faint lines where intervals meet."""
    medians = numbers[numbers["series"] == "median"]
    for row in medians.itertuples():
        ends = [max(row.q_low, low) * 1.03, min(row.q_high, high) / 1.03]
        # Dashes over a line, so that both are seen where medians are equal.
        over = {"linestyle": (0, (3, 1.5)), "zorder": 3.1} if row.layout == "parallel" else {"zorder": 3}
        style = {"linewidth": 2.2, "color": LAYOUTS[row.layout]["color"], "solid_capstyle": "butt"}
        axes.plot(ends, [row.value] * 2, **style, **over)
    for edge in sorted({edge for edge in medians["q_low"] if low < edge < high}):
        axes.axvline(edge, color=FAINT, linewidth=0.7, linestyle=DOTS, zorder=1)


def plot_by_depth(numbers):
    """Median losses against depth: a row of panels a dataset, a column a filter count.

    Solid with full marks: validation. Dashed with hollow marks: training.

    Parameters
    ----------
    numbers : DataFrame
        From `mimic.shallow.curves.numbers_by_depth`.

    Returns
    -------
    matplotlib Figure
    """
    drawn = numbers[numbers["n_nets"] > 0]
    if drawn.empty:
        return nothing_to_draw("No net finished its training.")
    datasets, counts = sorted(set(drawn["dataset"])), sorted(set(drawn["n_filters"]))
    with matplotlib.rc_context(STYLE):
        figure, places = panels(len(datasets), len(counts), 1.75, 2.2, sharey="row", sharex=True)
        for row, dataset in zip(places, datasets, strict=True):
            for axes, count in zip(row, counts, strict=True):
                draw_depths(axes, drawn[(drawn["dataset"] == dataset) & (drawn["n_filters"] == count)])
                axes.set_yscale("log")
                depth_axis(axes, sorted(set(drawn["n_layers"])))
            plain_numbers(row[0], "y")  # shared
            row[0].set_ylabel(f"{dataset}\nloss")
        for axes, count in zip(places[0], counts, strict=True):
            axes.set_title(f"{count} filter{'s' if count > 1 else ''}")
        for axes in places[-1]:
            axes.set_xlabel("Residual layers")
        legend_below(figure, _depth_entries())
    return figure


def _depth_styles(layout):
    """Column, name and style of a layout's lines."""
    solid = {"linewidth": 1.5, "markersize": 4, **LAYOUTS[layout]}
    yield "validation_loss", f"{layout}, validation", solid
    yield "train_loss", f"{layout}, training", {**hollow(solid), "linewidth": 1.1, "linestyle": DASHES}


def draw_depths(axes, numbers):
    """Lines of one panel."""
    for layout in LAYOUTS:
        of_layout = numbers[numbers["layout"] == layout]
        for column, _, style in _depth_styles(layout):
            axes.plot(of_layout["n_layers"], of_layout[column], **style)


def _depth_entries():
    return [
        Line2D([], [], label=name, **style) for layout in LAYOUTS for _, name, style in _depth_styles(layout)
    ]


def plot_losses(figure, losses, edges):
    """A figure by its name, and the numbers behind it."""
    if figure == "depth":
        numbers = numbers_by_depth(losses)
        return plot_by_depth(numbers), numbers
    if figure == "q":
        numbers = numbers_by_q(losses, lambda nets: nets["validation_loss"], edges)
        return plot_by_q(numbers, "Validation loss", "log"), numbers
    numbers = numbers_by_q(losses, gap_of, edges)
    return plot_by_q(numbers, GAP_LABEL, "linear"), numbers


def main(argv=None):
    """Read the losses, write one figure and its numbers."""
    parser = stage_parser(__doc__, "mimic.shallow.plot_losses")
    parser.add_argument("--figure", choices=FIGURES, required=True, help="which figure")
    parser.add_argument("--losses", required=True, metavar="CSV", help="losses.csv of the grid")
    parser.add_argument("--q-edges", type=float, nargs="+", required=True, help="edges of intervals of Q")
    parser.add_argument("--png", required=True, help="figure for the screen")
    parser.add_argument("--svg", required=True, help="figure for print")
    parser.add_argument("--csv", required=True, help="numbers behind the figure")
    args = parser.parse_args(argv)
    edges = checked_edges(args.q_edges)
    figure, numbers = plot_losses(args.figure, read_losses(args.losses), edges)
    save_figure(figure, args.png, args.svg)
    write_csv(args.csv, numbers)


if __name__ == "__main__":
    sys.exit(run_stage(main))
