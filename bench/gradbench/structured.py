"""What the evals with loops compute, written with structured loops as in `jax.lax`.

`lax` is what has the loops: wengert, or JAX for `bench/peers`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as wg
from bench.gradbench import functions as fs


def llsq(x: Any, n: int) -> Any:
    """Return half the sum of squares at n points, coefficient by coefficient."""
    t = np.linspace(-1.0, 1.0, n)

    def step(state: Any, coefficient: Any) -> Any:
        residual, power = state
        return (residual - coefficient * power, power * t), None

    (residual, _), _ = wg.scan(step, (np.sign(t), np.ones(n)), x)
    return 0.5 * np.sum(residual**2)


def ode(x: Any, steps: int, start: Any) -> Any:
    """Return the state at time 2."""
    h = 2.0 / steps
    return wg.fori_loop(0, steps, lambda _, y: fs.advanced(x, y, h), start)


def lstm(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    """Return the loss of a text, letter by letter."""

    def step(state: Any, letters: Any) -> Any:
        return fs.read(main, extra, state, *letters)

    _, added = wg.scan(step, list(state), (sequence[:-1], sequence[1:]))
    return -np.sum(added) / ((len(sequence) - 1) * extra.shape[1])


def descend(
    f: Callable[[Any], Any],
    gradient: Callable[[Any], Any],
    x: Any,
    length: Callable[[Any], Any] = fs.length,
    lax: Any = wg,
) -> Any:
    """Return a least point by steps down, whose length doubles and halves."""

    def goes_on(state: Any) -> Any:
        *_, down, _, _, is_near = state
        return (length(down) > 1e-5) & ~is_near

    def step(state: Any) -> Any:
        x, value, down, done, eta, _ = state
        eta = eta * (1.0 + (done == 10))
        trial = x - eta * down
        at, is_near = f(trial), length(x - trial) <= 1e-5

        def taken() -> Any:
            return trial, at, gradient(trial), done % 10 + 1, eta

        def left() -> Any:
            return x, value, down, done * 0, eta / 2

        return *lax.cond((at < value) & ~is_near, taken, left), is_near

    start = x, f(x), gradient(x), 0, 1e-5, False
    return lax.while_loop(goes_on, step, start)[0]


def landing(w: Any, force: Callable[..., Any]) -> Any:
    """Return the squared place where a particle comes to the ground."""
    dt = 0.1

    def is_above(state: Any) -> Any:
        z, v = state
        return z[1] + dt * v[1] > 0.0

    def step(state: Any) -> Any:
        z, v = state
        return z + dt * v, v - dt * force(z, w)

    start = np.array([0.0, 8.0]), np.array([0.75, 0.0])
    z, v = wg.while_loop(is_above, step, start)
    z = z + dt * v
    return (z[0] - z[1] / v[1] * v[0]) ** 2
