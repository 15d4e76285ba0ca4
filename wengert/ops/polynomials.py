"""Polynomials by their coefficients, the highest power first.

Each computes as NumPy's own code does, so that values are the same to the last bit.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
from numpy.exceptions import RankWarning

from wengert.core.operation import answers, apply
from wengert.core.types import Recorded
from wengert.errors import warn
from wengert.ops.axes import integer
from wengert.ops.join import as_array
from wengert.ops.linalg.eigen import is_real
from wengert.ops.numeric import VALUED_AS
from wengert.ops.results import REAL_EIGENVALUES

# Values, sums and products


@answers(np.polyval)
def polyval(p: Any, x: Any) -> Any:
    """Answer ``np.polyval``, by Horner's scheme."""
    p, x = as_array(p), as_array(x)
    y = np.zeros_like(x)
    for k in range(p.shape[0]):
        y = y * x + p[k]
    return y


@answers(np.vander)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Answer ``np.vander``: products of one more factor a column."""
    x = as_array(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    count = len(x) if N is None else integer(N)
    dtype = np.promote_types(x.dtype, int)
    columns = [np.astype(np.ones_like(x), dtype)] if count else []
    for _ in range(1, count):
        columns.append(columns[-1] * np.astype(x, dtype, copy=False))
    if not columns:
        return np.zeros_like(x, shape=(len(x), 0), dtype=dtype)
    return np.stack(columns if increasing else columns[::-1], axis=1)


@answers(np.polyadd)
def polyadd(a1: Any, a2: Any) -> Any:
    """Answer ``np.polyadd``."""
    a1, a2 = aligned(a1, a2)
    return a1 + a2


@answers(np.polysub)
def polysub(a1: Any, a2: Any) -> Any:
    """Answer ``np.polysub``."""
    a1, a2 = aligned(a1, a2)
    return a1 - a2


def aligned(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Return the coefficients of two polynomials, zeros in front of the shorter one."""
    a1, a2 = np.atleast_1d(as_array(a1)), np.atleast_1d(as_array(a2))
    missing = len(a2) - len(a1)
    if missing > 0:
        a1 = np.concatenate((np.zeros(missing, a1.dtype), a1))
    elif missing < 0:
        a2 = np.concatenate((np.zeros(-missing, a2.dtype), a2))
    return a1, a2


@answers(np.polymul)
def polymul(a1: Any, a2: Any) -> Any:
    """Answer ``np.polymul``, which drops leading zeros; how many is guarded."""
    a1, a2 = coefficients(a1), coefficients(a2)
    start1, start2 = leading_zeros(a1), leading_zeros(a2)
    product = np.convolve(a1[start1:], a2[start2:])
    if not (
        (start1 and isinstance(a1, Recorded)) or (start2 and isinstance(a2, Recorded))
    ):
        return product
    return apply(VALUED_AS, np.convolve(a1, a2)[start1 + start2 :], product)


def coefficients(p: Any) -> Any:
    """Return the coefficients of a polynomial: one 0 where none are given."""
    p = np.atleast_1d(as_array(p))
    return p if p.size else np.zeros(1, p.dtype)


def leading_zeros(p: Any) -> int:
    """Return how many coefficients come before the first that is not 0, or the last."""
    is_set = np.not_equal(p, 0)
    return int(np.argmax(is_set)) if np.any(is_set) else p.size - 1


@answers(np.polyder)
def polyder(p: Any, m: int = 1) -> Any:
    """Answer ``np.polyder``."""
    if m < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    p = as_array(p)
    for _ in range(m):
        p = p[:-1] * np.arange(len(p) - 1, 0, -1)
    return p


@answers(np.polyint)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """Answer ``np.polyint``."""
    if m < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = np.ravel(np.zeros(m) if k is None else as_array(k))
    if len(constants) == 1 and m > 1:
        constants = np.repeat(constants, m)
    if len(constants) < m:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    p = np.asarray(p)
    for order in range(m):
        p = np.concatenate((p / np.arange(len(p), 0, -1), constants[order : order + 1]))
    return p


@answers(np.polydiv)
def polydiv(u: Any, v: Any) -> tuple[Any, Any]:
    """Answer ``np.polydiv``; how many leading zeros the rest has is guarded."""
    u, v = np.atleast_1d(as_array(u)) + 0.0, np.atleast_1d(as_array(v)) + 0.0
    dtype = np.result_type(u.dtype, v.dtype)
    m, n = len(u) - 1, len(v) - 1
    scale = 1.0 / v[0]
    rest, quotient = np.astype(u, dtype), []
    for k in range(m - n + 1):
        factor = scale * rest[k]
        quotient.append(factor)
        rest = np.concatenate(
            (rest[:k], rest[k : k + n + 1] - factor * v, rest[k + n + 1 :])
        )
    while len(rest) > 1 and np.allclose(rest[0], 0, rtol=1e-14):
        rest = rest[1:]
    found = np.stack(quotient) if quotient else np.zeros(1, dtype)
    return np.astype(found, dtype, copy=False), rest


