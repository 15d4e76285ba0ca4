"""SciPy's solvers are handed sparse matrices where most entries are zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

import wengert as wg
from wengert.scipy import optimize
from wengert.scipy.integrate import solve_ivp
from wengert.scipy.matrices import Factors
from wengert.scipy.optimize import least_squares, minimize, root

N = 60


def chain(x: Any) -> Any:
    """Return the residuals of Rosenbrock's chained function."""
    return np.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def heat(t: Any, y: Any, rate: Any) -> Any:
    """Return the slopes of the heat equation with a reaction."""
    around = np.pad(y, 1)
    return rate * (around[2:] - 2.0 * y + around[:-2]) * 100.0 - y**3


def watched(monkeypatch: Any, room: Any, name: str, found: dict[str, Any]) -> None:
    """Let a function of SciPy's note the matrices that it is handed."""
    original = getattr(room, name)

    def call(*args: Any, **keywords: Any) -> Any:
        found.update(keywords)
        return original(*args, **keywords)

    monkeypatch.setattr(room, name, call)


def test_least_squares_gets_a_sparse_jacobian(monkeypatch: Any) -> None:
    found: dict[str, Any] = {}
    watched(monkeypatch, scipy.optimize, "least_squares", found)

    solution = least_squares(chain, np.full(N, 0.5))
    assert sparse.issparse(found["jac"](np.ones(N)))
    np.testing.assert_allclose(solution.x, 1.0, atol=1e-6)


@pytest.mark.parametrize("settings", [{"method": "lm"}, {"kwargs": {}}])
def test_least_squares_of_other_methods_is_solved_too(settings: Any) -> None:
    solution = least_squares(chain, np.full(N, 0.5), **settings)

    np.testing.assert_allclose(solution.x, 1.0, atol=1e-6)


def test_trust_constr_gets_sparse_second_derivatives(monkeypatch: Any) -> None:
    found: dict[str, Any] = {}
    watched(monkeypatch, scipy.optimize, "minimize", found)
    limit = scipy.optimize.NonlinearConstraint(
        lambda x: x[1:] ** 2 + x[:-1], -np.inf, 1.0
    )

    solution = minimize(
        lambda x: np.sum(chain(x) ** 2),
        np.full(N, 0.1),
        method="trust-constr",
        constraints=limit,
        options={"maxiter": 300},
    )
    assert sparse.issparse(found["hess"](np.ones(N)))
    assert sparse.issparse(found["constraints"].jac(np.ones(N)))
    v = np.arange(N - 1.0)
    assert sparse.issparse(found["constraints"].hess(np.ones(N), v))
    assert (solution.x[1:] ** 2 + solution.x[:-1]).max() < 1.0 + 1e-6
    assert solution.optimality < 1e-3


@pytest.mark.parametrize("method", ["BFGS", "Newton-CG", "trust-exact", "trust-constr"])
@pytest.mark.parametrize("has_both", [False, True])
def test_derivatives_that_are_given_are_handed_on(method: str, has_both: bool) -> None:
    """SciPy's own calls go on as they were: what they leave out is added."""
    asked = []

    def cost(x: Any, height: Any) -> Any:
        return np.sum((x - 1.0) ** 4) + height * np.sum(x**2)

    def slope(x: Any, height: Any) -> Any:
        return 4.0 * (x - 1.0) ** 3 + 2.0 * height * x

    def noted(x: Any, height: Any) -> Any:
        asked.append(x)
        return slope(x, height)

    def both(x: Any, height: Any) -> Any:
        return cost(x, height), slope(x, height)

    x0, given = np.full(3, 2.0), both if has_both else cost
    found = minimize(given, x0, (0.5,), method, jac=has_both or noted)
    own = minimize(cost, x0, (0.5,), method)

    assert has_both or len(asked) > 1
    np.testing.assert_allclose(found.x, own.x, atol=1e-4)
    if method in ("trust-exact", "trust-constr"):
        curves = []

        def hess(x: Any, height: Any) -> Any:
            curves.append(x)
            return np.diag(12.0 * (x - 1.0) ** 2 + 2.0 * height)

        again = minimize(cost, x0, (0.5,), method, hess=hess)
        assert len(curves) > 1
        np.testing.assert_allclose(again.x, own.x, atol=1e-4)


def bent(x: Any, height: Any) -> Any:
    """Return the equations of a stiff rod: the Jacobian's condition is N^4."""
    around = np.pad(x, 2)
    fourth = around[4:] - 4 * around[3:-1] + 6 * x - 4 * around[1:-3] + around[:-4]
    return fourth * N**3 - height * np.cos(x)


@pytest.mark.parametrize("args", [(0.5,), 0.5])
def test_krylov_gets_factors_of_the_jacobian(args: Any) -> None:
    start = np.zeros(N)
    found = root(bent, start, args, method="krylov", tol=1e-9)
    alone = scipy.optimize.root(bent, start, args, method="krylov", tol=1e-9)

    assert found.success
    assert np.abs(bent(found.x, 0.5)).max() < 1e-9
    assert found.nit < 9
    assert not alone.success or alone.nit > 2 * found.nit


def test_a_singular_jacobian_is_no_preconditioner() -> None:
    factors = Factors(wg.jacobian(lambda x: x**2, sparse=True), np.ones(N), ())

    np.testing.assert_allclose(factors @ np.ones(N), 0.5)
    factors.update(np.zeros(N), None)
    np.testing.assert_array_equal(factors @ np.ones(N), 1.0)


def test_a_preconditioner_that_is_given_is_used() -> None:
    calls: list[Any] = []
    own = LinearOperator((N, N), matvec=lambda v: (calls.append(v), v)[1])
    options = {"jac_options": {"inner_M": own}}

    assert root(np.arctan, np.ones(N), method="krylov", options=options).success
    assert calls
    assert optimize.linprog is scipy.optimize.linprog
    assert optimize.milp is scipy.optimize.milp


# SciPy's BDF computes with rows of np.empty before it has written them.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize("method", ["Radau", "BDF"])
def test_implicit_methods_get_a_sparse_jacobian(method: str, monkeypatch: Any) -> None:
    found: dict[str, Any] = {}
    watched(monkeypatch, scipy.integrate, "solve_ivp", found)
    y0 = np.sin(np.linspace(0.0, np.pi, N))

    solution = solve_ivp(heat, (0.0, 0.1), y0, method=method, args=(1.0,), rtol=1e-6)
    exact = scipy.integrate.solve_ivp(
        heat, (0.0, 0.1), y0, method="LSODA", args=(1.0,), rtol=1e-9, atol=1e-10
    )
    assert found["method"] in ("LSODA", method)
    np.testing.assert_allclose(solution.y[:, -1], exact.y[:, -1], atol=1e-3)
    assert solution.nfev < 500


def test_sparse_jacobian_of_the_right_hand_side_is_what_radau_calls() -> None:
    from wengert.scipy.integrate import with_jacobian

    given = (heat, (0.0, 1.0), np.ones(N))
    made = with_jacobian(given, {"method": "Radau", "args": (1.0,)})

    assert sparse.issparse(made["jac"](0.0, np.ones(N), 1.0))
    assert "jac" not in with_jacobian(given, {"method": "RK45", "args": (1.0,)})


def test_small_systems_stay_dense() -> None:
    from wengert.scipy.integrate import with_jacobian

    made = with_jacobian((heat, (0.0, 1.0), np.ones(4), "BDF"), {"args": (1.0,)})

    assert isinstance(made["jac"](0.0, np.ones(4), 1.0), np.ndarray)
