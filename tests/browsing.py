"""Chromium without a window, for tests of pages; fixtures import it late, since selenium may be missing."""

import shutil

from axe_core_python.selenium import Axe
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
WIDE, NARROW = 1280, 380


def start():
    """A browser; without its sandbox, which root in a container cannot have."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))


def show(browser, address, width, scheme):
    """Show a page anew, drawn, in a window of that width, light or dark."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    features.append({"name": "prefers-reduced-motion", "value": "reduce"})  # no click while it scrolls
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen", "features": features})
    for name in ("browser", "performance"):
        browser.get_log(name)  # what earlier tests left
    browser.get("about:blank")
    browser.get(address)
    wait_for(browser, "document.documentElement.dataset.drawn === 'true'")


def wait_for(browser, condition):
    """Wait until a condition in the page is true."""
    WebDriverWait(browser, 60).until(lambda _: browser.execute_script(f"return {condition}"))


def faults(browser):
    """Serious faults that axe finds in the page: pairs of rule and places."""
    told = Axe().run(browser)
    # axe leaves a rule out that stumbles over a colour it cannot read
    assert "color-contrast" in {rule["id"] for rule in (*told["passes"], *told["violations"])}
    return [
        (fault["id"], [node["html"][:120] for node in fault["nodes"][:3]])
        for fault in told["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
