"""Shape and data movement: reshaping, permuting, repeating, taking, padding.

Where NumPy gives a view, so does the operation (``view=True``); what is made of basic
indexing gives views by itself.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from math import prod  # by name: while recording, the module's own is answered
from typing import Any

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import asarray, ndarray
from numpy.lib.array_utils import normalize_axis_tuple

from wengert.core.forms import Map, Move
from wengert.core.operation import answers, apply, constant_of, linear
from wengert.core.types import WEAK, Recorded, exact_value, is_array, plain_example
from wengert.errors import UnsupportedError, explain
from wengert.ops.axes import (
    axis_index,
    axis_of,
    integer,
    integers,
    sizes_of,
)
from wengert.ops.index import GETITEM, INDEX_ADD, Placeholder

Shape = tuple[int, ...]
WHOLE = slice(None)


def plain_integers(values: Any) -> Any:
    """Return nested lists of integers as a plain array; recorded ones are guarded."""
    if isinstance(values, (list, tuple)):
        return np.asarray([plain_integers(value) for value in values])
    return exact_value(values)


def is_number(value: Any) -> bool:
    """Whether a value is a number and not an array without axes."""
    return not hasattr(value, "__setitem__") and np.ndim(value) == 0


# Shapes without moving data


def evaluate_reshape(x: Any, *, shape: Shape, order: str = "C") -> Any:
    """Return ``np.reshape``."""
    return asarray(x).reshape(shape, order=order)  # type: ignore[call-overload]


def reshape_transpose(g: Any, x: Any, *, shape: Shape, order: str = "C") -> Any:
    """Return the gradient in the operand's shape."""
    g = np.reshape(g, x.shape, order=order)  # type: ignore[call-overload]
    return g if x.shape else g[()]


RESHAPE = linear("reshape", evaluate_reshape, reshape_transpose, form=Move(), view=True)


def as_it_lies(value: Any) -> Any:
    """Return an array in memory; of a recorded one the layout is guarded."""
    lies = getattr(value, "as_it_lies", None)
    return np.asarray(value) if lies is None else lies()


def lies_in(value: Any, order: str) -> bool:
    """Whether an array's elements lie one behind the other in an order; no guard.

    Whoever makes a view or a copy by the answer says so to the array (`decided`).
    """
    asked = getattr(value, "lies_in", None)
    return True if asked is None else bool(asked(order))


def lying(result: Any, order: str = "K", like: Any = None) -> Any:
    """Return a result of its own laid out in an order, or in that of another array.

    So that what is a view of it is one of the same elements as in NumPy.
    """
    lay = getattr(result, "lying", None)
    return result if lay is None else lay(order, like)


def lying_as_made(result: Any, function: Any, operands: Any, settings: Any) -> Any:
    """Return results laid out as those of a function that casts, or takes an order.

    NumPy casts operands piece by piece: how it lays out a result follows from how they
    lie before.
    """
    if isinstance(result, tuple):
        return tuple(
            lying_as_made(part, function, operands, settings) for part in result
        )
    lay = getattr(result, "lying_as_made", None)
    return result if lay is None else lay(function, operands, settings)


def filled_order(a: Any) -> str:
    """Return the order in which NumPy makes a larger or smaller array of an array's."""
    return "F" if lies_in(a, "F") and not lies_in(a, "C") else "C"


def memory_order(a: Any, order: str) -> str:
    """Return order "A" as the "C" or "F" that it means for this array."""
    if order in "CF":
        return order
    return "F" if as_it_lies(a).flags.fnc else "C"


def axes_in_memory(strides: tuple[int, ...]) -> list[int]:
    """Return the axes from the longest stride to the shortest, as NumPy walks them.

    An axis of stride 0 says nothing of the order: it stays where it is.
    """
    inner_first: list[int] = []
    for axis in reversed(range(len(strides))):
        place = len(inner_first)
        for k in reversed(range(len(inner_first))):
            inner, own = abs(strides[inner_first[k]]), abs(strides[axis])
            if inner and own:
                if inner <= own:
                    break
                place = k
        inner_first.insert(place, axis)
    return inner_first[::-1]


