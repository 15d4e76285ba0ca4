"""Linear algebra: what examples do not say - errors, guards, stacks, edges."""

from __future__ import annotations

import itertools
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import wengert
from tests.ops.judge import judge
from wengert.core.operation import REGISTRY
from wengert.ops.linalg import cholesky

la = np.linalg
RANDOM = np.random.default_rng(11)
A = RANDOM.standard_normal((3, 3))
SPD = A @ A.T + np.eye(3)


# Determinants, against exact arithmetic


def exact_determinant(a: Any) -> Fraction:
    """Return the determinant by Leibniz' sum over permutations, in fractions."""
    n, total = len(a), Fraction(0)
    for order in itertools.permutations(range(n)):
        swaps = sum(order[i] > order[j] for j in range(n) for i in range(j))
        term = Fraction((-1) ** swaps)
        for i, j in enumerate(order):
            term *= Fraction(float(a[i][j]))
        total += term
    return total


def exact_cofactors(a: Any) -> Any:
    """Return the cofactors by determinants of minors."""
    n = len(a)
    found = np.zeros((n, n))
    for i, j in np.ndindex(n, n):
        minor = np.delete(np.delete(a, i, 0), j, 1)
        found[i, j] = (-1) ** (i + j) * float(exact_determinant(minor))
    return found


SINGULAR = {
    "rank 0": np.zeros((3, 3)),
    "rank 1": np.outer([1.0, 2.0, 3.0], [2.0, -1.0, 1.0]),
    "rank 2": np.arange(9.0).reshape(3, 3),
    "nearly": np.arange(9.0).reshape(3, 3) + np.diag([1e-13, 0, 0]),
    "regular": A,
    "small": np.diag([1e-200, 1e-150, 1.0]),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_gradients_of_determinants_are_cofactors(name: str) -> None:
    a = SINGULAR[name]
    expected = exact_cofactors(a)
    # Products of two elements, rounded a few times; of small ones each is right.
    rounding = 0.0 if name == "small" else 16 * np.finfo(float).eps * abs(a).max() ** 2

    found = wengert.grad(la.det)(a)

    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=rounding)


@pytest.mark.parametrize("name", ["rank 0", "rank 1", "rank 2", "regular"])
def test_hessians_of_determinants_are_cofactors_of_minors(name: str) -> None:
    """A determinant is linear in each element: differences of 1 are exact."""
    a = SINGULAR[name]
    found = wengert.hessian(la.det)(a)

    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1.0
        expected = exact_cofactors(a + step) - exact_cofactors(a)
        np.testing.assert_allclose(found[place], expected, rtol=0, atol=1e-12)


def test_third_derivatives_of_determinants() -> None:
    """Along one direction a determinant is a polynomial, whose coefficients fit."""
    t = RANDOM.standard_normal((3, 3))
    slope = wengert.grad(wengert.grad(wengert.grad(lambda s: la.det(A + s * t))))

    assert abs(slope(0.0) - 6 * la.det(t)) < 1e-12


# What is degenerate


def test_equal_eigenvalues_give_the_finite_part_and_one_warning() -> None:
    """Of v diag(w) v^T, the identity, the diagonal of the derivative is left."""

    def rebuilt(x: Any) -> Any:
        w, v = la.eigh(x)
        return np.sum((v * w) @ v.T)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")
        found = wengert.grad(rebuilt)(np.eye(2))

    assert np.isfinite(found).all()
    assert len(told) == 1
    assert "eigenvalues that are equal to rounding" in str(told[0].message)
    assert told[0].filename == __file__


def test_equal_eigenvalues_alone_warn_of_nothing() -> None:
    np.testing.assert_array_equal(
        wengert.grad(lambda x: np.sum(la.eigvalsh(x) ** 2))(2 * np.eye(2)),
        4 * np.eye(2),
    )


def test_equal_singular_values_warn() -> None:
    with pytest.warns(RuntimeWarning, match="singular values that are equal"):
        found = wengert.grad(lambda x: np.sum(la.svd(x)[0]))(np.eye(2))

    assert np.isfinite(found).all()


def test_vectors_of_a_singular_value_of_zero_warn() -> None:
    tall = np.outer([1.0, 2.0, 2.0], [0.6, 0.8])
    with pytest.warns(RuntimeWarning, match="singular values of 0"):
        found = wengert.grad(lambda x: np.sum(la.svd(x, False)[0]))(tall)

    assert np.isfinite(found).all()


# Errors, eager and compiled


