"""The microscope, clicked through in a real browser."""

from __future__ import annotations

import functools
import pickle
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.show.browser import SCHEMES, WIDTHS, Scope
from tests.show.programs import PROGRAMS, loop_of_writes
from wengert import Tape
from wengert.execute.engine import native_engine
from wengert.show.html import fragment, page, page_data

Open = Callable[[Tape], Scope]


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Open:
    """Open the microscope of a tape."""

    def open_(tape: Tape) -> Scope:
        scope = Scope(browser, tape.show(tmp_path / "tape.html"))
        scope.look(1400)
        return scope

    return open_


@pytest.fixture
def tape() -> Tape:
    """The tape of a loop of writes."""
    return wg.record(loop_of_writes, np.arange(1.0, 5.0), 3.0)


def three_lines(x: Any, y: Any) -> Any:
    """A short one."""
    z = x * y
    return np.sin(z) + x


def complex_arrays(a: Any, z: Any) -> Any:
    """Arrays of complex numbers, and a table of real ones."""
    w = np.exp(1j * a) * z
    table = np.outer(a, np.sin(a))
    return np.sum(np.abs(w) ** 2) + np.sum(table**2)


# The story


def test_it_opens_at_the_start_with_the_first_step_ready(
    shown: Open, tape: Tape
) -> None:
    scope = shown(tape)

    assert scope.host.get_attribute("data-time") == "0"
    assert scope.host.get_attribute("data-chosen") == "0"
    assert scope.text("#clock") == "before the first node"
    assert "The first step computes x." in scope.text("#story")
    assert "%0" in scope.text("#window .row.now")
    scope.one("#transport.ready #step").click()
    assert "forward 1 of 41" in scope.text("#story")
    assert "The input x is 4 numbers [1 2 3 …]" in scope.text("#story")
    scope.close()


def test_the_story_says_what_each_step_computes(shown: Open) -> None:
    scope = shown(wg.record(three_lines, 2.0, 3.0))
    said = []
    for step in range(1, 11):
        scope.go_to(step)
        said.append(scope.text("#story"))

    assert "z = x * y = 2 * 3 = 6" in said[2]
    assert "%3 = sin(z) = sin(6) = -0.279415" in said[3]
    assert "%4 = %3 + x = (-0.279415) + 2 = 1.72059" in said[4]
    assert "The forward sweep is done." in said[4]
    assert "The output %4 starts with the gradient 1" in said[5]
    assert "It gives z 1 \u00d7 0.96017 = 0.96017" in said[6]
    assert "x 0.96017 \u00d7 3 = 2.88051 and y 0.96017 \u00d7 2 = 1.92034" in said[7]
    assert "the gradient by x is 3.88051, the gradient by y is 1.92034" in said[9]
    scope.close()


def test_play_runs_both_sweeps_at_a_readable_speed(shown: Open) -> None:
    """A step of a short tape is there for a second; faster is asked for."""
    scope = shown(wg.record(three_lines, 2.0, 3.0))
    assert scope.run("return root.getElementById('speed').value") == "readable"
    start = time.perf_counter()
    scope.one("#play").click()
    while scope.host.get_attribute("data-time") in ("0", "1"):
        time.sleep(0.02)
    second = time.perf_counter() - start
    scope.one("#speed").send_keys("fast")
    deadline = time.perf_counter() + 30.0
    while scope.host.get_attribute("data-time") != "10":
        assert time.perf_counter() < deadline
        time.sleep(0.05)

    assert second > 1.5  # two steps of 1.2 seconds
    assert "Play" in scope.text("#play")
    assert scope.text("#clock") == "both sweeps are done"
    scope.close()


def test_play_of_a_long_tape_ends_within_a_minute(shown: Open) -> None:
    def steps(x: Any) -> Any:
        for _ in range(1000):
            x = x + 0.01 * np.sin(x)
        return x

    scope = shown(wg.record(steps, 1.0))
    scope.one("#play").click()
    while scope.host.get_attribute("data-time") == "0":
        time.sleep(0.02)
    stride = int(scope.host.get_attribute("data-time"))
    scope.one("#play").click()

    assert scope.run("return root.getElementById('speed').value") == "one minute"
    assert stride >= 2 * 3000 / (60 / 0.25)
    scope.close()


