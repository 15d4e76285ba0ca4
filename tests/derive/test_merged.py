"""Loops on which nothing is done twice give what they gave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.derive.loops import SCAN
from wengert.derive.merged import merged

RNG = np.random.default_rng(5)
X, W = RNG.normal(size=7), RNG.normal(size=(7, 7)) * 0.3


def along(x: Any, w: Any) -> Any:
    """A loop that carries its weights and a number, and changes neither."""

    def step(carry: Any, t: Any) -> Any:
        y, w, scale = carry
        return (np.tanh(w @ y) * scale + t, w, scale), np.sum(y) * scale

    start = (x, w, np.sum(x))
    (y, w, scale), sums = wg.scan(step, start, np.linspace(0.0, 1.0, 9))
    return np.sum(y * (w @ y)) + scale * np.sum(sums)


def in_loops(x: Any, w: Any) -> Any:
    """A loop in a loop, each of which hands something on."""

    def inner(i: Any, carry: Any) -> Any:
        y, w, shift = carry
        return np.sin(w @ y) + shift, w, shift

    def outer(i: Any, carry: Any) -> Any:
        y, w = carry
        y, w, _ = wg.fori_loop(0, 3, inner, (y, w, 0.1 * y))
        return y, w

    return np.sum(wg.fori_loop(0, 4, outer, (x, w))[0] ** 2)


def swapping(x: Any, w: Any) -> Any:
    """A loop that hands everything on, but not where it was."""
    step = lambda i, c: (c[1], c[0], c[2])  # noqa: E731
    a, b, c = wg.fori_loop(0, 5, step, (x, np.sin(x), w))
    return np.sum(a * (c @ b)) + np.sum(a)


def changing(x: Any, w: Any) -> Any:
    """A loop that is given an integer, and carries another type at once."""
    y, n = wg.fori_loop(0, 4, lambda i, c: (c[0] * c[1] + w @ c[0], c[1]), (x, 2))
    return np.sum(y) * n


def carried(tape: Any) -> list[int]:
    """How much the loops of a tape carry, and those of their steps."""
    found = []
    for operation, settings in zip(tape.operations, tape.settings, strict=True):
        if operation is SCAN:
            found += [settings["body"].carried, *carried(settings["body"].tape)]
    return found


@pytest.mark.parametrize(
    ("f", "counts"),
    [(along, [1]), (in_loops, [1, 1]), (swapping, [2]), (changing, [1])],
)
def test_what_is_handed_on_is_not_carried(f: Any, counts: list[int]) -> None:
    tape = wg.record(f, X, W)

    short, _ = merged(tape, ())

    assert carried(short) == counts
    assert sum(carried(tape)) > sum(counts)
    assert short(X, W) == tape(X, W) == f(X, W)


@pytest.mark.parametrize("f", [along, in_loops, swapping, changing])
def test_derivatives_of_what_is_handed_on(f: Any) -> None:
    whole = wg.record(wg.grad(f, (0, 1)), X, W)
    short, _ = merged(whole, ())
    step = 1e-30
    by_steps = [
        np.imag(f(X + step * 1j * (np.arange(7) == k), W + 0j)) / step for k in range(7)
    ]

    for one, other in zip(short(X, W), whole(X, W), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(short(X, W)[0], by_steps, rtol=1e-12)
    compiled = wg.jit(wg.grad(f, (0, 1)), wait=True)
    compiled(X, W)
    for one, other in zip(compiled(X, W), whole(X, W), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)
