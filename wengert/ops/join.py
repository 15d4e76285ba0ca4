"""Joining and splitting: stack, concatenate, and what is made of them."""

from __future__ import annotations

import inspect
import operator
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import array

from wengert.core.forms import Move
from wengert.core.operation import answers, apply, general
from wengert.core.types import Recorded, is_array
from wengert.ops.axes import axis_index, axis_of, integers
from wengert.ops.elements import check_elements, into
from wengert.ops.shape import (
    WHOLE,
    along,
    check_places,
    filled_order,
    lying,
)

# The two operations: along a new axis, and along one that is there


def evaluate_stack(*parts: Any, axis: int) -> Any:
    """Return ``np.stack``."""
    shapes = {getattr(part, "shape", ()) for part in parts}
    if shapes == {()}:
        return array(parts)
    # At a fifth of the cost, where the result lies as it does by NumPy's own.
    if axis == 0 and len(shapes) == 1 and all(map(lies_as_a_row, parts)):
        return array(parts)
    return np.stack(parts, axis=axis)


def lies_as_a_row(part: Any) -> bool:
    """Whether stacks of an array lie in C order."""
    return part.ndim == 1 or bool(part.flags.c_contiguous)


def stack_jvp(tangents: Any, result: Any, *parts: Any, axis: int) -> Any:
    """Return the tangents stacked, zeros where there is none."""
    return apply(STACK, *filled(tangents, parts, result.dtype), axis=axis)


def stack_vjp(g: Any, result: Any, *parts: Any, axis: int) -> Any:
    """Return one slice of the gradient a part."""
    before = (WHOLE,) * axis
    return tuple(g[(*before, k)] for k in range(len(parts)))


def filled(tangents: Any, parts: Any, dtype: Any) -> list[Any]:
    """Return the tangents of the parts, zeros where there is none."""
    return [
        np.zeros(np.shape(part), dtype) if tangent is None else tangent
        for tangent, part in zip(tangents, parts, strict=True)
    ]


STACK = general(
    "stack",
    evaluate_stack,
    form=Move(),
    jvp=stack_jvp,
    vjp=stack_vjp,
    reads=(False,),
    moves=True,
)


def evaluate_concatenate(*parts: Any, axis: int) -> Any:
    """Return ``np.concatenate``."""
    return np.concatenate(parts, axis=axis)


def concatenate_jvp(tangents: Any, result: Any, *parts: Any, axis: int) -> Any:
    """Return the tangents joined, zeros where there is none."""
    return apply(CONCATENATE, *filled(tangents, parts, result.dtype), axis=axis)


def concatenate_vjp(g: Any, result: Any, *parts: Any, axis: int) -> Any:
    """Return the stretch of the gradient that belongs to each part."""
    stretches, start = [], 0
    for part in parts:
        stop = start + part.shape[axis]
        stretches.append(along(g, axis, start, stop))
        start = stop
    return tuple(stretches)


CONCATENATE = general(
    "concatenate",
    evaluate_concatenate,
    form=Move(),
    jvp=concatenate_jvp,
    vjp=concatenate_vjp,
    reads=(False,),
    moves=True,
)


# Lists of recorded values


#: How many axes an array of NumPy's may have.
MOST_AXES = 64


def gather(value: Any, axes: int = MOST_AXES) -> Any:
    """Return nested lists of numbers and arrays as one array, recorded if a part is."""
    if not isinstance(value, (list, tuple)):
        return value
    if not holds_recorded(value):
        return np.asarray(value)
    if axes == 0:
        raise ValueError(
            "setting an array element with a sequence. The requested array would "
            f"exceed the maximum number of dimension of {MOST_AXES}."
        )
    return apply(STACK, *(gather(part, axes - 1) for part in value), axis=0)


