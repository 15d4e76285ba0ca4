"""Sorting, searching and counting.

A sorted array follows its permutation: among equal elements the first in the operand
comes first.  Positions and counts are data, which no derivative passes through.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, constant_of, general
from wengert.core.types import Recorded, plain_example
from wengert.errors import UnsupportedError, explain
from wengert.ops.axes import axis_index, axis_of, integers
from wengert.ops.index import GETITEM, INDEX_ADD, Placeholder
from wengert.ops.reduce import as_array
from wengert.ops.shape import lying

# The permutation, and what it does to tangents and gradients


def grid(shape: tuple[int, ...], axis: int, places: Any) -> tuple[Any, ...]:
    """Return the index arrays that take `places` along an axis."""
    ndim = len(shape)
    open_grid = [
        np.reshape(np.arange(n), tuple(n if j == k else 1 for j in range(ndim)))
        for k, n in enumerate(shape)
    ]
    open_grid[axis] = places
    return tuple(open_grid)


def take_along(x: Any, places: Any, axis: int) -> Any:
    """Return the elements of `x` at the places along an axis."""
    return apply(GETITEM, x, *grid(x.shape, axis, places), key=whole_key(x.ndim))


def put_along(g: Any, places: Any, axis: int) -> Any:
    """Return elements at the places along an axis that they are to go to."""
    zeros = np.zeros(g.shape, g.dtype)
    where = grid(g.shape, axis, places)
    return apply(INDEX_ADD, zeros, g, *where, chain=(), key=whole_key(g.ndim))


def whole_key(ndim: int) -> tuple[Placeholder, ...]:
    """Return the key of one index array an axis."""
    return tuple(Placeholder(k) for k in range(ndim))


def order_of(x: Any, axis: int) -> Any:
    """Return the stable order of the elements along an axis."""
    return apply(ARGSORT, x, axis=axis, kind="stable")


def sort_jvp(tangents: Any, y: Any, x: Any, *, axis: int, kind: str) -> Any:
    """Return the tangents in the order of the elements."""
    return take_along(tangents[0], order_of(x, axis), axis)


def sort_vjp(g: Any, y: Any, x: Any, *, axis: int, kind: str) -> Any:
    """Return the gradients put back where the elements came from."""
    return (put_along(g, order_of(x, axis), axis),)


def evaluate_sort(x: Any, *, axis: int, kind: str) -> Any:
    """Return ``np.sort``."""
    return np.sort(x, axis=axis, kind=kind)  # type: ignore[call-overload]


def evaluate_argsort(x: Any, *, axis: int, kind: str) -> Any:
    """Return ``np.argsort``."""
    return np.argsort(x, axis=axis, kind=kind)  # type: ignore[arg-type]


SORT = general(
    "sort",
    evaluate_sort,
    form=Routine(along=True),
    jvp=sort_jvp,
    vjp=sort_vjp,
    reads=(True,),
)
ARGSORT = constant_of("argsort", evaluate_argsort, form=Routine(along=True), numpy=())


def prepare(a: Any, axis: Any, read: Any = axis_index) -> tuple[Any, int]:
    """Return an array and its axis; all elements in a row without one."""
    a = as_array(a)
    if axis is None:
        return np.reshape(a, (-1,)), 0
    return a, read(axis, a.ndim)


def kind_of(kind: Any, order: Any, stable: Any) -> str:
    """Return the kind of sort asked for."""
    if order is not None:
        raise UnsupportedError(
            explain(
                f"a sort with order={order!r}",
                "recorded arrays have no fields",
                "sort the fields' arrays with np.lexsort",
            )
        )
    return "stable" if stable else (kind or "quicksort")


@answers(np.sort)
def sort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """Answer ``np.sort``."""
    a, axis = prepare(a, axis)
    return apply(SORT, a, axis=axis, kind=kind_of(kind, order, stable))


@answers(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """Answer ``np.argsort``."""
    if np.ndim(a) == 0 and axis is not None:
        axis = None
    a, axis = prepare(a, axis, axis_of)
    return apply(ARGSORT, a, axis=axis, kind=kind_of(kind, order, stable))


# Partitions


def source_of(x: Any, y: Any, axis: int) -> Any:
    """Return where each element of a rearrangement `y` of `x` came from."""
    rank = order_of(order_of(y, axis), axis)
    return take_along(order_of(x, axis), rank, axis)


def partition_jvp(tangents: Any, y: Any, x: Any, *, kth: Any, axis: int) -> Any:
    """Return the tangents rearranged as the elements were."""
    return take_along(tangents[0], source_of(x, y, axis), axis)


def partition_vjp(g: Any, y: Any, x: Any, *, kth: Any, axis: int) -> Any:
    """Return the gradients put back where the elements came from."""
    return (put_along(g, source_of(x, y, axis), axis),)


def evaluate_partition(x: Any, *, kth: Any, axis: int) -> Any:
    """Return ``np.partition``."""
    return np.partition(x, kth, axis=axis)


def evaluate_argpartition(x: Any, *, kth: Any, axis: int) -> Any:
    """Return ``np.argpartition``."""
    return np.argpartition(x, kth, axis=axis)


PARTITION = general(
    "partition",
    evaluate_partition,
    form=Routine(along=True),
    jvp=partition_jvp,
    vjp=partition_vjp,
    reads=(True,),
)
ARGPARTITION = constant_of(
    "argpartition", evaluate_argpartition, form=Routine(along=True), numpy=()
)


def places_of(kth: Any) -> Any:
    """Return ``kth`` as plain data."""
    if np.asarray(plain_example(kth)).dtype == bool:
        raise ValueError("Booleans unacceptable as partition index")
    return integers(kth) if np.ndim(kth) else operator.index(kth)


@answers(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Any:
    """Answer ``np.partition``."""
    kind_of(kind, order, None)
    a, axis = prepare(a, axis)
    return apply(PARTITION, a, kth=places_of(kth), axis=axis)


@answers(np.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None
) -> Any:
    """Answer ``np.argpartition``."""
    kind_of(kind, order, None)
    a, axis = prepare(a, axis, axis_of)
    return apply(ARGPARTITION, a, kth=places_of(kth), axis=axis)


# Positions


def evaluate_lexsort(*columns: Any, axis: int) -> Any:
    """Return ``np.lexsort``."""
    return np.lexsort(columns, axis=axis)


def evaluate_searchsorted(a: Any, v: Any, *sorter: Any, side: str) -> Any:
    """Return ``np.searchsorted``."""
    return np.searchsorted(a, v, side, *sorter)  # type: ignore[call-overload]


def evaluate_digitize(x: Any, bins: Any, *, right: bool) -> Any:
    """Return ``np.digitize``."""
    return np.digitize(x, bins, right=right)


def evaluate_nonzero(x: Any) -> Any:
    """Return ``np.nonzero``."""
    return tuple(np.nonzero(x))


def comes_before(x: Any, y: Any) -> Any:
    """Return where x stands before y in NumPy's order, NaN last."""
    if x.dtype.kind != "f":
        return x < y
    return (x < y) | (np.isnan(y) & ~np.isnan(x))


