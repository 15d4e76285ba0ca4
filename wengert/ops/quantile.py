"""Medians, quantiles and percentiles: sorted elements and their interpolation.

At ties the derivative follows the permutation of the sort.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from wengert.core.operation import answers
from wengert.core.types import Recorded, has_class, plain_example
from wengert.errors import UnsupportedError, explain, warn
from wengert.ops.elements import check_cast, held, into
from wengert.ops.mean import averaged
from wengert.ops.reduce import as_array, flag, join_axes
from wengert.ops.shape import lying
from wengert.ops.sort import take_along

UNSET = np._NoValue


def rows(a: Any, axis: Any) -> tuple[Any, Any]:
    """Return an array with the reduced axes joined last, and the axes."""
    a = as_array(a)
    if axis is not None:
        axis = tuple(sorted(normalize_axis_tuple(axis, a.ndim)))
    return join_axes(a, axis), axis


def at_last(x: Any, place: Any) -> Any:
    """Return the elements at a place, or at places, of the last axis."""
    return x[(*(slice(None),) * (x.ndim - 1), place)]


def keep(result: Any, a: Any, axis: Any, keepdims: Any, lead: int = 0) -> Any:
    """Return a result with the reduced axes kept as 1 where asked for."""
    if not flag(keepdims):
        return result if np.ndim(result) else result[()]  # a number, as NumPy's
    shape = np.shape(a)
    kept = tuple(1 if axis is None or k in axis else n for k, n in enumerate(shape))
    return np.reshape(result, (*np.shape(result)[:lead], *kept))


#: Up to so many elements a sort costs as little as a partition, and runs natively.
SORTED = 16


@answers(np.median)
def median(
    a: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: Any = False,
) -> Any:
    """Answer ``np.median``."""
    joined, axes = rows(a, axis)
    result = middle_mean(joined, out)
    return into(out, keep(result, a, axes, keepdims), "unsafe")


def middle_mean(joined: Any, out: Any) -> Any:
    """Return the mean of the middle elements along the last axis, kept in ``out``."""
    count = joined.shape[-1]
    if count == 0:
        return averaged(joined, -1, None, out, False, True)
    kth = [count // 2 - 1, count // 2] if count % 2 == 0 else [(count - 1) // 2]
    can_be_nan = joined.dtype.kind in "fc"
    if count <= SORTED:
        part = np.sort(joined, axis=-1)
    else:
        part = np.partition(joined, [*kth, -1] if can_be_nan else kth, axis=-1)
    middle = at_last(part, slice(kth[0], kth[-1] + 1))
    result = averaged(middle, -1, None, out, False, True)
    if not can_be_nan:
        return result
    return or_nan(result, at_last(part, -1), out)


def or_nan(result: Any, last: Any, out: Any) -> Any:
    """Return a result, or the last sorted element where that is a NaN."""
    is_nan = np.isnan(last)
    if out is not None and out.dtype.kind not in "fc" and np.any(is_nan):
        check_cast(last.dtype, out, "same_kind")
    return np.where(is_nan, last, result)


@answers(np.nanmedian)
def nanmedian(
    a: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    keepdims: Any = UNSET,
) -> Any:
    """Answer ``np.nanmedian``; the positions of the middle elements are data."""
    joined, axes = rows(a, axis)
    if joined.dtype.kind not in "fc" or joined.shape[-1] == 0:
        result = middle_mean(joined, out if np.size(joined) == 0 else None)
        return into(out, keep(result, a, axes, keepdims), "unsafe")
    ordered = np.sort(joined, axis=-1)
    count = np.sum(np.logical_not(np.isnan(joined)), axis=-1, keepdims=True)
    if np.any(count == 0):
        warn("All-NaN slice encountered")
    last, size = ordered.ndim - 1, joined.shape[-1]
    low = take_along(ordered, np.maximum((count - 1) // 2, 0), last)
    high = take_along(ordered, np.minimum(count // 2, size - 1), last)
    middle = np.where(count % 2 == 1, low, np.divide(np.add(low, high), 2))
    return into(out, keep(at_last(middle, 0), a, axes, keepdims), "unsafe")


# Quantiles


def virtual_place(method: str, count: Any, q: Any) -> tuple[Any, Any, Any]:
    """Return lower place, upper place and weight of the upper of a quantile."""
    methods = np.lib._function_base_impl._QuantileMethods  # type: ignore[attr-defined]
    if method not in methods:
        raise ValueError(
            f"{method!r} is not a valid method. Use one of: {list(methods)}"
        )
    properties = methods[method]
    place = np.positive(properties["get_virtual_index"](count, q))
    is_whole = method == "linear" and place.dtype.kind in "iu"
    if properties["fix_gamma"] is None or is_whole:
        place = place.astype(np.intp)
        return place, place, None
    low = np.floor(place)
    high = low + 1
    above, below = place >= count - 1, place < 0
    low, high = np.where(above, -1, low), np.where(above, -1, high)
    low, high = np.where(below, 0, low), np.where(below, 0, high)
    gamma = np.positive(properties["fix_gamma"](place - low, place))
    places = low.astype(np.intp)[()], high.astype(np.intp)[()]
    return *places, gamma.astype(place.dtype)


def interpolate(low: Any, high: Any, weight: Any, is_weak: bool, out: Any) -> Any:
    """Return the value between two elements, as NumPy rounds it in ``out``."""
    step, rest = np.subtract(high, low), 1 - weight
    if is_weak and not has_class(weight, float):
        weight, rest = np.astype(weight, step.dtype), np.astype(rest, step.dtype)
    rising = held(out, np.add(low, np.multiply(step, weight)), "same_kind")
    high, rest = held(out, high), held(out, np.multiply(step, rest))
    falling = np.subtract(high, rest)
    return np.where(weight >= 0.5, falling, rising)


def check_plain(q: Any, weights: Any, a: Any, skips_nan: bool) -> None:
    """Raise for what is not recorded of a quantile's arguments."""
    axes = np.ndim(q)
    if isinstance(q, Recorded) and (skips_nan or axes > 1):
        raise UnsupportedError(
            explain(
                "np.nanquantile with a recorded q"
                if skips_nan
                else f"np.quantile with a recorded q of {axes} axes",
                "how NumPy lays its result out is not followed there",
                "np.quantile(x, np.ravel(q)) of numbers, reshaped",
            )
        )
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    if weights is not None:
        raise UnsupportedError(
            explain(
                "np.quantile with weights",
                "weighted quantiles are not recorded",
                "np.sort, np.cumsum of the sorted weights and np.searchsorted",
            )
        )


