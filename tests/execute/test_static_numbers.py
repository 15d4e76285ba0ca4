"""Truth values, texts, None and ints as arguments of `jit`, as Python sees them."""

from __future__ import annotations

import enum
import random
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.emit.entry import Parameter
from wengert.emit.objects import is_fast
from wengert.execute.keys import MOST_INTEGERS, direct_parameters


class Mode(enum.Enum):
    """A choice that is no number."""

    FAST = "fast"
    EXACT = "exact"


class Index(int):
    """An int with a name of its own."""


QUESTIONS: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "isinstance": (lambda x, n: x if isinstance(n, int) else -x, (3, 4)),
    "type": (lambda x, n: x * n if type(n) is int else -x, (3, 4)),
    "class": (lambda x, n: x * len(type(n).__name__), (3, Index(3), True)),
    "range": (lambda x, n: sum(x for _ in range(n)) + 0 * x, (3, 5, 0)),
    "list": (lambda x, n: x * len([0.0] * n), (3, 5)),
    "tuple": (lambda x, n: x * len((x,) * n), (3, 5)),
    "key": (lambda x, n: {1: x, 2: -x}[n], (1, 2)),
    "arange": (lambda x, n: x * np.sum(np.arange(n)), (3, 5)),
    "shape": (lambda x, n: np.sum(np.ones((n, 2)) * x), (3, 5)),
    "text": (lambda x, n: x * len(f"{n}"), (3, 12345, True, None, "abc")),
    "is True": (lambda x, flag: np.log(x) if flag is True else x, (True, False, 1)),
    "is False": (lambda x, flag: np.log(x) if flag is False else x, (True, False, 0)),
    "is None": (lambda x, flag: np.log(x) if flag is None else x, (None, 0, False)),
    "equal text": (lambda x, name: -x if name == "minus" else x, ("minus", "plus")),
    "member": (lambda x, mode: -x if mode is Mode.FAST else x, (Mode.FAST, Mode.EXACT)),
    "large": (lambda x, n: x * n.bit_length(), (10**6, 2**80, -(2**63))),
    "inverse": (lambda x, flag: x * ~flag, (True, False, 5)),
}


@pytest.mark.filterwarnings("ignore:Bitwise inversion:DeprecationWarning")
@pytest.mark.parametrize("question", QUESTIONS)
def test_what_a_function_asks_of_an_argument_that_is_no_float(question: str) -> None:
    function, values = QUESTIONS[question]
    compiled = wg.jit(function)

    for value in values * 4:
        expected = function(2.0, value)
        found = compiled(2.0, value)
        assert found == pytest.approx(expected, rel=1e-15), value
        assert type(found) is type(expected)


def test_ints_inside_containers_are_ints() -> None:
    def function(x: float, sizes: Any) -> Any:
        return x * len([0.0] * sizes["rows"]) + sizes["more"][0].bit_length()

    compiled = wg.jit(function)
    for rows in (2, 5, 2, 5):
        sizes = {"rows": rows, "more": (8, 9.0)}
        assert compiled(1.5, sizes) == function(1.5, sizes)


def test_a_counter_is_recorded_once_it_had_eight_values() -> None:
    compiled = wg.jit(lambda x, n: x * n + n * n)
    few = [compiled(0.5, n) for n in range(MOST_INTEGERS)]
    kept = len(compiled.entries)

    found = few + [compiled(0.5, n) for n in range(MOST_INTEGERS, 200)]

    assert found == [0.5 * n + n * n for n in range(200)]
    assert (kept, len(compiled.entries), len(compiled.paths())) == (MOST_INTEGERS, 1, 1)


def test_after_eight_values_python_still_asks() -> None:
    def function(x: float, n: int) -> float:
        added = sum(x for _ in range(n))
        return added + len([x] * n) + (n if isinstance(n, int) else 9)

    compiled = wg.jit(function)
    for n in [*range(12), 5, 2**65 % 7]:
        assert compiled(0.5, n) == function(0.5, n)


@pytest.mark.parametrize(
    "function",
    [
        lambda x, n: x * float(n),
        lambda x, n: x * complex(n).real,
        lambda x, n: x * float(Decimal(n)),
        lambda x, n: x * float(Fraction(n, 3)),
        lambda x, n: (np.linalg.matrix_power(np.eye(2) * 2.0, n) * x).sum(),
        lambda x, n: x * (n if n < 9 else float(n)),
        lambda x, n: x * np.random.default_rng(n).normal(),
        lambda x, n: x * random.Random(n).random(),
    ],
)
def test_an_int_that_cannot_be_recorded_is_answered_after_eight_values(
    function: Any,
) -> None:
    compiled = wg.jit(function)
    for n in [*range(14), 12, 12, 3]:
        assert compiled(0.5, n) == function(0.5, n)
        assert compiled(0.25, n) == function(0.25, n)


def test_ints_go_on_as_recorded_where_something_else_is_refused() -> None:
    compiled = wg.jit(lambda x, n: x * n if n != 20 else float(x))
    for n in range(40):
        if n == 20:
            with pytest.raises(wg.RecordingError, match="float"):
                compiled(0.5, n)
        else:
            assert compiled(0.5, n) == 0.5 * n
    assert len(compiled.paths()) <= 3


def test_an_exception_after_eight_values_is_the_functions_own() -> None:
    def function(x: float, n: int) -> float:
        if n % 10 == 9:
            raise LookupError(f"no {n}")
        return x * n

    compiled = wg.jit(function)
    for n in range(40):
        if n % 10 == 9:
            with pytest.raises(LookupError, match=f"no {n}"):
                compiled(0.5, n)
        else:
            assert compiled(0.5, n) == 0.5 * n
    assert len(compiled.paths()) <= 10


def test_ints_beyond_64_bits_after_eight_values() -> None:
    compiled = wg.jit(lambda x, n: n * n - n)
    for n in [*range(12), 2**31, 2**32, 2**62, 2**63, -(2**63), 2**100, 3]:
        assert compiled(0.5, n) == n * n - n
        assert type(compiled(0.5, n)) is int


def test_what_is_differentiated_stays_a_number() -> None:
    slope = wg.jit(wg.grad(lambda x, n: x * x * n, argnums=(0, 1)))
    for n in range(1, 30):
        assert slope(n, 4) == (2 * n * 4, n * n)


@pytest.mark.skipif(not is_fast(), reason="the native entry is not made here")
def test_native_code_tells_static_arguments_apart_by_itself() -> None:
    compiled = wg.jit(lambda x, n, flag, name: x * n if flag else -x)
    calls = [(1.0, 3, True, "a"), (1.0, 300, True, "a"), (1.0, 3, False, "b")]
    for call in calls * 3:
        compiled(*call)
    seen = []
    compiled._positional = seen.append  # what no native call takes comes here
    for entry in compiled.entries.values():
        entry.direct = None
    compiled.reinstall()

    found = [compiled(1.0, int("300"), bool(1), "".join("a"))]

    assert (found, seen) == ([300.0], [])


def test_kinds_of_parameters_of_a_native_call() -> None:
    compiled = wg.jit(lambda *args: args[0])
    args = (1.0, 3, True, None, "a", Mode.FAST, np.ones(2))
    key = compiled.keys.describe(args, {})[2]
    parameters = direct_parameters(key)

    assert parameters is not None
    kinds = [p and p.kind for p in parameters]
    assert kinds == ["float", "static", "static", None, "static", "static", "array"]
    assert Parameter("static", "int", (), 1) != Parameter("static", "bool", (), True)
