"""How the figures of the grid look: a row of panels a dataset; layouts, filters and orders told apart."""

import math

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator

from mimic.drawing import DASHES, FAINT, INK
from mimic.shallow.rows import REST

#: Colours of Okabe and Ito, told apart with every common colour blindness; marks tell apart in grey.
LAYOUTS = {
    "sequential": {"color": "#0072B2", "marker": "o"},
    "parallel": {"color": "#D55E00", "marker": "^"},
}
_ORDERS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
_MARKS = "osD^vPX"


def order_style(order):
    """Keyword arguments of ``Axes.plot`` for an order's line: grey for 0, black dashes for the rest."""
    if order == REST:
        return {"color": INK, "linestyle": DASHES, "marker": "*", "markersize": 6}
    k = int(order)
    colour = FAINT if k == 0 else _ORDERS[(k - 1) % len(_ORDERS)]
    return {"color": colour, "marker": _MARKS[k % len(_MARKS)], "markersize": 4.5}


def filter_styles(counts):
    """The same for the lines of filter counts: lighter is fewer."""
    ramp = matplotlib.colormaps["viridis_r"]
    n = max(len(counts) - 1, 1)
    return {
        count: {"color": ramp(0.12 + 0.88 * i / n), "marker": _MARKS[i % len(_MARKS)], "markersize": 4.5}
        for i, count in enumerate(counts)
    }


def hollow(style):
    """A style with hollow marks."""
    return {**style, "markerfacecolor": "white", "markeredgewidth": 1.1}


def panels(n_rows, n_columns, width, height, **shared):
    """A figure and its panels, an array of shape (n_rows, n_columns); inches a panel."""
    size = (0.7 + width * n_columns, 0.8 + height * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(n_rows, n_columns, squeeze=False, **shared)


def legend_below(figure, entries):
    """Legend below the panels, of as many columns as the figure's width holds."""
    for n_columns in range(len(entries), 0, -1):
        legend = figure.legend(handles=entries, loc="outside lower center", ncols=n_columns, frameon=False)
        figure.draw_without_rendering()
        if n_columns == 1 or legend.get_window_extent().width <= figure.bbox.width:
            return
        legend.remove()


def depth_axis(axes, depths):
    """Log x axis with one tick a depth that occurs."""
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(depths))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(depths, [str(depth) for depth in depths])
    axes.margins(x=0.12)


def plain_numbers(axes, name):
    """Ticks of a log axis, ``x`` or ``y``, written out, as many as suit its limits; once all is drawn."""
    low, high = getattr(axes, f"get_{name}lim")()
    decades = math.log10(high / low)
    subs = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0) if decades < 0.9 else (1.0, 3.0) if decades < 3 else (1.0,)
    axis = getattr(axes, f"{name}axis")
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def nothing_to_draw(text):
    """A figure that says why it is empty."""
    figure = Figure(figsize=(5.0, 1.5))
    figure.text(0.5, 0.5, text, ha="center", va="center", color=INK)
    return figure
