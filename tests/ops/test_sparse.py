"""`scipy.sparse`: constant matrices, matrices of recorded entries, and equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import bicgstab, cg, factorized, gmres, splu, spsolve

from wengert import UnsupportedError, grad, jacobian, jit, record, vjp
from wengert.checks import check_grads
from wengert.ops.sparse.solving import factors

RANDOM = np.random.default_rng(0)
DENSE = (RANDOM.random((5, 5)) < 0.4) * RANDOM.standard_normal((5, 5)) + 5 * np.eye(5)
X, XS = RANDOM.standard_normal(5), RANDOM.standard_normal((5, 2))
KINDS = ["csr_array", "csc_matrix", "coo_array", "csr_matrix"]


def judge(function: Any, *args: Any, order: int = 2) -> None:
    """The value is SciPy's, the derivatives are those of differences."""
    expected, found = function(*args), vjp(function, *args)[0]

    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)
    assert type(found) is type(expected)
    check_grads(function, args, order=order, atol=1e-7, rtol=1e-6)


def matrix(kind: str, data: Any) -> Any:
    """A matrix of some entries, in the way that its kind is made."""
    like = getattr(sparse, kind)(DENSE)
    if like.format == "coo":
        return getattr(sparse, kind)((data, like.coords), shape=(5, 5))
    parts = (data, like.indices, like.indptr)
    return getattr(sparse, kind)(parts, shape=(5, 5))


def data_of(kind: str) -> Any:
    """The entries of the matrix as its kind has them."""
    return getattr(sparse, kind)(DENSE).data


