"""SciPy's solvers and minimizers: their solutions are implicit functions.

Expected values are differences of SciPy's own plain runs, or closed forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.optimize
from scipy.optimize import (
    Bounds,
    LinearConstraint,
    NonlinearConstraint,
    brent,
    brentq,
    curve_fit,
    fixed_point,
    fminbound,
    fsolve,
    golden,
    least_squares,
    minimize,
    minimize_scalar,
    newton,
    root,
    root_scalar,
)

import wengert as wg
from wengert import DerivativeError
from wengert.scipy import optimize as fed

P = np.array([1.3, 2.1])
T = np.linspace(0.0, 1.0, 6)
DATA = np.exp(-T) + 0.1 * T**2


def differences(f: Callable[..., Any], p: Any, step: float = 5e-3) -> Any:
    """Return the gradient of a number by differences of fourth order."""
    p = np.asarray(p, float)
    moves = step * np.eye(p.size).reshape(p.size, *p.shape)
    found = [8 * (f(p + e) - f(p - e)) - (f(p + 2 * e) - f(p - 2 * e)) for e in moves]
    return np.reshape(np.array(found) / (12 * step), p.shape)


def cubic(x: Any, p: Any) -> Any:
    """An equation of one number."""
    return x**3 + p[0] * x - p[1]


def bracketed(name: str) -> Callable[..., Any]:
    """Return the root by a method with a bracket, to all digits."""
    solver = getattr(scipy.optimize, name)
    return lambda p: solver(lambda x: cubic(x, p), 0.0, 3.0, xtol=1e-15)


def line(x: Any, p: Any) -> Any:
    """A cost of one number."""
    return np.cosh(x - p[0] * p[1])


def equations(x: Any, p: Any) -> Any:
    """Two equations of two numbers."""
    return np.array([x[0] + x[1] ** 3 - p[0], np.exp(x[0]) - p[1] * x[1]])


def cost(x: Any, p: Any) -> Any:
    """A cost whose minimum is no closed form."""
    return (x[0] - p[0]) ** 2 * p[1] + np.cosh(x[1] - x[0] * p[1]) + x[1] ** 2


def slope(x: Any, p: Any) -> Any:
    """Return the gradient of the cost, so that SciPy finds the minimum exactly."""
    bend = np.sinh(x[1] - x[0] * p[1])
    return np.array([2 * (x[0] - p[0]) * p[1] - p[1] * bend, bend + 2 * x[1]])


def minimum(p: Any, **options: Any) -> Any:
    """Return the minimum, to all digits."""
    tight = {"gtol": 1e-13} | ({} if "bounds" not in options else {"ftol": 0.0})
    return minimize(
        lambda x: cost(x, p),
        np.zeros(2),
        jac=lambda x: slope(x, p),
        options=tight,
        **options,
    )


def constrained(p: Any, constraints: Any, **options: Any) -> Any:
    """Return a number of a minimum under constraints."""
    found = minimize(
        lambda x: cost(x, p),
        np.array([0.5, 0.6]),
        jac=lambda x: slope(x, p),
        method="SLSQP",
        constraints=constraints,
        tol=1e-14,
        **options,
    )
    return found.x @ W + found.fun


def model(t: Any, a: Any, k: Any) -> Any:
    """Decay."""
    return a * np.exp(-k * t)


TIGHT = {"xtol": 1e-15, "ftol": 1e-15, "gtol": 1e-15}
W = np.array([1.0, -2.0])
SOLUTIONS: dict[str, Callable[..., Any]] = {
    **{n: bracketed(n) for n in ("brentq", "brenth", "bisect", "ridder", "toms748")},
    "args": lambda p: brentq(cubic, 0.0, 3.0, args=(p,), xtol=1e-15),
    "full output": lambda p: (
        brentq(cubic, 0.0, 3.0, (p,), 1e-15, full_output=True)[1].root
    ),
    "newton": lambda p: newton(lambda x: cubic(x, p), 1.0, tol=1e-14),
    "newton of arrays": lambda p: newton(lambda x: x**2 - p, np.ones(2), tol=1e-14) @ W,
    "fixed_point": lambda p: (
        fixed_point(lambda x: np.cos(p / 3 * x), P, xtol=1e-14) @ W
    ),
    "root_scalar": lambda p: (
        root_scalar(lambda x: cubic(x, p), bracket=(0.0, 3.0), xtol=1e-15).root
    ),
    "root": lambda p: root(equations, np.array([0.1, 1.0]), args=(p,), tol=1e-14).x @ W,
    "root with a jacobian": lambda p: (
        root(
            lambda x: (equations(x, p), [[1, 3 * x[1] ** 2], [np.exp(x[0]), -p[1]]]),
            np.array([0.1, 1.0]),
            jac=True,
            tol=1e-14,
        ).x
        @ W
    ),
    "fsolve": lambda p: fsolve(equations, [0.1, 1.0], (p,), xtol=1e-12) @ W,
    "minimize": lambda p: minimum(p).x @ W,
    "the minimum itself": lambda p: minimum(p).fun * minimum(p).x[0],
    "minimize within bounds": lambda p: (
        minimum(p, method="L-BFGS-B", bounds=[(None, 0.9), (-5, 5)]).x @ W
    ),
    "bounds that move": lambda p: (
        minimum(
            p, method="L-BFGS-B", bounds=Bounds([-5, -5], [np.exp(0.1) * 0.8, 5])
        ).fun
    ),
    "an equality": lambda p: constrained(
        p, {"type": "eq", "fun": lambda x: x @ x - p[0]}
    ),
    "inequalities, one of them active": lambda p: constrained(
        p,
        [
            {"type": "ineq", "fun": lambda x: p[1] - x[0] - 3 * x[1] ** 2},
            {"type": "ineq", "fun": lambda x, a: x[0] + a, "args": (5.0,)},
        ],
    ),
    "a constraint and a bound": lambda p: constrained(
        p,
        LinearConstraint(np.array([[1.0, 1.0]]), -np.inf, 1.1),
        bounds=[(None, 0.3), (None, None)],
    ),
    "a nonlinear constraint": lambda p: constrained(
        p,
        NonlinearConstraint(lambda x: np.array([x @ x - p[0], x[0]]), -9.0, [0, 9]),
    ),
    "minimize_scalar": lambda p: (
        minimize_scalar(lambda x: (x - p[0]) ** 2 + np.exp(p[1] * x), tol=1e-14).fun
    ),
    "brent": lambda p: brent(line, (p,), tol=1e-14),
    "golden": lambda p: golden(line, (p,), tol=1e-14, full_output=True)[0],
    "fminbound": lambda p: fminbound(line, -1.0, 9.0, (p,), 1e-12, full_output=1)[0],
    "fminbound at a bound": lambda p: fminbound(line, -9.0, -p[0], (p,), xtol=1e-12),
    "least_squares": lambda p: (
        least_squares(lambda x: model(T, *x) - DATA * p[0] - p[1] * T, P, **TIGHT).x @ W
    ),
    "a robust loss": lambda p: (
        least_squares(
            lambda x: model(T, *x) - DATA * p[0] - p[1] * T**2,
            P,
            loss="soft_l1",
            f_scale=0.3,
            jac="3-point",
            **TIGHT,
        ).x
        @ W
    ),
    "curve_fit": lambda p: (
        curve_fit(model, T, DATA * p[0] + p[1] * T, sigma=1 + T, **TIGHT)[0] @ W
    ),
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_solution_is_differentiated(name: str) -> None:
    f = SOLUTIONS[name]
    value, found = wg.value_and_grad(f)(P)

    np.testing.assert_allclose(value, f(P), rtol=1e-15)
    np.testing.assert_allclose(found, differences(f, P), rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(wg.jacfwd(f)(P), found, rtol=1e-9)


@pytest.mark.parametrize("name", ["brentq", "root", "minimize", "newton of arrays"])
def test_second_derivatives(name: str) -> None:
    f = SOLUTIONS[name]

    expected = [differences(lambda p, k=k: wg.grad(f)(p)[k], P) for k in range(2)]
    np.testing.assert_allclose(wg.hessian(f)(P), expected, rtol=1e-5, atol=1e-8)


def test_a_derivative_agrees_with_many_digits() -> None:
    with mpmath.workdps(40):
        expected = mpmath.diff(
            lambda p: mpmath.findroot(lambda x: x**3 + p * x - 1, 0.5), 2
        )
    found = wg.grad(lambda p: brentq(lambda x: x**3 + p * x - 1, 0, 1))(2.0)

    assert found == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize("name", ["brentq", "root", "minimize", "least_squares"])
def test_under_jit_and_vmap(name: str) -> None:
    f = SOLUTIONS[name]
    gradient = wg.grad(f)
    jitted, rows = wg.jit(gradient), P + 0.1 * np.arange(5.0)[:, None]
    expected = [gradient(row) for row in rows]

    for _ in range(2):
        np.testing.assert_allclose([jitted(row) for row in rows], expected, rtol=1e-12)
    np.testing.assert_allclose(wg.vmap(gradient)(rows), expected, rtol=1e-12)


def test_a_solver_inside_a_solver_and_inside_a_checkpoint() -> None:
    def inner(x: Any, p: Any) -> Any:
        return brentq(lambda y: y**3 + x * y - p, 0.0, 10.0, xtol=1e-15)

    def outer(p: Any) -> Any:
        return brentq(lambda x: x**3 + inner(x, p) - 2, 0.0, 10.0, xtol=1e-15)

    expected = differences(outer, 2.0)
    assert wg.grad(outer)(2.0) == pytest.approx(expected, rel=1e-8)
    assert wg.grad(wg.checkpoint(outer))(2.0) == pytest.approx(expected, rel=1e-8)


def test_a_call_is_one_node_and_replays() -> None:
    tape = wg.record(SOLUTIONS["brentq"], P)

    assert "brentq" in [operation.name for operation in tape.operations]
    assert tape(P + 0.1) == SOLUTIONS["brentq"](P + 0.1)


def test_nothing_recorded_goes_in_and_plain_results_come_out() -> None:
    def f(p: Any) -> Any:
        found = root(lambda x: x**2 - 2.0, np.ones(1))
        assert type(found.success) is bool
        return p * found.x[0]

    assert wg.grad(f)(3.0) == pytest.approx(np.sqrt(2.0))


def test_starting_values_have_no_derivative() -> None:
    found = wg.grad(lambda p: newton(lambda x: x**2 - 2.0, p))(1.5)

    assert found == 0.0


def test_whether_it_succeeded_is_a_branch_under_jit() -> None:
    @wg.jit
    def f(p: Any) -> Any:
        found = root(lambda x: x**2 - p, np.ones(1))
        return found.x[0] if found.success else -1.0

    found = [float(f(p)) for p in (4.0, 9.0, 16.0, 25.0, -1.0, 36.0)]

    np.testing.assert_allclose(found, [2, 3, 4, 5, -1, 6], rtol=1e-9)


# Fed with our derivatives


def valley(x: Any, steep: float = 100.0) -> Any:
    """The function of Rosenbrock."""
    return (1 - x[0]) ** 2 + steep * (x[1] - x[0] ** 2) ** 2


METHODS = (
    "BFGS CG L-BFGS-B TNC SLSQP Newton-CG trust-ncg trust-krylov dogleg trust-exact "
    "trust-constr Nelder-Mead"
).split()


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gets_what_it_wants(method: str) -> None:
    found = fed.minimize(valley, [-1.2, 1.0], args=(50.0,), method=method)

    np.testing.assert_allclose(found.x, 1.0, atol=1e-2)
    assert found.nfev < 200


def test_constraints_get_their_jacobians() -> None:
    inside = scipy.optimize.NonlinearConstraint(lambda x: x @ x, -np.inf, 1.0)
    same = {"type": "ineq", "fun": lambda x: 1 - x @ x}
    start = [-1.2, 1.0]

    found = [
        fed.minimize(valley, start, method=m, constraints=c).x
        for m, c in (("trust-constr", inside), ("SLSQP", same), ("SLSQP", [same]))
    ]

    expected = minimize(valley, start, method="SLSQP", constraints=same, tol=1e-12).x
    np.testing.assert_allclose(found, [expected] * 3, atol=1e-4)


def test_fits_and_roots_with_jacobians() -> None:
    calls = []

    def residuals(x: Any) -> Any:
        calls.append(type(x))
        return model(T, *x) - DATA

    with pytest.warns(RuntimeWarning, match="runs eagerly"):  # it counts
        found = fed.least_squares(residuals, np.ones(2))
    expected = least_squares(residuals, np.ones(2), jac="3-point")
    np.testing.assert_allclose(found.x, expected.x, rtol=1e-6)
    np.testing.assert_allclose(
        fed.curve_fit(model, T, DATA)[0], curve_fit(model, T, DATA)[0], rtol=1e-6
    )
    np.testing.assert_allclose(
        fed.root(lambda x: equations(x, P), [0.1, 1.0]).x,
        root(lambda x: equations(x, P), [0.1, 1.0]).x,
    )


def test_what_is_fed_is_an_implicit_function_too() -> None:
    def f(p: Any) -> Any:
        return fed.minimize(lambda x: cost(x, p), np.zeros(2)).x @ W

    np.testing.assert_allclose(
        wg.grad(f)(P), wg.grad(SOLUTIONS["minimize"])(P), rtol=1e-4
    )


def test_what_is_no_solution_is_warned_of() -> None:
    def f(p: Any) -> Any:
        return minimize(lambda x: cost(x, p), P * 9, options={"maxiter": 1}).x @ W

    with pytest.warns(RuntimeWarning, match="minimize gave no solution"):
        wg.grad(f)(P)


# Refusals


@pytest.mark.parametrize(
    "f",
    [
        lambda p: newton(lambda x: x**2 - p, 0.5),
        lambda p: root(lambda x: np.array([x[0] ** 2 - p, x[1] + p]), [0.1, 1.0]).x[0],
        lambda p: minimize_scalar(lambda x: p * 1.0).x,
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_singular_jacobian_is_an_error(f: Any) -> None:
    with pytest.raises(DerivativeError, match="Jacobian of its equations is singular"):
        wg.grad(f)(0.0)


def test_what_is_not_the_solution_has_no_derivative() -> None:
    with pytest.raises(DerivativeError, match=r"wengert\.grad\(fun\)\(result\.x\)"):
        wg.grad(lambda p: minimum(p).jac @ W)(P)


def test_equations_that_cannot_be_recorded_are_an_error() -> None:
    with pytest.raises(wg.RecordingError, match="float"):
        wg.grad(lambda p: root(lambda x: float(x[0]) - p, [0.0]).x[0])(1.0)


def test_errors_are_scipys() -> None:
    with pytest.raises(ValueError, match="different signs"):
        wg.grad(lambda p: brentq(lambda x: x - p, 3.0, 4.0))(1.0)
    with pytest.raises(TypeError):
        wg.grad(lambda p: brentq(lambda x: x - p, 3.0))(1.0)
