"""Problems: what solvers are handed, and solutions that were known before."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import numpy as np
import pytest
from scipy import optimize, sparse

from tests.optional import needs_ipopt
from wengert import grad, hessian, jacobian, problem
from wengert.errors import ArgumentError, DerivativeError, UnsupportedError
from wengert.execute.tier import Tier
from wengert.problems import Problem
from wengert.structure import optimize as tables

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


def test_values_and_slopes_are_those_of_the_point_in_whatever_order() -> None:
    p, random = moved(), np.random.default_rng(7)
    points = [START + 0.1 * random.normal(size=START.size) for _ in range(12)]
    asks = {
        "objective": effort,
        "constraints": motion,
        "gradient": grad(effort),
        "jacobian": lambda z: jacobian(motion)(z),
    }
    for _ in range(60):
        x = points[random.integers(len(points))]
        for name in random.choice(list(asks), random.integers(1, 5)):
            found = getattr(p, name)(x)
            found = found.toarray() if name == "jacobian" else found
            np.testing.assert_allclose(found, asks[name](x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("takes_steps", [True, False])
def test_slopes_that_follow_values_are_computed_with_them(takes_steps: bool) -> None:
    p, asked = moved(), list[str]()
    p.hessian(START)
    p.jacobian(START)
    called = p.called

    def noted(part: str, *given: Any) -> Any:
        asked.append(part)
        return called(part, *given)

    p.called = noted
    for k in range(6):
        trials = [START + k + 1.0, START - k - 1.0]
        for x in trials[: 1 if takes_steps else 2]:
            p.objective(x)
            p.constraints(x)
        p.gradient(x)
        p.jacobian(x)

    values = asked.count("values")
    assert values == (2 if takes_steps else 12)
    assert asked.count("slopes") == 6


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


@pytest.mark.parametrize("x", [np.ones((2, 3)), np.float64(2.0), 2.0, np.ones((1, 1))])
@pytest.mark.parametrize("call", "objective gradient jacobian hessian minimize".split())
def test_x_that_is_no_vector_is_refused(call: str, x: Any) -> None:
    with pytest.raises(ArgumentError, match=r"np\.ravel\(x\)"):
        getattr(problem(np.sum, (lambda x: x, 0.0, 1.0)), call)(x)


def test_x_that_is_no_vector_is_refused_by_ipopt() -> None:
    pytest.importorskip("cyipopt")
    with pytest.raises(ArgumentError, match=r"np\.ravel\(x\)"):
        problem(np.sum).ipopt(np.ones((2, 2)))


@pytest.mark.parametrize("x", [[1, 2, 3], np.array([1, 2, 3]), np.float32([1, 2, 3])])
def test_x_may_be_other_numbers(x: Any) -> None:
    p = problem(lambda x: np.sum(x**3) / 2.0)

    assert p.objective(x) == 18.0
    np.testing.assert_array_equal(p.gradient(x), [1.5, 6.0, 13.5])


@pytest.mark.parametrize("shape", [(1,), (1, 1), ()])
def test_objective_may_have_one_element(shape: tuple[int, ...]) -> None:
    def shaped(x: Any) -> Any:
        return np.reshape(np.sum(x**4), shape)

    p, x = problem(shaped, (lambda x: x[:1] * x[1:], 0.0, 9.0)), np.array([1.0, 2.0])
    for k in range(3):
        assert p.objective(x + k) == np.sum((x + k) ** 4)
        value, slopes = p.value_and_gradient(x + k)
        assert value == np.sum((x + k) ** 4)
        np.testing.assert_allclose(slopes, 4 * (x + k) ** 3)
        curves = p.hessian(x + k, np.array([2.0])).toarray()
        expected = np.diag(12 * (x + k) ** 2) + 2.0 * np.array([[0, 1], [1, 0]])
        np.testing.assert_allclose(curves, expected)
    assert isinstance(value, float)


WRONG: list[Any] = [
    (None, 1.0),
    (0.0, None),
    (np.nan, 1.0),
    (0.0, np.nan),
    (1.0, 0.0),
    ([0.0, 2.0], 1.0),
    ([0.0, None], 1.0),
    (np.inf, np.inf),
    (-np.inf, -np.inf),
    ("low", "high"),
]


@pytest.mark.parametrize("limits", WRONG, ids=str)
@pytest.mark.parametrize("solve", ["minimize", "ipopt"])
@pytest.mark.parametrize("as_given", ["tuple", "of scipy", "bounds"])
def test_limits_between_which_nothing_lies_are_refused(
    as_given: str, solve: str, limits: Any
) -> None:
    if solve == "ipopt":
        pytest.importorskip("cyipopt")
    settings: dict[str, Any] = {
        "tuple": {"constraints": (lambda x: x[:2], *limits)},
        "of scipy": {"constraints": ForScipy(*limits)},
        "bounds": {"bounds": limits},
    }[as_given]
    p = problem(lambda x: np.sum(x**2), **settings)
    what = "bounds of x" if as_given == "bounds" else "limits of constraint 0"

    with pytest.raises(ArgumentError, match=what):
        getattr(p, solve)(np.ones(2))


class ForScipy:
    """A constraint as SciPy's, of limits that SciPy's own class may refuse."""

    def __init__(self, lb: Any, ub: Any) -> None:
        self.fun, self.lb, self.ub = (lambda x: x[:2]), lb, ub


@pytest.mark.parametrize(
    "constraint", [{"fun": np.sum}, {"type": "eq"}, {"type": "le", "fun": np.sum}, {}]
)
def test_dictionaries_that_are_no_constraints_are_refused(constraint: Any) -> None:
    with pytest.raises(ArgumentError, match='"type": "ineq"'):
        problem(np.sum, constraint)


@pytest.mark.parametrize("multipliers", [np.ones(1), np.ones((2, 1)), 1.0])
def test_multipliers_of_another_number_are_refused(multipliers: Any) -> None:
    p = problem(np.sum, (lambda x: x[:2], 0.0, 1.0))

    with pytest.raises(DerivativeError, match="2 constraints"):
        p.hessian(np.ones(3), multipliers)


@pytest.mark.parametrize("given", ["both", "constraints", "bounds"])
@pytest.mark.parametrize("as_pair", [tuple, list, np.array])
def test_ipopt_starts_from_what_multipliers_there_are(given: str, as_pair: Any) -> None:
    cyipopt = pytest.importorskip("cyipopt")
    p = problem(
        lambda x: np.sum((x - 2.0) ** 2), (lambda x: x[0] + x[1], -9.0, 1.0), (0.0, 0.6)
    )
    x, info = p.ipopt(np.zeros(3), print_level=0)
    started: list[Any] = []
    original = cyipopt.Problem.solve

    class Watched(cyipopt.Problem):  # type: ignore[misc]
        def solve(self, x: Any, **keywords: Any) -> Any:
            started.append(keywords)
            return original(self, x, **keywords)

    multipliers = None if given == "bounds" else info["mult_g"]
    pair = as_pair([info["mult_x_L"], info["mult_x_U"]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cyipopt, "Problem", Watched)
        again, after = p.ipopt(
            x, multipliers, None if given == "constraints" else pair, print_level=0
        )
    assert after["status"] == 0
    np.testing.assert_allclose(again, x, atol=1e-5)
    lagrange = np.zeros(1) if given == "bounds" else info["mult_g"]
    of_bounds = np.zeros((2, 3)) if given == "constraints" else pair
    np.testing.assert_array_equal(started[0]["lagrange"], lagrange)
    found = started[0]["zl"], started[0]["zu"]
    np.testing.assert_array_equal(found, of_bounds)


@pytest.mark.parametrize(
    ("multipliers", "pair", "what"),
    [
        (np.ones(2), None, r"multipliers=info\[\"mult_g\"\]"),
        (np.ones(1), np.ones(3), "bound_multipliers="),
        (None, (np.ones(3), np.ones(2)), "bound_multipliers="),
        (None, (np.ones(3),), "bound_multipliers="),
    ],
)
def test_multipliers_to_start_from_have_their_number(
    multipliers: Any, pair: Any, what: str
) -> None:
    pytest.importorskip("cyipopt")
    p = problem(lambda x: np.sum(x**2), (lambda x: x[0], -9.0, 1.0))

    with pytest.raises(ArgumentError, match=what):
        p.ipopt(np.zeros(3), multipliers, pair)


CONSTRAINED = ["trust-constr", "SLSQP", "COBYLA", "COBYQA"]
BOUNDED = [*CONSTRAINED, "L-BFGS-B", "TNC", "Nelder-Mead", "Powell"]
NEITHER = "CG BFGS Newton-CG dogleg trust-ncg trust-exact trust-krylov".split()


def bowl(x: Any) -> Any:
    """Return a convex cost, least at (1, 1, 1)."""
    return np.sum((x - 1.0) ** 2) + np.sum((x[1:] - x[:-1]) ** 4)


@pytest.mark.parametrize("method", [*BOUNDED, *NEITHER, None])
@pytest.mark.parametrize("has", ["nothing", "bounds", "constraints", "both"])
def test_every_method_finds_the_minimum_or_is_refused(has: str, method: Any) -> None:
    """The expected minimum is SciPy's, of the plain functions."""
    x0, limit = np.array([0.2, 0.3, 0.1]), (lambda x: x[0] + x[1], -9.0, 0.8)
    is_limited, is_bounded = has in ("constraints", "both"), has in ("bounds", "both")
    p = problem(bowl, limit if is_limited else (), (0.0, 0.5) if is_bounded else None)
    takes = BOUNDED if has == "bounds" else CONSTRAINED
    if has != "nothing" and method not in (None, *takes):
        with pytest.raises(ArgumentError, match="'trust-constr' or 'SLSQP'") as caught:
            p.minimize(x0, method)
        assert f"has {'bounds' if has == 'bounds' else 'constraints'}" in str(
            caught.value
        )
        return

    options = {"tol": 1e-9} if method not in ("trust-constr", "COBYQA") else {}
    found = p.minimize(x0, method, **options)
    best = optimize.minimize(
        bowl,
        x0,
        method="SLSQP",
        bounds=[(0.0, 0.5)] * 3 if is_bounded else None,
        constraints=optimize.NonlinearConstraint(*limit) if is_limited else (),
        tol=1e-12,
    )
    np.testing.assert_allclose(found.x, best.x, atol=2e-3)
    assert found.fun == pytest.approx(best.fun, abs=1e-3)


