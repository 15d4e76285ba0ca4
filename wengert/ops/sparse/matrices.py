"""Sparse matrices whose entries are recorded: SciPy's own, with recorded `data`.

A matrix is made as SciPy makes it, of zeros, and then given the entries.  What SciPy
computes in C from entries is computed from them and from their places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers_named, apply
from wengert.core.types import Recorded
from wengert.errors import UnsupportedError, explain
from wengert.ops.index import INDEX_ADD, Placeholder
from wengert.ops.join import as_array
from wengert.ops.sparse.products import Entries, entries, of_matrices

FORMATS = ("csr", "csc", "coo")


def of_first(args: Any) -> Any:
    """Return the entries of what a matrix is made from, and their places."""
    given = args[1] if len(args) > 1 else None
    return given if type(given) is tuple else getattr(given, "data", None)


def made(method: Any, self: Any, arg1: Any, shape: Any, dtype: Any, copy: Any) -> None:
    """Make a matrix of recorded entries."""
    from scipy import sparse

    if sparse.issparse(arg1):
        arg1 = arg1.asformat(self.format)
        shape = arg1.shape if shape is None else shape
        places = arg1.coords if self.format == "coo" else (arg1.indices, arg1.indptr)
        data, rest = arg1.data, (places,) if self.format == "coo" else places
    elif type(arg1) is tuple and len(arg1) in (2, 3):
        data, *rest = arg1
        places = rest[0] if len(rest) == 1 else rest
        if any(isinstance(part, Recorded) for part in places):
            raise UnsupportedError(
                explain(
                    f"scipy.sparse.{type(self).__name__} with recorded places",
                    "where its entries stand is a part of its structure, which must "
                    "not change with the inputs",
                    "a dense array, dense[rows, columns] = data; or places that are "
                    "made of plain numbers",
                )
            )
        data = as_array(data)
        if self.format != "coo" and len(arg1) == 2:
            coo = self._coo_container(arg1, shape=shape, dtype=dtype)
            return made(method, self, coo, shape, dtype, copy)
    else:
        raise UnsupportedError(
            explain(
                f"scipy.sparse.{type(self).__name__} of a recorded dense array",
                "which of its elements are zero may change with the inputs, and with "
                "them the matrix's structure",
                f"scipy.sparse.{type(self).__name__}((data, (rows, columns)), shape)",
            )
        )
    method(self, (np.zeros(data.shape), *rest), shape=shape, copy=copy)
    self.data = data if dtype is None else np.astype(data, dtype)
    return None


def answer_init(path: str) -> None:
    """Answer the making of matrices of a class."""

    def answer(
        self: Any,
        arg1: Any,
        shape: Any = None,
        dtype: Any = None,
        copy: bool = False,
        **_: Any,
    ) -> None:
        from scipy.sparse import _compressed, _coo

        kind = _coo._coo_base if self.format == "coo" else _compressed._cs_matrix
        made(kind.__init__, self, arg1, shape, dtype, copy)

    answers_named(path, looks_into=of_first)(answer)


answer_init("scipy.sparse._compressed:_cs_matrix.__init__")
answer_init("scipy.sparse._coo:_coo_base.__init__")


def from_entries(like: Any, given: Entries) -> Any:
    """Return a matrix in coordinates, of the kind of another."""
    places = (given.rows, given.columns)
    return like._coo_container((given.data, places), shape=given.shape)


def merged(given: Entries, by_row: bool) -> Entries:
    """Return entries in order, those at one place added up."""
    major, minor = (
        (given.rows, given.columns) if by_row else (given.columns, given.rows)
    )
    width = given.shape[1] if by_row else given.shape[0]
    keys = major.astype(np.int64) * max(width, 1) + minor
    unique, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    data = given.data
    if len(unique) == len(keys):
        data = data[first]
    else:
        zeros = np.zeros(len(unique), data.dtype)
        data = apply(INDEX_ADD, zeros, data, inverse, chain=(), key=(Placeholder(0),))
    return Entries(data, given.rows[first], given.columns[first], given.shape)


def compressed(self: Any, format: str) -> Any:
    """Return a matrix with its rows, or its columns, one after another."""
    by_row = format == "csr"
    found = merged(entries(self), by_row)
    major, minor = (
        (found.rows, found.columns) if by_row else (found.columns, found.rows)
    )
    indptr = np.searchsorted(major, np.arange(found.shape[not by_row] + 1))
    container = self._csr_container if by_row else self._csc_container
    return container((found.data, minor, indptr), shape=self.shape)


def answer_method(path: str, how: Any) -> None:
    """Answer a method of matrices of recorded entries."""

    def answer(self: Any, *args: Any, **kwds: Any) -> Any:
        return how(self, *args, **kwds)

    answers_named(path, looks_into=of_matrices)(answer)


def toarray(self: Any, order: Any = None, out: Any = None) -> Any:
    """Return a dense array."""
    given = entries(self)
    zeros = np.zeros(self.shape, given.data.dtype)
    places = (given.rows, given.columns) if self.ndim == 2 else (given.columns,)
    key = tuple(map(Placeholder, range(len(places))))
    return apply(INDEX_ADD, zeros, given.data, *places, chain=(), key=key)


def diagonal(self: Any, k: int = 0) -> Any:
    """Return a diagonal."""
    given = entries(self)
    m, n = given.shape
    size = min(m + min(k, 0), n - max(k, 0))
    if size <= 0:
        raise ValueError("k exceeds array dimensions")
    is_there = given.columns - given.rows == k
    places = (given.rows if k >= 0 else given.columns)[is_there]
    zeros = np.zeros(size, given.data.dtype)
    chosen = given.data[np.flatnonzero(is_there)]
    return apply(INDEX_ADD, zeros, chosen, places, chain=(), key=(Placeholder(0),))


def total(self: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Return the sum of the entries, or of rows, or of columns."""
    from scipy import sparse

    if axis is None:
        return np.sum(self.data, dtype=dtype)
    found = np.sum(toarray(self), axis=axis, dtype=dtype)
    is_matrix = not isinstance(self, sparse.sparray)
    return np.expand_dims(found, axis) if is_matrix else found


