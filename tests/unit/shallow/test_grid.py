import copy
import itertools
import math
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mimic.cli import InputError
from mimic.config.whole import load
from mimic.shallow.grid import (
    AXES,
    STACKED_BY,
    Shape,
    examples_per_parameter,
    group_name,
    groups_of,
    interval_of,
    intervals,
    parse_group,
)

CONFIG = Path(__file__).parents[3] / "config.yaml"


@pytest.fixture(scope="module")
def values():
    return yaml.safe_load(CONFIG.read_text())


def test_the_grid_of_the_config_has_as_many_nets_as_the_paper(values):
    groups = groups_of(load(values).shallow)
    assert sum(len(settings.nets()) for _, settings in groups.values()) == 6_912
    assert len(groups) == 2 * 6 * 6


def test_every_combination_of_the_axes_is_a_net_once(values):
    settings = load(values).shallow
    nets = [
        (dataset, group.n_layers, group.n_filters, group.kernel_size, group.batch_norm, *vars(net).values())
        for dataset, group in groups_of(settings).values()
        for net in group.nets()
    ]
    assert len(set(nets)) == len(nets)
    grid = settings.grid
    axes = (grid.dataset, grid.n_layers, grid.n_filters, grid.kernel_size, grid.batch_norm)
    assert set(nets) == set(itertools.product(*axes, *(getattr(grid, axis) for axis in AXES)))


def test_nets_that_are_stacked_stand_side_by_side(values):
    _, group = next(iter(groups_of(load(values).shallow).values()))
    keys = [tuple(getattr(net, axis) for axis in STACKED_BY) for net in group.nets()]
    assert len(list(itertools.groupby(keys))) == len(set(keys))


def test_groups_are_named_by_what_their_nets_share():
    assert group_name("mnist", 4, 8, 3, False) == "mnist-L4-F8-K3"
    assert group_name("cifar10", 1, 32, 5, True) == "cifar10-L1-F32-K5-BN"
    assert parse_group("cifar10-L1-F32-K5-BN") == "cifar10"


@pytest.mark.parametrize(
    "name", ["mnist", "mnist-L4-F8", "../x-L1-F1-K3", "mnist-L4-F8-K3-BN-", "Mnist-L1-F1-K3"]
)
def test_other_names_are_refused(name):
    with pytest.raises(InputError, match="expected a name such as mnist-L4-F8-K3"):
        parse_group(name)


@pytest.mark.parametrize(
    ("section", "axis", "wrong", "said"),
    [
        ("grid", "seed", [], "shallow.grid.seed"),
        ("grid", "n_layers", [2, 2], "shallow.grid.n_layers: expected each value once, got 2 twice"),
        ("grid", "n_layers", [0], "shallow.grid.n_layers.0"),
        ("grid", "kernel_size", [4], "expected an odd size"),
        (
            "grid",
            "kernel_size",
            [29],
            "shallow: grid.kernel_size: expected at most 28, the side of the images of mnist",
        ),
        ("grid", "activation", ["rely"], "shallow.grid.activation.0"),
        (
            "grid",
            "dataset",
            ["svhn"],
            r"grid.dataset: expected names of shallow.datasets \(mnist, cifar10\), got 'svhn'",
        ),
        ("grid", "learning_rate", [0.0], "shallow.grid.learning_rate.0"),
        ("grid", "optimizer", ["sgd"], "shallow.grid.optimizer: unknown key"),
        ("training", "rho", 1.0, "shallow.training.rho"),
        ("training", "betas", [0.9], "shallow.training.betas"),
    ],
)
def test_wrong_axes_are_one_line_that_names_the_key(values, section, axis, wrong, said):
    changed = values["shallow"] | {section: values["shallow"][section] | {axis: wrong}}
    with pytest.raises(InputError, match=said) as error:
        load(values | {"shallow": changed})
    assert "\n" not in str(error.value)


def test_falling_edges_of_intervals_are_refused(values):
    with pytest.raises(InputError, match="q_edges: expected rising values"):
        load(values | {"shallow": values["shallow"] | {"q_edges": [0, 3, 1]}})


def test_q_is_examples_times_outputs_over_parameters():
    shape = Shape((1, 28, 28), 10, 1, 1, 3, False)
    assert shape.n_parameters == 10 + 10 + 7_850
    assert examples_per_parameter(60_000, 10, shape.n_parameters) == pytest.approx(76.24, abs=0.01)


@given(st.lists(st.floats(0, 100), min_size=1, unique=True).map(sorted), st.floats(0, 200))
def test_intervals_are_half_open_as_pandas_has_them(edges, q):
    bins = pd.IntervalIndex.from_breaks([*edges, math.inf], closed="left")
    expected = bins.get_indexer([q])[0]
    found = interval_of(q, edges)
    assert (-1 if found is None else found) == expected
    assert len(intervals(edges)) == len(edges)


@pytest.mark.parametrize(
    ("axis", "values_given", "said"),
    [
        ("seed", [0, 3, 3], "expected each value once, got 3 twice"),
        ("learning_rate", [0.5, 1, 1.0], "expected each value once, got 1.0 twice"),
        ("layout", ["parallel", "parallel"], "expected each value once, got 'parallel' twice"),
        ("kernel_size", [2], "expected an odd size, since the padding is the same on all sides, got 2"),
        (
            "kernel_size",
            [33],
            "expected at most 28, the side of the images of mnist, got 33",
        ),
        ("seed", [0, True], "shallow.grid.seed.1: Input should be a valid integer, got True"),
    ],
)
def test_what_was_found_is_said_once(values, axis, values_given, said):
    grid = {**values["shallow"]["grid"], axis: values_given}
    with pytest.raises(InputError) as error:
        load({**values, "shallow": {**values["shallow"], "grid": grid}})
    assert str(error.value).endswith(said)


def test_as_many_seeds_as_one_likes_are_checked_at_once(values):
    grid = {**values["shallow"]["grid"], "seed": list(range(200_000))}
    started = time.process_time()
    load({**values, "shallow": {**values["shallow"], "grid": grid}})
    assert time.process_time() - started < 10  # minutes where each is compared with each


@pytest.mark.parametrize(("section", "key"), [("training", "n_epochs"), ("mnist", "n_train")])
def test_numbers_that_no_run_ends_with_are_refused(values, section, key):
    changed = copy.deepcopy(values)
    place = changed["shallow"]
    (place["datasets"] if section == "mnist" else place)[section][key] = 10**11
    with pytest.raises(InputError, match=rf"{section}\.{key}: Input should be less than or equal to 100"):
        load(changed)
