"""Simulated runs and the page about them."""

import dataclasses
import sys
from html.parser import HTMLParser

import pytest
from tests.simulated_run import SMALL, SimulatedRun, paper_config

from mimic.config.families import SHAPES, Shape
from mimic.report import paper
from mimic.report.page import figures
from mimic.report.page.results import Reading, read_results
from mimic.report.publish_report import page_of, publish_report

ADDED = {
    "vgg": Shape("conv1 conv2 mp hidden", "hidden", {"C1": ("conv1",), "C2": ("conv2",)}, kernel=3),
    "4deep12": Shape("hidden1 hidden2 hidden3 hidden4 hidden5 hidden6", "hidden6"),
}
CACHES = (paper.table2_names, figures.paper_rows)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory):
    """A finished run of few trials; nobody may write into it."""
    folder = tmp_path_factory.mktemp("small") / "results"
    return SimulatedRun(folder, paper_config(**SMALL)).write_all()


@pytest.fixture(scope="session")
def small_page(small_run):
    """The page about it."""
    return page_of(small_run.folder, small_run.config)


@pytest.fixture
def begun_run(tmp_path):
    """A run that a test fills."""
    return SimulatedRun(tmp_path / "results", paper_config(**SMALL))


class Tables(HTMLParser):
    """Texts of all cells of the tables of a page, by the table's id."""

    def __init__(self, text):
        super().__init__()
        self.tables, self._rows, self._cell = {}, None, None
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag == "table":
            self._rows = self.tables[dict(attributes).get("id", len(self.tables))] = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in ("td", "th") and self._rows is not None:
            self._cell = ""

    def handle_endtag(self, tag):
        if tag in ("td", "th") and self._cell is not None:
            self._rows[-1].append(" ".join(self._cell.split()))
            self._cell = None
        elif tag == "table":
            self._rows = None

    def handle_data(self, data):
        if self._cell is not None:
            self._cell += data


@pytest.fixture
def tables_of():
    """Function page -> cells of its tables."""
    return lambda text: Tables(text).tables


@pytest.fixture
def extended(monkeypatch):
    """The families of `ADDED`, first in their kind, wherever the package knows the families."""
    for name, shape in ADDED.items():
        monkeypatch.setitem(SHAPES, name, shape)
    cnns = ("vgg", *(name for name, shape in SHAPES.items() if shape.has_convolutions() and name != "vgg"))
    mlps = ("4deep12", *(name for name in SHAPES if name not in (*cnns, "4deep12")))
    families = {"CNN_FAMILIES": cnns, "MLP_FAMILIES": mlps, "FAMILIES": mlps + cnns}
    for module in [module for name, module in sys.modules.items() if name.split(".")[0] == "mimic"]:
        for name, value in families.items():
            if name in vars(module):
                monkeypatch.setattr(module, name, value)
    for cached in CACHES:
        cached.cache_clear()
    yield
    for cached in CACHES:
        cached.cache_clear()


def renamed(small_run, names, source):
    """Results of the small run with some families, and the source, called otherwise."""
    results = read_results(small_run.folder, small_run.config)
    students = []
    for study in results.students:
        family = names.get(study.family, study.family)
        name = study.name.replace(study.family, family)
        frame = study.trials.assign(family=family, study=name)
        students.append(dataclasses.replace(study, name=name, family=family, trials=frame))
    config = results.config

    def section(group):
        return {"families": [names.get(family, family) for family in group.families]}

    hard = config.students.hard_label.model_copy(update=section(config.students.hard_label))
    group = config.students.model_copy(update=section(config.students) | {"hard_label": hard})
    data = config.data.model_copy(update={"source": source})
    config = config.model_copy(update={"students": group, "data": data})
    return dataclasses.replace(results, students=tuple(students), config=config)


@pytest.fixture
def extended_results(extended, small_run):
    """The small run, whose cnn2 and mlp2 are the added families."""
    return renamed(small_run, {"cnn2": "vgg", "mlp2": "4deep12"}, "tiles")


@pytest.fixture
def extended_page(extended_results):
    """The page about it."""
    return publish_report(extended_results, Reading(strict=False))


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests of a module, which skip where Chromium or its driver is not installed."""
    for name in ("selenium", "axe_core_python"):
        pytest.importorskip(name)
    from tests import browsing

    if browsing.CHROMIUM is None or browsing.DRIVER is None:
        pytest.skip("needs Chromium and chromedriver (apt-get install chromium-driver)")
    driver = browsing.start()
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def address(small_page, tmp_path_factory):
    """Address of the page about a finished run."""
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(small_page, encoding="utf-8")
    return path.as_uri()


@pytest.fixture
def opened(browser, address):
    """Function (width, scheme, address) -> the browser that shows the page anew, or another page."""
    from tests import browsing

    def open_page(width=browsing.WIDE, scheme="light", address=address):
        browsing.show(browser, address, width, scheme)
        return browser

    return open_page
