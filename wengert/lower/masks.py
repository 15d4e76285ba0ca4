"""Masks: which element of a mask is the how-manyth that is true.

How many are true is guarded: a play with another count is refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from wengert.core.types import Type
from wengert.lower.folds import steps_of
from wengert.lower.graph import Affine, Node
from wengert.lower.keys import key_parts, split_key
from wengert.lower.pieces import Place, placed
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Value
from wengert.lower.views import c_strides
from wengert.ops.index import Placeholder

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering


class Mask(NamedTuple):
    """A recorded mask, the only index array of a key.

    Attributes
    ----------
    value : Value
    key : anything
        What its axes are named by.
    free : list
        The parts of the key, with all elements for the mask.
    at : int
        The first dimension that it is of.
    front : int
        Where the dimension of what it takes goes.
    """

    value: Value
    key: Any
    free: list[Any]
    at: int
    front: int


def mask_of(
    lowering: Lowering, index: int, first: int, operands: list[Value], ndim: int
) -> Mask | None:
    """Return the recorded mask of a key, None where it has none."""
    tape = lowering.tape
    given = tape.operands[index][first:]
    masks = [
        k for k in given if tape.types[k].dtype == bool and lowering.known(k) is None
    ]
    if not masks:
        return None
    (width, *_), others = (len(lowering.shape(k)) for k in masks), given[1:]
    key, name = tape.settings[index]["key"], (masks[0], "mask")
    if others or (not width and len(key) > 1):
        raise NotLoweredError("a mask beside index arrays")
    if not width:  # one truth value takes all, or nothing
        return Mask(operands[0], name, [slice(None)] * ndim, 0, 0)
    wide: list[Any] = []
    for part in key:
        is_mask = type(part) is Placeholder
        wide += map(Placeholder, range(width)) if is_mask else [part]
    parts = key_parts(wide, ndim)
    _, slots, front = split_key(parts)
    free = [slice(None) if type(part) is Placeholder else part for part in parts]
    return Mask(operands[0], name, free, slots[0][0], front)


# Order in memory


def flat_place(dims: Sequence[int | None], shape: Sequence[int]) -> Affine:
    """Return the place of an element in C order."""
    pairs = zip(dims, c_strides(shape), strict=True)
    return Affine(0, tuple(sorted((d, k) for d, k in pairs if d is not None)))


def flattened(lowering: Lowering, key: Any, value: Value) -> Value:
    """Return a value written along one axis, its elements in C order."""
    node, dims = lowering.current(value)
    own = [d for d in dims if d is not None]
    if len(own) <= 1:
        return Value(node, tuple(own) or (None,))
    graph, shape = lowering.graph, lowering.graph.shape(dims)
    flat = (lowering.axes.of((key, "flat"), math.prod(shape)),)
    spec = (flat_place(dims, shape),)
    return Value(placed(graph, flat, False, [spec], [node], node.type), flat)


def counts(lowering: Lowering, key: Any, mask: Value) -> Node:
    """Return how many elements of a mask are true up to each one, in C order."""
    graph, flags = lowering.graph, flattened(lowering, key, mask)
    one = graph.map("x", (flags.node,), "int64")
    (axis,) = flags.dims
    if axis is None:
        return one
    found, own = steps_of(lowering, key, "x + y", [one], axis, "int64")
    dims = lowering.current(mask).dims
    return graph.view(found, {own: flat_place(dims, graph.shape(dims))})


# Reads and writes


def behind(
    lowering: Lowering, index: Any, mask: Mask, node: Node, values: list[Value]
) -> tuple[list[Node], list[int | None]]:
    """Return values, the mask, and what varies with it, along the same axes.

    The first value has the dimensions of the others.
    """
    first = values[0]
    width = len(mask.value.dims)
    after = len(first.dims) - mask.at - width
    wide = (*mask.value.dims, *(None,) * after)
    given = [*values, Value(mask.value.node, wide), Value(node, wide)]
    shape = lowering.graph.shape(first.dims)
    nodes, lined = lowering.line_up(index, given, shape)
    nodes[-2] = lowering.graph.map("x", (nodes[-2],), "bool")
    return nodes, list(lined)


def taken_by(
    lowering: Lowering, index: Any, value: Value, mask: Mask, count: int
) -> Value:
    """Return what a mask takes: each element goes to its place among them."""
    graph = lowering.graph
    count_node = counts(lowering, mask.key, mask.value)
    (node, flag, rank), dims = behind(lowering, index, mask, count_node, [value])
    # What is not taken goes to one row more than there are.
    last, one = graph.number(count, "int64"), graph.number(1, "int64")
    rank = graph.map("minimum(x - y, z)", (rank, one, last), "int64")
    to = graph.map("select(x, y, z)", (flag, rank, last), "int64")
    del dims[mask.at : mask.at + len(mask.value.dims)]
    row = lowering.axes.of((*mask.key, count, "row"), count + 1)
    own = [d for d in dims if d is not None]
    lowering.axes.keep_apart([row, *own])
    spec: list[Place] = [Affine(0, ((d, 1),)) for d in own]
    pieces = (row, *own), False, [(0, *spec)], [node], node.type, [to]
    made = placed(graph, *pieces)
    (hit,) = lowering.fresh((*mask.key, "true"), (count,))
    lowering.axes.keep_apart(d for d in (hit, *own) if d is not None)
    terms = () if hit is None else ((hit, 1),)
    dims.insert(mask.front, hit)
    return Value(graph.view(made, {row: Affine(0, terms)}), tuple(dims))


def masked(
    lowering: Lowering, index: int, old: Value, value: Value, mask: Mask, adds: bool
) -> Node:
    """Return what is there where a mask takes what is written.

    The first row that is written goes where the first element is true, and so on.
    """
    graph, axes, type_ = lowering.graph, lowering.axes, old.node.type
    width, ndim = len(mask.value.dims), len(old.dims)
    missing = ndim - width + 1 - len(value.dims)
    if missing < 0:
        raise NotLoweredError("a write of more dimensions than are written")
    rest = [*(None,) * missing, *value.dims]
    hits, own, node = rest.pop(mask.front), None, value.node
    rest[mask.at : mask.at] = (None,) * width
    place = graph.number(0, "int64")
    if hits is not None:
        own = axes.of((index, "hits"), axes.extents[axes.find(hits)])
        node = graph.view(node, {axes.find(hits): Affine(0, ((own, 1),))})
        ends = [graph.number(k, "int64") for k in (1, 0, graph.extent(own) - 1)]
        rank = counts(lowering, mask.key, mask.value)
        place = graph.map("minimum(maximum(x - y, z), w)", (rank, *ends), "int64")
    values = [old, Value(node, tuple(rest))]
    (left, new, flag, place), lined = behind(lowering, index, mask, place, values)
    if own is not None:
        axes.keep_apart([own, *(d for d in lined if d is not None)])
        nowhere = graph.number(0, "int64")
        place = graph.map("select(x, y, z)", (flag, place, nowhere), "int64")
        new = graph.gather(new, {own: place})
    new = graph.map("x", (new,), type_)
    new = graph.map("x + y", (left, new), type_) if adds else new
    found = graph.map("select(x, y, z)", (flag, new, left), type_)
    back = {
        a: Affine(0, ((axes.find(d), 1),))
        for a, d in zip(lined, old.dims, strict=True)
        if a is not None and d is not None
    }
    return graph.view(found, back)


def nonzero(
    lowering: Lowering, index: int, operands: list[Value], likes: Sequence[Type]
) -> list[Value]:
    """Return the places of what is not zero."""
    graph, (value,) = lowering.graph, operands
    zero = graph.number(0, value.node.type)
    flags = Value(graph.map("x != y", (value.node, zero), "bool"), value.dims)
    mask = Mask(flags, (lowering.tape.operands[index][0], "mask"), [], 0, 0)
    found = []
    for k, dim in enumerate(value.dims):
        place = graph.number(0, "int64") if dim is None else graph.index(dim)
        along = Value(place, value.dims)
        found.append(taken_by(lowering, (index, k), along, mask, likes[0].size))
    return found
