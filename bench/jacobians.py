"""Jacobians and Hessians: all directions at once beside one sweep a direction.

Run: ``python bench/jacobians.py``.  Eager, the two ways take turns; jitted, the first
calls and the settled one, beside a user's own `vmap` of `jvp` or `hvp`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import wengert as wg
from calls import shown
from measure import interleaved, seconds_of
from wengert.execute import directions

Function = Callable[..., Any]
ROUNDS = 3
#: Calls of a jitted function before it is taken as settled, and seconds of them.
FIRST, QUIET = 3, 5.0


def collocation(z: Any) -> Any:
    """204 residuals of 250 unknowns, by a Python loop."""
    found = []
    for k in range(204):
        found.append(np.sin(z[k]) * z[k + 46] + z[k + 1] ** 2 - 0.1 * z[k + 10])
    return np.stack(found)


def likelihood(p: Any) -> Any:
    """A number from 85 parameters, by a Python loop over 40 products."""
    total = 0.0
    for row in ROWS:
        h = np.tanh(row @ p)
        total = total + h * h + 0.1 * h * total
    return total


def network(x: Any) -> Any:
    """20 numbers from 30, by two products of matrices."""
    return OUTER @ np.tanh(INNER @ x)


def rosenbrock(x: Any) -> Any:
    """A number, by slices."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


RANDOM = np.random.default_rng(0)
ROWS = RANDOM.standard_normal((40, 85))
INNER, OUTER = RANDOM.standard_normal((50, 30)), RANDOM.standard_normal((20, 50))


def programs() -> Iterator[tuple[str, Function, Function, Any]]:
    """Give a name, the derivative, the same by a user's own vmap, and the point."""
    z, p = RANDOM.standard_normal(250), 0.1 * RANDOM.standard_normal(85)
    yield "jacobian 204 x 250", wg.jacobian(collocation), own_jacobian(collocation), z
    yield "hessian of 85", wg.hessian(likelihood), own_hessian(likelihood), p
    x = RANDOM.standard_normal(400)
    yield "jacobian 20 x 30", wg.jacobian(network), own_jacobian(network), x[:30]
    for count in (8, 40, 400):
        name = f"hessian of {count}, slices"
        yield name, wg.hessian(rosenbrock), own_hessian(rosenbrock), x[:count]


def own_jacobian(fun: Function) -> Function:
    """Return the Jacobian as a user writes it."""

    def derivative(x: Any) -> Any:
        push = wg.vmap(lambda v: wg.jvp(fun, (x,), (v,))[1])
        return push(np.eye(len(x))).T

    return derivative


def own_hessian(fun: Function) -> Function:
    """Return the Hessian as a user writes it."""

    def derivative(x: Any) -> Any:
        return wg.vmap(lambda v: wg.hvp(fun, x, v))(np.eye(len(x)))

    return derivative


def by_sweeps(derivative: Function, x: Any) -> Any:
    """Return a derivative by one sweep a direction."""
    chosen, directions.pays = directions.pays, lambda *_: False
    try:
        return derivative(x)
    finally:
        directions.pays = chosen


def settled(function: Function, x: Any) -> list[float]:
    """Return the seconds of the first calls, and of one after they are quiet."""
    seconds = [seconds_of(lambda: function(x), 1) for _ in range(FIRST)]
    end = time.perf_counter() + QUIET
    while time.perf_counter() < end:
        function(x)
    return [*seconds, min(seconds_of(lambda: function(x), 3) for _ in range(5))]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    print("eager: seconds a call")
    print(f"{'':26}{'at once':>10}{'sweeps':>10}{'ratio':>8}")
    for name, derivative, _, x in programs():
        np.testing.assert_allclose(derivative(x), by_sweeps(derivative, x), atol=1e-10)
        calls: dict[str, Any] = {
            "at once": lambda d=derivative, x=x: d(x),
            "sweeps": lambda d=derivative, x=x: by_sweeps(d, x),
        }
        found = interleaved(calls, rounds)
        best = [found[way]["best"] for way in calls]
        ratio = best[1] / best[0]
        print(f"{name:26}{shown(best[0]):>10}{shown(best[1]):>10}{ratio:>8.1f}")
    print("jitted: seconds of the first, second, third and settled call")
    for name, derivative, own, x in programs():
        for how, function in (("jit", derivative), ("jit, own vmap", own)):
            found_ = [shown(s) for s in settled(wg.jit(function), x)]
            print(f"{name:26}{how:16}{''.join(f'{s:>10}' for s in found_)}", flush=True)


if __name__ == "__main__":
    main()
