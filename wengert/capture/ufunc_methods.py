"""The methods of ufuncs on recorded arrays: reduce, accumulate, outer, at, reduceat.

Sums, products, extremes and logic are reductions with rules of their own.  The other
ufuncs are applied element after element along the axis, as NumPy does.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.capture import keys
from wengert.capture.array import RecordedArray, is_active, plain
from wengert.capture.ufuncs import check_out
from wengert.core.operation import DISPATCH, Operation, apply
from wengert.core.types import is_array, is_whole_number
from wengert.errors import RecordingError, UnsupportedError, explain
from wengert.ops import cumulative
from wengert.ops import reduce as reductions
from wengert.ops.axes import axes_of, axis_of
from wengert.ops.cumulative import ACCUMULATED_EXTREMES, along
from wengert.ops.elements import held, into
from wengert.ops.index import INDEX_ADD
from wengert.ops.methods import ACCUMULATE, ADD_REDUCEAT, REDUCE, REDUCEAT, segments
from wengert.ops.reduce import (
    EXTREMES,
    UNSET,
    as_array,
    cast,
    dtype_of,
    mask_of,
    reduce_extreme,
)

Settings = dict[str, Any]

#: Ufuncs whose reduction is a NumPy function with a rule of its own.  The answers
#: themselves: NumPy's would come back here where the mask alone is recorded.
REDUCTIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.logical_and: reductions.all_,
    np.logical_or: reductions.any_,
}
ACCUMULATIONS: dict[np.ufunc, Callable[..., Any]] = {
    np.add: cumulative.cumsum,
    np.multiply: cumulative.cumprod,
}
#: Ufuncs that NumPy reduces over several axes: the order does not matter.
REORDERABLE = (np.logaddexp, np.logaddexp2, np.hypot, np.gcd, np.lcm)


def refuse(ufunc: np.ufunc, method: str, why: str, instead: str) -> UnsupportedError:
    """Return the error of a method that is not recorded."""
    return UnsupportedError(explain(f"np.{ufunc.__name__}.{method}", why, instead))


# reduce


def reduce(ufunc: np.ufunc, inputs: Any, out: Any, settings: Settings) -> Any:
    """Answer ``ufunc.reduce``."""
    array = as_array(inputs[0])
    axis = settings.get("axis", 0)
    keepdims = bool(settings.get("keepdims", False))
    how: Settings = {k: settings[k] for k in ("initial", "where") if k in settings}
    dtype = dtype_of(settings.get("dtype"), out, array)
    if ufunc not in REDUCTIONS and not is_data(ufunc, array):
        array = array if dtype is None else cast(array, dtype)
    if ufunc in EXTREMES:
        initial, where = how.get("initial", UNSET), how.get("where", UNSET)
        initial = UNSET if initial is None else initial
        return reduce_extreme(ufunc, array, axis, out, keepdims, initial, where)
    if ufunc in (np.add, np.multiply):
        how.update({} if dtype is None else {"dtype": dtype})
        if how.get("initial", UNSET) is None:
            del how["initial"]
        return REDUCTIONS[ufunc](array, axis=axis, out=out, keepdims=keepdims, **how)
    if ufunc in REDUCTIONS:
        initial = how.pop("initial", None)
        result = REDUCTIONS[ufunc](array, axis=axis, keepdims=keepdims, **how)
        result = result if initial is None else ufunc(result, initial)
        return into(out, result, "unsafe")
    if is_data(ufunc, array):
        result = reduce_data(ufunc, array, axis, out, keepdims, settings)
    else:
        result = reduce_in_order(ufunc, array, axis, out, keepdims, how)
    return into(out, result, "unsafe")


def is_data(ufunc: np.ufunc, array: Any) -> bool:
    """Whether a method of a ufunc gives data, which no derivative passes through."""
    operation = DISPATCH.get(ufunc)
    is_constant = isinstance(operation, Operation) and operation.kind == "constant"
    is_numpy = getattr(np, ufunc.__name__, None) is ufunc
    return is_numpy and (is_constant or array.dtype.kind in "biu")


def reduce_data(
    ufunc: np.ufunc,
    array: Any,
    axis: Any,
    out: Any,
    keepdims: bool,
    settings: Settings,
) -> Any:
    """Return a reduction that is not differentiable."""
    if settings.get("initial", UNSET) not in (UNSET, None):
        raise refuse(
            ufunc, "reduce", "initial= is not recorded", "combine it afterwards"
        )
    where = mask_of(settings.get("where", True))
    operands = (array,) if where is True else (array, where)
    dtype = settings.get("dtype")
    return apply(
        REDUCE,
        *operands,
        ufunc=ufunc.__name__,
        axis=axes_of(axis, array.ndim),
        keepdims=keepdims,
        dtype=None if dtype is None else np.dtype(dtype),
        kept=dtype_in(out),
    )


def dtype_in(out: Any) -> Any:
    """Return the dtype in which a ufunc's method keeps its results."""
    return None if out is None else out.dtype