def search_of_rows(a: Any, v: Any, *sorter: Any, side: str) -> Any:
    """Return ``np.searchsorted`` in every row: one binary search, side by side."""
    kind = np.result_type(a, v)
    if kind.kind not in "biufc":
        raise TypeError("rows of what are no numbers")
    a = np.take_along_axis(a, sorter[0], axis=1) if sorter else a
    a, keys = a.astype(kind), v.reshape(len(v), -1).astype(kind)
    if kind.kind == "c" and (np.isnan(a).any() or np.isnan(keys).any()):
        raise TypeError("rows of complex numbers of which parts are NaN")
    low = np.zeros(keys.shape, np.intp)
    high = np.full(keys.shape, a.shape[1], np.intp)
    for _ in range(a.shape[1].bit_length()):
        middle = (low + high) // 2
        met = np.take_along_axis(a, np.minimum(middle, a.shape[1] - 1), axis=1)
        goes_on = (
            comes_before(met, keys) if side == "left" else ~comes_before(keys, met)
        )
        is_open = low < high
        low = np.where(is_open & goes_on, middle + 1, low)
        high = np.where(is_open & ~goes_on, middle, high)
    return low.reshape(v.shape)


def digitize_of_rows(x: Any, bins: Any, *, right: bool) -> Any:
    """Return ``np.digitize`` in every row, for bins that increase."""
    if np.result_type(x, bins).kind == "c":
        raise TypeError("complex numbers lie in no bins")
    if np.any(bins[:, 1:] < bins[:, :-1]):
        raise ValueError("rows of bins that do not increase")
    return search_of_rows(bins, x, side="left" if right else "right")