# Roots


@answers(np.poly)
def poly(seq_of_zeros: Any) -> Any:
    """Answer ``np.poly``: the coefficients by the roots, or those of a matrix."""
    zeros = np.atleast_1d(as_array(seq_of_zeros))
    shape = zeros.shape
    if len(shape) == 2 and shape[0] == shape[1] and shape[0] != 0:
        zeros = np.linalg.eigvals(zeros)
    elif len(shape) == 1:
        zeros = np.astype(zeros, np.mintypecode(zeros.dtype.char), copy=False)
    else:
        raise ValueError("input must be 1d or non-empty square 2d array.")
    if len(zeros) == 0:
        return 1.0
    one = np.ones(1, zeros.dtype)
    found = one
    for k in range(len(zeros)):
        found = np.convolve(found, np.concatenate((one, -zeros[k : k + 1])))
    if found.dtype.kind == "c":
        pairs = np.sort(zeros) == np.sort(np.conjugate(zeros))
        found = np.real(found) * 1.0 if np.all(pairs) else found
    return found


@answers(np.roots)
def roots(p: Any) -> Any:
    """Answer ``np.roots``: eigenvalues of the companion matrix.

    Which coefficients at the ends are 0 is guarded.
    """
    p = np.atleast_1d(as_array(p))
    if p.ndim != 1:
        raise ValueError("Input must be a rank-1 array.")
    places = np.nonzero(p)[0]
    if len(places) == 0:
        return np.array([])
    first, last = operator.index(places[0]), operator.index(places[-1])
    at_zero = len(p) - last - 1
    p = p[first : last + 1]
    p = p if p.dtype.kind in "fc" else np.astype(p, np.float64)
    if len(p) == 1:
        return np.zeros(at_zero)
    below = np.eye(len(p) - 2, len(p) - 1, dtype=p.dtype)
    companion = np.concatenate(((-p[1:] / p[0])[None], below))
    found = np.linalg.eigvals(companion)
    if not REAL_EIGENVALUES and is_real(found, companion):
        found = np.real(found)
    return np.concatenate((found, np.zeros(at_zero, found.dtype)))


# Fits


@answers(np.polyfit)
def polyfit(
    x: Any,
    y: Any,
    deg: Any,
    rcond: Any = None,
    full: bool = False,
    w: Any = None,
    cov: Any = False,
) -> Any:
    """Answer ``np.polyfit``: least squares by columns that were scaled."""
    order = int(deg) + 1
    x, y = as_array(x) + 0.0, as_array(y) + 0.0
    check_points(x, y, deg)
    rcond = len(x) * np.finfo(x.dtype).eps if rcond is None else rcond
    left, right = np.vander(x, order), y
    if w is not None:
        w = as_array(w) + 0.0
        if w.ndim != 1:
            raise TypeError("expected a 1-d array for weights")
        if w.shape[0] != y.shape[0]:
            raise TypeError("expected w and y to have the same length")
        left = left * w[:, None]
        right = right * (w[:, None] if right.ndim == 2 else w)
    scale = np.sqrt(np.sum(left * left, axis=0))
    left = left / scale
    found, rest, rank, values = np.linalg.lstsq(left, right, rcond)
    found = (found.T / scale).T
    if not full and rank != order:
        warn("Polyfit may be poorly conditioned", RankWarning)
    if full:
        return found, rest, rank, values, rcond
    if not cov:
        return found
    base = np.linalg.inv(np.dot(left.T, left)) / np.outer(scale, scale)
    factor: Any = 1
    if cov != "unscaled":
        if len(x) <= order:
            raise ValueError(
                "the number of data points must exceed order to scale the covariance "
                "matrix"
            )
        factor = rest / (len(x) - order)
    return found, (base if y.ndim == 1 else base[:, :, None]) * factor


def check_points(x: Any, y: Any, degree: Any) -> None:
    """Raise what ``np.polyfit`` raises for points that it does not take."""
    if degree < 0:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1:
        raise TypeError("expected 1D vector for x")
    if x.size == 0:
        raise TypeError("expected non-empty vector for x")
    if y.ndim < 1 or y.ndim > 2:
        raise TypeError("expected 1D or 2D array for y")
    if x.shape[0] != y.shape[0]:
        raise TypeError("expected x and y to have same length")
