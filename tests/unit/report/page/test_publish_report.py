"""The page as a text: what it holds of a finished run, of a begun one, and of hostile files."""

import html
import json
import re
import shutil

import pandas as pd
import pytest
from tests.simulated_run import SMALL, SimulatedRun, paper_config

from mimic.artifact import write_json
from mimic.cli import InputError
from mimic.report import publish_report, tabulate_table1, tabulate_table2, tabulate_trials
from mimic.report.publish_report import page_of


def data_of(page):
    """The values that the page hands to its scripts."""
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page)[1])


def write_csvs(run, folder):
    """Both tables by the workflow's own stages; paths of the CSV files."""
    paths = {}
    for place in ["teachers", *(f"students/{path.name}" for path in (run.folder / "students").iterdir())]:
        metrics = sorted(map(str, (run.folder / place).rglob("metrics.json")))
        paths[place] = str(folder / f"{place.replace('/', '-')}.csv")
        tabulate_trials.main(["--metrics", *metrics, "--out", paths[place]])
    hard = [path for place, path in paths.items() if place.endswith("-hard")]
    mimics = [path for place, path in paths.items() if place.startswith("students") and path not in hard]
    students = run.config.students
    names = [str(folder / f"{name}.csv") for name in ("table1", "long1", "table2", "long2")]
    members = str(run.folder / "ensemble" / "members.json")
    compared = ["--teachers", paths["teachers"], "--ensemble", members, "--hard-studies", *hard]
    tabulate_table1.main([*compared, "--out", names[0], "--long", names[1]])
    shape = ["--families", *students.families, "--budgets", *students.budgets]
    tabulate_table2.main(["--studies", *mimics, *shape, "--out", names[2], "--long", names[3]])
    return [pd.read_csv(name, dtype=str, keep_default_na=False) for name in names]


def test_the_tables_hold_the_numbers_of_the_csv_files(small_run, small_page, tables_of, tmp_path):
    table1, long1, table2, long2 = write_csvs(small_run, tmp_path)
    found = tables_of(small_page)
    rows = found["t1"][1:]
    assert [row[0] for row in rows] == table1["model"].tolist()
    assert [row[2].replace(",", "") for row in rows] == table1["n_parameters"].tolist()
    assert [row[3] for row in rows] == table1["accuracy_pct"].tolist()
    shown = [row[5].replace("\N{MINUS SIGN}", "-") for row in rows]
    for text, difference in zip(shown, long1["difference"], strict=True):
        assert text == ("" if difference == "" else f"{float(difference):+.2f}")
    rows = found["t2"][2:]
    assert [row[0] for row in rows] == table2["model"].tolist()
    for place, budget in enumerate(small_run.config.students.budgets):
        assert [row[1 + 3 * place] for row in rows] == table2[budget].tolist()
        own = long2[long2["budget"] == budget]
        published = [f"{float(value):.2f}" for value in own["paper_accuracy_pct"]]
        assert [row[2 + 3 * place] for row in rows] == published
        differences = [float(row[3 + 3 * place].replace("\N{MINUS SIGN}", "-")) for row in rows]
        assert differences == own["difference"].astype(float).tolist()