LEXSORT = constant_of("lexsort", evaluate_lexsort, form=Routine(along=True), numpy=())
SEARCHSORTED = constant_of(
    "searchsorted",
    evaluate_searchsorted,
    form=Routine(each=1, rows=search_of_rows),
    numpy=(),
)


def nonzero_of_rows(x: Any) -> Any:
    """Return the places in every row, as many in each."""
    count_per_row(np.count_nonzero(x.reshape(len(x), -1), axis=1))
    return tuple(np.reshape(places, (len(x), -1)) for places in np.nonzero(x)[1:])


def count_per_row(counts: Any) -> int:
    """Return a count that is the same in all rows."""
    if counts.min() != counts.max():
        raise ValueError("rows with results of several lengths")
    return int(counts[0])


DIGITIZE = constant_of(
    "digitize",
    evaluate_digitize,
    form=Routine(each=0, rows=digitize_of_rows),
    numpy=(),
)
NONZERO = constant_of(
    "nonzero", evaluate_nonzero, form=Routine(rows=nonzero_of_rows), numpy=()
)


@answers(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """Answer ``np.lexsort``."""
    columns = [keys[k] for k in range(len(keys))]
    return apply(LEXSORT, *(as_array(column) for column in columns), axis=axis)


@answers(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Answer ``np.searchsorted``."""
    operands = (a, v) if sorter is None else (a, v, sorter)
    return apply(SEARCHSORTED, *operands, side=side)


@answers(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """Answer ``np.digitize``."""
    return apply(DIGITIZE, as_array(x), as_array(bins), right=bool(right))


@answers(np.nonzero)
def nonzero(a: Any) -> Any:
    """Answer ``np.nonzero``; the count is guarded, the positions are data."""
    operator.index(np.count_nonzero(a))
    return apply(NONZERO, a)


@answers(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """Answer ``np.flatnonzero``."""
    return nonzero(np.reshape(a, (-1,)))[0]


@answers(np.argwhere)
def argwhere(a: Any) -> Any:
    """Answer ``np.argwhere``."""
    if np.ndim(a) == 0:
        return argwhere(np.reshape(a, (1,)))[:, :0]
    columns = [np.reshape(column, (-1, 1)) for column in nonzero(a)]
    return lying(np.concatenate(columns, axis=1), "F")


# Distinct elements


def evaluate_unique(x: Any, *, axis: int | None, equal_nan: bool) -> Any:
    """Return first positions, inverse and counts of ``np.unique``."""
    found = np.unique(
        x,
        return_index=True,
        return_inverse=True,
        return_counts=True,
        axis=axis,
        equal_nan=equal_nan,
    )
    return tuple(found[1:])


def evaluate_count_unique(x: Any, *, axis: int | None, equal_nan: bool) -> Any:
    """Return the number of distinct elements."""
    return np.intp(evaluate_unique(x, axis=axis, equal_nan=equal_nan)[0].size)


def distinct_of_rows(x: Any, axis: int | None, equal_nan: bool) -> tuple[Any, Any, Any]:
    """Return the order of every row, what is new in that order, and how many are."""
    if axis is not None:
        raise ValueError("rows that are compared slice by slice")
    flat = x.reshape(len(x), -1)
    order = np.argsort(flat, axis=1, kind="stable")
    ordered = np.take_along_axis(flat, order, axis=1)
    is_new = np.ones(ordered.shape, bool)
    is_new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    if equal_nan:
        is_new[:, 1:] &= ~(np.isnan(ordered[:, 1:]) & np.isnan(ordered[:, :-1]))
    return order, is_new, np.count_nonzero(is_new, axis=1)


def unique_of_rows(x: Any, *, axis: int | None, equal_nan: bool) -> Any:
    """Return what `evaluate_unique` does in every row, as many elements in each."""
    order, is_new, counts = distinct_of_rows(x, axis, equal_nan)
    count = count_per_row(counts)
    starts = np.nonzero(is_new)[1].reshape(len(x), count)
    inverse = np.empty(order.shape, np.intp)
    np.put_along_axis(inverse, order, np.cumsum(is_new, axis=1) - 1, axis=1)
    lengths = np.diff(starts, axis=1, append=order.shape[1])
    return np.take_along_axis(order, starts, axis=1), inverse.reshape(x.shape), lengths


def count_unique_of_rows(x: Any, *, axis: int | None, equal_nan: bool) -> Any:
    """Return the number of distinct elements in every row."""
    return distinct_of_rows(x, axis, equal_nan)[2]


UNIQUE = constant_of(
    "unique",
    evaluate_unique,
    form=Routine(rows=unique_of_rows),
    results=3,
    numpy=(),
)
COUNT_UNIQUE = constant_of(
    "count_unique",
    evaluate_count_unique,
    form=Routine(rows=count_unique_of_rows),
    numpy=(),
)


def find_unique(a: Any, axis: int | None, equal_nan: bool) -> tuple[Any, Any, Any, Any]:
    """Return the distinct elements, first positions, inverse and counts.

    Their number is guarded; the values are those at the first positions.
    """
    a = as_array(a)
    axis = None if axis is None else axis_of(axis, a.ndim)
    operator.index(apply(COUNT_UNIQUE, a, axis=axis, equal_nan=equal_nan))
    index, inverse, counts = apply(UNIQUE, a, axis=axis, equal_nan=equal_nan)
    if axis is None:
        values = np.reshape(a, (-1,))[index]
    else:
        values = a[(*(slice(None),) * axis, index)]
    return values, index, inverse, counts


@answers(np.unique)
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """Answer ``np.unique``; the elements are always sorted."""
    values, *others = find_unique(ar, axis, bool(equal_nan))
    asked = (return_index, return_inverse, return_counts)
    chosen = [part for part, is_asked in zip(others, asked, strict=True) if is_asked]
    return (values, *chosen) if chosen else values


@answers(np.unique_values)
def unique_values(x: Any, /) -> Any:
    """Answer ``np.unique_values``; the elements are sorted."""
    return find_unique(x, None, False)[0]


# Counts


def evaluate_bincount(x: Any, weights: Any, *, minlength: int) -> Any:
    """Return ``np.bincount`` with weights."""
    return np.bincount(x, weights, minlength)


def bincount_jvp(
    tangents: Any, result: Any, x: Any, weights: Any, *, minlength: int
) -> Any:
    """Return the sums of the weights' tangents."""
    return apply(BINCOUNT, x, tangents[1], minlength=minlength)


def bincount_vjp(g: Any, result: Any, x: Any, weights: Any, *, minlength: int) -> Any:
    """Return the gradient of the bin that each weight went to."""
    return None, apply(GETITEM, g, x, key=(Placeholder(0),))


def evaluate_tally(x: Any, *, minlength: int) -> Any:
    """Return ``np.bincount`` without weights."""
    return np.bincount(x, minlength=minlength)


def bins_of_rows(x: Any, minlength: int) -> tuple[Any, int]:
    """Return the bins of all rows, one row's behind another's, and how many it has."""
    if not np.can_cast(x.dtype, np.intp) or (x.size and x.min() < 0):
        raise TypeError("bins are whole numbers from 0 on")
    lengths = np.max(x, axis=1, initial=-1) + 1
    length = count_per_row(np.maximum(lengths, minlength))
    return x + length * np.arange(len(x))[:, None], length


def bincount_of_rows(x: Any, weights: Any, *, minlength: int) -> Any:
    """Return ``np.bincount`` with weights in every row."""
    bins, length = bins_of_rows(x, minlength)
    found = np.bincount(bins.ravel(), weights.ravel(), len(x) * length)
    return found.reshape(len(x), length)


def tally_of_rows(x: Any, *, minlength: int) -> Any:
    """Return ``np.bincount`` without weights in every row."""
    bins, length = bins_of_rows(x, minlength)
    return np.bincount(bins.ravel(), None, len(x) * length).reshape(len(x), length)


BINCOUNT = general(
    "bincount",
    evaluate_bincount,
    form=Routine(rows=bincount_of_rows),
    jvp=bincount_jvp,
    vjp=bincount_vjp,
    reads=(True, False),
)
TALLY = constant_of("tally", evaluate_tally, form=Routine(rows=tally_of_rows), numpy=())


@answers(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Any:
    """Answer ``np.bincount``; the length of the result is guarded."""
    x, length = as_array(x), operator.index(minlength)
    if isinstance(x, Recorded) and x.size:  # type: ignore[attr-defined]
        length = max(length, operator.index(np.max(x)) + 1)  # type: ignore[call-overload]
    if weights is None:
        return apply(TALLY, x, minlength=length)
    return apply(BINCOUNT, x, as_array(weights), minlength=length)
