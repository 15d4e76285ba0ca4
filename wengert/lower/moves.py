"""Moves: elements that are read elsewhere, or put side by side.

NumPy's own view is the index map; index arrays say the other places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT
from wengert.core.types import Type
from wengert.lower.graph import Affine, Node
from wengert.lower.keys import key_parts, split_key
from wengert.lower.pieces import Place, placed
from wengert.lower.refusal import BOUNDS, NotLoweredError
from wengert.lower.values import Dims, Value
from wengert.lower.views import (
    MergedError,
    c_strides,
    is_identity,
    places_of,
    steps_of,
    strides_of_view,
)
from wengert.ops.index import Placeholder
from wengert.ops.join import CONCATENATE

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering


def viewed(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return what NumPy answers by a view: its strides are the index map."""
    if not operation.view or len(operands) != 1:
        raise NotLoweredError(f"the operation {operation.name}")
    shape = lowering.shape(lowering.tape.operands[index][0])

    def view(x: np.ndarray) -> np.ndarray:
        return operation.function(x, **settings)  # type: ignore[no-any-return]

    try:
        return through(lowering, index, operands[0], shape, view)
    except MergedError:
        flat = flattened(lowering, index, operands[0], shape)
        size = (like.size,)
        return through(lowering, index, flat, size, lambda x: view(x.reshape(shape)))


