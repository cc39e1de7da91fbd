"""The page in a real browser without a network: Chromium, light and dark, wide and narrow, by keyboard alone.

Skipped where Chromium or its driver is not installed; `.ci/run` installs both on Debian.
"""

import json

import pytest
from tests.simulated_run import SMALL, SimulatedRun, paper_config

from mimic.report.publish_report import page_of

webdriver = pytest.importorskip("selenium.webdriver")
pytest.importorskip("axe_core_python")
from selenium.webdriver.common.keys import Keys  # noqa: E402
from tests.browsing import NARROW, WIDE, faults, wait_for  # noqa: E402
from tests.simulated_grid import write_grid  # noqa: E402


@pytest.fixture(scope="module")
def grid_addresses(tmp_path_factory):
    """Pages about a run with the grid of the second paper, and about the grid alone."""
    folder, config = tmp_path_factory.mktemp("grid"), paper_config(**SMALL)
    SimulatedRun(folder / "results", config).write_all()
    write_grid(folder / "results")
    for name, only in (("both", None), ("alone", "grid")):
        (folder / f"{name}.html").write_text(page_of(folder / "results", config, only=only), encoding="utf-8")
    return {name: (folder / f"{name}.html").as_uri() for name in ("both", "alone")}


def requests_of(browser):
    """Addresses that were asked for since the last look."""
    entries = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    sent = [entry for entry in entries if entry["method"] == "Network.requestWillBeSent"]
    return {entry["params"]["request"]["url"] for entry in sent}


def open_details(browser):
    """Open every details element, of the studies two, and wait until their plots are drawn."""
    browser.execute_script(
        "document.querySelectorAll('details.numbers').forEach((d) => (d.open = true));"
        "const studies = [...document.querySelectorAll('details.study')];"
        "[studies[0], studies[studies.length - 1]].forEach((d) => (d.open = true))"
    )
    wait_for(browser, "!document.querySelector('[open] .plot:not(.drawn)')")


def column(browser, table, index):
    return browser.execute_script(
        "return [...document.getElementById(arguments[0]).tBodies[0].rows]"
        ".map((row) => row.cells[arguments[1]].textContent)",
        table,
        index,
    )


def test_the_page_opens_without_a_fault_and_asks_nobody(opened, address):
    browser = opened()
    open_details(browser)
    assert browser.get_log("browser") == []
    asked = {url for url in requests_of(browser) if not url.startswith(("data:", "blob:", "about:"))}
    assert asked == {address}


def test_a_script_that_the_page_was_not_written_with_does_not_run(opened):
    browser = opened()
    browser.execute_script(
        "const s = document.createElement('script'); s.textContent = 'window.intruded = true';"
        "document.body.append(s)"
    )
    assert browser.execute_script("return window.intruded") is None
    assert "Content Security Policy" in browser.get_log("browser")[0]["message"]


def test_figures_hold_what_was_handed_over(opened):
    browser = opened()
    n = browser.execute_script("return document.getElementById('plot-figure1').data.length")
    drawn = browser.execute_script(
        "return document.getElementById('plot-figure2-cnn').data.map((t) => [...t.y])"
    )
    rows = browser.execute_script("return DATA.figure2.filter((r) => DATA.kinds[r.family] === 'cnn')")
    assert sorted(y for trace in drawn for y in trace) == sorted(row["best_pct"] for row in rows)
    assert n > 12
    labels = browser.execute_script(
        "const l = document.getElementById('plot-figure1').layout;"
        "return [l.xaxis.title.text, l.yaxis.title.text, l.xaxis.type]"
    )
    assert labels == ["Number of trainable parameters (log scale)", "Test accuracy (%)", "log"]


def test_added_families_are_drawn_with_marks_of_their_own(opened, extended_page, tmp_path):
    (tmp_path / "report.html").write_text(extended_page, encoding="utf-8")
    browser = opened(address=(tmp_path / "report.html").as_uri())
    browser.execute_script("document.querySelectorAll('input.overlay').forEach((i) => i.click())")
    assert browser.get_log("browser") == []
    marks = browser.execute_script(
        "return ['mlp1', '4deep12', 'cnn1', 'vgg'].map((f) => [familyMarker(f, 9).symbol, familyColour(f)])"
    )
    assert all(symbol and ink for symbol, ink in marks)
    assert [symbol for symbol, _ in marks] == ["circle", "pentagon", "circle", "triangle-down"]
    buttons = browser.find_elements("css selector", "#legend-figure1 button")
    assert [button.text for button in buttons][-1] == "4deep12"
    assert "undefined" not in "".join(button.get_attribute("innerHTML") for button in buttons)


