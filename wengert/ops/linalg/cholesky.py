"""Cholesky factors, of which NumPy reads one triangle: there the gradient lies.

Murray, "Differentiation of the Cholesky decomposition" (2016), equations 8 and 10.
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
    triangle,
)

#: Rows from which inverting a triangle as one is faster than as a matrix.
LARGE = 64


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
    g = conjugate(g)
    inverse = lower_inverse(lower)
    inner = triangle(np.matmul(adjoint(lower), g), diagonal=0.5)
    inner = np.matmul(np.matmul(inverse, inner), adjoint(inverse))
    return (onto_triangle(conjugate(inner), upper),)


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
