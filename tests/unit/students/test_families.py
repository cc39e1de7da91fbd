from pathlib import Path

import pytest
import yaml

from mimic.cli import InputError
from mimic.config.base import WidthRange
from mimic.config.students import StudySettings
from mimic.config.whole import load
from mimic.models.architecture import count_parameters, notation
from mimic.models.student_cnn import cnn_architecture
from mimic.students.families import (
    Study,
    architecture_at,
    bounds_at,
    check_studies,
    layer_widths,
    parse_study,
    student_architecture,
    studies_of,
    study_settings,
)

REPOSITORY = Path(__file__).parents[3]
CONFIG = load(yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8")))
STUDENTS = CONFIG.students


def with_bounds(bounds, multiple=1):
    return StudySettings(
        bounds={name: WidthRange(low=low, high=high) for name, (low, high) in bounds.items()},
        bounds_source="tabled",
        width_multiple=multiple,
        weight_decay=0.0,
        training=STUDENTS.training,
    )


def with_table(family, table, **changes):
    """The students' settings with a table of bounds of their own for one family."""
    bounds = {
        label: {name: WidthRange(low=low, high=high) for name, (low, high) in widths.items()}
        for label, widths in table.items()
    }
    return STUDENTS.model_copy(update={"width_bounds": {family: bounds}} | changes)


def test_the_paper_makes_forty_studies():
    names = [study.name for study in studies_of(STUDENTS)]
    assert len(names) == len(set(names)) == 40
    assert names[:2] == ["mlp1-1M", "mlp1-3.16M"]
    assert names[-4:] == ["cnn1-10M-hard", "cnn2-10M-hard", "cnn3-10M-hard", "cnn4-10M-hard"]


@pytest.mark.parametrize("study", studies_of(STUDENTS), ids=lambda study: study.name)
def test_a_study_s_name_names_it(study):
    assert parse_study(study.name) == study


@pytest.mark.parametrize(
    "name", ["", "cnn2", "cnn2-10", "cnn5-10M", "cnn2-10M-soft", "cnn2-0M", "cnn2-1.2.3M", "cnn2-10M/.."]
)
def test_a_name_of_no_study_is_refused(name):
    with pytest.raises(InputError, match="expected FAMILY-BUDGET"):
        parse_study(name)


def test_bounds_at_a_tabled_budget_are_the_table_s():
    tabled = {"conv1": (200, 600), "hidden": (1000, 4100)}
    assert bounds_at(STUDENTS, "cnn1", 31_600_000) == (tabled, "tabled")
    assert bounds_at(STUDENTS.hard_label, "cnn2", 10**7)[0] == {"conv1": (50, 500), "conv2": (100, 400)}


def test_bounds_half_way_in_the_logarithm_are_geometric_means():
    small, large = {"conv1": (10, 40), "conv2": (20, 80)}, {"conv1": (1000, 4000), "conv2": (80, 320)}
    settings = with_table("cnn2", {"100k": small, "10M": large})
    bounds, source = bounds_at(settings, "cnn2", 1_000_000)
    assert bounds == {"conv1": (100, 400), "conv2": (40, 160)}
    assert source == "interpolated between 100,000 and 10,000,000 parameters"


def test_only_the_two_nearest_budgets_count():
    near = {"1M": {"hidden": (10, 20)}, "4M": {"hidden": (40, 80)}}
    far = {"100k": {"hidden": (900, 901)}, "100M": {"hidden": (1, 2)}}
    assert bounds_at(with_table("mlp1", near | far), "mlp1", 2_000_000)[0] == {"hidden": (20, 40)}


def test_outside_the_table_bounds_grow_with_the_square_root():
    settings = with_table("mlp1", {"1M": {"hidden": (10, 40)}, "4M": {"hidden": (30, 90)}})
    assert bounds_at(settings, "mlp1", 36_000_000)[0] == {"hidden": (90, 270)}
    bounds, source = bounds_at(settings, "mlp1", 40_000)
    assert bounds == {"hidden": (2, 8)}
    assert source == "scaled from 1,000,000 parameters with the square root of the budget"
    assert bounds_at(settings, "mlp1", 100)[0] == {"hidden": (1, 1)}


def test_scaled_bounds_stay_below_the_widest_layer():
    settings = study_settings(STUDENTS, Study("mlp1", "999999M", False))
    assert settings.bounds["hidden"].high == 1_000_000


def test_perceptrons_with_several_layers_have_no_bounds():
    assert bounds_at(STUDENTS, "mlp3", 1_000_000)[0] == {}


def test_a_family_without_bounds_or_with_those_of_another_is_refused():
    with pytest.raises(InputError, match="no bounds for family cnn2"):
        bounds_at(with_table("mlp1", {"1M": {"hidden": (1, 2)}}), "cnn2", 10**6)
    wrong = with_table("cnn2", {"1M": {"conv1": (1, 2), "conv3": (1, 2)}})
    with pytest.raises(InputError, match=r"width_bounds.cnn2.1M: expected layers \['conv1', 'conv2'\], got"):
        bounds_at(wrong, "cnn2", 10**6)


@pytest.mark.parametrize(
    ("c1", "c2", "start"),
    [
        (0.0, 1.0, "50c-mp-50c-350c-mp-350c-mp-"),
        (0.5, 0.25, "175c-mp-175c-125c-mp-125c-mp-"),
        (1.0, 0.0, "300c-mp-300c-50c-mp-50c-mp-"),
    ],
)
def test_a_constant_maps_linearly_to_the_bounds(c1, c2, start):
    """Bounds of cnn4 at 10M: 50 to 300 for the first two layers, 50 to 350 for the others."""
    study = Study("cnn4", "10M", False)
    net = student_architecture(study, study_settings(STUDENTS, study), {"C1": c1, "C2": c2}, 10)
    assert notation(net).startswith(start)


def test_a_small_perceptron_is_solved_by_hand():
    """3072 b + (b + 1) h + 10 (h + 1) with h = 100: 3172 b + 1110 <= 100,000 gives b = 31."""
    study = Study("mlp1", "100k", False)
    net = student_architecture(study, with_bounds({"hidden": (100, 200)}), {"C1": 0.0}, 10)
    assert notation(net) == "31lfc-100fc"
    assert count_parameters(net) == 3172 * 31 + 1110


def test_conv_widths_are_multiples_where_asked_and_hidden_ones_are_not():
    study = Study("cnn1", "10M", False)
    settings = with_bounds({"conv1": (50, 450), "hidden": (501, 20_000)}, multiple=8)
    for constant, conv1 in ((0.0, 48), (0.013, 56), (0.5, 248), (1.0, 448)):
        text = notation(student_architecture(study, settings, {"C1": constant, "C2": 0.0}, 10))
        assert text.startswith(f"{conv1}c-mp-")
        assert text.endswith("-501fc")


@pytest.mark.parametrize("multiple", [1, 8, 64])
def test_free_layers_that_exceed_the_budget_are_drawn_in(multiple):
    """All of cnn4's convolutions at 300 filters have 6.8 million parameters: too many for a million."""
    study = Study("cnn4", "1M", False)
    settings = with_bounds({f"conv{i}": (32, 300) for i in (1, 2, 3, 4)}, multiple)
    net = student_architecture(study, settings, {"C1": 1.0, "C2": 1.0}, 10)
    filters = [layer.filters for layer in net.layers if layer.kind == "conv"]
    assert all(32 <= n < 300 for n in filters)
    assert all(n % multiple == 0 for n in filters)
    assert filters[0] == filters[1] == filters[2] == filters[3]
    # one multiple more in the four layers would not leave a unit for the hidden one
    wider = {f"conv{i}": n + multiple for i, n in enumerate(filters, start=1)}
    assert count_parameters(net) <= 1_000_000
    assert count_parameters(cnn_architecture("cnn4", wider | {"hidden": 1}, 10)) > 1_000_000


@pytest.mark.parametrize(
    ("family", "budget"),
    [("cnn1", "0.1k"), ("cnn4", "0.1k"), ("mlp1", "3k"), ("mlp5", "3k"), ("cnn2", "0.1k")],
)
def test_an_impossible_budget_is_refused_with_the_study_the_smallest_net_and_the_budget(family, budget):
    settings = STUDENTS.model_copy(update={"families": [family], "budgets": [budget]})
    with pytest.raises(InputError) as error:
        check_studies(settings, 10)
    study = Study(family, budget, False)
    message = str(error.value)
    assert message.startswith(f"study {study.name}: the smallest net")
    assert f"more than the budget of {study.budget:,}" in message
    smallest = int(message.split(" has ")[1].split(" ")[0].replace(",", ""))
    assert smallest > study.budget
    assert "\n" not in message


def test_the_smallest_net_that_is_named_can_be_built():
    """3*25*5+5, 5*25*20+20, one hidden unit on 20*8*8 inputs, ten logits of one input."""
    settings, lowest = with_bounds({"conv1": (5, 9), "conv2": (20, 30)}), {"C1": 0.0, "C2": 0.0}
    smallest = 380 + 2520 + 1281 + 20
    with pytest.raises(InputError, match="within its width bounds has 4,201 parameters, more than"):
        student_architecture(Study("cnn2", "4.2k", False), settings, lowest, 10)
    net = student_architecture(Study("cnn2", "4.201k", False), settings, lowest, 10)
    assert count_parameters(net) == smallest


def test_all_studies_of_the_paper_can_be_built():
    check_studies(STUDENTS, 10)
    check_studies(STUDENTS, 100)


def test_widths_of_the_command_line_are_taken_in_forward_order():
    net = architecture_at(Study("cnn4", "10M", False), [128, 129, 192, 193], 10)
    assert notation(net).startswith("128c-mp-129c-192c-mp-193c-mp-")
    assert notation(architecture_at(Study("mlp3", "1M", False), [200, 100], 10)).startswith("200fc-100fc-")
    assert layer_widths(Study("cnn1", "1M", False), [5, 6]) == {"conv1": 5, "hidden": 6}


@pytest.mark.parametrize(("family", "n"), [("cnn1", 2), ("cnn2", 2), ("cnn4", 4), ("mlp1", 1), ("mlp5", 4)])
def test_widths_too_many_or_too_few_are_refused(family, n):
    study = Study(family, "10M", False)
    architecture_at(study, [20] * n, 10)
    for wrong in (n - 1, n + 1):
        with pytest.raises(InputError, match=f"{family}: expected {n} widths .*, got {wrong}"):
            architecture_at(study, [20] * wrong, 10)


def test_given_widths_beyond_the_budget_are_refused():
    with pytest.raises(InputError, match="study cnn2-10k: the smallest net has"):
        architecture_at(Study("cnn2", "10k", False), [100, 100], 10)
    with pytest.raises(InputError, match="study cnn1-1000M: the largest net"):
        architecture_at(Study("cnn1", "1000M", False), [1, 1], 10)


def test_hard_label_nets_have_dropout_and_students_none():
    rates = {"dropout_conv1": 0.1, "dropout_conv2": 0.2, "dropout_conv3": 0.3, "dropout_fc1": 0.4}
    for family, expected in (("cnn1", [0.1, 0.4]), ("cnn2", [0.1, 0.2, 0.4]), ("cnn4", [0.1, 0.2, 0.3, 0.4])):
        study = Study(family, "10M", True)
        settings = study_settings(STUDENTS, study)
        net = student_architecture(study, settings, {"C1": 0.5, "C2": 0.5, **rates}, 10)
        assert [layer.rate for layer in net.layers if layer.kind == "dropout"] == expected
        plain = student_architecture(study, settings, {"C1": 0.5, "C2": 0.5}, 10)
        assert notation(plain) == notation(net)


def test_a_study_s_slice_holds_what_its_group_says():
    student = study_settings(STUDENTS, Study("cnn2", "10M", False))
    hard = study_settings(STUDENTS, Study("cnn2", "10M", True))
    assert (student.weight_decay, hard.weight_decay) == (0.0, 2e-4)
    assert student.bounds["conv2"] == WidthRange(low=20, high=120)
    assert hard.bounds["conv2"] == WidthRange(low=100, high=400)
    assert student.bounds_source == "tabled"