def test_steps_go_through_both_sweeps(shown: Open, tape: Tape) -> None:
    from selenium.webdriver.common.keys import Keys

    count = len(tape)
    scope = shown(tape)
    for _ in range(count):
        scope.press(Keys.ARROW_RIGHT)

    assert scope.text("#clock") == f"forward {count} of {count}"
    assert "9.02097" in scope.text("#node")
    assert "not computed yet" in scope.text("#node")

    scope.press(Keys.ARROW_RIGHT)
    assert scope.text("#clock") == f"reverse 1 of {count}"
    assert "-3.00699" in scope.text("#node")  # the partial of s / n by n

    scope.one("#step-back").click()
    assert scope.text("#clock") == f"forward {count} of {count}"
    scope.close()


def test_the_legend_names_every_colour_of_the_tape(shown: Open, tape: Tape) -> None:
    scope = shown(tape)
    legend = scope.text("#legend")
    dots = "return [...root.querySelectorAll('.row .dot')].map(d => d.style.background)"
    swatches = (
        "return [...root.querySelectorAll('#legend i')].map(d => d.style.background)"
    )
    used = set(scope.run(dots))

    assert used <= set(scope.run(swatches))
    for words in ("input", "constant", "a question (guard)", "it reads these"):
        assert words in legend
    assert "not finite" not in legend  # this tape has no such number
    scope.close()


def test_the_exact_expression_of_a_step_is_marked(shown: Open) -> None:
    scope = shown(wg.record(three_lines, 2.0, 3.0))
    marked = []
    for step in (3, 4, 5):
        scope.go_to(step)
        marked.append(scope.text(".code.here mark"))

    assert marked == ["x * y", "np.sin(z)", "np.sin(z) + x"]
    scope.close()


def test_long_source_lines_wrap(shown: Open) -> None:
    def long(x: Any) -> Any:
        return np.sin(x) + np.cos(x) * np.exp(-x) + np.sqrt(x) * np.log(x) + np.tanh(x)

    scope = shown(wg.record(long, 2.0))
    for width in WIDTHS:
        scope.look(width)
        code = """const width = root.getElementById('whole-body').clientWidth;
            return [...root.querySelectorAll('.code')].every(
                line => line.scrollWidth <= width)"""
        assert scope.run(code)
    assert scope.box(".code:last-child .text")["height"] > 30
    scope.close()


# Numbers


def test_complex_numbers_are_written_as_python_writes_them(shown: Open) -> None:
    scope = shown(wg.record(complex_arrays, np.linspace(-1.0, 2.0, 6), 0.5 + 0.25j))
    scope.go_to(2)

    assert "The input z is 0.5+0.25j" in scope.text("#story")
    node = scope.text("#node")
    assert "0.5+0.25j" in node
    assert "0.55902" in node  # |z|
    assert "0.46365 rad" in node
    scope.close()


def test_an_array_shows_a_heat_strip_statistics_and_first_elements(
    shown: Open,
) -> None:
    a = np.linspace(-1.0, 2.0, 400).reshape(20, 20)
    scope = shown(wg.record(lambda a: np.sum(a * a), a))
    scope.go_to(1)
    scope.find("%0")
    node = scope.text("#node")
    shape = "const c = root.querySelector('#node canvas'); return [c.width, c.height]"

    assert scope.run(shape)[0] >= 12
    for words in ("min\n-1", "max\n2", "mean\n0.5", f"{a.std():.5g}"):
        assert words in node
    assert [cell.text for cell in scope.all("#node .grid td")[:3]] == [
        f"{number:.4g}" for number in a[0, :3]
    ]
    assert scope.all("#window .row .heat")
    scope.close()


