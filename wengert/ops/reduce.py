"""Reductions along axes: sums, products, extremes, and what is made of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers, apply, linear

Axis = int | tuple[int, ...] | None


def axes_of(axis: Any, ndim: int) -> tuple[int, ...] | None:
    """Return reduction axes as sorted non-negative ints; None for all of them."""
    if axis is None:
        return None
    chosen = axis if isinstance(axis, (tuple, list)) else (axis,)
    return tuple(sorted(np.lib.array_utils.normalize_axis_tuple(chosen, ndim)))


def repeat_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Return ``np.broadcast_to(g, shape)``, quickly for a plain number."""
    if isinstance(g, np.generic):
        buffer = np.asarray(g)
        return np.ndarray(shape, g.dtype, buffer, strides=(0,) * len(shape))
    return np.broadcast_to(g, shape)


def spread(g: Any, x: Any, axis: Axis, keepdims: bool) -> Any:
    """Return a reduction's gradient repeated over the reduced axes of `x`."""
    if axis is not None and not keepdims:
        kept = tuple(1 if k in axis else n for k, n in enumerate(x.shape))  # type: ignore[operator]
        g = np.reshape(g, kept)
    return repeat_to(g, x.shape)


def sum_transpose(g: Any, x: Any, *, axis: Axis, keepdims: bool, dtype: Any) -> Any:
    """Return the gradient repeated over the summed elements."""
    return spread(g, x, axis, keepdims)


def evaluate_sum(x: Any, *, axis: Axis, keepdims: bool, dtype: Any) -> Any:
    """Return ``np.sum``."""
    return np.add.reduce(x, axis=axis, keepdims=keepdims, dtype=dtype)


SUM = linear("sum", evaluate_sum, sum_transpose)


@answers(np.sum)
def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = 0,
    where: Any = True,
) -> Any:
    """Answer ``np.sum``."""
    if where is not True:
        a = np.where(where, a, 0)
    dtype = None if dtype is None else np.dtype(dtype)
    axis = axes_of(axis, np.ndim(a))
    result = apply(SUM, a, axis=axis, keepdims=bool(keepdims), dtype=dtype)
    return result if isinstance(initial, int) and initial == 0 else result + initial