def test_tables_of_methods_are_scipys() -> None:
    """A method that leaves something out warns of it."""
    limit = optimize.NonlinearConstraint(lambda x: x[0], -9.0, 9.0)
    slopes = {"jac": lambda x: 2 * x, "hess": lambda x: 2 * np.eye(2)}
    for method in [*BOUNDED, *NEITHER]:
        for table, settings in (
            (tables.BOUNDED, {"bounds": [(-9.0, 9.0)] * 2}),
            (tables.CONSTRAINED, {"constraints": limit}),
        ):
            with warnings.catch_warnings(record=True) as told:
                warnings.simplefilter("always")
                optimize.minimize(
                    lambda x: x @ x, [0.5, 0.5], method=method, **slopes, **settings
                )
            is_left_out = any("cannot handle" in str(w.message) for w in told)
            assert is_left_out != (method.lower() in table)


def test_hessian_of_products_is_sparse_and_computed_once() -> None:
    p = problem(lambda x: np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))
    calls = []
    original = p.hessian

    def noted(x: Any, *args: Any, **keywords: Any) -> Any:
        found = original(x, *args, **keywords)
        calls.append((x.tobytes(), found.nnz))
        return found

    p.hessian = noted  # type: ignore[method-assign]
    found = p.minimize(np.full(40, 0.9), "trust-ncg", tol=1e-8)
    np.testing.assert_allclose(found.x, 1.0, atol=1e-6)
    assert 1 < len(calls) == len(dict(calls))
    assert {count for _, count in calls} == {40 + 2 * 39}


