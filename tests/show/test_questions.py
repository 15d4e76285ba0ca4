"""What a guard's words say would change its answer does, and nothing less."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import GuardError, Tape
from wengert.core.guards import QUESTIONS
from wengert.show.html import page_data
from wengert.show.questions import COMPARISONS, Asked, interval

SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


def asked(tape: Tape) -> list[Asked]:
    """Return the guards of a tape in words."""
    return [Asked(**found) for found in page_data(tape, "")["guards"].values()]


def turns(tape: Tape, x: Any) -> bool:
    """Whether a replay at x leaves the recorded path."""
    try:
        tape(x)
    except GuardError:
        return True
    return False


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("x", [1.0, 2.0, 3.0])
def test_the_words_about_a_comparison_are_true(sign: str, x: float) -> None:
    compare = SIGNS[sign]

    def branch(x: Any) -> Any:
        return x if compare(x, 2.0) else -x

    tape = wg.record(branch, x)
    (found,) = asked(tape)
    moves = {
        "rises to 0 or above": lambda d: d >= 0,
        "falls below 0": lambda d: d < 0,
        "rises above 0": lambda d: d > 0,
        "falls to 0 or below": lambda d: d <= 0,
        "is no longer 0": lambda d: d != 0,
        "becomes 0": lambda d: d == 0,
    }
    (says,) = [test for words, test in moves.items() if f" {words};" in found.change]

    assert found.short == f"bool x (%0) {sign} 2?"
    assert found.answer == str(compare(x, 2.0))
    for y in (0.5, 2.0, 7.0):
        assert turns(tape, y) is says(y - 2.0)


def test_every_comparison_has_words() -> None:
    assert {words[0] for words in COMPARISONS.values()} == set(SIGNS)


@pytest.mark.parametrize("x", [-2.6, -0.4, 0.3, 1.7, 3.0])
@pytest.mark.parametrize("kind", ["int", "round"])
def test_a_whole_number_changes_where_the_words_say(kind: str, x: float) -> None:
    convert: Any = int if kind == "int" else round
    tape = wg.record(lambda x: x * convert(x), x)
    (found,) = asked(tape)
    low, high = interval(kind, convert(x))

    assert f"leaves {low:g} to {high:g}; now {x:g}" in found.change
    for y in (low + 1e-6, high - 1e-6):
        assert not turns(tape, y)
    for y in (low - 1e-6, high + 1e-6):
        assert turns(tape, y)


def test_the_question_is_the_expression_that_was_asked() -> None:
    """Not the statement around it, nor the helper that compares."""

    def positive(x: Any) -> Any:
        return x > 0

    def program(x: Any) -> Any:
        if positive(x):
            x = x * 1.0
        k = 3
        x = x + 1.0 if x < k else x
        y = x * x
        if 0 < y < 30 and np.all(x + y > 1.0):
            y = max(y, 1.0)
        return y if y else x

    short = [found.short for found in asked(wg.record(program, 2.0))]

    assert short == [
        "bool x > 0?",
        "bool x < k?",
        "bool y (%10) > 0?",  # Python turns `0 < y` round
        "bool y (%10) < 30?",
        "bool np.all(x + y > 1.0)?",
        "bool y (%10) < 1?",  # as `max` asks
        "bool y (%10)?",
    ]


def stays(x: Any) -> Any:
    return x if x else -x


PROGRAMS: dict[str, tuple[Any, Any, str]] = {
    "a number as a condition": (stays, 2.0, "becomes 0"),
    "zero as a condition": (stays, 0.0, "is no longer 0"),
    "several comparisons": (
        lambda x: x if np.all(x > 0.0) else -x,
        np.ones(2),
        "becomes False",
    ),
    "whole": (lambda x: x if x.is_integer() else -x, 2.0, "is no longer whole"),
    "text": (lambda x: x * len(str(x)), 2.5, "Any other number"),
    "index": (lambda x: x[np.argmax(x) : int(np.argmax(x)) + 1], np.arange(3.0), ""),
    "memory": (lambda x: np.ravel(x, order="A"), np.ones((2, 2)), "Fortran"),
    "view": (lambda x: x if x.base is None else -x, np.ones(2), "a slice"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_kind_of_question_is_told_in_words(name: str) -> None:
    function, x, words = PROGRAMS[name]
    found = asked(wg.record(function, x))

    assert found
    for guard in found:
        assert all(guard)
        assert words in guard.change
        assert guard.question.startswith("Python ")


def test_the_programs_above_ask_every_kind_of_question() -> None:
    kinds: set[str] = set()
    for function, x, _ in PROGRAMS.values():
        tape = wg.record(function, x)
        kinds |= {s["kind"] for s in tape.settings if "kind" in s and "expected" in s}
    kinds.add("round")  # tested by its numbers

    assert kinds == set(QUESTIONS)
