"""Matrices that are given by fewer numbers: Toeplitz, banded, block diagonal."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers_named, apply, general
from wengert.core.types import plain_example
from wengert.ops.elements import conjugate
from wengert.ops.index import INDEX_ADD, Placeholder, Slice
from wengert.ops.join import as_array
from wengert.ops.linalg.triangular import with_columns

# Toeplitz matrices: an element depends on how far it is from the diagonal


@answers_named("scipy.linalg.toeplitz")
def toeplitz(c: Any, r: Any = None) -> Any:
    """Answer ``scipy.linalg.toeplitz``: elements of one row, at their places."""
    c = np.atleast_1d(as_array(c))
    r = conjugate(c) if r is None else np.atleast_1d(as_array(r))
    m, n = c.shape[-1], r.shape[-1]
    lead = np.broadcast_shapes(c.shape[:-1], r.shape[:-1])
    c, r = np.broadcast_to(c, (*lead, m)), np.broadcast_to(r, (*lead, n))
    elements = np.concatenate([r[..., :0:-1], c], axis=-1)
    return elements[..., places(m, n)]


@answers_named("scipy.linalg.circulant")
def circulant(c: Any) -> Any:
    """Answer ``scipy.linalg.circulant``: every column is the one before, turned."""
    c = np.atleast_1d(as_array(c))
    n = c.shape[-1]
    return c[..., (np.arange(n)[:, None] - np.arange(n)) % max(n, 1)]


@answers_named("scipy.linalg.hankel")
def hankel(c: Any, r: Any = None) -> Any:
    """Answer ``scipy.linalg.hankel``: an element depends on the sum of its places."""
    c = as_array(c)
    r = np.zeros_like(c) if r is None else as_array(r)
    if c.ndim > 1 or r.ndim > 1:  # SciPy warns of these
        linalg_of_plain("hankel", c, r)
        c, r = np.ravel(c), np.ravel(r)
    elements = np.concatenate([c, r[1:]])
    return elements[np.arange(len(c))[:, None] + np.arange(len(r))]


def linalg_of_plain(name: str, *operands: Any) -> Any:
    """Return what SciPy makes of plain numbers of the same types, and its warnings."""
    from scipy import linalg

    return getattr(linalg, name)(*map(plain_example, operands))


def places(m: int, n: int) -> Any:
    """Return how far each element is below the last of the first row."""
    return np.arange(m)[:, None] - np.arange(n) + n - 1


def sums_of_diagonals(x: Any) -> Any:
    """Return the sums along the diagonals of square matrices, from the upper right."""
    n = x.shape[-1]
    zeros = np.zeros((*x.shape[:-2], 2 * n - 1), x.dtype)
    key = (Ellipsis, Placeholder(0))
    return apply(INDEX_ADD, zeros, x, places(n, n), chain=(), key=key)


def evaluate_solve_toeplitz(c: Any, r: Any, b: Any, *, check_finite: bool) -> Any:
    """Return ``scipy.linalg.solve_toeplitz``."""
    from scipy import linalg

    return linalg.solve_toeplitz((c, r), b, check_finite=check_finite)


def flipped(c: Any, r: Any) -> tuple[Any, Any]:
    """Return the first column and row of the transpose: the first of r is not read."""
    return np.concatenate([c[..., :1], r[..., 1:]], axis=-1), c


def solve_toeplitz_jvp(
    tangents: Any, x: Any, c: Any, r: Any, b: Any, *, check_finite: bool
) -> Any:
    """Return the solution for b_dot less what the moved matrix does to x."""
    c_dot, r_dot, right = tangents
    if c_dot is not None or r_dot is not None:
        c_dot = np.zeros_like(c) if c_dot is None else c_dot
        r_dot = np.zeros_like(r) if r_dot is None else r_dot
        moved = np.matmul(toeplitz(c_dot, r_dot), x)
        right = -moved if right is None else right - moved
    return apply(SOLVE_TOEPLITZ, c, r, right, check_finite=False)


def solve_toeplitz_vjp(
    g: Any, x: Any, c: Any, r: Any, b: Any, *, check_finite: bool
) -> Any:
    """Return the gradients by the column, by the row and by the right-hand side."""
    v = apply(SOLVE_TOEPLITZ, *flipped(c, r), g, check_finite=False)
    sums = -sums_of_diagonals(np.matmul(v, np.swapaxes(x, -1, -2)))
    n = c.shape[-1]
    first = np.zeros((*sums.shape[:-1], 1), sums.dtype)
    by_row = np.concatenate([first, sums[..., : n - 1][..., ::-1]], axis=-1)
    return sums[..., n - 1 :], by_row, v


SOLVE_TOEPLITZ = general(
    "solve_toeplitz",
    evaluate_solve_toeplitz,
    form=Routine(core=(1, 1, 2)),
    jvp=solve_toeplitz_jvp,
    vjp=solve_toeplitz_vjp,
    reads=(True, True, False),
)


def like_scipys(c_or_cr: Any, b: Any) -> Any:
    """Return the solution of no equations, in the type that SciPy gives it."""
    from scipy import linalg

    is_pair = isinstance(c_or_cr, tuple)
    given = tuple(map(plain_example, c_or_cr)) if is_pair else plain_example(c_or_cr)
    return b.astype(linalg.solve_toeplitz(given, plain_example(b)).dtype)


@answers_named("scipy.linalg.solve_toeplitz")
def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """Answer ``scipy.linalg.solve_toeplitz``."""
    if isinstance(c_or_cr, tuple):
        c, r = map(as_array, c_or_cr)
    else:
        c = as_array(c_or_cr)
        r = conjugate(c)
    if not c.shape[-1]:
        return like_scipys(c_or_cr, as_array(b))
    how = {"check_finite": bool(check_finite)}
    return with_columns(lambda b: apply(SOLVE_TOEPLITZ, c, r, b, **how), b)


# Banded matrices: row u + i - j of `ab` has the elements i, j of the matrix


def evaluate_solve_banded(
    ab: Any, b: Any, *, below: int, above: int, check_finite: bool
) -> Any:
    """Return ``scipy.linalg.solve_banded``."""
    from scipy import linalg

    return linalg.solve_banded((below, above), ab, b, check_finite=check_finite)


def rows_of_band(below: int, above: int, n: int) -> tuple[Any, Any]:
    """Return of every place of a band which row of the matrix it is in, and whether."""
    rows = np.arange(n) + np.arange(-above, below + 1)[:, None]
    return np.clip(rows, 0, max(n - 1, 0)), (rows >= 0) & (rows < n)


def outer_band(v: Any, x: Any, below: int, above: int) -> Any:
    """Return the band of the sum of products of columns, v x^T."""
    rows, inside = rows_of_band(below, above, x.shape[-2])
    products = np.multiply(v[..., rows, :], x[..., None, :, :])
    return np.multiply(np.sum(products, axis=-1), inside)


def times_band(ab: Any, x: Any, below: int, above: int) -> Any:
    """Return the product of a banded matrix and columns."""
    n = x.shape[-2]
    rows, inside = rows_of_band(below, above, n)
    products = np.multiply(np.multiply(ab, inside)[..., None], x[..., None, :, :])
    zeros = np.zeros((*products.shape[:-3], n, x.shape[-1]), products.dtype)
    key = (Ellipsis, Placeholder(0), Slice(None, None, None))
    return apply(INDEX_ADD, zeros, products, rows, chain=(), key=key)


def flipped_band(ab: Any, below: int, above: int) -> Any:
    """Return the band of the transpose."""
    n = ab.shape[-1]
    columns, inside = rows_of_band(above, below, n)
    rows = np.arange(below + above, -1, -1)[:, None]
    return np.multiply(ab[..., rows, columns], inside)


def solve_banded_jvp(
    tangents: Any,
    x: Any,
    ab: Any,
    b: Any,
    *,
    below: int,
    above: int,
    check_finite: bool,
) -> Any:
    """Return the solution for b_dot less what the moved matrix does to x."""
    moved, right = tangents
    if moved is not None:
        part = times_band(moved, x, below, above)
        right = -part if right is None else right - part
    how = {"below": below, "above": above, "check_finite": False}
    return apply(SOLVE_BANDED, ab, right, **how)


def solve_banded_vjp(
    g: Any, x: Any, ab: Any, b: Any, *, below: int, above: int, check_finite: bool
) -> Any:
    """Return the gradients by the band and by the right-hand side."""
    how = {"below": above, "above": below, "check_finite": False}
    v = apply(SOLVE_BANDED, flipped_band(ab, below, above), g, **how)
    return -outer_band(v, x, below, above), v


SOLVE_BANDED = general(
    "solve_banded",
    evaluate_solve_banded,
    form=Routine(core=(2, 2)),
    jvp=solve_banded_jvp,
    vjp=solve_banded_vjp,
    reads=(True, False),
)


@answers_named("scipy.linalg.solve_banded")
def solve_banded(
    l_and_u: Any,
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.solve_banded``."""
    below, above = map(int, l_and_u)
    ab = as_array(ab)
    if below + above + 1 != ab.shape[-2]:
        raise ValueError(
            f"invalid values for the number of lower and upper diagonals: l+u+1 "
            f"({below + above + 1}) does not equal ab.shape[0] ({ab.shape[0]})"
        )
    how = {"below": below, "above": above, "check_finite": bool(check_finite)}
    return with_columns(lambda b: apply(SOLVE_BANDED, ab, b, **how), b)


