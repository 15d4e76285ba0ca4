"""Reductions that leave NaNs out: they contribute exactly nothing.

NaNs are replaced by selection, as NumPy does, never by multiplication.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.operation import answers, apply
from wengert.errors import warn
from wengert.ops.cumulative import cumprod, cumsum
from wengert.ops.elements import conjugate, held, into
from wengert.ops.mean import ROOT_OF_SQUARES, degrees_of_freedom, variance
from wengert.ops.reduce import (
    UNSET,
    as_array,
    dtype_of,
    flag,
    prod,
    reduce_extreme,
    sum,
)
from wengert.ops.shape import lying


def without_nan(a: Any, filler: float) -> tuple[Any, Any]:
    """Return an array with NaNs replaced, and where they were (None: nowhere)."""
    a = as_array(a)
    if a.dtype.kind not in "fc":
        return a, None
    is_nan = np.isnan(a)
    return lying(np.where(is_nan, a.dtype.type(filler), a), like=a), is_nan


@answers(np.nansum)
def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.nansum``."""
    a, _ = without_nan(a, 0)
    return sum(a, axis, dtype, out, keepdims, initial, where)


@answers(np.nanprod)
def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    initial: Any = UNSET,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.nanprod``."""
    a, _ = without_nan(a, 1)
    return prod(a, axis, dtype, out, keepdims, initial, where)


@answers(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Answer ``np.nancumsum``."""
    return cumsum(without_nan(a, 0)[0], axis, dtype, out)


@answers(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Answer ``np.nancumprod``."""
    return cumprod(without_nan(a, 1)[0], axis, dtype, out)


def divide_by(total: Any, count: Any) -> Any:
    """Return ``total / count`` in the dtype of the total, without warnings."""
    with np.errstate(invalid="ignore", divide="ignore"):
        quotient = np.divide(total, count)
    is_same = quotient.dtype == total.dtype
    result = quotient if is_same else np.astype(quotient, total.dtype)
    return lying(result, like=total)


def count_present(is_nan: Any, axis: Any, keepdims: Any, where: Any) -> Any:
    """Return the number of elements that are not NaN."""
    present = np.logical_not(is_nan)
    return sum(present, axis, np.intp, None, keepdims, where=where)


def check_inexact(dtype: Any, out: Any) -> None:
    """Raise where a mean of floats is to be a whole number, as NumPy does."""
    given = [dtype] if out is None else [dtype, out.dtype]
    if any(one is not None and np.dtype(one).kind not in "fc" for one in given):
        raise TypeError("If a is inexact, then dtype and out must be inexact")


@answers(np.nanmean)
def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = UNSET,
    *,
    where: Any = UNSET,
) -> Any:
    """Answer ``np.nanmean``."""
    filled, is_nan = without_nan(a, 0)
    if is_nan is None:
        return np.mean(
            filled,
            axis=axis,
            dtype=dtype,
            out=out,
            keepdims=flag(keepdims),
            where=True if where is UNSET else where,
        )
    check_inexact(dtype, out)
    count = count_present(is_nan, axis, keepdims, where)
    dtype = dtype_of(dtype, out, filled)
    total = sum(filled, axis, dtype, None, keepdims, where=where)
    if np.any(count == 0):
        warn("Mean of empty slice")
    return into(out, divide_by(held(out, total), count), "unsafe")


def nanvariance(
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
    """Return what ``np.nanvar`` returns or writes into ``out``."""
    filled, is_nan = without_nan(a, 0)
    if is_nan is None:
        how = (ddof, keepdims, where, mean, correction)
        return variance(filled, axis, dtype, out, *how)
    check_inexact(dtype, out)
    ddof = degrees_of_freedom(ddof, correction)
    count = count_present(is_nan, axis, True, where)
    if mean is UNSET:
        total = sum(filled, axis, dtype, None, True, where=where)
        mean = divide_by(total, count)
    deviations = np.subtract(filled, mean)
    if deviations.dtype != filled.dtype:  # NumPy subtracts in place
        deviations = np.astype(deviations, filled.dtype)
    deviations = np.where(is_nan, filled.dtype.type(0), deviations)
    deviations = lying(deviations, like=filled)
    squares = np.multiply(deviations, conjugate(deviations))
    squares = np.real(squares) if squares.dtype.kind == "c" else squares
    dtype = dtype_of(dtype, out, squares)
    total = held(out, sum(squares, axis, dtype, None, keepdims, where=where))
    freedom = np.reshape(count, np.shape(total)) - ddof
    result = divide_by(total, freedom)
    if np.any(freedom <= 0):
        message = "Degrees of freedom <= 0 for slice."
        warn(message)
        result = np.where(freedom <= 0, result.dtype.type(np.nan), result)
    return result if np.ndim(result) else result[()]


@answers(np.nanvar)
def nanvar(
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
    """Answer ``np.nanvar``."""
    how = (ddof, keepdims, where, mean, correction)
    return into(out, nanvariance(a, axis, dtype, out, *how), "unsafe")


@answers(np.nanstd)
def nanstd(
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
    """Answer ``np.nanstd``."""
    how = (ddof, keepdims, where, mean, correction)
    squared = nanvariance(a, axis, dtype, out, *how)
    return into(out, apply(ROOT_OF_SQUARES, squared))


def answer_extreme(function: Any, ufunc: np.ufunc) -> None:
    """Answer ``np.nanmax`` or ``np.nanmin``."""

    @answers(function)
    def answer(
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = UNSET,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        result = reduce_extreme(ufunc, a, axis, out, keepdims, initial, where)
        if np.any(np.isnan(result)):
            warn("All-NaN slice encountered")
        return result


answer_extreme(np.nanmax, np.fmax)
answer_extreme(np.nanmin, np.fmin)


def answer_position(function: Any, plain: Any, filler: float) -> None:
    """Answer ``np.nanargmax`` or ``np.nanargmin``."""

    @answers(function)
    def answer(
        a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = UNSET
    ) -> Any:
        filled, is_nan = without_nan(a, filler)
        if is_nan is not None and np.any(np.all(is_nan, axis=axis)):
            raise ValueError("All-NaN slice encountered")
        return plain(filled, axis=axis, out=out, keepdims=flag(keepdims))


answer_position(np.nanargmax, np.argmax, -np.inf)
answer_position(np.nanargmin, np.argmin, np.inf)
