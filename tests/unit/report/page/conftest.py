"""Simulated runs and the page about them."""

from html.parser import HTMLParser

import pytest
from tests.simulated_run import SMALL, SimulatedRun, paper_config

from mimic.report.publish_report import page_of


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
