"""The demo's figures rest on numbers that a direct solution confirms."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.show.browser import SCHEMES, WIDTHS, Scope
from wengert.show import report


def test_the_gradient_smooths_the_nile() -> None:
    """The smoothed level solves the normal equations of the local level model."""
    program = report.example("nile")
    flows, log_variances = program.FLOWS, np.log([15099.0, 1469.1])
    level, deviation = report.smoothed(
        program.negative_log_likelihood, log_variances, flows
    )

    s_eps, s_eta = np.exp(log_variances)
    steps = np.diff(np.eye(len(flows)), axis=0)
    precision = np.eye(len(flows)) / s_eps + steps.T @ steps / s_eta
    np.testing.assert_allclose(level, np.linalg.solve(precision, flows / s_eps))
    variances = np.diag(np.linalg.inv(precision))
    np.testing.assert_allclose(deviation, np.sqrt(variances))


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, int]:
    """A report of a shorter training, its rows, and the steps it told of."""
    steps: list[int] = []
    path = tmp_path_factory.mktemp("report") / "demo.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report, "QUICK_EPOCHS", 2)
        rows = report.write(path, lambda: steps.append(1), quick=True)
    return path, rows, len(steps)


def test_the_report_is_one_page_with_plots_and_tapes(
    written: tuple[Path, Any, int],
) -> None:
    path, rows, steps = written
    text = path.read_text("utf-8")

    assert steps == report.STEPS
    assert text.count("<svg ") - text.count('<svg viewBox="0 0 16 16">') == 8
    assert text.count('<div class="wengert-microscope">') == len(report.SECTIONS) == 9
    assert "src=" not in text
    assert [row[2] for row in rows if row[1] == "df/do, df/da, df/db"] == ["5, 15, 10"]


def test_every_program_gives_its_rows(written: tuple[Path, Any, int]) -> None:
    """Each says what was found; the first row bears the program's name."""
    rows = written[1]

    assert [row[0] for row in rows if row[0]] == list(report.TITLES.values())
    assert all(len(row) == 4 and row[1] and row[2] for row in rows)
    assert len(rows) >= 3 * len(report.SECTIONS)


def test_the_report_shows_the_code_of_every_program(
    written: tuple[Path, Any, int],
) -> None:
    """What is shown is the file itself: tags away, it is the same text."""
    text = written[0].read_text("utf-8")
    shown = re.findall(r"<h3>(\w+)\.py</h3>\n<pre[^>]*><code>(.*?)</code>", text, re.S)

    assert [name for name, _ in shown] == list(report.SECTIONS)
    for name, code in shown:
        plain = html.unescape(re.sub(r"</?span[^>]*>", "", code))
        assert plain == report.example_path(name).read_text("utf-8")


@pytest.mark.one_in(4)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_the_report_hides_no_column_and_opens_the_first_microscope(
    browser: Any, written: tuple[Path, Any, int], width: int, scheme: str
) -> None:
    scope = Scope(browser, written[0])
    scope.look(width, scheme)
    cut = """const parts = document.querySelectorAll('th, td, .pair > *, details');
        const boxes = [...parts].map(part => part.getBoundingClientRect());
        const isCut = box => box.right > innerWidth || box.left < 0 || !box.width;
        return boxes.filter(isCut).length"""
    beside = """const [code, found] = document.querySelector('.pair').children;
        return found.getBoundingClientRect().left > code.getBoundingClientRect().left"""

    assert browser.execute_script("return document.body.scrollWidth") <= width
    assert browser.execute_script(cut) == 0
    assert browser.execute_script(beside) is (width >= 1000)
    opened = "return [...document.querySelectorAll('details')].map(d => d.open)"
    assert browser.execute_script(opened) == [True, *[False] * 8]
    scope.one("#step").click()
    assert scope.host.get_attribute("data-time") == "1"
    scope.close()


def test_a_microscope_that_is_opened_later_is_drawn(
    browser: Any, written: tuple[Path, Any, int]
) -> None:
    scope = Scope(browser, written[0])
    scope.look(1400)
    browser.execute_script("document.querySelectorAll('details')[3].open = true")
    scope.use(3)
    scope.one("#to-end").click()

    assert scope.text("#title") == "eccentric_anomaly"
    assert scope.all("#window .row")
    painted = """const c = root.getElementById('strip');
        return c.width > 100 && c.getContext('2d').getImageData(9, 9, 1, 1).data[3]"""
    assert scope.run(painted) == 255
    scope.close()


@pytest.mark.parametrize("name", report.EXTRAS)
def test_what_needs_a_missing_package_is_left_out_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(report, "QUICK_EPOCHS", 1)
    lacking = {key: report.SECTIONS[key] for key in ("digits", "nile")}
    monkeypatch.setattr(report, "SECTIONS", lacking)
    monkeypatch.setitem(sys.modules, name, None)
    for module in ("wengert.show.plots", f"{name}.datasets"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.delattr("wengert.show.plots", raising=False)
    report.example.cache_clear()
    rows = report.write(tmp_path / "demo.html", lambda: None, quick=True)
    text = (tmp_path / "demo.html").read_text("utf-8")
    package = report.INSTALLED_AS.get(name, name)

    assert f"Left out here: {package} {report.EXTRAS[name]}" in text
    assert f"pip install {package}" in text
    assert any(row[1] == "left out" for row in rows) is (name == "sklearn")


@pytest.mark.parametrize("count", [1, 3, 5])
def test_every_line_is_drawn(count: int) -> None:
    from wengert.show import plots

    x = np.linspace(0.0, 1.0, 3)
    series = [("first", x, x, "-")]
    series += [(f"_{k}", x, x + k, "-") for k in range(1, count)]

    groups = plots.lines(series, "x").split('id="line2d_')

    assert sum("clip-path" in part for part in groups) == count
