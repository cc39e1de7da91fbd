"""The table of one study."""

from pathlib import Path

from mimic.cli import MAKE_FIRST, run_stage
from mimic.report import tabulate_trials


def test_the_table_has_a_row_a_trial_sorted_and_nothing_rounded(a_trial, write_study):
    third = 1 / 3
    path = write_study(
        a_trial(10, validation_accuracy=third, hyperparameters={"learning_rate": 1e-05, "conv1": 60}),
        a_trial(2, status="diverged", hyperparameters={"ratio1": 0.1 + 0.2}),
    )
    table = [line.rpartition(",") for line in Path(path).read_text().splitlines()]
    assert [last for _, _, last in table] == ["digest", *[table[1][2]] * 2]
    assert "".join(f"{cells}\n" for cells, _, _ in table) == (
        "study,trial,round,status,loss,family,budget,seed,architecture,n_parameters,epochs,best_epoch,seconds,"
        "validation_accuracy,validation_loss,test_accuracy,"
        "hyperparameter.conv1,hyperparameter.learning_rate,hyperparameter.ratio1\n"
        "cnn2-10M,2,0,diverged,logit_l2,cnn2,10M,1002,60c-mp-40c-mp-1200fc,9999002,12,9,1.5,"
        ",,,,,0.30000000000000004\n"
        "cnn2-10M,10,0,finished,logit_l2,cnn2,10M,1010,60c-mp-40c-mp-1200fc,9999010,12,9,1.5,"
        "0.3333333333333333,0.25,0.5,60,1e-05,\n"
    )


def test_a_teacher_has_an_empty_budget(a_teacher, write_study):
    assert ",cross_entropy,teacher,,1000," in Path(write_study(a_teacher(0))).read_text()


def test_a_wrong_file_ends_with_one_line_and_no_table(a_trial, write_metrics, tmp_path, capsys):
    good, bad = write_metrics(a_trial(0)), write_metrics(a_trial(1, epochs=1.5))
    out = tmp_path / "trials.csv"
    code = run_stage(tabulate_trials.main, ["--metrics", good, bad, "--out", str(out)])
    error = capsys.readouterr().err
    assert code == 1
    assert error.startswith(f"error: {bad}: epochs: ")
    assert error.count("\n") == 1
    assert not out.exists()


def test_a_missing_file_ends_with_one_line(tmp_path, capsys):
    missing = str(tmp_path / "metrics.json")
    assert run_stage(tabulate_trials.main, ["--metrics", missing, "--out", str(tmp_path / "t.csv")]) == 1
    assert capsys.readouterr().err == f"error: {missing}: no such file (expected mimic.trial); {MAKE_FIRST}\n"
