"""The third paper's part of the page in a real browser; skipped as the other tests of `test_in_browser`."""

import pytest
from tests.simulated_run import SMALL, SimulatedRun, paper_config
from tests.simulated_win import write_win

from mimic.report.publish_report import page_of

pytest.importorskip("selenium")
pytest.importorskip("axe_core_python")
from tests.browsing import NARROW, WIDE, faults, wait_for


@pytest.fixture(scope="module")
def win_addresses(tmp_path_factory):
    """Pages about a run with the nets of the third paper, and about these alone."""
    nets = {"depth": [50, 101], "divide": [1, 4], "stem": "imagenet", "seed": [0, 1]}
    folder, config = tmp_path_factory.mktemp("win"), paper_config(**SMALL, win={"nets": nets})
    SimulatedRun(folder / "results", config).write_all()
    write_win(folder / "results", config.win)
    for name, only in (("both", None), ("alone", "win")):
        page = page_of(folder / "results", config, only=only)
        (folder / f"{name}.html").write_text(page, encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in ("both", "alone")}


@pytest.mark.parametrize(("page", "width", "scheme"), [("both", WIDE, "dark"), ("alone", NARROW, "light")])
def test_the_third_paper_stands_on_the_page_without_a_fault(opened, win_addresses, page, width, scheme):
    browser = opened(width, scheme, win_addresses[page])
    browser.execute_script("document.querySelectorAll('details.numbers').forEach((d) => (d.open = true))")
    wait_for(browser, "!document.querySelector('[data-win]:not(.drawn)')")
    assert browser.get_log("browser") == []
    assert faults(browser) == []
    root = "document.documentElement"
    scrolled, shown = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    assert scrolled == shown
    plots = browser.find_elements("css selector", "[data-win]")
    assert [plot.get_attribute("data-win") for plot in plots] == ["methods", "blocks", "nets"]
    assert all(plot.get_attribute("aria-label") for plot in plots)


def test_figures_of_the_third_paper_hold_what_was_handed_over(opened, win_addresses):
    browser = opened(address=win_addresses["alone"])
    drawn = "[...document.querySelector('[data-win={}]').data].map((t) => [t.name, [...t.y], t.marker.color])"
    methods = browser.execute_script("return " + drawn.format("methods"))
    rows = browser.execute_script("return DATA.win.methods")
    for method in ("Vanilla", "KD", "WIN"):
        own = [row for row in rows if row["method"] == method]
        marks = {name: (values, ink) for name, values, ink in methods}
        assert marks[method][0] == [row["mean"] for row in own]
        assert marks[f"{method}, paper"] == ([row["paper"] for row in own], "#ffffff")
    for kind in ("blocks", "nets"):
        lines = [values for _, values, _ in browser.execute_script("return " + drawn.format(kind))]
        handed = browser.execute_script(f"return DATA.win.{kind}.map((c) => c.values)")
        assert sorted(values for values in lines if values != [None]) == sorted(handed)
    axis = "return document.querySelector('[data-win=blocks]').layout.yaxis4.type"
    assert browser.execute_script(axis) == "log"
