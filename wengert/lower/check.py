"""What a legal graph is, and a legal nest: a table of each, and what checks them.

The tests have both checked after every pass (`FOUND`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from wengert.core.expressions import parse
from wengert.core.types import dtype_name
from wengert.lower.graph import Affine, Graph, Node, Step, span
from wengert.lower.hiding import OPERANDS
from wengert.lower.repeated import Repeated, is_steps
from wengert.lower.values import NAMES, Lowered

#: The functions of expressions, and how many operands each has.
FUNCTIONS = {
    **dict.fromkeys("sqrt fabs floor ceil trunc rint exp exp2 expm1".split(), 1),
    **dict.fromkeys("log log2 log10 log1p sin cos tan asin acos atan".split(), 1),
    **dict.fromkeys("cbrt sinh cosh tanh asinh acosh atanh erf erfc".split(), 1),
    **dict.fromkeys("tgamma lgamma sign isnan isinf isfinite".split(), 1),
    **dict.fromkeys("copysign pow atan2 hypot fmod nextafter ldexp".split(), 2),
    **dict.fromkeys("maximum minimum fmax fmin remainder floor_divide".split(), 2),
    **dict.fromkeys("overflows_add overflows_subtract".split(), 2),
    **dict.fromkeys("overflows_multiply overflows_power".split(), 2),
    **dict.fromkeys("fma select".split(), 3),
}
#: Names of numbers in expressions.
NUMBERS = {"pi", "inf", "nan", "e"}
#: The types of values.
TYPES = frozenset(NAMES.values())


class IllegalError(Exception):
    """A pass of lowering made a graph or a nest that is none."""


#: Where it is a list every pass is checked, and what is illegal is listed: an error may
#: be met where nobody sees it.
FOUND: list[IllegalError] | None = None


def after_pass(verify: Callable[..., None], *what: Any) -> None:
    """Check what a pass has made, where that is asked for."""
    if FOUND is None:
        return
    try:
        verify(*what)
    except IllegalError as error:
        FOUND.append(error)
        raise


# Expressions


@lru_cache(maxsize=4096)
def wrong_in(text: str, types: tuple[str, ...], type_: str) -> str:
    """Return what is wrong with an expression of operands of such types; "" if none."""
    try:
        tree = parse(text)
    except SyntaxError as error:
        return str(error)
    called = set[ast.AST]()
    for each in ast.walk(tree):
        if isinstance(each, ast.Call):
            name = ast.unparse(each.func)
            called.add(each.func)
            if FUNCTIONS.get(name) != len(each.args):
                return f"{len(each.args)} operands of {name}"
    known = {*OPERANDS[: len(types)], *NUMBERS}
    for each in ast.walk(tree):
        if isinstance(each, ast.Name) and each not in called and each.id not in known:
            return f"{text!r} of {len(types)} operands"
    return f"bits of {type_} in {text!r}" if has_bits(tree) and is_float(type_) else ""


def has_bits(tree: ast.expr) -> bool:
    """Whether an expression is an operation on bits."""
    bits = ast.BitAnd | ast.BitOr | ast.BitXor | ast.LShift | ast.RShift
    if isinstance(tree, ast.UnaryOp):
        return isinstance(tree.op, ast.Invert) or has_bits(tree.operand)
    return isinstance(tree, ast.BinOp) and (
        isinstance(tree.op, bits) or has_bits(tree.left) or has_bits(tree.right)
    )


def is_float(type_: str) -> bool:
    """Whether a type is one of real numbers."""
    return type_.startswith("float")


def is_whole(type_: str) -> bool:
    """Whether a type is one of whole numbers."""
    return type_.startswith(("int", "uint"))


def fits(number: Any, type_: str) -> bool:
    """Whether a type has a number."""
    if is_float(type_):
        return type(number) in (bool, int, float)
    if number != number or number in (np.inf, -np.inf) or number != int(number):
        return False
    if type_ == "bool":
        return number in (0, 1)
    return bool(np.iinfo(type_).min <= number <= np.iinfo(type_).max)


# The graph


class Kind(NamedTuple):
    """What is legal of a kind of nodes.

    Attributes
    ----------
    fewest, most : number
        Operands.
    axes : callable
        ``axes(node)`` is over which axes it has to be.
    wrong : callable
        ``wrong(graph, node)`` gives what else is wrong.
    """

    fewest: int
    most: float
    axes: Callable[[Node], Iterable[int]]
    wrong: Callable[[Graph, Node], Iterator[str]]


def of_operands(node: Node) -> frozenset[int]:
    """Return the axes of all operands."""
    return frozenset[int]().union(*[x.axes for x in node.operands])


def of_dims(dims: Iterable[int | None]) -> frozenset[int]:
    """Return the axes of dimensions."""
    return frozenset(d for d in dims if d is not None)


def of_view(node: Node) -> frozenset[int]:
    """Return the axes of a value that is read elsewhere."""
    kept = node.operands[0].axes.difference([axis for axis, _ in node.data])
    return kept.union(a for _, place in node.data for a, _ in place.terms)


def of_gather(node: Node) -> frozenset[int]:
    """Return the axes of a value that is read where numbers say."""
    kept = node.operands[0].axes.difference(node.data)
    return kept.union(*[x.axes for x in node.operands[1:]])


def in_leaf(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a leaf."""
    source, _, strides = node.data
    if source.kind not in ("argument", "constant") or source.number < 0:
        yield f"it reads {source}"
    if [axis for axis, _ in strides] != sorted({axis for axis, _ in strides}):
        yield "an axis has two strides"


