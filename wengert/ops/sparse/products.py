"""Products with sparse matrices: the entries are an operand, their places others."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers_named, apply, general
from wengert.core.types import Recorded
from wengert.ops.index import INDEX_ADD, Placeholder


class Entries(NamedTuple):
    """The entries of a sparse matrix, in the order that it holds them."""

    data: Any
    rows: Any
    columns: Any
    shape: tuple[int, int]


def entries(matrix: Any) -> Entries:
    """Return the entries of a sparse matrix of two axes; the data may be recorded."""
    if matrix.format not in ("csr", "csc", "coo"):
        matrix = matrix.tocoo()
    shape = matrix._shape_as_2d
    if matrix.format == "coo":
        columns = matrix.coords[-1]
        rows = matrix.coords[0] if matrix.ndim == 2 else np.zeros_like(columns)
        return Entries(matrix.data, rows, columns, shape)
    outer = np.repeat(
        np.arange(len(matrix.indptr) - 1, dtype=matrix.indices.dtype),
        np.diff(matrix.indptr),
    )
    inner = matrix.indices[: len(outer)]
    rows, columns = (outer, inner) if matrix.format == "csr" else (inner, outer)
    data = matrix.data  # which may be longer than what is used of it
    data = data if data.shape == outer.shape else data[: len(outer)]
    return Entries(data, rows, columns, shape)


def evaluate_product(
    data: Any, rows: Any, columns: Any, x: Any, *, shape: tuple[int, int]
) -> Any:
    """Return the product of a sparse matrix and a dense vector or matrix."""
    from scipy import sparse

    found = sparse.coo_array((data, (rows, columns)), shape=shape) @ x
    return found.reshape(shape[0], *x.shape[1:])  # of one row SciPy's is a number


def by_elements(
    data: Any, rows: Any, columns: Any, x: Any, *, shape: tuple[int, int]
) -> Any:
    """Return the same by elements that are read, multiplied and added."""
    factors = data[:, None] if x.ndim == 2 else data
    products = np.multiply(factors, x[columns])
    zeros = np.zeros((shape[0], *x.shape[1:]), products.dtype)
    return apply(INDEX_ADD, zeros, products, rows, chain=(), key=(Placeholder(0),))


def outer_products(g: Any, x: Any, rows: Any, columns: Any) -> Any:
    """Return the entries of ``g x^T`` at some places."""
    found = np.multiply(g[rows], x[columns])
    return np.sum(found, axis=-1) if found.ndim == 2 else found


def product_jvp(
    tangents: Any, y: Any, data: Any, rows: Any, columns: Any, x: Any, *, shape: Any
) -> Any:
    """Return the products with one of both moved."""
    data_dot, _, _, x_dot = tangents
    parts = []
    if data_dot is not None:
        parts.append(apply(PRODUCT, data_dot, rows, columns, x, shape=shape))
    if x_dot is not None:
        parts.append(apply(PRODUCT, data, rows, columns, x_dot, shape=shape))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


def product_vjp(
    g: Any,
    y: Any,
    data: Any,
    rows: Any,
    columns: Any,
    x: Any,
    *,
    shape: Any,
    wanted: Any = (True, True, True, True),
) -> Any:
    """Return the gradients by the entries, and by what is multiplied."""
    by_data = outer_products(g, x, rows, columns) if wanted[0] else None
    by_x = None
    if wanted[3]:
        by_x = apply(PRODUCT, data, columns, rows, g, shape=shape[::-1])
    return by_data, None, None, by_x


def places_of_product(
    data: Any, rows: Any, columns: Any, x: Any, *, shape: tuple[int, int]
) -> tuple[Any, ...]:
    """Return which elements meet in the products, and where those are added."""
    width = x.shape[1] if len(x.shape) == 2 else 1
    entry, k = (part.ravel() for part in np.indices((len(rows), width)))
    target = rows[entry] * width + k
    return target, entry, None, None, columns[entry] * width + k


PRODUCT = general(
    "sparse_matmul",
    evaluate_product,
    form=Routine(products=places_of_product),
    jvp=product_jvp,
    vjp=product_vjp,
)


def of_matrices(args: Any) -> list[Any]:
    """Return the entries of the matrices of an operator."""
    return [getattr(arg, "data", None) for arg in args[:2] if hasattr(arg, "format")]


@answers_named("scipy.sparse._base:_spbase._matmul_dispatch", looks_into=of_matrices)
def matmul_dispatch(self: Any, other: Any) -> Any:
    """Answer the product of a sparse matrix where either factor is recorded."""
    from scipy import sparse

    if sparse.issparse(other):
        return sparse_product(self, other)
    if not isinstance(other, Recorded):
        other = np.asanyarray(other)
    if other.ndim == 0:
        return self._mul_scalar(other)
    given = entries(self)
    if other.shape[0] != given.shape[1] or other.ndim > 2:
        raise ValueError(
            f"matmul: dimension mismatch with signature (n,k={given.shape[1]}),"
            f"(k={other.shape[0]},1?)->(n,1?)"
        )
    found = apply(PRODUCT, *given[:3], other, shape=given.shape)
    is_number = type(self) is sparse.coo_array and found.shape == (1,)
    return found[0] if self.ndim == 1 or is_number else found


def sparse_product(left: Any, right: Any) -> Any:
    """Return the product of two sparse matrices: of every pair of entries that meet."""
    from wengert.ops.sparse.matrices import from_entries

    a, b = entries(left), entries(right.tocsr())
    starts = np.searchsorted(b.rows, np.arange(b.shape[0] + 1))
    counts = np.diff(starts)[a.columns]
    first = np.repeat(np.arange(len(a.rows)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    second = np.repeat(starts[a.columns], counts) + np.arange(len(first)) - before
    data = np.multiply(a.data[first], b.data[second])
    shape = (a.shape[0], b.shape[1])
    found = Entries(data, a.rows[first], b.columns[second], shape)
    return from_entries(left, found).tocsr()
