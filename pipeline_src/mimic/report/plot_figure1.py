"""Figure 1 of Urban et al.: accuracy of the students against their number of parameters."""

import sys

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke

from mimic.cli import run_stage, stage_parser
from mimic.config.families import CNN_FAMILIES, MLP_FAMILIES
from mimic.drawing import DASH_DOT, DASHES, DOTS, FAINT, INK, STYLE, heading, save_figure
from mimic.report import drawing
from mimic.report.curves import N_BEST, figure1_numbers
from mimic.report.members import read_ensemble
from mimic.report.trials import read_studies, read_teachers
from mimic.tables import write_csv

REFERENCES = {
    "ensemble": {"color": INK, "linewidth": 1.2, "linestyle": DASH_DOT},
    "teacher": {"color": INK, "linewidth": 1.2, "linestyle": DOTS},
}


def plot_figure1(numbers):
    """The figure.

    Solid: mean of the five best trials of a study. Dashed: best and fifth. Short horizontal lines: the same
    net trained on hard labels, at its budget. Lines across: best single teacher and ensemble.

    Parameters
    ----------
    numbers : DataFrame
        From `mimic.report.curves.figure1_numbers`.

    Returns
    -------
    matplotlib Figure
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.2, 5.0), layout="constrained")
        axes = figure.add_subplot()
        budgets = drawing.budgets_of(numbers)
        families = drawing.families_of(numbers)
        place = drawing.places(families, budgets)
        decades = drawing.parameter_axis(axes, budgets, len(families))
        axes.set_ylabel("Test accuracy (%)")
        axes.margins(y=0.06)
        for family in families:
            draw_student(axes, numbers, family, place[family])
        hard = numbers[numbers["series"] == "hard_label"]
        for row in hard.itertuples():
            # side by side, since nets of one budget are often equally good
            others = hard.loc[hard["budget"] == row.budget, "family"].tolist()
            shift = 0.024 * decades * (others.index(row.family) - (len(others) - 1) / 2)
            draw_hard_label(axes, row, place.get(row.family, 1.0) * 10**shift, half=10 ** (0.0115 * decades))
        for series, style in REFERENCES.items():
            for row in rows_of(numbers, series):
                axes.axhline(row.best_pct, zorder=1, **style)
        drawn = draw_gaps(axes, numbers, place, aside=10 ** (0.014 * decades))
        figure.legend(handles=legend_entries(numbers, drawn), loc="outside right upper", frameon=False)
    return figure


def rows_of(numbers, series):
    """Rows of one series, as named tuples."""
    return numbers[numbers["series"] == series].itertuples()


def draw_student(axes, numbers, family, place):
    """One family's lines; at a lone budget a whisker from the fifth to the best."""
    rows = numbers[(numbers["series"] == "student") & (numbers["family"] == family)]
    x = rows["n_parameters"].to_numpy(float) * place
    colour = drawing.COLOURS[family]
    axes.plot(x, rows["mean_pct"], linewidth=1.6, zorder=3, **drawing.family_style(family))
    for column in ("best_pct", "fifth_pct"):
        axes.plot(x, rows[column], linewidth=0.8, linestyle=DASHES, color=colour, zorder=2)
    if rows["mean_pct"].notna().sum() == 1:
        axes.vlines(x, rows["fifth_pct"], rows["best_pct"], color=colour, linewidth=0.8, linestyle="--")
        for column in ("best_pct", "fifth_pct"):
            axes.plot(x, rows[column], marker="_", markersize=7, color=colour, linestyle="none", zorder=2)


def draw_hard_label(axes, row, place, half):
    """A short thick line by the budget of a net trained on hard labels, a factor `half` to either side."""
    x = row.n_parameters * place
    colour = drawing.COLOURS[row.family]
    # The white rim keeps it apart from a student's line of the same height.
    rim = [withStroke(linewidth=5, foreground="white")]
    line = {"linewidth": 3, "color": colour, "solid_capstyle": "butt", "path_effects": rim}
    axes.plot([x / half, x * half], [row.best_pct] * 2, zorder=3.5, **line)


def gap_label(row):
    """What a gap is called, with its size."""
    points = f"{row.gap_points:.1f}".replace("-", "\N{MINUS SIGN}")
    return f"{row.series.replace('_', ' ')}\n{points} points"


