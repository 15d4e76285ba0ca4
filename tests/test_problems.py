"""Problems: what solvers are handed, and solutions that were known before."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from scipy import optimize, sparse

from tests.optional import needs_ipopt
from wengert import grad, hessian, jacobian, problem
from wengert.errors import ArgumentError, UnsupportedError
from wengert.execute.tier import Tier
from wengert.problems import Problem

NODES = 20


def effort(z: Any) -> Any:
    """Return the effort that a mass is moved with, over a grid of times."""
    return np.sum(z[2 * NODES :] ** 2) / NODES


def motion(z: Any) -> Any:
    """Return what is wrong with places, speeds and forces, in a plain loop."""
    h, found = 1.0 / (NODES - 1), []
    x, v, u = z[:NODES], z[NODES : 2 * NODES], z[2 * NODES :]
    for k in range(NODES - 1):
        found.append(x[k + 1] - x[k] - 0.5 * h * (v[k] + v[k + 1]))
        drag = 0.1 * (np.sin(v[k]) + np.sin(v[k + 1]))
        found.append(v[k + 1] - v[k] - 0.5 * h * (u[k] + u[k + 1] - drag))
    return np.array([*found, x[0], v[0], x[-1] - 1.0, v[-1]])


START = np.linspace(0.0, 1.0, 3 * NODES)


def moved() -> Any:
    """Return the problem of moving a mass."""
    return problem(effort, (motion, 0.0, 0.0), (-20.0, 20.0))


def test_derivatives_of_a_problem_are_the_dense_ones() -> None:
    p, multipliers = moved(), np.linspace(1.0, 2.0, 2 * NODES + 2)

    def lagrangian(z: Any) -> Any:
        return 0.5 * effort(z) + multipliers @ motion(z)

    np.testing.assert_allclose(p.gradient(START), grad(effort)(START))
    np.testing.assert_allclose(p.constraints(START), motion(START))
    slopes = p.jacobian(START)
    np.testing.assert_allclose(slopes.toarray(), jacobian(motion)(START), atol=1e-14)
    curves = p.hessian(START, multipliers, 0.5)
    np.testing.assert_allclose(curves.toarray(), hessian(lagrangian)(START), atol=1e-13)
    assert slopes.nnz < 300
    assert "2" in str(p)


def test_problem_prints_its_sizes() -> None:
    p = moved()
    assert "not yet asked for" in str(p)
    p.jacobian(START)

    assert "42 x 60" in str(p)


def test_report_says_what_every_derivative_takes() -> None:
    p = moved()
    for k in range(3):
        p.constraints(START + k)
        p.gradient(START - k - 1)
        p.hessian(START)
    names = ["value and constraints", "with the gradient and", "Hessian of"]

    lines = p.report().splitlines()
    assert [any(line.startswith(name) for line in lines) for name in names] == [
        True
    ] * 3
    assert all(" s a call, " in line for line in lines)


def test_ipopt_and_scipy_find_the_same_motion() -> None:
    needs_ipopt()
    p = moved()

    x, info = p.ipopt(START, tol=1e-9, print_level=0)
    scipys = p.minimize(START, method="SLSQP", options={"maxiter": 200})
    assert info["status"] == 0
    assert np.abs(motion(x)).max() < 1e-8
    np.testing.assert_allclose(x, scipys.x, atol=1e-3)
    lagrange = grad(lambda z: effort(z) + info["mult_g"] @ motion(z))(x)
    np.testing.assert_allclose(lagrange, 0.0, atol=1e-6)


def test_ipopt_starts_from_an_earlier_solution() -> None:
    needs_ipopt()
    p = moved()
    x, info = p.ipopt(START, print_level=0)

    again, after = p.ipopt(
        x, info["mult_g"], (info["mult_x_L"], info["mult_x_U"]), print_level=0
    )
    assert after["status"] == 0
    np.testing.assert_allclose(again, x, atol=1e-5)


def test_second_solution_asks_for_native_code(monkeypatch: Any) -> None:
    needs_ipopt()
    monkeypatch.setenv("WENGERT_COMPILE", "background")
    monkeypatch.setattr(Tier, "is_spent", lambda *_: False)
    p = moved()
    asked = []
    for _ in range(2):
        p.ipopt(START, print_level=0)
        parts = p._shared.values, p._shared.slopes, p._shared.curves
        asked.append([path.job is not None for part in parts for path in part.paths()])

    assert asked == [[False] * 3, [True] * 3]


def test_trust_constr_is_handed_sparse_matrices() -> None:
    p = problem(
        lambda x: (x[0] - 1.0) ** 2 + (x[1] - 2.5) ** 2,
        optimize.NonlinearConstraint(lambda x: x[0:1] + x[1:2] ** 2, -np.inf, 3.0),
        optimize.Bounds(0.0, 2.0),
    )

    found = p.minimize(np.array([0.5, 0.5]))
    best = optimize.minimize(
        lambda x: (x[0] - 1.0) ** 2 + (x[1] - 2.5) ** 2,
        [0.5, 0.5],
        method="SLSQP",
        bounds=[(0, 2), (0, 2)],
        constraints={"type": "ineq", "fun": lambda x: 3.0 - x[0] - x[1] ** 2},
    )
    np.testing.assert_allclose(found.x, best.x, atol=1e-4)


def test_problem_without_constraints_is_solved() -> None:
    needs_ipopt()
    p = problem(lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))

    x, info = p.ipopt(np.zeros(10), print_level=0)
    assert info["status"] == 0
    np.testing.assert_allclose(x, 1.0, atol=1e-5)


def bent_below_two(x: Any) -> Any:
    """Return what has other second derivatives where x[0] is not above 2."""
    flat = np.sum((x - 1.0) ** 2)
    return flat if x[0] > 2.0 else flat + 0.1 * (2.0 - x[0]) ** 3 * x[1] * x[2]


def test_ipopt_meets_a_path_with_other_second_derivatives() -> None:
    """It holds the structure of its start: it begins again, of both paths."""
    needs_ipopt()
    p = problem(bent_below_two)
    start = np.array([5.0, 1.0, 1.0])

    x, info = p.ipopt(start, print_level=0)

    best = optimize.minimize(bent_below_two, start, method="BFGS", tol=1e-8).x
    assert info["status"] == 0
    np.testing.assert_allclose(x, best, atol=1e-4)
    np.testing.assert_array_equal(p.ipopt(start, print_level=0)[0], x)


def test_ipopt_meets_a_path_with_other_slopes() -> None:
    needs_ipopt()

    def limited(x: Any) -> Any:
        return x[0] if x[0] > 2.0 else x[0] + (2.0 - x[0]) ** 3 * x[1]

    p = problem(lambda x: np.sum((x - 1.0) ** 2), (limited, -9.0, 1.1))

    x, info = p.ipopt(np.array([5.0, 1.0]), print_level=0)

    assert info["status"] == 0
    again = problem(lambda x: np.sum((x - 1.0) ** 2), (limited, -9.0, 1.1))
    np.testing.assert_allclose(x, again.ipopt(x, print_level=0)[0], atol=1e-5)
    assert limited(x) <= 1.1 + 1e-7


def test_iterations_of_both_paths_count() -> None:
    needs_ipopt()
    p = problem(bent_below_two)

    _, info = p.ipopt(np.array([5.0, 1.0, 1.0]), print_level=0, max_iter=2)

    assert b"Maximum" in info["status_msg"]


def test_what_a_function_raises_under_ipopt_is_raised() -> None:
    needs_ipopt()

    def failing(x: Any) -> Any:
        if x[0] < 2.0:
            raise ZeroDivisionError("on purpose")
        return np.sum((x - 1.0) ** 4)

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        problem(failing).ipopt(np.array([5.0, 1.0, 1.0]), print_level=0)


def test_what_second_derivatives_raise_under_ipopt_is_raised(monkeypatch: Any) -> None:
    """IPOPT itself takes no notice, and goes on with what it had."""
    needs_ipopt()
    called, asked = Problem.called, []

    def failing(self: Problem, part: str, *given: Any) -> Any:
        asked.append(part)
        if asked.count("curves") > 3:
            raise ZeroDivisionError("on purpose")
        return called(self, part, *given)

    monkeypatch.setattr(Problem, "called", failing)
    p = problem(lambda x: np.sum((x - 1.0) ** 4))

    with pytest.raises(ZeroDivisionError, match="on purpose"):
        p.ipopt(np.array([5.0, 1.0, 1.0]), print_level=0)
    assert asked.count("curves") == 4


def test_what_is_no_constraint_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"\(g, lower, upper\)"):
        problem(effort, motion)


@pytest.mark.parametrize("as_matrix", [np.array, sparse.csr_array])
def test_constraints_of_scipys_are_those_of_functions(as_matrix: Any) -> None:
    matrix = as_matrix([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    ways: list[Any] = [
        (lambda x: np.concatenate([matrix @ x, [x[0] * x[2] - 1.0]]), [0, 0, 0], 4),
        [
            optimize.LinearConstraint(matrix, 0.0, 4.0),
            optimize.NonlinearConstraint(lambda x: x[0] * x[2] - 1.0, 0.0, 4.0),
        ],
        [
            {"type": "ineq", "fun": lambda x: matrix @ x},
            {"type": "eq", "fun": lambda x, a: x[0] * x[2] - a, "args": (1.0,)},
        ],
    ]
    x = np.array([0.5, -1.0, 2.0])
    found = [problem(np.sum, way) for way in ways]
    for p in found:
        np.testing.assert_allclose(p.constraints(x), [4.5, -1.0, 0.0])
        slopes = [[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [2.0, 0.0, 0.5]]
        np.testing.assert_allclose(p.jacobian(x).toarray(), slopes)
    assert [p.limits(x)[3].tolist() for p in found] == [
        [4.0, 4.0, 4.0],
        [4.0, 4.0, 4.0],
        [np.inf, np.inf, 0.0],
    ]


@pytest.mark.parametrize("bounds", [[(0.0, 1.0)] * 4, (1.0, 0.0), 1.0, (0.0, np.nan)])
def test_bounds_that_are_none_are_refused(bounds: Any) -> None:
    with pytest.raises(ArgumentError, match=r"scipy\.optimize\.Bounds\(low, high\)"):
        problem(np.sum, bounds=bounds).limits(np.zeros(3))


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_bounds_are_pairs_as_scipy_has_them(n: int) -> None:
    low, high = np.arange(n) - 3.0, np.arange(n) + 1.0
    pairs = list(zip(low.tolist(), high.tolist(), strict=True))
    ways: list[Any] = [pairs, tuple(pairs), optimize.Bounds(low, high), (low, high)]
    if n != 2:
        ways += [np.array(pairs), [list(pair) for pair in pairs], [low, high]]

    for bounds in ways:
        ends = problem(np.sum, bounds=bounds).limits(np.zeros(n))[:2]
        np.testing.assert_array_equal(ends, [low, high])


@pytest.mark.parametrize("pair", [(0.0, None), [0.0, None]])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_pairs_may_have_no_bound(pair: Any, n: int) -> None:
    low, high = problem(np.sum, bounds=[pair] * n).limits(np.zeros(n))[:2]

    assert low.tolist() == [0.0] * n
    assert high.tolist() == [np.inf] * n


@pytest.mark.parametrize("as_given", [list, tuple, np.array])
def test_bounds_of_two_numbers_that_may_be_meant_in_two_ways_are_refused(
    as_given: Any,
) -> None:
    bounds = as_given([[0.0, 1.0], [2.0, 3.0]])

    with pytest.raises(ArgumentError, match="tuples") as error:
        problem(np.sum, bounds=bounds).limits(np.zeros(2))
    assert "Bounds(low, high)" in str(error.value)


def spoiling_effort(x: Any, *args: Any) -> Any:
    """Return a cost; write into what is given."""
    for part in (x, *args):
        part *= 2.0
    return np.sum(x**4) + sum(np.sum(part * x[0]) for part in args)


def spoiling_limit(x: Any, *args: Any) -> Any:
    """Return a constraint; write into what is given."""
    for part in (x, *args):
        part += 1.0
    return x[1:] * x[:-1] ** 2 + sum(np.sum(part) * x[1] for part in args)


@pytest.mark.parametrize("is_given", [False, True])
@pytest.mark.parametrize("calls", [1, 3])
def test_functions_may_write_into_their_arguments(is_given: bool, calls: int) -> None:
    def kept(f: Any) -> Any:
        return lambda *args: f(*[arg.copy() for arg in args])

    x, multipliers = np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0])
    parameters = np.array([0.5, 0.25]) if is_given else None
    apart = x.copy(), np.array([0.5, 0.25])
    functions = spoiling_effort, spoiling_limit
    p, q = (
        problem(f, (g, 0.0, 99.0), parameters=parameters)
        for f, g in (functions, map(kept, functions))
    )
    for _ in range(calls):
        p.limits(x)
        np.testing.assert_allclose(p.objective(x), q.objective(x))
        np.testing.assert_allclose(p.gradient(x), q.gradient(x))
        np.testing.assert_allclose(p.constraints(x), q.constraints(x))
        for found, like in (
            (p.jacobian(x), q.jacobian(x)),
            (p.hessian(x, multipliers), q.hessian(x, multipliers)),
        ):
            np.testing.assert_allclose(found.toarray(), like.toarray())
    np.testing.assert_array_equal(x, apart[0])
    if is_given:
        np.testing.assert_array_equal(parameters, apart[1])


def test_missing_ipopt_is_named_with_its_command(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "cyipopt", None)

    with pytest.raises(UnsupportedError, match="pip install cyipopt-wheels"):
        moved().ipopt(START)


@pytest.mark.parametrize("name", ["constraint 1", "bounds of x"])
def test_limits_of_another_size_are_refused(name: str) -> None:
    sizes = {"constraint 1": (3, 6), "bounds of x": (2, 5)}[name]
    limits = [
        (lambda x: x[0], 0.0, 1.0),
        (lambda x: np.outer(x[:2], x[2:3]), -1.0, np.ones((sizes[0], 1))),
    ]
    asked = problem(np.sum, limits, (np.zeros(sizes[1]), 9.0))

    with pytest.raises(ArgumentError, match=f"{name} have the shape"):
        asked.limits(np.ones(6))


def test_limits_may_have_the_shape_of_the_constraint() -> None:
    asked = problem(np.sum, (lambda x: x.reshape(2, 2), -1.0, np.eye(2)), [(0.0, 2.0)])

    with pytest.raises(ArgumentError, match="list of 1"):
        asked.limits(np.ones(4))
    asked.bounds = 0.0, 2.0
    assert [end.tolist() for end in asked.limits(np.ones(4))] == [
        [0.0] * 4,
        [2.0] * 4,
        [-1.0] * 4,
        [1.0, 0.0, 0.0, 1.0],
    ]


@pytest.mark.parametrize("option", [{"nonsense": 3}, {"tol": "small"}])
def test_option_that_ipopt_does_not_take_is_named(option: dict[str, Any]) -> None:
    needs_ipopt()
    ((name, value),) = option.items()

    with pytest.raises(ArgumentError, match=f"the option {name}={value!r}"):
        moved().ipopt(START, print_level=0, **option)
