import builtins
import csv
import dataclasses

import pytest
from tests.unit.console.conftest import ENDED

from mimic.console.main import main
from mimic.console.trial_folders import HISTORY, read_history
from mimic.training.loop import EpochRecord


def export(results, out, *more):
    return main(["export-scalars", "--results", str(results), "--out", str(out), *more])


def events(folder):
    """What TensorBoard's own reader finds: name -> list of (step, value, time)."""
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    accumulator = reading.EventAccumulator(str(folder))
    accumulator.Reload()
    return {
        name: [(event.step, event.value, event.wall_time) for event in accumulator.Scalars(name)]
        for name in accumulator.Tags()["scalars"]
    }


def test_tensorboard_reads_each_trials_history(results, tmp_path):
    pytest.importorskip("tensorboard")
    assert export(results, tmp_path / "out") == 0
    out = tmp_path / "out"
    runs = {str(path.parent.relative_to(out)) for path in out.rglob("event*")}
    assert runs == {*(f"teachers/{number:03d}" for number in range(4)), "students/cnn2-10M/001"}
    found = events(tmp_path / "out" / "teachers" / "003")
    with open(results / "teachers" / "trials" / "003" / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for column, name in (
        ("train_loss", "loss/train"),
        ("validation_loss", "loss/validation"),
        ("validation_accuracy", "accuracy/validation"),
        ("learning_rate", "learning_rate"),
    ):
        assert [step for step, _, _ in found[name]] == [int(row["epoch"]) for row in rows]
        assert [value for _, value, _ in found[name]] == pytest.approx([float(row[column]) for row in rows])
    assert [moment for _, _, moment in found["loss/train"]] == pytest.approx([ENDED - 3, ENDED - 1.5, ENDED])
    assert found["best/test_accuracy"][0][:2] == (3, 0.5)


def test_a_diverged_trial_has_a_history_and_no_scores(results, tmp_path):
    assert export(results, tmp_path / "out", "--study", "teachers") == 0
    found = events(tmp_path / "out" / "teachers" / "002")
    assert len(found["loss/train"]) == 3
    assert not any(name.startswith("best/") for name in found)
    assert not (tmp_path / "out" / "students").exists()


def refused(capsys, code):
    assert code == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_without_tensorboard_the_command_that_installs_it_is_named(results, tmp_path, capsys, monkeypatch):
    usual = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith(("tensorboard", "torch.utils.tensorboard")):
            raise ImportError(name)
        return usual(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    line = refused(capsys, export(results, tmp_path / "out"))
    assert "pip install -c constraints.txt -e '.[tensorboard]'" in line
    assert not (tmp_path / "out").exists()


def test_a_folder_that_exists_and_an_unknown_study_are_refused(results, tmp_path, capsys):
    pytest.importorskip("tensorboard")
    (tmp_path / "out").mkdir()
    assert "exists already" in refused(capsys, export(results, tmp_path / "out"))
    line = refused(capsys, export(results, tmp_path / "new", "--study", "cnn7"))
    assert "there is no study 'cnn7'; expected one of teachers, cnn2-10M" in line
    assert "give the config's `output`" in refused(capsys, export(tmp_path / "none", tmp_path / "new"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "epoch\n1\n",
        ",".join(HISTORY) + "\n1,2,3\n",
        ",".join(HISTORY) + "\n1,2,3,4,5,6,nan\n",
        ",".join(HISTORY) + "\n2,2,3,4,5,6,7\n",
        ",".join(HISTORY) + "\n1,2,3,4,5,6,x\n",
        b"\xff\xfe",
    ],
)
def test_a_damaged_history_is_named_and_nothing_is_written(results, tmp_path, capsys, text):
    pytest.importorskip("tensorboard")
    path = results / "teachers" / "trials" / "001" / "history.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    assert str(path) in refused(capsys, export(results, tmp_path / "out"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["results"]


def test_columns_are_those_that_training_writes(results):
    assert tuple(field.name for field in dataclasses.fields(EpochRecord)) == HISTORY
    assert read_history(results / "teachers" / "trials" / "001" / "history.csv")[2]["epoch"] == 3
