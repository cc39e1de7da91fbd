"""Mean losses by interval of Q, against pandas."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.shallow.loss_rows import diverged, net, numbered

from mimic.cli import InputError
from mimic.shallow import tabulate_intervals
from mimic.shallow.paper import published_losses
from mimic.shallow.rows import LossRow, frame_of
from mimic.tables import write_csv


@pytest.fixture
def tabulate(tmp_path):
    """Writes losses.csv and tabulates it; gives the table as pandas reads it."""

    def run(rows, *options, edges=("0", "1", "3", "10")):
        write_csv(tmp_path / "losses.csv", numbered(frame_of(rows, LossRow)))
        files = ["--losses", str(tmp_path / "losses.csv"), "--out", str(tmp_path / "table2.csv")]
        tabulate_intervals.main([*files, "--q-edges", *edges, *options])
        return pd.read_csv(tmp_path / "table2.csv")

    return run


def test_means_and_deviations_are_those_of_pandas(tabulate):
    generator = np.random.default_rng(4)
    rows = [
        net(
            q,
            generator.choice(["sequential", "parallel"]),
            generator.choice(["mnist", "cifar10"]),
            train_loss=generator.uniform(),
            validation_loss=generator.uniform(),
        )
        for q in 10 ** generator.uniform(-1, 2, 300)
    ]
    found = tabulate(rows)
    frame = pd.DataFrame(rows)
    # an independent way to the intervals: pandas' own
    frame["q_low"] = pd.cut(frame["q"], [0, 1, 3, 10, np.inf], right=False, labels=[0, 1, 3, 10]).astype(int)
    expected = frame.groupby(["dataset", "layout", "q_low"])[["train_loss", "validation_loss"]]
    found = found.set_index(["dataset", "layout", "q_low"]).sort_index()
    assert len(found) == 16
    for name in ("train_loss", "validation_loss"):
        np.testing.assert_allclose(found[name], expected.mean()[name], atol=5.1e-6)
        np.testing.assert_allclose(found[f"{name}_sd"], expected.std()[name], atol=5.1e-6)
    assert list(found["n_nets"]) == list(expected.size())


def test_intervals_hold_their_lower_edge_and_not_the_upper_one(tabulate):
    found = tabulate([net(1.0), net(2.9999999999999996), net(3.0), net(10.0), net(1e9)])
    assert list(found["n_nets"]) == [0, 2, 1, 2]
    assert list(found["q_high"]) == [1, 3, 10, np.inf]


def test_diverged_nets_are_counted_and_left_out_of_the_means(tabulate):
    found = tabulate([net(2, train_loss=1.0), diverged(2), net(2, train_loss=2.0), diverged(20)])
    assert found.loc[1, ["n_nets", "n_diverged", "train_loss"]].tolist() == [2, 1, 1.5]
    assert found.loc[3, ["n_nets", "n_diverged"]].tolist() == [0, 1]
    assert found.loc[[0, 3], ["train_loss", "train_loss_sd", "train_loss_difference"]].isna().all(axis=None)


def test_one_net_has_no_deviation(tabulate):
    found = tabulate([net(2)])
    assert found.loc[1, "train_loss"] == 0.5
    assert np.isnan(found.loc[1, "train_loss_sd"])


def test_the_papers_losses_stand_beside_ours_where_it_has_the_interval(tabulate):
    found = tabulate([net(2, "parallel", "cifar10", train_loss=1.0, validation_loss=1.5)])
    assert list(found["paper_train_loss"]) == [0.52658, 0.88701, 1.17085, 1.63449]
    assert list(found["paper_validation_loss"]) == [1.32386, 1.24884, 1.34227, 1.68879]
    assert found.loc[1, "train_loss_difference"] == 0.11299
    assert found.loc[1, "validation_loss_difference"] == 0.25116
    other = tabulate([net(2, "parallel", "cifar10"), net(2, "parallel", "shapes")], edges=("0", "1", "4"))
    assert other["paper_train_loss"].tolist()[0] == 0.52658
    assert other.loc[1:, "paper_train_loss":"train_loss_difference"].isna().all(axis=None)


def test_without_comparison_the_papers_columns_are_empty(tabulate):
    found = tabulate([net(2)], "--no-compare")
    columns = [name for name in found.columns if name.startswith("paper_") or name.endswith("_difference")]
    assert len(columns) == 4
    assert found[columns].isna().all(axis=None)
    assert found.loc[1, "train_loss"] == 0.5


def test_nets_below_the_first_edge_are_named_and_in_no_interval(tabulate, capsys):
    found = tabulate([net(0.5), net(2)], edges=("1", "3"))
    assert list(found["n_nets"]) == [1, 0]
    assert "1 nets have a Q below 1" in capsys.readouterr().err


@pytest.mark.parametrize("edges", [("1", "0"), ("1", "1"), ("0", "inf"), ("nan",)])
def test_edges_that_do_not_rise_are_refused(tabulate, edges):
    with pytest.raises(InputError, match="expected rising numbers"):
        tabulate([net(2)], edges=edges)


def test_the_papers_table_is_the_printed_one():
    published = published_losses()
    assert len(published) == 16
    assert published["mnist", "sequential", 0, 1] == (0.00013, 0.05201)
    assert published["cifar10", "sequential", 10, np.inf] == (1.58608, 1.65354)
