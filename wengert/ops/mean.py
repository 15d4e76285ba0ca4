"""Means, variances and what is made of them, by NumPy's own algorithms."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.operation import answers, apply, elementwise
from wengert.core.types import has_class
from wengert.errors import warn
from wengert.ops.axes import axes_of, axis_index
from wengert.ops.elements import held, into
from wengert.ops.reduce import (
    UNSET,
    Axis,
    as_array,
    cast,
    dtype_of,
    flag,
    is_set,
    mask_of,
    sum,
)

DOUBLES = (np.dtype(np.float64), np.dtype(np.complex128))
#: Integers up to here are exact in single precision.
EXACT_SINGLE = 2**24


def elements(a: Any, axis: Axis, keepdims: bool, where: Any) -> Any:
    """Return how many elements each mean is taken over."""
    if where is True:
        sizes = a.shape if axis is None else [a.shape[k] for k in axis]  # type: ignore[union-attr]
        return int(np.prod(sizes, dtype=np.int64))
    where = np.broadcast_to(where, a.shape)
    return np.sum(where, axis=axis, dtype=np.intp, keepdims=keepdims)


def divide_by_count(total: Any, count: Any) -> Any:
    """Return ``total / count`` in the dtype of the total, rounded once."""
    dtype = total.dtype
    if dtype in DOUBLES:
        return np.divide(total, count)
    if dtype == np.float32 and has_class(count, int) and count <= EXACT_SINGLE:
        return np.divide(total, count)
    if has_class(count, (int, float)):  # a Python number would take the dtype
        count = np.intp(count) if has_class(count, int) else np.float64(count)
    return cast(np.divide(total, count), dtype)


def dtype_of_mean(a: Any, dtype: Any) -> Any:
    """Return the dtype in which a mean is summed; None for NumPy's choice."""
    if dtype is None and a.dtype.kind in "biu":
        return np.dtype(np.float64)
    return dtype_of(dtype, None, a)