def test_the_switch_lays_the_papers_curves_over_ours(opened):
    browser = opened()
    drawn = "return document.getElementById('plot-figure1').data.filter((t) => /paper/i.test(t.name)).length"
    assert browser.execute_script(drawn) == 0
    switch = browser.find_element("css selector", "input[data-figure=figure1]")
    switch.send_keys(Keys.SPACE)
    assert browser.execute_script(drawn) == 4 + 2
    note = browser.find_element("css selector", "#plot-figure1 ~ figcaption .overlay-note")
    assert note.is_displayed()
    switch.send_keys(Keys.SPACE)
    assert browser.execute_script(drawn) == 0


def test_a_button_of_the_legend_hides_its_family(opened):
    browser = opened()
    traces = "document.getElementById('plot-figure1').data"
    drawn = f"return {traces}.filter((t) => t.name === '2 hidden layers').length"
    assert browser.execute_script(drawn) == 3
    button = browser.find_element("xpath", "//div[@id='legend-figure1']//button[.='2 hidden layers']")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "false"
    assert browser.execute_script(drawn) == 0


def test_tables_sort_by_click_and_by_keyboard(opened):
    browser = opened()
    header = browser.find_elements("css selector", "#t2 thead tr:last-child th")[1]
    button = header.find_element("tag name", "button")
    before = column(browser, "t2", 1)
    button.click()
    assert header.get_attribute("aria-sort") == "ascending"
    assert column(browser, "t2", 1) == sorted(before, key=float)
    button.send_keys(Keys.ENTER)
    assert header.get_attribute("aria-sort") == "descending"
    assert column(browser, "t2", 1) == sorted(before, key=float, reverse=True)


def test_empty_cells_sort_to_the_end_either_way(opened):
    browser = opened()
    headers = browser.find_elements("css selector", "#t1 thead th")
    published = [header.text for header in headers].index("Paper, %")
    for _ in range(2):
        headers[published].find_element("tag name", "button").click()
        cells = column(browser, "t1", published)
        assert cells[-1] == ""
        assert cells[0] != ""


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, width, scheme):
    browser = opened(width, scheme)
    open_details(browser)
    assert faults(browser) == []


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_the_page_itself_never_scrolls_sideways(opened, width):
    browser = opened(width)
    open_details(browser)
    browser.execute_script("document.querySelectorAll('input.overlay').forEach((i) => i.click())")
    root = "document.documentElement"
    scrolled, shown = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    assert scrolled == shown
    assert width - 20 < shown <= width


def test_the_address_of_a_study_opens_it(opened, address):
    browser = opened(address=f"{address}#cnn2-10M")
    opened_ones = "[...document.querySelectorAll('details.study[open]')].map((d) => d.id).join()"
    assert browser.execute_script(f"return {opened_ones}") == "cnn2-10M"
    wait_for(browser, "!document.querySelector('[open] .plot:not(.drawn)')")
    wait_for(browser, "Math.abs(document.getElementById('cnn2-10M').getBoundingClientRect().top) < 100")
    browser.execute_script("location.hash = '#mlp1-1M'")
    wait_for(browser, f"{opened_ones} === 'mlp1-1M,cnn2-10M'")


LONG, REVERSED = "x" * 120, "\u202eabc"


@pytest.fixture(scope="module")
def named_otherwise(tmp_path_factory):
    """Address of a page whose first classes have a long name and one that turns what follows it around."""
    folder = tmp_path_factory.mktemp("named")
    run = SimulatedRun(folder / "results", paper_config(**SMALL), [LONG, REVERSED, "\u05d0", "d"]).write_all()
    (folder / "report.html").write_text(page_of(run.folder, run.config), encoding="utf-8")
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_long_names_of_classes_do_not_widen_the_page(opened, named_otherwise, width):
    browser = opened(width, address=named_otherwise)
    root = "document.documentElement"
    scrolled, shown = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    assert scrolled == shown
    widths = browser.execute_script(
        "return [...document.querySelectorAll('.label')].map((e) => e.closest('th').clientWidth)"
    )
    assert 150 < max(widths) < 300


def test_a_name_turns_nothing_around_but_itself(opened, named_otherwise):
    browser = opened(address=named_otherwise)
    # where the text after a name stands, against the name
    places = browser.execute_script(
        "const p = document.getElementById('sheet-told'), range = document.createRange();"
        "const start = p.textContent.indexOf('a row each'), last = p.lastChild;"
        "const at = last.textContent.indexOf('a row each');"
        "const left = (i) => { range.setStart(last, i); range.setEnd(last, i + 1);"
        " return range.getBoundingClientRect().left; };"
        "return [left(at), left(at + 4), start]"
    )
    assert places[0] < places[1]
    bare = "return [...document.querySelectorAll('#main *')].filter((e) => e.tagName !== 'BDI')"
    bare += ".flatMap((e) => [...e.childNodes]).filter((n) => n.nodeType === 3 && n.data.includes('\u202e'))"
    assert browser.execute_script(bare + ".length") == 0