def evaluate_solveh_banded(ab: Any, b: Any, *, lower: bool, check_finite: bool) -> Any:
    """Return ``scipy.linalg.solveh_banded``."""
    from scipy import linalg

    return linalg.solveh_banded(ab, b, lower=lower, check_finite=check_finite)


def whole_band(ab: Any, lower: bool) -> Any:
    """Return the whole band of the Hermitian matrix of which one half is given."""
    u = ab.shape[-2] - 1
    half = ab if lower else np.conjugate(ab[..., ::-1, :])
    if not lower:  # a row of the other half starts where that of this one ends
        columns, inside = rows_of_band(u, 0, ab.shape[-1])
        half = np.multiply(half[..., np.arange(u + 1)[:, None], columns], inside)
    main = np.real(half[..., :1, :]) / 2
    half = np.concatenate([main, half[..., 1:, :]], axis=-2)
    zeros = np.zeros((*half.shape[:-2], u, half.shape[-1]), half.dtype)
    band = np.concatenate([zeros, half], axis=-2)
    return band + np.conjugate(flipped_band(band, u, u))


def solveh_banded_jvp(
    tangents: Any, x: Any, ab: Any, b: Any, *, lower: bool, check_finite: bool
) -> Any:
    """Return the solution for b_dot less what the moved matrix does to x."""
    moved, right = tangents
    if moved is not None:
        u = ab.shape[-2] - 1
        part = times_band(whole_band(moved, lower), x, u, u)
        right = -part if right is None else right - part
    return apply(SOLVEH_BANDED, ab, right, lower=lower, check_finite=False)


