"""Linear maps of `linearize` and `vjp`, called inside functions that are one node.

Such a function runs while the recording is set aside; what a map reads of it is
captured all the same, and has a derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg

POINT = np.array([0.3, 0.7, 1.1])
UNITS = np.eye(3)
WEIGHTS = np.arange(9.0).reshape(3, 3)


def wave(x: Any) -> Any:
    return np.sin(x) * x[::-1] ** 2


def pushed(x: Any) -> Any:
    return wg.linearize(wave, x)[1]


def pulled(x: Any) -> Any:
    pull = wg.vjp(wave, x)[1]
    return lambda g: pull(g)[0]


def pulled_beside(x: Any) -> Any:
    _, pull, _ = wg.vjp(lambda x: (wave(x), x), x, has_aux=True)
    return lambda g: pull(g)[0]


def pulled_of_a_closure(x: Any) -> Any:
    pull = wg.vjp(lambda p: wave(p["x"] * x / POINT), {"x": POINT})[1]
    return lambda g: pull(g)[0]["x"] / (x / POINT)


def filled(total: Any, k: Any, row: Any) -> Any:
    return total + np.outer(UNITS[k], row)


MAPS = {
    "linearize": pushed,
    "vjp": pulled,
    "vjp with aux": pulled_beside,
    "vjp of what reads outside": pulled_of_a_closure,
}
#: How a map is called for every unit vector: rows of its matrix.
CALLS: dict[str, Callable[[Any], Any]] = {
    "loop": lambda call: np.stack([call(e) for e in UNITS]),
    "vmap": lambda call: wg.vmap(call)(UNITS),
    "vmap of a lambda": lambda call: wg.vmap(lambda e: call(2.0 * e) / 2.0)(UNITS),
    "vmap in vmap": lambda call: wg.vmap(wg.vmap(call))(UNITS[None])[0],
    "vmap of a checkpoint": lambda call: wg.vmap(wg.checkpoint(call))(UNITS),
    "vmap of jit": lambda call: wg.vmap(wg.jit(call))(UNITS),
    "map": lambda call: wg.map(call, UNITS),
    "scan": lambda call: wg.scan(lambda c, e: (c, call(e)), 0.0, UNITS)[1],
    "checkpoint": lambda call: np.stack([wg.checkpoint(call)(e) for e in UNITS]),
    "cond": lambda call: np.stack(
        [wg.cond(e[0] > -1.0, call, np.negative, e) for e in UNITS]
    ),
    "fori_loop": lambda call: wg.fori_loop(
        0, 3, lambda k, total: filled(total, k, call(UNITS[k])), np.zeros((3, 3))
    ),
    "while_loop": lambda call: wg.while_loop(
        lambda at: at[0] < 3,
        lambda at: (at[0] + 1, filled(at[1], at[0], call(UNITS[at[0]]))),
        (0, np.zeros((3, 3))),
    )[1],
}


def matrix(x: Any, is_push: bool) -> Any:
    found = wg.jacfwd(wave)(x)
    return found.T if is_push else found


@pytest.mark.parametrize("made", MAPS)
@pytest.mark.parametrize("call", CALLS)
def test_a_linear_map_is_differentiated_wherever_it_is_called(
    call: str, made: str
) -> None:
    def energy(x: Any) -> Any:
        return np.sum(WEIGHTS * CALLS[call](MAPS[made](x)) ** 2)

    def direct(x: Any) -> Any:
        return np.sum(WEIGHTS * matrix(x, made == "linearize") ** 2)

    expected = wg.grad(direct)(POINT)
    step = 1e-6 * UNITS
    differences = [(direct(POINT + h) - direct(POINT - h)) / 2e-6 for h in step]
    np.testing.assert_allclose(expected, differences, rtol=1e-6)
    jitted = wg.jit(wg.grad(energy))
    for round_ in range(4):
        np.testing.assert_allclose(jitted(POINT), expected)
        if round_ == 2:
            jitted.wait()
    np.testing.assert_allclose(wg.grad(energy)(POINT), expected)
    _, along = wg.jvp(energy, (POINT,), (POINT,))
    np.testing.assert_allclose(along, expected @ POINT)
    np.testing.assert_allclose(wg.hessian(energy)(POINT), wg.hessian(direct)(POINT))
