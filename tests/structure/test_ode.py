"""Differential equations: adjoints beside the complex step of SciPy's own run.

A step in the imaginary direction moves no step of the solver: what it gives is the
derivative of the steps that were taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import odeint, solve_ivp

import wengert as wg
from wengert import ArgumentError, DerivativeError, UnsupportedError
from wengert.scipy import integrate as chosen

P = np.array([1.1, 0.8, 0.2])
TIMES = np.linspace(0.0, 2.0, 5)
WEIGHTS = np.arange(1.0, 6.0)


def prey(t: Any, y: Any, p: Any) -> list[Any]:
    """Lotka and Volterra, with a season."""
    return [p[0] * y[0] - p[1] * y[0] * y[1], -y[1] + p[1] * y[0] * y[1] * np.cos(t)]


def solved(p: Any, **options: Any) -> Any:
    """Return a number of the solution at given times."""
    options = {"t_eval": TIMES, "rtol": 1e-6, "atol": 1e-9} | options
    solve = chosen.solve_ivp if "adjoint" in options else solve_ivp
    y = solve(
        lambda t, y: prey(t, y, p), (0, 2), [1 + p[2], 1.0 + 0 * p[2]], **options
    ).y
    return np.sum(y**2 * WEIGHTS)


def complex_step(f: Callable[..., Any], p: Any) -> Any:
    """Return the gradient by steps in the imaginary direction."""
    units = 1e-30j * np.eye(len(p))
    return np.array([f(p + unit).imag for unit in units]) / 1e-30


def differences(f: Callable[..., Any], p: Any, step: float = 1e-3) -> Any:
    """Return the gradient by differences of fourth order."""
    moves = step * np.eye(len(p))
    found = [8 * (f(p + e) - f(p - e)) - (f(p + 2 * e) - f(p - 2 * e)) for e in moves]
    return np.array(found) / (12 * step)


V = np.array([1.0, -0.5, 2.0])


def along(f: Callable[..., Any], step: float = 1e-3) -> Any:
    """Return the derivative of a function along V, by differences."""
    return (
        8 * (f(P + step * V) - f(P - step * V))
        - f(P + 2 * step * V)
        + f(P - 2 * step * V)
    ) / (12 * step)


# The discrete derivative


@pytest.mark.parametrize("method", ["RK45", "RK23", "DOP853"])
def test_the_derivative_of_the_steps_taken(method: str) -> None:
    def f(p: Any) -> Any:
        return solved(p, method=method, rtol=1e-4)

    expected = complex_step(f, P)

    np.testing.assert_allclose(wg.grad(f)(P), expected, rtol=1e-10)
    np.testing.assert_allclose(wg.jacfwd(f)(P), expected, rtol=1e-10)
    assert wg.value_and_grad(f)(P)[0] == f(P)


def test_second_derivatives() -> None:
    found = wg.hvp(fine, P, V)

    np.testing.assert_allclose(found, along(wg.grad(fine)), rtol=1e-5)


def fine(p: Any) -> Any:
    """The number, so finely solved that steps matter little."""
    return solved(p, rtol=1e-9, atol=1e-12, method="DOP853")


def test_the_span_and_the_times_are_differentiated() -> None:
    def f(q: Any) -> Any:
        y = solve_ivp(
            lambda t, y: prey(t, y, P),
            (q[0], q[1] + 1.5),
            [1.0, 1.2],
            t_eval=np.array([q[0], 0.5, q[2], q[1] + 1.5]),
            rtol=1e-9,
            atol=1e-12,
        ).y
        return np.sum(y**2 * WEIGHTS[:4])

    q = np.array([0.1, 0.5, 1.1])
    np.testing.assert_allclose(wg.grad(f)(q), differences(f, q), rtol=1e-5)


@pytest.mark.parametrize("span", [(0.0, 2.0), (2.0, 0.0)])
def test_the_last_value_without_times(span: Any) -> None:
    def last(p: Any) -> Any:
        solution = solve_ivp(
            lambda t, y, k: prey(t, y, k), span, [1 + p[2], 1.0 + 0 * p[2]], args=(p,)
        )
        return solution.y[0, -1] + solution.t[-1]

    np.testing.assert_allclose(wg.grad(last)(P), complex_step(last, P), rtol=1e-10)


def fall(p: Any) -> Any:
    """A ball that lands: the time and the speed, and those at the top."""

    def lands(t: Any, y: Any) -> Any:
        return y[0]

    lands.terminal, lands.direction = True, -1  # type: ignore[attr-defined]
    found = solve_ivp(
        lambda t, y: [y[1], -p[0] - p[1] * y[1]],
        (0, 10),
        [p[2], 1.0],
        events=[lands, lambda t, y: y[1]],
        rtol=1e-8,
        atol=1e-10,
    )
    assert found.status == 1
    top = found.t_events[1][0] + found.y_events[1][0, 0]
    return found.t[-1] + 2 * found.y[1, -1] + found.t_events[0][0] + top


def test_events_and_where_they_happen() -> None:
    np.testing.assert_allclose(wg.grad(fall)(P), differences(fall, P), rtol=1e-6)
    np.testing.assert_allclose(
        wg.hvp(fall, P, V), along(wg.grad(fall)), rtol=1e-3, atol=1e-4
    )


def test_between_the_steps() -> None:
    def f(p: Any) -> Any:
        found = solve_ivp(
            lambda t, y: prey(t, y, p), (0, 2), [1 + p[2], 1.0], dense_output=True
        ).sol
        return np.sum(found(np.array([1.5, 0.3, 0.3])) * WEIGHTS[:3]) + found(p[1])[0]

    def exactly(p: Any) -> Any:
        found = solve_ivp(
            lambda t, y: prey(t, y, p),
            (0, 2),
            [1 + p[2], 1.0],
            t_eval=[0.3, p[1], 1.5],
            rtol=1e-10,
            atol=1e-12,
        ).y
        at = found[:, 2] + 5 * found[:, 0]
        return np.sum(at) + found[0, 1]

    assert wg.value_and_grad(f)(P)[0] == pytest.approx(f(P), rel=1e-14)
    np.testing.assert_allclose(wg.grad(f)(P), differences(exactly, P), rtol=5e-3)


def test_under_jit_and_vmap() -> None:
    gradient = wg.grad(lambda p: solved(p, rtol=1e-3))
    rows = P + 0.1 * np.arange(4.0)[:, None]
    expected = [gradient(row) for row in rows]
    jitted = wg.jit(gradient)

    for _ in range(2):  # where steps end is rounded otherwise
        np.testing.assert_allclose([jitted(row) for row in rows], expected, rtol=1e-10)
    np.testing.assert_allclose(wg.vmap(gradient)(rows), expected, rtol=1e-10)


def test_steps_that_change_in_number_under_jit() -> None:
    @wg.jit
    def steps(p: Any) -> Any:
        found = solve_ivp(lambda t, y: -p * y, (0, 2), [1.0, 2.0])
        return found.y[:, -1], found.y.shape[1]

    for p in (1.0, 1.1, 1.2, 9.0, 30.0, 9.5):
        plain = solve_ivp(lambda t, y, p=p: -p * y, (0, 2), [1.0, 2.0]).y
        last, count = steps(p)
        np.testing.assert_allclose(last, plain[:, -1], rtol=1e-12)
        assert count == plain.shape[1]


# The continuous derivative


@pytest.mark.parametrize("method", ["RK45", "Radau", "LSODA"])
def test_both_adjoints_agree(method: str) -> None:
    tight = {"rtol": 1e-6, "atol": 1e-8}
    expected = wg.grad(fine)(P)

    def f(p: Any) -> Any:
        return solved(p, method=method, adjoint="continuous", **tight)

    np.testing.assert_allclose(wg.grad(f)(P), expected, rtol=1e-4)
    np.testing.assert_allclose(wg.jacfwd(f)(P), expected, rtol=1e-4)


def test_odeint() -> None:
    def f(p: Any, **options: Any) -> Any:
        y = odeint(
            lambda y, t, k: prey(t, y, k),
            [1 + p[2], 1.0],
            TIMES * p[0],
            (p,),
            **options,
        )
        return np.sum(y.T**2 * WEIGHTS)

    expected = differences(lambda p: f(p, rtol=1e-12, atol=1e-12), P, 1e-2)

    np.testing.assert_allclose(wg.grad(f)(P), expected, rtol=1e-5)
    np.testing.assert_allclose(wg.jacfwd(f)(P), expected, rtol=1e-5)


def test_odeint_at_times_that_repeat() -> None:
    """Its forward mode took an interval of no length, and times in strict order."""

    def f(p: Any) -> Any:
        y = odeint(lambda y, t: -p[0] * y, p[1], [0.0, p[2], p[2], 2.0 * p[2]])
        return np.sum(y[1:, 0] ** np.array([1.0, 2.0, 3.0]))

    for p in (np.array([0.7, 1.5, 0.4]), np.array([0.7, 1.5, 0.0])):
        ends = p[1] * np.exp(-p[0] * p[2]), p[1] * np.exp(-2.0 * p[0] * p[2])
        outer = 1.0 + 2.0 * ends[0], 3.0 * ends[1] ** 2
        expected = [
            -p[2] * (outer[0] * ends[0] + 2.0 * outer[1] * ends[1]),
            (outer[0] * ends[0] + outer[1] * ends[1]) / p[1],
            -p[0] * (outer[0] * ends[0] + 2.0 * outer[1] * ends[1]),
        ]

        np.testing.assert_allclose(wg.grad(f)(p), expected, rtol=1e-5, atol=1e-9)
        np.testing.assert_allclose(wg.jacfwd(f)(p), expected, rtol=1e-5, atol=1e-9)


def test_forward_over_forward_of_the_continuous_derivative() -> None:
    def rate(p: Any) -> Any:
        return wg.jvp(lambda p: solved(p, method="LSODA", rtol=1e-6), (p,), (V,))[1]

    found = wg.jvp(rate, (P,), (V,))[1]

    assert found == pytest.approx(V @ wg.hvp(fine, P, V), rel=1e-3)


# Refusals


def test_the_continuous_adjoint_has_no_gradient() -> None:
    with pytest.raises(DerivativeError, match=r"jacfwd\(wengert\.jacfwd\(f\)\)"):
        wg.hessian(lambda p: solved(p, method="LSODA", rtol=1e-3))(P)


def test_events_of_other_methods_are_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"events= and the derivative of BDF"):
        wg.grad(lambda p: solved(p, method="BDF", events=lambda t, y: y[0]))(P)


def test_an_unknown_adjoint_is_an_error() -> None:
    with pytest.raises(ArgumentError, match=r"adjoint='backward'"):
        chosen.solve_ivp(lambda t, y: -y, (0, 1), [1.0], adjoint="backward")


def test_nothing_recorded_goes_in_and_a_plain_result_comes_out() -> None:
    def f(p: Any) -> Any:
        found = solve_ivp(lambda t, y: -y, (0, 1), [1.0], t_eval=[0.5, 1.0])
        assert found.success is True
        return p * found.y[0, -1]

    assert wg.grad(f)(3.0) == pytest.approx(np.exp(-1.0), rel=1e-3)
