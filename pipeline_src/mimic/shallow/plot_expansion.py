"""Orders of the trained sequential nets: how much the first one, which is the parallel net, explains.

Concatenates the groups' expansions, and draws them against depth.
"""

import sys

import matplotlib
import pandas as pd
from matplotlib.lines import Line2D

from mimic.cli import InputError, run_stage, stage_parser
from mimic.drawing import FAINT, STYLE, heading, save_figure
from mimic.shallow.panels import (
    depth_axis,
    filter_styles,
    nothing_to_draw,
    order_style,
    panels,
    plain_numbers,
)
from mimic.shallow.rows import REST, OrderRow, frame_of, read_table
from mimic.tables import write_csv

_LOWEST_SHARE = -1.0  # of the axis: worse than twice the distance of the net without residual layers
_KEYS = ["dataset", "n_filters", "n_layers", "kernel_size", "batch_norm", "net"]


def why_none(n_nets, layouts):
    """Why no net was expanded: what the config asks for, or how training ended.

    Parameters
    ----------
    n_nets : int
        Of each group, that were to be expanded.
    layouts : sequence of str
        Of the grid.

    Returns
    -------
    str
    """
    if not n_nets:
        return "No net was expanded: shallow.expansion.n_nets is 0."
    if "sequential" not in layouts:
        return "No net was expanded: shallow.grid.layout has no sequential nets."
    return "No net was expanded: every sequential net diverged."


def plot_expansion(orders, why_empty="No net was expanded."):
    """The figure: a row of panels a dataset, medians over nets as lines against depth.

    Left: share of F - T_0 that the first order explains, a line a filter count. Middle: norms of the orders.
    Right: accuracy of the nets truncated after an order, and of the whole nets.

    Parameters
    ----------
    orders : DataFrame
        See `mimic.shallow.rows.OrderRow`.
    why_empty : str
        What the figure says where there are no orders.

    Returns
    -------
    matplotlib Figure
    """
    datasets = sorted(set(orders["dataset"]))
    if not datasets:
        return nothing_to_draw(why_empty)
    with matplotlib.rc_context(STYLE):
        figure, places = panels(len(datasets), 3, 2.9, 2.5, sharex=True)
        for row, dataset in zip(places, datasets, strict=True):
            of_dataset = orders[orders["dataset"] == dataset]
            draw_shares(row[0], of_dataset)
            draw_norms(row[1], of_dataset)
            draw_accuracies(row[2], of_dataset)
            row[0].set_ylabel(f"{dataset}\nshare explained by order 1")
            row[1].set_ylabel("norm of the order, relative")
            row[2].set_ylabel("test accuracy up to the order")
            for axes in row:
                depth_axis(axes, sorted(set(orders["n_layers"])))
        for axes in places[-1]:
            axes.set_xlabel("Residual layers")
        figure.legend(handles=legend_entries(orders), loc="outside right upper", frameon=False)
    return figure


def medians(orders, column):
    """Median of a column by depth: (depths, values)."""
    found = orders.groupby("n_layers")[column].median().dropna()
    return found.index, found


def orders_in(orders):
    """Orders that occur, rising, the rest last."""
    return sorted(set(orders["order"]), key=lambda order: (order == REST, order == REST or int(order)))


def draw_shares(axes, orders):
    """Every net a faint mark, medians a line for each filter count."""
    first = orders[orders["order"] == "1"]
    styles = filter_styles(sorted(set(orders["n_filters"])))
    for count, style in styles.items():
        nets = first[first["n_filters"] == count]
        shares = nets["feature_share"].clip(lower=_LOWEST_SHARE)
        axes.plot(nets["n_layers"], shares, linestyle="none", alpha=0.25, zorder=2, **style)
        depths, values = medians(nets, "feature_share")
        axes.plot(depths, values.clip(lower=_LOWEST_SHARE), linewidth=1.5, zorder=3, **style)
    below = int((first["feature_share"] < _LOWEST_SHARE).sum())
    if below:
        text = f"{below} net{'s' if below > 1 else ''} below {_LOWEST_SHARE:g}"
        axes.text(0.03, 0.03, text, transform=axes.transAxes, fontsize=8, color=FAINT)


def draw_norms(axes, orders):
    """Medians over all nets, a line an order above 0; the rest where there are orders that it sums up."""
    axes.set_yscale("log")
    highest = max(int(order) for order in set(orders["order"]) - {REST})
    for order in orders_in(orders):
        nets = orders[orders["order"] == order]
        if order == REST:
            nets = nets[nets["n_layers"] > highest]
        if order != "0" and len(nets):
            axes.plot(*medians(nets, "feature_norm"), linewidth=1.5, **order_style(order))
    plain_numbers(axes, "y")


def draw_accuracies(axes, orders):
    """Medians over all nets, a line an order; the rest completes the net."""
    for order in orders_in(orders):
        nets = orders[orders["order"] == order]
        axes.plot(*medians(nets, "accuracy"), linewidth=1.5, **order_style(order))
    axes.set_ylim(bottom=0)


def legend_entries(orders):
    """Filter counts of the left panels, orders of the others."""
    entries = [heading("Filters")]
    for count, style in filter_styles(sorted(set(orders["n_filters"]))).items():
        entries.append(Line2D([], [], label=str(count), linewidth=1.5, **style))
    entries.append(heading("Orders"))
    for order in orders_in(orders):
        name = {"0": "0, no residual layer", "1": "1, side by side", REST: "higher; whole net"}
        entries.append(Line2D([], [], label=name.get(order, order), linewidth=1.5, **order_style(order)))
    return entries


def read_expansions(paths):
    """The groups' tables as one, by dataset, filters, layers, kernel, batch normalisation, net.

    Raises
    ------
    InputError
        If a table is broken, or an order of a net comes twice.
    """
    orders = pd.concat([frame_of([], OrderRow), *(read_table(path, OrderRow) for path in paths)])
    orders = orders.sort_values(_KEYS, kind="stable", ignore_index=True)
    twice = orders[orders.duplicated(["group", "net", "order"])]
    if len(twice):
        row = twice.iloc[0]
        raise InputError(
            f"--expansions: order {row['order']} of net {row['net']} of {row['group']} comes twice"
        )
    return orders


def main(argv=None):
    """Read the groups' expansions, write them as one, and the figure."""
    parser = stage_parser(__doc__, "mimic.shallow.plot_expansion")
    parser.add_argument(
        "--expansions", nargs="+", required=True, metavar="CSV", help="expansion.csv of each group"
    )
    parser.add_argument("--n-nets", type=int, required=True, help="nets of each group to be expanded")
    parser.add_argument("--layouts", nargs="+", required=True, help="layouts of the grid")
    parser.add_argument("--png", required=True, help="figure for the screen")
    parser.add_argument("--svg", required=True, help="figure for print")
    parser.add_argument(
        "--csv", required=True, help="all expansions, which are the numbers behind the figure"
    )
    args = parser.parse_args(argv)
    orders = read_expansions(args.expansions)
    save_figure(plot_expansion(orders, why_none(args.n_nets, args.layouts)), args.png, args.svg)
    write_csv(args.csv, orders)


if __name__ == "__main__":
    sys.exit(run_stage(main))
