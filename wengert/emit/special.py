"""Operations with a lowering of their own: writes, selections, reductions, places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.types import Type
from wengert.emit.lowering import Elements, Lowering, NotLoweredError, lower_native
from wengert.ops.index import GETITEM, INDEX_ADD, STORE, Placeholder, decode, follow

#: Elements among which a recorded index may choose by comparison.
MOST_CHOICES = 64

Special = Callable[[Lowering, list[Elements], dict[str, Any], Type, str], Elements]


def lower_getitem(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements that a key takes; a recorded index chooses by comparison."""
    base, *indices = parts
    key = settings["key"]
    if not indices:
        return np.asarray(base[decode(key, ())])
    constants = [constant_indices(lowering, index) for index in indices]
    if all(constant is not None for constant in constants):
        return np.asarray(base[decode(key, tuple(constants))])
    if base.ndim != 1 or key != (Placeholder(0),) or base.size > MOST_CHOICES:
        raise NotLoweredError("an index that is known at replay only")
    chosen = [choose(lowering, base, int(i), name) for i in indices[0].ravel()]
    return np.array(chosen, dtype=np.int64).reshape(like.shape)


def constant_indices(lowering: Lowering, index: Elements) -> Any:
    """Return index elements as numbers where all are constants."""
    numbers = [lowering.number(node) for node in index.ravel().tolist()]
    if any(number is None for number in numbers):
        return None
    kind = lowering.types[int(index.ravel()[0])] if index.size else "int64"
    dtype = np.dtype(bool) if kind == "bool" else np.dtype(np.int64)
    return np.array(numbers, dtype=dtype).reshape(index.shape)


def choose(lowering: Lowering, base: Elements, index: int, name: str) -> int:
    """Return ``base[index]`` by comparison, guarded against leaving the bounds."""
    type_ = lowering.types[index]
    if type_ == "bool":
        raise NotLoweredError("a mask that is known at replay only")
    low = lowering.emit("x >= y", (index, lowering.constant(-base.size, type_)), "bool")
    high = lowering.emit("x < y", (index, lowering.constant(base.size, type_)), "bool")
    lowering.guard(lowering.emit("x and y", (low, high), "bool"), 1)
    result = int(base[0])
    for k in range(1, base.size):
        for place in (k, k - base.size):
            same = lowering.emit(
                "x == y", (index, lowering.constant(place, type_)), "bool"
            )
            result = lowering.emit(
                "select(x, y, z)", (same, int(base[k]), result), name
            )
    return result


def lower_store(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements after a write."""
    base, value, *indices = parts
    places = write_places(lowering, like, indices, settings)
    new = base.copy().reshape(-1) if base.shape else base.copy().reshape(1)
    flat = places.ravel().tolist()
    spread = np.broadcast_to(value, places.shape).ravel().tolist()
    for place, node in zip(flat, spread, strict=True):
        if lowering.types[node] != name:
            node = lowering.emit("x", (node,), name)
        new[place] = node
    return new.reshape(like.shape)


def lower_index_add(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements after an addition to some of them.

    Only gradients are added up so: a term zero that was never written is dropped.
    """
    base, value, *indices = parts
    places = write_places(lowering, like, indices, settings)
    new = base.copy().reshape(-1) if base.shape else base.copy().reshape(1)
    flat = places.ravel().tolist()
    spread = np.broadcast_to(value, places.shape).ravel().tolist()
    for place, node in zip(flat, spread, strict=True):
        if lowering.number(int(new[place])) == 0 and lowering.types[node] == name:
            new[place] = node
        else:
            new[place] = lowering.emit("x + y", (int(new[place]), node), name)
    return new.reshape(like.shape)


def write_places(
    lowering: Lowering, like: Type, indices: list[Elements], settings: Any
) -> Elements:
    """Return the flat positions that a write replaces."""
    constants = tuple(constant_indices(lowering, index) for index in indices)
    if any(constant is None for constant in constants):
        raise NotLoweredError("an index that is known at replay only")
    positions = np.arange(like.size).reshape(like.shape)
    return np.asarray(
        follow(positions, settings["chain"])[decode(settings["key"], constants)]
    )


def lower_where(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return a selection element by element; the condition may be any number."""
    condition = parts[0]
    flat = [truth(lowering, node) for node in condition.ravel().tolist()]
    parts = [np.array(flat, dtype=np.int64).reshape(condition.shape), *parts[1:]]
    return lower_native(lowering, "select(x, y, z)", parts, like, name)


def truth(lowering: Lowering, node: int) -> int:
    """Return whether a node is not zero."""
    type_ = lowering.types[node]
    if type_ == "bool":
        return node
    return lowering.emit("x != y", (node, lowering.constant(0, type_)), "bool")


def reduced_rows(x: Elements, settings: Any) -> list[list[int]]:
    """Return for every element of a reduction's result the elements it is made of."""
    axis = settings.get("axis")
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % x.ndim)
    kept = [k for k in range(x.ndim) if k not in axes]
    length = int(np.prod([x.shape[k] for k in axes], dtype=np.int64))
    rows: list[list[int]] = x.transpose([*kept, *axes]).reshape(-1, length).tolist()
    if not length:
        raise NotLoweredError("a reduction of no elements")
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
        rows = reduced_rows(parts[0], settings)
        nodes = []
        for row in rows:
            total = row[0]
            for node in row[1:]:
                total = lowering.emit(native, (total, node), name)
            nodes.append(total)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_fold


def on_truths(native: str) -> Special:
    """Return the lowering of an operation on bits, for truth values."""

    def lower_on_truths(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        if name != "bool":
            raise NotLoweredError("an operation on the bits of numbers")
        return lower_native(lowering, native, parts, like, name)

    return lower_on_truths


SPECIAL: dict[str, Special] = {
    "bitwise_and": on_truths("x and y"),
    "bitwise_or": on_truths("x or y"),
    "bitwise_xor": on_truths("x ^ y"),
    "invert": on_truths("not x"),
    GETITEM.name: lower_getitem,
    STORE.name: lower_store,
    INDEX_ADD.name: lower_index_add,
    "where": lower_where,
    "max": fold("maximum(x, y)"),
    "min": fold("minimum(x, y)"),
    "prod": fold("x * y"),
    "nanmax": fold("fmax(x, y)"),
    "nanmin": fold("fmin(x, y)"),
    "any": lower_truth("x or y"),
    "all": lower_truth("x and y"),
    "count_nonzero": lower_count,
    "argmax": lower_extreme_place("x > y or (isnan(x) and not isnan(y))"),
    "argmin": lower_extreme_place("x < y or (isnan(x) and not isnan(y))"),
}
