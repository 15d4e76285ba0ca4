"""Operations with a lowering of their own: selections, reductions, scans, places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.operation import REGISTRY
from wengert.core.types import Type
from wengert.emit.lowering import (
    Elements,
    Lowering,
    converted,
    lower_native,
    truth,
)
from wengert.emit.places import (
    Special,
    lower_choose,
    lower_digitize,
    lower_getitem,
    lower_index_add,
    lower_interval,
    lower_nonzero,
    lower_order,
    lower_searchsorted,
    lower_store,
    select,
)
from wengert.emit.refusal import NotLoweredError
from wengert.lower.hiding import PLAIN_PRODUCT
from wengert.ops.chain import ABSORBING_PRODUCT
from wengert.ops.index import GETITEM, INDEX_ADD, STORE


def lower_where(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return a selection element by element; the condition may be any number."""
    condition = parts[0]
    flat = [truth(lowering, node) for node in condition.ravel().tolist()]
    parts = [np.array(flat, dtype=np.int64).reshape(condition.shape), *parts[1:]]
    return lower_native(lowering, "select(x, y, z)", parts, like, name)


def reduced_rows(x: Elements, settings: Any) -> list[list[int]]:
    """Return for every element of a reduction's result the elements it is made of."""
    axis = settings.get("axis")
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % x.ndim)
    kept = [k for k in range(x.ndim) if k not in axes]
    length = int(np.prod([x.shape[k] for k in axes], dtype=np.int64))
    rows: list[list[int]] = x.transpose([*kept, *axes]).reshape(-1, length).tolist()
    return rows


