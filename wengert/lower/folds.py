"""Folds: axes of a value that become one element, or of which every step is kept."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.forms import Reduce, Scan
from wengert.core.types import Type
from wengert.lower.graph import STARTS, Affine, Graph, Node
from wengert.lower.hiding import PLAIN_PRODUCT
from wengert.lower.refusal import NotLoweredError
from wengert.lower.rounding import IS_FOUND
from wengert.lower.values import Value, step_of
from wengert.lower.views import c_strides
from wengert.ops.chain import ABSORBING_PRODUCT

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering

#: What the first element is folded into so that it is the first step to the bit.
FIRSTS = {
    "x + y": -0.0,
    "x * y": 1.0,
    "maximum(x, y)": -math.inf,
    "minimum(x, y)": math.inf,
    "fmax(x, y)": math.nan,
    "fmin(x, y)": math.nan,
}
#: The same folds of whole numbers.
OF_WHOLE = {"fmax(x, y)": "maximum(x, y)", "fmin(x, y)": "minimum(x, y)"}


def reduced(
    lowering: Lowering,
    index: int,
    form: Reduce,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return axes folded."""
    known = form.text in STARTS and "indices" not in settings
    if not known or len(operands) != 1:
        raise NotLoweredError(f"the operation {lowering.tape.operations[index].name}")
    node, dims = operands[0]
    if form.of != "x":
        node = lowering.graph.map(
            form.of, (node, lowering.graph.number(0, node.type)), "bool"
        )
    axis = settings["axis"]
    folded = range(len(dims)) if axis is None else np.atleast_1d(axis).tolist()
    places = {k % len(dims) for k in folded} if dims else set()
    type_ = node.type if form.place else str(like.dtype)
    assert form.text is not None
    is_from_zero = form.text == "x + y" and type_.startswith("float")
    step = step_of(form.text, type_)._replace(is_from_zero=is_from_zero)
    node = lowering.graph.map("x", (node,), type_)
    gone = [d for k, d in enumerate(dims) if k in places and d is not None]
    kept = [
        None if k in places else d
        for k, d in enumerate(dims)
        if settings["keepdims"] or k not in places
    ]
    source = lowering.tape.types[lowering.tape.operands[index][0]]
    is_row = len(gone) == 1 == sum(d is not None for d in dims)
    is_same = source.dtype == like.dtype  # else NumPy adds a buffer at a time
    if index in lowering.asked_about and is_from_zero and is_row and is_same:
        return Value(lowering.graph.sum_in_order(node, gone[0]), tuple(kept))
    found = lowering.graph.reduce(step, node, gone)
    if form.place:
        found = first_place(lowering.graph, node, found, gone)
    return Value(found, tuple(kept))


def first_place(graph: Graph, node: Node, found: Node, gone: Sequence[int]) -> Node:
    """Return the first place, in C order, of what elements have been folded to."""
    strides = c_strides(graph.shape(gone))
    place = graph.place(Affine(0, tuple(zip(gone, strides, strict=True))))
    is_found = graph.map(IS_FOUND, (node, found), "bool")
    beyond = graph.number(graph.count(gone), "int64")
    places = graph.map("select(x, y, z)", (is_found, place, beyond), "int64")
    return graph.reduce(step_of("minimum(x, y)", "int64"), places, gone)


def scanned(
    lowering: Lowering,
    index: int,
    form: Scan,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return every step of a fold.

    It runs along an axis of its own, so that all else may run in lanes.
    """
    graph, axes, type_ = lowering.graph, lowering.axes, str(like.dtype)
    text, is_float = form.text, type_.startswith("float")
    if text is None or (type_ == "bool" and text in ("x + y", "x * y")):
        raise NotLoweredError(f"the operation {lowering.tape.operations[index].name}")
    if not is_float:
        text = OF_WHOLE.get(text, text)
    elif not lowering.absorbs:
        text = text.replace(ABSORBING_PRODUCT, PLAIN_PRODUCT)
    starts = FIRSTS if form.start is None else {text: form.start}
    step = step_of(text, type_, starts)
    nodes, dims = lowering.line_up(index, operands, like.shape)
    nodes = [graph.map("x", (node,), type_) for node in nodes]
    axis = dims[settings["axis"] % len(dims)]
    if axis is None:
        start = graph.number(step.start, type_)
        return Value(graph.map(text, (start, *nodes), type_), dims)
    own = axes.of((index, "scan"), graph.extent(axis))
    axes.keep_apart([own, *(d for d in dims if d is not None)])
    there, back = Affine(0, ((own, 1),)), Affine(0, ((axis, 1),))
    nodes = [graph.view(node, {axis: there}) for node in nodes]
    found = graph.scan(step, own, nodes, type_)
    return Value(graph.view(found, {own: back}), dims)
