"""Differences of eigenvalues, by which the derivatives of their vectors divide.

Where two are equal to rounding the vectors have no derivative: the quotient is left
out, which gives the finite part, and a warning says so.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import apply, general
from wengert.errors import warn

DEGENERATE = (
    "{0} that are equal to rounding: what their vectors would add to the derivative is "
    "left out"
)


def smallest_gap(w: Any) -> Any:
    """Return what eigenvalues may differ by without being distinct: a rounding each."""
    eps = np.finfo(w.dtype).eps
    return w.shape[-1] * eps * np.max(abs(w), axis=-1, initial=0.0)[..., None, None]


@np.errstate(all="ignore")
def evaluate_inverse_gaps(w: Any, *, squares: bool) -> Any:
    """Return 1 / (w_j - w_i), or that of the squares; 0 where they are equal."""
    gaps = w[..., None, :] - w[..., :, None]
    equal = abs(gaps) <= smallest_gap(w)
    if np.sum(equal) > w.size:
        what = "singular values" if squares else "eigenvalues"
        warn(DEGENERATE.format(what))
    if squares:
        gaps = gaps * (w[..., None, :] + w[..., :, None])
    return np.where(equal, gaps.dtype.type(0), 1 / gaps)


def inverse_gaps_jvp(tangents: Any, f: Any, w: Any, *, squares: bool) -> Any:
    """Return -f^2 times the difference of the tangents."""
    t = np.multiply(2 * w, tangents[0]) if squares else tangents[0]
    return -np.multiply(np.multiply(f, f), t[..., None, :] - t[..., :, None])


def inverse_gaps_vjp(g: Any, f: Any, w: Any, *, squares: bool) -> Any:
    """Return -f^2 g summed down the columns, less along the rows."""
    each = -np.multiply(np.multiply(f, f), g)
    found = np.sum(each, axis=-2) - np.sum(each, axis=-1)
    return (np.multiply(2 * w, found) if squares else found,)


INVERSE_GAPS = general(
    "inverse_gaps",
    evaluate_inverse_gaps,
    form=Routine(
        core=(1,),
        native=lambda squares: f"inverse_{'square_' * squares}gaps(x)",
    ),
    jvp=inverse_gaps_jvp,
    vjp=inverse_gaps_vjp,
)


def inverse_gaps(w: Any, squares: bool = False) -> Any:
    """Return 1 / (w_j - w_i), or that of the squares; 0 where they are equal."""
    return apply(INVERSE_GAPS, w, squares=squares)


@np.errstate(all="ignore")
def evaluate_inverse_values(s: Any) -> Any:
    """Return 1 / s; 0 where a singular value is 0 to rounding."""
    eps = np.finfo(s.dtype).eps
    zero = s <= s.shape[-1] * eps * np.max(s, axis=-1, keepdims=True, initial=0.0)
    if zero.any():
        warn(DEGENERATE.format("singular values of 0, or some"))
    return np.where(zero, s.dtype.type(0), 1 / s)


def inverse_values_jvp(tangents: Any, y: Any, s: Any) -> Any:
    """Return -y^2 times the tangent."""
    return -np.multiply(np.multiply(y, y), tangents[0])


def inverse_values_vjp(g: Any, y: Any, s: Any) -> Any:
    """Return -y^2 times the gradient."""
    return (-np.multiply(np.multiply(y, y), g),)


INVERSE_VALUES = general(
    "inverse_values",
    evaluate_inverse_values,
    form=Routine(core=(1,), native="inverse_values(x)"),
    jvp=inverse_values_jvp,
    vjp=inverse_values_vjp,
    reads=(False,),
)


def inverse_values(s: Any) -> Any:
    """Return 1 / s; 0 where a singular value is 0 to rounding."""
    return apply(INVERSE_VALUES, s)