ERRORS: dict[str, Any] = {
    "solve": lambda x: la.solve(x, x[0]),
    "inv": la.inv,
    "cholesky": lambda x: la.cholesky(x - 9.0),
    "matrix_power": lambda x: la.matrix_power(x, -1),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_has_no_result_raises_as_in_numpy(name: str) -> None:
    function, singular = ERRORS[name], np.ones((2, 2))
    with pytest.raises(la.LinAlgError) as expected:
        function(singular)

    jitted = wengert.jit(lambda x: np.sum(function(x)))
    for f in (wengert.grad(lambda x: np.sum(function(x))), jitted):
        with pytest.raises(la.LinAlgError, match=str(expected.value)):
            f(singular)
    if name != "cholesky":
        for _ in range(3):
            assert np.isfinite(jitted(SPD))
        with pytest.raises(la.LinAlgError, match=str(expected.value)):
            jitted(np.ones((3, 3)))


def error_of(function: Any, *args: Any) -> Exception:
    """Return what a call raises."""
    try:
        function(*args)
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (la.solve, (A[:2], A[0])),
        (la.inv, (A[:2],)),
        (la.det, (A[0],)),
        (la.cholesky, (A[0],)),
        (lambda x: la.eigh(x, "Q"), (A,)),
        (lambda x: la.norm(x, "fro", axis=0), (A,)),
        (lambda x: la.norm(x, axis=(0, 0)), (A,)),
        (lambda x: la.matrix_power(x, 0.5), (A,)),
        (lambda x: la.multi_dot([x]), (A,)),
        (lambda x: la.cond(x[:0]), (A,)),
        (lambda x: la.qr(x, "other"), (A,)),
        (lambda x, y: la.lstsq(x, y), (A, A[:2])),
        (lambda x, y: la.cross(x, y), (A[:, :2], A[:, :2])),
        (lambda x: la.pinv(x, 0.1, rtol=0.1), (A,)),
    ],
)
def test_errors_are_numpys(function: Any, argument: Any) -> None:
    expected = error_of(function, *argument)
    found = error_of(wengert.record, function, *argument)

    assert (type(found), str(found)) == (type(expected), str(expected))


def test_reflectors_of_a_qr_decomposition_are_refused() -> None:
    with pytest.raises(wengert.UnsupportedError, match="mode='reduced'"):
        wengert.record(lambda x: la.qr(x, mode="raw"), A)


# Results, guards and stacks


@pytest.mark.parametrize("name", "eigh eig svd qr slogdet".split())
def test_results_are_numpys_named_tuples(name: str) -> None:
    function = getattr(la, name)
    expected = function(SPD)

    for found in (wengert.jit(function)(SPD), wengert.record(function, SPD)(SPD)):
        assert type(found) is type(expected)
        assert found._fields == expected._fields


def test_real_eigenvalues_are_a_path_of_their_own() -> None:
    f = wengert.jit(la.eigvals)
    turned = np.array([[0.0, -1.0], [1.0, 0.0]])
    for x in (SPD, SPD, SPD, turned, turned, turned, SPD):
        expected = la.eigvals(x)
        found = f(x)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)


def test_the_rank_of_least_squares_is_a_path_of_its_own() -> None:
    f = wengert.jit(lambda a, b: la.lstsq(a, b)[:2])
    tall, low = RANDOM.standard_normal((4, 2)), np.ones((4, 2))
    b = RANDOM.standard_normal(4)
    for a in (tall, tall, tall, low, low, tall):
        for found, expected in zip(f(a, b), la.lstsq(a, b)[:2], strict=True):
            np.testing.assert_array_equal(found, expected)


STACKED: dict[str, Any] = {
    "solve": lambda a: la.solve(a, a[0]),
    "solve of one": lambda a: la.solve(SPD, a),
    "solve of a vector": lambda a: la.solve(np.stack([SPD, A]), a[0]),
    "inv": la.inv,
    "det": la.det,
    "slogdet": lambda a: la.slogdet(a)[1],
    "cholesky": lambda a: la.cholesky(a @ a.T + np.eye(3)),
    "eigvalsh": la.eigvalsh,
    "eigh": lambda a: abs(la.eigh(a)[1]),
    "svd": lambda a: abs(la.svd(a[:2], full_matrices=False)[2]),
    "pinv": la.pinv,
    "qr": lambda a: la.qr(a)[1],
    "norm": lambda a: la.norm(a, 2),
    "matrix_power": lambda a: la.matrix_power(a, 3),
}


