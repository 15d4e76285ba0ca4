"""Folds: axes of a value that become one element, or of which every step is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.expressions import is_condition
from wengert.core.forms import Reduce, Scan
from wengert.core.operation import REGISTRY
from wengert.core.types import Type, dtype_name
from wengert.lower.graph import STARTS, Affine, Graph, Node, Step, unsigned
from wengert.lower.hiding import PLAIN_PRODUCT
from wengert.lower.pieces import placed
from wengert.lower.refusal import NotLoweredError
from wengert.lower.rounding import IS_FOUND
from wengert.lower.values import Dims, Value, step_of
from wengert.lower.views import c_strides
from wengert.ops.chain import ABSORBING_PRODUCT
from wengert.ops.elementwise import LOG_OF_SUM
from wengert.ops.methods import segments

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering

#: What the first element is folded into so that it is the first step to the bit.
FIRSTS = {
    **{text: STARTS[text] for text in ("x * y", "maximum(x, y)", "minimum(x, y)")},
    **{text: STARTS[text] for text in ("fmax(x, y)", "fmin(x, y)")},
    "x + y": -0.0,
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
    operands = [elements(lowering.graph, form, operands[0], like), *operands[1:]]
    if "indices" in settings:
        return of_stretches(lowering, index, form, operands[0], settings, like)
    graph, text = lowering.graph, text_of(lowering, index, form, settings)
    node, dims = operands[0]
    type_ = node.type if form.place else dtype_name(like.dtype)
    node = graph.map("x", (node,), type_)
    text = text if type_.startswith("float") else OF_WHOLE.get(text, text)
    gone, kept = split(dims, settings)
    if len(operands) > 1:
        return of_mask(lowering, index, text, operands, settings, type_)
    is_asked = index in lowering.asked_about
    if text == LOG_OF_SUM and node.type.startswith("float") and not is_asked:
        return Value(log_of_sum(graph, node, gone), kept)
    if text not in STARTS:
        return Value(in_order(lowering, index, text, node, gone), kept)
    is_from_zero = text == "x + y" and type_.startswith("float")
    step = step_of(text, type_)._replace(is_from_zero=is_from_zero)
    operand = lowering.tape.operands[index][0]
    source = lowering.tape.types[operand]
    is_whole = bool(gone) and len(gone) == sum(d is not None for d in dims)
    is_same = source.dtype == like.dtype  # else NumPy adds a buffer at a time
    is_known = is_same and (len(gone) == 1 or operand not in lowering.laid_otherwise)
    if is_asked and is_from_zero and is_whole and is_known:
        return Value(graph.sum_in_order(node, gone), kept)
    found = total(lowering, step, node, gone)
    if form.place:
        found = first_place(graph, node, found, gone)
    return Value(found, kept)


def elements(graph: Graph, form: Reduce, value: Value, like: Type) -> Value:
    """Return what is folded of a value's elements."""
    if form.of == "x":
        return value
    node, dims = value
    type_ = node.type if form.place else dtype_name(like.dtype)
    made = "bool" if is_condition(form.of) else type_
    return Value(graph.map(form.of, (node,), made), dims)


def total(lowering: Lowering, step: Step, node: Node, gone: Sequence[int]) -> Node:
    """Return axes folded, by what is known of sums of sums and of multiples."""
    graph, product = lowering.graph, unsigned(node)
    if step.text != "x + y":
        return graph.reduce(step, node, gone)
    if product.data == PLAIN_PRODUCT:
        return of_multiples(lowering, step, node, gone)
    if lowering.absorbs or not is_of_products(node, gone):
        return graph.reduce(step, node, gone)
    return of_products(lowering, step, node, gone)


def of_multiples(
    lowering: Lowering, step: Step, node: Node, gone: Sequence[int]
) -> Node:
    """Return a sum; of multiples of what was added before, its sum's multiple.

    That is no infinity where they are none.
    """
    graph, product = lowering.graph, unsigned(node)
    for one, other in (product.operands, product.operands[::-1]):
        if one.axes.isdisjoint(gone) and graph.is_folded(step, other, gone):
            known = graph.reduce(step, other, gone)
            lowering.refuse_infinite(known)
            if product is not node:
                one = graph.map("-x", (one,), node.type)
            return graph.map(PLAIN_PRODUCT, (one, known), node.type)
    return graph.reduce(step, node, gone)


