"""Histograms: counts by weights, edges by the extremes, over several dimensions.

Which bin an element is in is data; a count moves with the weights, and edges with the
extremes that they lie between.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.operation import Operation, answers, apply, constant_of
from wengert.errors import UnsupportedError, explain
from wengert.ops.index import INDEX_ADD, Placeholder
from wengert.ops.join import as_array
from wengert.ops.numeric import VALUED_AS
from wengert.ops.sort import BINCOUNT, TALLY, search_of_rows


def evaluate_histogram(x: Any, *bins: Any, count: Any, range: Any) -> Any:
    """Return ``np.histogram``: counts and edges."""
    return tuple(np.histogram(x, bins[0] if bins else count, range=range))


def histogram_of_rows(x: Any, *bins: Any, count: Any, range: Any) -> Any:
    """Return ``np.histogram`` in every row, for a number of bins or edges."""
    x = x.reshape(len(x), -1)
    if isinstance(count, str) or x.dtype.kind not in "iuf":
        raise ValueError("rows with results of several lengths")
    edges = bins[0] if bins else equal_bins_of_rows(x, count, range)
    if np.any(edges[:, :-1] > edges[:, 1:]):
        raise ValueError("rows of bins that do not increase")
    x = np.sort(x, axis=1)
    inner = search_of_rows(x, edges[:, :-1], side="left")
    last = search_of_rows(x, edges[:, -1:], side="right")
    return np.diff(np.concatenate((inner, last), axis=1), axis=1), edges


def equal_bins_of_rows(x: Any, count: int, range: Any) -> Any:
    """Return the edges of so many equal bins of every row."""
    if range is not None or not x.size:
        edges = np.histogram_bin_edges(x[0], count, range)
        return np.broadcast_to(edges, (len(x), len(edges)))
    low, high = np.min(x, axis=1), np.max(x, axis=1)
    if not np.all(np.isfinite(low) & np.isfinite(high)):
        raise ValueError("rows whose extremes are not finite")
    kind = np.result_type(x, 0.0)
    is_flat = low == high
    low = np.where(is_flat, low - kind.type(0.5), low)
    high = np.where(is_flat, high + kind.type(0.5), high)
    return np.linspace(low, high, count + 1, dtype=kind, axis=1)


HISTOGRAM = constant_of(
    "histogram",
    evaluate_histogram,
    form=Routine(rows=histogram_of_rows),
    results=2,
    numpy=(),
)


def evaluate_weighted(
    x: Any, weights: Any, *bins: Any, count: Any, range: Any
) -> tuple[Any, Any]:
    """Return ``np.histogram`` with weights: sums and edges."""
    chosen = bins[0] if bins else count
    return tuple(np.histogram(x, chosen, range, weights=weights))  # type: ignore[return-value]


WEIGHTED = constant_of(
    "histogram_value", evaluate_weighted, form=Routine(), results=2, numpy=()
)


def bins_of(x: Any, edges: Any) -> tuple[Any, Any]:
    """Return the bin of each element, and whether it is in one; the last is closed."""
    count = edges.shape[0] - 1
    place = np.searchsorted(edges, x, side="right") - 1
    place = place - (x == edges[-1])
    is_inside = (place >= 0) & (place < count)
    return np.clip(place, 0, max(count - 1, 0)), is_inside


def span_of(range: Any) -> Any:
    """Return the bounds of a histogram as a setting."""
    return None if range is None else tuple(float(bound) for bound in range)


def chosen_bins(bins: Any) -> tuple[Any, list[Any]]:
    """Return the number of bins or the name of a rule, or the edges as an operand."""
    if isinstance(bins, str):
        return bins, []
    if np.ndim(bins) == 0:
        return operator.index(bins), []
    return None, [as_array(bins)]


def counted(
    operation: Operation, a: Any, others: Sequence[Any], bins: Any, range: Any
) -> tuple[Any, Any]:
    """Return what an operation counts, and the edges, which follow the extremes."""
    span = span_of(range)
    count, given = chosen_bins(bins)
    found, edges = apply(operation, a, *others, *given, count=count, range=span)
    if given:
        edges = given[0]
    elif span is None and a.size:
        edges = between_extremes(a, edges)
    return found, edges


def weighted(a: Any, bins: Any, range: Any, weights: Any) -> tuple[Any, Any]:
    """Return the sums of the weights in every bin, and the edges."""
    a, weights = np.ravel(as_array(a)), np.ravel(as_array(weights))
    sums, edges = counted(WEIGHTED, a, [weights], bins, range)
    if sums.dtype.kind in "fc":
        place, is_inside = bins_of(a, edges)
        zeros = np.zeros(sums.shape, weights.dtype)
        kept = np.where(is_inside, weights, weights.dtype.type(0))
        key = (Placeholder(0),)
        found = apply(INDEX_ADD, zeros, kept, place, chain=(), key=key)
        sums = apply(VALUED_AS, np.astype(found, sums.dtype, copy=False), sums)
    return sums, edges


@answers(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """Answer ``np.histogram``: counts are data, edges follow the extremes."""
    if weights is not None:
        return with_density(*weighted(a, bins, range, weights), density)
    return with_density(*counted(HISTOGRAM, as_array(a), [], bins, range), density)


def with_density(tally: Any, edges: Any, density: Any) -> tuple[Any, Any]:
    """Return counts and edges; asked for densities, these in place of counts."""
    if density:
        widths = np.astype(np.subtract(edges[1:], edges[:-1]), np.float64)
        tally = np.divide(np.divide(tally, widths), np.sum(tally))
    return tally, edges


def between_extremes(a: Any, edges: Any) -> Any:
    """Return the edges as equal steps between the least and the greatest element."""
    low, high = np.min(a), np.max(a)
    is_flat = low == high
    low, high = np.where(is_flat, low - 0.5, low), np.where(is_flat, high + 0.5, high)
    return np.linspace(low, high, edges.size, dtype=edges.dtype)


def evaluate_bin_edges(x: Any, *, count: Any, range: Any) -> Any:
    """Return ``np.histogram_bin_edges``."""
    return np.histogram_bin_edges(x, count, range)


BIN_EDGES = constant_of("bin_edges_value", evaluate_bin_edges, form=Routine(), numpy=())


@answers(np.histogram_bin_edges)
def histogram_bin_edges(
    a: Any, bins: Any = 10, range: Any = None, weights: Any = None
) -> Any:
    """Answer ``np.histogram_bin_edges``: equal steps between the extremes."""
    a, span = np.ravel(as_array(a)), span_of(range)
    count, given = chosen_bins(bins)
    if given:
        return given[0]
    edges = apply(BIN_EDGES, a, count=count, range=span)
    return between_extremes(a, edges) if span is None and a.size else edges


def outer_edges(x: Any, span: Any) -> tuple[Any, Any]:
    """Return where the bins of a dimension begin and end."""
    if span is not None:
        low, high = span
    elif x.size == 0:
        low, high = 0.0, 1.0
    else:
        low, high = np.min(x), np.max(x)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return low, high


def edges_of(x: Any, bins: Any, span: Any) -> Any:
    """Return the edges of the bins of a dimension."""
    if np.ndim(bins) == 1:
        edges = as_array(bins)
        if np.any(edges[:-1] > edges[1:]):
            raise ValueError("must be monotonically increasing, when an array")
        return edges
    count = operator.index(bins)
    if count < 1:
        raise ValueError("must be positive, when an integer")
    low, high = outer_edges(x, span)
    return np.linspace(low, high, count + 1)


@answers(np.histogramdd)
def histogramdd(
    sample: Any,
    bins: Any = 10,
    range: Any = None,
    density: Any = None,
    weights: Any = None,
) -> tuple[Any, Any]:
    """Answer ``np.histogramdd``."""
    if isinstance(sample, (list, tuple)) or np.ndim(sample) != 2:
        columns = list(np.atleast_2d(as_array(sample)))
    else:
        columns = list(np.transpose(as_array(sample)))
    return over_columns(columns, bins, range, density, weights)


def over_columns(
    columns: list[Any], bins: Any, range: Any, density: Any, weights: Any
) -> tuple[Any, Any]:
    """Return the counts of points by their coordinates, and the edges."""
    if any(column.dtype.kind == "c" for column in columns):
        raise UnsupportedError(
            explain(
                "a histogram of complex numbers in several dimensions",
                "its edges are complex, and which bin a point is in is not recorded",
                "np.histogram2d(np.real(z), np.imag(z))",
            )
        )
    dims = len(columns)
    each = (
        list(bins)
        if np.ndim(bins) or isinstance(bins, (list, tuple))
        else [bins] * dims
    )
    spans = [None] * dims if range is None else list(range)
    if len(each) != dims or len(spans) != dims:
        raise ValueError(
            "The dimension of bins must be equal to the dimension of the sample x."
        )
    triples = zip(columns, each, spans, strict=True)
    edges = [edges_of(x, n, span) for x, n, span in triples]
    shape = [len(e) + 1 for e in edges]
    place: Any = 0
    for x, e, n in zip(columns, edges, shape, strict=True):
        at = np.searchsorted(e, x, side="right") - (x == e[-1])
        place = place * n + at
    total = int(np.prod(shape))
    if weights is None:
        sums = apply(TALLY, place, minlength=total)
    else:
        sums = apply(BINCOUNT, place, as_array(weights), minlength=total)
    found = np.astype(np.reshape(sums, shape), np.float64)
    found = found[(slice(1, -1),) * dims]
    if density:
        whole = np.sum(found)
        for k, e in enumerate(edges):
            lengths = [-1 if j == k else 1 for j in np.arange(dims)]
            found = found / np.reshape(e[1:] - e[:-1], lengths)
        found = found / whole
    return found, edges


@answers(np.histogram2d)
def histogram2d(
    x: Any,
    y: Any,
    bins: Any = 10,
    range: Any = None,
    density: Any = None,
    weights: Any = None,
) -> tuple[Any, Any, Any]:
    """Answer ``np.histogram2d``."""
    x, y = as_array(x), as_array(y)
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if np.ndim(bins) == 1 and len(bins) not in (1, 2):
        bins = [as_array(bins)] * 2
    found, edges = over_columns([x, y], bins, range, density, weights)
    return found, edges[0], edges[1]
