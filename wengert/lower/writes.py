"""Writes: elements of a value that are others, or have something added."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.core.operation import Operation
from wengert.core.types import Type, dtype_name
from wengert.lower.graph import Affine, Graph, Node, number_of, whole_of
from wengert.lower.keys import split_key
from wengert.lower.masks import flat_place, mask_of, masked
from wengert.lower.moves import (
    Index,
    beside,
    index_map,
    indices_of,
    places_chosen,
    ways,
)
from wengert.lower.pieces import (
    Place,
    composed,
    is_sum_of_pieces,
    pieces_of,
    placed,
)
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Dims, Value, step_of
from wengert.lower.views import LayoutError, View
from wengert.ops.index import INDEX_ADD, Placeholder, casts_sums, follow

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering


class Region(NamedTuple):
    """Where a write goes.

    Attributes
    ----------
    spec : tuple of Place
        For each dimension.
    gathered : list of Node
        Index arrays.
    dims : Dims
        The axes of what is written.
    apart : set of int
        Those along which no place is met twice.
    """

    spec: tuple[Place, ...]
    gathered: list[Node]
    dims: Dims
    apart: set[int]


def written(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return a value in which some elements are others, or have something added."""
    adds, shape, chain = operation is INDEX_ADD, like.shape, settings["chain"]
    if adds and casts_sums(dtype_name(like.dtype), operands[1].node.type):
        raise NotLoweredError("np.add.at that makes integers or bools of its sums")

    def view(x: np.ndarray) -> np.ndarray:
        return follow(x, chain)  # type: ignore[no-any-return]

    for way in ways(lowering, index, operands[0], shape, view):
        given = [way.value, *operands[1:]]
        with suppress(LayoutError):
            node = written_through(lowering, index, given, adds, way.shape, way.view)
            return Value(way.back(node), operands[0].dims)
    raise NotLoweredError("a write into a copy")


def written_through(
    lowering: Lowering,
    index: int,
    operands: list[Value],
    adds: bool,
    shape: tuple[int, ...],
    view: View,
) -> Node:
    """Return what is written into a view of a value of a shape."""
    base, value = operands[:2]
    type_, seen = base.node.type, view(np.empty(shape, np.uint8))
    mask = mask_of(lowering, index, 2, operands[2:], seen.ndim)
    if mask is None:
        parts, indices = indices_of(lowering, index, 2, operands[2:], seen.ndim)
    elif 0 in lowering.graph.shape(mask.value.dims):
        return base.node  # NumPy lets it be of dimensions that have elements, too
    else:
        parts, indices = mask.free, []
    region = region_of(lowering, index, base, parts, indices, shape, view)
    if region is None:
        return base.node
    if mask is not None:
        pairs = zip(base.dims, region.spec, strict=True)
        places = {d: p for d, p in pairs if d is not None and isinstance(p, Affine)}
        old = Value(lowering.graph.view(base.node, places), region.dims)
        node = masked(lowering, index, old, value, mask, adds)
        adds = False
    else:
        node = fitted(lowering, index, value, region.dims, type_)
        node = once(lowering, node, region, adds)
        if not adds:
            node, region = in_one_row(lowering, index, node, region)
    whole = whole_of(base.dims)
    if region.spec == whole:
        return lowering.graph.map("x + y", (base.node, node), type_) if adds else node
    return put(lowering, index, base, whole, region, node, adds, type_)


