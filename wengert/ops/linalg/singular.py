"""Singular values, and least squares and pseudoinverses, which are made of them.

Wan and Zhang, "Automatic differentiation for complex valued SVD" (2019); Golub and
Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
whose variables separate" (1973), equation 4.12.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, constant_of, general
from wengert.ops.elements import conjugate
from wengert.ops.join import as_array
from wengert.ops.linalg.gaps import inverse_gaps, inverse_values
from wengert.ops.linalg.triangles import (
    adjoint,
    diagonal,
    from_triangle,
    matrices,
    on_diagonal,
    onto_triangle,
    plain,
    real_type,
    square,
    transposed,
)
from wengert.ops.results import SVDResult

# A matrix as u diag(s) vh, with as many singular vectors as values


def evaluate_svd(a: Any) -> Any:
    """Return ``np.linalg.svd`` without the vectors that belong to no value."""
    return tuple(np.linalg.svd(a, full_matrices=False))


def rotations(s: Any, inner: Any) -> tuple[Any, Any]:
    """Return how singular vectors turn among themselves, for u^H a_dot v.

    Where numbers are complex, u takes all of the phase.
    """
    f = inverse_gaps(s, squares=True)
    across, down = s[..., None, :], s[..., :, None]
    other = adjoint(inner)
    left = np.multiply(f, np.multiply(inner, across) + np.multiply(down, other))
    right = np.multiply(f, np.multiply(down, inner) + np.multiply(other, across))
    if inner.dtype.kind == "c":
        phase = np.multiply(np.imag(diagonal(inner)), inverse_values(s))
        left = left + on_diagonal(np.multiply(1j, phase))
    return left, right


def without_tips(x: Any, s: Any) -> Any:
    """Return derivatives by singular values, 0 for values that are 0 to rounding.

    Like a size, such a value grows whichever way the matrix moves.
    """
    tiny = s.shape[-1] * np.finfo(s.dtype).eps
    return np.multiply(x, s > tiny * np.max(s, axis=-1, keepdims=True, initial=0))


def svd_jvp(tangents: Any, results: Any, a: Any) -> Any:
    """Return the tangents of the values, and of both kinds of vectors."""
    (u, s, vh), moved = results, tangents[0]
    k, m, n = s.shape[-1], u.shape[-2], vh.shape[-1]
    v = adjoint(vh)
    inner = np.matmul(np.matmul(adjoint(u), moved), v)
    left, right = rotations(s, inner)
    u_dot, v_dot = np.matmul(u, left), np.matmul(v, right)
    if m > k:
        outside = outside_of(u, np.matmul(moved, v))
        u_dot = u_dot + scaled(outside, inverse_values(s))
    if n > k:
        outside = outside_of(v, np.matmul(adjoint(moved), u))
        v_dot = v_dot + scaled(outside, inverse_values(s))
    return u_dot, without_tips(np.real(diagonal(inner)), s), adjoint(v_dot)


def outside_of(q: Any, x: Any) -> Any:
    """Return the part of `x` that is orthogonal to the columns of `q`."""
    return x - np.matmul(q, np.matmul(adjoint(q), x))


def svd_vjp(gradients: Any, results: Any, a: Any) -> Any:
    """Return the gradient by the matrix: what is between the vectors, and outside."""
    by_u, by_s, by_vh = gradients
    u, s, vh = results
    by_s = None if by_s is None else without_tips(by_s, s)
    if by_u is None and by_vh is None:
        return (np.matmul(scaled(conjugate(u), by_s), conjugate(vh)),)
    gaps = inverse_gaps(s, squares=True)
    inner: Any = None if by_s is None else on_diagonal(by_s)
    if by_u is not None:
        by_u = conjugate(by_u)
        along_u = np.matmul(adjoint(u), by_u)
        inner = added(inner, scaled(twice_hermitian(gaps, along_u), s))
        if inner.dtype.kind == "c":
            phase = np.multiply(np.imag(diagonal(along_u)), inverse_values(s))
            inner = inner + on_diagonal(np.multiply(1j, phase))
    if by_vh is not None:
        by_v = transposed(by_vh)
        along_v = np.matmul(vh, by_v)
        turn = np.multiply(s[..., :, None], twice_hermitian(gaps, along_v))
        inner = added(inner, turn)
    left = np.matmul(u, inner)
    if by_u is not None and u.shape[-2] > s.shape[-1]:
        left = left + scaled(by_u - np.matmul(u, along_u), inverse_values(s))
    found = np.matmul(left, vh)
    if by_vh is not None and vh.shape[-1] > s.shape[-1]:
        outside = scaled(by_v - np.matmul(adjoint(vh), along_v), inverse_values(s))
        found = found + np.matmul(u, adjoint(outside))
    return (conjugate(found),)


def twice_hermitian(gaps: Any, x: Any) -> Any:
    """Return the product and its adjoint in one sum."""
    found = np.multiply(gaps, x)
    return found + adjoint(found)


def scaled(x: Any, by: Any) -> Any:
    """Return matrices with each column times a number."""
    return np.multiply(x, by[..., None, :])


def added(x: Any, y: Any) -> Any:
    """Return a sum, of which the first term may be none."""
    return y if x is None else x + y


SVD = general(
    "svd",
    evaluate_svd,
    form=Routine(core=(2,)),
    jvp=svd_jvp,
    vjp=svd_vjp,
    results=3,
    reads=(False,),
)

# The same with the vectors of no value: they turn only as orthogonality has them turn


def evaluate_svd_full(a: Any) -> Any:
    """Return ``np.linalg.svd``."""
    return tuple(np.linalg.svd(a))


def svd_full_jvp(tangents: Any, results: Any, a: Any) -> Any:
    """Return the tangents of the values, and of all vectors."""
    u, s, vh = results
    k = s.shape[-1]
    v = adjoint(vh)
    inner = np.matmul(np.matmul(adjoint(u), tangents[0]), v)
    left, right = rotations(s, inner[..., :k, :k])
    inverse = inverse_values(s)
    u_dot = np.matmul(u, turning(left, scaled(inner[..., k:, :k], inverse)))
    below = scaled(adjoint(inner[..., :k, k:]), inverse)
    v_dot = np.matmul(v, turning(right, below))
    values = without_tips(np.real(diagonal(inner[..., :k, :k])), s)
    return u_dot, values, adjoint(v_dot)


def turning(inside: Any, below: Any) -> Any:
    """Return the skew matrix of a block and what lies below it."""
    corner = np.zeros((*below.shape[:-1], below.shape[-2]), below.dtype)
    top = np.concatenate([inside, -adjoint(below)], axis=-1)
    return np.concatenate([top, np.concatenate([below, corner], axis=-1)], axis=-2)


SVD_FULL = general(
    "svd_full",
    evaluate_svd_full,
    form=Routine(core=(2,)),
    jvp=svd_full_jvp,
    results=3,
    reads=(False,),
)

# Singular values alone


def evaluate_svdvals(a: Any) -> Any:
    """Return ``np.linalg.svdvals``."""
    return np.linalg.svd(a, compute_uv=False)


def svdvals_jvp(tangents: Any, s: Any, a: Any) -> Any:
    """Return the diagonal of u^H a_dot v."""
    u, _, vh = apply(SVD, a)
    left = np.matmul(adjoint(u), tangents[0])
    moved = np.real(np.sum(np.multiply(left, conjugate(vh)), axis=-1))
    return without_tips(moved, s)


def svdvals_vjp(g: Any, s: Any, a: Any) -> Any:
    """Return u diag(g) vh, conjugated."""
    u, _, vh = apply(SVD, a)
    left = scaled(conjugate(u), without_tips(g, s))
    return (np.matmul(left, conjugate(vh)),)


SVDVALS = general(
    "svdvals",
    evaluate_svdvals,
    form=Routine(core=(2,)),
    jvp=svdvals_jvp,
    vjp=svdvals_vjp,
)


@answers(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Answer ``np.linalg.svd``."""
    a = matrices(a)
    if hermitian:
        return svd_hermitian(a, compute_uv)
    if not compute_uv:
        return apply(SVDVALS, a)
    is_full = full_matrices and a.shape[-1] != a.shape[-2]
    return SVDResult(*apply(SVD_FULL if is_full else SVD, a))