def quantiles(
    a: Any, q: Any, axis: Any, out: Any, method: str, keepdims: Any, is_weak: bool
) -> Any:
    """Return quantiles; which elements they lie between is data."""
    joined, axes = rows(a, axis)
    low, high, weight = virtual_place(method, joined.shape[-1], q)
    ordered = np.sort(joined, axis=-1)
    result = at_last(ordered, low)
    if weight is not None:
        if is_weak and not isinstance(weight, Recorded):
            weight = float(weight)
        result = interpolate(result, at_last(ordered, high), weight, is_weak, out)
    result = lying(leading(result, q.ndim), "C")
    if joined.dtype.kind == "f":
        result = or_nan(result, at_last(ordered, -1), out)
    casting = "copy" if weight is None else "unsafe"
    return into(out, keep(result, a, axes, keepdims, q.ndim), casting)


def leading(result: Any, count: int) -> Any:
    """Return an array with its last `count` axes in front."""
    ndim = np.ndim(result)
    if count == 0 or ndim == count:
        return result
    order = (*range(ndim - count, ndim), *range(ndim - count))
    return np.transpose(result, order)


def nanquantiles(
    a: Any, q: Any, axis: Any, method: str, keepdims: Any, is_weak: bool
) -> Any:
    """Return quantiles of what is not NaN; the places are data."""
    if method != "linear":
        raise UnsupportedError(
            explain(
                f"np.nanquantile with method={method!r}",
                "only the linear method is recorded where NaNs are left out",
                "method='linear', or np.quantile of the elements that are not NaN",
            )
        )
    joined, axes = rows(a, axis)
    ordered = np.sort(joined, axis=-1)
    count = np.sum(np.logical_not(np.isnan(joined)), axis=-1, keepdims=True)
    if np.any(count == 0):
        warn("All-NaN slice encountered")
    place = np.maximum(np.multiply(count - 1, np.reshape(q, (-1,))), 0)
    low = np.astype(np.floor(place), np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    weight = place - low
    last = ordered.ndim - 1
    ends = take_along(ordered, low, last), take_along(ordered, high, last)
    result = interpolate(*ends, weight, is_weak, None)
    if q.ndim == 0:
        result = at_last(result, 0)
    else:
        result = leading(result, 1)
        result = np.reshape(result, (*q.shape, *result.shape[1:]))
    return keep(result, a, axes, keepdims, q.ndim)


def answer_quantile(function: Any, scale: Any, skips_nan: bool) -> None:
    """Answer one of NumPy's four functions of quantiles."""

    @answers(function)
    def answer(
        a: Any,
        q: Any,
        axis: Any = None,
        out: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: Any = UNSET,
        *,
        weights: Any = None,
    ) -> Any:
        a = as_array(a)
        check_plain(q, weights, a, skips_nan)
        is_weak = type(plain_example(q)) in (int, float)
        q = np.positive(q) if scale is None else np.true_divide(q, scale)
        if np.any(q < 0) or np.any(q > 1):
            raise ValueError("Quantiles must be in the range [0, 1]")
        how = (method, keepdims, is_weak)
        if not skips_nan:
            return quantiles(a, q, axis, out, *how)
        if a.dtype.kind == "f":
            result = nanquantiles(a, q, axis, *how)
        else:
            result = quantiles(a, q, axis, None, *how)
        return into(out, result, "unsafe")


for _function, _scale, _skips_nan in (
    (np.quantile, None, False),
    (np.percentile, 100, False),
    (np.nanquantile, None, True),
    (np.nanpercentile, 100, True),
):
    answer_quantile(_function, _scale, _skips_nan)
