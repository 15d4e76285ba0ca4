"""Arrays as sets: which elements are in which; how many there are is guarded.

Each computes as NumPy's own code does, so that values are the same to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import answers, apply, constant_of
from wengert.ops.join import as_array
from wengert.ops.results import (
    UniqueAllResult,
    UniqueCountsResult,
    UniqueInverseResult,
)
from wengert.ops.sort import find_unique


def evaluate_isin(x: Any, elements: Any, *, invert: bool) -> Any:
    """Return ``np.isin``."""
    return np.isin(x, elements, invert=invert)


ISIN = constant_of("isin", evaluate_isin, form=Routine(each=0), numpy=())


@answers(np.isin)
def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: Any = None,
) -> Any:
    """Answer ``np.isin``; how it is found out makes no difference."""
    parts = as_array(element), np.ravel(as_array(test_elements))
    return apply(ISIN, *parts, invert=bool(invert))


@answers(np.intersect1d)
def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """Answer ``np.intersect1d``."""
    first, second = as_array(ar1), as_array(ar2)
    places1, places2 = np.arange(first.size), np.arange(second.size)
    if assume_unique:
        first, second = np.ravel(first), np.ravel(second)
    else:
        first, places1, *_ = find_unique(first, None, True)
        second, places2, *_ = find_unique(second, None, True)
    both = np.concatenate((first, second))
    order = np.argsort(both, kind="mergesort" if return_indices else None)
    both = both[order]
    is_twice = both[1:] == both[:-1]
    found = both[:-1][is_twice]
    if not return_indices:
        return found
    return (
        found,
        places1[order[:-1][is_twice]],
        places2[order[1:][is_twice] - first.size],
    )


@answers(np.union1d)
def union1d(ar1: Any, ar2: Any) -> Any:
    """Answer ``np.union1d``."""
    return np.unique(np.concatenate((as_array(ar1), as_array(ar2)), axis=None))


@answers(np.setdiff1d)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """Answer ``np.setdiff1d``."""
    first = np.ravel(as_array(ar1)) if assume_unique else np.unique(as_array(ar1))
    return first[np.isin(first, ar2, invert=True)]


@answers(np.setxor1d)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """Answer ``np.setxor1d``."""
    first, second = as_array(ar1), as_array(ar2)
    if not assume_unique:
        first, second = np.unique(first), np.unique(second)
    both = np.concatenate((first, second), axis=None)
    if both.size == 0:
        return both
    both = np.sort(both)
    end = np.array([True])
    is_new = np.concatenate((end, both[1:] != both[:-1], end))
    return both[is_new[1:] & is_new[:-1]]


def answer_named(function: Any, kind: Any, *parts: int) -> None:
    """Answer a function that names some of: values, first places, inverse, counts."""

    @answers(function)
    def answer(x: Any, /) -> Any:
        x = as_array(x)
        values, index, inverse, counts = find_unique(x, None, False)
        every = values, index, np.reshape(inverse, x.shape), counts
        return kind(*(every[k] for k in parts))


answer_named(np.unique_all, UniqueAllResult, 0, 1, 2, 3)
answer_named(np.unique_inverse, UniqueInverseResult, 0, 2)
answer_named(np.unique_counts, UniqueCountsResult, 0, 3)


@answers(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """Answer ``np.sort_complex``."""
    found = np.sort(as_array(a))
    if found.dtype.kind == "c":
        return found
    return np.astype(found, "F" if found.dtype.char in "bhBH" else "D")