def reduce_in_order(
    ufunc: np.ufunc, array: Any, axis: Any, out: Any, keepdims: bool, how: Settings
) -> Any:
    """Return a reduction as the elements' combination one after the other."""
    if mask_of(how.get("where", True)) is not True:
        raise refuse(ufunc, "reduce", "where= is not recorded", "select before it")
    axes = axes_of(axis, array.ndim)
    axes = tuple(range(array.ndim)) if axes is None else axes
    if len(axes) > 1 and ufunc not in REORDERABLE:
        raise ValueError(
            f"reduction operation '{ufunc.__name__}' is not reorderable, so at most "
            "one axis may be specified"
        )
    initial = how.get("initial", ufunc.identity)
    if array.ndim == 0 or not axes:
        return fold(ufunc, [array], out, initial)
    rest = tuple(k for k in range(array.ndim) if k not in axes)
    shape = tuple(array.shape[k] for k in rest)
    count = math.prod(array.shape[k] for k in axes)
    rows = np.reshape(np.transpose(array, (*axes, *rest)), (count, *shape))
    if count == 0 and initial is not None:
        result = np.full(shape, initial, array.dtype)[()]
    else:
        result = fold(ufunc, [rows[k] for k in range(count)], out, initial)
    if not keepdims:
        return result
    kept = tuple(1 if k in axes else n for k, n in enumerate(array.shape))
    return np.reshape(result, kept)


def fold(ufunc: np.ufunc, parts: list[Any], out: Any, initial: Any) -> Any:
    """Return the combination of the parts from the left, the first kept in ``out``."""
    if initial is not None:
        parts = [initial, *parts]
    if not parts:
        raise ValueError(
            f"zero-size array to reduction operation {ufunc.__name__} "
            "which has no identity"
        )
    if len(parts) == 1:
        return alone(ufunc, as_array(held(out, parts[0])))
    result = parts[0]
    if out is not None:
        result = cast(as_array(held(out, result)), parts[1].dtype)
    for part in parts[1:]:
        result = ufunc(result, part)
    return result


def alone(ufunc: np.ufunc, part: Any) -> Any:
    """Return the reduction of one element: a copy, of the dtype of the others."""
    dtype = ufunc.resolve_dtypes((None, part.dtype, None), reduction=True)[-1]
    return (np.copy(part) if part.dtype == dtype else np.astype(part, dtype))[()]


# accumulate


def accumulate(ufunc: np.ufunc, inputs: Any, out: Any, settings: Settings) -> Any:
    """Answer ``ufunc.accumulate``."""
    array = as_array(inputs[0])
    axis = axis_of(settings.get("axis", 0), array.ndim)
    dtype = dtype_of(settings.get("dtype"), out, array)
    if ufunc in ACCUMULATIONS:
        return ACCUMULATIONS[ufunc](array, axis=axis, dtype=dtype, out=out)
    if is_data(ufunc, array) and ufunc not in ACCUMULATED_EXTREMES:
        how = {"ufunc": ufunc.__name__, "axis": axis, "kept": dtype_in(out)}
        result = apply(ACCUMULATE, array, dtype=settings.get("dtype"), **how)
        return into(out, result, "unsafe")
    array = array if dtype is None else cast(array, dtype)
    if array.shape[axis] == 0:
        return into(out, np.copy(array), "unsafe")
    if ufunc in ACCUMULATED_EXTREMES:
        result = apply(ACCUMULATED_EXTREMES[ufunc], array, axis=axis)
        return into(out, result, "unsafe")
    rows = [array[along(axis, k)] for k in range(array.shape[axis])]
    partial = [alone(ufunc, rows[0])]
    for row in rows[1:]:
        partial.append(ufunc(partial[-1], row))
    return into(out, np.stack(partial, axis=axis), "unsafe")


# outer


def outer(ufunc: np.ufunc, inputs: Any, out: Any, settings: Settings) -> Any:
    """Answer ``ufunc.outer``: every pair of elements."""
    left, right = (as_array(part) for part in inputs)
    left = np.reshape(left, (*left.shape, *(1,) * right.ndim))
    if out is not None:
        settings = {**settings, "out": out}
    return ufunc(left, right, **settings)


# at


