"""A row of a Jacobian costs what it is made of, and is what it would be otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

Function = Callable[[Any], Any]
ROWS = 12


def part(z: Any, k: int) -> Any:
    y = np.sin(z * (1.0 + 0.1 * k)) + np.cumsum(z) * 0.01
    y = np.exp(-y * y) + np.sqrt(1.0 + y * y)
    return np.sum(y * z) + y[k] ** 2


def stacked(x: Any) -> Any:
    """Return numbers, each of a stretch of its own."""
    return np.stack([part(x[20 * k : 20 * k + 40], k) for k in range(ROWS)])


def written(x: Any) -> Any:
    """Return numbers that are written one by one, and read again."""
    r = np.zeros(ROWS, np.result_type(x, float))
    for k in range(ROWS):
        r[k] = part(x[20 * k : 20 * k + 40], k)
    return r * r[::-1]


def indexed(x: Any) -> Any:
    """Return numbers that an array of places chooses, in two columns."""
    y = np.concatenate([x[::2] * x[1::2], np.tanh(x[:50])])
    rows = np.stack([part(y[10 * k : 10 * k + 20], k) for k in range(ROWS)])
    return np.stack([rows[np.arange(ROWS)[::-1]], rows * 2.0], axis=1)


def where_they_are(x: Any) -> Any:
    """Return numbers whose places depend on the data."""
    order = np.argsort(x)
    return np.stack([part(x[order[20 * k : 20 * k + 40]], k) for k in range(ROWS)])


def together(x: Any) -> Any:
    """Return numbers that are made of everything."""
    return np.stack([np.sum(np.sin(x) * k) for k in range(ROWS)])


X = np.random.default_rng(3).normal(size=300)
STEP = 1e-30


def by_complex_steps(function: Function, x: Any) -> Any:
    """Return a Jacobian column by column."""
    moved = x + STEP * 1j * np.eye(x.size)
    return np.stack([np.imag(function(row)) / STEP for row in moved], axis=-1)


@pytest.mark.parametrize(
    "function", [stacked, written, indexed, where_they_are, together]
)
def test_rows_are_what_complex_steps_give(function: Function) -> None:
    found = wg.jit(wg.jacobian(function), wait=True)
    for shift in (0.0, 0.0, 0.0, 0.3):  # then along the same path elsewhere
        x = np.roll(X, int(10 * shift)) + shift
        expected = wg.jacobian(function)(x)
        scale = np.max(np.abs(expected))
        np.testing.assert_allclose(found(x), expected, rtol=1e-11, atol=1e-13 * scale)
    if function is not where_they_are:  # NumPy orders complex numbers otherwise
        steps = by_complex_steps(function, X)
        np.testing.assert_allclose(found(X), steps, rtol=1e-9, atol=1e-12)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_a_row_costs_what_it_is_made_of() -> None:
    value, rows = wg.jit(stacked, wait=True), wg.jit(wg.jacobian(stacked), wait=True)
    for _ in range(3):
        value(X), rows(X)
    once, (row,) = value.report().rows[0]["operations"], rows.report().rows

    assert row["operations"] < 5 * once  # with all nodes in every row: 20