def test_every_kind_of_node_shows_its_output(shown: Open) -> None:
    """A write in place was blank: its memory had been written over."""
    for name in ("loop_of_writes", "views", "selection", "newton"):
        program = PROGRAMS[name]
        tape = wg.record(program.function, *program.args)
        scope = shown(tape)
        scope.go_to(len(tape))
        # Every row is made when it comes into sight: the list is shown in pieces.
        texts = scope.run("""
            const box = root.getElementById('rows'), found = {};
            for (let top = 0; top <= box.scrollHeight; top += 200) {
                box.scrollTop = top;
                box.dispatchEvent(new Event('scroll'));
                for (const row of root.querySelectorAll('#window .row'))
                    found[row.dataset.index] = row.children[3].textContent;
            }
            return found""")

        assert len(texts) == len(tape)
        blank = [tape.operations[int(k)].name for k, t in texts.items() if not t]
        assert blank == []
        scope.close()


def test_a_guard_shows_its_question_and_what_would_change_it(
    shown: Open, tape: Tape
) -> None:
    scope = shown(tape)
    scope.go_to(24)
    node = scope.text("#node")

    assert "bool y[3] > 5?" in scope.text("#window .row.chosen")
    assert "is y[3] > 5 true? False." in scope.text("#story")
    assert "Recorded answer: False" in node
    assert (
        "change when %20 \u2212 5 rises above 0; now -0.0971129 \u2212 5 = -5.09711"
        in node
    )
    scope.close()


# Looking around


def test_the_title_is_the_function_asked_for(shown: Open) -> None:
    def helper(x: Any) -> Any:
        return np.sin(x)

    def asked(x: Any) -> Any:
        return helper(x) * 2.0

    scope = shown(wg.record(asked, 1.0))

    assert scope.text("#title") == "asked"
    assert [e.text.split(", ")[1] for e in scope.all(".file")] == ["asked", "helper"]
    scope.close()


def test_a_title_goes_along_with_the_tape(tmp_path: Path) -> None:
    tape = wg.record(three_lines, 2.0, 3.0)
    tape.save(tmp_path / "tape.wg")
    copies = (pickle.loads(pickle.dumps(tape)), wg.load(tmp_path / "tape.wg"))
    partial = wg.record(functools.partial(three_lines, y=2.0), 2.0)

    assert [copy.title for copy in copies] == ["three_lines"] * 2
    assert tape.grad_tape().title == "gradient of three_lines"
    assert tape.tangent_tape().title == "tangent of three_lines"
    assert tape.jacobian_tape().title == "jacobian of three_lines"
    assert partial.title == "three_lines"
    assert wg.record(wg.jit(three_lines), 2.0, 3.0).title == "three_lines"
    assert "<title>mine: tape of 5 nodes</title>" in page(tape, "mine")


def test_a_click_on_a_source_line_keeps_its_nodes(shown: Open, tape: Tape) -> None:
    scope = shown(tape)
    row = next(r for r in scope.all(".code.live") if "np.var(x)" in r.text)
    row.click()
    expected = sum(tape.line(k) == tape.line(24) for k in range(len(tape)))

    assert tape.operations[24].name == "getitem"
    assert len(scope.all("#window .row")) == expected
    assert f"{expected} nodes of" in scope.text("#shown")
    scope.one("#clear").click()
    assert scope.text("#shown") == f"{len(tape)} nodes"
    scope.close()


@pytest.mark.parametrize(
    ("view", "text"),
    [("line", "z += 1"), ("shape", "float64[4]"), ("operation", "sin")],
)
def test_the_whole_tape_is_grouped(
    shown: Open, tape: Tape, view: str, text: str
) -> None:
    scope = shown(tape)
    scope.one(f"#whole nav [data-view={view}]").click()
    row = next(r for r in scope.all("#whole-body tbody tr") if text in r.text)
    count = int(row.text.replace(text, "").split()[0 if view != "line" else 1])
    row.click()

    assert len(scope.all("#window .row")) == count
    scope.close()


def test_one_node_shows_numbers_partials_and_source(shown: Open, tape: Tape) -> None:
    scope = shown(tape)
    scope.one("#to-end").click()
    scope.find("sin")
    scope.all("#window .row")[0].click()
    node = scope.text("#node")

    assert "%7 sin" in node
    assert "y[i] = y[i - 1] * np.sin(x[i])" in node
    assert "0.909297" in node  # sin 2
    assert "-0.416147" in node  # cos 2, the local partial
    scope.one("#node .link").click()
    assert scope.host.get_attribute("data-chosen") == "6"
    scope.close()


