"""Determinants, whose derivatives at singular matrices are those of a polynomial.

The gradient of a determinant is the matrix of cofactors.  It is the determinant times
the transposed inverse, both of one factorization, wherever there is an inverse; else it
is made of a singular value decomposition, by products that leave one value out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, general
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.elements import conjugate
from wengert.ops.linalg.triangles import adjoint, diagonal, square, transposed
from wengert.ops.results import SlogdetResult


def det_jvp(tangents: Any, d: Any, a: Any) -> Any:
    """Return the sum of the cofactors times the tangent's elements."""
    return paired(tangents[0], apply(COFACTORS, a))


def paired(t: Any, x: Any) -> Any:
    """Return the sums of products of the elements of matrices; a zero absorbs."""
    return np.sum(apply(CHAIN_PRODUCT, t, x), axis=(-2, -1))


def det_vjp(g: Any, d: Any, a: Any) -> Any:
    """Return the cofactors."""
    return (np.multiply(g[..., None, None], apply(COFACTORS, a)),)


DET = general(
    "det",
    np.linalg.det,
    form=Routine(core=(2,), native="determinant(x)"),
    jvp=det_jvp,
    vjp=det_vjp,
    numpy=(np.linalg.det,),
)

# Cofactors, and their derivative, which is the second one of the determinant


@np.errstate(all="ignore")
def evaluate_cofactors(a: Any) -> Any:
    """Return the matrices of cofactors."""
    d = np.linalg.det(a)
    try:
        found = transposed(np.linalg.inv(a)) * d[..., None, None]
    except LinAlgError:
        found = np.full(a.shape, np.nan, np.result_type(a, d))
    known = np.isfinite(found).all(axis=(-2, -1)) & (d != 0)
    singular = ~known & np.isfinite(a).all(axis=(-2, -1))
    if singular.any():
        found[singular] = singular_cofactors(a[singular])
    return found


def singular_cofactors(a: Any) -> Any:
    """Return cofactors of any matrices: those of a product are the product of theirs.

    For a unitary matrix they are its conjugate times its determinant.
    """
    u, s, vh = np.linalg.svd(a)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    values = products_without_one(s)
    return np.matmul(conjugate(u) * values[..., None, :], conjugate(vh)) * sign


def products_without_one(s: Any) -> Any:
    """Return for each number of a row the product of all others."""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], axis=-1), axis=-1)
    return before[..., : s.shape[-1]] * after[..., ::-1][..., : s.shape[-1]]


def products_without_two(s: Any) -> Any:
    """Return for each pair of numbers of a row the product of all others; 0 for one."""
    zeros = s == 0
    others = np.where(zeros, 1.0, s)
    total = np.prod(others, axis=-1)[..., None, None]
    found = total / others[..., :, None] / others[..., None, :]
    left = np.sum(zeros, axis=-1)[..., None, None]
    left = left - zeros[..., :, None] - zeros[..., None, :]
    return np.where((left > 0) | np.eye(s.shape[-1], dtype=bool), 0.0, found)


@np.errstate(all="ignore")
def evaluate_cofactors_tangent(a: Any, t: Any) -> Any:
    """Return the derivative of the cofactors along a tangent."""
    a, t = np.broadcast_arrays(a, t)
    found = np.full(a.shape, np.nan, np.result_type(a, t))
    finite = np.isfinite(a).all(axis=(-2, -1))
    found[finite] = cofactors_along(a[finite], t[finite])
    return found


