"""A family is a line of `mimic.config.families.SHAPES`: everything else follows from it."""

import pytest
from tests.unit.students.test_families import STUDENTS, with_bounds, with_table

from mimic.config.families import CNN_FAMILIES, FAMILIES, HARD_LABEL_FAMILIES, MLP_FAMILIES, SHAPES, Shape
from mimic.models.architecture import count_parameters, notation
from mimic.students.families import Study, architecture_at, student_architecture, study_settings, width_names

TWO_DENSE = Shape(
    "conv1 conv2 mp hidden1 hidden2", "hidden2", {"C1": ("conv1", "conv2"), "C2": ("hidden1",)}, 3
)


@pytest.fixture
def two_dense(monkeypatch):
    """A family with two convolutions of 3x3 in a row and two hidden layers."""
    monkeypatch.setitem(SHAPES, "vgg1", TWO_DENSE)
    monkeypatch.setattr("mimic.students.families.CNN_FAMILIES", (*CNN_FAMILIES, "vgg1"))
    return Study("vgg1", "100k", False)


def test_the_paper_has_nine_families_perceptrons_first():
    assert MLP_FAMILIES[:5] == ("mlp1", "mlp2", "mlp3", "mlp4", "mlp5")
    assert CNN_FAMILIES[:4] == HARD_LABEL_FAMILIES[:4] == ("cnn1", "cnn2", "cnn3", "cnn4")
    assert FAMILIES == MLP_FAMILIES + CNN_FAMILIES


def test_names_of_families_can_be_names_of_folders_and_of_studies():
    assert all(name.isalnum() and name.islower() for name in FAMILIES)


def test_a_new_family_meets_its_budget_by_its_dependent_layer(two_dense):
    settings = with_bounds({"conv1": (4, 8), "conv2": (4, 8), "hidden1": (10, 30)})
    net = student_architecture(two_dense, settings, {"C1": 1.0, "C2": 0.5}, 10)
    assert notation(net).startswith("8c^2-mp-20fc-")
    assert [layer.kernel for layer in net.layers if layer.kind == "conv"] == [3, 3]
    left = 100_000 - count_parameters(net)
    assert 0 <= left < 20 + 1 + 10  # one more unit of the last layer: 20 inputs, its bias, ten logits


def test_a_new_family_has_its_own_search_and_bounds(two_dense):
    assert width_names("vgg1") == ["C1", "C2"]
    widths = {"conv1": (4, 8), "conv2": (4, 8), "hidden1": (10, 30)}
    settings = study_settings(with_table("vgg1", {"100k": widths}), two_dense)
    assert sorted(settings.bounds) == ["conv1", "conv2", "hidden1"]
    assert notation(architecture_at(two_dense, [5, 6, 7], 10)).startswith("5c-6c-mp-7fc-")


def test_a_deeper_perceptron_has_a_ratio_a_layer(monkeypatch):
    monkeypatch.setitem(SHAPES, "mlp6", Shape(" ".join(f"hidden{i}" for i in range(1, 7)), "hidden6"))
    study = Study("mlp6", "1M", False)
    assert width_names("mlp6") == [f"ratio{i}" for i in range(1, 7)]
    settings = study_settings(STUDENTS, study)
    net = student_architecture(study, settings, dict.fromkeys(width_names("mlp6"), 0.5), 10)
    assert notation(net) == "234fc^5-248fc"
    by_hand = 3073 * 234 + 4 * 235 * 234 + 235 * 248 + 249 * 10
    assert count_parameters(net) == by_hand <= 1_000_000 < by_hand + 235 + 10


@pytest.mark.parametrize(
    ("layers", "dependent", "free"),
    [
        ("conv1 mp hidden", "hidden", {"C1": ("conv2",)}),
        ("conv1 mp hidden", "conv1", {"C1": ("conv1",)}),
        ("conv1 conv1 hidden", "hidden", {"C1": ("conv1",)}),
        ("hidden1 hidden2", "hidden1", {}),
        ("hidden1 bottleneck hidden2", "hidden2", {"C1": ("hidden1", "bottleneck")}),
        ("mp hidden", "hidden", {}),
    ],
)
def test_a_shape_that_no_net_can_have_is_refused_where_it_is_written(layers, dependent, free):
    with pytest.raises(ValueError, match=f"shape '{layers}': expected "):
        Shape(layers, dependent, free)