def is_of_products(node: Node, gone: Sequence[int]) -> bool:
    """Whether a sum, as of `total`, has sums of products that need not be computed."""
    if not node.type.startswith("float"):
        return False
    if node.kind == "map" and node.data in ("-x", "x + y", "x - y"):
        return any(is_of_products(x, gone) for x in node.operands)
    pair = factors(node)
    return any(a in x.axes for x in pair for a in gone if a in node.axes) and any(
        a not in x.axes for x in pair for a in gone if a in node.axes
    )


def is_elsewhere(view: Node, axes: Sequence[int]) -> bool:
    """Whether a view leaves axes as they are."""
    moved = {axis for axis, _ in view.data}
    to = {axis for _, place in view.data for axis, _ in place.terms}
    return moved.isdisjoint(axes) and to.isdisjoint(axes)


def factors(node: Node) -> Sequence[Node]:
    """Return what a sum of products is of; nothing of another value."""
    if node.kind == "product":
        return node.operands
    is_sum = node.kind == "reduce" and node.data[0].text == "x + y"
    is_product = is_sum and node.operands[0].data == "x * y"
    return node.operands[0].operands if is_product else ()


def of_products(
    lowering: Lowering, step: Step, node: Node, gone: Sequence[int]
) -> Node:
    """Return a sum over axes of sums of products: first of what varies along those.

    ``sum(a @ b, axis=0)`` is ``sum(a, axis=0) @ b``, as long as no sum is infinite.
    """
    graph, type_ = lowering.graph, node.type
    if node.kind == "view" and is_elsewhere(node, gone):
        read = of_products(lowering, step, node.operands[0], gone)
        return graph.view(read, dict(node.data))
    if not is_of_products(node, gone):
        return total(lowering, step, node, gone)
    if node.kind == "map":
        parts = {
            k: of_products(lowering, step, x, gone)
            for k, x in sorted(
                enumerate(node.operands), key=lambda p: not is_of_products(p[1], gone)
            )
        }
        return graph.map(node.data, [parts[k] for k in sorted(parts)], type_)
    sums, pair = [], factors(node)
    for x, other in (pair, pair[::-1]):
        alone = [a for a in gone if a in x.axes and a not in other.axes]
        if alone:
            x = total(lowering, step, x, alone)
            lowering.refuse_infinite(x)
        sums.append(x)
    both = [a for a in gone if all(a in x.axes for x in pair) or a not in node.axes]
    whole = graph.reduce(node.data[0], graph.map("x * y", sums, type_), node.data[1])
    return graph.reduce(step, whole, both)


def log_of_sum(graph: Graph, node: Node, gone: Sequence[int]) -> Node:
    """Return the logarithm of a sum of exponentials, the largest ones apart as SciPy's.

    ``log1p(rest / count) + log(count) + largest``.
    """
    type_, plus = node.type, step_of("x + y", node.type)
    largest = graph.reduce(step_of("maximum(x, y)", type_), node, gone)
    pair = node, largest
    equal = graph.map("x", (graph.map("x == y", pair, "bool"),), type_)
    others = graph.map("select(x == y, 0, exp(x - y))", pair, type_)
    count, rest = (graph.reduce(plus, each, gone) for each in (equal, others))
    text = "log1p(x / y) + log(y) + z"
    return graph.map(text, (rest, count, largest), type_)


def text_of(
    lowering: Lowering, index: int, form: Reduce | Scan, settings: dict[str, Any]
) -> str:
    """Return what the total and the next element become."""
    text, name = form.text, lowering.tape.operations[index].name
    if text is None and settings.get("kept") is None and settings["ufunc"] != "power":
        operation = REGISTRY.get(settings["ufunc"])
        text = None if operation is None else operation.native
    if text is None:
        raise NotLoweredError(f"the operation {name}")
    return text


def split(dims: Dims, settings: dict[str, Any]) -> tuple[list[int], Dims]:
    """Return the axes that are folded, and the dimensions of the result."""
    axis = settings["axis"]
    folded = range(len(dims)) if axis is None else np.atleast_1d(axis).tolist()
    places = {k % len(dims) for k in folded} if dims else set()
    gone = [d for k, d in enumerate(dims) if k in places and d is not None]
    kept = [
        None if k in places else d
        for k, d in enumerate(dims)
        if settings["keepdims"] or k not in places
    ]
    return gone, tuple(kept)


