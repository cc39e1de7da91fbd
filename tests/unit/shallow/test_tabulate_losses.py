"""The table of all nets, against the histories it was made from."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from tests.unit.shallow.group_files import make_group, write_group_file

from mimic.cli import InputError
from mimic.shallow import tabulate_losses
from mimic.shallow.rows import LossRow, columns_of, read_table


@pytest.fixture
def tabulate(tmp_path):
    """Writes groups and tabulates them; gives the path of the table."""

    def run(*groups):
        paths = [write_group_file(tmp_path / "groups" / str(i), group) for i, group in enumerate(groups)]
        out = tmp_path / "losses.csv"
        tabulate_losses.main(["--groups", *paths, "--out", str(out)])
        return out

    return run


def test_a_row_holds_the_last_epoch_and_the_best_of_its_net(tabulate):
    group = make_group(learning_rate=[0.01, 0.001], seed=[0, 5])
    frame = pd.read_csv(tabulate(group))
    assert tuple(frame.columns) == columns_of(LossRow)
    assert list(frame["net"]) == list(range(8))
    for name in ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"):
        np.testing.assert_array_equal(frame[name].astype(np.float32), group.history[name][:, -1])
    losses = pd.DataFrame(group.history["validation_loss"], columns=[1, 2, 3])
    np.testing.assert_array_equal(frame["best_validation_loss"].astype(np.float32), losses.min(axis=1))
    assert list(frame["best_epoch"]) == list(losses.idxmin(axis=1))
    assert list(frame["layout"]) == ["sequential"] * 4 + ["parallel"] * 4
    assert list(frame["learning_rate"]) == [0.01, 0.01, 0.001, 0.001] * 2
    assert list(frame["seed"]) == [0, 5] * 4


def test_parameters_and_q_are_those_of_the_net(tabulate):
    # stem 2 (9 + 1), two layers 2 (2 9 + 1) each, dense 10 (2 28 28 + 1)
    frame = pd.read_csv(tabulate(make_group(n_filters=2, n_examples=600)))
    assert set(frame["n_parameters"]) == {20 + 2 * 38 + 15_690}
    assert frame["q"].iloc[0] == pytest.approx(600 * 10 / 15_786)


def test_rows_are_sorted_by_dataset_filters_and_layers_as_numbers(tabulate):
    sizes = [("mnist", 10, 2), ("mnist", 2, 10), ("mnist", 2, 2), ("cifar10", 32, 1)]
    groups = [make_group(d, n_filters=f, n_layers=n, seed=[0], layout=["parallel"]) for d, f, n in sizes]
    frame = pd.read_csv(tabulate(*groups))
    assert list(zip(frame["dataset"], frame["n_filters"], frame["n_layers"], strict=True)) == [
        ("cifar10", 32, 1),
        ("mnist", 2, 2),
        ("mnist", 2, 10),
        ("mnist", 10, 2),
    ]


@pytest.mark.parametrize("name", ["train_loss", "validation_loss"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_net_that_diverged_has_empty_cells_and_says_so(tabulate, name, value):
    group = make_group()
    group.history[name][1, -1] = value
    frame = pd.read_csv(tabulate(group))
    assert list(frame["status"]) == ["finished", "diverged", "finished", "finished"]
    measured = frame.loc[:, "train_loss":]
    assert measured.iloc[1].isna().all()
    assert measured.iloc[[0, 2, 3]].notna().all(axis=None)


def test_the_table_reads_back_as_it_was_tabulated(tabulate):
    group = make_group(batch_norm=True)
    group.history["train_loss"][0, -1] = np.nan
    pd.testing.assert_frame_equal(
        read_table(tabulate(group), LossRow), tabulate_losses.tabulate_losses([group]), check_dtype=False
    )


def test_a_group_that_comes_twice_is_refused(tabulate):
    with pytest.raises(InputError, match="a second file of group mnist-L2-F1-K3"):
        tabulate(make_group(), make_group())


@pytest.mark.parametrize(
    "changes", [{"n_examples": 601}, {"provenance": {"sources": {"dataset": "an0th3r"}}}]
)
def test_groups_of_different_images_do_not_share_a_table(tabulate, changes):
    other = dataclasses.replace(make_group(n_layers=3), **changes)
    with pytest.raises(InputError, match="expected the images of"):
        tabulate(make_group(), other)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("finished", "lost", "line 2: status"),
        ("finished", "diverged", "train_loss does not go with status diverged"),
        ("sequential", "=1+1", "line 2: layout"),
        ("train_loss", "loss", "expected the columns dataset"),
        (",1,3,", ",1,-3,", "line 2: kernel_size"),
    ],
)
def test_a_row_that_cannot_be_is_refused_with_its_line(tabulate, old, new, message):
    path = tabulate(make_group())
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        read_table(path, LossRow)
    assert "\n" not in str(caught.value)