def reshaped(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return another shape: axes of one element come and go, axes are split."""
    shape = lowering.shape(lowering.tape.operands[index][0])
    value = operands[0]
    old = [(n, d) for n, d in zip(shape, value.dims, strict=True) if n != 1]
    if [n for n, _ in old] == [n for n in like.shape if n != 1]:
        rest = iter(d for _, d in old)
        dims = tuple([None if n == 1 else next(rest) for n in like.shape])
        return Value(value.node, dims)
    return viewed(lowering, index, operation, operands, settings, like)


def flattened(
    lowering: Lowering, index: int, value: Value, shape: Sequence[int]
) -> Value:
    """Return a value written along one axis, its elements in C order."""
    terms = [
        (lowering.axes.find(dim), stride)
        for dim, stride in zip(value.dims, c_strides(shape), strict=True)
        if dim is not None
    ]
    size = math.prod(shape)
    dims = (lowering.axes.of((index, "flat"), size),)
    spec = (Affine(0, tuple(sorted(terms))),)
    node = placed(lowering.graph, dims, False, [spec], [value.node], value.node.type)
    return Value(node, dims)


def through(
    lowering: Lowering,
    index: int,
    value: Value,
    shape: tuple[int, ...],
    view: Callable[[np.ndarray], np.ndarray],
) -> Value:
    """Return a value read as a view of an array of its shape would be."""
    places, dims = index_map(lowering, index, value.dims, shape, view)
    return Value(lowering.graph.view(value.node, places), dims)


def index_map(
    lowering: Lowering,
    index: int,
    dims: Dims,
    shape: tuple[int, ...],
    view: Callable[[np.ndarray], np.ndarray],
) -> tuple[dict[int, Affine], Dims]:
    """Return where a view reads along each axis, and the view's dimensions."""
    made, offset = strides_of_view(shape, view)
    strides = c_strides(shape)
    start = places_of(offset, strides)
    found: list[int | None] = []
    terms: dict[int, list[tuple[int, int]]] = {}
    for place, (n, stride) in enumerate(zip(made.shape, made.strides, strict=True)):
        if n == 1:
            found.append(None)
        elif stride == 0:
            found.append(lowering.axes.of((index, place), n))
        else:
            steps = steps_of(stride, n, start, shape, strides)
            is_whole = len(steps) == 1 and is_identity(steps, start, shape, n)
            axis = dims[steps[0][0]] if is_whole else None
            if axis is None or axis in found:
                axis = lowering.axes.of((index, place), n)
            axis = lowering.axes.find(axis)
            for at, step in steps:
                terms.setdefault(at, []).append((axis, step))
            found.append(axis)
    places = {
        dims[at]: Affine(start[at], tuple(sorted(terms.get(at, ()))))
        for at in range(len(shape))
        if dims[at] is not None
    }
    lowering.axes.keep_apart(axis for axis in found if axis is not None)
    return places, tuple(found)  # type: ignore[return-value]


def taken(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return ``x[key]``."""
    shape = lowering.shape(lowering.tape.operands[index][0])
    parts = key_parts(settings["key"], len(shape))
    basic, slots, front = split_key(parts, ranks(lowering, index, 1))
    value = through(lowering, index, operands[0], shape, lambda x: x[basic])
    if not slots:
        return value
    found, chosen = places_chosen(lowering, index, 1, operands[1:], parts, shape)
    dims = list(value.dims)
    gathered: dict[int, Node] = {}
    for place, position in slots:
        axis = dims[place]
        if axis is not None:
            gathered[axis] = chosen[position]
    for place, _ in reversed(slots):
        del dims[place]
    node = lowering.graph.gather(value.node, gathered)
    return beside(lowering, node, dims, front, found)


def ranks(lowering: Lowering, index: int, first: int) -> list[int]:
    """Return the number of dimensions of the index arrays of a node."""
    return [len(lowering.shape(k)) for k in lowering.tape.operands[index][first:]]


def beside(
    lowering: Lowering, node: Node, dims: list[int | None], front: int, found: Dims
) -> Value:
    """Return what was read at indices, their dimensions put among the others."""
    axes = [a for a in found if a is not None]
    if any(a in dims for a in axes):
        raise NotLoweredError("indices along the axis that they read beside")
    dims[front:front] = found
    lowering.axes.keep_apart(a for a in dims if a is not None)
    return Value(node, tuple(dims))


def places_chosen(
    lowering: Lowering,
    index: int,
    first: int,
    operands: list[Value],
    parts: list[Any],
    shape: Sequence[int],
) -> tuple[Dims, dict[int, Node]]:
    """Return the dimensions of index arrays, and the places that each one says.

    Places before the start count from the end; what lies outside raises, so that
    such a play is refused.
    """
    indices = lowering.tape.operands[index][first:]
    wide = np.broadcast_shapes(*(lowering.shape(k) for k in indices))
    nodes, dims = lowering.line_up(index, operands, wide)
    found: dict[int, Node] = {}
    at = 0
    for part in parts:
        if type(part) is Placeholder:
            length, k = shape[at], part.position
            like = lowering.tape.types[indices[k]]
            if like.dtype.kind != "i":
                raise NotLoweredError("masks")
            operand = indices[k]
            if (
                lowering.tape.operations[operand] is CONSTANT
                and operand not in lowering.sources
            ):
                numbers = np.asarray(lowering.tape.settings[operand]["value"])
                if numbers.min() < -length or numbers.max() >= length:
                    raise NotLoweredError("an index out of bounds")
                found[k] = lowering.graph.wrapped(nodes[k], length, numbers.min() < 0)
            else:
                found[k] = bounded(lowering, nodes[k], length)
        at += part is not None
    return dims, found


def bounded(lowering: Lowering, node: Node, length: int) -> Node:
    """Return recorded places within bounds; what is outside refuses the play."""
    graph = lowering.graph
    n, least = graph.number(length, node.type), graph.number(-length, node.type)
    outside = graph.map("x < y or x >= z", (node, least, n), "bool")
    lowering.flags.append((BOUNDS, outside))
    node = graph.wrapped(node, length, True)
    zero, last = graph.number(0, node.type), graph.number(length - 1, node.type)
    return graph.map("minimum(maximum(x, y), z)", (node, zero, last), node.type)


def joined(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return parts side by side, along an axis that is there or a new one."""
    shapes = [lowering.shape(k) for k in lowering.tape.operands[index]]
    operands = [x for x, shape in zip(operands, shapes, strict=True) if 0 not in shape]
    axis = settings["axis"] % max(1, len(like.shape))
    rest_shape = [n for k, n in enumerate(like.shape) if k != axis]
    rests, along = [], []
    for value in operands:
        own_dims = list(value.dims)
        along.append(own_dims.pop(axis) if operation is CONCATENATE else None)
        rests.append(Value(value.node, tuple(own_dims)))
    # Along the axis itself parts may have any number of elements, and axes of
    # their own: those beside it are lined up.
    others = {lowering.axes.find(d) for v in rests for d in v.dims if d is not None}
    for k, dim in enumerate(along):
        if dim is None:
            continue
        mine = lowering.axes.find(dim)
        if mine in others:
            own = lowering.axes.of((index, "part", k), lowering.axes.extents[mine])
            moved = {mine: Affine(0, ((own, 1),))}
            node = lowering.graph.view(rests[k].node, moved)
            rests[k], mine = rests[k]._replace(node=node), own
        along[k] = mine
        lowering.axes.keep_apart([mine, *others])
    nodes, rest = lowering.line_up(index, rests, rest_shape)
    n = like.shape[axis]
    whole = None if n == 1 else lowering.axes.of((index, axis), n)
    dims = (*rest[:axis], whole, *rest[axis:])
    lowering.axes.keep_apart(d for d in dims if d is not None)
    if whole is None:
        return Value(nodes[0], dims)
    specs: list[tuple[Place, ...]] = []
    start = 0
    for dim in along:
        dim = None if dim is None else lowering.axes.find(dim)
        spec: list[Place] = [
            Affine(0, ((d, 1),)) if d is not None else None for d in dims
        ]
        spec[axis] = Affine(start, () if dim is None else ((dim, 1),))
        start += 1 if dim is None else lowering.axes.extents[dim]
        specs.append(tuple(spec))
    return Value(
        placed(lowering.graph, dims, False, specs, nodes, str(like.dtype)), dims
    )
