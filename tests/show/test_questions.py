"""What a guard's words say would change its answer does, and nothing less."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert import GuardError, Tape
from wengert.core.guards import QUESTIONS
from wengert.show.html import page_data
from wengert.show.moves import Move, interval
from wengert.show.questions import COMPARISONS, Asked

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
    return [guard.asked for guard in tape.guards()]


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
    assert {known.sign for known in COMPARISONS.values()} == set(SIGNS)


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
        assert all(guard[:4])
        assert words in guard.change
        assert guard.question.startswith("Python ")


def test_the_programs_above_ask_every_kind_of_question() -> None:
    kinds: set[str] = set()
    for function, x, _ in PROGRAMS.values():
        tape = wg.record(function, x)
        kinds |= {s["kind"] for s in tape.settings if "kind" in s and "expected" in s}
    kinds.add("round")  # tested by its numbers

    assert kinds == set(QUESTIONS)


# How far the inputs would have to move


def moves_of(function: Callable[..., Any], *args: Any) -> list[Move]:
    """The moves of a function's only guard."""
    found = asked(wg.record(function, *args))[-1]  # before it: how its arrays lie
    assert found.moves is not None
    return found.moves


def crosses(tape: Tape, args: tuple[Any, ...], k: int, place: Any, by: float) -> bool:
    """Whether a replay leaves the path when one number of an argument moves."""
    moved = [np.array(arg, dtype=float) for arg in args]
    moved[k][place] += by
    try:
        tape(*(arg if arg.shape else arg[()] for arg in moved))
    except GuardError:
        return True
    return False


A = np.array([0.25, -2.0])
#: Guards on numbers that are straight in the inputs: the first order is all of it.
STRAIGHT: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "difference": (lambda x, a: x if 3 * x + a[1] > 0.5 * a[0] else -x, (1.5, A)),
    "turned round": (lambda x, a: x if a[1] <= x - 2 * a[0] else -x, (1.5, A)),
    "not taken": (lambda x, a: x if np.sum(a) * 4 >= x else -x, (1.5, A)),
    "equality": (lambda x, a: x if 2 * x == a[0] else -x, (1.5, A)),
    "int": (lambda x, a: x * int(3 * x - a[1]), (1.53, A)),
    "int of less": (lambda x, a: x * int(a[1] - x), (1.53, A)),
    "int of zero": (lambda x, a: x * int(a[0] - x), (0.9, A)),
    "round": (lambda x, a: x * round(x + 2 * a[1]), (1.7, A)),
    "whole": (lambda x, a: x if (x + a[0]).is_integer() else -x, (1.5, A)),
}


@pytest.mark.parametrize("name", STRAIGHT)
def test_a_straight_guard_turns_where_it_is_said(name: str) -> None:
    """A little less than the move told changes nothing, a little more does."""
    function, args = STRAIGHT[name]
    tape = wg.record(function, *args)
    found = {move.input: move for move in moves_of(function, *args)}

    assert found
    for input_, move in found.items():
        k, place = (0, ()) if input_ == "x" else (1, int(input_[2]))
        exact = name in ("equality", "whole")
        assert move.why == ""
        assert not crosses(tape, args, k, place, 0.999 * move.by)
        assert not crosses(tape, args, k, place, -0.5 * move.by)
        assert crosses(tape, args, k, place, move.by * (1.0 if exact else 1.001))


def test_of_an_array_the_nearest_element_moves() -> None:
    """Every other element has farther to go."""
    args = (1.5, np.array([[0.2, 1.0], [-3.0, 0.5]]))
    weights = np.array([[1.0, 2.0], [5.0, -4.0]])

    def branch(x: Any, a: Any) -> Any:
        return x if np.sum(weights * a) < 1.0 else -x

    tape = wg.record(branch, *args)
    (move,) = moves_of(branch, *args)

    assert move.input == "a[1, 0]"
    far = 1.001 * move.by
    turning = {
        k for k in np.ndindex(2, 2) for s in (far, -far) if crosses(tape, args, 1, k, s)
    }
    assert turning == {(1, 0)}


