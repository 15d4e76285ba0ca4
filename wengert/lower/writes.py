"""Writes: elements of a value that are others, or have something added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.core.operation import Operation
from wengert.core.types import Type
from wengert.lower.graph import Affine, Node, number_of, whole_of
from wengert.lower.keys import key_parts, split_key
from wengert.lower.moves import beside, index_map, places_chosen, ranks
from wengert.lower.pieces import (
    Place,
    composed,
    is_sum_of_pieces,
    pieces_of,
    placed,
)
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Dims, Value, step_of
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
    """

    spec: tuple[Place, ...]
    gathered: list[Node]
    dims: Dims


def written(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return a value in which some elements are others, or have something added."""
    base, value = operands[:2]
    type_, adds = str(like.dtype), operation is INDEX_ADD
    if adds and casts_sums(type_, value.node.type):
        raise NotLoweredError("np.add.at that makes integers or bools of its sums")
    region = region_of(lowering, index, base.dims, operands[2:], settings, like)
    if region is None:
        return base
    order = {axis for chosen in region.gathered for axis in chosen.axes}
    if len(order) > 1 and not adds:  # the last of equal places would have to win
        raise NotLoweredError("a write at indices of several dimensions")
    node = fitted(lowering, index, value, region.dims, type_)
    node = once(lowering, node, region, adds)
    whole = whole_of(base.dims)
    if region.spec == whole:
        done = lowering.graph.map("x + y", (base.node, node), type_) if adds else node
        return Value(done, base.dims)
    return Value(
        put(lowering, index, base, whole, region, node, adds, type_), base.dims
    )


def region_of(
    lowering: Lowering,
    index: int,
    dims: Dims,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Region | None:
    """Return where a write goes, None if that is nowhere."""
    chain = settings["chain"]
    seen = follow(np.empty(like.shape, np.uint8), chain)
    parts = key_parts(settings["key"], seen.ndim)
    basic, slots, front = split_key(parts, ranks(lowering, index, 2))
    shapes = [lowering.shape(k) for k in lowering.tape.operands[index][2:]]
    if seen[basic].size == 0 or any(0 in shape for shape in shapes):
        if any(0 not in shape for shape in shapes):
            raise NotLoweredError("indices into an array without elements")
        return None
    if chain and slots:
        raise NotLoweredError("index arrays that write through views")
    places, around = index_map(
        lowering, index, dims, like.shape, lambda x: follow(x, chain)[basic]
    )
    spec: list[Place] = [None if d is None else places[d] for d in dims]
    if not slots:
        return Region(tuple(spec), [], around)
    found, chosen = places_chosen(lowering, index, 2, operands, parts, like.shape)
    gathered: list[Node] = []
    left = list(around)
    kept = [part for part in parts if part is not None]
    sources = [k for k, part in enumerate(kept) if type(part) is Placeholder]
    for at, (_, position) in zip(sources, slots, strict=True):
        if spec[at] is not None:
            spec[at] = len(gathered)
            gathered.append(chosen[position])
    for place, _ in reversed(slots):
        del left[place]
    nothing = lowering.graph.number(0, "int64")
    lined = beside(lowering, nothing, left, front, found).dims
    return Region(tuple(spec), gathered, lined)


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
    elif (
        adds and old.data[:1] == (base.dims,) and is_sum_of_pieces(lowering.graph, old)
    ):
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