def svd_hermitian(a: Any, compute_uv: bool) -> Any:
    """Return the singular values of Hermitian matrices by their eigenvalues."""
    if not compute_uv:
        return np.sort(np.abs(np.linalg.eigvalsh(a)))[..., ::-1]
    w, v = np.linalg.eigh(a)
    sign, s = np.copysign(1.0, w), np.abs(w)
    order = np.argsort(s)[..., ::-1]
    sign = np.take_along_axis(sign, order, axis=-1)
    s = np.take_along_axis(s, order, axis=-1)
    u = np.take_along_axis(v, order[..., None, :], axis=-1)
    vh = conjugate(transposed(u * sign[..., None, :]))
    return SVDResult(u, s, vh)


@answers(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """Answer ``np.linalg.svdvals``."""
    return apply(SVDVALS, matrices(x))


# Pseudoinverses


def evaluate_pinv(a: Any, *, rcond: Any) -> Any:
    """Return ``np.linalg.pinv``."""
    return np.linalg.pinv(a, rcond)


def pinv_jvp(tangents: Any, p: Any, a: Any, *, rcond: Any) -> Any:
    """Return the tangent at constant rank."""
    return pinv_tangent(tangents[0], p, a)


def pinv_tangent(t: Any, p: Any, a: Any) -> Any:
    """Return -p t p + p p^H t^H (1 - a p) + (1 - p a) t^H p^H p."""
    q, h = adjoint(p), adjoint(t)
    left, right = product(p, q, h), product(h, q, p)
    left = left - product(left, a, p)
    right = right - product(p, a, right)
    return left + right - product(p, t, p)


def product(x: Any, y: Any, z: Any) -> Any:
    """Return a product of three matrices; what is between is the smaller one."""
    if x.shape[-2] * y.shape[-1] <= y.shape[-2] * z.shape[-1]:
        return np.matmul(np.matmul(x, y), z)
    return np.matmul(x, np.matmul(y, z))


def pinv_vjp(g: Any, p: Any, a: Any, *, rcond: Any) -> Any:
    """Return the gradient by the matrix at constant rank."""
    return (conjugate(pinv_gradient(conjugate(g), p, a)),)


def pinv_gradient(g: Any, p: Any, a: Any) -> Any:
    """Return (1 - a p) g^H p p^H + p^H p g^H (1 - p a) - p^H g p^H."""
    q, h = adjoint(p), adjoint(g)
    left, right = product(h, p, q), product(q, p, h)
    left = left - product(a, p, left)
    right = right - product(right, p, a)
    return left + right - product(q, g, q)


PINV = general(
    "pinv",
    evaluate_pinv,
    form=Routine(core=(2,)),
    jvp=pinv_jvp,
    vjp=pinv_vjp,
)


def evaluate_pinv_hermitian(a: Any, *, rcond: Any) -> Any:
    """Return ``np.linalg.pinv`` of Hermitian matrices."""
    return np.linalg.pinv(a, rcond, hermitian=True)


def pinv_hermitian_jvp(tangents: Any, p: Any, a: Any, *, rcond: Any) -> Any:
    """Return the tangent at constant rank."""
    return pinv_tangent(from_triangle(tangents[0]), p, from_triangle(a))


def pinv_hermitian_vjp(g: Any, p: Any, a: Any, *, rcond: Any) -> Any:
    """Return the gradient of the triangle that was read."""
    found = pinv_gradient(conjugate(g), p, from_triangle(a))
    return (onto_triangle(conjugate(found)),)


PINV_HERMITIAN = general(
    "pinv_hermitian",
    evaluate_pinv_hermitian,
    form=Routine(core=(2,)),
    jvp=pinv_hermitian_jvp,
    vjp=pinv_hermitian_vjp,
)
UNSET: Any = np._NoValue


@answers(np.linalg.pinv)
def pinv(
    a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = UNSET
) -> Any:
    """Answer ``np.linalg.pinv``: the values that are dropped are those of the value."""
    a = matrices(a)
    if rcond is not None and rtol is not UNSET:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if rcond is None:
        rcond = 1e-15 if rtol is UNSET else rtol
        if rcond is None:
            rcond = max(a.shape[-2:]) * np.finfo(a.dtype).eps
    rcond = as_setting(np.asarray(plain(rcond, "rcond")).tolist())
    if hermitian and a.size:
        return apply(PINV_HERMITIAN, square(a), rcond=rcond)
    return apply(PINV, a, rcond=rcond)


def as_setting(value: Any) -> Any:
    """Return a number, or nested lists of numbers as tuples."""
    return tuple(map(as_setting, value)) if isinstance(value, list) else value


# Least squares


def evaluate_lstsq(a: Any, b: Any, *, rcond: Any) -> Any:
    """Return ``np.linalg.lstsq`` of matrices."""
    return tuple(np.linalg.lstsq(a, b, rcond))


def lstsq_jvp(tangents: Any, results: Any, a: Any, b: Any, *, rcond: Any) -> Any:
    """Return the tangents at constant rank."""
    (x, residuals, _, s), (a_dot, b_dot) = results, tangents
    eps = float(np.finfo(s.dtype).eps)
    cut = eps * max(a.shape) if rcond is None else max(rcond, 0.0)
    p = apply(PINV, a, rcond=cut)
    left = b - np.matmul(a, x)
    off = np.zeros_like(b) if b_dot is None else b_dot
    x_more = None
    if a_dot is not None:
        off = off - np.matmul(a_dot, x)
        q, back = adjoint(p), adjoint(a_dot)
        high = np.matmul(back, np.matmul(q, x))
        x_more = high - np.matmul(p, np.matmul(a, high))
        x_more = x_more + np.matmul(p, np.matmul(q, np.matmul(back, left)))
    x_dot = np.matmul(p, off)
    x_dot = x_dot if x_more is None else x_dot + x_more
    sums = np.zeros_like(residuals)
    if residuals.size:
        sums = 2 * np.sum(np.real(np.multiply(conjugate(left), off)), axis=-2)
    return x_dot, sums, None, np.zeros_like(s)


LSTSQ = general(
    "lstsq",
    evaluate_lstsq,
    form=Routine(),
    jvp=lstsq_jvp,
    results=4,
    reads=(True,),
)


def evaluate_values(a: Any, s: Any) -> Any:
    """Return the singular values that were found."""
    return s * 1


def values_jvp(tangents: Any, result: Any, a: Any, s: Any) -> Any:
    """Return the tangents of the singular values."""
    if tangents[0] is None:
        return np.zeros_like(result)
    u, _, vh = apply(SVD, a)
    return np.real(diagonal(adjoint(u) @ tangents[0] @ adjoint(vh)))


#: The singular values that `LSTSQ` found, with the derivatives of a matrix's.
LSTSQ_VALUES = general(
    "lstsq_values",
    evaluate_values,
    form=Routine(),
    jvp=values_jvp,
    reads=(True, False),
)


@answers(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> Any:
    """Answer ``np.linalg.lstsq``: whether the rank is full is guarded."""
    a, b = as_array(a), as_array(b)
    is_vector = b.ndim == 1
    b = b[:, None] if is_vector else b
    for x in (a, b):
        if x.ndim != 2:
            raise LinAlgError(
                f"{x.ndim}-dimensional array given. Array must be two-dimensional"
            )
    if a.shape[0] != b.shape[0]:
        raise LinAlgError("Incompatible dimensions")
    rcond = None if rcond is None else float(plain(rcond, "rcond"))
    x, residuals, rank, s = apply(LSTSQ, a, b, rcond=rcond)
    s = apply(LSTSQ_VALUES, a, s)
    if a.shape[0] > a.shape[1]:
        rank = rank.dtype.type(operator.index(rank))
    return (x[:, 0] if is_vector else x), residuals, rank, s


# Condition and rank


@answers(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """Answer ``np.linalg.cond``."""
    x = matrices(x)
    if 0 in x.shape[-2:]:
        raise LinAlgError("cond is not defined on empty arrays")
    with np.errstate(all="ignore"):
        if p is None or p in (2, -2):
            s = apply(SVDVALS, x)
            first, last = s[..., 0], s[..., -1]
            found = last / first if p == -2 else first / last
        else:
            square(x)
            wide = np.result_type(x.dtype, np.float64)
            kind = real_type(x.dtype) if x.dtype.kind in "fc" else np.float64
            inverse = apply(INV_OR_NAN, x.astype(wide))
            found = np.linalg.norm(x, p, (-2, -1))
            found = found * np.linalg.norm(inverse, p, (-2, -1))
            found = found if found.dtype == kind else found.astype(kind)
    unknown = np.isnan(found)
    if np.any(unknown):
        unknown = unknown & ~np.any(np.isnan(x), axis=(-2, -1))
        found = np.where(unknown, found.dtype.type(np.inf), found)
        found = found if np.ndim(found) else found[()]
    return found


def evaluate_inv_or_nan(a: Any) -> Any:
    """Return the inverse; NaN where there is none."""
    try:
        return np.linalg.inv(a)
    except LinAlgError:
        square(a)
        found = np.full(a.shape, np.nan, a.dtype)
        for place in np.ndindex(a.shape[:-2]) if a.ndim > 2 else ():
            found[place] = evaluate_inv_or_nan(a[place])
        return found


def inv_or_nan_jvp(tangents: Any, y: Any, a: Any) -> Any:
    """Return -y a_dot y."""
    return -np.matmul(np.matmul(y, tangents[0]), y)


INV_OR_NAN = general(
    "inv_or_nan", evaluate_inv_or_nan, form=Routine(core=(2,)), jvp=inv_or_nan_jvp
)


def evaluate_matrix_rank(a: Any, *, hermitian: bool) -> Any:
    """Return ``np.linalg.matrix_rank`` with NumPy's tolerance."""
    return np.linalg.matrix_rank(a, hermitian=hermitian)


MATRIX_RANK = constant_of(
    "matrix_rank", evaluate_matrix_rank, form=Routine(core=(2,)), numpy=()
)


@answers(np.linalg.matrix_rank)
def matrix_rank(
    A: Any,
    tol: Any = None,
    hermitian: bool = False,
    *,
    rtol: Any = None,
) -> Any:
    """Answer ``np.linalg.matrix_rank``."""
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    a = as_array(A)
    if a.ndim < 2:
        return int(not np.all(a == 0))
    if tol is None and rtol is None:
        return apply(MATRIX_RANK, a, hermitian=bool(hermitian))
    s = svd(a, compute_uv=False, hermitian=hermitian)
    if tol is None:
        largest = np.max(s, axis=-1, keepdims=True, initial=0)
        tol = largest * as_array(rtol)[..., None]
    else:
        tol = as_array(tol)[..., None]
    return np.count_nonzero(s > tol, axis=-1)