def solveh_banded_vjp(
    g: Any, x: Any, ab: Any, b: Any, *, lower: bool, check_finite: bool
) -> Any:
    """Return the gradients by the half that was read and by the right-hand side."""
    v = apply(SOLVEH_BANDED, ab, conjugate(g), lower=lower, check_finite=False)
    u = ab.shape[-2] - 1
    first, second = conjugate(x), conjugate(v)
    below, above = (u, 0) if lower else (0, u)
    found = outer_band(v, first, below, above) + outer_band(x, second, below, above)
    main = 0 if lower else u
    half = np.ones((u + 1, 1))
    half[main] = 0.5
    return -conjugate(np.multiply(found, half)), conjugate(v)


SOLVEH_BANDED = general(
    "solveh_banded",
    evaluate_solveh_banded,
    form=Routine(core=(2, 2)),
    jvp=solveh_banded_jvp,
    vjp=solveh_banded_vjp,
    reads=(True, False),
)


@answers_named("scipy.linalg.solveh_banded")
def solveh_banded(
    ab: Any,
    b: Any,
    overwrite_ab: bool = False,
    overwrite_b: bool = False,
    lower: bool = False,
    check_finite: bool = True,
) -> Any:
    """Answer ``scipy.linalg.solveh_banded``."""
    ab = as_array(ab)
    how = {"lower": bool(lower), "check_finite": bool(check_finite)}
    return with_columns(lambda b: apply(SOLVEH_BANDED, ab, b, **how), b)


# Matrices of blocks on the diagonal


@answers_named("scipy.linalg.block_diag")
def block_diag(*arrs: Any) -> Any:
    """Answer ``scipy.linalg.block_diag``."""
    blocks = [np.atleast_2d(as_array(a)) for a in arrs or ([],)]
    lead = np.broadcast_shapes(*(a.shape[:-2] for a in blocks))
    kind = np.result_type(*(a.dtype for a in blocks))
    width, left, rows = sum(a.shape[-1] for a in blocks), 0, []
    for a in blocks:
        m, n = a.shape[-2:]
        a = np.broadcast_to(a, (*lead, m, n))
        before = np.zeros((*lead, m, left), kind)
        after = np.zeros((*lead, m, width - left - n), kind)
        rows.append(np.concatenate([before, a, after], axis=-1))
        left += n
    return np.concatenate(rows, axis=-2)
