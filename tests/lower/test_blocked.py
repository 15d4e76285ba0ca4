"""Loops over a long axis are done block by block where that is the same, else not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.derive.shortened import shortened
from wengert.execute import loops
from wengert.execute.engine import native_engine

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

Function = Callable[..., Any]


def nest_of(f: Any) -> str:
    (row,) = f.report().rows
    return str(row["nest"])


def is_blocked(f: Any, steps: int) -> bool:
    """Whether a function's loops over steps are done block by block."""
    return has_blocks(nest_of(f), steps)


def has_blocks(nest: str, steps: int) -> bool:
    """Whether loops over steps are inside of a loop that is not in lanes."""
    return re.search(rf"^ +loop i\d+ to {steps}:(  #.*)?$", nest, re.M) is not None


def judge(f: Function, *args: Any, rtol: float = 1e-11) -> tuple[Any, Any]:
    """Compare value and gradient, compiled, with NumPy and with sweeps by NumPy."""
    value, slopes = wg.jit(f, wait=True), wg.jit(wg.grad(f, tuple(range(len(args)))))
    for _ in range(3):
        found, slope = value(*args), slopes(*args)
    value.wait(), slopes.wait()
    found, slope = value(*args), slopes(*args)
    np.testing.assert_allclose(found, f(*args), rtol=rtol)
    for one, other in zip(
        slope, wg.grad(f, tuple(range(len(args))))(*args), strict=True
    ):
        scale = np.max(np.abs(other), initial=1.0)
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol * scale)
    return value, slopes


@pytest.mark.parametrize("size", [256, 1000, 1003, 4096, 20_000])
def test_polynomials_at_many_points(size: int) -> None:
    t = np.linspace(-1.0, 1.0, size)

    def f(x: Any) -> Any:
        residual, power = np.sign(t), np.ones(size)
        for coefficient in x:
            residual = residual - coefficient * power
            power = power * t
        return 0.5 * np.sum(residual**2)

    x = np.random.default_rng(size).normal(size=90)
    _, slopes = judge(f, x)
    assert is_blocked(slopes, 90)
    step = 1e-30
    for k in (0, 17, 89):
        e = step * 1j * (np.arange(90) == k)
        complex_step = np.imag(f(x + e)) / step
        np.testing.assert_allclose(slopes(x)[0][k], complex_step, rtol=1e-9)


STEPS: dict[str, tuple[Function, bool]] = {
    "alone": (lambda y, x, t, s: np.sin(y) * t + x, True),
    "with a number": (lambda y, x, t, s: y * 0.9 + s * x, True),
    "of two": (lambda y, x, t, s: np.where(y > x, y * t, x - y), True),
    "neighbours": (lambda y, x, t, s: 0.5 * y + 0.4 * np.roll(y, 1) + 0.1 * x, False),
    "turned": (lambda y, x, t, s: 0.9 * y[::-1] + 0.1 * x, False),
    "normalised": (lambda y, x, t, s: y / (1.0 + np.sum(y * y) / y.size) + x, False),
    "added up": (lambda y, x, t, s: np.cumsum(y) / y.size + x * t, False),
}


@pytest.mark.parametrize("size", [4096, 5001])
@pytest.mark.parametrize("name", STEPS)
def test_steps_of_all_kinds(name: str, size: int) -> None:
    step, is_apart = STEPS[name]

    def f(x: Any, s: Any) -> Any:
        def stepped(carry: Any, t: Any) -> Any:
            y = step(carry[0], x, t, s)
            return (y, t * np.sum(y)), np.max(y) * 0.1

        times = np.linspace(0.5, 1.0, 30)
        (y, last), largest = wg.scan(stepped, (x, 0.0), times)
        return np.sum(y * y) + last * s + np.sum(largest)

    x = np.random.default_rng(size).normal(size=size)
    value, _ = judge(f, x, 0.7, rtol=1e-9)
    assert is_blocked(value, 30) is is_apart