def gather_over(value: Any, target: Any) -> Any:
    """Return a list that is written over an array, or one element, as NumPy takes it.

    It nests no deeper than the array has axes.  One element of a truth array takes
    whether there is anything in it.
    """
    if type(target) is np.bool_:
        return bool(value)
    found, nested = gather(value), 0
    if np.ndim(found) > np.ndim(target):
        for _ in range(np.ndim(found)):
            nested = [nested]  # type: ignore[assignment]
        if is_array(target):
            target.copy()[...] = nested  # raises what NumPy raises
        np.zeros(1, target.dtype)[0] = nested  # likewise
    return found


def gather_recorded(value: Any) -> Any:
    """Return lists that hold recorded values as arrays, all else as it is."""
    return gather(value) if is_list(value) and holds_recorded(value) else value


#: Arguments that are axes or sizes: lists of them are no arrays.
SIZES = frozenset("axis axes shape newshape new_shape s source destination".split())


@cache
def places_of_sizes(function: Any) -> set[int]:
    """Return which arguments by position are axes or sizes."""
    names = enumerate(inspect.signature(function).parameters)
    return {place for place, name in names if name in SIZES}


#: Functions of NumPy's whose array arguments may be lists of recorded values.
LISTED: set[Any] = set()


def gather_arguments(
    function: Any, args: tuple[Any, ...], settings: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments of a function of NumPy's, lists of recorded ones as arrays.

    Those of axes and sizes stay lists, and tuples; where no list is gathered the very
    arguments are returned.
    """
    for place, arg in enumerate(args):
        is_gathered = type(arg) in (list, tuple) and holds_recorded(arg)
        if is_gathered and place not in places_of_sizes(function):
            args = (*args[:place], gather(arg), *args[place + 1 :])
    for name, arg in settings.items():
        if type(arg) in (list, tuple) and name not in SIZES and holds_recorded(arg):
            settings = {**settings, name: gather(arg)}
    return args, settings


def is_list(value: Any) -> bool:
    """Whether a value is a list or a tuple."""
    return isinstance(value, (list, tuple))


def holds_recorded(value: Any) -> bool:
    """Whether nested lists or tuples hold a recorded value.

    They may nest as deep as they like, and hold themselves.
    """
    lists, seen = [value], {id(value)}
    while lists:
        for part in lists.pop():
            kind = type(part)
            if issubclass(kind, Recorded):
                return True
            if issubclass(kind, (list, tuple)) and id(part) not in seen:
                seen.add(id(part))
                lists.append(part)
    return False


def as_array(value: Any) -> Any:
    """Return an argument as an array: lists are gathered, recorded values stay."""
    if isinstance(value, Recorded):
        return value
    return gather(value) if is_list(value) else np.asarray(value)


def deliver(
    result: Any, out: Any, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    """Return a result, in `out` and of the asked dtype where there is one."""
    if dtype is not None and result.dtype != np.dtype(dtype):
        result = result.astype(dtype)
    if out is None:
        return result
    if np.ndim(out) != np.ndim(result):
        raise ValueError("Output array has wrong dimensionality")
    if np.shape(out) != np.shape(result):
        raise ValueError("Output array is the wrong shape")
    return into(out, result, casting)


# Joining


@answers(np.stack)
def stack(
    arrays: Any,
    axis: int = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    """Answer ``np.stack``."""
    parts = [as_array(part) for part in arrays]
    if not parts:
        raise ValueError("need at least one array to stack")
    if len({np.shape(part) for part in parts}) != 1:
        raise ValueError("all input arrays must have the same shape")
    axis = axis_index(axis, np.ndim(parts[0]) + 1)
    return deliver(apply(STACK, *parts, axis=axis), out, dtype, casting)


@answers(np.concatenate)
def concatenate(
    arrays: Any,
    /,
    axis: int | None = 0,
    out: Any = None,
    *,
    dtype: Any = None,
    casting: str = "same_kind",
) -> Any:
    """Answer ``np.concatenate``."""
    parts = [as_array(part) for part in arrays]
    if axis is None:
        parts, axis = [np.ravel(part) for part in parts], 0
    axis = axis_of(axis, np.ndim(parts[0]))
    return deliver(apply(CONCATENATE, *parts, axis=axis), out, dtype, casting)


@answers(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Answer ``np.vstack``."""
    parts = [np.atleast_2d(as_array(part)) for part in tup]
    return np.concatenate(parts, 0, dtype=dtype)


@answers(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    """Answer ``np.hstack``."""
    parts = [np.atleast_1d(as_array(part)) for part in tup]
    return np.concatenate(parts, 0 if parts[0].ndim == 1 else 1, dtype=dtype)


@answers(np.dstack)
def dstack(tup: Any) -> Any:
    """Answer ``np.dstack``."""
    return np.concatenate([np.atleast_3d(as_array(part)) for part in tup], 2)


@answers(np.column_stack)
def column_stack(tup: Any) -> Any:
    """Answer ``np.column_stack``."""
    parts = [as_array(part) for part in tup]
    return np.concatenate(
        [np.reshape(p, (-1, 1)) if np.ndim(p) < 2 else p for p in parts], 1
    )


@answers(np.block)
def block(arrays: Any) -> Any:
    """Answer ``np.block``."""
    depth = list_depth(arrays)
    ndim = max(depth, largest_ndim(arrays))
    if depth == 0:
        return np.copy(as_array(arrays), "C")
    return join_blocks(arrays, ndim - depth, ndim)


def list_depth(arrays: Any) -> int:
    """Return how deep lists nest; all branches must agree."""
    if isinstance(arrays, tuple):
        raise TypeError("np.block takes lists; tuples are not allowed")
    if not isinstance(arrays, list):
        return 0
    depths = {list_depth(part) for part in arrays}
    if not depths:
        raise ValueError("List at arrays[0] cannot be empty")
    if len(depths) > 1:
        raise ValueError("List depths are mismatched")
    return depths.pop() + 1


def largest_ndim(arrays: Any) -> int:
    """Return the largest number of axes of a block."""
    if isinstance(arrays, list):
        return max(largest_ndim(part) for part in arrays)
    return np.ndim(arrays)


def join_blocks(arrays: Any, axis: int, ndim: int) -> Any:
    """Join nested lists of blocks, the outermost along `axis`."""
    if isinstance(arrays, list):
        parts = [join_blocks(part, axis + 1, ndim) for part in arrays]
        return np.concatenate(parts, axis=axis)
    array = as_array(arrays)
    shape = np.shape(array)
    return np.reshape(array, (1,) * (ndim - len(shape)) + shape)


@answers(np.append)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    """Answer ``np.append``."""
    arr, values = as_array(arr), as_array(values)
    if axis is None:
        return np.concatenate((np.ravel(arr), np.ravel(values)))
    return np.concatenate((arr, values), axis=axis)


# Splitting: views


@answers(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Answer ``np.array_split``."""
    n = np.shape(ary)[axis]
    if np.ndim(indices_or_sections) == 0:
        count = operator.index(indices_or_sections)
        if count <= 0:
            raise ValueError("number sections must be larger than 0.")
        each, extra = divmod(n, count)
        sizes = [each + 1] * extra + [each] * (count - extra)
        bounds = [sum(sizes[:k]) for k in range(count + 1)]
    else:
        bounds = [0, *integers(indices_or_sections), n]
    axis = axis_index(axis, np.ndim(ary))
    return [along(ary, axis, start, stop) for start, stop in pairwise(bounds)]


@answers(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Answer ``np.split``."""
    if np.ndim(indices_or_sections) == 0 and np.shape(ary)[axis] % int(
        indices_or_sections
    ):
        raise ValueError("array split does not result in an equal division")
    return np.array_split(ary, indices_or_sections, axis)


@answers(np.hsplit)
def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Answer ``np.hsplit``."""
    if np.ndim(ary) == 0:
        raise ValueError("hsplit only works on arrays of 1 or more dimensions")
    return np.split(ary, indices_or_sections, 1 if np.ndim(ary) > 1 else 0)


@answers(np.vsplit)
def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Answer ``np.vsplit``."""
    if np.ndim(ary) < 2:
        raise ValueError("vsplit only works on arrays of 2 or more dimensions")
    return np.split(ary, indices_or_sections, 0)


@answers(np.dsplit)
def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    """Answer ``np.dsplit``."""
    if np.ndim(ary) < 3:
        raise ValueError("dsplit only works on arrays of 3 or more dimensions")
    return np.split(ary, indices_or_sections, 2)


@answers(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """Answer ``np.unstack``."""
    if np.ndim(x) == 0:
        raise ValueError("Input array must be at least 1-d.")
    moved = np.moveaxis(x, axis, 0)
    return tuple(moved[k] for k in range(moved.shape[0]))


# Inserting and deleting: the places may be recorded, and stay data


def places_on(obj: Any, n: int, stop: int) -> Any:
    """Return what chooses places on an axis of length `n` as an array of integers.

    A mask gives the places that it selects; their number is guarded.  All places are
    before `stop`.
    """
    if isinstance(obj, slice):
        return np.arange(n)[obj]
    places = as_array(obj)
    if places.dtype == bool:
        if places.ndim != 1:
            raise ValueError("boolean array argument must be one dimensional")
        return np.flatnonzero(places)
    if places.ndim > 1:
        raise ValueError("index array argument must be one dimensional or scalar")
    if places.size == 0 and not holds_recorded((obj,)):
        return np.zeros(0, np.intp)
    message = f"an index is out of bounds for an axis of size {n}"
    check_places(places, -n, stop, message)
    return np.where(np.less(places, 0), np.add(places, n), places)


@answers(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Answer ``np.insert``.

    The new elements and the old ones are sorted by where they go.
    """
    arr = as_array(arr)
    check_elements(values, arr.dtype, alone=True)
    values = as_array(values)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = axis_index(axis, np.ndim(arr))
    n = arr.shape[axis]
    places = places_on(obj, n, n + 1)
    values = np.reshape(values, (1,) * (arr.ndim - np.ndim(values)) + np.shape(values))
    if places.size == 1:
        values = np.moveaxis(values, 0, axis) if places.ndim == 0 else values
        places = np.repeat(np.reshape(places, (1,)), values.shape[axis])
    shape = (*arr.shape[:axis], places.size, *arr.shape[axis + 1 :])
    added = np.astype(np.broadcast_to(values, shape), arr.dtype)
    goes = np.concatenate((np.multiply(2, places), np.arange(1, 2 * n, 2)))
    order = np.argsort(goes, kind="stable")
    result = np.take(np.concatenate((added, arr), axis=axis), order, axis=axis)
    return lying(result, filled_order(arr))


@answers(np.delete)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    """Answer ``np.delete``."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = axis_index(axis, np.ndim(arr))
    kept = kept_places(obj, np.shape(arr)[axis])
    if isinstance(obj, slice) or np.ndim(obj) == 0:
        return lying(np.take(arr, kept, axis=axis), filled_order(arr))
    return arr[(slice(None),) * axis + (kept,)]


def kept_places(obj: Any, n: int) -> Any:
    """Return the places on an axis of length `n` that a deletion leaves."""
    if not holds_recorded((obj,)):
        return np.delete(np.arange(n), obj)
    obj = as_array(obj)
    if obj.dtype == bool:
        if obj.shape != (n,):
            raise ValueError(
                f"boolean array argument obj to delete must be one dimensional and "
                f"match the axis length of {n}"
            )
        return np.flatnonzero(np.logical_not(obj))
    places = places_on(obj, n, n)
    if places.size == 1:
        steps = np.arange(n - 1)
        return steps + np.greater_equal(steps, places)
    each = np.equal(np.arange(n)[:, None], np.reshape(places, (1, -1)))
    return np.flatnonzero(np.logical_not(np.any(each, axis=1)))
