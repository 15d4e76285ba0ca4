"""Recursive code computes the same again and again: each stands once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.tape import Tape
from wengert.derive import distinct
from wengert.derive.shortened import shortened


def minor(a: Any, row: int, columns: list[int]) -> Any:
    """A determinant by minors."""
    if len(columns) == 1:
        return a[row, columns[0]]
    total = 0.0
    for k, column in enumerate(columns):
        rest = [other for other in columns if other != column]
        term = a[row, column] * minor(a, row + 1, rest)
        total = total - term if k % 2 else total + term
    return total


def determinant(a: Any) -> Any:
    return minor(a, 0, list(range(len(a))))


def fibonacci(x: Any, n: int = 10) -> Any:
    """A recursion of guards, sines and reads, whose leaves are asked for their sign."""
    if n < 2:
        return np.sin(x[n]) if x[n] > 0.0 else x[n] * x[2]
    return 0.6 * fibonacci(x, n - 1) + np.cos(fibonacci(x, n - 2)) * x[2]


def fibonacci_by_hand(x: Any, n: int = 10) -> Any:
    one, other = (np.sin(x[k]) if x[k] > 0.0 else x[k] * x[2] for k in (0, 1))
    for _ in range(n - 1):
        one, other = other, 0.6 * other + np.cos(one) * x[2]
    return other


def test_a_sweep_goes_through_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tape, "looks_from", 10**9)  # no call is recalled
    a = np.random.default_rng(3).normal(size=(6, 6))
    tape = wg.record(wg.grad(determinant), a)
    value = wg.record(determinant, a)

    assert len(tape) < 1.5 * len(value)
    for each in (tape, value):
        short, _ = shortened(each, [])
        assert len(short) < len(value) / 3
        np.testing.assert_allclose(short(a + 0.1), each(a + 0.1), rtol=1e-12)


@pytest.mark.parametrize("size", [4, 5, 6])
def test_derivatives_of_a_determinant_are_its_cofactors(size: int) -> None:
    a = np.random.default_rng(size).normal(size=(size, size))
    slope = wg.jit(wg.grad(determinant), wait=True)
    for m in (a, a.T, a + 1.0):
        cofactors = np.linalg.det(m) * np.linalg.inv(m).T
        np.testing.assert_allclose(slope(m), cofactors, rtol=1e-11, atol=1e-12)
    assert len(slope.paths()) == 1


@pytest.mark.parametrize("derivative", [wg.grad, wg.jacfwd, wg.hessian])
def test_a_recursion_that_decides(
    derivative: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distinct, "LOOKED_AT", 128)
    fast = wg.jit(derivative(fibonacci), wait=True)
    for x in ([0.4, 0.3, 1.1], [0.4, -0.3, 1.1], [0.4, 0.5, -0.2], [-0.4, -0.3, 0.7]):
        at = np.array(x)
        expected = derivative(fibonacci_by_hand)(at)
        np.testing.assert_allclose(fast(at), expected, rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(derivative(fibonacci)(at), expected, rtol=1e-11)
    assert len(fast.paths()) == 3


def test_constants_that_are_read_at_replay_are_not_the_same() -> None:
    tables = np.array([0.5, 0.7]), np.array([0.5, 0.7])

    def f(x: Any) -> Any:
        total = 0.0
        for _ in range(300):
            for table in tables:
                total = total + np.sum(table * x) * np.sin(x[0])
        return total

    fast = wg.jit(wg.grad(f), wait=True)
    x = np.array([0.3, 0.4])
    for k in range(2):
        tables[1][:] = 0.7 + k
        np.testing.assert_allclose(fast(x), wg.grad(f)(x), rtol=1e-12)
