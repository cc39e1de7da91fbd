"""Table 1, by hand."""

import pandas as pd
import pytest

from mimic.report import tabulate_table1


@pytest.fixture
def tabulate(tmp_path):
    def run(studies, teachers, ensemble):
        out, long = tmp_path / "table1.csv", tmp_path / "table1_long.csv"
        arguments = ["--hard-studies", *studies, "--teachers", teachers, "--ensemble", ensemble]
        tabulate_table1.main([*arguments, "--out", str(out), "--long", str(long)])
        return out.read_text(), pd.read_csv(long, dtype={"budget": str}).set_index("model")

    return run


def teachers_of(write_study, a_teacher, *accuracies):
    """Teachers with these validation accuracies, ten points lower on test; None diverges."""
    return write_study(
        *(
            a_teacher(trial, status="diverged")
            if accuracy is None
            else a_teacher(trial, validation_accuracy=accuracy, test_accuracy=round(accuracy - 0.1, 4))
            for trial, accuracy in enumerate(accuracies)
        )
    )


def test_the_table_stands_as_in_the_paper(a_trial, a_teacher, write_study, write_ensemble, tabulate):
    studies = [
        write_study(a_trial(0, family="cnn4", loss="cross_entropy", test_accuracy=0.9)),
        write_study(a_trial(0, family="cnn1", loss="cross_entropy", test_accuracy=0.8, architecture="9c")),
    ]
    teachers = teachers_of(write_study, a_teacher, 0.7, 0.9, None, 0.8, 0.6)
    table, long = tabulate(studies, teachers, write_ensemble([1, 3]))
    assert table == (
        "model,architecture,n_parameters,accuracy_pct\n"
        "1 conv. layer,9c,9999000,80.00\n"
        "4 conv. layer,60c-mp-40c-mp-1200fc,9999000,90.00\n"
        "Teacher CNN 1st,60c-mp-40c-mp-1200fc,9999001,80.00\n"
        "Teacher CNN 2nd,60c-mp-40c-mp-1200fc,9999003,70.00\n"
        "Teacher CNN 3rd,60c-mp-40c-mp-1200fc,9999000,60.00\n"
        "Ensemble of 2 CNNs,c^2-mp-c^2-mp-c^4-mp-fc^2,83400000,93.80\n"
    )
    assert list(long["trial"].dropna()) == [0, 0, 1, 3, 0]
    assert list(long.loc["Teacher CNN 1st", ["n_trials", "n_diverged", "seed"]]) == [5, 1, 1001]
    assert list(long["paper_accuracy_pct"].dropna()) == [84.6, 91.75, 92.78, 92.77, 92.67]
    assert long.loc["4 conv. layer", "difference"] == -1.75
    assert long.loc["Teacher CNN 3rd", "difference"] == -32.67


def test_the_ensemble_is_compared_only_at_the_papers_size(a_teacher, write_study, write_ensemble, tabulate):
    teachers = teachers_of(write_study, a_teacher, *[0.5] * 17)
    _, long = tabulate([], teachers, write_ensemble(list(range(16)), test_accuracy=0.93))
    assert long.loc["Ensemble of 16 CNNs", "paper_accuracy_pct"] == 93.8
    assert long.loc["Ensemble of 16 CNNs", "difference"] == -0.8
    for n_members in (15, 17):
        _, long = tabulate([], teachers, write_ensemble(list(range(n_members))))
        row = long.loc[f"Ensemble of {n_members} CNNs"]
        assert row[["paper_n_parameters", "paper_accuracy_pct", "difference"]].isna().all()


def test_hard_label_nets_at_other_budgets_name_them_and_are_not_compared(
    a_trial, a_teacher, write_study, write_ensemble, tabulate
):
    studies = [
        write_study(a_trial(0, family=family, budget=budget, loss="cross_entropy"))
        for family, budget in [("cnn2", "10M"), ("cnn1", "10M"), ("cnn2", "316k")]
    ]
    table, long = tabulate(studies, teachers_of(write_study, a_teacher, 0.5), write_ensemble([0]))
    names = ["2 conv. layer, 316k", "1 conv. layer, 10M", "2 conv. layer, 10M"]
    assert list(long.index) == [*names, "Teacher CNN 1st", "Ensemble of 1 CNN"]
    assert pd.isna(long.loc["2 conv. layer, 316k", "paper_accuracy_pct"])
    assert long.loc["2 conv. layer, 10M", "paper_accuracy_pct"] == 88.9
    assert table.count("\n") == 6


def test_a_diverged_study_keeps_its_row_with_empty_cells(
    a_trial, a_teacher, write_study, write_ensemble, tabulate
):
    study = write_study(a_trial(0, family="cnn3", loss="cross_entropy", status="diverged"))
    table, _ = tabulate([study], teachers_of(write_study, a_teacher, 0.5), write_ensemble([0]))
    assert table.splitlines()[1] == "3 conv. layer,,,"
