"""Matrices: transposes, triangles, and what reads one triangle of a symmetric one."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.types import Recorded
from wengert.ops.elements import conjugate
from wengert.ops.join import as_array


def transposed(x: Any) -> Any:
    """Return matrices transposed."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """Return matrices transposed and conjugated."""
    return np.swapaxes(conjugate(x), -1, -2)


def diagonal(x: Any) -> Any:
    """Return the diagonals of matrices."""
    return np.diagonal(x, axis1=-2, axis2=-1)


def real_type(dtype: Any) -> Any:
    """Return the type of the parts of a complex number, or of a real one."""
    return dtype.type(0).real.dtype


def on_diagonal(x: Any) -> Any:
    """Return matrices with rows of numbers on their diagonals."""
    return np.multiply(x[..., None], np.eye(x.shape[-1], dtype=real_type(x.dtype)))


def triangle(x: Any, upper: bool = False, diagonal: float = 1.0) -> Any:
    """Return a triangle of matrices, its diagonal times a number, and zeros."""
    mask = np.tri(x.shape[-2], x.shape[-1], -1, dtype=real_type(x.dtype))
    if upper:
        mask = np.tri(x.shape[-1], x.shape[-2], -1, dtype=mask.dtype).T
    if diagonal:
        np.einsum("ii->i", mask[: x.shape[-1], : x.shape[-2]])[...] = diagonal
    return np.multiply(x, mask)


def from_triangle(x: Any, upper: bool = False) -> Any:
    """Return the Hermitian matrices whose one triangle is given: linear in it."""
    half = triangle(x, upper, 0.5)
    return half + adjoint(half)


def onto_triangle(g: Any, upper: bool = False) -> Any:
    """Return the gradient of `from_triangle` by the triangle: its transpose."""
    g = conjugate(g)
    return conjugate(triangle(g + adjoint(g), upper, 0.5))


def square(a: Any) -> Any:
    """Return an argument as square matrices, or raise NumPy's error."""
    a = matrices(a)
    if a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    return a


def matrices(a: Any) -> Any:
    """Return an argument as matrices, or raise NumPy's error."""
    a = as_array(a)
    if a.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    return a


def plain(value: Any, what: str) -> Any:
    """Return a setting, which has no derivative, as a number or a plain array."""
    if isinstance(value, Recorded):
        raise TypeError(f"{what} is a recorded value")
    return value