def test_plots_follow_the_colour_scheme(opened):
    ground = "return document.getElementById('plot-figure1').layout.paper_bgcolor"
    browser = opened(scheme="light")
    assert browser.execute_script(ground) == "#ffffff"
    feature = {"name": "prefers-color-scheme", "value": "dark"}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": [feature]})
    wait_for(browser, "document.getElementById('plot-figure1').layout.paper_bgcolor === '#14171a'")


def test_the_tab_key_reaches_everything_in_the_order_of_the_page(opened):
    browser = opened(NARROW)
    reachable = browser.execute_script(
        "return [...document.querySelectorAll('a[href], button, input, summary, [tabindex=\"0\"]')]"
        ".filter((e) => e.checkVisibility())"
        ".map((e, i) => { e.dataset.place = i; return i; })"
    )
    assert len(reachable) > 60
    seen, outlined = [], 0
    for _ in reachable:
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        place, outline = browser.execute_script(
            "const e = document.activeElement; return [e.dataset.place, getComputedStyle(e).outlineStyle]"
        )
        seen.append(int(place))
        outlined += outline != "none"
    assert seen == reachable
    assert outlined == len(reachable)


def test_the_skip_link_comes_first_and_leads_to_the_results(opened):
    browser = opened()
    webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
    assert browser.execute_script("return document.activeElement.textContent") == "Skip to the results"
    webdriver.ActionChains(browser).send_keys(Keys.ENTER).perform()
    assert browser.execute_script("return document.activeElement.id") == "main"


def test_every_figure_and_picture_says_what_it_shows(opened):
    browser = opened()
    open_details(browser)
    plots = browser.find_elements("css selector", ".plot")
    assert len(plots) > 20
    assert all(plot.get_attribute("aria-label") for plot in plots)
    assert all(image.get_attribute("alt") for image in browser.find_elements("tag name", "img"))


def test_print_is_dark_on_light_also_in_dark_mode(opened):
    browser = opened(scheme="dark")
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": features})
    assert browser.execute_script("return colour('ground')") == "#ffffff"
    assert not browser.find_element("tag name", "nav").is_displayed()


@pytest.mark.parametrize(("page", "width", "scheme"), [("both", WIDE, "light"), ("alone", NARROW, "dark")])
def test_the_grid_stands_on_the_page_without_a_fault(opened, grid_addresses, page, width, scheme):
    browser = opened(width, scheme, grid_addresses[page])
    browser.execute_script("document.querySelectorAll('details.numbers').forEach((d) => (d.open = true))")
    wait_for(browser, "!document.querySelector('[data-grid]:not(.drawn)')")
    assert browser.get_log("browser") == []
    assert faults(browser) == []
    root = "document.documentElement"
    scrolled, shown = browser.execute_script(f"return [{root}.scrollWidth, {root}.clientWidth]")
    assert scrolled == shown
    plots = browser.find_elements("css selector", "[data-grid]")
    assert [plot.get_attribute("data-grid") for plot in plots] == ["q"] * 2 + ["depth"] * 2 + ["shares"] * 2
    assert all(plot.get_attribute("aria-label") for plot in plots)


def test_figures_of_the_grid_hold_what_was_handed_over(opened, grid_addresses):
    browser = opened(address=grid_addresses["alone"])
    drawn = "return [...document.querySelector('[data-grid=q]').data].filter((t) => t.mode === 'markers')"
    losses = browser.execute_script(f"{drawn}.map((t) => [...t.y])")
    handed = browser.execute_script(
        "return DATA.grid.nets.filter((n) => n.dataset === 'cifar10').map((n) => n.loss)"
    )
    assert sorted(losses) == sorted(handed)
    axes = "const l = document.querySelector('[data-grid=q]').layout; return [l.xaxis.type, l.yaxis.type]"
    assert browser.execute_script(axes) == ["log", "log"]
    button = browser.find_element("xpath", "//div[@id='legend-grid']//button[.='parallel']")
    button.send_keys(Keys.ENTER)
    assert button.get_attribute("aria-pressed") == "false"
    assert browser.execute_script(f"{drawn}.map((t) => t.name)") == ["sequential"]


def test_table_2_of_the_grid_sorts_with_empty_cells_last(opened, grid_addresses):
    browser = opened(address=grid_addresses["alone"])
    header = browser.find_elements("css selector", "#g2 thead tr:last-child th")[9]
    for _ in range(2):
        header.find_element("tag name", "button").click()
        cells = column(browser, "g2", 9)
        known = [float(cell) for cell in cells if cell != "no net"]
        assert cells[len(known) :] == ["no net"] * (16 - len(known))
        assert known == sorted(known, reverse=header.get_attribute("aria-sort") == "descending")
    assert len(known) < 16
