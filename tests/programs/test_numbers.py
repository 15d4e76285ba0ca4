"""Programs of Python's numbers give Python's values, types and exceptions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.programs.numbers import Writer, compiled, difference, inputs, outcome
from wengert.execute import keys

SOME, MANY = 60, 3000


def check(source: str, ours: Callable[..., Any], calls: list[tuple[Any, ...]]) -> None:
    """Assert that a function does what its source does in Python, call by call."""
    function = compiled(source)
    for args in calls:
        expected = outcome(function, args)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = outcome(ours, args)
        wrong = difference(expected, found)
        assert not wrong, f"at {args}: {wrong}\n{source}"


def check_jit(seed: int) -> None:
    source = Writer(seed).source()
    rows = inputs(seed, True, 6)
    check(source, wg.jit(compiled(source)), [rows[0], *rows, *rows, *rows])


def check_recorded(seed: int) -> None:
    """Recording alone: the first call of every function."""
    source = Writer(seed).source()
    for row in inputs(seed, True, 6):
        check(source, wg.jit(compiled(source)), [row])


def check_vmap(seed: int) -> None:
    """Rows of NumPy's floats, of which `math` makes Python's.

    A vector's functions are an ulp away, and differences of such numbers more.
    """
    source = Writer(seed, has_integers=False).source()
    function = compiled(source)
    rows = [np.float64(row) for row in inputs(seed, False, 6)]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = [outcome(function, tuple(row)) for row in rows]
        fine = [k for k, one in enumerate(expected) if is_real(one)]
        failed = [k for k in range(len(rows)) if isinstance(expected[k], Exception)]
        mapped = wg.vmap(function)
        for _ in range(3):
            if fine:
                found = mapped(*np.array([rows[k] for k in fine]).T)
                wanted = np.array([np.float64(expected[k]) for k in fine]).T
                np.testing.assert_allclose(
                    np.array(found), wanted, rtol=1e-9, atol=1e-12, err_msg=source
                )
        for k in failed:
            both = np.array([rows[j] for j in (*fine, k)]).T
            found = outcome(mapped, tuple(both))
            assert type(found) is type(expected[k]), source


def is_real(found: Any) -> bool:
    """Whether an outcome is a tuple of real numbers."""
    return isinstance(found, tuple) and not any(isinstance(x, complex) for x in found)


@pytest.fixture
def recorded_integers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make every int an input at once, and not after its eighth value."""
    monkeypatch.setattr(keys, "MOST_INTEGERS", 0)


WAYS = {"jit": check_jit, "recorded": check_recorded, "vmap": check_vmap}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("recorded_integers")
def test_some_programs_of_numbers(way: str) -> None:
    for seed in range(SOME):
        WAYS[way](seed)


def test_some_programs_of_static_integers() -> None:
    for seed in range(SOME, SOME + 20):
        check_jit(seed)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("recorded_integers")
def test_many_programs_of_numbers(way: str) -> None:
    for seed in range(1000, 1000 + MANY):
        WAYS[way](seed)
