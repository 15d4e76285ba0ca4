"""Moves: elements that are read elsewhere, or put side by side.

NumPy's own view is the index map; index arrays say the other places.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.core.operation import Operation
from wengert.core.types import Type, dtype_name
from wengert.lower.graph import Affine, Node
from wengert.lower.keys import key_parts, split_key
from wengert.lower.masks import flat_place, flattened, mask_of, taken_by
from wengert.lower.pieces import Place, placed
from wengert.lower.refusal import BOUNDS, NotLoweredError
from wengert.lower.values import Dims, Value
from wengert.lower.views import (
    LayoutError,
    View,
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

    for way in ways(lowering, index, operands[0], shape, view):
        with suppress(LayoutError):
            return through(lowering, index, way.value, way.shape, way.view)
    raise NotLoweredError("a copy, not a view")


class Way(NamedTuple):
    """A value of a layout, a view of what lies so, and what leads back to its axes."""

    value: Value
    shape: tuple[int, ...]
    view: View
    back: Callable[[Node], Node] = lambda node: node


def ways(
    lowering: Lowering, index: int, value: Value, shape: tuple[int, ...], view: View
) -> Iterator[Way]:
    """Give the layouts of which a view may be one: C order, Fortran's, and in a row."""
    yield Way(value, shape, view)
    size, turned = (math.prod(shape),), shape[::-1]
    for is_turned in (False, True):
        dims = value.dims[::-1] if is_turned else value.dims
        if is_turned:
            yield Way(Value(value.node, dims), turned, lambda x: view(x.T))
        key = (index, "turned" if is_turned else "row")
        flat = flattened(lowering, key, Value(value.node, dims))
        (axis,), own = flat.dims, lowering.current(Value(value.node, dims)).dims
        place = flat_place(own, turned if is_turned else shape)
        order = "F" if is_turned else "C"

        def reshaped_view(x: np.ndarray, order: Any = order) -> np.ndarray:
            return view(x.reshape(shape, order=order))

        def back(node: Node, axis: Any = axis, place: Affine = place) -> Node:
            return node if axis is None else lowering.graph.view(node, {axis: place})

        yield Way(flat, size, reshaped_view, back)


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
    mask = mask_of(lowering, index, 1, operands[1:], len(shape))
    if mask is not None:
        free, _, _ = split_key(mask.free)
        value = through(lowering, index, operands[0], shape, lambda x: x[free])
        return taken_by(lowering, index, value, mask, like.shape[mask.front])
    parts, indices = indices_of(lowering, index, 1, operands[1:], len(shape))
    basic, slots, front = split_key(parts)
    value = through(lowering, index, operands[0], shape, lambda x: x[basic])
    if not slots:
        return value
    found, chosen = places_chosen(lowering, index, indices, parts, shape)
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


class Index(NamedTuple):
    """An index array of a key.

    Attributes
    ----------
    value : Value
    shape : tuple of int
    plain : array or None
        Its numbers where they are known.
    """

    value: Value
    shape: tuple[int, ...]
    plain: np.ndarray | None


def indices_of(
    lowering: Lowering, index: int, first: int, operands: list[Value], ndim: int
) -> tuple[list[Any], list[Index]]:
    """Return the parts of a key and its index arrays, a mask being its places."""
    given = lowering.tape.operands[index][first:]
    arrays: list[list[Index]] = []
    for k, value in zip(given, operands, strict=True):
        array = index_array(lowering, k, value)
        if lowering.tape.types[k].dtype != bool:
            arrays.append([array])
            continue
        assert array.plain is not None
        if not array.shape:
            raise NotLoweredError("a mask that is one truth value")
        arrays.append([])
        for places in np.nonzero(array.plain):
            dims = lowering.fresh((index, "mask", k), places.shape)
            arrays[-1].append(Index(lowering.array(places, dims), places.shape, places))
    starts = [0, *itertools.accumulate(map(len, arrays))]
    key = list[Any]()
    for part in lowering.tape.settings[index]["key"]:
        if type(part) is Placeholder:
            start, stop = starts[part.position : part.position + 2]
            key += map(Placeholder, range(start, stop))
        else:
            key.append(part)
    return key_parts(key, ndim), list(itertools.chain(*arrays))


def index_array(lowering: Lowering, operand: int, value: Value) -> Index:
    """Return an index array as it is."""
    return Index(value, lowering.shape(operand), lowering.known(operand))


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
    indices: list[Index],
    parts: list[Any],
    shape: Sequence[int],
) -> tuple[Dims, dict[int, Node]]:
    """Return the dimensions of index arrays, and the places that each one says.

    Places before the start count from the end; what lies outside raises, so that
    such a play is refused.
    """
    wide = np.broadcast_shapes(*(array.shape for array in indices))
    nodes, dims = lowering.line_up(index, [array.value for array in indices], wide)
    found: dict[int, Node] = {}
    at = 0
    for part in parts:
        if type(part) is Placeholder:
            length, k = shape[at], part.position
            numbers, node = indices[k].plain, nodes[k]
            node = lowering.graph.map("x", (node,), "int64")
            if numbers is None:
                found[k] = bounded(lowering, node, length)
            elif numbers.min() < -length or numbers.max() >= length:
                raise NotLoweredError("an index out of bounds")
            else:
                found[k] = lowering.graph.wrapped(node, length, numbers.min() < 0)
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


def chosen(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return at each place an element of the operand that the first one says."""
    graph, type_ = lowering.graph, dtype_name(like.dtype)
    (place, *choices), dims = lowering.line_up(index, operands, like.shape)
    place = graph.map("x", (place,), "int64")
    count = graph.number(len(choices), "int64")
    if settings["mode"] == "raise":
        outside = graph.map("x < 0 or x >= y", (place, count), "bool")
        lowering.flags.append((BOUNDS, outside))
    elif settings["mode"] == "wrap":
        place = graph.map("x % y", (place, count), "int64")
    found = graph.map("x", (choices[0],), type_)
    for k, choice in enumerate(choices[1:], 1):
        is_next = graph.map("x >= y", (place, graph.number(k, "int64")), "bool")
        choice = graph.map("x", (choice,), type_)
        found = graph.map("select(x, y, z)", (is_next, choice, found), type_)
    return Value(found, dims)


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
        placed(lowering.graph, dims, False, specs, nodes, dtype_name(like.dtype)), dims
    )
