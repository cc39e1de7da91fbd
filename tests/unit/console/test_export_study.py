import json
import os
import shutil
import sqlite3
import time
import urllib.request
from pathlib import Path

import optuna
import pytest
from tests.sealed_files import write_foreign_json

from mimic.artifact import DIGEST_KEY
from mimic.console.main import main
from mimic.console.overlays import merged_config
from mimic.search.propose import distributions_of
from mimic.students.families import parse_study
from mimic.students.space import student_space
from mimic.teachers.space import teacher_space

ROOT = Path(__file__).parents[3]
CONFIG = str(ROOT / "config.yaml")


def export(study, sqlite, results, *overlays):
    """With an overlay that changes nothing: the results lie elsewhere than the config says."""
    arguments = ["export-study", study, "--sqlite", str(sqlite), "--results", str(results)]
    return main([*arguments, "--config", CONFIG, "--configfile", CONFIG, *overlays])


def loaded(sqlite, name):
    return optuna.load_study(study_name=name, storage=f"sqlite:///{sqlite}")


def test_optuna_reads_the_trials_as_training_wrote_them(results, tmp_path):
    assert export("teachers", tmp_path / "a.db", results) == 0
    study = loaded(tmp_path / "a.db", "teachers")
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.metric_names == ["validation_accuracy"]
    assert [trial.state.name for trial in study.trials] == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]
    assert study.best_trial.user_attrs["trial"] == 3
    space = distributions_of(teacher_space(merged_config([CONFIG]).teachers.search_space))
    for trial in study.trials:
        number = trial.user_attrs["trial"]
        metrics = json.loads((results / "teachers" / "trials" / f"{number:03d}" / "metrics.json").read_text())
        assert trial.params == metrics["hyperparameters"]
        assert trial.distributions == space
        assert trial.value == metrics["validation_accuracy"]
        assert trial.user_attrs["test_accuracy"] == metrics["test_accuracy"]
        assert trial.user_attrs["n_parameters"] == metrics["n_parameters"]
        assert trial.duration.total_seconds() == metrics["seconds"]
        assert trial.intermediate_values == pytest.approx(
            {epoch: 0.2 * epoch + number / 100 for epoch in (1, 2, 3)}
        )


def test_several_studies_go_into_one_file(results, tmp_path):
    assert export("teachers", tmp_path / "a.db", results) == 0
    assert export("cnn2-10M", tmp_path / "a.db", results) == 0
    assert optuna.get_all_study_names(f"sqlite:///{tmp_path / 'a.db'}") == ["teachers", "cnn2-10M"]
    assert len(loaded(tmp_path / "a.db", "teachers").trials) == 4
    space = merged_config([CONFIG]).students.search_space
    (trial,) = loaded(tmp_path / "a.db", "cnn2-10M").trials
    assert trial.distributions == distributions_of(student_space(parse_study("cnn2-10M"), space))
    assert trial.user_attrs["trial"] == 1


def refused(capsys, code):
    assert code == 1
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_a_study_that_the_file_has_is_refused(results, tmp_path, capsys):
    export("teachers", tmp_path / "a.db", results)
    before = (tmp_path / "a.db").read_bytes()
    assert "nothing is overwritten" in refused(capsys, export("teachers", tmp_path / "a.db", results))
    assert (tmp_path / "a.db").read_bytes() == before


