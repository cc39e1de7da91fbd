import json

import pandas as pd
import pytest

from mimic.artifact import write_json
from mimic.cli import InputError
from mimic.win import tabulate_methods, tabulate_sizes, tabulate_widths
from mimic.win.rows import NetMetrics, read_nets
from mimic.win.store import METRICS_FORMAT

NET = {"stage": "merge", "depth": 50, "divide": 4, "widen": 2, "repetition": 0, "n_parameters": 1_993_976}


def net(accuracy=0.5, **changes):
    return NetMetrics(**{**NET, "test_accuracy": accuracy, **changes})


def test_methods_have_mean_and_spread_over_seeds_as_pandas_computes_them():
    accuracies = {"train_vanilla": [0.61, 0.64, 0.62], "train_kd": [0.66, 0.67], "merge": [0.7]}
    nets = [
        net(accuracy, stage=stage, repetition=i)
        for stage, values in accuracies.items()
        for i, accuracy in enumerate(values)
    ]
    table = tabulate_methods.tabulate_methods(nets).set_index("method")
    assert list(table.index) == ["Vanilla", "KD", "WIN"]
    for (stage, method), paper in zip(
        {"train_vanilla": "Vanilla", "train_kd": "KD", "merge": "WIN"}.items(),
        (64.2, 65.1, 66.4),
        strict=True,
    ):
        values, row = 100 * pd.Series(accuracies[stage]), table.loc[method]
        assert row["n_seeds"] == len(values)
        assert row["top1_pct"] == pytest.approx(values.mean())
        assert row["top1_sd"] == pytest.approx(values.std(), nan_ok=True)
        assert (row["paper_top1_pct"], row["model"]) == (paper, "ResNet50-1/4")
        assert row["difference"] == pytest.approx(values.mean() - paper)


def test_without_comparison_the_papers_columns_are_empty():
    table = tabulate_methods.tabulate_methods([net()], compare=False)
    assert table[["paper_top1_pct", "difference"]].isna().all(axis=None)


def test_a_net_that_the_paper_has_not_stands_alone():
    (row,) = tabulate_methods.tabulate_methods([net(depth=14)]).to_dict("records")
    assert (row["model"], row["paper_top1_pct"]) == ("ResNet14-1/4", None)


def test_widths_of_teachers_stand_with_their_students():
    nets = [
        net(0.70, stage="train_wide", repetition=None, n_parameters=4_704_696),
        net(0.66),
        net(0.68, repetition=1),
        net(0.75, stage="train_wide", widen=4, repetition=None),
        net(0.69, widen=4),
    ]
    table = tabulate_widths.tabulate_widths(nets)
    assert table[["teacher_width", "role", "n_seeds"]].to_numpy().tolist() == [
        [2, "teacher", 1],
        [2, "student", 2],
        [4, "teacher", 1],
        [4, "student", 1],
    ]
    assert table["top1_pct"].tolist() == pytest.approx([70, 67, 75, 69])
    assert table["paper_top1_pct"].tolist() == [70.5, 66.4, 74.4, 67.5]


def test_sizes_are_the_papers_for_all_of_its_nets(tmp_path):
    names = [f"resnet{depth}{part}" for depth in (50, 101) for part in ("", "-1of2", "-1of4")]
    arguments = ["--nets", *names, "--widen", "2", "--stem", "imagenet", "--n-classes", "1000"]
    tabulate_sizes.main([*arguments, "--image-size", "224", "--out", str(tmp_path / "table1.csv")])
    table = pd.read_csv(tmp_path / "table1.csv")
    assert len(table) == 12
    for ours, paper, digits in (
        ("parameters", "paper_parameters", 0.03),
        ("multiply_adds", "paper_multiply_adds", 0.05),
    ):
        assert (abs(table[ours] / table[paper] - 1) < digits).all()
    row = table[(table["model"] == "ResNet101-1/2") & (table["role"] == "teacher")]
    assert row["parameters"].item() == 32_271_240


def test_tables_are_written_with_two_decimals_and_empty_cells(tmp_path):
    path = tmp_path / "metrics.json"
    write_json(path, {"format": METRICS_FORMAT, **NET, "test_accuracy": 0.66437})
    for module, line in (
        (tabulate_methods, "ResNet50-1/4,WIN,1993976,1,66.44,,66.40,0.04"),
        (tabulate_widths, "ResNet50-1/4,2,student,1993976,1,66.44,,66.40,0.04"),
    ):
        module.main(["--metrics", str(path), "--out", str(tmp_path / "table.csv")])
        assert (tmp_path / "table.csv").read_text().splitlines()[1] == line


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_accuracy": 1.5}, "test_accuracy: Input should be less than or equal to 1, got 1.5"),
        ({"depth": 51}, "depth: "),
        ({"stage": "imitate_block"}, "stage: "),
        ({"n_parameters": None}, "n_parameters: "),
    ],
)
def test_metrics_of_something_else_are_refused_in_one_line(tmp_path, change, said):
    path = tmp_path / "metrics.json"
    write_json(path, {"format": METRICS_FORMAT, **NET, "test_accuracy": 0.5, **change})
    with pytest.raises(InputError) as caught:
        read_nets([path])
    assert str(caught.value).startswith(f"{path}: {said}")
    assert "\n" not in str(caught.value)


def test_metrics_that_were_edited_are_refused(tmp_path):
    path = tmp_path / "metrics.json"
    write_json(path, {"format": METRICS_FORMAT, **NET, "test_accuracy": 0.5})
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, "test_accuracy": 0.9}))
    with pytest.raises(InputError, match="was changed after it was written"):
        read_nets([path])
