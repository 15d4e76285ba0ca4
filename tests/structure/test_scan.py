"""Structured loops, against the same loop in plain Python and against JAX's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.derive.loops import SCAN
from wengert.errors import ArgumentError

RNG = np.random.default_rng(5)
RATES = np.array([0.3, -0.2, 0.5])


def by_hand(f: Any, init: Any, xs: Any, reverse: bool = False) -> Any:
    """The loop that `scan` is."""
    carry, ys = init, []
    for t in range(len(xs))[:: -1 if reverse else 1]:
        carry, y = f(carry, xs[t])
        ys.append(y)
    return carry, np.stack(ys[:: -1 if reverse else 1])


def turned(carry: Any, x: Any) -> Any:
    """A step of an array and a number."""
    state, total = carry
    state = np.tanh(state * RATES + x)
    return (state, total + np.sum(state)), state * total


@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_the_plain_loop(reverse: bool) -> None:
    xs, init = RNG.normal(size=(6, 3)), (np.zeros(3), 0.5)
    found = wg.scan(turned, init, xs, reverse=reverse)
    expected = by_hand(turned, init, xs, reverse)
    for one, other in zip(
        *(wg.capture.tree.flatten(x)[0] for x in (found, expected)), strict=True
    ):
        np.testing.assert_array_equal(one, other)

    def number(loop: Any, xs: Any) -> Any:
        (state, total), ys = loop(turned, (xs[0] * 2.0, 0.5), xs)
        return np.sum(state) + total + np.sum(ys * ys)

    def of_scan(f: Any, init: Any, xs: Any) -> Any:
        return wg.scan(f, init, xs, reverse=reverse)

    def of_hand(f: Any, init: Any, xs: Any) -> Any:
        return by_hand(f, init, xs, reverse)

    for derivative in (
        wg.grad,
        wg.jacfwd,
        wg.hessian,
        lambda f: wg.jit(wg.grad(f), wait=True),
    ):
        one = derivative(lambda xs: number(of_scan, xs))(xs)
        other = derivative(lambda xs: number(of_hand, xs))(xs)
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-13)


def test_what_a_step_reads_from_outside_is_differentiated_by() -> None:
    def last(rate: Any, start: Any) -> Any:
        return wg.scan(lambda y, x: (rate * y + x, None), start, np.arange(5.0))[0]

    def plain(rate: Any, start: Any) -> Any:
        for x in range(5):
            start = rate * start + x
        return start

    assert wg.grad(last, (0, 1))(0.5, 2.0) == wg.grad(plain, (0, 1))(0.5, 2.0)
    assert wg.scan(lambda y, x: (y, None), 1, length=3) == (1, None)


def test_a_loop_is_one_node_however_many_steps_it_has() -> None:
    lengths = [
        len(
            wg.record(
                wg.grad(
                    lambda k, n=n: wg.scan(
                        lambda y, x: (np.sin(k * y) + x, y), k, np.ones(n)
                    )[0]
                ),
                0.5,
            )
        )
        for n in (3, 3000)
    ]
    assert lengths[0] == lengths[1]


def test_a_carried_number_takes_the_type_that_a_step_gives() -> None:
    f = lambda n: wg.scan(lambda y, x: (y * 0.5 + n, y), 1, length=4)  # noqa: E731
    expected = by_hand(lambda y, x: (y * 0.5 + 2.0, y), 1, np.zeros(4))
    tape = wg.record(f, 2.0)
    assert SCAN in tape.operations
    assert tape(2.0)[0] == expected[0]


def test_steps_that_decide_otherwise_are_recorded_one_by_one() -> None:
    def clipped(x: Any) -> Any:
        return wg.scan(lambda y, x: (y * x if x > 0 else y - x, y), 1.0, x)[0]

    x = np.array([2.0, -1.0, 3.0])
    assert clipped(x) == 9.0
    np.testing.assert_array_equal(wg.grad(clipped)(x), [3.0, -3.0, 3.0])
    f = wg.jit(wg.grad(clipped), wait=True)
    for given in (x, -x, x):
        np.testing.assert_array_equal(f(given), wg.grad(clipped)(given))


def test_arrays_from_outside_are_read_anew() -> None:
    weights = np.ones(3)
    f = wg.jit(
        lambda x: wg.scan(lambda y, x: (y + weights * x, None), np.zeros(3), x)[0],
        wait=True,
    )
    x = np.arange(4.0)
    for _ in range(3):
        np.testing.assert_array_equal(f(x), [6.0, 6.0, 6.0])
    weights[1] = 2.0
    np.testing.assert_array_equal(f(x), [6.0, 12.0, 6.0])


def test_numbers_from_outside_are_read_anew() -> None:
    state = {"rate": 2.0}
    f = wg.jit(
        lambda x: wg.scan(lambda y, x: (y + state["rate"] * x, None), 0.0, x)[0],
        wait=True,
    )
    x = np.arange(4.0)
    for _ in range(3):
        assert f(x) == 12.0
    state["rate"] = 3.0
    assert f(x) == 18.0


def test_rows_of_loops() -> None:
    xs = RNG.normal(size=(4, 6))
    f = lambda x: wg.scan(lambda y, x: (np.sin(y) + x, y * x), 0.1, x)  # noqa: E731
    found = wg.vmap(f)(xs)
    for k in range(4):
        for one, other in zip(found, f(xs[k]), strict=True):
            np.testing.assert_allclose(one[k], other, rtol=1e-14)


def test_fori_loop() -> None:
    def power(x: Any, n: int) -> Any:
        return wg.fori_loop(0, n, lambda i, y: y * x + i, 1.0)

    def plain(x: Any, n: int) -> Any:
        y = 1.0
        for i in range(n):
            y = y * x + i
        return y

    assert power(2.0, 5) == plain(2.0, 5)
    assert wg.grad(power)(2.0, 5) == wg.grad(plain)(2.0, 5)
    assert power(2.0, 0) == 1.0
    assert wg.grad(power)(2.0, 0) == 0.0


def powers(x: Any, lower: Any, upper: Any) -> Any:
    y = 1.0
    for i in range(lower, upper):
        y = y * x + i
    return y


def looped(x: Any, lower: Any, upper: Any) -> Any:
    return wg.fori_loop(lower, upper, lambda i, y: y * x + i, 1.0)


def test_bounds_of_a_fori_loop_that_data_decide() -> None:
    x, counts = np.array([0.5, 1.5, 0.7]), np.array([3, 0, 4])
    for loop in (powers, looped):
        rows = wg.vmap(wg.grad(loop), in_axes=(0, None, 0))
        for of in (rows, wg.jit(rows)):
            found = [of(x, 1, counts) for _ in range(3)]
            each = [wg.grad(powers)(a, 1, n) for a, n in zip(x, counts, strict=True)]
            np.testing.assert_allclose(found, [each] * 3, rtol=1e-14)

    def by_place(x: Any) -> Any:
        return looped(x[0], np.argmin(x), np.argmax(x))

    def by_rows(loop: Any, x: Any) -> Any:
        def step(carry: Any, n: Any) -> Any:
            return carry + loop(x, 0, n), None

        return wg.scan(step, 0.0, np.array([0, 1, 3]))[0]

    assert wg.jit(by_place)(x) == powers(0.5, 0, 1)
    slope = sum(wg.grad(powers)(0.5, 0, n) for n in (0, 1, 3))
    for derivative in (wg.grad, wg.jacfwd, lambda f: wg.jit(wg.grad(f))):
        assert derivative(lambda x: by_rows(looped, x))(0.5) == slope
    with pytest.raises(ArgumentError, match="pass whole numbers"):
        wg.grad(looped, argnums=(0, 2))(0.5, 0, 3)


@pytest.mark.parametrize("kind", [int, np.int64, np.int32])
def test_a_bound_that_varies_is_one_path(kind: Any) -> None:
    slope = wg.jit(wg.grad(looped))
    for n in range(14):
        assert slope(0.9, 0, kind(n)) == pytest.approx(wg.grad(powers)(0.9, 0, n))
    assert len(slope.paths()) == 1


def test_what_jax_takes_is_taken() -> None:
    x = np.ones(3)
    assert wg.scan(lambda c, x: (c + x, None), 0.0, x, _split_transpose=True)[0] == 3
    assert wg.scan(lambda c, x: (c + x, None), 0.0, x, unroll=True)[0] == 3
    assert wg.fori_loop(0, 3, lambda i, y: y + i, 0.0, unroll=2) == 3
    assert wg.map(abs, x, batch_size=2).shape == (3,)


def test_map() -> None:
    def f(x: Any) -> Any:
        pair = wg.map(lambda row: (np.sin(row[0]) * x, np.sum(row[1])), (x, rows))
        return np.sum(pair[0] ** 2) + np.sum(pair[1] * x)

    def by_hand(x: Any) -> Any:
        ones = np.stack([np.sin(part) * x for part in x])
        return np.sum(ones**2) + np.sum(np.stack([np.sum(r) for r in rows]) * x)

    rows, x = RNG.normal(size=(3, 2)), RNG.normal(size=3)
    assert f(x) == by_hand(x)
    for derivative in (wg.grad, wg.hessian, lambda f: wg.jit(wg.grad(f), wait=True)):
        np.testing.assert_allclose(derivative(f)(x), derivative(by_hand)(x), rtol=1e-12)
    tape = wg.record(lambda x: wg.map(np.sin, x), x)
    assert SCAN in tape.operations
    np.testing.assert_array_equal(tape(x), np.sin(x))


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: wg.scan(lambda c, x: (c, x), 0.0), "length=None"),
        (lambda: wg.scan(lambda c, x: (c, x), 0.0, np.zeros(3), length=2), "length=2"),
        (
            lambda: wg.scan(lambda c, x: (c, x), 0.0, (np.zeros(3), np.zeros(2))),
            "float64",
        ),
        (lambda: wg.scan(lambda c, x: c, 0.0, np.zeros(3)), "returned a float64"),
        (lambda: wg.scan(lambda c, x: ((c, c), x), 0.0, np.zeros(3)), "was given"),
        (lambda: wg.scan(lambda c, x: (np.zeros(2), x), 0.0, np.zeros(3)), "shapes"),
    ],
)
def test_errors_say_what_to_write(call: Any, what: str) -> None:
    with pytest.raises(wg.ArgumentError, match=what) as error:
        call()
    assert "instead:" in str(error.value)


@pytest.mark.parametrize(
    "around", [lambda f: f, wg.jit, lambda f: wg.jit(wg.jacfwd(f))]
)
def test_no_rows_are_stacked_as_rows_would_be(around: Any) -> None:
    def both(a: Any) -> Any:
        x = np.zeros((0, 2), np.float32)
        carry, (y, n) = wg.scan(lambda c, x: (c * 2, (a * x, 3)), a, x)
        z = wg.map(lambda x: np.sum(x) + a[0], np.ones((0, 4)))
        return carry, y, n + 0 * a[0], z

    found = around(both)(np.array([0.5, 2.0]))
    assert [part.shape[:1] for part in found] == [(2,), (0,), (0,), (0,)]
    assert found[1].shape[1] == 2
    assert found[1].dtype == np.float64


def test_no_steps_change_nothing() -> None:
    x = np.ones(2)

    def doubled(y: Any, k: Any) -> Any:
        y *= 2
        return y, [1][k + 1]

    carry, stacked = wg.scan(doubled, x, np.zeros(0, int))
    np.testing.assert_array_equal(carry, [1.0, 1.0])
    np.testing.assert_array_equal(x, [1.0, 1.0])
    assert stacked is None  # a step at a row of zeros raises


@pytest.mark.parametrize("bound", [2.5, 2.0, np.float64(3.0), np.array([3])])
def test_bounds_that_are_no_whole_number_are_refused(bound: Any) -> None:
    for bounds in ((0, bound), (bound, 5)):
        with pytest.raises(ArgumentError, match="fori_loop was given a bound"):
            wg.fori_loop(*bounds, lambda i, x: x + i, 0.0)
