"""Plain Python loops under `jit`, value and gradient, beside JAX's structured ones.

Run: ``python bench/loops.py``; JAX is left out where it is not installed, C where there
is no compiler.  wengert is given the loop as one writes it, JAX `lax.scan` or
`lax.fori_loop`; C's is written by hand (`by_hand.c`).  First calls, and the best
settled ones, which take turns; one thread.  Then `wengert.scan` beside `lax.scan`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy

from arrays import is_there, main, settle
from measure import interleaved

Program = Callable[..., Any]
WIDTH = 14


# An LSTM of two layers whose gates are diagonal, as GradBench's


def gates(
    np: Any, weight: Any, bias: Any, hidden: Any, cell: Any, x: Any
) -> tuple[Any, Any]:
    """Return the next hidden state and cell of a layer."""

    def gate(k: int, z: Any) -> Any:
        part = slice(k * WIDTH, (k + 1) * WIDTH)
        return z * weight[part] + bias[part]

    forget = 1 / (1 + np.exp(-gate(0, x)))
    ingate = 1 / (1 + np.exp(-gate(1, hidden)))
    outgate = 1 / (1 + np.exp(-gate(2, x)))
    cell = cell * forget + ingate * np.tanh(gate(3, hidden))
    return outgate * np.tanh(cell), cell


def character(np: Any, state: Any, main: Any, extra: Any, now: Any, then: Any) -> Any:
    """Return the next states of both layers, and what a character adds."""
    (hidden, cell), (upper, above) = state
    hidden, cell = gates(np, main[0], main[1], hidden, cell, now * extra[0])
    upper, above = gates(np, main[2], main[3], upper, above, hidden)
    y = upper * extra[1] + extra[2]
    added = np.sum(then * (y - np.log(np.sum(np.exp(y)) + 2)))
    return ((hidden, cell), (upper, above)), added


def lstm(np: Any, sequence: Any, start: Any, main: Any, extra: Any) -> Any:
    """The loss of an LSTM, one character after the other."""
    state = (start[0], start[1]), (start[2], start[3])
    total = 0.0
    for t in range(len(sequence) - 1):
        state, added = character(np, state, main, extra, sequence[t], sequence[t + 1])
        total = total + added
    return -total / ((len(sequence) - 1) * WIDTH)


def lstm_scan(np: Any, sequence: Any, start: Any, main: Any, extra: Any) -> Any:
    """The same by `lax.scan`."""
    from jax import lax

    def step(state: Any, rows: Any) -> Any:
        return character(np, state, main, extra, *rows)

    state = (start[0], start[1]), (start[2], start[3])
    pairs = np.asarray(sequence[:-1]), np.asarray(sequence[1:])
    _, added = lax.scan(step, state, pairs)
    return -np.sum(added) / ((len(sequence) - 1) * WIDTH)


# Differential equations


def rate(np: Any, y: Any) -> Any:
    """Return the slopes of a system without coupling."""
    return np.sin(y) - 0.5 * y


def rk4(np: Any, y: Any, h: float) -> Any:
    """Return a step by the classical Runge-Kutta method."""
    k1 = rate(np, y)
    k2 = rate(np, y + h / 2 * k1)
    k3 = rate(np, y + h / 2 * k2)
    k4 = rate(np, y + h * k3)
    return y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)


def runge_kutta(np: Any, steps: int, y: Any) -> Any:
    """The sum of a system's state after some steps."""
    for _ in range(steps):
        y = rk4(np, y, 1 / steps)
    return np.sum(y)


def runge_kutta_loop(np: Any, steps: int, y: Any) -> Any:
    """The same by `lax.fori_loop`."""
    from jax import lax

    return np.sum(lax.fori_loop(0, steps, lambda _, y: rk4(np, y, 1 / steps), y))


def heat(np: Any, steps: int, u: Any) -> Any:
    """The heat equation in one dimension, in place."""
    u = u + 0.0  # a copy
    for _ in range(steps):
        u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u * u)


def heat_loop(np: Any, steps: int, u: Any) -> Any:
    """The same by `lax.fori_loop`."""
    from jax import lax

    def step(_: Any, u: Any) -> Any:
        return u.at[1:-1].add(0.2 * (u[2:] - 2 * u[1:-1] + u[:-2]))

    u = lax.fori_loop(0, steps, step, u)
    return np.sum(u * u)


def llsq(np: Any, points: int, x: Any) -> Any:
    """Half the squares of what a polynomial misses, GradBench's: by coefficients."""
    t = np.linspace(-1.0, 1.0, points)
    residual, power = np.sign(t), np.ones(points)
    for k in range(len(x)):
        residual = residual - x[k] * power
        power = power * t
    return 0.5 * np.sum(residual * residual)


def llsq_scan(np: Any, points: int, x: Any) -> Any:
    """The same by `lax.scan`."""
    from jax import lax

    t = np.linspace(-1.0, 1.0, points)

    def step(state: Any, coefficient: Any) -> Any:
        residual, power = state
        return (residual - coefficient * power, power * t), None

    (residual, _), _ = lax.scan(step, (np.sign(t), np.ones(points)), x)
    return 0.5 * np.sum(residual * residual)


def swing(np: Any, x: Any, v: Any, p: Any) -> tuple[Any, Any]:
    """Return the next state of a damped pendulum."""
    v = v - 0.001 * (np.sin(x) * p[2] + p[3] * v)
    return x + 0.001 * v, v