def added(self: Any, other: Any, sign: int = 1) -> Any:
    """Return the sum of two matrices."""
    a, b = entries(self), entries(other)
    data = np.concatenate([a.data, b.data if sign > 0 else np.negative(b.data)])
    rows, columns = (
        np.concatenate(pair) for pair in (a[1:2] + b[1:2], a[2:3] + b[2:3])
    )
    both = from_entries(self, Entries(data, rows, columns, a.shape))
    return both.tocsc() if self.format == "csc" else both.tocsr()


for _path, _how in {
    "_compressed:_cs_matrix.toarray": toarray,
    "_coo:_coo_base.toarray": toarray,
    "_compressed:_cs_matrix.tocoo": lambda self, copy=True: from_entries(
        self, entries(self)
    ),
    "_csr:_csr_base.tocsc": lambda self, copy=False: compressed(self, "csc"),
    "_csc:_csc_base.tocsr": lambda self, copy=False: compressed(self, "csr"),
    "_coo:_coo_base.tocsr": lambda self, copy=False: compressed(self, "csr"),
    "_coo:_coo_base.tocsc": lambda self, copy=False: compressed(self, "csc"),
    "_compressed:_cs_matrix.diagonal": diagonal,
    "_coo:_coo_base.diagonal": diagonal,
    "_base:_spbase.sum": total,
    "_compressed:_cs_matrix.sum": total,
    "_compressed:_cs_matrix._add_sparse": added,
    "_compressed:_cs_matrix._sub_sparse": lambda self, other: added(self, other, -1),
    "_coo:_coo_base._add_sparse": added,
    "_coo:_coo_base._sub_sparse": lambda self, other: added(self, other, -1),
}.items():
    answer_method(f"scipy.sparse.{_path}", _how)


@answers_named("scipy.sparse._data:_data_matrix._mul_scalar", looks_into=of_matrices)
def mul_scalar(self: Any, other: Any) -> Any:
    """Answer the product of a matrix and a number, either of which is recorded."""
    return self._with_data(self.data * other)


def diagonals_of(diagonals: Any, offsets: Any) -> tuple[list[Any], list[int]]:
    """Return the diagonals and their offsets as lists of the same length."""
    if np.ndim(offsets):
        return [np.atleast_1d(as_array(d)) for d in diagonals], list(offsets)
    is_one = isinstance(diagonals, Recorded) or not len(diagonals)
    is_one = is_one or np.ndim(diagonals[0]) == 0
    return [np.atleast_1d(as_array(diagonals if is_one else diagonals[0]))], [offsets]


def on_diagonals(diagonals: Any, offsets: Any, shape: Any) -> Entries:
    """Return the entries of a matrix with some diagonals."""
    diagonals, offsets = diagonals_of(diagonals, offsets)
    if len(diagonals) != len(offsets):
        raise ValueError("Different number of diagonals and offsets.")
    if shape is None:
        size = diagonals[0].shape[0] + abs(int(offsets[0]))
        shape = (size, size)
    m, n = shape
    parts = []
    for k, (values, offset) in enumerate(zip(diagonals, offsets, strict=True)):
        row, column = max(0, -offset), max(0, offset)
        count = min(m - row, n - column)
        values = values[:count] if values.shape[0] > count else values
        if values.shape[0] not in (1, count) or count < 0:
            raise ValueError(
                f"Diagonal length (index {k}: {values.shape[0]} at offset {offset}) "
                f"does not agree with array size ({m}, {n})."
            )
        places = np.arange(count)
        parts.append((np.broadcast_to(values, (count,)), row + places, column + places))
    data, rows, columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Entries(data, rows, columns, (m, n))


def answer_diags(name: str, container: str) -> None:
    """Answer the function of diagonals; no matrix has a format of its own for them."""

    def answer(
        diagonals: Any,
        offsets: Any = 0,
        shape: Any = None,
        format: Any = None,
        dtype: Any = None,
    ) -> Any:
        from scipy import sparse

        data, *places, shape = on_diagonals(diagonals, offsets, shape)
        kind = dtype if isinstance(dtype, (type, np.dtype, str)) else None
        if kind is None and data.dtype.kind in "iu":
            kind = np.float64
        found = getattr(sparse, container)((data, places), shape=shape, dtype=kind)
        return found.asformat("csr" if format in (None, "dia") else format)

    answers_named(f"scipy.sparse.{name}")(answer)


answer_diags("diags", "coo_matrix")
answer_diags("diags_array", "coo_array")