def draw_gaps(axes, numbers, place, aside):
    """Arrows over the gaps, named, where there is room; `aside` is how far from the marks, as a factor.

    Returns
    -------
    set of str
        Series that were drawn; the legend names the others.
    """
    students = numbers[numbers["series"] == "student"]
    low, high = axes.get_ylim()
    label_height = 0.12 * (high - low)
    drawn, ceiling = set(), {}
    for row in numbers[numbers["gap_points"] > 0].itertuples():
        here = students[students["budget"] == row.budget]
        top = here.loc[here["family"] == row.family, "best_pct"].item()
        bottom = top - row.gap_points
        x = row.n_parameters * place[row.family]
        if row.series == "convolutional_gap":
            # The wide gap has room for its name beside the arrow, the narrow one only below; the name stands
            # low, since the narrow gap may hang from the same CNN.
            y = bottom + max(0.3 * (top - bottom), label_height / 2)
            room, x, position = top - bottom, x * aside, (y, "center")
            ceiling[row.budget] = y + label_height / 2
        else:
            below = [low, ceiling.get(row.budget, low), *here.loc[here["best_pct"] < bottom, "best_pct"]]
            room, x = min(bottom - max(below), 4 * (top - bottom)), x / aside
            position = (bottom - 0.01 * (high - low), "top")
        if room > label_height:
            drawn.add(row.series)
            arrow = {"arrowstyle": "<->", "color": INK, "linewidth": 0.9, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (x, bottom), (x, top), arrowprops=arrow, zorder=4)
            y, vertical = position
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.85}
            style = {"fontsize": 8, "color": INK, "bbox": box, "zorder": 2.2}
            right = x / aside**0.5 if vertical == "center" else x * aside
            axes.text(right, y, gap_label(row), ha="right", va=vertical, **style)
    return drawn


def legend_entries(numbers, drawn):
    """Headed legend: families, line styles, references, and the gaps that are not among the `drawn`."""
    entries = []
    students = numbers[numbers["series"] == "student"]
    for title, kind in (("CNN students", CNN_FAMILIES), ("MLP students", MLP_FAMILIES)):
        families = drawing.families_of(numbers, kind)
        if families:
            entries += [heading(title), *drawing.family_entries(students, families)]
    full = (students["n_best"] == N_BEST).all()
    mean = f"mean of the {N_BEST} best trials" if full else f"mean of the best trials, {N_BEST} at most"
    fifth = "best and fifth" if full else "best and last of them"
    grey = {"color": FAINT}
    entries += [
        heading("Lines"),
        Line2D([], [], linewidth=1.6, label=mean, **grey),
        Line2D([], [], linewidth=0.8, linestyle=DASHES, label=fifth, **grey),
    ]
    if len(numbers[numbers["series"] == "hard_label"]):
        entries.append(Line2D([], [], linewidth=3, label="trained on hard labels", **grey))
    for series, style in REFERENCES.items():
        for row in rows_of(numbers, series):
            entries.append(Line2D([], [], label=f"{row.model}, {row.best_pct:.1f} %", **style))
    gaps = [row for row in numbers[numbers["gap_points"].notna()].itertuples() if row.series not in drawn]
    if gaps:
        entries.append(heading("Gaps"))
        for row in gaps:
            label = f"{gap_label(row)} at {row.budget}".replace("\n", ", ")
            entries.append(Line2D([], [], linestyle="none", label=label))
    return entries


def main(argv=None):
    """Read trials and ensemble, write the figure and its numbers."""
    parser = stage_parser(__doc__, "mimic.report.plot_figure1")
    parser.add_argument("--studies", nargs="+", required=True, metavar="CSV", help="trials.csv of each study")
    parser.add_argument(
        "--hard-studies", nargs="*", default=[], metavar="CSV", help="trials.csv of each hard-label study"
    )
    parser.add_argument("--teachers", required=True, metavar="CSV", help="trials.csv of the teachers")
    parser.add_argument("--ensemble", required=True, metavar="JSON", help="members.json")
    parser.add_argument("--png", required=True, help="figure for the screen")
    parser.add_argument("--svg", required=True, help="figure for print")
    parser.add_argument("--csv", required=True, help="numbers behind the figure")
    arguments = parser.parse_args(argv)

    studies = read_studies(arguments.studies, "logit_l2", "students that mimic")
    hard_studies = read_studies(arguments.hard_studies, "cross_entropy", "nets trained on hard labels")
    teachers = read_teachers(arguments.teachers)
    ensemble = read_ensemble(arguments.ensemble, teachers)
    numbers = figure1_numbers(studies, hard_studies, teachers, ensemble)
    save_figure(plot_figure1(numbers), arguments.png, arguments.svg)
    write_csv(arguments.csv, numbers)


if __name__ == "__main__":
    sys.exit(run_stage(main))
