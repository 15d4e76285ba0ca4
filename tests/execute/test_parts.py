"""Parts of what is recorded once are what the functions give, on every path."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.derive.test_sparsity import POINT, PROGRAMS
from wengert import grad, hessian, jacobian, problem
from wengert.execute.engine import native_engine

SCALE = np.array([1.0, 2.0, 3.0])
SHIFT = 0.5


def cost(x: Any) -> Any:
    """Return a number, by one of three ways."""
    if x[0] > 1.0:
        return np.sum(x[:-1] ** 3 * x[1:])
    if x[1] > 1.0:
        return np.sum(np.sin(x) * SCALE) + SHIFT * x[0]
    return np.sum(SCALE * x**2) * SHIFT


def limits(x: Any) -> Any:
    """Return constraints, whose structure the path decides."""
    if x[2] > 0.0:
        return np.stack([x[0] * x[1], x[2] ** 2])
    return np.stack([np.exp(x[2]) * x[0], x[1]])


def check(p: Any, x: Any) -> None:
    """Compare all that a problem gives with the derivatives of its functions."""
    multipliers = np.array([0.3, -0.7])

    def lagrangian(x: Any) -> Any:
        return 2.0 * cost(x) + multipliers @ limits(x)

    np.testing.assert_allclose(p.objective(x), cost(x), rtol=1e-13)
    np.testing.assert_allclose(p.constraints(x), limits(x), rtol=1e-13)
    found = p.hessian(x, multipliers, 2.0).toarray()
    np.testing.assert_allclose(found, hessian(lagrangian)(x), atol=1e-12)
    np.testing.assert_allclose(p.gradient(x), grad(cost)(x), rtol=1e-12)
    slopes = p.jacobian(x).toarray()
    np.testing.assert_allclose(slopes, jacobian(limits)(x), atol=1e-12)


@pytest.mark.parametrize("waits", [False, True])
def test_parts_follow_every_path(waits: bool) -> None:
    p, random = problem(cost, (limits, 0.0, 1.0)), np.random.default_rng(0)

    for k in range(40):
        x = random.normal(size=3) * 1.5
        check(p, x)
        value, constraints = p.called("values", x)  # else slopes would give them all
        np.testing.assert_allclose(value, cost(x), rtol=1e-13)
        np.testing.assert_allclose(constraints, limits(x), rtol=1e-13)
        if waits and k == 20:
            for part in (p._shared.values, p._shared.slopes, p._shared.curves):
                part.wait()
                is_native = any(path.kernels for path in part.paths())
                assert is_native == native_engine()


def test_parts_follow_numbers_and_arrays_from_outside(monkeypatch: Any) -> None:
    p, x = problem(cost, (limits, 0.0, 1.0)), np.array([0.1, 0.2, 0.3])

    for k in range(6):
        monkeypatch.setitem(globals(), "SHIFT", 0.5 + k)
        check(p, x + 0.01 * k)
    for k in range(4):
        monkeypatch.setitem(globals(), "SCALE", np.array([1.0, 2.0, 3.0 + k]))
        check(p, x - 0.01 * k)
    SCALE[0] = 7.0
    check(p, x)
    SCALE[0] = 1.0
    check(p, 2 * x)


def test_parts_of_a_loop_that_a_guard_ends() -> None:
    """Parts are tapes of their own, whose numbers of steps are known one by one."""

    def fallen(x: Any) -> Any:
        z, v = np.array([0.0, 2.0]), np.array([x[0], 1.0])
        while z[1] > 0.0:
            z = z + 0.02 * v
            drag = 0.1 * v * np.sqrt(np.sum(v**2))
            v = v - 0.02 * (np.array([0.0, 9.81]) * x[1] + drag)
        return z[0] * x[1] + v[1]

    p = problem(fallen)
    points = [np.array([1.0 + 0.2 * k, 0.7 + 0.05 * k]) for k in range(4)]
    for _ in range(3):
        for x in points:
            np.testing.assert_allclose(p.objective(x), fallen(x), rtol=1e-12)
            np.testing.assert_allclose(p.gradient(x), grad(fallen)(x), rtol=1e-11)
            found = p.hessian(x).toarray()
            np.testing.assert_allclose(found, hessian(fallen)(x), rtol=1e-9)
        for part in (p._shared.values, p._shared.slopes, p._shared.curves):
            part.wait()


def test_one_recording_serves_all_parts() -> None:
    p = problem(lambda x: np.sum(x**4))

    for k in range(3):
        x = np.linspace(0.0, 1.0, 4) + k
        np.testing.assert_allclose(p.hessian(x).diagonal(), 12 * x**2)
        np.testing.assert_allclose(p.gradient(x), 4 * x**3)
        np.testing.assert_allclose(p.objective(-x), np.sum(x**4))
    whole = p._shared.values.whole
    assert [path.is_believed for path in whole.paths()] == [True]
    assert all(len(part.paths()) == 1 for part in whole.parts)


@pytest.mark.filterwarnings("ignore:.*runs eagerly")
def test_function_that_writes_outside_is_called_for_every_part() -> None:
    calls = []

    def counted(x: Any) -> Any:
        calls.append(1)
        return np.sum(x**4)

    p = problem(counted)
    for k in range(6):
        x = np.linspace(0.0, 1.0, 4) + k
        np.testing.assert_allclose(p.hessian(x).diagonal(), 12 * x**2)
        np.testing.assert_allclose(p.gradient(x), 4 * x**3)
    assert len(calls) >= 12


@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_problem_has_the_derivatives_of_any_program(name: str) -> None:
    def g(x: Any) -> Any:
        return np.ravel(PROGRAMS[name](x))

    weights = np.linspace(0.7, 1.9, g(POINT).size)

    def f(x: Any) -> Any:
        return np.sum(np.sin(g(x)) * weights)

    p = problem(f, (g, -1.0, 1.0))
    for k in range(4):
        x = POINT + 1e-4 * k
        np.testing.assert_allclose(p.objective(x), f(x), rtol=1e-12)
        np.testing.assert_allclose(p.constraints(x), g(x), rtol=1e-12)
        dense = hessian(lambda x: 2.0 * f(x) + weights @ g(x))(x)
        found = p.hessian(x, weights, 2.0).toarray()
        np.testing.assert_allclose(found, dense, rtol=1e-9, atol=1e-10)
        slopes = p.jacobian(x).toarray()
        np.testing.assert_allclose(slopes, jacobian(g)(x), rtol=1e-11, atol=1e-12)
        np.testing.assert_allclose(p.gradient(x), grad(f)(x), rtol=1e-11, atol=1e-12)
        for part in (p._shared.values, p._shared.slopes, p._shared.curves):
            part.wait()