def in_number(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a number."""
    if is_float(node.type):
        is_legal = type(node.data) is bytes and len(node.data) == 8
    else:
        is_legal = type(node.data) in (int, bool) and fits(node.data, node.type)
    if not is_legal:
        yield f"{node.data!r} is no {node.type}"


def in_map(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with an expression."""
    types = tuple([x.type for x in node.operands])
    yield from filter(None, [wrong_in(node.data, types, node.type)])


def in_step(step: Step, type_: str, count: int) -> Iterator[str]:
    """Give what is wrong with a fold."""
    yield from filter(None, [wrong_in(step.text, (type_,) * count, type_)])
    if not fits(step.start, type_):
        yield f"nothing is folded to {step.start}, no {type_}"


def in_fold(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a fold over axes."""
    step, axes = node.data
    if not axes or not axes <= of_operands(node):
        yield f"{sorted(axes)} are no axes of what is folded"
    if any(x.type != node.type for x in node.operands):
        yield f"{node.operands[0].type} is folded to {node.type}"
    yield from in_step(step, node.type, 2)


def in_scan(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with the steps of a fold."""
    yield from in_step(node.data[0], node.type, 1 + len(node.operands))


def in_memory(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with what reads memory along axes."""
    (read,) = node.operands
    if read.kind not in ("leaf", "copy"):
        yield f"a {read.kind} is no memory"


def in_sort(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with elements in order."""
    axis, has_places = node.data
    if axis not in node.axes:
        yield f"a{axis} is no axis of what is sorted"
    if node.type != ("int64" if has_places else node.operands[0].type):
        yield f"{node.operands[0].type} becomes {node.type}"


def in_view(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a value that is read elsewhere."""
    (read,) = node.operands
    for axis, place in node.data:
        if axis not in read.axes:
            yield f"a{axis} is no axis of what is read"
        else:
            yield from in_place(graph, place, graph.extent(axis))
    if read.type != node.type:
        yield f"{read.type} is read as {node.type}"


def in_place(graph: Graph, place: Affine, extent: int) -> Iterator[str]:
    """Give what is wrong with a place along an axis."""
    if any(not 0 <= axis < len(graph.axes.extents) for axis, _ in place.terms):
        yield f"there is no axis of {place}"
        return
    if not all(graph.extent(axis) for axis, _ in place.terms):
        return  # nothing is read, in no step
    low, high = span(graph, place)
    if low < 0 or high >= extent:
        yield f"{place}, from {low} to {high}, of {extent} elements"


def in_gather(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a value that is read where numbers say."""
    read, *places = node.operands
    if len(places) != len(node.data) or not read.axes.issuperset(node.data):
        yield f"{len(places)} places along {node.data}"
    yield from in_places(places)


def in_places(places: Iterable[Node]) -> Iterator[str]:
    """Give what is wrong with places that are computed."""
    for place in places:
        if not is_whole(place.type):
            yield f"%{place.number}, a place, is {place.type}"


def in_pieces(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with what is put together."""
    dims, adds, specs = node.data
    pieces, places = node.operands[: len(specs)], node.operands[len(specs) :]
    if len(pieces) < len(specs):
        yield f"{len(node.operands)} operands for {len(specs)} pieces"
        return
    yield from in_places(places)
    for piece, spec in zip(pieces, specs, strict=True):
        if len(spec) != len(dims):
            yield f"{len(spec)} places along {len(dims)} dimensions"
            continue
        named = set[int]()
        for dim, place in zip(dims, spec, strict=True):
            if type(place) is int:
                if not 0 <= place < len(places):
                    yield f"place {place} of {len(places)}"
                else:
                    named |= places[place].axes
            elif place is not None:
                named.update(axis for axis, _ in place.terms)
                yield from in_place(
                    graph, place, 1 if dim is None else graph.extent(dim)
                )
            elif dim is not None:
                yield f"no place along a{dim}"
        if not adds and not piece.axes <= named:
            yield f"%{piece.number} has several elements for a place"
        if piece.type != node.type:
            yield f"%{piece.number} of {piece.type} is put into {node.type}"


def in_copy(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a copy in memory."""
    (read,) = node.operands
    if read.type != node.type or not read.axes <= node.axes:
        yield f"it is of {read.type} over {sorted(read.axes)}"


def in_call(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a result of NumPy's."""
    call, number, dims = node.data
    if len(node.operands) != len(call.dims):
        yield f"{len(node.operands)} operands, not {len(call.dims)}"
    if not 0 <= number < len(call.laid):
        yield f"result {number} of {len(call.laid)}"
        return
    like = call.laid[number]
    if graph.shape(dims) != list(like.shape) or dtype_name(like.dtype) != node.type:
        yield f"it is of {like}"


def in_routine(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with what is done with matrices."""
    call = node.data
    if len(node.operands) != len(call.core):
        yield f"{len(node.operands)} operands, not {len(call.core)}"
    for x in node.operands:
        if x.type != node.type or not is_float(x.type):
            yield f"%{x.number} is of {x.type}"
    if not of_dims(call.result) <= node.axes:
        yield f"its result has the axes {call.result}"


def in_loop(graph: Graph, node: Node) -> Iterator[str]:
    """Give what is wrong with a result of steps."""
    repeated: Repeated = node.data[0]
    number, arguments = node.data[1], repeated.lowered.arguments
    given = len(repeated.given) + repeated.is_part + repeated.is_gated
    if len(node.operands) != given or len(arguments) != len(repeated.given):
        yield f"{len(node.operands)} operands for {given}"
        return
    if is_steps(repeated, number):
        return
    if not 0 <= number < len(repeated.lowered.outputs):
        yield f"result {number} of {len(repeated.lowered.outputs)}"
    for x, like in zip(node.operands, arguments, strict=False):
        if x.type != dtype_name(like.dtype):
            yield f"%{x.number} of {x.type} is given as {like}"
    carried = arguments[: repeated.carried]
    for like, after in zip(carried, repeated.lowered.types, strict=False):
        if (like.dtype, like.shape) != (after.dtype, after.shape):
            yield f"{like} is carried as {after}"


#: What is legal of every kind of nodes.
KINDS = {
    "leaf": Kind(0, 0, lambda node: [a for a, _ in node.data[2]], in_leaf),
    "number": Kind(0, 0, of_operands, in_number),
    "index": Kind(0, 0, lambda node: [node.data], lambda graph, node: iter(())),
    "map": Kind(1, 4, of_operands, in_map),
    "reduce": Kind(1, 1, lambda node: of_operands(node) - node.data[1], in_fold),
    "product": Kind(2, 2, lambda node: of_operands(node) - node.data[1], in_fold),
    "sum": Kind(1, 1, lambda node: (), in_memory),
    "scan": Kind(1, 3, lambda node: of_operands(node) | {node.data[1]}, in_scan),
    "sort": Kind(1, 1, of_operands, in_sort),
    "routine": Kind(1, 2, lambda node: node.axes, in_routine),
    "view": Kind(1, 1, of_view, in_view),
    "gather": Kind(2, np.inf, of_gather, in_gather),
    "place": Kind(1, np.inf, lambda node: of_dims(node.data[0]), in_pieces),
    "copy": Kind(1, 1, lambda node: of_dims(node.data[0]), in_copy),
    "call": Kind(0, np.inf, lambda node: of_dims(node.data[2]), in_call),
    "loop": Kind(0, np.inf, lambda node: of_dims(node.data[2]), in_loop),
}


def verify_graph(lowered: Lowered, is_step: bool = False) -> None:
    """Raise `IllegalError` unless every node is legal, and so are results and guards.

    A node comes after what it reads; what it has is as `KINDS` says; leaves lie inside
    of their buffers; results have the shapes and types that they should; the same holds
    of the steps of loops.
    """
    graph, steps = lowered.graph, dict[int, Lowered]()
    for number, node in enumerate(graph.nodes):
        for what in wrong_with(graph, number, node):
            raise IllegalError(f"%{number}, a {node.kind}: {what}")
        if node.kind == "leaf":
            verify_leaf(lowered, node, is_step)
        if node.kind == "loop":
            repeated = node.data[0]
            for step in filter(None, (repeated.lowered, repeated.asks)):
                steps[id(step)] = step
    for number, (value, like) in enumerate(
        zip(lowered.outputs, lowered.types, strict=True)
    ):
        node, dims = value
        if not is_of(graph, node):
            raise IllegalError(f"result {number} is of another graph")
        is_shaped = not like.size or tuple(graph.shape(dims)) == like.shape
        if not is_shaped or not (not like.size or node.axes <= of_dims(dims)):
            raise IllegalError(f"result {number}, {like}, is over {dims}")
        if like.size and node.type != dtype_name(like.dtype):
            raise IllegalError(f"result {number}, {like}, is {node.type}")
    for number, node in lowered.guards:
        if not is_of(graph, node) or node.type != "bool" or number < 1:
            raise IllegalError(f"guard {number} asks about {node!r}")
    for step in steps.values():
        verify_graph(step, is_step=True)


def is_of(graph: Graph, node: Node) -> bool:
    """Whether a node is one of a graph."""
    return node.number < len(graph.nodes) and graph.nodes[node.number] is node


def wrong_with(graph: Graph, number: int, node: Node) -> Iterator[str]:
    """Give what is wrong with a node."""
    kind = KINDS.get(node.kind)
    if kind is None or node.number != number:
        yield f"there is no such kind, or it is %{node.number}"
        return
    for x in node.operands:
        if x.number >= number or not is_of(graph, x):
            yield f"it reads %{x.number}, which is made later"
    if not kind.fewest <= len(node.operands) <= kind.most:
        yield f"{len(node.operands)} operands"
        return
    if node.type not in TYPES:
        yield f"there is no type {node.type}"
    for axis in node.axes:
        is_known = 0 <= axis < len(graph.axes.extents)
        if not is_known or graph.axes.find(axis) != axis:
            yield f"there is no axis a{axis}"
    if node.axes != frozenset(kind.axes(node)):
        yield f"it is over {sorted(node.axes)}, not {sorted(kind.axes(node))}"
    yield from kind.wrong(graph, node)


def verify_leaf(lowered: Lowered, node: Node, is_step: bool) -> None:
    """Raise `IllegalError` unless a leaf lies in its buffer.

    What a step reads of its arguments lies in the memory of whoever does it.
    """
    source, offset, strides = node.data
    buffers: Sequence[Any] = (
        lowered.constants if source.kind == "constant" else lowered.arguments
    )
    if source.number >= len(buffers):
        raise IllegalError(f"%{node.number} reads {source} of {len(buffers)}")
    low, high = span(lowered.graph, Affine(offset, strides))
    if is_step and source.kind == "argument":
        return
    buffer = buffers[source.number]
    if low < 0 or high >= buffer.size or dtype_name(buffer.dtype) != node.type:
        what = f"{source.kind}{source.number}, {buffer.size} of {buffer.dtype}"
        raise IllegalError(f"%{node.number} reads {low} to {high} of {what}")
