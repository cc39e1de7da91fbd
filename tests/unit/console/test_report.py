"""`mimic report`: the page about a run as it stands."""

import pytest
import yaml
from tests.simulated_run import ROOT, SMALL, SimulatedRun, paper_config
from tests.simulated_win import write_win

from mimic.console.main import main


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with an overlay; no result yet."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(yaml.safe_dump({"output": "out", **SMALL}))
    return tmp_path


def report(*more):
    return main(["report", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "small.yaml", *more])


def test_a_half_finished_run_gets_a_page_beside_its_results(place, capsys):
    run = SimulatedRun(place / "out", paper_config(**SMALL))
    run.write_dataset()
    run.write_teachers(n_trials=3)
    assert report() == 0
    page = (place / "out" / "report-so-far.html").read_text(encoding="utf-8")
    assert "3 of 57 trials have ended" in page
    assert not (place / "out" / "report.html").exists()
    assert capsys.readouterr().out.startswith("out/report-so-far.html: ")


def test_a_folder_with_the_third_paper_alone_gets_a_page_about_it(place):
    write_win(place / "out", paper_config(**SMALL).win)
    assert report() == 0
    page = (place / "out" / "report-so-far.html").read_text(encoding="utf-8")
    assert "At equal epochs WIN is above KD for all 6 nets" in page
    assert "of 57 trials" not in page


def test_the_page_may_have_another_name(place):
    (place / "out").mkdir()
    assert report("--out", "elsewhere/page.html") == 0
    assert (place / "elsewhere" / "page.html").exists()


@pytest.mark.parametrize(
    ("out", "message"),
    [("page.txt", "--out: expected a name that ends in .html"), ("out/report.html", "is the workflow's own")],
)
def test_names_that_will_not_do_are_refused(place, capsys, out, message):
    (place / "out").mkdir()
    assert report("--out", out) == 1
    assert message in capsys.readouterr().err
    assert not (place / out).exists()


def test_a_run_that_left_nothing_is_said_to(place, capsys):
    assert report() == 1
    assert capsys.readouterr().err.startswith("error: out: no such folder; expected the results of a run")