@pytest.mark.parametrize("name", STACKED)
def test_rows_are_one_call(name: str) -> None:
    """Values and gradients of many matrices are those of each, in one play."""
    rows = RANDOM.standard_normal((4, 3, 3)) + 2 * np.eye(3)
    function = STACKED[name]

    def slope(a: Any) -> Any:
        return wengert.grad(lambda a: np.sum(function(a) ** 2))(a)

    for f in (function, slope):
        found = wengert.vmap(f)(rows)
        expected = np.stack([f(a) for a in rows])
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_every_factorization_of_one_matrix_is_played_once_for_all_rows() -> None:
    forms = {
        name: REGISTRY[name].form.core  # type: ignore[union-attr]
        for name in "solve inv det cholesky eigh eigvalsh eig svd svdvals qr".split()
    }

    assert None not in forms.values()


def test_a_jacobian_of_a_solution() -> None:
    found = wengert.jacobian(lambda b: la.solve(SPD, b))(A[0])

    np.testing.assert_allclose(found, la.inv(SPD), rtol=1e-13)


@pytest.mark.parametrize("name", "eigh svd cholesky qr inv".split())
def test_a_factorization_is_not_repeated_in_reverse(name: str) -> None:
    operation, count = REGISTRY[name], 0
    evaluate = operation.function

    def counted(*args: Any, **settings: Any) -> Any:
        nonlocal count
        count += 1
        return evaluate(*args, **settings)

    object.__setattr__(operation, "function", counted)
    try:
        wengert.grad(lambda x: np.sum(first(getattr(la, name)(x)) ** 2))(SPD)
    finally:
        object.__setattr__(operation, "function", evaluate)

    assert count == 1


def first(found: Any) -> Any:
    """Return the array of a result, or the first of several."""
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize("name", ["solve_continuous_are", "solve_discrete_are"])
def test_equations_of_riccatis_in_rows_are_as_one_by_one(name: str) -> None:
    """Whole stacks, some operands shared; values and gradients by all operands."""
    solve, random = getattr(scipy.linalg, name), np.random.default_rng(3)
    a, b = random.standard_normal((3, 2, 2)), random.standard_normal((3, 2, 1))
    q = np.array([np.eye(2) * (1 + k) for k in range(3)])
    r = np.array([[[1.0]], [[2.0]], [[0.5]]])

    def loss(*operands: Any) -> Any:
        return np.sum(solve(*operands) ** 2)

    gradient = wengert.grad(loss, (0, 1, 2, 3))
    for axes in ((0, 0, 0, 0), (0, None, None, 0)):
        given = [
            x if axis == 0 else x[0] for x, axis in zip((a, b, q, r), axes, strict=True)
        ]
        rows = [
            [x[k] if axis == 0 else x for x, axis in zip(given, axes, strict=True)]
            for k in range(3)
        ]
        found = wengert.vmap(solve, in_axes=axes)(*given)
        slopes = wengert.vmap(gradient, in_axes=axes)(*given)

        expected = np.stack([solve(*row) for row in rows])
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        one_by_one = zip(*[gradient(*row) for row in rows], strict=True)
        for slope, parts in zip(slopes, one_by_one, strict=True):
            np.testing.assert_allclose(slope, np.stack(parts), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("upper", [False, True])
def test_a_cholesky_factor_is_pulled_back_block_by_block(
    upper: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cholesky, "MANY", 4)
    monkeypatch.setattr(cholesky, "BLOCK", 3)
    random = np.random.default_rng(3)
    a, weights = random.normal(size=(2, 2, 8, 8))
    a = a @ np.swapaxes(a, -1, -2) + 8 * np.eye(8)

    def total(a: Any) -> Any:
        a = 0.5 * (a + np.swapaxes(a, -1, -2))
        return np.sum(np.sin(la.cholesky(a, upper=upper)) * weights)

    judge(total, [a])


@pytest.mark.parametrize("dtype", [np.float64, np.complex128])
def test_a_large_cholesky_factor_has_the_derivatives_of_differences(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(4, 100, 100))
    x, direction = (
        numbers[:2] if dtype is np.float64 else numbers[:2] + 1j * numbers[2:]
    )
    a, v = (m @ m.conj().T / 100 + np.eye(100) for m in (x, direction))
    weights = rng.normal(size=(100, 100))

    def total(a: Any) -> Any:
        return np.sum(np.real(np.linalg.cholesky(a)) * weights)

    slope = (total(a + 1e-5 * v) - total(a - 1e-5 * v)) / 2e-5
    assert wengert.jvp(total, (a,), (v,))[1] == pytest.approx(slope, rel=1e-7)
    assert np.sum(np.real(wengert.grad(total)(a) * v)) == pytest.approx(slope, rel=1e-7)