@pytest.mark.parametrize("x", [0.4, 0.9, 1.3])
@pytest.mark.parametrize("margin", [1e-3, -1e-3, 1e-5])
def test_of_a_curved_guard_the_first_order_is_told(x: float, margin: float) -> None:
    """The finite move, found by halving, differs by a share of the size of the move."""

    def curved(x: Any) -> Any:
        return np.sin(x) * np.exp(x) + x**3

    level = float(curved(x)) - margin

    def branch(x: Any) -> Any:
        return x if curved(x) > level else -x

    tape = wg.record(branch, x)
    (move,) = moves_of(branch, x)
    low, high = 0.0, 2.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (
            (low, middle) if turns(tape, x + middle * move.by) else (middle, high)
        )

    # q = s d + c d^2 with |c / s| < 2 on these inputs: a share of 2 |d|.
    assert abs(low - 1.0) < 2.0 * abs(move.by) + 1e-9


def test_what_cannot_move_a_guard_is_said() -> None:
    flat = moves_of(lambda x, y: x if (x - y) ** 2 < 2.0 else -x, 1.5, 1.5)
    with np.errstate(all="ignore"):
        steep = moves_of(lambda x: x if np.sqrt(x) < 2.0 else -x, 0.0)
        endless = moves_of(lambda x: x if x / 0.0 > 2.0 else -x, np.float64(1.0))
    none = moves_of(lambda x, n: x if n > 2 else -x, 1.5, 3)

    assert [str(move) for move in flat] == [
        "x: flat, the derivative by it is 0 here",
        "y: flat, the derivative by it is 0 here",
    ]
    assert [str(m) for m in steep] == ["x: not finite, no derivative says how far"]
    assert [m.why for m in endless] == ["not finite"]
    assert none == []


@pytest.mark.parametrize(
    ("function", "way"),
    [
        (lambda x: x if x >= 2.0 else -x, "down"),
        (lambda x: x if x > 2.0 else -x, "up"),
        (lambda x: x if 2.0 - x < 0.0 else -x, "up"),
        (lambda x: x if -x < -2.0 else -x, "up"),
        (lambda x: x if x == 2.0 else -x, "up or down"),
        (lambda x: x * int(x), "down"),
        (lambda x: x * int(-x), "down"),
    ],
)
def test_at_the_edge_the_least_move_turns_it(
    function: Callable[[Any], Any], way: str
) -> None:
    (move,) = moves_of(function, 2.0)
    tape = wg.record(function, 2.0)

    assert str(move) == f"x by the least of moves, {way}"
    assert turns(tape, 2.0 + 1e-9) is ("up" in way)
    assert turns(tape, 2.0 - 1e-9) is ("down" in way)


def test_guards_print_in_words() -> None:
    tape = wg.record(lambda x: x if 2 * x > 3.0 else -x, 2.0)

    lines = str(tape.guards()).splitlines()

    assert re.fullmatch(r"%\d  test_questions\.py:\d+", lines[0])
    assert lines[1:] == [
        "  Python took a branch: is 2 * x > 3.0 true?",
        "  Recorded answer: True.",
        "  It would change when %2 \u2212 3 falls to 0 or below; now 4 \u2212 3 = 1.",
        "  Each input alone would have to move, to first order:",
        "      x by -0.5, to 1.5",
    ]
    assert (
        str(wg.record(np.sin, 1.0).guards()) == "no guards: every call takes this path"
    )


def test_a_page_of_many_guards_says_that_it_does_not_tell_all() -> None:
    """The sweeps of n guards take n squared steps; a page is made at once."""

    def steps(x: Any) -> Any:
        for _ in range(1000):
            x = x * 1.0001 if x > 0 else x
        return x

    guards = list(page_data(wg.record(steps, 1.0), "")["guards"].values())

    assert guards[0]["moves"][0]["by"] == -1.0
    assert guards[-1]["moves"] is None
