"""The pages in a real browser (E3): no request, no message, no overflow, alternatives for all pictures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

import pytest
from iris_report import make_report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="there is no chromium with chromedriver on this machine"),
]

WIDTHS = (1280, 390, 360)
SCHEMES = ("light", "dark")
EVIL = "<script>alert(1)</script>"


class Browser:
    """Chromium without a screen and without a network."""

    def __init__(self) -> None:
        webdriver = pytest.importorskip("selenium.webdriver")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
            options.add_argument(word)
        options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        service = webdriver.ChromeService(executable_path=DRIVER)
        self.driver: Any = webdriver.Chrome(options=options, service=service)

    def open(self, page: Path, width: int, scheme: str) -> None:
        """Open a page in a window of a width, light or dark."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        feature = {"name": "prefers-color-scheme", "value": scheme}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        for name in ("performance", "browser"):
            self.driver.get_log(name)
        self.driver.get(page.as_uri())

    @property
    def requests(self) -> list[str]:
        """What the page asked for, but itself and what it carries."""
        events = [json.loads(one["message"])["message"] for one in self.driver.get_log("performance")]
        asked = [one["params"]["request"]["url"] for one in events if one["method"] == "Network.requestWillBeSent"]
        return [url for url in asked if not url.startswith(("file:", "data:"))]

    @property
    def messages(self) -> list[str]:
        """What it wrote to the console."""
        return [one["message"] for one in self.driver.get_log("browser")]

    def run(self, script: str) -> Any:
        """Return what a script says of the page."""
        return self.driver.execute_script(f"return {script}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    opened = Browser()
    yield opened
    opened.driver.quit()


@pytest.fixture(scope="module")
def pages(clean: SimpleNamespace, lab: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return an index with failures, warnings and markup in a header, and two pages."""
    out = Path(shutil.copytree(clean.out, tmp_path_factory.mktemp("pages") / "out"))
    lab.change(out / "sim_IMG1_Kbb_0003_cal.fits", lab.spoil_pixels)
    for path in out.glob("*_0001_*"):
        lab.set_cards(path, OBJECT=EVIL)
    failed = {"file": f"{'long-name-' * 12}.fits", "exposures": 1, "recipe": "image2", "error": "no & luck " * 30}
    (out / "FAILED.jsonl").write_text(json.dumps(failed) + "\n")
    made = make_report(out, search=[clean.folder])
    return [made.index, *sorted((out / "report" / "exposures").iterdir())[::2]]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_ask_for_nothing_say_nothing_and_fit(
    pages: list[Path], width: int, scheme: str, browser: Browser
) -> None:
    for page in pages:
        browser.open(page, width, scheme)
        assert browser.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
        assert browser.requests == []
        assert browser.messages == []
        pictures = "[...document.querySelectorAll('img')]"
        assert browser.run(f"{pictures}.filter(one => !one.alt.trim()).length") == 0
        assert browser.run(f"{pictures}.length") > 3
        diagrams = "[...document.querySelectorAll('svg:not([aria-hidden])')]"
        assert browser.run(f"{diagrams}.filter(one => !one.getAttribute('aria-label')).length") == 0


def test_all_pictures_of_a_page_are_drawn(pages: list[Path], browser: Browser) -> None:
    browser.open(pages[1], 1280, "light")
    assert browser.run("[...document.querySelectorAll('img')].every(one => one.complete && one.naturalWidth > 10)")


def test_light_and_dark_are_light_and_dark(pages: list[Path], browser: Browser) -> None:
    colours = {}
    for scheme in SCHEMES:
        browser.open(pages[0], 1280, scheme)
        colours[scheme] = browser.run("getComputedStyle(document.body).backgroundColor")
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


def test_markup_in_a_header_is_text(pages: list[Path], browser: Browser) -> None:
    """E4: it is seen, and it does not run."""
    for page in pages[:2]:
        browser.open(page, 1280, "light")
        assert EVIL in browser.run("document.body.innerText")
        assert browser.run("document.querySelectorAll('script').length") == 0


def test_links_lead_to_pages_and_back(pages: list[Path], browser: Browser) -> None:
    browser.open(pages[0], 1280, "light")
    browser.run("document.querySelector('tbody th a').click()")
    assert browser.run("document.querySelector('h1').textContent") == "sim_IMG1_Kbb_0001"
    products = browser.run("[...document.querySelectorAll('dd a')].map(one => one.href)")
    assert len(products) == 3
    assert all(Path(one.removeprefix("file://")).is_file() for one in products)
    browser.run("document.querySelector('header a').click()")
    assert browser.run("document.querySelector('h1').textContent") == "Night of 2026-03-21"


def test_the_policy_of_the_pages_stops_what_would_ask(pages: list[Path], tmp_path: Path, browser: Browser) -> None:
    """A positive control: without the policy the same page asks a server, which is on this machine."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/x.png"
    text = pages[1].read_text().replace("</main>", f'<img src="{address}" alt="x"></main>')
    policy = text.partition('<meta http-equiv="Content-Security-Policy"')[2].partition(">")[0]
    found = {}
    for name, content in (("with", text), ("without", text.replace(policy, ' content=""'))):
        (tmp_path / f"{name}.html").write_text(content)
        browser.open(tmp_path / f"{name}.html", 1280, "light")
        browser.run("new Promise(done => setTimeout(done, 300))")
        found[name] = list(asked)
    server.shutdown()
    server.server_close()
    assert found == {"with": [], "without": ["/x.png"]}


@pytest.mark.skipif("IRIS_AXE" not in os.environ, reason="IRIS_AXE does not name axe.min.js (npm pack axe-core)")
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_serious(pages: list[Path], width: int, scheme: str, browser: Browser) -> None:
    for page in pages:
        browser.open(page, width, scheme)
        browser.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
        browser.open(page, width, scheme)
        browser.driver.execute_script(Path(os.environ["IRIS_AXE"]).read_text())
        result = browser.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        browser.driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": False})
        assert len(result["passes"]) > 10
        serious = [one for one in result["violations"] if one["impact"] in ("serious", "critical")]
        assert [(one["id"], [node["html"][:120] for node in one["nodes"][:3]]) for one in serious] == []