@pytest.mark.parametrize("size", [2048, 3003])
def test_scans_with_rows_and_stacks(size: int) -> None:
    rng = np.random.default_rng(size)
    rows, start, rates = (
        rng.normal(size=(20, size)),
        rng.normal(size=size),
        rng.random(20),
    )

    def f(start: Any, rows: Any, rates: Any) -> Any:
        def step(carry: Any, given: Any) -> Any:
            y, decay = carry
            row, rate = given
            y = y * np.exp(-rate) + np.tanh(row) * decay
            return (y, decay * 0.97), (y * rate, np.sum(y * y))

        (y, decay), (kept, sums) = wg.scan(step, (start, 1.0), (rows, rates))
        return np.sum(y) * decay + np.sum(kept[3] * kept[-1]) + np.sum(np.sin(sums))

    value, slopes = judge(f, start, rows, rates, rtol=1e-10)
    assert is_blocked(value, 20)
    assert is_blocked(slopes, 20)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_types(dtype: Any) -> None:
    x = np.linspace(0.0, 1.0, 2000).astype(dtype)

    def f(x: Any) -> Any:
        step = lambda i, y: y + dtype(0.1) * (y - y * y * y)  # noqa: E731
        return np.sum(wg.fori_loop(0, 25, step, x) * x)

    value, slopes = judge(f, x, rtol=1e-4 if dtype is np.float32 else 1e-11)
    assert value(x).dtype == dtype
    assert is_blocked(slopes, 25)


def test_two_axes_of_which_one_is_long() -> None:
    x = np.random.default_rng(3).normal(size=(3, 900))
    w = np.random.default_rng(4).normal(size=(3, 3)) * 0.4

    def f(x: Any, w: Any) -> Any:
        y = wg.fori_loop(0, 12, lambda i, y: np.tanh(w @ y) + 0.1 * x, x)
        return np.sum(y * y)

    judge(f, x, w, rtol=1e-10)


def random_loop(seed: int) -> tuple[Function, list[Any]]:
    """A loop of random steps over arrays of one length, and its arguments."""
    rng = np.random.default_rng(seed)
    size, steps = int(rng.choice([1024, 1500, 2048, 2777])), int(rng.integers(4, 12))
    unary = [np.sin, np.tanh, lambda a: a * 0.7, lambda a: -a, lambda a: a * a * 0.2]
    binary = [
        np.add,
        np.multiply,
        np.maximum,
        lambda a, b: a - 0.5 * b,
        lambda a, b: np.where(a < b, a, 0.3 * b),
    ]
    texts = [
        (int(rng.integers(3)), int(rng.integers(5)), *map(int, rng.integers(6, size=3)))
        for _ in range(6)
    ]
    shape = (steps, size)
    rows = rng.normal(size=shape) * 0.3
    sums, spoils = bool(rng.integers(2)), rng.random() < 0.15

    def f(a: Any, b: Any, rows: Any, k: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            first, second, total, weight = carry
            known = [first, second, a, b, row, first * weight]
            for how, which, one, two, to in texts:
                if how == 0:
                    made = unary[which](known[one])
                elif how == 1:
                    made = binary[which](known[one], known[two])
                else:
                    made = known[one] * k + known[two] * 0.1
                known[to] = made
            first, second = 0.5 * np.tanh(known[0]), 0.5 * np.tanh(known[1])
            if spoils:
                second = second + 0.1 * np.roll(first, 3)
            if sums:
                total = total + np.sum(first * second) * weight
            return (first, second, total, weight * 0.95), np.sum(second * row)

        start = a, b, 0.0 * np.sum(a), 1.0
        (first, second, total, _), kept = wg.scan(step, start, rows)
        total = total + np.sum(kept**2)
        return np.sum(first * a) + np.sum(second) * k + total

    return f, [rng.normal(size=size), rng.normal(size=size), rows, 0.6]


@pytest.mark.one_in(4)
@pytest.mark.parametrize("seed", range(60))
def test_random_steps(seed: int) -> None:
    f, args = random_loop(seed)
    judge(f, *args, rtol=1e-9)


def test_what_is_mostly_done_around_the_axis_is_not_done_for_every_block() -> None:
    x = np.linspace(0.0, 1.0, 2048)

    def f(x: Any, k: Any) -> Any:
        def step(i: Any, carry: Any) -> Any:
            y, k = carry
            for _ in range(300):
                k = np.sin(k) + 0.1
            return y + k * x, k

        y, k = wg.fori_loop(0, 20, step, (x, k))
        return np.sum(y) + k

    compiled = wg.jit(f, wait=True)
    for _ in range(3):
        found = compiled(x, 0.3)
    np.testing.assert_allclose(found, f(x, 0.3), rtol=1e-12)
    nest, _ = loops.nest_of(shortened(wg.record(f, x, 0.3), ())[0], True, width=8)
    assert not has_blocks(str(nest), 20)
