"""The site, built as `make docs` builds it, and looked at in a real browser."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT
from tests.show.browser import SCHEMES, headless

PAGES = ["", "recorded/", "why-slow/", "recipes/greeks/", "reference/transformations/"]
#: What would be cut: wider than the window, or than its own box where it cannot scroll.
CUT = """
const scrolls = e => {
  const table = e.closest('table');
  return table && getComputedStyle(table).overflowX !== 'visible';
};
const wide = [...document.querySelectorAll('pre, code, h1, h2, p, table')]
  .filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !scrolls(e));
return [
  document.documentElement.scrollWidth <= innerWidth,
  wide.map(e => e.outerHTML.slice(0, 300)),
];
"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a word."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; a warning of the builder is an error."""
    for module in ("mkdocs", "mkdocstrings", "pymdownx"):
        pytest.importorskip(module)
    folder = tmp_path_factory.mktemp("site")
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    built = subprocess.run(
        [*words, "--site-dir", str(folder)],
        cwd=ROOT,
        env={"NO_MKDOCS_2_WARNING": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    """Where the site is served."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless chromium."""
    with headless(tmp_path_factory.mktemp("browser")) as driver:
        yield driver


def look(browser: Any, address: str, width: int, scheme: str) -> None:
    """Open a page in a window of some width, light or dark."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    colours = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": colours})
    browser.get(address)


def test_the_look_is_the_projects_own() -> None:
    settings = (ROOT / "mkdocs.yml").read_text()

    assert "name: null" in settings
    assert "custom_dir: docs/theme" in settings
    assert "material" not in settings + (ROOT / "pyproject.toml").read_text()


def test_the_site_asks_nothing_of_other_machines(site: Path) -> None:
    loaded = re.compile(r"<(?:script|link|img)[^>]+(?:src|href)=.(https?://[^\"']+)")
    for page in site.rglob("*.html"):
        assert loaded.findall(page.read_text()) == []


@pytest.mark.one_in(4)
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("width", [1400, 480])
def test_nothing_is_cut(browser: Any, address: str, page: str, width: int) -> None:
    look(browser, address + page, width, "light")

    assert browser.execute_script(CUT) == [True, []]
    assert [entry["message"] for entry in browser.get_log("browser")] == []


def test_the_front_page_has_the_microscope_live(browser: Any, address: str) -> None:
    look(browser, address, 1400, "light")
    root = browser.find_element("css selector", ".wengert-microscope").shadow_root
    story = root.find_element("css selector", "#story")
    said = [story.text]
    for _ in range(3):
        root.find_element("css selector", "#step").click()
        said.append(story.text)

    assert "5 nodes wait" in said[0]
    assert "z = x * y = 2 * 3 = 6" in said[3]
    assert "def f(x, y):" in root.find_element("css selector", "#scope").text


@pytest.mark.parametrize("scheme", SCHEMES)
def test_light_and_dark_follow_the_reader_and_the_button(
    browser: Any, address: str, scheme: str
) -> None:
    paper = "return getComputedStyle(document.body).backgroundColor"
    look(browser, address + "tutorial/", 1400, scheme)
    browser.execute_script("localStorage.clear()")
    look(browser, address + "tutorial/", 1400, scheme)
    before = browser.execute_script(paper)
    browser.find_element("id", "light").click()
    after = browser.execute_script(paper)
    look(browser, address + "tutorial/", 1400, scheme)
    kept = browser.execute_script(paper)
    browser.execute_script("localStorage.clear()")

    colours = {"light": "rgb(251, 250, 247)", "dark": "rgb(20, 23, 27)"}
    assert before == colours[scheme]
    assert after == kept != before


def test_the_search_finds_a_section(browser: Any, address: str) -> None:
    look(browser, address + "tutorial/", 1400, "light")
    browser.find_element("id", "search").send_keys("greeks")
    browser.implicitly_wait(5)
    found = browser.find_element("css selector", '#found a[href*="recipes/greeks"]')
    browser.implicitly_wait(0)

    assert "Greeks" in found.text
    found.click()
    assert browser.current_url.startswith(address + "recipes/greeks/")


def test_the_pages_are_one_click_away_on_a_telephone(
    browser: Any, address: str
) -> None:
    look(browser, address, 480, "light")
    tutorial = browser.find_element("css selector", "nav a[href*=tutorial]")
    hidden = not tutorial.is_displayed()
    browser.find_element("css selector", "nav summary").click()

    assert hidden
    assert tutorial.is_displayed()