def lower_truth(native: str) -> Special:
    """Return the lowering of ``any`` and ``all``."""

    def lower_fold(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        nodes = []
        for row in reduced_rows(parts[0], settings):
            flags = [truth(lowering, node) for node in row]
            total = flags[0]
            for flag in flags[1:]:
                total = lowering.emit(native, (total, flag), "bool")
            nodes.append(total)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_fold


def lower_count(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return how many elements are not zero."""
    nodes = []
    for row in reduced_rows(parts[0], settings):
        total = lowering.constant(0, name)
        for node in row:
            one = lowering.emit("x", (truth(lowering, node),), name)
            total = lowering.emit("x + y", (total, one), name)
        nodes.append(total)
    return np.array(nodes, dtype=np.int64).reshape(like.shape)


def lower_extreme_place(better: str) -> Special:
    """Return the lowering of ``argmax`` and ``argmin``: the first of equals, or NaN."""

    def lower_place(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        nodes = []
        for row in reduced_rows(parts[0], settings):
            best, place = row[0], lowering.constant(0, name)
            type_ = lowering.types[best]
            for k, node in enumerate(row[1:], 1):
                wins = lowering.emit(better, (node, best), "bool")
                number = lowering.constant(k, name)
                place = lowering.emit("select(x, y, z)", (wins, number, place), name)
                best = lowering.emit("select(x, y, z)", (wins, node, best), type_)
            nodes.append(place)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_place


def fold(native: str) -> Special:
    """Return the lowering of a reduction by a native expression of two operands."""

    def lower_fold(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        rows = reduced_rows(converted(lowering, parts[0], name), settings)
        nodes = []
        for row in rows:
            total = row[0]
            for node in row[1:]:
                total = lowering.emit(native, (total, node), name)
            nodes.append(total)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_fold


def lower_from(native: str) -> Special:
    """Return the lowering of a reduction of a mask's elements, from a value on."""

    def lower_fold(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        x, mask, initial = parts
        if mask.ndim > x.ndim:
            raise NotLoweredError("a mask with more axes than what it masks")
        rows = reduced_rows(converted(lowering, x, name), settings)
        masks = reduced_rows(np.broadcast_to(mask, x.shape), settings)
        (first,) = converted(lowering, initial, name).ravel().tolist()
        nodes = []
        for row, flags in zip(rows, masks, strict=True):
            total = first
            for node, flag in zip(row, flags, strict=True):
                more = lowering.emit(native, (total, node), name)
                total = select(lowering, truth(lowering, flag), more, total, name)
            nodes.append(total)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_fold


# Scans


def scanned(
    x: Elements, axis: int, step: Callable[[int | None, int, int], int]
) -> Elements:
    """Return the results of a step from each element to the next along an axis.

    ``step(before, row, k)`` gets the node before, None at first.
    """
    moved = np.moveaxis(x, axis, -1)
    rows = moved.reshape(-1, moved.shape[-1])
    found = np.empty_like(rows)
    for number in range(rows.shape[0]):
        before = None
        for k in range(rows.shape[1]):
            found[number, k] = before = step(before, number, k)
    return np.moveaxis(found.reshape(moved.shape), -1, axis)


def accumulate(native: str) -> Special:
    """Return the lowering of a cumulative operation."""

    def lower_scan(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        x, axis = converted(lowering, parts[0], name), settings["axis"]
        rows = np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])

        def step(before: int | None, row: int, k: int) -> int:
            node = int(rows[row, k])
            return (
                node if before is None else lowering.emit(native, (before, node), name)
            )

        return scanned(x, axis, step)

    return lower_scan


def by_ufunc(lowering_of: Callable[[str], Special]) -> Special:
    """Return the lowering of a reduction or a scan by the ufunc that settings name."""

    def lower_data(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        operation = REGISTRY.get(settings["ufunc"])
        if operation is None or operation.native is None or len(parts) > 1:
            raise NotLoweredError(f"{settings['ufunc']} of many")
        parts = [converted(lowering, parts[0], name)]
        return lowering_of(operation.native)(lowering, parts, settings, like, name)

    return lower_data


def lower_recurrence(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return ``h[k] = a[k] * h[k-1] + b[k]`` along an axis, from 0 on.

    The products are those of the chain rule, and so the first is nothing.
    """
    a, b = (converted(lowering, part, name) for part in parts)
    axis = settings["axis"]
    factors = np.moveaxis(a, axis, -1).reshape(-1, a.shape[axis])
    terms = np.moveaxis(b, axis, -1).reshape(-1, b.shape[axis])
    product = ABSORBING_PRODUCT if lowering.absorbs else PLAIN_PRODUCT

    def step(before: int | None, row: int, k: int) -> int:
        factor, term = int(factors[row, k]), int(terms[row, k])
        if before is None:
            return term
        last = lowering.emit(product, (factor, before), name)
        return lowering.emit("x + y", (last, term), name)

    return scanned(a, axis, step)


SPECIAL: dict[str, Special] = {
    GETITEM.name: lower_getitem,
    STORE.name: lower_store,
    INDEX_ADD.name: lower_index_add,
    "where": lower_where,
    "choose": lower_choose,
    "max": fold("maximum(x, y)"),
    "min": fold("minimum(x, y)"),
    "prod": fold("x * y"),
    "nanmax": fold("fmax(x, y)"),
    "nanmin": fold("fmin(x, y)"),
    "sum_where": lower_from("x + y"),
    "prod_where": lower_from("x * y"),
    "any": lower_truth("x or y"),
    "all": lower_truth("x and y"),
    "count_nonzero": lower_count,
    "argmax": lower_extreme_place("x > y or (isnan(x) and not isnan(y))"),
    "argmin": lower_extreme_place("x < y or (isnan(x) and not isnan(y))"),
    "cumprod": accumulate("x * y"),
    "maximum_accumulate": accumulate("maximum(x, y)"),
    "minimum_accumulate": accumulate("minimum(x, y)"),
    "fmax_accumulate": accumulate("fmax(x, y)"),
    "fmin_accumulate": accumulate("fmin(x, y)"),
    "reduce": by_ufunc(fold),
    "accumulate": by_ufunc(accumulate),
    "recurrence": lower_recurrence,
    "sort": lower_order(0),
    "argsort": lower_order(1),
    "searchsorted": lower_searchsorted,
    "digitize": lower_digitize,
    "interval": lower_interval,
}

#: Operations with several results: the elements of each.
SEVERAL: dict[str, Any] = {"nonzero": lower_nonzero}
