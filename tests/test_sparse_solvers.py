"""SciPy's solvers are handed sparse matrices where most entries are zero."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

import wengert as wg
from wengert.scipy import integrate, optimize
from wengert.scipy.integrate import solve_ivp, with_jacobian
from wengert.scipy.matrices import Factors
from wengert.scipy.optimize import curve_fit, least_squares, minimize, root

N = 60


def chain(x: Any) -> Any:
    """Return the residuals of Rosenbrock's chained function."""
    return np.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def heat(t: Any, y: Any, rate: Any) -> Any:
    """Return the slopes of the heat equation with a reaction."""
    around = np.pad(y, 1)
    return rate * (around[2:] - 2.0 * y + around[:-2]) * 100.0 - y**3


def watched(monkeypatch: Any, room: Any, name: str, found: dict[str, Any]) -> None:
    """Let a function of SciPy's note what it is handed, by name."""
    wg.record(np.sin, 1.0)  # finds out which functions are recorded
    original = getattr(room, name)
    signature = inspect.signature(original)

    def call(*args: Any, **keywords: Any) -> Any:
        given = signature.bind(*args, **keywords).arguments
        found.update({**given, **(given.get("options") or {})})
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


class Own(scipy.integrate.Radau):
    """A method of one's own, that solves equations in its steps."""


# SciPy's BDF computes with rows of np.empty before it has written them.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.parametrize(
    "method",
    ["Radau", "BDF", scipy.integrate.Radau, scipy.integrate.BDF, Own],
    ids=str,
)
def test_implicit_methods_get_a_sparse_jacobian(method: Any, monkeypatch: Any) -> None:
    found: dict[str, Any] = {}
    y0 = np.sin(np.linspace(0.0, np.pi, N))
    exact = scipy.integrate.solve_ivp(
        heat, (0.0, 0.1), y0, method="LSODA", args=(1.0,), rtol=1e-9, atol=1e-10
    )
    watched(monkeypatch, scipy.integrate, "solve_ivp", found)

    solution = solve_ivp(heat, (0.0, 0.1), y0, method=method, args=(1.0,), rtol=1e-6)
    slopes = found["jac"](0.0, y0, 1.0)
    differences = [
        (heat(0.0, y0 + step, 1.0) - heat(0.0, y0 - step, 1.0)) / 2e-6
        for step in 1e-6 * np.eye(N)
    ]
    assert sparse.issparse(slopes)
    assert slopes.nnz == 3 * N - 2
    np.testing.assert_allclose(slopes.toarray().T, differences, atol=1e-6)
    np.testing.assert_allclose(solution.y[:, -1], exact.y[:, -1], atol=1e-3)
    assert solution.nfev < 500


@pytest.mark.parametrize("name", ["jac", "jac_sparsity"])
def test_a_matrix_that_is_none_is_not_given(name: str, monkeypatch: Any) -> None:
    found: dict[str, Any] = {}
    watched(monkeypatch, scipy.integrate, "solve_ivp", found)

    solve_ivp(heat, (0.0, 1e-3), np.ones(4), "BDF", args=(1.0,), **{name: None})
    assert np.shape(found["jac"](0.0, np.ones(4), 1.0)) == (4, 4)


@pytest.mark.parametrize("method", [scipy.integrate.RK45, "LSODA", "RK23"], ids=str)
def test_other_methods_get_none(method: Any) -> None:
    made = with_jacobian((heat, (0.0, 1.0), np.ones(N), method), {"args": (1.0,)})

    assert "jac" not in made


def test_sparse_jacobian_of_the_right_hand_side_is_what_radau_calls() -> None:
    given = (heat, (0.0, 1.0), np.ones(N))
    made = with_jacobian(given, {"method": "Radau", "args": (1.0,)})

    assert sparse.issparse(made["jac"](0.0, np.ones(N), 1.0))
    assert "jac" not in with_jacobian(given, {"method": "RK45", "args": (1.0,)})


def test_small_systems_stay_dense() -> None:
    made = with_jacobian((heat, (0.0, 1.0), np.ones(4), "BDF"), {"args": (1.0,)})

    assert isinstance(made["jac"](0.0, np.ones(4), 1.0), np.ndarray)


