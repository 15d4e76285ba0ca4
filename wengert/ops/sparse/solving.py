"""Sparse linear equations: a factorization is kept, and used again by every sweep."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers_named, apply, general
from wengert.errors import UnsupportedError, explain
from wengert.ops.join import as_array
from wengert.ops.sparse.products import PRODUCT, Entries, entries, outer_products


@lru_cache(maxsize=4)
def factors(
    data: bytes, rows: bytes, columns: bytes, kinds: tuple[str, str], n: int, permc: Any
) -> Any:
    """Return SuperLU's factors of a matrix; the last ones are kept.

    They are found again by the contents of the matrix, so that all sweeps of a tape,
    and all that are played again, use the same.
    """
    from scipy import sparse
    from scipy.sparse.linalg import splu

    values = np.frombuffer(data, kinds[0])
    places = np.frombuffer(rows, kinds[1]), np.frombuffer(columns, kinds[1])
    return splu(sparse.csc_array((values, places), shape=(n, n)), permc_spec=permc)


# One matrix, one or several right-hand sides


def evaluate_solve(
    data: Any, rows: Any, columns: Any, b: Any, *, trans: bool, permc: Any
) -> Any:
    """Return the solution; of singular equations what ``spsolve`` gives."""
    import warnings

    from scipy.sparse.linalg import MatrixRankWarning

    kind = np.result_type(data, b, np.float32)
    b = b.astype(kind)
    parts = (data.astype(kind).tobytes(), rows.tobytes(), columns.tobytes())
    try:
        found = factors(*parts, (kind.char, rows.dtype.char), len(b), permc)
    except RuntimeError as error:
        if "singular" not in str(error):
            raise
        warnings.warn("Matrix is exactly singular", MatrixRankWarning, stacklevel=2)
        return np.full_like(b, np.nan)
    return found.solve(b, "T" if trans else "N")


def right_side(tangents: Any, x: Any, rows: Any, columns: Any, trans: bool) -> Any:
    """Return b_dot less what the moved matrix does to x."""
    moved, _, _, right = tangents
    if moved is None:
        return right
    places = (columns, rows) if trans else (rows, columns)
    part = apply(PRODUCT, moved, *places, x, shape=(x.shape[0],) * 2)
    return -part if right is None else right - part


def gradients(v: Any, x: Any, rows: Any, columns: Any, trans: bool) -> Any:
    """Return the gradients by the entries and by the right-hand side."""
    places = (columns, rows) if trans else (rows, columns)
    return -outer_products(v, x, *places), None, None, v


def solve_jvp(
    tangents: Any,
    x: Any,
    data: Any,
    rows: Any,
    columns: Any,
    b: Any,
    *,
    trans: bool,
    permc: Any,
) -> Any:
    """Return the solution for b_dot less what the moved matrix does to x."""
    right = right_side(tangents, x, rows, columns, trans)
    return apply(SOLVE, data, rows, columns, right, trans=trans, permc=permc)


def solve_vjp(
    g: Any,
    x: Any,
    data: Any,
    rows: Any,
    columns: Any,
    b: Any,
    *,
    trans: bool,
    permc: Any,
) -> Any:
    """Return the gradients by the entries and by the right-hand side."""
    v = apply(SOLVE, data, rows, columns, g, trans=not trans, permc=permc)
    return gradients(v, x, rows, columns, trans)


SOLVE = general(
    "sparse_solve",
    evaluate_solve,
    form=Routine(),
    jvp=solve_jvp,
    vjp=solve_vjp,
    reads=(True, True, True, False),
)


def square_entries(A: Any) -> Entries:
    """Return the entries of a square matrix."""
    from scipy import sparse

    if not sparse.issparse(A):
        A = sparse.csc_array(A)
    given = entries(A)
    if given.shape[0] != given.shape[1]:
        raise ValueError(f"matrix must be square (has shape {given.shape})")
    return given


def of_matrix(args: Any) -> Any:
    """Return the entries of the first argument."""
    return getattr(args[0], "data", None) if hasattr(args[0], "format") else None


@answers_named("scipy.sparse.linalg.spsolve", looks_into=of_matrix)
def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:
    """Answer ``scipy.sparse.linalg.spsolve``, for right-hand sides that are dense."""
    from scipy import sparse

    if sparse.issparse(b):
        raise UnsupportedError(
            explain(
                "scipy.sparse.linalg.spsolve with a sparse right-hand side",
                "which elements of the solution are zero is no part of a tape",
                "scipy.sparse.linalg.spsolve(A, b.toarray())",
            )
        )
    given, b = square_entries(A), as_array(b)
    if given.shape[0] != b.shape[0]:
        raise ValueError(
            f"matrix - rhs dimension mismatch ({given.shape} - {b.shape[0]})"
        )
    b = np.ravel(b) if b.ndim == 2 and b.shape[1] == 1 else b
    return apply(SOLVE, *given[:3], b, trans=False, permc=permc_spec)


class Factors:
    """What ``splu`` returns while recording: its equations are solved on the tape."""

    def __init__(self, A: Any, permc: Any) -> None:
        self.given, self.permc = square_entries(A), permc
        self.shape, self.nnz = self.given.shape, len(self.given.rows)

    def solve(self, rhs: Any, trans: str = "N") -> Any:
        """Return the solution for one or several right-hand sides."""
        how = {"trans": trans != "N", "permc": self.permc}
        if trans == "H":
            return np.conj(self.solve(np.conj(rhs), "T"))
        return apply(SOLVE, *self.given[:3], as_array(rhs), **how)


@answers_named("scipy.sparse.linalg.splu", looks_into=of_matrix)
def recorded_splu(A: Any, permc_spec: Any = None, **_: Any) -> Any:
    """Answer ``scipy.sparse.linalg.splu`` of recorded entries."""
    return Factors(A, permc_spec)


@answers_named("scipy.sparse.linalg.factorized", looks_into=of_matrix)
def factorized(A: Any) -> Callable[[Any], Any]:
    """Answer ``scipy.sparse.linalg.factorized`` of recorded entries."""
    return Factors(A, None).solve


# Iterative methods: the solution is an implicit function of the equations


def evaluate_iterative(
    data: Any,
    rows: Any,
    columns: Any,
    b: Any,
    x0: Any,
    *,
    method: str,
    options: tuple[tuple[str, Any], ...],
) -> Any:
    """Return the solution and whether it was found, as SciPy does."""
    from scipy import sparse
    from scipy.sparse import linalg

    n = len(b)
    matrix = sparse.csr_array((data, (rows, columns)), shape=(n, n))
    x, info = getattr(linalg, method)(matrix, b, x0, **dict(options))
    return x, np.int64(info)


def iterative_jvp(
    tangents: Any,
    results: Any,
    data: Any,
    rows: Any,
    columns: Any,
    b: Any,
    x0: Any,
    *,
    method: str,
    options: Any,
) -> Any:
    """Return the exact solution for b_dot less what the moved matrix does to x."""
    right = right_side(tangents[:4], results[0], rows, columns, False)
    if right is None:
        return None, None
    return apply(SOLVE, data, rows, columns, right, trans=False, permc=None), None


def iterative_vjp(
    g: Any,
    results: Any,
    data: Any,
    rows: Any,
    columns: Any,
    b: Any,
    x0: Any,
    *,
    method: str,
    options: Any,
) -> Any:
    """Return the gradients by the entries and by the right-hand side."""
    if g[0] is None:
        return (None,) * 5
    v = apply(SOLVE, data, rows, columns, g[0], trans=True, permc=None)
    return (*gradients(v, results[0], rows, columns, False), None)


ITERATIVE = general(
    "sparse_iterative",
    evaluate_iterative,
    form=Routine(),
    jvp=iterative_jvp,
    vjp=iterative_vjp,
    results=2,
    reads=(True, True, True, False, False),
)


def iterative(method: str) -> None:
    """Answer an iterative method for matrices that are given by their entries."""

    def answer(A: Any, b: Any, x0: Any = None, **options: Any) -> Any:
        from scipy import sparse

        if not sparse.issparse(A) or any(
            options.get(name) is not None for name in ("M", "callback")
        ):
            raise UnsupportedError(
                explain(
                    f"scipy.sparse.linalg.{method} with a linear operator, M= or "
                    "callback= of recorded values",
                    "derivatives are solutions with the matrix, and with its transpose",
                    f"scipy.sparse.linalg.{method}(A, b, rtol=...) of a sparse matrix, "
                    "or spsolve",
                )
            )
        given, b = square_entries(A), as_array(b)
        x0 = np.zeros(b.shape[0]) if x0 is None else as_array(x0)
        known = tuple(sorted((k, v) for k, v in options.items() if v is not None))
        b = np.ravel(b) * 1.0
        return apply(ITERATIVE, *given[:3], b, x0, method=method, options=known)

    answers_named(f"scipy.sparse.linalg.{method}", looks_into=of_matrix)(answer)


for _method in ("cg", "gmres", "bicgstab", "bicg", "cgs", "minres"):
    iterative(_method)
