"""Structured loops and branches inside others, beside plain Python ones."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize

import wengert as wg
from tests.structure.nested import Plain, program, run

A, B = np.array([0.3, 0.5, -0.2]), np.array([0.1, 0.9, 0.4])


def summed(do: Any, statements: Any, a: Any, b: Any) -> Any:
    """Return one number of what statements give."""
    return np.sum(run(do, statements, a, b) * np.arange(1.0, 4.0))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    statements, a, b = program(rng), *rng.normal(size=(2, 3))
    own, plain = (partial(summed, do, statements) for do in (wg, Plain))
    expected = wg.grad(plain, argnums=(0, 1))(a, b)

    assert_allclose(own(a, b), plain(a, b), rtol=1e-12)
    assert_allclose(wg.grad(own, argnums=(0, 1))(a, b), expected, rtol=1e-9, atol=1e-12)
    assert_allclose(wg.jacfwd(own)(a, b), expected[0], rtol=1e-9, atol=1e-12)
    jitted = wg.jit(wg.grad(own, argnums=(0, 1)))
    for scale in (1.0, 1.0, -1.0, 1.0):
        found = jitted(scale * a, b)
    assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    rows = wg.vmap(wg.grad(own), in_axes=(0, None))(np.stack([a, -a]), b)
    each = [wg.grad(plain)(x, b) for x in (a, -a)]
    assert_allclose(rows, each, rtol=1e-9, atol=1e-12)
    if seed % 4 == 0:
        curvature = wg.hessian(plain)(a, b)
        assert_allclose(wg.hessian(own)(a, b), curvature, rtol=1e-8, atol=1e-10)


#: Functions of two values that do not read all that their nodes are given.
UNREAD = {
    "scan": lambda c, b: wg.scan(lambda _, x: (np.sin(x), None), b, np.stack([c, c]))[
        0
    ],
    "rows": lambda c, b: wg.scan(lambda s, _: (np.sin(c), s), c, np.stack([b, b]))[0],
    "map": lambda c, b: np.sum(wg.map(lambda _: np.sin(c), np.stack([b, b])), 0) / 2,
    "fori_loop": lambda c, b: wg.fori_loop(0, 2, lambda i, _: np.sin(c), b),
    "while_loop": lambda c, b: wg.while_loop(
        lambda s: s[2] < 2, lambda s: (np.sin(c), s[1], s[2] + 1), (b, b, 0)
    )[0],
    "cond": lambda c, b: wg.cond(
        np.sum(c) > -9, lambda _: np.sin(c), lambda _: c + 1, b
    ),
    "switch": lambda c, b: wg.switch(0 * np.argmax(c), [lambda _: np.sin(c)] * 2, b),
    "checkpoint": lambda c, b: wg.checkpoint(lambda c, _: np.sin(c))(c, b),
    "checkpoint in one": lambda c, b: wg.checkpoint(
        lambda c: wg.checkpoint(lambda c, _: np.sin(c))(c, b)
    )(c),
    "no steps": lambda c, b: (
        np.sin(c) + 0 * wg.fori_loop(0, 0, lambda i, _: np.sin(c), b)
    ),
    "zeros_like": lambda c, b: np.sin(c) + np.zeros_like(b),
    "root": lambda c, b: np.sin(
        optimize.root(lambda y, c, _: y - c, np.zeros(3), args=(c, b)).x
    ),
}
#: What does a function in steps, branches or rows of its own.
AROUND = {
    "scan": lambda f, a, b: wg.scan(lambda c, _: (f(c, b), None), a, np.zeros(2))[0],
    "while_loop": lambda f, a, b: wg.while_loop(
        lambda s: s[1] < 2, lambda s: (f(s[0], b), s[1] + 1), (a, 0)
    )[0],
    "cond": lambda f, a, b: wg.cond(
        np.sum(a) > -9, lambda c: f(f(c, b), b), lambda c: c, a
    ),
    "checkpoint": lambda f, a, b: wg.checkpoint(lambda c: f(f(c, b), b))(a),
    "map": lambda f, a, b: wg.map(lambda c: f(f(c, b), b), a[None])[0],
    "vmap": lambda f, a, b: wg.vmap(lambda c: f(f(c, b), b))(a[None])[0],
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("name", UNREAD)
def test_what_a_node_inside_is_given_and_does_not_read(name: str, around: str) -> None:
    def inside(a: Any, b: Any) -> Any:
        return np.sum(AROUND[around](UNREAD[name], a, b))

    def plain(a: Any, b: Any) -> Any:
        return np.sum(np.sin(np.sin(a)))

    expected = wg.grad(plain, argnums=(0, 1))(A, B)

    slope = wg.grad(inside, argnums=(0, 1))
    assert_allclose(slope(A, B), expected, rtol=1e-9, atol=1e-12)
    jitted = wg.jit(slope)
    assert_allclose([jitted(A, B) for _ in range(3)], [expected] * 3, rtol=1e-9)


def test_what_rows_read_is_found_through_whatever_takes_errors() -> None:
    def careful(c: Any, b: Any) -> Any:
        try:
            return c * b
        except Exception:
            return c

    def summed(a: Any, b: Any) -> Any:
        return np.sum(wg.vmap(lambda c: careful(c, b))(np.stack([a, a])))

    assert_allclose(wg.grad(summed)(A, B), 2 * B)
