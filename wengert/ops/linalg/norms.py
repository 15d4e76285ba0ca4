"""Norms of vectors and matrices, made as NumPy makes them.

At 0, and where elements or singular values tie, they have the derivatives that the
operations they are made of have there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers, apply
from wengert.ops.axes import axis_index, sizes_of
from wengert.ops.join import as_array
from wengert.ops.mean import ROOT_OF_SQUARES

Axes = tuple[int, ...]
axis_tuple = np.lib.array_utils.normalize_axis_tuple
FROBENIUS = (None, "fro", "f")


@answers(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Answer ``np.linalg.norm``."""
    x = as_array(x)
    if x.dtype.kind not in "fc":
        x = x.astype(float)
    if axis is None:
        is_matrix = x.ndim == 2 and isinstance(ord, str) and ord in ("f", "fro")
        if ord is None or is_matrix or (x.ndim == 1 and is_number(ord, 2)):
            return whole_norm(x, keepdims)
    axes = axes_of(axis, x.ndim)
    if isinstance(axis, tuple) and (len(axes) == 1 or ord in FROBENIUS):
        axes = sizes_of(axes)
    if len(axes) == 1:
        return norm_of_vectors(x, ord, axes, keepdims)
    if len(axes) == 2:
        return norm_of_matrices(x, ord, axes, keepdims)
    raise ValueError("Improper number of dimensions to norm.")


def is_number(ord: Any, number: float) -> bool:
    """Whether an order is that number."""
    return not isinstance(ord, str) and ord is not None and bool(ord == number)


def axes_of(axis: Any, ndim: int) -> Axes:
    """Return axes as a tuple; all of them for None."""
    if axis is None:
        return tuple(range(ndim))
    if isinstance(axis, tuple):
        return axis
    try:
        return (int(axis),)
    except Exception as error:
        raise TypeError(
            "'axis' must be None, an integer or a tuple of integers"
        ) from error


def whole_norm(x: Any, keepdims: bool) -> Any:
    """Return the root of the sum of all squares."""
    flat = np.ravel(x, order="K")
    if x.dtype.kind == "c":
        re, im = np.real(flat), np.imag(flat)
        found = root(np.dot(re, re) + np.dot(im, im))
    else:
        found = root(np.dot(flat, flat))
    return np.reshape(found, (1,) * x.ndim) if keepdims else found


#: NumPy's types do not know that `keepdims` may be a variable.
total: Any = np.add.reduce


def root(x: Any) -> Any:
    """Return the square root of sums of squares."""
    return apply(ROOT_OF_SQUARES, x)


def squares(x: Any) -> Any:
    """Return the squares of sizes of numbers."""
    if x.dtype.kind == "c":
        return np.real(np.multiply(np.conjugate(x), x))
    return np.multiply(x, x)


def norm_of_vectors(x: Any, ord: Any, axes: Axes, keepdims: bool) -> Any:
    """Return the norms of vectors along one axis."""
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    if ord is None or ord == 2:
        return root(total(squares(x), axis=axes, keepdims=keepdims))
    if ord == np.inf:
        return np.max(np.abs(x), axis=axes, keepdims=keepdims, initial=0)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        count = np.astype(x != 0, np.real(x).dtype)
        return np.sum(count, axis=axes, keepdims=keepdims)
    if ord == 1:
        return total(np.abs(x), axis=axes, keepdims=keepdims)
    powers = total(np.abs(x) ** ord, axis=axes, keepdims=keepdims)
    return powers ** np.reciprocal(ord, dtype=powers.dtype)


def norm_of_matrices(x: Any, ord: Any, axes: Axes, keepdims: bool) -> Any:
    """Return the norms of matrices along two axes."""
    row, column = (axis_index(k, x.ndim) for k in axes)
    if row == column:
        raise ValueError("Duplicate axes given.")
    found = matrix_norm_of(x, ord, row, column)
    if not keepdims:
        return found
    shape = [1 if k in (row, column) else n for k, n in enumerate(x.shape)]
    return np.reshape(found, shape)


def matrix_norm_of(x: Any, ord: Any, row: int, column: int) -> Any:
    """Return the norms of matrices along two different axes."""
    if isinstance(ord, str) or ord is None:
        if ord in FROBENIUS:
            return root(total(squares(x), axis=(row, column)))
        if ord == "nuc":
            return np.sum(values_of(x, row, column), axis=-1, initial=0)
        raise ValueError("Invalid norm order for matrices.")
    if ord in (2, -2):
        values = values_of(x, row, column)
        if ord == 2:
            return np.max(values, axis=-1, initial=0)
        return np.min(values, axis=-1)
    if ord not in (1, -1, np.inf, -np.inf):
        raise ValueError("Invalid norm order for matrices.")
    if abs(ord) == 1:
        summed, other = row, column
    else:
        summed, other = column, row
    sums = total(np.abs(x), axis=summed)
    other -= other > summed
    if ord > 0:
        return np.max(sums, axis=other, initial=0)
    return np.min(sums, axis=other)


def values_of(x: Any, row: int, column: int) -> Any:
    """Return the singular values of matrices along two axes."""
    return np.linalg.svdvals(np.moveaxis(x, (row, column), (-2, -1)))


@answers(np.linalg.vector_norm)
def vector_norm(
    x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2
) -> Any:
    """Answer ``np.linalg.vector_norm``."""
    x = as_array(x)
    over: Any = axis
    if axis is None:
        flat, over = np.ravel(x), 0
    elif isinstance(axis, tuple):
        taken = axis_tuple(axis, x.ndim)
        rest = tuple(k for k in range(x.ndim) if k not in taken)
        count = int(np.prod([x.shape[k] for k in axis], dtype=int))
        flat = np.transpose(x, axis + rest)
        flat, over = np.reshape(flat, (count, *(x.shape[k] for k in rest))), 0
    else:
        flat = x
    found = norm(flat, ord, over)
    if not keepdims:
        return found
    taken = axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    return np.reshape(found, [1 if k in taken else n for k, n in enumerate(x.shape)])


@answers(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """Answer ``np.linalg.matrix_norm``."""
    return norm(x, ord, (-2, -1), keepdims)
