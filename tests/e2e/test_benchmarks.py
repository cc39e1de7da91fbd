"""The benchmarks that train run through at a tiny scale and say what they measured."""

import json
import subprocess
import sys

import pytest

from tests.benchmark_results import FOLDER, check_form, importer, only_result

script = pytest.fixture(importer)


def test_training_is_measured_against_both_loops(script, tmp_path):
    """In processes of their own, as users run it."""
    command = [sys.executable, str(FOLDER / "training_step.py"), "--nets", "mlp3-30k", "--rounds", "1"]
    subprocess.run([*command, "--seconds", "0.01", "--together", "2", "--out", str(tmp_path)], check=True)
    result = only_result(tmp_path, "training_step")
    check_form(result, 1)
    assert [claim["what"] for claim in result["claims"]][-2:] == ["training 2 of mlp3-30k together"] * 2
    assert {"plain", "done well", "ours, one net"} <= {claim["peer"] for claim in result["claims"]}


def test_labelling_says_what_bfloat16_costs(script, tmp_path):
    labelling = script("labelling")
    options = [
        "--images",
        "32",
        "--train-images",
        "128",
        "--train-epochs",
        "1",
        "--members",
        "2",
        "--rounds",
        "1",
    ]
    labelling.main([*options, "--out", str(tmp_path)])
    result = only_result(tmp_path, "labelling")
    check_form(result, 1)
    assert 0 <= result["effect"]["rms_of_a_member"] < 0.1
    assert [claim["unit"] for claim in result["claims"]] == ["images/s", "images/s", "TFLOP/s"]


def test_proportion_compares_twice_the_work_with_twice_the_time(script, tmp_path):
    script("proportion").main(["--images", "300", "--rounds", "1", "--out", str(tmp_path)])
    result = only_result(tmp_path, "proportion")
    check_form(result, 1)
    assert len(result["claims"]) == 6
    assert min(result["memory_bytes"].values()) > 1e7


def test_accuracy_trains_both_paths_from_the_same_weights(script, tmp_path, monkeypatch):
    monkeypatch.delenv("MIMIC_TEST_DATA", raising=False)
    monkeypatch.delenv("MIMIC_IMAGES", raising=False)
    options = ["--nets", "mlp2-30k", "--images", "256", "--validation", "200", "--epochs", "1"]
    script("accuracy").main([*options, "--seeds", "2", "--out", str(tmp_path)])
    result = only_result(tmp_path, "accuracy")
    check_form(result, 2)
    for fast, plain in zip(*result["accuracies"].values(), strict=True):
        # A step or two of bfloat16 change few of the 200 answers.
        assert abs(fast["mlp2-30k"] - plain["mlp2-30k"]) < 0.1


def test_the_paper_in_one_process_goes_on_where_it_was_stopped(script, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("MIMIC_TEST_DATA", raising=False)
    monkeypatch.delenv("MIMIC_IMAGES", raising=False)
    paper = script("paper_on_one_gpu")
    undisturbed = ["--scale", "0.001", "--threads", "1", "--families", "mlp2", "cnn2"]
    options = [*undisturbed, "--work", str(tmp_path / "work")]
    train = paper.Paper.train_students
    monkeypatch.setattr(paper.Paper, "train_students", lambda self: sys.exit("stopped"))
    with pytest.raises(SystemExit, match="stopped"):
        paper.main([*options, "--out", str(tmp_path)])
    stopped = json.loads((tmp_path / "work" / "ledger.json").read_text(encoding="utf-8"))
    monkeypatch.setattr(paper.Paper, "train_students", train)
    paper.main([*options, "--out", str(tmp_path)])
    finished = json.loads((tmp_path / "work" / "ledger.json").read_text(encoding="utf-8"))
    assert finished[: len(stopped)] == stopped
    result = only_result(tmp_path, "paper_on_one_gpu")
    check_form(result, 5)
    rows = result["table2"].splitlines()
    assert rows[0] == "model,0.03M,0.095M,0.3M,0.948M"
    assert len(rows) == 3
    assert all(len(row.split(",")) >= 5 and ",," not in row for row in rows)
    assert result["steps"]["teachers"]["flop"] > 0
    for changed in (["--scale", "0.002"], ["--together", "3"], ["--families", "mlp2"]):
        with pytest.raises(SystemExit, match=r"run\.json: expected .*, got .*: give another --work"):
            paper.main([*options, *changed, "--out", str(tmp_path)])
    paper.main([*undisturbed, "--work", str(tmp_path / "other"), "--out", str(tmp_path)])
    again = only_result(tmp_path, "paper_on_one_gpu")
    assert [again["table1"], again["table2"]] == [result["table1"], result["table2"]]
    (tmp_path / "work" / "ledger.json").write_text("[{", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"ledger\.json: expected a list of finished units"):
        paper.main([*options, "--out", str(tmp_path)])