def in_order(a: Any, order: Any) -> Any:
    """Return an array itself if it lies in memory in an order, else a copy that does.

    Orders "A" and "K" are any order.
    """
    if order not in ("C", "F") or not hasattr(a, "decided"):
        return a
    return a.decided(a if lies_in(a, order) else np.copy(a, order=order))


@lru_cache(maxsize=4096)
def shape_settings(shape: Shape) -> dict[str, Any]:
    """Return the settings of a reshape."""
    return {"shape": shape}


@answers(np.reshape)
def reshape(
    a: Any, /, shape: Any, order: str = "C", *, copy: bool | None = None
) -> Any:
    """Answer ``np.reshape``."""
    shape = sizes_of(shape)
    if -1 in shape:
        size = a.size if isinstance(a, Recorded) else np.size(a)  # type: ignore[attr-defined]
        known = prod([n for n in shape if n != -1])
        if known > 0 and size % known == 0 and shape.count(-1) == 1:
            shape = tuple(size // known if n == -1 else n for n in shape)
    if order == "C" and isinstance(a, Recorded):
        result = a.record(RESHAPE, (a,), shape_settings(shape))
    elif order == "C":
        result = apply(RESHAPE, a, shape=shape)
    else:
        result = apply(RESHAPE, a, shape=shape, order=memory_order(a, order))
    return np.copy(result) if copy else result


@answers(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """Answer ``np.ravel``: a view of what lies in memory in that order, else a copy."""
    if order == "K":
        if np.size(a):  # nothing lies in no order
            a = np.transpose(a, axes_in_memory(as_it_lies(a).strides))
        order = "C"
    order = memory_order(a, order)
    return np.reshape(in_order(a, order), -1, order=order)  # type: ignore[call-overload]


def as_numpys(number: Any) -> Any:
    """Return NumPy's number as it is, and Python's as an array without axes."""
    is_python = type(plain_example(number)) in WEAK
    return np.reshape(number, ()) if is_python else number


@answers(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """Answer ``np.squeeze``."""
    shape = np.shape(a)
    if is_number(a):
        return as_numpys(a)
    if axis is None:
        return np.reshape(a, tuple(n for n in shape if n != 1))
    axes = axis if isinstance(axis, tuple) else (axis,)
    axes = normalize_axis_tuple([integer(k) for k in axes], len(shape))
    if any(shape[k] != 1 for k in axes):
        raise ValueError(
            "cannot select an axis to squeeze out which has size not equal to one"
        )
    return np.reshape(a, tuple(n for k, n in enumerate(shape) if k not in axes))


@answers(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """Answer ``np.expand_dims``."""
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = np.ndim(a) + len(axes)
    axes = normalize_axis_tuple(axes, ndim)
    sizes = iter(np.shape(a))
    return np.reshape(a, tuple(1 if k in axes else next(sizes) for k in range(ndim)))


def at_least(ndim: int, a: Any) -> Any:
    """Return an array with at least 1, 2 or 3 axes, placed as NumPy places them."""
    shape = np.shape(a)
    if len(shape) >= ndim:
        return a
    if ndim == 3 and len(shape) == 2:
        return np.reshape(a, (*shape, 1))
    if ndim == 3 and len(shape) == 1:
        return np.reshape(a, (1, *shape, 1))
    return np.reshape(a, (1,) * (ndim - len(shape)) + shape)


def answer_at_least(function: Any, ndim: int) -> None:
    """Answer ``np.atleast_1d`` and its relatives."""

    @answers(function)
    def answer(*arrays: Any) -> Any:
        found = tuple(at_least(ndim, np.asanyarray(a)) for a in arrays)
        return found[0] if len(found) == 1 else found


answer_at_least(np.atleast_1d, 1)
answer_at_least(np.atleast_2d, 2)
answer_at_least(np.atleast_3d, 3)


# Permuting axes


def evaluate_transpose(x: Any, *, axes: Shape) -> Any:
    """Return ``np.transpose``."""
    return asarray(x).transpose(axes)


def transpose_transpose(g: Any, x: Any, *, axes: Shape) -> Any:
    """Return the gradient with the inverse permutation."""
    inverse = sorted(range(len(axes)), key=axes.__getitem__)
    return np.transpose(g, tuple(inverse))


TRANSPOSE = linear(
    "transpose", evaluate_transpose, transpose_transpose, form=Move(), view=True
)


@answers(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """Answer ``np.transpose``."""
    ndim = np.ndim(a)
    if is_number(a):
        return as_numpys(a)
    if axes is None:
        return apply(TRANSPOSE, a, axes=tuple(range(ndim))[::-1])
    axes = normalize_axis_tuple(sizes_of(axes), ndim)
    if len(axes) != ndim:
        raise ValueError("axes don't match array")
    return apply(TRANSPOSE, a, axes=axes)


@answers(np.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """Answer ``np.matrix_transpose``."""
    if np.ndim(x) < 2:
        raise ValueError(
            f"Input array must be at least 2-dimensional, but it is {np.ndim(x)}"
        )
    return np.swapaxes(x, -1, -2)


@answers(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Answer ``np.swapaxes``."""
    axes = list(range(np.ndim(a)))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return np.transpose(a, axes)


@answers(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Answer ``np.moveaxis``."""
    ndim = np.ndim(a)
    sources = normalize_axis_tuple(source, ndim, "source")
    targets = normalize_axis_tuple(destination, ndim, "destination")
    if len(sources) != len(targets):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [k for k in range(ndim) if k not in sources]
    for target, k in sorted(zip(targets, sources, strict=True)):
        order.insert(target, k)
    return np.transpose(a, order)


@answers(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """Answer ``np.rollaxis``."""
    order = np.rollaxis(np.empty(tuple(range(np.ndim(a)))), axis, start).shape
    return np.transpose(a, order)


# Repeating without copying


def evaluate_broadcast_to(x: Any, *, shape: Shape) -> Any:
    """Return ``np.broadcast_to``, of arrays in C order in a tenth of its time."""
    x = asarray(x)
    extra = len(shape) - x.ndim
    repeats = all([n in (1, m) for n, m in zip(x.shape, shape[extra:], strict=False)])
    if extra < 0 or not (repeats and x.size and x.flags.c_contiguous):
        return np.broadcast_to(x, shape)
    own = [0 if n == 1 else k for n, k in zip(x.shape, x.strides, strict=True)]
    found: Any = ndarray(shape, x.dtype, x, 0, (*[0] * extra, *own))
    found.flags.writeable = False
    return found


def broadcast_to_transpose(g: Any, x: Any, *, shape: Shape) -> Any:
    """Return the gradient summed over the repeated axes."""
    extra = len(shape) - len(x.shape)
    axes = tuple(range(extra)) + tuple(
        k + extra for k, n in enumerate(x.shape) if n == 1 and shape[k + extra] != 1
    )
    return np.reshape(np.sum(g, axis=axes), x.shape) if axes else np.reshape(g, x.shape)


BROADCAST_TO = linear(
    "broadcast_to",
    evaluate_broadcast_to,
    broadcast_to_transpose,
    form=Move(),
    view=True,
)


@answers(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """Answer ``np.broadcast_to``."""
    return apply(BROADCAST_TO, array, shape=sizes_of(shape))


@answers(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    """Answer ``np.broadcast_arrays``."""
    args = tuple(np.asarray(a) for a in args)
    shape = np.broadcast_shapes(*(np.shape(a) for a in args))
    return tuple(a if np.shape(a) == shape else np.broadcast_to(a, shape) for a in args)


@answers(np.meshgrid)
def meshgrid(
    *xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy"
) -> tuple[Any, ...]:
    """Answer ``np.meshgrid``."""
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    ndim = len(xi)
    places = list(range(ndim))
    if indexing == "xy" and ndim > 1:
        places[:2] = 1, 0
    grids: Any = tuple(
        np.reshape(x, tuple(-1 if k == place else 1 for k in range(ndim)))
        for x, place in zip(xi, places, strict=True)
    )
    if not sparse:
        grids = np.broadcast_arrays(*grids)
    return tuple(np.copy(grid, "C") for grid in grids) if copy else tuple(grids)


# Copies and dtypes


def evaluate_copy(x: Any, *, order: str = "K") -> Any:
    """Return ``np.copy``."""
    return np.array(x, order=order)  # type: ignore[call-overload]


COPY = linear("copy", evaluate_copy, lambda g, x, order="K": g, form=Map("x"))


@answers(np.copy)
def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """Answer ``np.copy``; the order matters to sums of the copy, bit for bit."""
    return apply(COPY, a) if order == "K" else apply(COPY, a, order=order)


def evaluate_astype(x: Any, *, dtype: Any) -> Any:
    """Return ``x.astype(dtype)``; a scalar for a scalar."""
    result = asarray(x).astype(dtype)
    return result if is_array(x) else result[()]


ASTYPE = linear("astype", evaluate_astype, lambda g, x, dtype: g, form=Map("x"))
#: No derivative passes through whole numbers.
ASTYPE_EXACT = constant_of("astype_exact", evaluate_astype, form=Map("x"), numpy=())


@answers(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """Answer ``np.astype``."""
    dtype = np.dtype(dtype)
    if not copy and x.dtype == dtype:
        return x
    return apply(ASTYPE if dtype.kind in "fc" else ASTYPE_EXACT, x, dtype=dtype)


# Reversing and rolling


@answers(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """Answer ``np.flip``."""
    ndim = np.ndim(m)
    axes = range(ndim) if axis is None else normalize_axis_tuple(axis, ndim)
    if is_number(m):
        return as_numpys(m)[()]
    back = slice(None, None, -1)
    return m[tuple(back if k in axes else WHOLE for k in range(ndim))]


@answers(np.fliplr)
def fliplr(m: Any) -> Any:
    """Answer ``np.fliplr``."""
    if np.ndim(m) < 2:
        raise ValueError("Input must be >= 2-d.")
    return m[:, ::-1]


@answers(np.flipud)
def flipud(m: Any) -> Any:
    """Answer ``np.flipud``."""
    if np.ndim(m) < 1:
        raise ValueError("Input must be >= 1-d.")
    return m[::-1, ...]


@answers(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """Answer ``np.rot90``."""
    first, second = axes
    ndim = np.ndim(m)
    if first == second or abs(first - second) == ndim:
        raise ValueError("Axes must be different.")
    first, second = normalize_axis_tuple((first, second), ndim)
    k = operator.index(k) % 4
    if k == 0:
        return m[:]
    if k == 2:
        return np.flip(m, (first, second))
    sizes_of(axes)
    if k == 1:
        return np.swapaxes(np.flip(m, second), first, second)
    return np.flip(np.swapaxes(m, first, second), second)


@answers(np.roll)
def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    """Answer ``np.roll``."""
    if axis is None:
        return np.reshape(np.roll(np.ravel(a), shift, 0), np.shape(a))
    ndim = np.ndim(a)
    axes = normalize_axis_tuple(axis, ndim, allow_duplicate=True)
    shifts = dict.fromkeys(range(ndim), 0)
    shape = np.broadcast_shapes((len(axes),), np.shape(shift))
    if len(shape) > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    steps = integers(shift)
    for k in range(shape[0]):
        shifts[axes[k % len(axes)]] += steps[k % len(steps)]
    result = a
    for k, step in shifts.items():
        step %= a.shape[k] or 1
        if step:
            front, back = along(result, k, -step, None), along(result, k, None, -step)
            result = np.concatenate((front, back), axis=k)
    return np.copy(result) if result is a else lying(result, like=a)


def along(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    """Return ``x[..., start:stop, ...]`` along one axis."""
    return x[(WHOLE,) * axis + (slice(start, stop),)]


# Repeating


@answers(np.repeat)
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Answer ``np.repeat``."""
    if axis is None:
        a, axis = np.ravel(a), 0
    a = np.atleast_1d(a)
    axis = axis_of(axis, a.ndim)
    repeats = integers(repeats)
    if len(repeats) != 1:
        return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis=axis)
    before, n, after = a.shape[:axis], a.shape[axis], a.shape[axis + 1 :]
    (count,) = repeats
    if count < 0:
        raise ValueError("repeats may not contain negative values.")
    each = np.reshape(a, (*before, n, 1, *after))
    spread = np.broadcast_to(each, (*before, n, count, *after))
    return lying(np.reshape(spread, (*before, n * count, *after)), "C")


@answers(np.tile)
def tile(A: Any, reps: Any) -> Any:
    """Answer ``np.tile``."""
    reps = integers(reps)
    ndim = max(len(reps), np.ndim(A))
    shape = (1,) * (ndim - np.ndim(A)) + np.shape(A)
    reps = (1,) * (ndim - len(reps)) + reps
    if all(count == 1 for count in reps):
        return np.reshape(np.copy(A), shape)
    apart = tuple(m for n in shape for m in (1, n))
    spread = tuple(m for pair in zip(reps, shape, strict=True) for m in pair)
    result = np.broadcast_to(np.reshape(A, apart), spread)
    whole = tuple(n * k for n, k in zip(shape, reps, strict=True))
    return lying(np.reshape(result, whole), "C")


@answers(np.resize)
def resize(a: Any, new_shape: Any) -> Any:
    """Answer ``np.resize``."""
    shape = sizes_of(new_shape)
    if any(n < 0 for n in shape):
        raise ValueError("all elements of `new_shape` must be non-negative")
    a = np.ravel(a)
    size = int(np.prod(shape, dtype=np.int64))
    if a.size == 0 or size == 0:
        return np.zeros_like(a, shape=shape)
    repeated = np.tile(a, -(-size // a.size))
    return np.reshape(repeated[:size], shape)


# Taking elements by integers


@answers(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """Answer ``np.take_along_axis``."""
    if axis is None:
        arr, axis = np.ravel(arr), 0
    places = along_axis_key(arr, indices, axis)
    key = tuple(Placeholder(k) for k in range(len(places)))
    return apply(GETITEM, arr, *places, key=key)


def along_axis_key(arr: Any, indices: Any, axis: int) -> tuple[Any, ...]:
    """Return the key that takes one element a line along an axis."""
    if indices.dtype.kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    ndim = np.ndim(arr)
    if ndim != np.ndim(indices):
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    axis = axis_index(axis, ndim)
    grid = np.ogrid[tuple(slice(n) for n in np.shape(arr))]
    return (*grid[:axis], indices, *grid[axis + 1 :])


@answers(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """Answer ``np.unravel_index``: the indices stay data."""
    check_are_places(indices)
    sizes = sizes_of(shape)
    count = int(np.prod(sizes, dtype=np.int64))
    if np.any(np.greater_equal(indices, count)) or np.any(np.less(indices, 0)):
        raise ValueError(f"index is out of bounds for array with size {count}")
    places = []
    for n in reversed(sizes) if order == "C" else sizes:
        places.append(np.remainder(indices, n))
        indices = np.floor_divide(indices, n)
    return tuple(reversed(places) if order == "C" else places)


@answers(np.ravel_multi_index)
def ravel_multi_index(
    multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C"
) -> Any:
    """Answer ``np.ravel_multi_index``: the index stays data."""
    sizes = sizes_of(dims)
    if mode != "raise" or order != "C":
        raise UnsupportedError(
            explain(
                f"np.ravel_multi_index with mode={mode!r}, order={order!r}",
                "it is not recorded",
                "mode='raise' and order='C'",
            )
        )
    flat: Any = 0
    for places, n in zip(multi_index, sizes, strict=True):
        check_are_places(places)
        if np.any(np.greater_equal(places, n)) or np.any(np.less(places, 0)):
            raise ValueError("invalid entry in coordinates array")
        flat = flat * n + places
    return flat


def check_are_places(places: Any) -> None:
    """Raise `TypeError` unless places are whole numbers."""
    if getattr(places, "dtype", np.dtype(int)).kind not in "iub":
        raise TypeError("only whole numbers are places")


def check_places(places: Any, low: int, stop: int, message: str) -> None:
    """Raise `IndexError` unless places lie between bounds; of recorded ones a guard."""
    check_are_places(places)
    if np.any(np.greater_equal(places, stop)) or np.any(np.less(places, low)):
        raise IndexError(message)


# Diagonals and triangles


def evaluate_diagonal(x: Any, *, offset: int, axes: Shape) -> Any:
    """Return ``np.diagonal``."""
    return np.diagonal(x, offset, *axes)


def diagonal_key(n: int, offset: int) -> tuple[Any, Any]:
    """Return the rows and columns of a diagonal with `n` elements."""
    steps = np.arange(n)
    return steps + max(-offset, 0), steps + max(offset, 0)


def diagonal_transpose(g: Any, x: Any, *, offset: int, axes: Shape) -> Any:
    """Return zeros with the gradient on the diagonal."""
    zeros = np.zeros(x.shape, g.dtype)
    order = tuple(k for k in range(x.ndim) if k not in axes) + axes
    chain = (("transpose", (("axes", order),)),)
    key = (Ellipsis, Placeholder(0), Placeholder(1))
    places = diagonal_key(g.shape[-1], offset)
    return apply(INDEX_ADD, zeros, g, *places, chain=chain, key=key)


DIAGONAL = linear(
    "diagonal", evaluate_diagonal, diagonal_transpose, form=Move(), view=True
)


@answers(np.diagonal)
def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Answer ``np.diagonal``."""
    ndim = np.ndim(a)
    if ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    axes = normalize_axis_tuple((axis1, axis2), ndim)
    return apply(DIAGONAL, a, offset=operator.index(offset), axes=axes)


@answers(np.trace)
def trace(
    a: Any,
    offset: int = 0,
    axis1: int = 0,
    axis2: int = 1,
    dtype: Any = None,
    out: Any = None,
) -> Any:
    """Answer ``np.trace``."""
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


@answers(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """Answer ``np.diag``."""
    if np.ndim(v) == 2:
        return np.diagonal(v, k)
    if np.ndim(v) != 1:
        raise ValueError("Input must be 1- or 2-d.")
    k = operator.index(k)
    n = np.shape(v)[0] + abs(k)
    zeros = np.zeros((n, n), v.dtype)
    places = diagonal_key(np.shape(v)[0], k)
    key = (Placeholder(0), Placeholder(1))
    return apply(INDEX_ADD, zeros, v, *places, chain=(), key=key)


@answers(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """Answer ``np.diagflat``."""
    return np.diag(np.ravel(v), k)


def last_two(m: Any) -> tuple[int, int]:
    """Return the shape of the matrices of an array; a vector counts as every row."""
    shape = np.shape(m)[-2:]
    return (shape[0], shape[-1])


@answers(np.tril)
def tril(m: Any, k: int = 0) -> Any:
    """Answer ``np.tril``."""
    mask = np.tri(*last_two(m), k=operator.index(k), dtype=bool)
    return np.where(mask, m, np.zeros(1, m.dtype))


@answers(np.triu)
def triu(m: Any, k: int = 0) -> Any:
    """Answer ``np.triu``."""
    mask = np.tri(*last_two(m), k=operator.index(k) - 1, dtype=bool)
    return np.where(mask, np.zeros(1, m.dtype), m)


# Padding


@answers(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **settings: Any) -> Any:
    """Answer ``np.pad``."""
    array = np.asarray(array)
    widths = pad_widths(pad_width, np.ndim(array))
    if callable(mode):
        raise UnsupportedError(
            explain(
                "np.pad with a function of the user's",
                "NumPy hands it plain pieces of memory to write into",
                "np.concatenate((front, x, back)) with the pieces computed by you",
            )
        )
    if mode == "empty":
        mode, settings = "constant", {}
    order = filled_order(array)
    for axis, width in enumerate(widths):
        if mode == "constant":
            array = pad_constant(array, axis, width, **settings)
        elif mode in ("linear_ramp", "maximum", "mean", "median", "minimum"):
            array = pad_computed(array, axis, width, mode, **settings)
        else:
            places = np.pad(np.arange(array.shape[axis]), width, mode, **even(settings))
            array = np.take(array, places, axis=axis)
    return lying(array, order)


def even(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a padding that only copies elements."""
    if settings.get("reflect_type", "even") != "even":
        raise UnsupportedError(
            explain(
                "np.pad with reflect_type='odd'",
                "it is not recorded",
                "np.pad(2 * edge - x, ...) where it is needed",
            )
        )
    return settings


def pad_widths(pad_width: Any, ndim: int) -> list[tuple[int, int]]:
    """Return the widths before and after every axis."""
    if isinstance(pad_width, dict):
        given = [(0, 0)] * ndim
        for axis, width in pad_width.items():
            given[axis] = width if isinstance(width, tuple) else (width, width)
        pad_width = given
    widths = np.broadcast_to(plain_integers(pad_width), (ndim, 2))
    if widths.dtype.kind != "i":
        raise TypeError("`pad_width` must be of integral type.")
    if widths.size and widths.min() < 0:
        raise ValueError("index can't contain negative values")
    return [(int(before), int(after)) for before, after in widths]


def sides(value: Any, axis: int, ndim: int) -> tuple[Any, Any]:
    """Return what NumPy calls a pair for an axis: the values before and after."""
    if np.ndim(value) == 0:
        return value, value
    if isinstance(value, Recorded):
        pairs: Any = np.broadcast_to(value, (ndim, 2))  # type: ignore[call-overload]
        return pairs[axis, 0], pairs[axis, 1]
    pair = value[axis] if len(value) == ndim and np.ndim(value[0]) else value
    pair = pair[0] if len(pair) == 1 else pair
    return (pair, pair) if np.ndim(pair) == 0 else (pair[0], pair[1])


def pad_constant(
    x: Any, axis: int, width: tuple[int, int], constant_values: Any = 0
) -> Any:
    """Return `x` with constants before and after along an axis."""
    values = sides(constant_values, axis, x.ndim)
    pieces = [x]
    for side, (n, value) in enumerate(zip(width, values, strict=True)):
        shape = (*x.shape[:axis], n, *x.shape[axis + 1 :])
        piece = np.astype(np.broadcast_to(value, shape), x.dtype)
        pieces.insert(len(pieces) * side, piece)
    return np.concatenate(pieces, axis=axis)


def pad_computed(
    x: Any,
    axis: int,
    width: tuple[int, int],
    mode: str,
    stat_length: Any = None,
    end_values: Any = 0,
) -> Any:
    """Return `x` with a ramp, or a statistic of its edge, before and after an axis."""
    lengths = sides(stat_length, axis, x.ndim)
    ends = sides(end_values, axis, x.ndim)
    n = x.shape[axis]
    pieces = [x]
    for side, count in enumerate(width):
        if mode == "linear_ramp":
            edge = along(x, axis, 0, 1) if side == 0 else along(x, axis, n - 1, n)
            piece = ramp(edge, ends[side], axis, count, side == 0)
        else:
            length = n if lengths[side] is None else min(n, lengths[side])
            span = (0, length) if side == 0 else (n - length, n)
            piece = edge_statistic(along(x, axis, *span), axis, count, mode)
        pieces.insert(len(pieces) * side, np.astype(piece, x.dtype))
    return np.concatenate(pieces, axis=axis)


def ramp(edge: Any, end: Any, axis: int, count: int, rising: bool) -> Any:
    """Return a ramp of `count` steps between an end value and the edge."""
    line = np.linspace(end, np.squeeze(edge, axis), count, endpoint=False, axis=axis)
    return line if rising else np.flip(line, axis)


def edge_statistic(chunk: Any, axis: int, count: int, mode: str) -> Any:
    """Return a statistic of a chunk, repeated `count` times along the axis."""
    function: Any = {
        "maximum": np.max,
        "minimum": np.min,
        "mean": np.mean,
        "median": np.median,
    }[mode]
    value = function(chunk, axis=axis, keepdims=True)
    if mode in ("mean", "median") and chunk.dtype.kind in "iu":
        value = np.round(value)
    return np.repeat(value, count, axis=axis)
