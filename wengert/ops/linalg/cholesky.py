"""Cholesky factors, of which NumPy reads one triangle: there the gradient lies.

Murray, "Differentiation of the Cholesky decomposition" (2016), equations 8 and 10; of
large matrices the gradient goes block by block, as in section 4.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, general
from wengert.core.types import is_array
from wengert.ops.elements import conjugate
from wengert.ops.linalg.triangles import (
    adjoint,
    from_triangle,
    onto_triangle,
    square,
    transposed,
    triangle,
)

#: Rows from which inverting a triangle as one is faster than as a matrix.
LARGE = 64
#: Rows from which a gradient is pulled back block by block, and those of a block.
MANY, BLOCK = 128, 64


def evaluate_cholesky(a: Any, *, upper: bool) -> Any:
    """Return ``np.linalg.cholesky``."""
    return np.linalg.cholesky(a, upper=upper)


def lower_inverse(factor: Any) -> Any:
    """Return the adjoint inverse of a lower factor: an upper triangle has no pivots."""
    upper = adjoint(factor)
    if not is_array(upper) or upper.ndim != 2 or len(upper) < LARGE:
        return np.linalg.inv(upper)
    from scipy.linalg import get_lapack_funcs

    (inverse,) = get_lapack_funcs(("trtri",), (upper,))
    found, _ = inverse(upper)  # of a factor: its diagonal is positive
    return found


def cholesky_jvp(tangents: Any, factor: Any, a: Any, *, upper: bool) -> Any:
    """Return l times the lower half of l^-1 a_dot l^-H."""
    lower = adjoint(factor) if upper else factor
    inverse = lower_inverse(lower)
    moved = from_triangle(tangents[0], upper)
    inner = np.matmul(np.matmul(adjoint(inverse), moved), inverse)
    found = np.matmul(lower, triangle(inner, diagonal=0.5))
    return adjoint(found) if upper else found


def cholesky_vjp(g: Any, factor: Any, a: Any, *, upper: bool) -> Any:
    """Return the gradient of the triangle that was read."""
    lower, g = (adjoint(factor), adjoint(g)) if upper else (factor, g)
    if lower.shape[-1] >= MANY and np.result_type(lower, g).kind == "f":
        both = apply(CHOLESKY_PULL, g, lower)
        return (triangle(both, upper, 0.5),)
    return (onto_triangle(conjugate(pulled(conjugate(g), lower)), upper),)


def pulled(g: Any, lower: Any) -> Any:
    """Return l^-H times the lower half of l^H g times l^-1."""
    inverse = lower_inverse(lower)
    inner = triangle(np.matmul(adjoint(lower), g), diagonal=0.5)
    return np.matmul(np.matmul(inverse, inner), adjoint(inverse))


def evaluate_pull(g: Any, lower: Any) -> Any:
    """Return what is `pulled` plus its transpose, block by block from the last rows."""
    if "c" in (g.dtype.kind, lower.dtype.kind):
        raise TypeError("of real matrices alone")
    n, lower = lower.shape[-1], np.tril(lower)
    found = np.array(np.broadcast_arrays(np.tril(g), lower)[0])
    for start in reversed(range(0, n, BLOCK)):
        here, before = slice(start, min(start + BLOCK, n)), slice(0, start)
        after = slice(here.stop, n)
        own, left = lower[..., here, here], lower[..., here, before]
        inverse = np.linalg.inv(own)
        below = np.matmul(found[..., after, here], inverse)
        turned = transposed(below)
        found[..., after, here] = below
        found[..., after, before] -= np.matmul(below, left)
        inner = found[..., here, here] - np.matmul(turned, lower[..., after, here])
        inner = triangle(np.matmul(transposed(own), inner), diagonal=0.5)
        inner = np.matmul(np.matmul(transposed(inverse), inner), inverse)
        both = inner + transposed(inner)
        found[..., here, before] -= np.matmul(both, left)
        found[..., here, before] -= np.matmul(turned, lower[..., after, before])
        found[..., here, here] = triangle(both, diagonal=0.5)
    return found + transposed(found)


def pull_jvp(tangents: Any, result: Any, g: Any, lower: Any) -> Any:
    """Return the tangent of ``s + s^T``, where s is what is pulled."""
    g_dot, lower_dot = tangents
    lower = triangle(lower)
    moved: Any = 0.0 if g_dot is None else pulled(g_dot, lower)
    if lower_dot is not None:
        inverse = lower_inverse(lower)
        lower_dot = triangle(lower_dot)
        inner = triangle(np.matmul(transposed(lower_dot), g), diagonal=0.5)
        inner = np.matmul(np.matmul(inverse, inner), transposed(inverse))
        turn = np.matmul(lower_dot, transposed(inverse))
        moved = moved + inner - np.matmul(result, turn)
    return moved + transposed(moved)


def pull_vjp(by: Any, result: Any, g: Any, lower: Any) -> Any:
    """Return the gradients by what is pulled, and by the factor."""
    lower, g = triangle(lower), triangle(g)
    inverse = lower_inverse(lower)
    both = by + transposed(by)
    inner = np.matmul(np.matmul(transposed(inverse), both), inverse)
    inner = triangle(inner, diagonal=0.5)
    by_factor = np.matmul(g, transposed(inner))
    by_factor = by_factor - np.matmul(np.matmul(result, both), inverse)
    return triangle(np.matmul(lower, inner)), triangle(by_factor)


CHOLESKY_PULL = general(
    "cholesky_pull",
    evaluate_pull,
    form=Routine(core=(2, 2)),
    jvp=pull_jvp,
    vjp=pull_vjp,
)


def cholesky_text(*, upper: bool) -> str:
    """Return what it is natively: the upper factor is that of the other triangle."""
    return "transposed(cholesky(transposed(x)))" if upper else "cholesky(x)"


CHOLESKY = general(
    "cholesky",
    evaluate_cholesky,
    form=Routine(core=(2,), native=cholesky_text),
    jvp=cholesky_jvp,
    vjp=cholesky_vjp,
    reads=(False,),
)


@answers(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """Answer ``np.linalg.cholesky``."""
    return apply(CHOLESKY, square(a), upper=bool(upper))
