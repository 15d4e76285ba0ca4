"""Order: elements in their order along an axis, and places in a table in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.operation import Operation
from wengert.core.types import Type, dtype_name
from wengert.lower.graph import Affine, Node
from wengert.lower.pieces import placed
from wengert.lower.refusal import BOUNDS, NotLoweredError
from wengert.lower.schedule import MOST_UNROLLED
from wengert.lower.values import Dims, Value
from wengert.ops.numeric import INTERVAL
from wengert.ops.sort import ARGSORT, DIGITIZE

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering

#: Comparisons that may be written out to sort rows side by side.
MOST_COMPARED = 120
#: Elements from which NumPy sorts faster, in vectors; it does so for values alone.
MANY = 512
#: NumPy's order, in which NaN is last.
BEFORE = "x < y or (isnan(y) and not isnan(x))"
AFTER = "y < x or (isnan(x) and not isnan(y))"


# Sorts


def sorted_(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return the elements along an axis in their order, or their places."""
    graph, (node, dims) = lowering.graph, operands[0]
    has_places = operation is ARGSORT
    at = settings["axis"] % len(dims)
    axis = dims[at]
    if axis is None:
        return Value(graph.number(0, "int64") if has_places else node, dims)
    if axis not in node.axes:
        return Value(graph.index(axis) if has_places else node, dims)
    if not has_places and has_argsort(lowering, index, settings):
        places = in_order(lowering, node, axis, dims, True)
        return Value(graph.gather(node, {axis: places}), dims)
    found = in_order(lowering, node, axis, dims, has_places)
    if has_places and settings["kind"] != "stable":
        refuse_ties(lowering, index, node, found, axis)
    return Value(found, dims)


def has_argsort(lowering: Lowering, index: int, settings: dict[str, Any]) -> bool:
    """Whether the places of what is sorted are asked for, too."""
    tape = lowering.tape
    if lowering.ordered is None:
        lowering.ordered = {
            (tape.operands[k], tape.settings[k]["axis"])
            for k, operation in enumerate(tape.operations)
            if operation is ARGSORT and tape.settings[k]["kind"] == "stable"
        }
    return (tape.operands[index], settings["axis"]) in lowering.ordered


def in_order(
    lowering: Lowering, node: Node, axis: int, dims: Dims, has_places: bool
) -> Node:
    """Return elements in their order, or their places."""
    graph, n = lowering.graph, lowering.graph.extent(axis)
    rows = graph.count(node.axes - {axis})
    written = rows if rows <= MOST_UNROLLED else 1
    if n * (n - 1) // 2 * written > MOST_COMPARED:
        is_long = graph.count(node.axes) > MANY and lowering.done is None
        if is_long and not has_places:
            raise NotLoweredError("a sort of many elements")
        return graph.sort(node, axis, has_places)
    found = side_by_side(lowering, node, axis, has_places)
    spec = [None if d is None else Affine(0, ((d, 1),)) for d in dims]
    places = [
        [Affine(k, ()) if d == axis else p for d, p in zip(dims, spec, strict=True)]
        for k in range(n)
    ]
    type_ = found[0].type
    return placed(graph, dims, False, [tuple(p) for p in places], found, type_)


def side_by_side(
    lowering: Lowering, node: Node, axis: int, has_places: bool
) -> list[Node]:
    """Return every element in order, or its place: rows are sorted in lanes.

    Neighbours change places until all are in order, so that equal ones stay so.
    """
    graph, n = lowering.graph, lowering.graph.extent(axis)
    values = [graph.view(node, {axis: Affine(k, ())}) for k in range(n)]
    places = [graph.number(k, "int64") for k in range(n)]
    for end in range(1, n):
        for k in range(end, 0, -1):
            swaps = graph.map(AFTER, (values[k - 1], values[k]), "bool")
            rows = [(values, node.type), (places, "int64")][: 1 + has_places]
            for row, type_ in rows:
                low, high = row[k - 1], row[k]
                row[k - 1] = graph.map("select(x, y, z)", (swaps, high, low), type_)
                row[k] = graph.map("select(x, y, z)", (swaps, low, high), type_)
    return places if has_places else values


