"""The microscope, clicked through in a real browser."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.show.programs import PROGRAMS, loop_of_writes
from wengert import Tape
from wengert.show.html import page

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync
--window-size=1400,860 --force-device-scale-factor=1""".split()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless chromium that reports what its pages log."""
    webdriver = pytest.importorskip("selenium.webdriver")
    if BROWSER is None or DRIVER is None:
        missing = "chromium" if BROWSER is None else "chromedriver"
        print(f"no {missing}: the microscope is not clicked through", file=sys.stderr)
        pytest.skip(f"no {missing} on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('browser')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


class Page:
    """One opened page."""

    def __init__(self, driver: Any, tape: Tape, folder: Path) -> None:
        self.driver = driver
        path = tape.show(folder / "tape.html")
        driver.get(path.resolve().as_uri())

    def all(self, selector: str) -> list[Any]:
        """Return the elements of a CSS selector."""
        return self.driver.find_elements("css selector", selector)  # type: ignore[no-any-return]

    def one(self, selector: str) -> Any:
        """Return the first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        """Return the text of an element."""
        return self.one(selector).text  # type: ignore[no-any-return]

    def press(self, *keys: str) -> None:
        """Press keys."""
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def close(self) -> None:
        """Assert that the page logged no error."""
        errors = [e for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

        assert errors == []


@pytest.fixture
def tape() -> Tape:
    """The tape of a loop of writes."""
    return wg.record(loop_of_writes, np.arange(1.0, 5.0), 3.0)


def test_steps_go_through_both_sweeps(browser: Any, tape: Tape, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    count = len(tape)
    shown = Page(browser, tape, tmp_path)
    shown.one("#to-start").click()
    for _ in range(count):
        shown.press(Keys.ARROW_RIGHT)

    assert shown.text("#clock") == f"forward {count} of {count}"
    assert "9.02097" in shown.text("#node")
    assert "not computed yet" in shown.text("#node")

    shown.press(Keys.ARROW_RIGHT)
    assert shown.text("#clock") == f"reverse 1 of {count}"
    assert "-3.00699" in shown.text("#node")  # the partial of s / n by n

    shown.one("#step-back").click()
    assert shown.text("#clock") == f"forward {count} of {count}"
    shown.close()


def test_a_click_on_a_source_line_keeps_its_nodes(
    browser: Any, tape: Tape, tmp_path: Path
) -> None:
    shown = Page(browser, tape, tmp_path)
    row = next(r for r in shown.all(".code.live") if "np.var(x)" in r.text)
    row.click()
    expected = sum(tape.line(k) == tape.line(24) for k in range(len(tape)))

    assert tape.operations[24].name == "getitem"
    assert len(shown.all("#window .row")) == expected
    assert f"{expected} nodes of" in shown.text("#shown")
    shown.one("#clear").click()
    assert shown.text("#shown") == f"{len(tape)} nodes"
    shown.close()


@pytest.mark.parametrize(
    ("view", "text"),
    [("line", "z += 1"), ("shape", "float64[4]"), ("operation", "sin")],
)
def test_the_whole_tape_is_grouped(
    browser: Any, tape: Tape, tmp_path: Path, view: str, text: str
) -> None:
    shown = Page(browser, tape, tmp_path)
    shown.one(f"#whole nav [data-view={view}]").click()
    row = next(r for r in shown.all("#whole-body tbody tr") if text in r.text)
    count = int(row.text.replace(text, "").split()[0 if view != "line" else 1])
    row.click()

    assert len(shown.all("#window .row")) == count
    shown.close()


def test_one_node_shows_numbers_partials_and_source(
    browser: Any, tape: Tape, tmp_path: Path
) -> None:
    shown = Page(browser, tape, tmp_path)
    shown.one("#search").send_keys("sin")
    shown.all("#window .row")[0].click()
    node = shown.text("#node")

    assert "%7 sin" in node
    assert "y[i] = y[i - 1] * np.sin(x[i])" in node
    assert "0.909297" in node  # sin 2
    assert "-0.416147" in node  # cos 2, the local partial
    shown.one("#node .link").click()
    assert shown.one("body").get_attribute("data-chosen") == "6"
    shown.close()


def test_the_first_nonfinite_number_is_shown_first(
    browser: Any, tmp_path: Path
) -> None:
    def bad(x: Any) -> Any:
        y = x - 1.0
        return np.sum(np.sqrt(y) * 2.0)

    with np.errstate(invalid="ignore"):
        tape = wg.record(bad, np.array([0.5, 3.0]))
    shown = Page(browser, tape, tmp_path)

    assert "forward sweep, %3 sqrt" in shown.text("#alarm")
    assert "%3 sqrt" in shown.text("#node h2")
    shown.press("n")
    assert "%5 multiply" in shown.text("#node h2")
    shown.close()


def test_the_page_of_a_hundred_thousand_nodes_opens(
    browser: Any, tmp_path: Path
) -> None:
    def steps(x: Any) -> Any:
        for _ in range(33_334):
            x = x + 0.01 * np.sin(x)
        return x

    tape = wg.record(steps, 1.0)
    shown = Page(browser, tape, tmp_path)
    timing = "performance.getEntriesByType('navigation')[0].domComplete"
    milliseconds = browser.execute_script(f"return {timing}")

    assert len(tape) > 100_000
    assert "100,004 nodes" in shown.text("#facts")
    assert len(shown.all("#window .row")) < 60
    # Half a second where nothing else runs; the suite's machine is shared.
    assert milliseconds < 10_000
    assert (tmp_path / "tape.html").stat().st_size < 12e6
    shown.close()


def test_a_notebook_cell_frames_the_page(
    browser: Any, tape: Tape, tmp_path: Path
) -> None:
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html><meta charset=utf-8>{tape._repr_html_()}")
    browser.get(cell.as_uri())
    browser.switch_to.frame(0)
    try:
        title = browser.find_element("css selector", "#title").text
    finally:
        browser.switch_to.default_content()

    assert title == "loop_of_writes"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_page_refers_to_nothing_outside(name: str) -> None:
    program = PROGRAMS[name]
    text = page(wg.record(program.function, *program.args))

    assert "http" not in text.replace('href="#', "")
    assert "src=" not in text
    assert text.count("</script>") == 2


def test_a_source_line_cannot_end_the_script() -> None:
    tape = wg.record(lambda x: x if "</script>" else 2.0 * x, 1.0)

    assert page(tape).count("</script>") == 2