def cofactors_along(a: Any, t: Any) -> Any:
    """Return it for finite matrices: of a diagonal one each element is a product."""
    u, s, vh = np.linalg.svd(a)
    sign = (np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    others = products_without_two(s)
    e = np.matmul(np.matmul(adjoint(u), t), adjoint(vh))
    along = np.matmul(others, diagonal(e)[..., None])
    inner = along * np.eye(s.shape[-1]) - others * transposed(e)
    return np.matmul(np.matmul(conjugate(u), inner), conjugate(vh)) * sign


def cofactors_jvp(tangents: Any, c: Any, a: Any) -> Any:
    """Return the derivative along the tangent."""
    return apply(COFACTORS_TANGENT, a, tangents[0])


def cofactors_vjp(g: Any, c: Any, a: Any) -> Any:
    """Return the same: the second derivative of the determinant is symmetric."""
    return (apply(COFACTORS_TANGENT, a, g),)


def third_derivative(a: Any, t: Any, f: Any) -> Any:
    """Return the third derivative along two tangents, which takes an inverse."""
    b = np.linalg.inv(a)
    by_t, by_f = np.matmul(b, t), np.matmul(b, f)
    x, y = trace(by_t), trace(by_f)
    once = np.matmul(by_t, by_f)
    inner = (x * y - trace(once)) * b + np.matmul(once + np.matmul(by_f, by_t), b)
    inner = inner - x * np.matmul(by_f, b) - y * np.matmul(by_t, b)
    return np.multiply(np.linalg.det(a)[..., None, None], transposed(inner))


def cofactors_tangent_jvp(tangents: Any, y: Any, a: Any, t: Any) -> Any:
    """Return the derivative by the matrix, and what is linear in the tangent."""
    a_dot, t_dot = tangents
    linear = None if t_dot is None else apply(COFACTORS_TANGENT, a, t_dot)
    if a_dot is None:
        return linear
    third = third_derivative(a, t, a_dot)
    return third if linear is None else linear + third


def cofactors_tangent_vjp(g: Any, y: Any, a: Any, t: Any) -> Any:
    """Return the same along the gradient: derivatives of the determinant commute."""
    return third_derivative(a, t, g), apply(COFACTORS_TANGENT, a, g)


def trace(x: Any) -> Any:
    """Return traces that broadcast against the matrices."""
    return np.sum(diagonal(x), axis=-1)[..., None, None]


COFACTORS = general(
    "cofactors",
    evaluate_cofactors,
    form=Routine(core=(2,), native="cofactors(x)"),
    jvp=cofactors_jvp,
    vjp=cofactors_vjp,
)
COFACTORS_TANGENT = general(
    "cofactors_tangent",
    evaluate_cofactors_tangent,
    form=Routine(core=(2, 2)),
    jvp=cofactors_tangent_jvp,
    vjp=cofactors_tangent_vjp,
)

# The logarithm of the determinant


def evaluate_slogdet(a: Any) -> Any:
    """Return ``np.linalg.slogdet``."""
    return tuple(np.linalg.slogdet(a))


@np.errstate(all="ignore")
def evaluate_slogdet_gradient(a: Any) -> Any:
    """Return the transposed inverse; cofactors over 0, its limit, where there is none.

    Zeros among them stay zeros.
    """
    try:
        return transposed(np.linalg.inv(a))
    except LinAlgError:
        c, d = evaluate_cofactors(a), np.linalg.det(a)[..., None, None]
        return np.where(c == 0, c, c / d)


def slogdet_gradient_jvp(tangents: Any, y: Any, a: Any) -> Any:
    """Return -y a_dot^T y."""
    return -np.matmul(np.matmul(y, transposed(tangents[0])), y)


def slogdet_gradient_vjp(g: Any, y: Any, a: Any) -> Any:
    """Return -y g^T y."""
    return (-np.matmul(np.matmul(y, transposed(g)), y),)


SLOGDET_GRADIENT = general(
    "slogdet_gradient",
    evaluate_slogdet_gradient,
    form=Routine(core=(2,), native="transposed(inverse(x))"),
    jvp=slogdet_gradient_jvp,
    vjp=slogdet_gradient_vjp,
)


def slogdet_jvp(tangents: Any, results: Any, a: Any) -> Any:
    """Return the tangents of the sign, which turns if it is complex, and the size."""
    moved = paired(tangents[0], apply(SLOGDET_GRADIENT, a))
    sign = results[0]
    if sign.dtype.kind != "c":
        return np.zeros(sign.shape, sign.dtype), moved
    return np.multiply(np.multiply(1j, sign), np.imag(moved)), np.real(moved)


def slogdet_vjp(gradients: Any, results: Any, a: Any) -> Any:
    """Return the transposed inverse times the gradients."""
    by_sign, by_size = gradients
    g = by_size
    if by_sign is not None and results[0].dtype.kind == "c":
        turned = np.multiply(1j, np.imag(np.multiply(by_sign, results[0])))
        g = turned if g is None else g + turned
    if g is None:
        return (None,)
    return (np.multiply(g[..., None, None], apply(SLOGDET_GRADIENT, a)),)


SLOGDET = general(
    "slogdet",
    evaluate_slogdet,
    form=Routine(core=(2,), native=("sign(x)", "log_size(x)")),
    jvp=slogdet_jvp,
    vjp=slogdet_vjp,
    results=2,
    reads=(True,),
)


@answers(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    """Answer ``np.linalg.slogdet``."""
    return SlogdetResult(*apply(SLOGDET, square(a)))