@pytest.mark.parametrize("name", ["jac", "hess", "bounds", "constraints", "args"])
def test_what_the_problem_knows_is_not_given_again(name: str) -> None:
    with pytest.raises(TypeError, match=f"unexpected keyword argument '{name}'"):
        problem(np.sum).minimize(np.ones(2), **{name: None})


def test_parameters_may_be_nested() -> None:
    def cost(x: Any, p: Any) -> Any:
        p["slope"] *= 1.0  # what is given may be written into
        return p["height"] * np.sum(x**2) + p["slope"] @ x

    def limit(x: Any, p: Any) -> Any:
        return x[0] * p["height"]

    x = np.array([1.0, 2.0])
    p = problem(
        cost, (limit, 0.0, 9.0), parameters={"height": 2, "slope": np.array([1.0, 0.5])}
    )
    for k in range(4):
        height, slope = 2.0 + k, np.array([1.0, 0.5 * k])
        given = {"height": height, "slope": slope}
        p.parameters = given if k < 3 else dict(reversed(given.items()))
        np.testing.assert_array_equal(p.parameters["slope"], slope)
        assert p.objective(x) == pytest.approx(5.0 * height + slope @ x)
        np.testing.assert_allclose(p.gradient(x), 2 * height * x + slope)
        np.testing.assert_allclose(p.constraints(x), [height])
        np.testing.assert_allclose(p.jacobian(x).toarray(), [[height, 0.0]])
        np.testing.assert_allclose(p.hessian(x).toarray(), 2 * height * np.eye(2))
    np.testing.assert_array_equal(slope, [1.0, 1.5])
    p.parameters = [3.0]
    p.fun, p.parts[0] = (lambda x, p: p[0] * x[0]), (lambda x, p: x, 0.0, 1.0)
    assert p.objective(x) == 3.0


def test_sensitivity_by_nested_parameters_is_refused() -> None:
    p = problem(lambda x, p: np.sum((x - p["a"]) ** 2), parameters={"a": 1.0})

    with pytest.raises(ArgumentError, match="one array of them all"):
        p.sensitivity(np.ones(2))
