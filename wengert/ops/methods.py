"""What the methods of ufuncs need beyond reductions: stretches, and plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from wengert.core.forms import Reduce, Scan
from wengert.core.operation import apply, constant_of, linear
from wengert.ops.cumulative import along
from wengert.ops.index import INDEX_ADD, Placeholder, Slice

# Sums of stretches


def segments(indices: Iterable[int], size: int) -> list[tuple[int, int]]:
    """Return the stretch of elements that each result of ``reduceat`` combines."""
    starts = list(indices)
    stops = [*starts[1:], size]
    return [(i, j if i < j else i + 1) for i, j in zip(starts, stops, strict=True)]


def evaluate_add_reduceat(x: Any, *, indices: Any, axis: int, dtype: Any) -> Any:
    """Return ``np.add.reduceat``."""
    return np.add.reduceat(x, indices, axis=axis, dtype=dtype)


def add_reduceat_transpose(
    g: Any, x: Any, *, indices: Any, axis: int, dtype: Any
) -> Any:
    """Return for each element the sum of the gradients of its segments."""
    found = segments(indices, x.shape[axis])
    sources = [k for k, (i, j) in enumerate(found) for _ in range(i, j)]
    targets = [place for i, j in found for place in range(i, j)]
    parts = g[along(axis, sources)]
    zeros = np.zeros(x.shape, g.dtype)
    before = (Slice(None, None, None),) * axis
    where = np.positive(targets).astype(np.intp)  # plain, also while recording
    return apply(
        INDEX_ADD, zeros, parts, where, chain=(), key=(*before, Placeholder(0))
    )


ADD_REDUCEAT = linear(
    "add_reduceat",
    evaluate_add_reduceat,
    add_reduceat_transpose,
    form=Reduce("x + y", start=0),
)


# Ufuncs that are not differentiable, by name


def evaluate_reduce(
    x: Any,
    where: Any = True,
    *,
    ufunc: str,
    axis: Any,
    keepdims: bool,
    dtype: Any,
    kept: Any,
) -> Any:
    """Return the reduction of data by a ufunc, kept in an array of a dtype."""
    out = None
    if kept is not None:
        out = np.empty(np.any(x, axis=axis, keepdims=keepdims).shape, kept)
    how = {"axis": axis, "keepdims": keepdims, "dtype": dtype, "where": where}
    return getattr(np, ufunc).reduce(x, out=out, **how)


def evaluate_accumulate(x: Any, *, ufunc: str, axis: int, dtype: Any, kept: Any) -> Any:
    """Return the partial reductions of data by a ufunc, kept in an array of a dtype."""
    out = None if kept is None else np.empty(x.shape, kept)
    return getattr(np, ufunc).accumulate(x, axis=axis, dtype=dtype, out=out)


def evaluate_reduceat(x: Any, *, ufunc: str, indices: Any, axis: int) -> Any:
    """Return the reductions of stretches of data by a ufunc."""
    return getattr(np, ufunc).reduceat(x, indices, axis=axis)


REDUCE = constant_of("reduce", evaluate_reduce, form=Reduce(None), numpy=())
ACCUMULATE = constant_of("accumulate", evaluate_accumulate, form=Scan(None), numpy=())
REDUCEAT = constant_of("reduceat", evaluate_reduceat, form=Reduce(None), numpy=())
