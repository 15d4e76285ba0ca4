"""Loops along a long axis are done strip by strip where that is the same, else not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.derive.shortened import shortened
from wengert.execute.engine import native_engine
from wengert.execute.loops import nest_of
from wengert.lower import strips
from wengert.lower.memory import placed

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

Function = Callable[..., Any]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Strips pay early, and the lengths of those that are made are noted."""
    found: list[int] = []
    write = strips.Strips.write

    def noted(self: strips.Strips) -> None:
        found.append(self.size())
        write(self)

    monkeypatch.setattr(strips, "LEAST_BYTES", 1 << 13)
    monkeypatch.setattr(strips, "STRIP", 1 << 15)
    monkeypatch.setattr(strips.Strips, "write", noted)
    return found


def judge(f: Function, *args: Any, rtol: float = 1e-11) -> None:
    """Compare value and gradients, compiled, with NumPy and with sweeps by NumPy."""
    argnums = tuple(range(len(args)))
    value = wg.jit(f, wait=True)
    slopes = wg.jit(wg.grad(f, argnums), wait=True)
    for _ in range(3):
        found, slope = value(*args), slopes(*args)
    np.testing.assert_allclose(found, f(*args), rtol=rtol)
    for one, other in zip(slope, wg.grad(f, argnums)(*args), strict=True):
        scale = np.max(np.abs(other), initial=1.0)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale)


def mixture(alpha: Any, mu: Any, lower: Any, x: Any) -> Any:
    """Return a mixture of normal distributions."""
    apart = x[:, None, :] - mu
    scaled = apart + np.einsum("kij,nkj->nki", lower, apart)
    inner = alpha - 0.5 * np.sum(scaled**2, axis=2)
    top = np.max(inner, axis=1)
    return np.sum(top + np.log(np.sum(np.exp(inner - top[:, None]), axis=1)))


def softmax(w: Any, b: Any, x: Any) -> Any:
    """Return what a layer of logistic regression loses."""
    z = x @ w + b
    z = z - np.max(z, axis=1)[:, None]
    return np.sum(np.log(np.sum(np.exp(z), axis=1)) - z[:, 0])


def layers(v: Any, w: Any, x: Any) -> Any:
    """Return the mean of two layers of a network."""
    return np.mean(np.tanh(np.tanh(x @ v) @ w) ** 2)


def nearest(c: Any, x: Any) -> Any:
    """Return the squares of the distances to the nearest centres."""
    return np.sum(np.min(np.sum((x[:, None, :] - c) ** 2, axis=2), axis=1))


def kernel(x: Any, y: Any) -> Any:
    """Return a sum over all pairs of one vector, whose axes are as long."""
    k = np.exp(-((x[:, None] - x) ** 2))
    return y @ np.sin(k) @ y + np.max(np.sum(k * y, axis=1))


def by_place(w: Any, x: Any) -> Any:
    """Return a sum in which the place of an element counts."""
    z = np.tanh(x @ w) * np.arange(len(x))[:, None]
    return np.sum(np.cos(z @ w.T) * z[:, :1])


def shifted(w: Any, x: Any) -> Any:
    """Return a sum in which neighbours are read."""
    z = np.tanh(x @ w)
    return np.sum(z[1:] * z[:-1]) + np.sum(np.sin(z) @ w.T)


RNG = np.random.default_rng(4)
CASES: dict[str, tuple[Function, tuple[tuple[int, ...], ...]]] = {
    "mixture": (mixture, ((5,), (5, 20), (5, 20, 20), (0, 20))),
    "softmax": (softmax, ((20, 7), (7,), (0, 20))),
    "layers": (layers, ((20, 9), (9, 5), (0, 20))),
    "nearest": (nearest, ((20, 4), (0, 4))),
    "kernel": (kernel, ((0,), (0,))),
    "by place": (by_place, ((20, 20), (0, 20))),
    "shifted": (shifted, ((20, 20), (0, 20))),
}


@pytest.mark.parametrize("length", [64, 200, 203])
@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients_are_the_same(
    name: str, length: int, made: list[int]
) -> None:
    f, shapes = CASES[name]
    judge(f, *(0.5 * RNG.normal(size=[k or length for k in s]) for s in shapes))

    if name in ("mixture", "softmax", "layers") and length > 100:
        assert made
    assert all(0 < size <= length // strips.LEAST_STRIPS for size in made)


def test_numbers_of_single_precision(made: list[int]) -> None:
    shapes = (20, 9), (9, 5), (500, 20)
    judge(layers, *(RNG.normal(size=s).astype(np.float32) for s in shapes), rtol=1e-4)

    assert made


def test_a_gradient_is_that_of_complex_steps(made: list[int]) -> None:
    v, w, x = (RNG.normal(size=s) for s in ((20, 9), (9, 5), (203, 20)))
    slopes = wg.jit(wg.grad(layers), wait=True)
    for _ in range(3):
        found = slopes(v, w, x)

    assert made
    step = 1e-30
    for i, j in ((0, 0), (7, 3), (19, 8)):
        moved = v.astype(complex)
        moved[i, j] += 1j * step
        expected = np.imag(layers(moved, w, x)) / step
        np.testing.assert_allclose(found[i, j], expected, rtol=1e-11, atol=1e-15)


def test_what_is_not_finite_is_met_in_every_strip(made: list[int]) -> None:
    w, b, x = (RNG.normal(size=s) for s in ((20, 7), (7,), (203, 20)))
    x[150, 3] = np.nan
    value = wg.jit(softmax, wait=True)
    for _ in range(3):
        assert np.isnan(value(w, b, x))
    x[150, 3] = 1.0
    np.testing.assert_allclose(value(w, b, x), softmax(w, b, x), rtol=1e-12)


def test_large_arrays_between_loops_are_as_long_as_a_strip() -> None:
    k, d, n = 5, 20, 10_000
    shapes = (k,), (k, d), (k, d, d), (n, d)
    args = [0.3 * RNG.normal(size=shape) for shape in shapes]
    slopes = wg.jit(wg.grad(mixture, (0, 1, 2)), wait=True)
    for _ in range(3):
        slopes(*args)

    (row,) = slopes.report().rows
    assert row["scratch"] < 2 * strips.STRIP < 8 * n * k * d
    tape = wg.record(wg.grad(mixture, (0, 1, 2)), *args)
    for lanes in (1, 2, 4, 8):  # other processors have no more
        nest, _ = nest_of(shortened(tape, ())[0], True, width=lanes)
        assert placed(nest)[1] < 2 * strips.STRIP