def region_of(
    lowering: Lowering,
    index: int,
    base: Value,
    parts: list[Any],
    indices: list[Index],
    shape: tuple[int, ...],
    view: View,
) -> Region | None:
    """Return where a write goes, None if that is nowhere."""
    dims, seen = base.dims, view(np.empty(shape, np.uint8))
    basic, slots, front = split_key(parts)
    shapes = [array.shape for array in indices]
    if seen[basic].size == 0 or any(0 in shape for shape in shapes):
        if any(0 not in shape for shape in shapes):
            raise NotLoweredError("indices into an array without elements")
        return None
    places, around = index_map(lowering, index, dims, shape, lambda x: view(x)[basic])
    spec: list[Place] = [None if d is None else places[d] for d in dims]
    if not slots:
        return Region(tuple(spec), [], around, set())
    found, chosen = places_chosen(lowering, index, indices, parts, seen.shape)
    moved = {around[place]: chosen[position] for place, position in slots}
    gathered: list[Node] = []
    for k, place in enumerate(spec):
        if isinstance(place, Affine) and any(a in moved for a, _ in place.terms):
            spec[k] = len(gathered)
            gathered.append(moved_to(lowering.graph, place, moved))
    left = list(around)
    for place, _ in reversed(slots):
        del left[place]
    nothing = lowering.graph.number(0, "int64")
    lined = beside(lowering, nothing, left, front, found).dims
    return Region(tuple(spec), gathered, lined, apart(found, indices, parts, seen))


def moved_to(graph: Graph, place: Affine, moved: Mapping[int | None, Node]) -> Node:
    """Return a place of which some axes are where index arrays say."""
    found: Node | None = None
    for axis, stride in place.terms:
        step = moved.get(axis) or graph.index(axis)
        if stride != 1:
            step = graph.map("x * y", (step, graph.number(stride, "int64")), "int64")
        found = step if found is None else graph.map("x + y", (found, step), "int64")
    assert found is not None
    if not place.offset:
        return found
    return graph.map("x + y", (found, graph.number(place.offset, "int64")), "int64")


def apart(dims: Dims, indices: list[Index], parts: list[Any], seen: Any) -> set[int]:
    """Return the axes of index arrays along which no place is met twice."""
    kept = [part for part in parts if part is not None]
    lengths = {
        part.position: n
        for part, n in zip(kept, seen.shape, strict=True)
        if type(part) is Placeholder
    }
    known = [
        (array.plain.astype(np.int64) % max(lengths[k], 1), lengths[k])
        for k, array in enumerate(indices)
        if array.plain is not None
    ]
    found: set[int | None] = set()
    for array, _ in known:
        long = [k for k, n in enumerate(array.shape) if n > 1]
        if len(long) == 1 and all_differ(array):
            found.add(dims[len(dims) - array.ndim + long[0]])
    if len(known) == len(indices):
        place: Any = 0
        for array, length in known:
            place = place * length + array
        if all_differ(place):
            found.update(dims)
    return {axis for axis in found if axis is not None}


def all_differ(numbers: np.ndarray) -> bool:
    """Whether no two of some numbers are equal."""
    ordered = np.sort(numbers, axis=None)
    return not (ordered[1:] == ordered[:-1]).any()


def in_one_row(
    lowering: Lowering, index: int, node: Node, region: Region
) -> tuple[Node, Region]:
    """Return what is written at indices of several dimensions along one axis.

    So the last of equal places, in C order, is the last one that is written.
    """
    graph, find = lowering.graph, lowering.axes.find
    varying = {axis for chosen in region.gathered for axis in chosen.axes}
    varying -= {find(axis) for axis in region.apart}
    order = [find(d) for d in region.dims if d is not None and find(d) in varying]
    if len(order) <= 1:
        return node, region
    shape = graph.shape(order)
    row = lowering.axes.of((index, "row"), graph.count(order))
    place = flat_place(order, shape)

    def along_row(x: Node) -> Node:
        if x.axes.isdisjoint(order):
            return x
        rest = sorted(x.axes - set(order))
        lowering.axes.keep_apart([row, *rest])
        spec = (place, *(Affine(0, ((a, 1),)) for a in rest))
        return placed(graph, (row, *rest), False, [spec], [x], x.type)

    gathered = [along_row(chosen) for chosen in region.gathered]
    return along_row(node), region._replace(gathered=gathered)


# Pieces


def fitted(
    lowering: Lowering, index: int, value: Value, dims: Dims, type_: str
) -> Node:
    """Return what is written, along the axes of where it goes."""
    if len(value.dims) > len(dims):
        raise NotLoweredError("a write of more dimensions than are written")
    shape = lowering.graph.shape(dims)
    region = Value(lowering.graph.number(0, type_), dims)
    (_, node), lined = lowering.line_up(index, [region, value], shape)
    back = {
        a: Affine(0, ((lowering.axes.find(d), 1),))
        for a, d in zip(lined, dims, strict=True)
        if a is not None and d is not None
    }
    return lowering.graph.map("x", (lowering.graph.view(node, back),), type_)