def at(ufunc: np.ufunc, inputs: Any, out: Any, settings: Settings) -> None:
    """Answer ``ufunc.at``: repeated indices are applied one after the other."""
    target, key, *values = inputs
    if not isinstance(target, RecordedArray):
        if not is_array(target):
            raise TypeError("first operand must be array")
        if is_active(key) or is_active(values):
            check_out(np.asarray(target), f"{ufunc.__name__}.at")
        ufunc.at(target, keys.plain(key), *plain(values))
        return
    if ufunc in (np.add, np.subtract):
        value = values[0] if ufunc is np.add else opposite(values[0], target.dtype)
        target._write(key, value, INDEX_ADD)
        return
    parts = key if isinstance(key, tuple) else (key,)
    if not any(is_index_array(part) for part in parts):
        target[key] = ufunc(target[key], *values)
        return
    if is_active(key):
        apply_one_by_one(ufunc, target, parts, values)
    else:
        apply_by_rounds(ufunc, target, keys.plain(key), values)


def opposite(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a value's negative, of a type that has negatives."""
    value = as_array(value)
    if value.dtype.kind in "bu" and dtype.kind != "b":
        value = np.astype(value, dtype)
    return np.negative(value)


def is_index_array(part: Any) -> bool:
    """Whether a part of a key may name an element twice."""
    if part is None or part is Ellipsis or isinstance(part, slice):
        return False
    if is_whole_number(part):
        return False
    return as_array(part).dtype != bool and np.ndim(part) > 0


def apply_by_rounds(
    ufunc: np.ufunc, target: RecordedArray, key: Any, values: list[Any]
) -> None:
    """Apply a ufunc at plain indices: each round takes every place at most once."""
    places: Any = np.reshape(np.arange(target.size), target.shape)
    found = plain(places)[key]
    shape, flat = found.shape, found.ravel()
    values = [np.reshape(np.broadcast_to(part, shape), (-1,)) for part in values]
    rank = ranks(flat)
    for turn in range(int(rank.max(initial=-1)) + 1):
        chosen = np.flatnonzero(rank == turn)
        where = np.unravel_index(flat[chosen], target.shape)
        others = [part[chosen] for part in values]
        target[where] = ufunc(target[where], *others)


def ranks(flat: Any) -> Any:
    """Return how often each place occurred before."""
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    is_new = np.ones_like(ordered, dtype=bool)
    is_new[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(is_new)
    counts = np.diff(np.append(starts, ordered.size))
    rank = np.empty_like(order)
    rank[order] = np.cumsum(np.ones_like(order)) - 1 - np.repeat(starts, counts)
    return rank


def apply_one_by_one(
    ufunc: np.ufunc, target: RecordedArray, parts: Any, values: list[Any]
) -> None:
    """Apply a ufunc at recorded indices, which stay data."""
    if len(parts) != target.ndim or any(isinstance(part, slice) for part in parts):
        raise RecordingError(
            explain(
                f"np.{ufunc.__name__}.at with recorded indices and slices",
                "which elements meet twice depends on the inputs",
                "one index array an axis",
            )
        )
    shape = np.broadcast_shapes(*(np.shape(part) for part in parts))
    columns = [np.reshape(np.broadcast_to(part, shape), (-1,)) for part in parts]
    values = [np.reshape(np.broadcast_to(part, shape), (-1,)) for part in values]
    for k in range(columns[0].size):
        where = tuple(column[k] for column in columns)
        others = [part[k] for part in values]
        target[where] = ufunc(target[where], *others)


# reduceat


def reduceat(ufunc: np.ufunc, inputs: Any, out: Any, settings: Settings) -> Any:
    """Answer ``ufunc.reduceat``; recorded indices are guarded."""
    array, indices = as_array(inputs[0]), inputs[1]
    axis = axis_of(settings.get("axis", 0), array.ndim)
    places = tuple(operator.index(indices[k]) for k in range(len(indices)))
    size = array.shape[axis]
    for place in places:
        if not 0 <= place < size:
            raise IndexError(
                f"index {place} out-of-bounds in {ufunc.__name__}.reduceat [0, {size})"
            )
    dtype = dtype_of(settings.get("dtype"), out, array)
    if ufunc is np.add:
        how = {"indices": places, "axis": axis, "dtype": dtype}
        return into(out, apply(ADD_REDUCEAT, array, **how), "unsafe")
    array = array if dtype is None else cast(array, dtype)
    if is_data(ufunc, array):
        how = {"ufunc": ufunc.__name__, "indices": places, "axis": axis}
        return into(out, apply(REDUCEAT, array, **how), "unsafe")
    first = {"axis": axis, "initial": None}  # each stretch starts with its first
    parts = [
        reduce(ufunc, (array[along(axis, slice(i, j))],), None, first)
        for i, j in segments(places, size)
    ]
    return into(out, np.stack(parts, axis=axis), "unsafe")


METHODS: dict[str, Callable[..., Any]] = {
    "reduce": reduce,
    "accumulate": accumulate,
    "outer": outer,
    "at": at,
    "reduceat": reduceat,
}