def test_the_first_nonfinite_number_is_one_click_away(shown: Open) -> None:
    def bad(x: Any) -> Any:
        y = x - 1.0
        return np.sum(np.sqrt(y) * 2.0)

    with np.errstate(invalid="ignore"):
        tape = wg.record(bad, np.array([0.5, 3.0]))
    scope = shown(tape)

    assert "forward sweep, %3 sqrt" in scope.text("#alarm")
    scope.one("#alarm").click()
    assert "%3 sqrt" in scope.text("#node h2")
    assert scope.host.get_attribute("data-time") == "4"
    scope.press("n")
    assert "%5 multiply" in scope.text("#node h2")
    scope.close()


# Windows, light and dark


@pytest.mark.one_in(4)
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_panels_stack_and_the_gradient_column_stays_in_sight(
    shown: Open, tape: Tape, width: int, scheme: str
) -> None:
    scope = shown(tape)
    scope.look(width, scheme)
    scope.one("#to-end").click()
    panels = [scope.box(f"#{name}") for name in ("whole", "list", "node")]
    gradient = scope.box("#list .head span:nth-child(5)")
    number = scope.box("#window .row.chosen span:nth-child(5)")

    tops = [round(panel["top"]) for panel in panels]
    assert (len(set(tops)) == 1) is (width >= 1000)
    assert sorted(tops) == tops
    for seen in (*panels, gradient, number):
        assert seen["left"] >= 0
        assert seen["right"] <= width
    assert gradient["width"] > 40
    code = "return document.documentElement.scrollWidth <= innerWidth"
    assert scope.run(code)
    scope.close()


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_is_readable_on_its_background(
    shown: Open, tape: Tape, scheme: str
) -> None:
    """Contrast of the words, as WCAG 2 counts it, is at least 4.5."""
    scope = shown(tape)
    scope.look(1400, scheme)
    colours = """const probe = root.getElementById('probe');
        return arguments[1].map(name => {
            probe.style.color = `var(--${name})`;
            const numbers = getComputedStyle(probe).color.match(/[\\d.]+/g);
            return numbers.slice(0, 3).map(Number)})"""
    words = ["ink", "soft", "accent", "forward", "reverse", "bad"]
    panel, *inks = scope.run(colours, ["panel", *words])

    for name, ink in zip(words, inks, strict=True):
        assert contrast(ink, panel) >= 4.5, name
    assert (luminance(panel) < 0.2) is (scheme == "dark")
    scope.one("#theme").click()
    assert (luminance(scope.run(colours, ["panel"])[0]) < 0.2) is (scheme == "light")
    scope.close()


def luminance(colour: list[float]) -> float:
    """Return the relative luminance of red, green, blue in 0..255 (WCAG 2)."""
    c = np.asarray(colour) / 255.0
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: list[float], other: list[float]) -> float:
    """Return the contrast ratio of two colours (WCAG 2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_page_of_a_hundred_thousand_nodes_opens(
    browser: Any, tmp_path: Path
) -> None:
    def steps(x: Any) -> Any:
        for _ in range(33_334):
            x = x + 0.01 * np.sin(x)
        return x

    tape = wg.record(steps, 1.0)
    scope = Scope(browser, tape.show(tmp_path / "tape.html"))
    timing = "performance.getEntriesByType('navigation')[0].domComplete"
    milliseconds = browser.execute_script(f"return {timing}")

    assert len(tape) > 100_000
    assert "100,004 nodes" in scope.text("#facts")
    assert len(scope.all("#window .row")) < 60
    # Half a second where nothing else runs; the suite's machine is shared.
    assert milliseconds < 10_000
    assert (tmp_path / "tape.html").stat().st_size < 12e6
    scope.close()


# Inside other pages


def test_a_fragment_lives_in_another_page_with_another_one(
    browser: Any, tape: Tape, tmp_path: Path
) -> None:
    """Neither the page's styles nor its keys, nor the other microscope, are met."""
    host = tmp_path / "host.html"
    style = "<style>:root { color-scheme: dark } span { display: none }</style>"
    short = fragment(wg.record(three_lines, 2.0, 3.0), "first")
    body = f"<input id=own>{short}{fragment(tape, 'second')}"
    host.write_text(f"<!doctype html><meta charset=utf-8>{style}{body}", "utf-8")
    scope = Scope(browser, host)
    scope.one("#step").click()
    browser.find_element("css selector", "#own").send_keys(" n/")

    assert (
        browser.execute_script("return document.getElementById('own').value") == " n/"
    )
    assert scope.host.get_attribute("data-time") == "1"
    assert "forward 1 of 5" in scope.text("#story")
    scope.use(1)
    assert scope.text("#title") == "second"
    assert scope.host.get_attribute("data-time") == "0"
    dark = "return getComputedStyle(root.getElementById('scope')).backgroundColor"
    assert luminance([int(c) for c in scope.run(dark)[4:-1].split(",")]) < 0.2
    scope.close()


