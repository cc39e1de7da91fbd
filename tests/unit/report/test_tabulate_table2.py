"""Table 2, by hand."""

import pandas as pd
import pytest

from mimic.cli import InputError
from mimic.report import tabulate_table2


@pytest.fixture
def tabulate(tmp_path):
    def run(studies, families, budgets):
        out, long = tmp_path / "table2.csv", tmp_path / "table2_long.csv"
        arguments = ["--studies", *studies, "--families", *families, "--budgets", *budgets]
        tabulate_table2.main([*arguments, "--out", str(out), "--long", str(long)])
        return out.read_text(), pd.read_csv(long, dtype={"budget": str})

    return run


def test_rows_stand_in_the_papers_order_and_budgets_in_the_configs(a_trial, write_study, tabulate):
    studies = [
        write_study(
            a_trial(0, validation_accuracy=0.5, test_accuracy=0.9),
            a_trial(1, validation_accuracy=0.6, test_accuracy=0.12341),
        ),
        write_study(a_trial(0, family="mlp1", budget="1M", test_accuracy=1.0)),
        write_study(a_trial(0, family="mlp1", test_accuracy=0.0)),
        write_study(a_trial(0, budget="1M", status="diverged")),
    ]
    table, long = tabulate(studies, ["cnn2", "mlp1"], ["10M", "1M"])
    assert table == (
        'model,10M,1M\n"Bottleneck, 1 hidden layer",0.00,100.00\n"2 conv. layers, 2 max-pool",12.34,\n'
    )
    assert list(zip(long["family"], long["budget"], strict=True)) == [
        ("mlp1", "10M"),
        ("mlp1", "1M"),
        ("cnn2", "10M"),
        ("cnn2", "1M"),
    ]


def test_the_long_form_says_what_is_behind_a_cell(a_trial, write_study, tabulate):
    study = write_study(
        a_trial(0, status="diverged"),
        a_trial(1, validation_accuracy=0.6, test_accuracy=0.91, seconds=2.25, architecture="7c"),
        a_trial(2, validation_accuracy=0.5, test_accuracy=0.99),
    )
    _, long = tabulate([study], ["cnn2"], ["10M"])
    assert long.iloc[0].to_dict() == {
        "model": "2 conv. layers, 2 max-pool",
        "family": "cnn2",
        "budget": "10M",
        "n_parameters": 9_999_001,
        "architecture": "7c",
        "trial": 1,
        "n_trials": 3,
        "n_diverged": 1,
        "seed": 1001,
        "epochs": 12,
        "seconds": 2.25,
        "validation_accuracy_pct": 60.0,
        "test_accuracy_pct": 91.0,
        "paper_accuracy_pct": 90.0,
        "difference": 1.0,
    }


def test_a_diverged_study_and_a_missing_one_leave_their_cells_empty(a_trial, write_study, tabulate):
    table, long = tabulate([write_study(a_trial(0, status="diverged"))], ["cnn2", "cnn3"], ["10M"])
    assert table == 'model,10M\n"2 conv. layers, 2 max-pool",\n"3 conv. layers, 3 max-pool",\n'
    assert list(long["n_trials"]) == [1, 0]
    assert list(long["n_diverged"]) == [1, 0]
    assert long[["trial", "test_accuracy_pct", "difference"]].isna().all(axis=None)
    assert list(long["paper_accuracy_pct"]) == [90.0, 91.9]


@pytest.mark.parametrize(
    ("budget", "published"), [("10M", 90.0), ("10000k", 90.0), ("100M", None), ("100k", None)]
)
def test_the_papers_value_stands_only_at_the_papers_budgets(
    a_trial, write_study, tabulate, budget, published
):
    _, long = tabulate([write_study(a_trial(0, budget=budget, test_accuracy=0.5))], ["cnn2"], [budget])
    if published is None:
        assert long[["paper_accuracy_pct", "difference"]].isna().all(axis=None)
    else:
        assert long.loc[0, "paper_accuracy_pct"] == published
        assert long.loc[0, "difference"] == -40.0


def test_only_seconds_differ_between_two_runs_so_table_2_is_the_same_bytes(a_trial, write_study, tabulate):
    first, _ = tabulate([write_study(a_trial(0, seconds=1.0))], ["cnn2"], ["10M"])
    second, _ = tabulate([write_study(a_trial(0, seconds=2.0))], ["cnn2"], ["10M"])
    assert first == second


def test_a_study_outside_the_table_is_refused(a_trial, write_study, tabulate):
    with pytest.raises(InputError, match="study of cnn2 at 10M: not among"):
        tabulate([write_study(a_trial(0))], ["cnn2"], ["1M"])


def test_a_budget_that_is_none_is_refused(a_trial, write_study, tabulate):
    with pytest.raises(InputError, match=r"--budgets: expected a budget such as .* got 'ten'"):
        tabulate([write_study(a_trial(0))], ["cnn2"], ["10M", "ten"])