def of_mask(
    lowering: Lowering,
    index: int,
    text: str,
    operands: list[Value],
    settings: dict[str, Any],
    type_: str,
) -> Value:
    """Return what the elements of a mask fold to, from a third operand on."""
    graph, shape = lowering.graph, lowering.shape(lowering.tape.operands[index][0])
    wide = np.broadcast_shapes(shape, lowering.shape(lowering.tape.operands[index][1]))
    if wide != shape or len(operands) < 3 or text not in FIRSTS:
        raise NotLoweredError("a mask of other axes than what it masks")
    (node, mask), dims = lowering.line_up(index, operands[:2], shape)
    step = step_of(text, type_, FIRSTS)
    node = graph.map("x", (node,), type_)
    none = graph.number(step.start, type_)
    node = graph.map("select(x, y, z)", (mask, node, none), type_)
    gone, kept = split(dims, settings)
    found = graph.reduce(step, node, gone)
    return Value(graph.map(text, (operands[2].node, found), type_), kept)


def in_order(
    lowering: Lowering, index: int, text: str, node: Node, gone: Sequence[int]
) -> Node:
    """Return the last step of a fold whose order counts."""
    if not gone:
        return node
    if len(gone) > 1:
        raise NotLoweredError(f"{text} folded over several axes")
    found, own = steps_of(lowering, index, text, [node], gone[0], node.type)
    last = lowering.graph.extent(own) - 1
    return lowering.graph.view(found, {own: Affine(last, ())})


def of_stretches(
    lowering: Lowering,
    index: int,
    form: Reduce,
    value: Value,
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return the sums of stretches along an axis: each element is added to its own."""
    if form.text != "x + y" or like.dtype.kind != "f":
        name = lowering.tape.operations[index].name
        raise NotLoweredError(f"the operation {name}")
    graph, (node, dims), type_ = lowering.graph, value, dtype_name(like.dtype)
    node, at = graph.map("x", (node,), type_), settings["axis"] % len(dims)
    length = lowering.shape(lowering.tape.operands[index][0])[at]
    found = segments(settings["indices"], length)
    pairs = [(place, k) for k, (i, j) in enumerate(found) for place in range(i, j)]
    sources, targets = np.array(pairs, np.int64).T
    axis, own = dims[at], lowering.fresh((index, "stretch"), (len(pairs),))
    if axis is not None:
        node = graph.gather(node, {axis: lowering.array(sources, own).node})
    (to,) = lowering.fresh((index, "stretches"), (len(found),))
    kept = (*dims[:at], to, *dims[at + 1 :])
    lowering.axes.keep_apart(d for d in (*kept, *own) if d is not None)
    step = step_of("x + y", type_, FIRSTS)
    if to is None:
        return Value(graph.reduce(step, node, [d for d in own if d is not None]), kept)
    places = [None if d is None else Affine(0, ((d, 1),)) for d in kept]
    spec = (*places[:at], 0, *places[at + 1 :])
    chosen = [lowering.array(targets, own).node]
    return Value(placed(graph, kept, True, [spec], [node], type_, chosen), kept)


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
    """Return every step of a fold."""
    graph, type_ = lowering.graph, dtype_name(like.dtype)
    text = text_of(lowering, index, form, settings)
    if not type_.startswith("float"):
        text = OF_WHOLE.get(text, text)
    elif not lowering.absorbs:
        text = text.replace(ABSORBING_PRODUCT, PLAIN_PRODUCT)
    nodes, dims = lowering.line_up(index, operands, like.shape)
    nodes = [graph.map("x", (node,), type_) for node in nodes]
    axis = dims[settings["axis"] % len(dims)]
    if axis is None:
        if form.start is None:
            return Value(nodes[0], dims)
        start = graph.number(form.start, type_)
        return Value(graph.map(text, (start, *nodes), type_), dims)
    found, own = steps_of(lowering, index, text, nodes, axis, type_, form.start)
    return Value(graph.view(found, {own: Affine(0, ((axis, 1),))}), dims)


def steps_of(
    lowering: Lowering,
    index: Any,
    text: str,
    nodes: Sequence[Node],
    axis: int,
    type_: str,
    start: float | None = None,
) -> tuple[Node, int]:
    """Return every step of a fold, and its axis.

    It runs along an axis of its own, so that all else may run in lanes.
    """
    graph, axes = lowering.graph, lowering.axes
    own = axes.of((index, "scan"), graph.extent(axis))
    axes.keep_apart([own, axis, *set().union(*(node.axes for node in nodes))])
    nodes = [graph.view(node, {axis: Affine(0, ((own, 1),))}) for node in nodes]
    is_one = type_ == "bool" and text in ("x + y", "x * y")
    if start is not None:
        step = step_of(text, type_, {text: start})
    elif text in FIRSTS and not is_one:
        step = step_of(text, type_, FIRSTS)
    else:
        zero = graph.number(0, "int64")
        nodes.append(graph.map("x == y", (graph.index(own), zero), "bool"))
        step = Step(f"select(z, y, {text})", 0.0)
    return graph.scan(step, own, nodes, type_), own
