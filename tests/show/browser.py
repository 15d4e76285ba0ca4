"""A real browser, and the pages that the tests click through."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync
--window-size=1400,860 --force-device-scale-factor=1""".split()
WIDTHS = (1400, 1000, 800, 480)
SCHEMES = ("light", "dark")


@contextmanager
def headless(folder: Path) -> Iterator[Any]:
    """Run a headless chromium; skip where there is none, but not on the build machine.

    `.ci/run` installs the browser, and sets CI for the tests.
    """
    webdriver = pytest.importorskip("selenium.webdriver")
    if BROWSER is None or DRIVER is None:
        missing = "chromium" if BROWSER is None else "chromedriver"
        text = f"no {missing}: the microscope is not clicked through"
        if os.environ.get("CI"):
            pytest.fail(text)
        print(text, file=sys.stderr)
        pytest.skip(text)
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={folder}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


class Scope:
    """A microscope in an opened page: what is looked for lies in its shadow tree."""

    def __init__(self, driver: Any, path: Path, which: int = 0) -> None:
        self.driver = driver
        self.uri = path.resolve().as_uri()
        driver.get(self.uri)
        self.use(which)

    def use(self, which: int) -> None:
        """Look at one of the page's microscopes."""
        find = "return document.querySelectorAll('.wengert-microscope')[arguments[0]]"
        self.host = self.driver.execute_script(find, which)
        self.root = self.host.shadow_root
        # The page is drawn once more when its size is known.
        self.driver.execute_async_script(
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => done()))"
        )

    def look(self, width: int, scheme: str = "light", height: int = 900) -> None:
        """Open the page again in a window of some size, light or dark."""
        size = {"width": width, "height": height}
        size |= {"deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        colours = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": colours})
        self.driver.get(self.uri)
        self.use(0)

    def all(self, selector: str) -> list[Any]:
        """Return the elements of a CSS selector."""
        return self.root.find_elements("css selector", selector)  # type: ignore[no-any-return]

    def one(self, selector: str) -> Any:
        """Return the first element of a CSS selector."""
        return self.root.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.one(selector).text  # type: ignore[no-any-return]

    def run(self, code: str, *args: Any) -> Any:
        """Return what JavaScript gives, with `root` the microscope's tree."""
        return self.driver.execute_script(
            f"const root = arguments[0].shadowRoot; {code}", self.host, *args
        )

    def press(self, *keys: str) -> None:
        """Press keys."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def find(self, text: str) -> None:
        """Write into the search field."""
        self.one("#search").clear()
        self.one("#search").send_keys(text)

    def go_to(self, step: int) -> None:
        """Move the slider to a step."""
        self.run("const t = root.getElementById('time'); t.value = arguments[1];"
                 "t.dispatchEvent(new Event('input'))", step)  # fmt: skip

    def box(self, selector: str) -> dict[str, float]:
        """Return where an element lies in the window."""
        code = (
            "return root.querySelector(arguments[1]).getBoundingClientRect().toJSON()"
        )
        return self.run(code, selector)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Assert that the page logged no error."""
        errors = [e for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

        assert errors == []
