"""Graphs and nests say which lines of the user's they come from."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine
from wengert.lower.build import build
from wengert.lower.lower import lower
from wengert.show.stages import as_compiled

X = np.linspace(0.1, 1.0, 100)


def spread(x: Any) -> Any:
    grown = np.exp(x)
    lifted = grown + 1.0
    return np.sum(lifted * grown)


def smoothed(x: Any) -> Any:
    total = 0.0
    for k in range(len(x)):
        total = np.sin(total) * x[k]
    return total


def twice(x: Any) -> Any:
    one = np.exp(x)
    other = np.exp(x)
    return one * other


def line(f: Callable[..., Any], after: int) -> str:
    """Return a line of a function as printed."""
    return f"test_lines.py:{inspect.getsourcelines(f)[1] + after}"


def number(f: Callable[..., Any], after: int) -> str:
    """Return its number alone."""
    return line(f, after).partition(":")[2]


def head(text: str, start: str) -> str:
    """Return the line of a text that begins in a way."""
    (found,) = (x for x in text.splitlines() if x.strip().startswith(start))
    return found


def test_a_graph_says_which_line_each_value_comes_from() -> None:
    text = str(lower(wg.record(spread, X)).graph)

    assert head(text, "%1 = exp(x)").endswith(f"  # {line(spread, 1)}")
    assert head(text, "%3 = x + y").endswith(f"  # {line(spread, 2)}")
    assert "#" not in head(text, "%0 = argument0")


def test_a_loop_says_all_lines_that_share_it() -> None:
    text = str(build(lower(wg.record(spread, X)), 8)[0])
    both = ", ".join([line(spread, 1), number(spread, 2), number(spread, 3)])

    assert head(text, "loop i0").endswith(f"  # {both}")
    assert head(text, "v1 = exp(x)").endswith(f"  # {line(spread, 1)}")


def test_what_is_of_its_loops_only_line_does_not_repeat_it() -> None:
    text = str(build(lower(wg.record(np.exp, X)), 8)[0])

    assert text.count("test_lines.py") == 1
    assert "#" in head(text, "loop i0")


def test_what_derivatives_compute_is_of_the_line_that_they_are_of() -> None:
    tape = as_compiled(wg.record(wg.grad(smoothed), X))
    text = str(build(lower(tape), 8)[0])

    assert head(text, "loop i0").endswith(f"  # {line(smoothed, 3)}")


def test_what_two_lines_compute_once_is_of_both() -> None:
    text = str(lower(wg.record(twice, X)).graph)

    both = f"{line(twice, 1)}, {number(twice, 2)}"
    assert head(text, "%1 = exp(x)").endswith(f"  # {both}")


def test_graphs_and_nests_with_lines_are_plain_data() -> None:
    lowered = lower(wg.record(wg.grad(spread), X))
    for each in (lowered, build(lowered, 8)[0]):
        again = pickle.loads(pickle.dumps(each))

        assert str(getattr(again, "graph", again)) == str(getattr(each, "graph", each))


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_equal_code_of_other_lines_tells_of_its_own() -> None:
    def one(x: Any) -> Any:
        return np.sum(np.exp(x) ** 2)

    def other(x: Any) -> Any:
        return np.sum(np.exp(x) ** 2)

    for f in (one, other):
        fast = wg.jit(f, wait=True)
        fast(X)

        assert f"# {line(f, 1)}" in fast.report().rows[0]["nest"]
