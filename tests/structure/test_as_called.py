"""What runs again holds what it held when it was called, whatever is there by then."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq, fsolve, least_squares, minimize, newton

import wengert as wg

Function = Callable[..., Any]
A = 1.3
#: Makes, of a function of z and k that is held, its value at `a` as one node.
NODES: dict[str, Function] = {
    "checkpoint": lambda f, a: wg.checkpoint(lambda z: f(z))(a),
    "brentq": lambda f, a: brentq(lambda z: f(z) + z - a, -9.0, 9.0, xtol=1e-14),
    "newton": lambda f, a: newton(lambda z: f(z) + 20 * z - a, 0.3, tol=1e-13),
    "fsolve": lambda f, a: fsolve(lambda z: f(z) + 20 * z - a, 0.3, xtol=1e-13)[0],
    "quad": lambda f, a: quad(lambda z: f(z * a), 0.0, 1.0)[0],
    "solve_ivp": lambda f, a: solve_ivp(
        lambda t, y: f(y) - a * y, (0.0, 1.0), np.ones(1), rtol=1e-7, atol=1e-9
    ).y[0, -1],
    "minimize": lambda f, a: minimize(
        lambda z: np.sum(20 * z**2 - a * z + f(z)), np.zeros(1), tol=1e-12
    ).x[0],
    "least_squares": lambda f, a: least_squares(
        lambda z: f(z) + 20 * z - a, np.zeros(1), xtol=1e-15, ftol=1e-15, gtol=1e-15
    ).x[0],
    "vmap": lambda f, a: np.sum(wg.vmap(lambda z: f(z))(a * np.arange(20.0))),
    "rule": lambda f, a: wg.rule(
        lambda z: f(z), vjp=lambda g, y, z: g * wg.grad(lambda z: f(z))(z)
    )(a),
    "black_box": lambda f, a: wg.black_box(
        lambda z: float(f(z)), jacobian=lambda z: wg.grad(lambda z: f(z))(z)
    )(a),
    "checkpoint of a transformed function": lambda f, a: wg.checkpoint(
        wg.value_and_grad(lambda z: f(z))
    )(a)[1],
}


class Model:
    """What holds a number, a list and a dictionary."""

    def __init__(self) -> None:
        self.k, self.more, self.table = 0.0, list[float](), {"k": 0.0}

    def held(self, z: Any) -> Any:
        """A function of what it holds."""
        return np.sin(z * (self.k + sum(self.more) + self.table["k"]))


def variable(node: Function, a: Any) -> Any:
    """A variable of a loop."""
    total = 0.0
    for k in range(1, 4):
        total = total + node(lambda z: np.sin(z * k), a)  # noqa: B023
    return total


def inner(node: Function, a: Any) -> Any:
    """A function that holds a function that calls itself, and a default."""
    total = 0.0
    for k in range(1, 4):

        def power(z: Any, n: int) -> Any:
            return z * k if n == 0 else np.sin(power(z, n - 1))  # noqa: B023

        def held(z: Any, n: list[int] = [k]) -> Any:  # noqa: B006
            return power(z, 2) * n[0]

        total = total + node(held, a)
    return total


def containers(node: Function, a: Any) -> Any:
    """A list, a dictionary and a set that grow."""
    total, numbers, table, seen = 0.0, list[float](), dict[str, float](), set[int]()
    for k in range(1, 4):
        numbers.append(0.5 * k)
        table["k"] = float(k)
        seen.add(k)
        held = functools.partial(
            lambda n, z: np.sin(z * (sum(n) + table["k"] + len(seen))), numbers
        )
        total = total + node(held, a)
    return total


def attributes(node: Function, a: Any) -> Any:
    """A method of an object whose attributes change."""
    total, model = 0.0, Model()
    for k in range(1, 4):
        model.k = float(k)
        model.more.append(0.25)
        model.table["k"] += 0.5
        total = total + node(model.held, a)
    return total


def recorded(node: Function, a: Any) -> Any:
    """A recorded number that is bound again."""
    total, factor = 0.0, a
    for _ in range(3):
        total = total + node(lambda z: np.sin(z * factor), a)  # noqa: B023
        factor = factor * 1.5
    return total


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("program", [variable, inner, containers, attributes, recorded])
def test_what_runs_again_holds_what_it_held(node: str, program: Function) -> None:
    if program is recorded and node in ("rule", "black_box"):
        pytest.skip("these are given what is recorded as arguments")

    def function(a: Any) -> Any:
        return program(NODES[node], a)

    def slope(a: float) -> float:
        ends = [function(a + h) - function(a - h) for h in (1e-3, 5e-4)]
        return float(4 * ends[1] / 1e-3 - ends[0] / 2e-3) / 3

    slopes, tape = {a: slope(a) for a in (A, 0.7)}, wg.record(function, A)
    found = [wg.grad(function)(A), wg.jvp(function, (A,), (1.0,))[1]]
    np.testing.assert_allclose(found, slopes[A], rtol=1e-5)
    np.testing.assert_allclose(float(tape(A)), float(function(A)), rtol=1e-9)
    jitted = wg.jit(wg.grad(function))
    for a in (A, 0.7, A, 0.7):
        np.testing.assert_allclose(jitted(a), slopes[a], rtol=1e-5)


def test_what_a_function_changes_itself_is_its_own() -> None:
    calls, model = list[float](), Model()
    count = 0

    def held(z: Any) -> Any:
        nonlocal count
        count += 1
        calls.append(1.0)
        model.more.append(0.0)
        model.table["calls"] = float(count)
        return np.sin(z * model.k)

    def function(a: Any) -> Any:
        total = 0.0
        for k in range(1, 4):
            model.k = float(k)
            total = total + wg.checkpoint(held)(a)
        return total

    assert np.isclose(wg.grad(function)(A), sum(k * np.cos(k * A) for k in (1, 2, 3)))
    assert count == len(calls) == 6
    assert model.table["calls"] == 6.0


def test_a_linear_map_that_is_called_later_is_that_of_its_function() -> None:
    model, pulls = Model(), list[Function]()
    for k in (1.0, 2.0):
        model.k = k
        pulls.append(wg.vjp(wg.checkpoint(model.held), A)[1])
    found = [pull(1.0)[0] for pull in pulls]
    np.testing.assert_allclose(found, [math.cos(A), 2.0 * math.cos(2 * A)])
