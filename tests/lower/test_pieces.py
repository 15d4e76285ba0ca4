"""Pieces that are put together are read in its stead, where it is known which."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import WAYS, check_tape
from wengert.execute.engine import native_engine
from wengert.lower.build import build
from wengert.lower.lower import lower
from wengert.lower.nest import Fill, Loop, Nest, Store, everything

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

X = np.random.default_rng(0).normal(size=(3, 40))


def turn(a: Any) -> Any:
    """Return a matrix of numbers."""
    c, s = np.cos(a), np.sin(a)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def in_a_row(x: Any) -> Any:
    """Return elements that are written one after another, each of the one before."""
    y = np.zeros_like(x)
    y[0] = np.sin(x[0])
    for k in range(1, len(x)):
        y[k] = x[k] * y[k - 1]
    y[1] += y[2]
    return y * y


def turned(x: Any) -> Any:
    """Return points that are turned, twice."""
    return turn(x[0, 0]) @ turn(x[1, 1]) @ x


def crossed(x: Any) -> Any:
    """Return what is put together of rows, and added to."""
    y = np.cross(x.T, x[::-1].T)
    y = np.concatenate([y[:, 1:] * 2.0, y[:, :1]], axis=1)
    y[:, 1:] += np.stack([x[0], x[1] * x[2]], axis=1)
    return np.sum(y[:, ::-1] * x.T, axis=1)


def nest_of(function: Callable[..., Any], *args: Any) -> Nest:
    """Return the nest of a function."""
    return build(lower(wg.record(function, *args)), lanes=4)[0]


@pytest.mark.parametrize(
    ("function", "arg"), [(in_a_row, X), (turned, X), (crossed, X), (in_a_row, X[:, 0])]
)
def test_what_is_put_together_needs_no_memory(function: Any, arg: Any) -> None:
    both = wg.value_and_grad(lambda x: np.sum(np.tanh(function(x))))
    for derived, way in zip((function, both, both), WAYS, strict=True):
        check_tape(wg.record(derived, arg), way)

    assert not nest_of(function, arg).scratch


def test_a_zero_that_is_added_to_has_numpys_sign() -> None:
    def added(x: Any) -> Any:
        y = np.zeros(3)
        y[:2] += x
        return y

    x = np.array([-0.0, 0.0])
    for function in (added, lambda x: np.stack([x[1], x[0]])):
        found = wg.jit(function, wait=True)
        for _ in range(3):
            signs = np.signbit(found(x)), np.signbit(function(x))
            np.testing.assert_array_equal(*signs)


def test_long_ones_are_written_and_read() -> None:
    def joined(x: Any) -> Any:
        return np.concatenate([x, 2 * x])[::3]

    nest = nest_of(joined, X[0])

    assert len(nest.scratch) == 1
    for way in WAYS:
        check_tape(wg.record(joined, X[0]), way)


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("left_over", [0, 1])
def test_pieces_that_take_turns_are_written_and_not_added(
    count: int, left_over: int
) -> None:
    def value(x: Any) -> Any:
        columns = [x[k : k + 8 * count : count] for k in range(count)]
        return np.sum(np.sin(columns[0]) * columns[1] + np.cos(columns[-1]))

    x = np.random.default_rng(count).normal(size=8 * count + left_over)
    slope = wg.grad(value)
    for way in WAYS:
        check_tape(wg.record(slope, x), way)
    body = list(everything(nest_of(slope, x).body))
    assert not any(isinstance(s, Store) and s.fold for s in body)
    is_all = count < 5 and not left_over  # else some are read by none
    assert is_all != any(isinstance(s, Fill) for s in body)


def test_pieces_that_meet_are_added() -> None:
    def value(x: Any) -> Any:
        return np.sum(np.sin(x[::2]) * x[:8]) + np.sum(np.cos(x[::6]))

    x = np.random.default_rng(0).normal(size=16)
    for way in WAYS:
        check_tape(wg.record(wg.grad(value), x), way)


def test_rows_that_are_added_run_in_lanes() -> None:
    order = np.arange(60) * 7 % 20

    def value(x: Any) -> Any:
        rows = np.sin(x)[order]
        return np.sum(rows * rows[::-1] * np.linspace(1.0, 2.0, 1440).reshape(60, 24))

    slope = wg.grad(value)
    x = np.random.default_rng(0).normal(size=(20, 24))
    for way in WAYS:
        check_tape(wg.record(slope, x), way)
    loops = [
        loop
        for loop in everything(nest_of(slope, x).body)
        if isinstance(loop, Loop)
        and any(isinstance(s, Store) and s.address.picks for s in loop.body)
    ]
    assert [(loop.extent, loop.is_lanes) for loop in loops] == [(24, True)]
