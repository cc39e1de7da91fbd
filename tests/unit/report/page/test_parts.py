"""The parts of the page by hand, or against pandas and numpy."""

import json
import os
import re

import numpy as np
import pandas as pd
import pytest
from tests.simulated_run import ROOT

from mimic.cli import InputError
from mimic.console.stages import STAGES
from mimic.report.page import answers, cost, words
from mimic.report.page.arrays import Labels
from mimic.report.page.document import policy_of, safe_json, script_text
from mimic.report.page.histories import N_POINTS, read_history
from mimic.report.page.studies import N_FOR_IMPORTANCE, importances

HEADER = "epoch,learning_rate,train_loss,validation_loss,validation_accuracy,seconds,images_per_second\n"


def test_a_long_history_is_thinned_and_keeps_first_last_and_best(tmp_path):
    accuracies = [0.5] * 1000
    accuracies[123] = 0.9
    lines = [f"{i + 1},0.1,{2 - i / 1000},1,{a},1,1" for i, a in enumerate(accuracies)]
    (tmp_path / "history.csv").write_text(HEADER + "\n".join(lines) + "\n")
    history = read_history(tmp_path / "history.csv")
    assert len(history.epochs) <= N_POINTS
    assert (history.epochs[0], history.epochs[-1]) == (1, 1000)
    assert history.validation_pct[history.epochs.index(124)] == 90.0
    assert history.train_loss[0] == 2.0


def test_a_short_history_stays_and_a_loss_that_is_no_number_is_none(tmp_path):
    (tmp_path / "history.csv").write_text(HEADER + "1,0.1,nan,1,0.25,1,1\n")
    history = read_history(tmp_path / "history.csv")
    assert (history.epochs, history.validation_pct, history.train_loss) == ([1], [25.0], [None])


@pytest.mark.parametrize("row", ["1,0.1,1,1,1.5,1,1", "x,0.1,1,1,0.5,1,1"])
def test_a_history_of_something_else_is_refused(tmp_path, row):
    (tmp_path / "history.csv").write_text(HEADER + row + "\n")
    with pytest.raises(InputError, match=r"history.csv line 2: expected an epoch, a loss and a fraction"):
        read_history(tmp_path / "history.csv")


@pytest.fixture
def labels():
    generator = np.random.default_rng(1)
    return Labels(list("abcd"), generator.integers(0, 4, 500), {}, "")


def test_confusions_are_those_of_pandas(labels):
    given = np.random.default_rng(2).integers(0, 4, 500)
    expected = pd.crosstab(labels.test, given).to_numpy()
    assert answers.confusion(given, labels).tolist() == expected.tolist()


def test_the_commonest_confusion_comes_first():
    matrix = np.array([[5, 1, 0], [0, 7, 3], [0, 0, 9]])
    found = answers.commonest_confusions(matrix, ["x", "y", "z"])
    assert [(row["true"], row["answer"], row["count"]) for row in found] == [("y", "z", 3), ("x", "y", 1)]
    assert found[0]["share_pct"] == 30.0


def test_disagreement_is_of_pairs():
    members = {4: np.array([0, 1, 2, 3]), 7: np.array([0, 1, 2, 0]), 1: np.array([1, 0, 0, 0])}
    assert answers.disagreement_pct(members).tolist() == [[0, 25, 100], [25, 0, 75], [100, 75, 0]]


def test_shares_of_agreement_add_up(labels):
    generator = np.random.default_rng(3)
    ensemble, student = generator.integers(0, 4, 500), generator.integers(0, 4, 500)
    found = answers.agreement(ensemble, student, labels)
    keys = ("both", "ensemble_only", "student_only", "neither")
    assert sum(found[key] for key in keys) == pytest.approx(100)
    recall = pd.Series(ensemble == labels.test).groupby(labels.test).mean() * 100
    for row in found["classes"]:
        assert row["ensemble_pct"] == pytest.approx(recall["abcd".index(row["name"])])


def log(folder, name, seconds, ended, last=None):
    path = folder / "logs" / f"{name}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(last or f"something\ndone in {seconds:.1f} s, memory 100 MB at most\n")
    os.utime(path, (ended, ended))