def test_the_page_is_whole_and_small(small_page):
    assert len(small_page.encode()) < 8_000_000
    page = re.sub(r"<script>.*?</script>", "", small_page, flags=re.DOTALL)
    assert re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*""", page) == []
    assert "url(" not in page
    assert "default-src 'none'" in html.unescape(page)


def test_the_headline_is_computed_from_the_trials(small_run, small_page):
    frame = pd.DataFrame(
        [
            json.loads(path.read_text())
            for path in small_run.folder.glob("students/*-10M/trials/*/metrics.json")
        ]
    )
    finished = frame[frame["status"] == "finished"]
    best = finished.loc[finished["validation_accuracy"].idxmax()]
    lead = re.search(r'<p class="lead">(.*?)</p>', small_page)[1].replace("\N{NO-BREAK SPACE}", " ")
    assert f"{100 * best['test_accuracy']:.2f} % of the test images correctly" in lead
    assert "an ensemble of 3 deep convolutional nets" in small_page


def test_figures_and_paper_are_handed_over(small_page):
    data = data_of(small_page)
    assert {row["family"] for row in data["figure2"]} == {"mlp1", "mlp2", "cnn1", "cnn2"}
    assert len([row for row in data["paper"] if row["series"] == "student"]) == 36
    assert data["paper"][0] == {"series": "student", "family": "mlp1", "n_parameters": 1000000, "pct": 65.8}
    assert set(data["studies"]) >= {"teachers", "cnn2-10M", "cnn2-10M-hard"}


def test_each_study_is_named_by_its_id_and_can_be_linked_to(small_page):
    ids = re.findall(r'\bid="([^"]*)"', re.sub(r"<script.*?</script>", "", small_page, flags=re.DOTALL))
    assert len(ids) == len(set(ids))
    for name in data_of(small_page)["studies"]:
        assert name in ids
        assert f"<code>{name}</code>" in small_page
        assert f'href="#{name}"' in small_page


def test_the_caption_says_that_bars_are_shifted(small_page, begun_run):
    told = "shifted sideways so as not to cover each other"
    assert told in small_page
    begun_run.write_dataset()
    begun_run.write_students(n_studies=2)
    assert told not in page_of(begun_run.folder, begun_run.config)


def test_nothing_done_yet_makes_a_page(begun_run):
    begun_run.folder.mkdir()
    page = page_of(begun_run.folder, begun_run.config, strict=False)
    assert "No student has finished yet, so there is no answer." in page
    assert "0 of 57 trials have ended" in page


def test_a_dataset_alone_makes_a_page_with_its_images(begun_run):
    begun_run.write_dataset()
    page = page_of(begun_run.folder, begun_run.config)
    assert "no epochs are stored yet" in page
    assert "data:image/png;base64," in page


def test_cells_without_a_run_say_so(begun_run, tables_of):
    begun_run.write_dataset()
    begun_run.write_teachers(n_trials=2)
    begun_run.write_students(n_studies=3)
    page = page_of(begun_run.folder, begun_run.config)
    rows = tables_of(page)["t2"][2:]
    assert [row[1] == "no run yet" for row in rows] == [False, False, True, True]
    assert tables_of(page)["t1"][-1][0] == "Ensemble"
    assert tables_of(page)["t1"][-1][3] == "no run yet"
    assert "the ensemble is not selected yet" in page


def test_a_dataset_that_is_gone_or_damaged_is_why_there_are_no_confusions(begun_run):
    begun_run.write_all()
    path = begun_run.folder / "data" / "dataset.h5"
    path.write_bytes(path.read_bytes()[:5000])
    page = page_of(begun_run.folder, begun_run.config, strict=False)
    assert page.count("The dataset, data/dataset.h5, could not be read") == 2
    path.unlink()
    page = page_of(begun_run.folder, begun_run.config, strict=False)
    assert page.count("The dataset, data/dataset.h5, is missing") == 2
    assert "are there yet" not in page


def test_predictions_that_are_gone_are_why_there_are_no_confusions(begun_run):
    begun_run.write_all()
    for path in begun_run.folder.rglob("predictions.h5"):
        path.unlink()
    page = page_of(begun_run.folder, begun_run.config, strict=False)
    assert "The predictions of the nets shown here are missing or could not be read." in page


def test_an_ensemble_that_cannot_be_read_is_not_called_unselected(begun_run):
    begun_run.write_all()
    (begun_run.folder / "ensemble" / "members.json").write_text("{")
    page = page_of(begun_run.folder, begun_run.config, strict=False)
    assert "ensemble/members.json is there, but could not be read." in page
    assert "the ensemble is not known" in page
    assert "ot selected yet" not in page


def test_a_kind_that_the_config_does_not_have_is_told_to_the_figure(begun_run):
    students = begun_run.config.students.model_copy(update={"families": ["mlp1", "mlp2"]})
    config = begun_run.config.model_copy(update={"students": students})
    begun_run.folder.mkdir()
    assert data_of(page_of(begun_run.folder, config))["planned"] == ["mlp"]
    assert data_of(page_of(begun_run.folder, begun_run.config))["planned"] == ["cnn", "mlp"]


def test_a_run_from_a_pack_makes_a_page(begun_run, tmp_path):
    begun_run.write_dataset()
    begun_run.write_teachers()
    begun_run.write_ensemble()
    begun_run.write_epochs()
    begun_run.write_students()
    shared = begun_run.folder / "shared"
    shared.mkdir()
    metrics = sorted(map(str, (begun_run.folder / "teachers").rglob("metrics.json")))
    tabulate_trials.main(["--metrics", *metrics, "--out", str(shared / "teachers.csv")])
    shutil.move(begun_run.folder / "ensemble" / "members.json", shared / "members.json")
    shutil.move(begun_run.folder / "data" / "dataset.h5", shared / "dataset.h5")
    shutil.rmtree(begun_run.folder / "teachers")
    (shared / "pack.json").write_text("{}")
    page = page_of(begun_run.folder, begun_run.config)
    assert "not in the pack" in page
    assert "Best single teacher" in page
    assert "So far:" not in page


HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'


def test_names_from_files_are_no_html(tmp_path):
    names = [HOSTILE, "<!--", "]]>", "&lt;b&gt;", "{{ 7 * 7 }}", "\u2028", *"abcd"]
    run = SimulatedRun(tmp_path / "results", paper_config(**SMALL), class_names=names).write_all()
    page = page_of(run.folder, run.config)
    assert "alert(1)</script>" not in page
    assert "<img src=x" not in page
    assert "&lt;img src=x" in page
    assert "{{ 7 * 7 }}" in page
    assert page.count("<script") == page.count("</script>") == 3
    data_of(page)


def test_a_damaged_file_is_named_or_ends_the_stage(begun_run):
    begun_run.write_all()
    path = begun_run.folder / "students/cnn2-10M/trials/002/metrics.json"
    path.write_text(path.read_text().replace('"trial": 2', '"trial": 3'))
    with pytest.raises(InputError, match=r"cnn2-10M/trials/002/metrics.json: was changed after"):
        page_of(begun_run.folder, begun_run.config)
    said = []
    page = page_of(begun_run.folder, begun_run.config, strict=False, on_problems=said.extend)
    assert len(said) == 1
    assert "1 file could not be read and is left out" in page
    assert "cnn2-10M/trials/002/metrics.json: was changed after" in page


def test_a_file_that_several_parts_of_the_page_read_is_named_once(begun_run):
    begun_run.write_all()
    dataset = begun_run.folder / "data/dataset.h5"
    dataset.write_bytes(dataset.read_bytes()[:-1])
    said = []
    page_of(begun_run.folder, begun_run.config, strict=False, on_problems=said.extend)
    assert len([line for line in said if "dataset.h5" in line]) == 1


def test_a_trial_in_another_ones_place_is_refused(begun_run):
    begun_run.write_all()
    place = begun_run.folder / "students/cnn2-10M/trials"
    write_json(place / "002/metrics.json", json.loads((place / "003/metrics.json").read_text()))
    with pytest.raises(InputError, match="expected trial 2 of cnn2-10M, found 3 of cnn2-10M"):
        page_of(begun_run.folder, begun_run.config)


def test_the_stage_writes_the_page(small_run, small_page, tmp_path):
    out = tmp_path / "report.html"
    config = small_run.config.model_dump_json()
    publish_report.main(["--results", str(small_run.folder), "--config", config, "--out", str(out)])
    assert out.read_text(encoding="utf-8") == small_page
