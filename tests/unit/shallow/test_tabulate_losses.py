"""The table of all nets, against the histories it was made from."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.unit.shallow.group_files import make_group, write_group_file

from mimic.cli import InputError
from mimic.shallow import tabulate_losses
from mimic.shallow.grid import group_digest
from mimic.shallow.rows import LossRow, columns_of, read_losses, read_table


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


def digest_of(group, seed=7):
    return group_digest(group.name, group.settings, seed)


def test_a_file_of_the_configs_group_in_its_folder_is_taken(tmp_path):
    groups = [make_group(), make_group(n_layers=3)]
    paths = [write_group_file(tmp_path, group) for group in groups]
    out = str(tmp_path / "losses.csv")
    arguments = ["--groups", *paths, "--digests", *map(digest_of, groups), "--out", out]
    tabulate_losses.main(arguments)
    assert len(read_table(out, LossRow)) == 8


def test_a_file_of_another_group_than_its_folder_names_is_refused(tmp_path):
    foreign, own = make_group(n_layers=3), make_group()
    path = Path(write_group_file(tmp_path, own))
    path.write_bytes(Path(write_group_file(tmp_path, foreign)).read_bytes())
    with pytest.raises(
        InputError, match=f"{path}: expected group {own.name}, .*, got {foreign.name}"
    ) as caught:
        tabulate_losses.read_groups([str(path)], [digest_of(own)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("changes", "seed"), [({"learning_rate": [0.5]}, 7), ({}, 8)])
def test_a_file_of_other_settings_or_another_seed_than_the_configs_is_refused(tmp_path, changes, seed):
    path = write_group_file(tmp_path, make_group(**changes))
    with pytest.raises(InputError, match=f"{path}: expected the settings and seed of the config .*, got"):
        tabulate_losses.read_groups([path], [digest_of(make_group(), seed)])


def test_as_many_digests_as_files_are_expected(tmp_path):
    path = write_group_file(tmp_path, make_group())
    with pytest.raises(InputError, match="--digests: expected 1, one a group, got 2"):
        tabulate_losses.read_groups([path], ["0" * 16] * 2)


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


def test_a_net_that_comes_twice_is_refused_wherever_it_stands(tabulate):
    path = tabulate(make_group())
    assert len(read_losses(path)) == 4
    rows = path.read_text().splitlines()
    # another seed, so that no other cell tells
    path.write_text("\n".join([*rows, rows[1].replace(",0.001,0,", ",0.001,9,")]) + "\n")
    with pytest.raises(InputError, match=f"{path}: net: .* once, got net 0 of mnist-L2-F1-K3 twice"):
        read_losses(path)


def test_a_table_without_nets_is_refused(tabulate):
    path = tabulate(make_group())
    path.write_text(path.read_text().splitlines()[0] + "\n")
    with pytest.raises(InputError, match=f"{path}: expected a row a net, found none"):
        read_losses(path)