def pendulum(np: Any, steps: int, p: Any) -> Any:
    """A damped pendulum by small steps."""
    x, v = p[0], p[1]
    for _ in range(steps):
        x, v = swing(np, x, v, p)
    return x * x + v


def pendulum_loop(np: Any, steps: int, p: Any) -> Any:
    """The same by `lax.fori_loop`."""
    from jax import lax

    def step(_: Any, state: Any) -> Any:
        return swing(np, *state, p)

    x, v = lax.fori_loop(0, steps, step, (p[0], p[1]))
    return x * x + v


# Series


def garch(np: Any, returns: Any, w: Any) -> Any:
    """The likelihood of a GARCH(1, 1) model."""
    h, total = w[0] / (1 - w[1] - w[2]), 0.0
    for t in range(len(returns)):
        total = total + np.log(h) + returns[t] * returns[t] / h
        h = w[0] + w[1] * returns[t] * returns[t] + w[2] * h
    return total


def garch_scan(np: Any, returns: Any, w: Any) -> Any:
    """The same by `lax.scan`."""
    from jax import lax

    def step(h: Any, r: Any) -> Any:
        return w[0] + w[1] * r * r + w[2] * h, np.log(h) + r * r / h

    _, added = lax.scan(step, w[0] / (1 - w[1] - w[2]), np.asarray(returns))
    return np.sum(added)


def rows() -> dict[str, Any]:
    """Each row's programs, what they are given before the arguments, and those."""
    random = numpy.random.default_rng(7)
    normal = random.standard_normal
    found: dict[str, Any] = {}
    for steps in (1024, 4096):
        given = normal((steps, WIDTH)), normal((4, WIDTH))
        arguments = normal((4, 4 * WIDTH)), normal((3, WIDTH))
        programs = {"wengert": lstm, "jax": lstm_scan}
        found[f"lstm {steps}"] = programs, given, arguments
    programs = {"wengert": runge_kutta, "jax": runge_kutta_loop}
    found["runge-kutta 1000 x 100"] = programs, (100,), (normal(1000),)
    programs = {"wengert": heat, "jax": heat_loop}
    found["heat 1000 x 1000"] = programs, (1000,), (random.uniform(0.5, 1.5, 1000),)
    programs = {"wengert": llsq, "jax": llsq_scan}
    found["llsq 4096 x 128"] = programs, (4096,), (normal(128),)
    programs = {"wengert": pendulum, "jax": pendulum_loop}
    found["pendulum 4000"] = programs, (4000,), (numpy.array([1.0, 0.2, 9.8, 0.1]),)
    programs = {"wengert": garch, "jax": garch_scan}
    found["garch 4000"] = programs, (normal(4000),), (numpy.array([0.1, 0.1, 0.8]),)
    return found


# Structured loops of both


def filtered(np: Any, scan: Any, rows: Any, x: Any) -> Any:
    """What a filter of one number has at the end of a series."""

    def step(y: Any, row: Any) -> Any:
        return 0.9 * np.tanh(x * y) + np.sin(row), None

    return scan(step, 1.0, rows)[0]


def of_scans(peer: str, steps: int, is_slope: bool) -> Program:
    """A peer's compiled `scan` of so many steps, or its derivative."""
    rows = numpy.linspace(0.0, 1.0, steps)
    if peer == "wengert":
        import wengert

        function = partial(filtered, numpy, wengert.scan, rows)
        return wengert.jit(wengert.grad(function) if is_slope else function)
    import jax

    jax.config.update("jax_enable_x64", True)
    function = partial(filtered, jax.numpy, jax.lax.scan, jax.numpy.asarray(rows))
    compiled = jax.jit(jax.grad(function) if is_slope else function)
    return lambda x: jax.block_until_ready(compiled(x))


def scans(rounds: int) -> None:
    """Print what calls of `wengert.scan` and `lax.scan` take, the first ones apart."""
    peers = [peer for peer in ("wengert", "jax") if is_there(peer)]
    columns = "first", "second", "third", "settled"
    head = "".join(f"{f'{p} {c}':>16}" for p in peers for c in columns)
    print(f"\n{'scan':24}{head}   milliseconds")
    for steps in (1000, 10_000, 100_000):
        for kind in ("value", "gradient"):
            calls = {
                peer: partial(of_scans(peer, steps, kind == "gradient"), 0.8)
                for peer in peers
            }
            early = {peer: early_calls(peer, call) for peer, call in calls.items()}
            results = [call() for call in calls.values()]
            numpy.testing.assert_allclose(results, results[0], rtol=1e-9)
            settled = interleaved(calls, rounds)
            times = [t for p in peers for t in (*early[p], settled[p]["best"])]
            cells = "".join(f"{t * 1e3:16.3f}" for t in times)
            print(f"{f'{steps} steps, {kind}':24}{cells}", flush=True)


def early_calls(peer: str, call: Program) -> list[float]:
    """Seconds of the first three calls; then what is compiled is in place."""
    found = []
    for _ in range(3):
        started = time.perf_counter()
        call()
        found.append(time.perf_counter() - started)
    settle(peer, call)
    return found


if __name__ == "__main__":
    given = main(rows(), __doc__)
    if "scan".startswith(given.rows):
        scans(given.rounds)