@pytest.mark.parametrize("kind", [*KINDS, "bsr_array", "dia_array", "lil_matrix"])
def test_products_with_a_constant_matrix(kind: str) -> None:
    A = getattr(sparse, kind)(DENSE)
    for function in (
        lambda x, y: A @ x,
        lambda x, y: A.dot(y),
        lambda x, y: A.T @ x,
        lambda x, y: x @ A,
        lambda x, y: y.T @ A,
    ):
        judge(function, X, XS, order=1)
    if kind.endswith("matrix"):
        judge(lambda x: A * x, X, order=1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_matrix_of_recorded_entries(kind: str) -> None:
    data, C = data_of(kind), sparse.csr_array(np.eye(5) + np.eye(5, k=1))
    judge(lambda d, x: matrix(kind, d) @ x, data, X)
    for function in (
        lambda d: matrix(kind, d).T @ XS,
        lambda d: X @ matrix(kind, d),
        lambda d: matrix(kind, d).toarray(),
        lambda d: matrix(kind, d).tocsr().toarray(),
        lambda d: matrix(kind, d).tocsc() @ X,
        lambda d: matrix(kind, d).tocoo() @ X,
        lambda d: matrix(kind, d).diagonal(1),
        lambda d: matrix(kind, d).sum(),
        lambda d: (2 * matrix(kind, d) - matrix(kind, d) * d[0] + C) @ X,
        lambda d: (C + matrix(kind, d)) @ X,
        lambda d: (matrix(kind, d) @ matrix(kind, d)).toarray(),
        lambda d: (C @ matrix(kind, d)).toarray(),
    ):
        judge(function, data, order=1)


@pytest.mark.parametrize("kind", ["coo", "csr"])
def test_products_with_one_row_have_the_shapes_of_scipys(kind: str) -> None:
    row = sparse.coo_array(([2.0], ([0], [1])), shape=(1, 3)).asformat(kind)
    x = np.ones(3)

    assert record(lambda x: row @ x, x)(x).shape == (row @ x).shape
    np.testing.assert_array_equal(jacobian(lambda x: row @ x)(x).ravel(), [0, 2, 0])
    slope = grad(lambda x: np.sum(row.T @ x))(np.ones(1))
    np.testing.assert_array_equal(slope, [2.0], strict=True)


def test_entries_at_one_place_are_added() -> None:
    rows, columns = np.array([0, 1, 2, 0, 0]), np.array([1, 1, 2, 0, 1])
    for kind in (sparse.coo_array, sparse.csr_matrix, sparse.csc_array):
        judge(lambda d, k=kind: k((d, (rows, columns)), shape=(3, 3)).toarray(), X)
        judge(lambda d, k=kind: k((d, (rows, columns)), (3, 3)).tocsr() @ X[:3], X)


def test_diagonals() -> None:
    for function in (
        lambda d: sparse.diags([d, d[:-1] ** 2], [0, 1]) @ X,
        lambda d: sparse.diags(d) @ X,
        lambda d: sparse.diags([d[0], -2.0, d[1]], [-1, 0, 1], (5, 5)).toarray(),
        lambda d: sparse.diags_array(d, offsets=1).toarray(),
        lambda d: spsolve(3 * sparse.eye(5, format="csc") + sparse.diags(d**2), X),
    ):
        judge(function, X, order=1)


@pytest.mark.filterwarnings("ignore:spsolve requires")
@pytest.mark.parametrize("kind", KINDS)
def test_linear_equations(kind: str) -> None:
    data = data_of(kind)
    judge(lambda d, b: spsolve(matrix(kind, d), b), data, X)
    judge(lambda d, b: spsolve(matrix(kind, d), b), data, XS, order=1)
    judge(lambda d, b: splu(matrix(kind, d).tocsc()).solve(b), data, X, order=1)
    judge(lambda d, b: splu(matrix(kind, d).tocsc()).solve(b, "T"), data, X, order=1)
    judge(lambda d, b: factorized(matrix(kind, d).tocsc())(b), data, XS, order=1)
    for method in (gmres, bicgstab):
        judge(lambda d, b, m=method: m(matrix(kind, d), b, rtol=1e-13)[0], data, X)


def test_equations_with_a_constant_matrix() -> None:
    A = sparse.csc_matrix(DENSE)
    judge(lambda b: spsolve(A, b), X)
    judge(lambda b: spsolve(A, b), X[:, None])
    judge(lambda b: cg(A @ A.T, b, rtol=1e-13)[0], X)
    np.testing.assert_allclose(
        jacobian(lambda b: spsolve(A, b))(X), np.linalg.inv(DENSE), rtol=1e-12
    )


def test_a_solver_says_whether_it_has_found_the_solution() -> None:
    A = sparse.csc_matrix(DENSE)

    def solved(b: Any) -> Any:
        x, info = gmres(A, b, rtol=1e-10)
        assert info == 0
        return np.sum(x)

    np.testing.assert_allclose(
        grad(solved)(X), np.linalg.solve(DENSE.T, np.ones(5)), rtol=1e-9
    )


def test_a_factorization_serves_all_sweeps() -> None:
    A = sparse.csc_matrix(DENSE * 1.5)
    before = factors.cache_info().misses

    grad(lambda d, b: np.sum(spsolve(matrix("csc_matrix", d), b) ** 2), (0, 1))(
        A.data, X
    )

    assert factors.cache_info().misses == before + 1


def test_singular_equations_are_scipys() -> None:
    from scipy.sparse.linalg import MatrixRankWarning

    A = sparse.csc_matrix(np.array([[1.0, 1.0], [0.0, 0.0]]))
    with pytest.warns(MatrixRankWarning):
        found = vjp(lambda b: spsolve(A, b), np.ones(2))[0]
    assert np.isnan(found).all()


def test_it_runs_compiled() -> None:
    def loss(d: Any, b: Any) -> Any:
        return np.sum(spsolve(matrix("csc_matrix", d), b) ** 2)

    data = data_of("csc_matrix")
    fast, eager = jit(grad(loss)), grad(loss)
    for scale in (1.0, 2.0, 3.0, 4.0):
        np.testing.assert_allclose(
            fast(scale * data, X), eager(scale * data, X), rtol=1e-12
        )


def test_errors_are_scipys() -> None:
    A = sparse.csr_array(DENSE)
    for call in (
        lambda x: A @ x[:3],
        lambda x: spsolve(A, x[:3]),
        lambda x: sparse.diags([x, x], [0]),
        lambda x: sparse.diags([x, x[:2]], [0, 1]),
    ):
        with pytest.raises(ValueError) as expected:  # noqa: PT011
            call(X)
        with pytest.raises(ValueError) as found:  # noqa: PT011
            record(call, X)
        assert str(found.value) == str(expected.value)


def test_a_dense_array_gives_no_structure() -> None:
    with pytest.raises(UnsupportedError, match="dense array"):
        record(lambda x: sparse.csr_array(x) @ X, DENSE)


def test_places_that_are_recorded_are_refused() -> None:
    """SciPy's check of the indices called itself without end."""

    def by_rows(x: Any) -> Any:
        order = np.argsort(x)
        return sparse.csr_array((x, (np.arange(3), order)), shape=(3, 3)) @ x

    def by_starts(x: Any) -> Any:
        starts = np.array([0, 1, 2, 3])
        return sparse.csr_array((np.ones(3), np.argsort(x), starts)) @ x

    for function in (by_rows, by_starts):
        with pytest.raises(UnsupportedError, match="with recorded places"):
            jacobian(function)(np.array([2.0, 1.0, 3.0]))
