"""Budgets are met in every cell of Table 2 and of Table 1, wherever the search looks."""

import dataclasses
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mimic.config.whole import load
from mimic.models.architecture import Architecture, count_parameters
from mimic.students.families import Study, bounds_at, student_architecture, studies_of, study_settings

REPOSITORY = Path(__file__).parents[2]
CONFIG = load(yaml.safe_load((REPOSITORY / "config.yaml").read_text(encoding="utf-8"))).students
DEPENDENT = {"mlp1": "bottleneck", "cnn1": "bottleneck"}  # the last dense layer in the others
RATES = {"dropout_conv1": 0.1, "dropout_conv2": 0.2, "dropout_conv3": 0.3, "dropout_fc1": 0.4}
constants = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
ratios = st.one_of(st.sampled_from([0.05, 1.0]), st.floats(0.05, 1))


@st.composite
def points(draw):
    point = {"C1": draw(constants), "C2": draw(constants)}
    return point | {f"ratio{i}": draw(ratios) for i in range(1, 6)}


def one_unit_more(net, family):
    """The same net with its dependent layer one unit wider."""
    kind = DEPENDENT.get(family, "dense")
    place = max(i for i, layer in enumerate(net.layers) if layer.kind == kind)
    layer = net.layers[place]
    wider = dataclasses.replace(layer, units=layer.units + 1)
    return Architecture((*net.layers[:place], wider, *net.layers[place + 1 :]), net.n_classes)


def check(study, study_slice, point, n_classes=10):
    net = student_architecture(study, study_slice, point | (RATES if study.hard_label else {}), n_classes)
    assert count_parameters(net) <= study.budget < count_parameters(one_unit_more(net, study.family))
    return net


@pytest.mark.parametrize("study", studies_of(CONFIG), ids=lambda study: study.name)
@settings(max_examples=12, deadline=None)
@given(point=points())
def test_no_net_is_above_its_budget_nor_a_unit_below(study, point):
    study_slice = study_settings(CONFIG, study)
    net = check(study, study_slice, point)
    if study_slice.bounds:
        widths = [layer.filters for layer in net.layers if layer.kind == "conv"]
        names = [f"conv{i}" for i in range(1, len(widths) + 1)]
        if "hidden" in study_slice.bounds:
            names.append("hidden")
            widths.append(next(layer.units for layer in net.layers if layer.kind == "dense"))
        assert set(names) == set(study_slice.bounds)
        for name, width in zip(names, widths, strict=True):
            assert study_slice.bounds[name].low <= width <= study_slice.bounds[name].high


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(studies_of(CONFIG)),
    st.integers(500, 200_000),
    points(),
    st.integers(2, 100),
    st.sampled_from([1, 4, 8]),
)
def test_other_budgets_classes_and_multiples_are_met_too(cell, thousands, point, n_classes, multiple):
    study = Study(cell.family, f"{thousands}k", cell.hard_label)
    study_slice = study_settings(CONFIG, study).model_copy(update={"width_multiple": multiple})
    net = check(study, study_slice, point, n_classes)
    assert all(layer.filters % multiple == 0 for layer in net.layers if layer.kind == "conv")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["mlp1", "cnn1", "cnn2", "cnn3", "cnn4"]),
    st.tuples(st.integers(1_000_000, 31_600_000), st.integers(1_000_000, 31_600_000)).map(sorted),
)
def test_interpolated_bounds_lie_between_the_tabled_ones(family, budgets):
    tabled = [1_000_000, 3_160_000, 10_000_000, 31_600_000]
    for budget in budgets:
        below = bounds_at(CONFIG, family, max(b for b in tabled if b <= budget))[0]
        above = bounds_at(CONFIG, family, min(b for b in tabled if b >= budget))[0]
        for name, bounds in bounds_at(CONFIG, family, budget)[0].items():
            assert bounds[0] <= bounds[1]
            for end in (0, 1):
                ends = sorted((below[name][end], above[name][end]))
                assert ends[0] <= bounds[end] <= ends[1]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["mlp1", "cnn2", "cnn3", "cnn4"]),
    st.tuples(st.integers(10_000, 10**9), st.integers(10_000, 10**9)).map(sorted),
)
def test_bounds_grow_with_the_budget_where_the_table_s_do(family, budgets):
    small, large = (bounds_at(CONFIG, family, budget)[0] for budget in budgets)
    assert all(small[name][end] <= large[name][end] for name in small for end in (0, 1))