def averaged(a: Any, axis: Any, dtype: Any, out: Any, keepdims: Any, where: Any) -> Any:
    """Return what ``np.mean`` returns or writes into ``out``."""
    a, where = as_array(a), mask_of(where)
    axis, keepdims = axes_of(axis, a.ndim), flag(keepdims)
    count = elements(a, axis, keepdims, where)
    if is_anywhere(count == 0):
        warn("Mean of empty slice")
    dtype = dtype_of_mean(a, dtype)
    is_half = dtype is None and a.dtype == np.float16
    dtype = dtype_of(np.float32 if is_half else dtype, out, a)
    total = sum(a, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    result = divide_by_count(held(out, total), count)
    return cast(result, a.dtype) if is_half and out is None else result


@answers(np.mean)
def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    *,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.mean``."""
    result = averaged(a, axis, dtype, out, keepdims, where)
    return into(out, result, "unsafe")


def is_anywhere(condition: Any) -> bool:
    """Whether a condition, a bool or an array of them, holds anywhere."""
    return condition if has_class(condition, bool) else bool(np.any(condition))


def degrees_of_freedom(ddof: Any, correction: Any) -> Any:
    """Return what is subtracted from the count of a variance."""
    if not is_set(correction):
        return ddof
    if ddof != 0:
        raise ValueError("ddof and correction can't be provided simultaneously.")
    return correction


def squared_size(x: Any) -> Any:
    """Return the square of the absolute value, as NumPy's variance has it."""
    if x.dtype.kind == "c":
        return np.add(np.square(np.real(x)), np.square(np.imag(x)))
    return np.square(x)


def variance(
    a: Any,
    axis: Any,
    dtype: Any,
    out: Any,
    ddof: Any,
    keepdims: Any,
    where: Any,
    mean: Any,
    correction: Any,
) -> Any:
    """Return what ``np.var`` returns or writes into ``out``."""
    a, where = as_array(a), mask_of(where)
    ddof = degrees_of_freedom(ddof, correction)
    axis, keepdims = axes_of(axis, a.ndim), flag(keepdims)
    count = elements(a, axis, keepdims, where)
    if is_anywhere(ddof >= count):
        warn("Degrees of freedom <= 0 for slice")
    dtype = dtype_of_mean(a, dtype)
    if not is_set(mean):
        total = sum(a, axis=axis, dtype=dtype, keepdims=True, where=where)
        each = count if has_class(count, int) else np.reshape(count, total.shape)
        mean = divide_by_count(total, each)
    squares = squared_size(np.subtract(a, mean))
    dtype = dtype_of(dtype, out, squares)
    total = sum(squares, axis=axis, dtype=dtype, keepdims=keepdims, where=where)
    return divide_by_count(held(out, total), positive_part(count - ddof))


def positive_part(count: Any) -> Any:
    """Return a count, 0 where it is negative."""
    if has_class(count, (int, float)):
        return count if count > 0 else 0
    return np.maximum(count, 0)


@answers(np.var)
def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = UNSET,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> Any:
    """Answer ``np.var``."""
    how = (ddof, keepdims, where, mean, correction)
    return into(out, variance(a, axis, dtype, out, *how), "unsafe")


def of_root(p: Any, y: Any, x: Any) -> Any:
    """Return the derivative of sqrt(x)^p."""
    return p / 2 * (y ** (p - 2) if p != 2 else 1.0)


#: The square root of a sum of squares, such as a variance: flat where that is 0.
ROOT_OF_SQUARES = elementwise(
    "root_of_squares",
    np.sqrt,
    (lambda y, x: np.where(y == 0, 0.0, 0.5 / np.where(y == 0, 1.0, y)),),
    form=Map("sqrt(x)"),
    domain=((0.2, 3.0),),
    of_powers=(of_root,),
    numpy=(),
)


@answers(np.std)
def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = UNSET,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> Any:
    """Answer ``np.std``; its derivative is 0 where all elements are equal."""
    how = (ddof, keepdims, where, mean, correction)
    squared = variance(a, axis, dtype, out, *how)
    return into(out, apply(ROOT_OF_SQUARES, squared))


def weights_along(weights: Any, a: Any, axis: Axis) -> Any:
    """Return weights in a shape that broadcasts along the axes of `a`."""
    weights = as_array(weights)
    if a.shape == weights.shape:
        return weights
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    if weights.shape != tuple(a.shape[k] for k in axis):  # type: ignore[union-attr]
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    order = sorted(range(len(axis)), key=lambda k: axis[k])  # type: ignore[arg-type,index]
    shape = tuple(n if k in axis else 1 for k, n in enumerate(a.shape))  # type: ignore[operator]
    return np.reshape(np.transpose(weights, order), shape)


@answers(np.average)
def average(
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: bool = False,
    *,
    keepdims: Any = UNSET,
) -> Any:
    """Answer ``np.average``."""
    a = as_array(a)
    if axis is not None:
        axis = np.lib.array_utils.normalize_axis_tuple(axis, a.ndim, argname="axis")
    if weights is None:
        result = mean(a, axis, keepdims=keepdims)
        scale = result.dtype.type(a.size / result.size)
    else:
        weights = weights_along(weights, a, axis)
        dtypes = (a.dtype, weights.dtype)
        is_whole = a.dtype.kind in "biu"
        dtype = np.result_type(*dtypes, "f8") if is_whole else np.result_type(*dtypes)
        scale = sum(weights, axis, dtype, keepdims=keepdims)
        if np.any(scale == 0.0):
            raise ZeroDivisionError("Weights sum to zero, can't be normalized")
        products = np.multiply(cast(a, dtype), cast(weights, dtype))
        result = np.divide(sum(products, axis, keepdims=keepdims), scale)
    if not returned:
        return result
    if np.shape(scale) != result.shape:
        scale = np.copy(np.broadcast_to(scale, result.shape))
    return result, scale


def neighbours(ndim: int, axis: int) -> tuple[Any, Any]:
    """Return the keys of all elements but the first, and all but the last."""
    before = (slice(None),) * axis_index(axis, ndim)
    return (*before, slice(1, None)), (*before, slice(None, -1))


@answers(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """Answer ``np.trapezoid``."""
    y = as_array(y)
    high, low = neighbours(y.ndim, axis)
    step = dx
    if x is not None:
        x = as_array(x)
        if x.ndim == 1:
            step = np.diff(x)
            shape = [1] * y.ndim
            shape[axis] = step.shape[0]
            step = np.reshape(step, shape)
        else:
            step = np.diff(x, axis=axis)
    return sum(np.divide(np.multiply(step, np.add(y[high], y[low])), 2.0), axis)