def test_busy_time_is_told_against_the_time_in_which_anything_ran(tmp_path):
    log(tmp_path, "prepare_dataset", 10, 1010)  # 1000 to 1010
    log(tmp_path, "train_teacher/000", 20, 1028)  # 1008 to 1028
    log(tmp_path, "train_student/cnn2-1M/000", 30, 1100)  # 1070 to 1100
    log(tmp_path, "train_student/cnn2-1M/001", 0, 1100, last="Traceback\n")
    log(tmp_path, "no_rule_of_ours", 500, 1100)
    jobs, n_silent = cost.read_jobs(tmp_path)
    found = cost.occupation(jobs)
    assert n_silent == 1
    keys = ("busy_seconds", "wall_seconds", "worked_seconds", "most_jobs", "mean_jobs")
    assert [found[key] for key in keys] == [60, 100, 58, 2, 60 / 58]
    assert [(row["rule"], row["n"], row["seconds"]) for row in cost.cost_by_step(jobs)] == [
        ("prepare_dataset", 1, 10.0),
        ("train_teacher", 1, 20.0),
        ("train_student", 1, 30.0),
    ]
    width = found["wall_seconds"] / cost.N_BINS
    for step, seconds in (("data", 10), ("teachers", 20), ("students", 30)):
        assert sum(found["steps"][step]) * width == pytest.approx(seconds, rel=0.01)


def test_every_stage_of_the_workflow_has_its_step_in_the_cost():
    stages = {name: step for step, name in STAGES if name != "pack_targets"}
    assert stages.items() <= cost.RULES.items()


def test_every_rule_with_a_log_has_its_step_in_the_cost():
    found = {}
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for block in re.split(r"^ *(?:rule|checkpoint) ", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            if re.search(r"^ +log:", block, flags=re.M):
                found[block.partition(":")[0]] = path.stem
    assert found == cost.RULES


def test_jobs_of_one_step_may_be_asked_for_alone(tmp_path):
    log(tmp_path, "train_student/cnn2-1M/000", 30, 1100)
    log(tmp_path, "train_group/mnist-L1-F1-K3", 20, 1100)
    log(tmp_path, "tabulate_losses", 1, 1102)
    assert [job.rule for job in cost.read_jobs(tmp_path, {"shallow"})[0]] == [
        "train_group",
        "tabulate_losses",
    ]
    assert len(cost.read_jobs(tmp_path)[0]) == 3


def test_the_hyperparameter_that_decides_matters_most():
    generator = np.random.default_rng(0)
    n = 2 * N_FOR_IMPORTANCE
    frame = pd.DataFrame({f"hyperparameter.{name}": generator.random(n) for name in ("a", "b", "c")})
    frame["validation_accuracy"] = 0.9 - (frame["hyperparameter.b"] - 0.3).abs()
    frame["status"] = "finished"
    found = importances(frame, ["a", "b", "c"], set())
    assert found[0][0] == "b"
    assert sum(share for _, share in found) == pytest.approx(1)
    assert importances(frame.head(N_FOR_IMPORTANCE - 1), ["a", "b", "c"], set()) == []


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.21, "4.2 s"), (59.6, "60 s"), (252, "4 min 12 s"), (12_000, "3 h 20 min"), (187_200, "2 d 4 h")],
)
def test_durations_are_told_in_two_units(seconds, text):
    assert words.duration(seconds) == text


@pytest.mark.parametrize(("n", "text"), [(812, "812"), (97_158, "97.2k"), (31_600_000, "31.6M")])
def test_counts_are_told_as_budgets_are(n, text):
    assert words.count(n) == text


def test_json_in_the_page_reads_back_and_ends_no_element():
    value = {"a": "</script><!--&\u2028", "b": [1.5, None]}
    text = safe_json(value)
    assert json.loads(text) == value
    assert not set("<>&\u2028") & set(text)
    with pytest.raises(ValueError, match="Out of range"):
        safe_json(float("nan"))


def test_a_script_that_ends_its_element_is_refused():
    with pytest.raises(ValueError, match="expected no end of its element"):
        script_text("'</SCRIPT>'")


def test_the_policy_names_scripts_by_their_digest():
    # as `printf 'alert(1)' | openssl dgst -sha256 -binary | base64` prints it
    assert "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='" in policy_of(["alert(1)"])


def test_times_of_a_copy_that_did_not_keep_them_are_not_believed():
    kept = [
        cost.Job("prepare_dataset", 1.0, 1, 100.0),
        cost.Job("train_teacher", 10.0, 1, 110.0),
        cost.Job("select_ensemble", 1.0, 1, 112.0),
        cost.Job("record_logits", 5.0, 1, 118.0),
        cost.Job("average_logits", 1.0, 1, 120.0),
    ]
    assert cost.in_order(kept)
    assert cost.occupation(kept)["wall_seconds"] == 21
    copied = [cost.Job(job.rule, job.seconds, job.megabytes, 500.0) for job in kept]
    assert not cost.in_order(copied)
    assert cost.occupation(copied) == {"busy_seconds": 18.0}
    swapped = [cost.Job("train_teacher", 10.0, 1, 200.0), cost.Job("select_ensemble", 1.0, 1, 112.0)]
    assert not cost.in_order(swapped)