def foreign_database(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE notes (text TEXT)")


@pytest.mark.parametrize(
    "make",
    [lambda path: path.write_text("mine"), foreign_database, Path.mkdir, Path.touch],
    ids=["text", "database", "folder", "empty"],
)
def test_what_is_no_database_of_optuna_is_left_alone(results, tmp_path, capsys, make):
    path = tmp_path / "mine"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    assert "give another name by --sqlite" in refused(capsys, export("teachers", path, results))
    assert path.is_dir() or path.read_bytes() == before


def test_an_unknown_study_is_told_which_exist(results, tmp_path, capsys):
    line = refused(capsys, export("cnn9-10M", tmp_path / "a.db", results))
    assert "'cnn9-10M'; expected one of teachers, cnn2-10M" in line
    assert not (tmp_path / "a.db").exists()


def test_a_study_without_finished_trials_says_so(results, tmp_path, capsys):
    shutil.rmtree(results / "students" / "cnn2-10M" / "trials" / "001")
    assert "no trial of cnn2-10M has ended" in refused(capsys, export("cnn2-10M", tmp_path / "a.db", results))


def test_trials_outside_the_ranges_ask_for_the_overlay(results, tmp_path, capsys):
    overlay = ROOT / "workflow" / "presets" / "demo.yaml"
    line = refused(capsys, export("teachers", tmp_path / "a.db", results, str(overlay)))
    assert "trial 0: expected" in line
    assert "--configfile" in line
    assert not (tmp_path / "a.db").exists()


def test_another_results_folder_asks_for_its_overlay(results, tmp_path, capsys):
    arguments = ["export-study", "teachers", "--sqlite", str(tmp_path / "a.db"), "--config", CONFIG]
    line = refused(capsys, main([*arguments, "--results", str(results)]))
    assert "config.yaml writes to results; give the overlay" in line


def test_a_preset_that_writes_to_the_results_is_found(results, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "workflow" / "presets").mkdir(parents=True)
    shutil.copy(CONFIG, tmp_path)
    (tmp_path / "workflow" / "presets" / "mine.yaml").write_text("output: elsewhere\n")
    results.rename("elsewhere")
    assert main(["export-study", "teachers", "--sqlite", "a.db", "--results", "elsewhere/"]) == 0
    assert "workflow/presets/mine.yaml, which writes to elsewhere" in capsys.readouterr().out


def test_an_edited_or_anothers_trial_is_refused(results, tmp_path, capsys):
    path = results / "teachers" / "trials" / "001" / "metrics.json"
    whole = path.read_text()
    path.write_text(whole.replace('"trial": 1', '"trial": 3'))
    assert "was changed after it was written" in refused(
        capsys, export("teachers", tmp_path / "a.db", results)
    )
    shutil.copy(results / "teachers" / "trials" / "003" / "metrics.json", path)
    assert "trial: expected 1, got 3" in refused(capsys, export("teachers", tmp_path / "a.db", results))
    values = json.loads(whole) | {"architecture": "\x1b[31m"}
    write_foreign_json(path, {key: value for key, value in values.items() if key != DIGEST_KEY})
    assert "architecture" in refused(capsys, export("teachers", tmp_path / "a.db", results))
    assert not (tmp_path / "a.db").exists()


def test_the_dashboard_shows_the_study(results, tmp_path):
    dashboard = pytest.importorskip("optuna_dashboard")
    import threading
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    assert export("teachers", tmp_path / "a.db", results) == 0

    class Silent(WSGIRequestHandler):
        def log_message(self, *words):
            pass

    app = dashboard.wsgi(f"sqlite:///{tmp_path / 'a.db'}")
    with make_server("127.0.0.1", 0, app, handler_class=Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        (summary,) = json.load(open_url(f"{address}/api/studies"))["study_summaries"]
        shown = json.load(open_url(f"{address}/api/studies/{summary['study_id']}"))
        page = open_url(f"{address}/dashboard/").read()
        server.shutdown()
    assert summary["study_name"] == "teachers"
    assert [trial["state"] for trial in shown["trials"]] == ["Complete", "Complete", "Fail", "Complete"]
    assert shown["has_intermediate_values"]
    assert b"Optuna Dashboard" in page


def test_nothing_is_left_beside_the_database(results, tmp_path):
    export("teachers", tmp_path / "a.db", results)
    assert sorted(os.listdir(tmp_path)) == ["a.db", "results"]
    assert time.time() - (tmp_path / "a.db").stat().st_mtime < 600