def refuse_ties(
    lowering: Lowering, index: int, node: Node, places: Node, axis: int
) -> None:
    """Refuse a play in which elements are equal, whose order NumPy does not say."""
    graph, n = lowering.graph, lowering.graph.extent(axis)
    if not node.type.startswith("float"):
        raise NotLoweredError("an argsort that need not be stable")
    values = graph.gather(node, {axis: places})
    pair = neighbours(lowering, (index, "tie"), values, axis, n)
    lowering.flags.append((BOUNDS, graph.map(f"not ({BEFORE})", pair, "bool")))


def neighbours(
    lowering: Lowering, key: Any, node: Node, axis: int, n: int
) -> tuple[Node, Node]:
    """Return each element but the last one, and the one after it."""
    (own,) = lowering.fresh(key, (n - 1,))
    if own is not None:
        lowering.axes.keep_apart([own, *node.axes])
    terms = () if own is None else ((own, 1),)
    low, high = (lowering.graph.view(node, {axis: Affine(k, terms)}) for k in (0, 1))
    return low, high


# Searches


def searched(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return where numbers would stand in a table that is in order."""
    graph, given = lowering.graph, lowering.tape.operands[index]
    is_first = operation not in (DIGITIZE, INTERVAL)  # the table is
    table, x = operands[:2] if is_first else operands[:2][::-1]
    source = given[0 if is_first else 1]
    shape = lowering.shape(source)
    if len(operands) > 2 or len(shape) != 1:
        raise NotLoweredError("a search by a sorter")
    is_right = settings.get("side", "right") == "right" and not settings.get("right")
    check_order(lowering, index, source, table, not is_first)
    common = str(np.result_type(table.node.type, x.node.type))
    entries, node = (graph.map("x", (v.node,), common) for v in (table, x))
    place = place_in(lowering, index, entries, table.dims[0], node, is_right)
    if operation is INTERVAL:
        ends = [graph.number(k, "int64") for k in (1, 0, max(shape[0] - 2, 0))]
        place = graph.map("minimum(maximum(x - y, z), w)", (place, *ends), "int64")
    return Value(graph.map("x", (place,), dtype_name(like.dtype)), x.dims)


def check_order(
    lowering: Lowering, index: int, source: int, table: Value, is_strict: bool
) -> None:
    """Refuse a table that is not in order: NumPy judges it, or finds what it finds.

    A strict one holds no NaN either.
    """
    (axis,), numbers = table.dims, lowering.known(source)
    if numbers is not None:
        same = np.sort(numbers)
        if not np.array_equal(
            numbers, same, equal_nan=not is_strict and numbers.dtype.kind == "f"
        ):
            raise NotLoweredError("a table that is not in order")
        return
    if axis is None:
        return
    n = lowering.graph.extent(axis)
    pair = neighbours(lowering, (index, "pair"), table.node, axis, n)
    text = "not x <= y" if is_strict else AFTER
    lowering.flags.append((BOUNDS, lowering.graph.map(text, pair, "bool")))


def place_in(
    lowering: Lowering,
    index: int,
    table: Node,
    axis: int | None,
    x: Node,
    is_right: bool,
) -> Node:
    """Return how many numbers of a table come before a number, by halves."""
    graph = lowering.graph
    n = 1 if axis is None else graph.extent(axis)
    count, one = graph.number(n, "int64"), graph.number(1, "int64")
    test = f"not ({AFTER})" if is_right else BEFORE
    place, step = graph.number(0, "int64"), 1 << n.bit_length() >> 1
    while step:
        # Behind the table, where the step is too far, nothing is read.
        met = graph.map("x + y", (place, graph.number(step, "int64")), "int64")
        entry = table
        if axis is not None:
            at = graph.map("minimum(x, y) - z", (met, count, one), "int64")
            entry = graph.gather(table, {axis: at})
        goes = graph.map(f"({test}) and z <= w", (entry, x, met, count), "bool")
        place = graph.map("select(x, y, z)", (goes, met, place), "int64")
        step >>= 1
    return place


__all__ = ["searched", "sorted_"]