def test_a_fragment_without_scripts_is_the_printed_tape() -> None:
    text = fragment(wg.record(three_lines, 2.0, 3.0))

    assert "<pre>tape of 5 nodes: inputs (%0, %1) -&gt; outputs (%4)" in text


def test_a_tape_by_hand_that_was_never_played_is_shown() -> None:
    """It raised: the nodes had no types yet."""
    tape = Tape()
    wg.Multiply(wg.ConstantNode(2, tape), wg.ConstantNode(3, tape), tape)

    assert "wg.Multiply(wg.ConstantNode(2, tape)" in page(tape)


def test_a_division_by_zero_is_shown() -> None:
    """It raised: a rule divided Python's numbers, not NumPy's."""
    with np.errstate(all="ignore"):
        tape = wg.record(lambda x: np.sum(x / 0.0), np.float64(1.0))

    assert page_data(tape, "")["nonfinite"]["node"] == 2


def test_a_notebook_cell_frames_the_page(
    browser: Any, tape: Tape, tmp_path: Path
) -> None:
    cell = tmp_path / "cell.html"
    cell.write_text(f"<!doctype html><meta charset=utf-8>{tape._repr_html_()}")
    browser.get(cell.as_uri())
    browser.switch_to.frame(0)
    try:
        host = browser.find_element("css selector", ".wengert-microscope")
        title = host.shadow_root.find_element("css selector", "#title").text
    finally:
        browser.switch_to.default_content()

    assert title == "loop_of_writes"


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_page_refers_to_nothing_outside(name: str) -> None:
    program = PROGRAMS[name]
    text = page(wg.record(program.function, *program.args))

    assert "http" not in text
    assert "src=" not in text
    assert text.count("</script>") == 2


def test_a_source_line_cannot_end_the_script() -> None:
    tape = wg.record(lambda x: x if "</script>" else 2.0 * x, 1.0)

    assert page(tape).count("</script>") == 2


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_nests_are_a_band_beside_the_nodes_that_they_come_from(shown: Open) -> None:
    def f(x: Any) -> Any:
        weights = np.exp(x)
        total = np.sum(weights)
        return np.sum(weights / total)

    scope = shown(wg.record(f, np.linspace(0.0, 1.0, 100)))
    bands = [row.get_attribute("data-nest") for row in scope.all("#window .row")]
    assert bands[0] is None  # the input
    assert bands[1:] == sorted(bands[1:])
    assert len(set(bands[1:])) == 2

    scope.all("#window .row")[1].click()
    details = scope.one("#node details.nest")
    assert "nest 1: loop 100 in lanes" in details.text
    details.find_element("css selector", "summary").click()
    assert "exp(x)" in details.find_element("css selector", "pre").text
    assert len(scope.all("#window .row.in-nest")) == bands.count("0")

    scope.one("#node details.nest .among").click()
    assert len(scope.all("#window .row")) == bands.count("0")
    scope.close()
