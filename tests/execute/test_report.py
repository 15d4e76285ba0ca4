"""What a report says of a jitted function is what its calls do."""

from __future__ import annotations

import timeit
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

needs_engine = pytest.mark.skipif(not native_engine(), reason="the engine is off")


@needs_engine
@pytest.mark.parametrize("nests", [False, True], ids=["array", "dictionary"])
def test_the_time_of_a_call_is_that_of_the_users_own(nests: bool) -> None:
    fast = wg.jit(lambda a: np.sum((a["x"] if nests else a) ** 2), wait=True)
    x = np.linspace(0.0, 1.0, 10)
    argument = {"x": x} if nests else x
    fast(argument)

    (row,) = fast.report().rows
    own = timeit.repeat(lambda: fast(argument), number=2000, repeat=9)

    assert row["seconds"]["call"] < 3 * min(own) / 2000


def test_a_report_neither_records_nor_calls_the_function() -> None:
    scale = [2.0]
    watched = wg.jit(lambda x: x * scale[0], wait=True)
    watched(3.0)
    fun, scale[0] = watched.fun, 5.0

    def fails(*args: Any) -> Any:
        raise AssertionError("it was called")

    watched.fun = fails
    seconds = watched.report().rows[0]["seconds"]
    watched.fun = fun

    assert 0 < seconds["call"] < 10
    assert watched(3.0) == 15.0


def smoothed(x: Any) -> Any:
    total = 0.0
    for k in range(len(x)):
        total = np.sin(total) * x[k] + np.exp(-x[k])
    return total


def compiled(f: Any, *args: Any) -> Any:
    """Return the report of a function that was called, and its row."""
    fast = wg.jit(f, wait=True)
    fast(*args)
    report = fast.report()
    return report, report.rows[0]


@needs_engine
def test_the_times_of_nests_make_up_that_of_a_call() -> None:
    _, row = compiled(wg.grad(smoothed), np.ones(500))
    seconds = [nest["seconds"] for nest in row["nests"]]

    assert len(seconds) > 3
    assert row["seconds"]["call"] / 4 < sum(seconds) < 4 * row["seconds"]["call"]


@needs_engine
def test_nests_say_what_they_do_and_of_which_lines() -> None:
    report, row = compiled(lambda a: np.sum(np.tanh(a @ a)), np.ones((30, 40, 40)))

    assert row["nests"][0]["operations"] == 2 * 30 * 40**3
    assert sum(nest["bytes"] for nest in row["nests"]) == row["bytes"]
    assert all("test_report.py:" in nest["lines"] for nest in row["nests"])
    assert "loop 30: product 40 x 40 x 40" in str(report)


@needs_engine
def test_a_report_says_what_was_rolled() -> None:
    report, row = compiled(wg.grad(smoothed), np.ones(500))

    assert [loop["steps"] for loop in row["rolled"]] == [499, 499]
    assert all(0 < loop["nodes"] < 20 for loop in row["rolled"])
    assert "rolled: 499 steps of" in str(report)


@needs_engine
def test_derivatives_of_loops_that_end_by_a_condition_stand_on_their_lines() -> None:
    def root(a: Any) -> Any:
        return wg.while_loop(
            lambda y: abs(y * y - a) > 1e-9, lambda y: (y + a / y) / 2, a
        )

    _, row = compiled(wg.grad(root), 3.0)
    line = f"test_report.py:{root.__code__.co_firstlineno + 1}"

    assert len(row["rolled"]) > 1
    assert {loop["line"] for loop in row["rolled"]} == {line}


@needs_engine
def test_a_report_says_what_is_stored_recomputed_and_kept_in_registers() -> None:
    x = np.linspace(0.0, 1.0, 1000)
    _, costly = compiled(lambda x: np.exp(x) / np.sum(np.exp(x)), x)
    _, cheap = compiled(lambda x: (x + 1.0) / np.sum(x + 1.0), x)
    _, fused = compiled(lambda x: np.sum(np.exp(np.sin(x) * x)), x)

    assert (costly["recomputed"], cheap["recomputed"]) == (0, 1)
    assert (cheap["stored"], fused["stored"]) == (0, 0)
    assert fused["in registers"] == 3


@needs_engine
def test_a_report_says_why_numpy_is_asked() -> None:
    report, row = compiled(lambda a: np.linalg.eigvalsh(a), np.eye(3))
    _, large = compiled(lambda a: np.sum(a @ a), np.ones((1100, 1100)))

    assert "(it has no loops)" in row["asked of NumPy"][0]
    assert row["asked of NumPy"][0] in str(report)
    assert all("large matrices" in text for text in large["asked of NumPy"])


@needs_engine
def test_of_native_rows_a_report_does_not_say_that_there_is_no_native_code() -> None:
    fast = wg.jit(lambda x: wg.vmap(lambda a: a if a < 0.5 else np.sin(a))(x))
    fast.waits = True
    fast(np.linspace(0.0, 1.0, 30_000))
    (path,) = fast.paths()
    path.kernels, path.reason = [], "NumPy takes 1 s a call"
    (rows,) = fast.report().rows[0]["functions of rows"]

    assert any(row["lanes"] for row in rows.rows)
    assert "without native code" not in str(fast.report())
    assert "native code of the rows alone: NumPy takes" in str(fast.report())


@needs_engine
def test_a_notebook_shows_tables_of_nests() -> None:
    report, row = compiled(lambda x: np.sum(np.exp(x)), np.ones(100))
    root = ElementTree.fromstring(f"<div>{report._repr_html_()}</div>")

    tables = root.findall("table")
    assert tables[-1][1][0].text == row["nests"][0]["what"]
    assert "<lambda>" in "".join(root.itertext())


def test_a_path_that_is_not_believed_takes_another_recording() -> None:
    once = wg.jit(np.sin)
    once(0.5)

    (row,) = once.report().rows

    assert row["seconds"]["call"] == row["seconds"]["record"]
