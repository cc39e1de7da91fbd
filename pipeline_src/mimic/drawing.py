"""How all figures look: one style, inks and dashes, and files that are reproducible."""

import matplotlib
from matplotlib.lines import Line2D

from mimic.artifact import written_whole

INK, FAINT = "#333333", "#777777"
DASHES, DASH_DOT, DOTS = (0, (4, 2.5)), (0, (7, 2, 1, 2)), (0, (1, 1.5))
STYLE = {
    "svg.hashsalt": "mimic",  # else the ids in the SVG are random
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same on every machine
    "font.size": 9,
    "axes.labelsize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.7,
    "legend.fontsize": 8,
}


def heading(text):
    """Legend entry that is only a heading."""
    return Line2D([], [], linestyle="none", label=rf"$\bf{{{text.replace(' ', chr(92) + ' ')}}}$")


def save_figure(figure, png, svg):
    """Write PNG and SVG, whole or not at all; the same figure gives the same bytes."""
    with matplotlib.rc_context(STYLE):
        with written_whole(png) as temporary:
            figure.savefig(temporary, format="png", dpi=200, metadata={"Software": None})
        with written_whole(svg) as temporary:
            figure.savefig(temporary, format="svg", metadata={"Date": None})
