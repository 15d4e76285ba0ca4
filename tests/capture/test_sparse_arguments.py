"""Sparse arrays as arguments: constants, by their entries, and as rows of results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from wengert import (
    check_grads,
    grad,
    hessian,
    hvp,
    jacobian,
    jit,
    jvp,
    record,
    vjp,
    vmap,
)
from wengert.errors import ArgumentError, UnsupportedError

sparse = pytest.importorskip("scipy.sparse")
DENSE = np.array([[1.0, 0.0, 2.0], [0.0, -0.5, 0.0], [0.3, 0.0, 0.0], [0.0, 4.0, 1.5]])
X = np.array([0.4, -1.1, 0.9])
KINDS = ["csr_array", "csc_array", "coo_array", "csr_matrix", "csc_matrix"]


def value(a: Any, x: Any) -> Any:
    """Return a number that is not linear in the entries."""
    return np.sum(np.sin(a @ x)) + (a.T @ np.ones(4)) @ x


def by_entries(a: Any) -> Any:
    """Return the derivative by the entries that stand in an array, by complex steps."""
    rows, columns = a.nonzero()
    found = np.zeros(a.shape)
    for i, j in zip(rows, columns, strict=True):
        moved = a.toarray().astype(complex)
        moved[i, j] += 1e-30j
        found[i, j] = value(moved, X).imag / 1e-30
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_derivative_by_a_sparse_array_is_one_of_its_places(kind: str) -> None:
    a = getattr(sparse, kind)(DENSE)

    slopes, by_x = grad(value, argnums=(0, 1))(a, X)

    assert type(slopes) is type(a)
    assert slopes.nnz == a.nnz
    np.testing.assert_allclose(slopes.toarray(), by_entries(a), rtol=1e-12)
    steps = 1e-30j * np.eye(3)
    expected = [value(DENSE, X + step).imag / 1e-30 for step in steps]
    np.testing.assert_allclose(by_x, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_jitted_function_of_a_sparse_array_follows_entries_and_places(
    kind: str,
) -> None:
    make = getattr(sparse, kind)
    fast, slopes = jit(value), jit(grad(value))
    for scale in (1.0, 2.0, -3.0, 0.5):
        a = make(scale * DENSE)
        np.testing.assert_allclose(fast(a, X), value(scale * DENSE, X), rtol=1e-12)
        np.testing.assert_allclose(slopes(a, X).toarray(), by_entries(a), rtol=1e-12)
        fast.wait()
        slopes.wait()
    other = make(DENSE[::-1] + np.eye(4, 3))
    for _ in range(3):
        np.testing.assert_allclose(fast(other, X), value(other.toarray(), X))
    assert len(fast.paths()) == 2
    a.data[:] = 7.0  # also where it is refilled in place
    np.testing.assert_allclose(fast(a, X), value(a.toarray(), X), rtol=1e-12)


def test_a_tape_takes_other_entries_at_the_same_places() -> None:
    a = sparse.csr_array(DENSE)
    tape = record(value, a, X)

    np.testing.assert_allclose(tape(3.0 * a, X), value(3.0 * DENSE, X), rtol=1e-12)
    with pytest.raises(ArgumentError, match=r"at 3 places.* at 6 places"):
        tape(sparse.csr_array(np.eye(4, 3)), X)


def test_products_of_the_derivative_by_a_sparse_array_are_one_number() -> None:
    a, way = sparse.csr_array(DENSE), sparse.csr_array(2.0 * DENSE)

    along = jvp(value, (a, X), (way, X))[1]

    by_a, by_x = vjp(value, a, X)[1](1.0)
    expected = np.sum(by_entries(a) * way.toarray()) + by_x @ X
    np.testing.assert_allclose(along, expected, rtol=1e-12)
    np.testing.assert_allclose(by_a.toarray(), by_entries(a), rtol=1e-12)
    (bent,) = hvp(lambda a: value(a, X), (a,), (way,))
    ends = [by_entries(a + sign * 1e-6 * way) for sign in (1, -1)]
    np.testing.assert_allclose(bent.toarray(), (ends[0] - ends[1]) / 2e-6, atol=1e-7)
    check_grads(value, (a, X))


def test_a_sparse_array_that_is_not_differentiated_by_stays_scipys() -> None:
    seen = []

    def f(a: Any, x: Any) -> Any:
        seen.append(type(a.data))
        return np.sum((a @ x) ** 2)

    a = sparse.dia_array(DENSE[:3])

    np.testing.assert_allclose(grad(f, 1)(a, X), 2 * DENSE[:3].T @ (DENSE[:3] @ X))
    assert seen == [np.ndarray]


def test_sparse_arrays_inside_containers_and_of_integers_are_arguments() -> None:
    given = {"a": sparse.csr_array(DENSE), "x": X}

    def f(p: Any) -> Any:
        return np.sum((p["a"] @ p["x"]) ** 2)

    for way in (grad(f), jit(grad(f))):
        slopes = way(given)
        np.testing.assert_allclose(slopes["x"], 2 * DENSE.T @ (DENSE @ X))
        expected = np.where(DENSE != 0, 2 * np.outer(DENSE @ X, X), 0)
        np.testing.assert_allclose(slopes["a"].toarray(), expected)
    whole = sparse.csr_array((DENSE > 0).astype(int))
    assert grad(value)(whole, X).dtype == np.float64


@pytest.mark.parametrize("kind", ["lil", "dok", "dia", "bsr"])
def test_formats_whose_entries_are_no_one_array_say_what_to_write(kind: str) -> None:
    a = sparse.csr_array(DENSE).asformat(kind)
    for way in (grad(value), jit(value)):
        with pytest.raises(UnsupportedError, match=rf"{kind}_array") as caught:
            way(a, X)

        assert "A.tocsr()" in str(caught.value)
    np.testing.assert_allclose(jit(value)(a.tocsr(), X), value(DENSE, X))


def test_jacobian_by_a_sparse_array_says_what_to_write() -> None:
    a = sparse.csr_array(DENSE)
    for way in (jacobian(lambda a: a @ X), hessian(lambda a: value(a, X))):
        with pytest.raises(UnsupportedError, match=r"Jacobian.* csr_array") as caught:
            way(a)

        assert "lambda data: f(scipy.sparse.csr_array(" in str(caught.value)
    found = jacobian(
        lambda data: sparse.csr_array((data, a.indices, a.indptr), a.shape) @ X
    )(a.data)
    np.testing.assert_allclose(found @ a.data, DENSE @ X)


def test_rows_of_sparse_derivatives_are_a_list_of_sparse_arrays() -> None:
    slopes = jacobian(lambda x: np.sin(x[1:]) * x[:-1], sparse=True)
    rows = np.random.default_rng(0).normal(size=(4, 3))

    values, found = vmap(lambda x: (x[0], slopes(x)))(rows)

    np.testing.assert_array_equal(values, rows[:, 0])
    assert [type(row) for row in found] == 4 * [sparse.csr_array]
    for x, row in zip(rows, found, strict=True):
        np.testing.assert_allclose(row.toarray(), slopes(x).toarray(), rtol=1e-12)
    found[0].indices[:] = 0  # they are of this row alone
    np.testing.assert_array_equal(found[1].indices, slopes(rows[1]).indices)
    compiled = jit(vmap(slopes))
    for _ in range(3):
        again = compiled(rows)
    np.testing.assert_allclose(again[3].toarray(), found[3].toarray(), rtol=1e-12)
    total = grad(lambda rows: sum(a.sum() for a in vmap(slopes)(rows)))(rows)
    expected = grad(lambda rows: np.sum(vmap(lambda x: slopes(x).data)(rows)))(rows)
    np.testing.assert_allclose(total, expected, rtol=1e-13)
    with pytest.raises(ArgumentError, match=r"out_axes=1 for sparse arrays"):
        vmap(slopes, out_axes=1)(rows)
    dense = vmap(lambda x: slopes(x).toarray(), out_axes=1)(rows)
    np.testing.assert_allclose(dense[:, 2], found[2].toarray(), rtol=1e-12)
