"""Every number that the paper gives, against the tables that were taken from it by hand."""

import csv
from pathlib import Path

import pytest

from mimic.config.families import parse_budget
from mimic.config.whole import load

REFERENCE = Path(__file__).parents[2] / "reference"


def rows(name):
    with open(REFERENCE / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def hyperparameters(group):
    """Name in the table -> (lower, upper, scale)."""
    found = [row for row in rows("urban_hparams.csv") if row["group"] == group]
    return {row["name"]: (float(row["lower"]), float(row["upper"]), row["scale"]) for row in found}


def settings_of(item):
    return float(item.low), float(item.high), getattr(item, "scale", "linear")


@pytest.fixture
def config(paper):
    return load(paper)


COLOURS = {
    "hue_shift": "hsv_Dh",
    "saturation_shift": "hsv_Ds",
    "value_shift": "hsv_Dv",
    "saturation_scale": "hsv_As",
    "value_scale": "hsv_Av",
}
TEACHER_NAMES = COLOURS | {
    "learning_rate": "learning_rate",
    "momentum": "momentum",
    "weight_decay": "weight_decay_l2",
    "init_coefficient": "init_coefficient",
    **{f"dropout_conv{i}": f"dropout_conv{i} (DOc{i})" for i in (1, 2, 3)},
    **{f"dropout_fc{i}": f"dropout_fc{i} (DOf{i})" for i in (1, 2)},
    "filters_conv1": "filters_conv1-2 (C1)",
    "filters_conv2": "filters_conv3-4 (C2)",
    "filters_conv3": "filters_conv5-8 (C3)",
    "hidden_units": "neurons_fc1-2 (H1)",
}


def test_the_eighteen_ranges_of_the_teachers_are_the_paper_s(config):
    table = hyperparameters("teacher")
    assert table.pop("kernel_size") == (3, 3, "fixed")
    assert table.pop("maxpool_size") == (2, 2, "fixed")
    space = config.teachers.search_space
    found = {TEACHER_NAMES[name]: settings_of(getattr(space, name)) for name in type(space).model_fields}
    assert found == table
    assert len(found) == 18


def test_the_ranges_of_the_students_are_the_paper_s(config):
    table, space = hyperparameters("student"), config.students.search_space
    for name in ("learning_rate", "momentum", "input_scale", "init_scale"):
        assert settings_of(getattr(space, name)) == table[name]
    assert settings_of(space.width_constant) == table["C1"] == table["C2"]
    # Reading: 6.3 says [0, 1], but a layer needs units.
    ratio = table["hidden_ratio (MLP, >=2 hidden layers)"]
    assert ratio == (0, 1, "linear")
    assert settings_of(space.hidden_ratio) == (0.05, *ratio[1:])
    assert config.students.weight_decay == table["weight_decay_l2"][0] == 0


def test_the_ranges_of_the_hard_label_nets_are_the_paper_s(config):
    table, hard = hyperparameters("hard_label"), config.students.hard_label
    space = hard.search_space
    assert settings_of(space.learning_rate) == table["learning_rate"]
    assert settings_of(space.momentum) == table["momentum"]
    assert settings_of(space.width_constant) == table["C1"] == table["C2"]
    for i in (1, 2, 3):
        assert settings_of(getattr(space, f"dropout_conv{i}")) == table[f"dropout_conv{i} (DOc{i})"]
    assert settings_of(space.dropout_fc1) == table["dropout_fc1 (DOf1)"]
    assert hard.weight_decay == table["weight_decay_l2"][0] == 2e-4


def test_the_width_bounds_of_the_hard_label_nets_are_the_paper_s(config):
    layers = {
        "filters_conv1": ("conv1",),
        "filters_conv2": ("conv2",),
        "hidden_units": ("hidden",),
        "filters_conv1-2": ("conv1", "conv2"),
        "filters_conv2-3": ("conv2", "conv3"),
        "filters_conv3-4": ("conv3", "conv4"),
    }
    expected = {}
    for n in (1, 2, 3, 4):
        table = hyperparameters(f"hard_label_{n}conv")
        bounds = {layer: (low, high) for name, (low, high, _) in table.items() for layer in layers[name]}
        expected[f"cnn{n}"] = {"10M": bounds}
    assert plain(config.students.hard_label.width_bounds) == expected
    assert config.students.hard_label.budgets == ["10M"]
    assert config.students.hard_label.families == ["cnn1", "cnn2", "cnn3", "cnn4"]


def plain(width_bounds):
    return {
        family: {
            label: {layer: (item.low, item.high) for layer, item in bounds.items()}
            for label, bounds in by_budget.items()
        }
        for family, by_budget in width_bounds.items()
    }


def test_the_width_bounds_of_the_students_are_table_3_of_the_paper(config):
    expected = {}
    for row in rows("urban_table3_bounds.csv"):
        n_conv = int(row["n_conv"])
        family = f"cnn{n_conv}" if n_conv else "mlp1"
        layer = f"conv{row['layer']}" if row["kind"] == "c" else "hidden"
        by_budget = expected.setdefault(family, {}).setdefault(int(row["params"]), {})
        if row["lower"]:
            by_budget[layer] = int(row["lower"]), int(row["upper"])
        else:
            assert row["dependent"] == "1"
    found = {
        family: {parse_budget(label): bounds for label, bounds in by_budget.items()}
        for family, by_budget in plain(config.students.width_bounds).items()
    }
    assert found == expected
    budgets = {parse_budget(label) for label in config.students.budgets}
    assert budgets == {budget for by_budget in expected.values() for budget in by_budget}
    assert len(config.students.families) * len(budgets) == 36


def test_the_augmentation_of_the_stored_epochs_is_the_paper_s(config):
    table = hyperparameters("student_and_hard_label_augmentation")
    for name, printed in COLOURS.items():
        assert (getattr(config.epochs.hsv, name),) * 2 == table[printed][:2]
    low, high, _ = hyperparameters("all")["crop_size"]
    assert high == 32
    for crop in (config.epochs.crop, config.teachers.crop):
        assert crop.crop_min == low
        assert crop.mirror_probability == 0.5
    assert config.epochs.n_epochs == hyperparameters("transfer_set")["epochs_pregenerated"][0]


def test_the_schedule_is_the_paper_s(config):
    table = hyperparameters("all")
    students = config.students
    for training in (config.teachers.training, students.training, students.hard_label.training):
        assert training.halve_patience == table["lr_halve_patience_epochs"][0]
        assert training.halve_cooldown == table["lr_halve_cooldown_epochs"][0]
        assert training.stop_patience == table["stop_patience_epochs"][0]
        assert training.stop_reduction == table["lr_total_reduction_stop"][0]


def test_split_trials_and_members_are_the_paper_s(config):
    assert (config.data.n_train, config.data.n_validation, config.data.n_test) == (40_000, 10_000, 10_000)
    assert config.data.source == "cifar10"
    assert config.teachers.search.trials == 129
    assert config.ensemble.n_members == 16
