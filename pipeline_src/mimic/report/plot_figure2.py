"""Figure 2 of Urban et al.: best accuracy of CNNs and of MLPs at every budget of the config.

Reading: the paper extends Figure 1 to 100M parameters; any budgets may be given here. CNNs and MLPs get a
panel each with an accuracy axis of its own, so that what depth buys can be read within a kind.
"""

import sys

import matplotlib
from matplotlib.figure import Figure

from mimic.cli import run_stage, stage_parser
from mimic.config.families import CNN_FAMILIES, MLP_FAMILIES
from mimic.drawing import STYLE, save_figure
from mimic.report import drawing
from mimic.report.curves import figure2_numbers
from mimic.report.trials import read_studies
from mimic.tables import write_csv


def plot_figure2(numbers):
    """The figure: a panel a kind of net, a line a family, test accuracy of each study's best trial.

    Parameters
    ----------
    numbers : DataFrame
        From `mimic.report.curves.figure2_numbers`.

    Returns
    -------
    matplotlib Figure
    """
    budgets = drawing.budgets_of(numbers)
    kinds = [("CNN students", CNN_FAMILIES), ("MLP students", MLP_FAMILIES)]
    panels = [(title, drawing.families_of(numbers, kind)) for title, kind in kinds]
    panels = [(title, families) for title, families in panels if families]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(4.6 * len(panels), 4.6), layout="constrained")
        figure.get_layout_engine().set(w_pad=0.12)
        for axes, (title, families) in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            draw_panel(axes, numbers, title, families, budgets)
    return figure


def draw_panel(axes, numbers, title, families, budgets):
    """One kind of net, its legend below."""
    place = drawing.places(families, budgets)
    for family in families:
        rows = numbers[numbers["family"] == family]
        x = rows["n_parameters"].to_numpy(float) * place[family]
        axes.plot(x, rows["best_pct"], linewidth=1.6, **drawing.family_style(family))
    drawing.parameter_axis(axes, budgets, len(families))
    axes.set_ylabel("Test accuracy of the best trial (%)")
    axes.set_title(title, loc="left", fontsize=10, fontweight="bold")
    axes.margins(y=0.08)
    axes.legend(
        handles=drawing.family_entries(numbers, families),
        loc="upper left",
        bbox_to_anchor=(0, -0.14),
        frameon=False,
    )


def main(argv=None):
    """Read the students' trials, write the figure and its numbers."""
    parser = stage_parser(__doc__, "mimic.report.plot_figure2")
    parser.add_argument("--studies", nargs="+", required=True, metavar="CSV", help="trials.csv of each study")
    parser.add_argument("--png", required=True, help="figure for the screen")
    parser.add_argument("--svg", required=True, help="figure for print")
    parser.add_argument("--csv", required=True, help="numbers behind the figure")
    arguments = parser.parse_args(argv)

    numbers = figure2_numbers(read_studies(arguments.studies, "logit_l2", "students that mimic"))
    save_figure(plot_figure2(numbers), arguments.png, arguments.svg)
    write_csv(arguments.csv, numbers)


if __name__ == "__main__":
    sys.exit(run_stage(main))