def left_around(
    lowering: Lowering,
    index: int,
    base: Value,
    whole: tuple[Place, ...],
    spec: tuple[Place, ...],
) -> tuple[list[tuple[Place, ...]], list[Node]]:
    """Return what a write leaves of memory, as pieces; all of it where it may."""
    apart = [
        k for k, (one, to) in enumerate(zip(whole, spec, strict=True)) if one != to
    ]
    place = spec[apart[0]] if len(apart) == 1 else None
    if not isinstance(place, Affine) or any(k != 1 for _, k in place.terms):
        return [whole], [base.node]
    at, axis = apart[0], base.dims[apart[0]]
    assert axis is not None
    stop = place.offset + lowering.graph.count(a for a, _ in place.terms)
    ends = (0, place.offset), (stop, lowering.axes.extents[axis])
    specs, nodes = list[tuple[Place, ...]](), list[Node]()
    for k, (start, end) in enumerate(ends):
        if start == end:
            continue
        rest = Affine(start, ())
        if end - start > 1:
            own = lowering.axes.of((index, "rest", k), end - start)
            lowering.axes.keep_apart(
                [own, *(d for d in base.dims if d not in (None, axis))]
            )
            rest = Affine(start, ((own, 1),))
        specs.append((*whole[:at], rest, *whole[at + 1 :]))
        nodes.append(lowering.graph.view(base.node, {axis: rest}))
    return specs, nodes


def put(
    lowering: Lowering,
    index: int,
    base: Value,
    whole: tuple[Place, ...],
    region: Region,
    node: Node,
    adds: bool,
    type_: str,
) -> Node:
    """Return a base with a piece written over it, or added."""
    old = base.node
    specs: list[tuple[Place, ...]] = []
    nodes: list[Node] = []
    indices: list[Node] = []
    if adds and old.kind == "place" and old.data[:2] == (base.dims, True):
        specs, nodes, indices = pieces_of(old)
    elif adds and is_sum_of_pieces(lowering.graph, old) and old.data[0] == base.dims:
        specs, nodes, _ = pieces_of(old)
        kept = [k for k, piece in enumerate(nodes) if number_of(piece) != 0]
        specs, nodes = [specs[k] for k in kept], [nodes[k] for k in kept]
    elif not adds and old.kind == "leaf":
        specs, nodes = left_around(lowering, index, base, whole, region.spec)
    elif not adds or number_of(old) != 0:
        specs, nodes = [whole], [old]
    at: dict[int, int] = {}
    if adds and not region.gathered and is_sum_of_pieces(lowering.graph, node):
        dims = enumerate(node.data[0])
        at = {lowering.axes.find(dim): k for k, dim in dims if dim is not None}
    places = [p for p in region.spec if isinstance(p, Affine)]
    if at and all(axis in at for p in places for axis, _ in p.terms):
        inner, pieces, _ = pieces_of(node)
        specs += [tuple([composed(p, at, spec) for p in region.spec]) for spec in inner]
        nodes += pieces
    else:
        count = len(indices)
        specs.append(tuple([s + count if type(s) is int else s for s in region.spec]))
        nodes.append(node)
        indices += region.gathered
    return placed(lowering.graph, base.dims, adds, specs, nodes, type_, indices)


def once(lowering: Lowering, node: Node, region: Region, adds: bool) -> Node:
    """Return what is written where several elements go to the same place.

    They are added; or the last one stands.
    """
    apart = {axis for index in region.gathered for axis in index.axes}
    for place in region.spec:
        if isinstance(place, Affine):
            apart.update(axis for axis, _ in place.terms)
    same = {lowering.axes.find(d) for d in region.dims if d is not None} - apart
    if adds:
        return lowering.graph.reduce(step_of("x + y", node.type), node, same)
    last = {axis: Affine(lowering.graph.extent(axis) - 1, ()) for axis in same}
    return lowering.graph.view(node, last)