def parameters_of(function: Any) -> list[tuple[str, Any, Any]]:
    """Return names, kinds and defaults of a function's parameters."""
    return [
        (name, parameter.kind, parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
    ]


@pytest.mark.parametrize("room", [optimize, integrate], ids=lambda room: room.__name__)
def test_signatures_are_scipys(room: Any) -> None:
    for name in room.__all__:
        like = getattr(getattr(scipy, room.__name__.rpartition(".")[2]), name)
        found = parameters_of(getattr(room, name))
        own = [part for part in found if part[0] != "adjoint"]
        assert own == parameters_of(like)


PLACES = np.linspace(0.0, 1.0, 5)
DECAYED = 2.0 * np.exp(-3.0 * PLACES)


def decay(t: Any, a: Any, k: Any) -> Any:
    """Return a decay from a, at a rate of k."""
    return a * np.exp(-k * t)


def corner(x: Any) -> Any:
    """Return two equations."""
    return np.array([x[0] ** 2 - 2.0, x[1] - x[0]])


def corner_slopes(x: Any) -> Any:
    """Return their Jacobian."""
    return np.array([[2.0 * x[0], 0.0], [-1.0, 1.0]])


def decay_slopes(t: Any, a: Any, k: Any) -> Any:
    """Return the derivatives of a decay."""
    return np.stack([decay(t, 1.0, k), -t * decay(t, a, k)], 1)


#: Calls as SciPy takes them: by function, arguments and keywords.
CALLS: dict[str, tuple[str, tuple[Any, ...], dict[str, Any]]] = {
    "a way of differences": ("least_squares", (corner, [1.0, 1.0], "3-point"), {}),
    "all by position": (
        "least_squares",
        (corner, [1.0, 1.0], "2-point", ([0.0, 0.0], [9.0, 9.0]), "dogbox", 1e-10),
        {},
    ),
    "all by name": ("least_squares", (), {"fun": corner, "x0": [1.0, 1.0]}),
    "residuals' slopes": (
        "least_squares",
        (corner, [1.0, 1.0]),
        {"jac": corner_slopes},
    ),
    "a dense solver": (
        "least_squares",
        (chain, np.full(N, 0.5)),
        {"tr_solver": "exact"},
    ),
    "equations' slopes": ("root", (corner, [1.0, 1.0]), {"jac": corner_slopes}),
    "both at once": (
        "root",
        (lambda x: (corner(x), corner_slopes(x)), [1.0, 1.0], (), "hybr", True, 1e-10),
        {},
    ),
    "a method in capitals": ("root", (corner, [1.0, 1.0], (), "LM"), {}),
    "a fit by position": (
        "curve_fit",
        (decay, PLACES, DECAYED, [1.0, 1.0], None, False, None, (0.0, 9.0), "trf"),
        {},
    ),
    "slopes of a fit": (
        "curve_fit",
        (decay, PLACES, DECAYED),
        {"jac": decay_slopes, "full_output": True},
    ),
    "a minimum by position": (
        "minimize",
        (lambda x: np.sum((x - 1.0) ** 4), [2.0], (), "BFGS", None, None, None, None),
        {},
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_as_scipys(name: str) -> None:
    function, args, keywords = CALLS[name]
    found, like = (
        getattr(room, function)(*args, **keywords)
        for room in (optimize, scipy.optimize)
    )

    if function == "curve_fit":
        assert len(found) == len(like)
        np.testing.assert_allclose(found[0], like[0], rtol=1e-6)
    else:
        assert found.success
        np.testing.assert_allclose(found.x, like.x, rtol=1e-4)


@pytest.mark.parametrize("solve", [least_squares, root])
def test_a_jacobian_that_is_given_spares_recording(solve: Any) -> None:
    """The function may then be one that cannot be recorded."""
    asked = []

    def closed(x: Any) -> Any:
        return [float(x[0]) ** 2 - 2.0, float(x[1]) - float(x[0])]

    def slopes(x: Any) -> Any:
        asked.append(x)
        return corner_slopes(x)

    found = solve(closed, [1.0, 1.0], jac=slopes)
    assert asked
    np.testing.assert_allclose(found.x, np.sqrt(2.0))


def test_a_method_in_capitals_gets_the_jacobian(monkeypatch: Any) -> None:
    found: dict[str, Any] = {}
    watched(monkeypatch, scipy.optimize, "root", found)

    root(corner, [1.0, 1.0], method="HYBR")
    np.testing.assert_allclose(found["jac"](np.ones(2)), corner_slopes(np.ones(2)))


def test_curve_fit_hands_on_the_slopes_that_are_given() -> None:
    asked = []

    def slopes(*args: Any) -> Any:
        asked.append(args)
        return decay_slopes(*args)

    popt, _ = curve_fit(decay, PLACES, DECAYED, jac=slopes)
    assert asked
    np.testing.assert_allclose(popt, [2.0, 3.0])
