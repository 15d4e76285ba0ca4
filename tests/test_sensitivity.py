"""Derivatives of solutions are differences of problems that are solved again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.optional import needs_ipopt
from wengert import ArgumentError, DerivativeError, problem

AT = np.array([0.6, 1.3])
STEP = 1e-3


def cost(x: Any, p: Any) -> Any:
    """Return a function of four numbers, moved by two parameters."""
    near = (x[0] - 3 * p[0]) ** 2 + (x[1] - p[1]) ** 2
    return near + np.exp(x[2] * p[0]) + x[3] ** 2 + 0.3 * x[0] * x[3]


def limits(x: Any, p: Any) -> Any:
    """Return what is limited: a circle, a line, and what is far from its limit."""
    return np.array([x[0] ** 2 + x[1] ** 2 - p[1], x[2] + x[3] * p[0], x[0]])


def given() -> Any:
    """Return a problem at which all kinds of limits are reached, and not reached."""
    upper = np.array([0.0, 1.0, 5.0])
    lower = np.array([-np.inf, 1.0, -np.inf])
    bounds = np.array([-9.0, -9.0, 0.95, -9.0]), 9.0
    return problem(cost, (limits, lower, upper), bounds, parameters=AT)


def solved(p: Any, at: Any) -> Any:
    """Return the solution at some parameters."""
    p.parameters = at
    found = p.minimize(np.array([0.5, 0.5, 0.8, 0.3]), "SLSQP", options={"ftol": 1e-15})
    assert found.success
    return found.x


def differences(function: Any) -> Any:
    """Return central differences of a function of the parameters."""
    steps = STEP * np.eye(len(AT))
    columns = [(function(AT + s) - function(AT - s)) / (2 * STEP) for s in steps]
    return np.stack(columns, axis=-1)


def test_derivatives_are_those_of_problems_that_are_solved_again() -> None:
    p = given()
    found = p.sensitivity(solved(p, AT))

    np.testing.assert_allclose(
        found.x, differences(lambda at: solved(p, at)), atol=1e-4
    )
    np.testing.assert_allclose(
        found.value, differences(lambda at: p.objective(solved(p, at))), atol=1e-4
    )
    slopes = np.array([1.0, -2.0, 0.5, 3.0])
    np.testing.assert_allclose(found.gradient(slopes), slopes @ found.x)


def test_multipliers_move_as_those_of_problems_that_are_solved_again() -> None:
    p = given()
    found = p.sensitivity(solved(p, AT))

    def multipliers(at: Any) -> Any:
        return p.sensitivity(solved(p, at)).multipliers

    assert found.multipliers[0] > 0.1
    assert found.multipliers[2] == 0.0
    assert found.bound_multipliers[2] < -0.1
    np.testing.assert_allclose(
        found.multipliers_by_parameters, differences(multipliers), atol=1e-3
    )


def test_number_is_a_parameter() -> None:
    p = problem(lambda x, a: (x[0] - a**2) ** 2 + x[1] ** 2, parameters=3.0)
    found = p.sensitivity(np.array([9.0, 0.0]))

    np.testing.assert_allclose(found.x, [6.0, 0.0])
    np.testing.assert_allclose(found.gradient(np.array([1.0, 1.0])), 6.0)
    assert found.value == 0.0


def test_solution_at_a_corner_moves_with_its_limits_alone() -> None:
    p = problem(
        lambda x, a: x[0] + a[0] * x[1],
        (lambda x, a: x - a, 0.0, np.inf),
        parameters=np.array([1.0, 2.0]),
    )
    found = p.sensitivity(np.array([1.0, 2.0]))

    np.testing.assert_allclose(found.x, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(found.multipliers, [-1.0, -1.0])


def test_solution_of_ipopt_is_near_enough() -> None:
    needs_ipopt()
    p = given()
    x, info = p.ipopt(solved(p, AT), tol=1e-9, print_level=0)
    found = p.sensitivity(x)

    np.testing.assert_allclose(found.multipliers, info["mult_g"], atol=1e-5)
    np.testing.assert_allclose(
        found.x, p.sensitivity(solved(p, AT)).x, rtol=1e-4, atol=1e-5
    )


def test_problem_without_parameters_is_refused() -> None:
    with pytest.raises(ArgumentError, match="parameters=p"):
        problem(lambda x: x @ x).sensitivity(np.zeros(2))


def test_what_is_no_solution_is_refused() -> None:
    p = given()
    with pytest.raises(DerivativeError, match="x is not a solution"):
        p.sensitivity(solved(p, AT) + 0.01)


@pytest.mark.parametrize(
    ("limits", "bounds", "what"),
    [
        ((1.0, 2.0), None, "constraint 0 is 0, and its limit 1"),
        ((-2.0, -1.0), None, "constraint 0 is 0, and its limit -1"),
        ((1.0, 1.0), None, "constraint 0 is 0, and its limit 1"),
        ((-9.0, 9.0), (0.5, 9.0), "x 0 is 0, and its limit 0.5"),
        ((-9.0, 9.0), (-9.0, -0.5), "x 0 is 0, and its limit -0.5"),
    ],
)
def test_what_lies_outside_of_a_limit_is_no_solution(
    limits: Any, bounds: Any, what: str
) -> None:
    p = problem(
        lambda x, a: (x[0] - a) ** 2,
        (lambda x, a: x[:1], *limits),
        bounds,
        parameters=0.0,
    )
    with pytest.raises(DerivativeError, match=f"x is not a solution: {what}"):
        p.sensitivity(np.zeros(1))


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_solution_is_one_whatever_the_objective_s_unit(scale: float) -> None:
    p = problem(
        lambda x, a: scale * np.sum((x - a) ** 2), bounds=(-9.0, 0.5), parameters=0.2
    )
    q = problem(
        lambda x, a: scale * np.sum((x - np.array([a, 2.0])) ** 2),
        bounds=(-9.0, 0.5),
        parameters=0.2,
    )

    np.testing.assert_allclose(p.sensitivity(np.full(2, 0.2)).x, [1.0, 1.0])
    np.testing.assert_allclose(q.sensitivity(np.array([0.2, 0.5])).x, [1.0, 0.0])
    with pytest.raises(DerivativeError, match=r"one is 0\.077 away"):
        p.sensitivity(np.array([0.3, 0.2]) - [0.0, 1e-7])
    q.parameters = 0.5
    with pytest.raises(DerivativeError, match="bound of x 0 lies at its limit"):
        q.sensitivity(np.array([0.5, 0.5]))


@pytest.mark.parametrize("n", [2, 100])
def test_what_is_no_minimum_is_refused(n: int) -> None:
    bends = np.linspace(1.0, 3.0, n)
    saddle = bends * np.where(np.arange(n) == n // 2, -1.0, 1.0)

    def bent(x: Any, a: Any) -> Any:
        return np.sum(saddle * (x - a) ** 2)

    with pytest.raises(DerivativeError, match="no minimum"):
        problem(bent, parameters=0.0).sensitivity(np.zeros(n))
    with pytest.raises(DerivativeError, match="no minimum"):
        problem(lambda x, a: -np.sum((x - a) ** 2), parameters=0.0).sensitivity(
            np.zeros(n)
        )
    held = problem(bent, (lambda x, a: x[n // 2] - a, 0.0, 0.0), parameters=0.0)
    np.testing.assert_allclose(held.sensitivity(np.zeros(n)).x, 1.0)


def test_limit_that_is_reached_by_chance_is_named() -> None:
    """At 0 the solution begins to move: strict complementarity fails."""
    p = problem(lambda x, a: np.sum((x - a) ** 2), bounds=(0.0, 9.0), parameters=0.0)
    with pytest.raises(DerivativeError, match="bound of x 0 lies at its limit"):
        p.sensitivity(np.zeros(2))


def test_constraint_that_is_stated_twice_is_not_regular() -> None:
    p = problem(
        lambda x, a: np.sum((x - a) ** 2),
        (lambda x, a: np.array([x[0] + x[1], 2 * (x[0] + x[1])]), 0.0, 0.0),
        parameters=1.0,
    )
    with pytest.raises(DerivativeError, match="gradients depend on each other"):
        p.sensitivity(np.zeros(2))


def test_solutions_along_a_line_are_not_regular() -> None:
    p = problem(lambda x, a: (x[0] + x[1] - a) ** 2, parameters=1.0)
    with pytest.raises(DerivativeError, match="no curvature"):
        p.sensitivity(np.array([0.5, 0.5]))
