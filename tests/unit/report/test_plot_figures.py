"""The figures: what is drawn is what the CSV says, and the same trials give the same bytes."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mimic.report import drawing, plot_figure1, plot_figure2
from mimic.report.curves import figure1_numbers, figure2_numbers
from mimic.report.members import read_ensemble
from mimic.report.trials import read_studies, read_teachers


@pytest.fixture
def run_files(a_trial, a_teacher, write_study, write_ensemble):
    """Paths of a small run: students, hard-label nets, teachers, ensemble."""

    def make(families, budgets, hard_budget=None, n_trials=2):
        def trials(family, budget, base, **more):
            accuracies = [round(base - 0.01 * trial, 4) for trial in range(n_trials)]
            return [
                a_trial(i, family=family, budget=budget, validation_accuracy=a, test_accuracy=a, **more)
                for i, a in enumerate(accuracies)
            ]

        students = [
            write_study(*trials(family, budget, (0.8 if "cnn" in family else 0.5) + 0.02 * i + 0.03 * j))
            for i, family in enumerate(families)
            for j, budget in enumerate(budgets)
        ]
        hard = [
            write_study(*trials(family, hard_budget, 0.75, loss="cross_entropy"))
            for family in families
            if hard_budget and "cnn" in family
        ]
        return students, hard, write_study(a_teacher(0, test_accuracy=0.9)), write_ensemble([0])

    return make


def numbers_of(students, hard, teachers, ensemble):
    teachers = read_teachers(teachers)
    studies = read_studies(students, "logit_l2", "students")
    hard = read_studies(hard, "cross_entropy", "hard-label nets")
    return figure1_numbers(studies, hard, teachers, read_ensemble(ensemble, teachers))


def lines_of(axes, colour, style="-"):
    """(x, y) of every drawn line of a colour and style with more than one point."""
    lines = [line for line in axes.lines if line.get_color() == colour and line.get_linestyle() == style]
    return [(list(line.get_xdata()), list(line.get_ydata())) for line in lines if len(line.get_xdata()) > 1]


def texts_of(figure):
    axes_texts = [text.get_text() for axes in figure.axes for text in axes.texts]
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
    return axes_texts, [text.get_text() for legend in legends for text in legend.get_texts()]


def test_figure_1_draws_the_means_solid_and_best_and_fifth_dashed(run_files):
    frame = numbers_of(*run_files(["cnn1", "mlp2"], ["1M", "10M", "100M"], "10M"))
    axes = plot_figure1.plot_figure1(frame).axes[0]
    rows = frame[(frame["series"] == "student") & (frame["family"] == "mlp2")]
    x = [1e6, 1e7, 1e8]
    assert lines_of(axes, drawing.COLOURS["mlp2"]) == [(x, list(rows["mean_pct"]))]
    dashed = lines_of(axes, drawing.COLOURS["mlp2"], "--")
    assert dashed == [(x, list(rows["best_pct"])), (x, list(rows["fifth_pct"]))]
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["1M", "10M", "100M"]
    assert axes.get_ylabel() == "Test accuracy (%)"


def test_figure_1_draws_hard_label_nets_as_short_lines_at_their_budget(run_files):
    frame = numbers_of(*run_files(["cnn1", "mlp2"], ["1M", "10M"], "10M"))
    axes = plot_figure1.plot_figure1(frame).axes[0]
    short = [(x, y) for x, y in lines_of(axes, drawing.COLOURS["cnn1"]) if y == [75.0, 75.0]]
    assert len(short) == 1
    x = short[0][0]
    assert 9e6 < x[0] < 1e7 < x[1] < 1.2e7
    assert x[0] * x[1] == pytest.approx(1e14)


def test_figure_1_draws_hard_label_nets_of_one_budget_side_by_side(run_files):
    frame = numbers_of(*run_files(["cnn1", "cnn2", "cnn3"], ["1M", "10M"], "10M"))
    axes = plot_figure1.plot_figure1(frame).axes[0]
    spans = [
        x
        for family in ("cnn1", "cnn2", "cnn3")
        for x, y in lines_of(axes, drawing.COLOURS[family])
        if y == [75.0, 75.0]
    ]
    assert len(spans) == 3
    assert spans[0][1] < spans[1][0] < 1e7 < spans[1][1] < spans[2][0]


def test_figure_1_draws_ensemble_and_best_teacher_across(run_files):
    frame = numbers_of(*run_files(["cnn1"], ["1M", "10M"]))
    axes = plot_figure1.plot_figure1(frame).axes[0]
    across = {line.get_ydata()[0] for line in axes.lines if list(line.get_xdata()) == [0, 1]}
    assert across == {93.8, 90.0}


def test_figure_1_names_a_gap_where_both_sides_exist(run_files):
    frame = numbers_of(*run_files(["cnn1", "mlp2"], ["1M", "10M"], "10M"))
    drawn, _ = texts_of(plot_figure1.plot_figure1(frame))
    # cnn1 83 at 10M, mlp2 55, cnn1 on hard labels 75
    assert [text for text in drawn if text] == [
        "convolutional gap\n28.0 points",
        "compression gap\n8.0 points",
    ]
    frame = numbers_of(*run_files(["cnn1"], ["1M", "10M"]))
    drawn, legend = texts_of(plot_figure1.plot_figure1(frame))
    assert not any("gap" in text for text in [*drawn, *legend])


def test_a_gap_without_room_is_named_in_the_legend(run_files, a_trial, write_study):
    students, _, teachers, ensemble = run_files(["mlp2"], ["1M"])
    close = write_study(a_trial(0, family="cnn1", budget="1M", test_accuracy=0.51))
    drawn, legend = texts_of(
        plot_figure1.plot_figure1(numbers_of([*students, close], [], teachers, ensemble))
    )
    assert not any("gap" in text for text in drawn)
    assert "convolutional gap, 1.0 points at 1M" in legend


@pytest.mark.parametrize("n_trials", [2, 5])
def test_the_legend_says_whether_the_means_are_over_five_trials(run_files, n_trials):
    frame = numbers_of(*run_files(["cnn1"], ["1M", "10M"], n_trials=n_trials))
    _, legend = texts_of(plot_figure1.plot_figure1(frame))
    assert ("mean of the 5 best trials" in legend) == (n_trials == 5)
    assert ("mean of the best trials, 5 at most" in legend) == (n_trials == 2)


def test_with_one_budget_the_families_stand_side_by_side(run_files):
    families = ["mlp1", "mlp2", "mlp3", "cnn1", "cnn2"]
    students, *rest = run_files(families, ["1M"])
    for figure in (
        plot_figure1.plot_figure1(numbers_of(students, *rest)),
        plot_figure2.plot_figure2(figure2_numbers(read_studies(students, "logit_l2", "students"))),
    ):
        for axes in figure.axes:
            marks = [line for line in axes.lines if line.get_marker() in set("os^Dv")]
            places = [line.get_xdata()[0] for line in marks]
            assert len(places) > 1
            assert len(set(places)) == len(places)
            assert np.exp(np.mean(np.log(places))) == pytest.approx(1e6)
            low, high = axes.get_xlim()
            assert low < min(places) < max(places) < high


def test_no_two_families_share_colour_and_marker_and_mlps_are_hollow():
    styles = {family: drawing.family_style(family) for family in drawing.COLOURS}
    assert len({style["color"] for style in styles.values()}) == 9
    for kind in ("mlp", "cnn"):
        markers = [style["marker"] for family, style in styles.items() if family.startswith(kind)]
        assert len(set(markers)) == len(markers)
    assert all(
        (style["markerfacecolor"] == "white") == family.startswith("mlp") for family, style in styles.items()
    )


def test_figure_2_has_a_panel_for_each_kind_that_is_there(run_files):
    students, *_ = run_files(["cnn1", "cnn4", "mlp1"], ["1M", "100M"])
    frame = figure2_numbers(read_studies(students, "logit_l2", "students"))
    cnn, mlp = plot_figure2.plot_figure2(frame).axes
    assert [lines_of(cnn, drawing.COLOURS[f])[0][1] for f in ("cnn1", "cnn4")] == [[80.0, 83.0], [82.0, 85.0]]
    assert lines_of(mlp, drawing.COLOURS["mlp1"]) == [([1e6, 1e8], [54.0, 57.0])]
    assert len(plot_figure2.plot_figure2(frame[frame["family"] == "mlp1"]).axes) == 1


def test_a_study_that_diverged_leaves_a_hole_and_no_error(run_files, a_trial, write_study):
    students, *rest = run_files(["cnn1"], ["1M", "100M"])
    students.append(write_study(a_trial(0, family="cnn1", budget="10M", status="diverged")))
    students.append(write_study(a_trial(0, family="mlp1", budget="10M", status="diverged")))
    axes = plot_figure1.plot_figure1(numbers_of(students, *rest)).axes[0]
    (_, means), *_ = lines_of(axes, drawing.COLOURS["cnn1"])
    assert [np.isnan(mean) for mean in means] == [False, True, False]
    assert plot_figure2.plot_figure2(figure2_numbers(read_studies(students, "logit_l2", "students")))


def test_the_same_trials_give_the_same_bytes_of_every_file(run_files, tmp_path):
    students, hard, teachers, ensemble = run_files(["mlp1", "cnn1"], ["1M", "10M"], "10M")

    def files(name, order):
        names = {suffix: tmp_path / f"{name}.{suffix}" for suffix in ("png", "svg", "csv")}
        outputs = [word for suffix, path in names.items() for word in (f"--{suffix}", str(path))]
        inputs = ["--studies", *students[::order]]
        if name.startswith("figure1"):
            inputs += ["--hard-studies", *hard[::order], "--teachers", teachers, "--ensemble", ensemble]
        (plot_figure1 if name.startswith("figure1") else plot_figure2).main([*inputs, *outputs])
        return {suffix: path.read_bytes() for suffix, path in names.items()}

    for figure in ("figure1", "figure2"):
        first = files(f"{figure}-a", 1)
        assert first == files(f"{figure}-b", -1)
        assert b"<dc:date>" not in first["svg"]
        assert min(Image.open(io.BytesIO(first["png"])).size) > 800
        frame = pd.read_csv(io.BytesIO(first["csv"]))
        assert set(frame.loc[frame["series"] == "student", "family"]) == {"mlp1", "cnn1"}
