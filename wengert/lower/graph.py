"""The graph: what a tape computes, every value a function of named axes.

Broadcasts, transposes and axes of one element vanish: what varies along an axis has it,
all else is the same everywhere.  A node is one of these:

- ``leaf``: elements of a buffer, at an offset and a stride an axis;
- ``number``;
- ``index``: the place along an axis;
- ``map``: a native expression of the operands' elements at the same place;
- ``reduce``: axes of the operand folded;
- ``sum``: one axis added up in NumPy's order, of an operand that lies in memory;
- ``scan``: one axis folded, and every step kept;
- ``sort``: the elements along an axis in their order, or their places, of an operand
  that lies in memory;
- ``product``: the same of products of two operands that lie in memory;
- ``routine``: factors of matrices, or what is solved with them, of operands in memory;
- ``view``: the operand read at other places, which are affine in the axes;
- ``gather``: the operand read along some axes where whole numbers say;
- ``place``: pieces written, or added, into zeros;
- ``copy``: the operand in memory of its own, for a loop that reads it there;
- ``call``: one result of an operation that NumPy computes, of operands in memory;
- ``loop``: one result of a step that is done many times, which is a graph of its own.

Equal nodes are one.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import struct
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from wengert.core.verify import content
from wengert.lower.axes import Axes
from wengert.lower.costs import is_cheap
from wengert.lower.hiding import PLAIN_PRODUCT
from wengert.lower.lines import Spots, remark, together
from wengert.lower.tiles import is_tiled


class Source(NamedTuple):
    """Memory that a graph reads: an argument, or an array that is constant."""

    kind: str  # "argument" or "constant"
    number: int


class Affine(NamedTuple):
    """A place along one dimension: ``offset + sum of index * stride``, by axis."""

    offset: int
    terms: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        parts = [f"{k} a{a}" if k != 1 else f"a{a}" for a, k in self.terms]
        parts += [str(self.offset)] * (self.offset != 0 or not parts)
        return " + ".join(parts)


class Step(NamedTuple):
    """How elements are folded, and what nothing is folded to.

    A sum of NumPy's starts from zero: of negative zeros alone it is a positive one.
    """

    text: str
    start: float
    is_from_zero: bool = False


#: What nothing is folded to, by the text of a fold.
STARTS = {
    "x + y": 0.0,
    "x * y": 1.0,
    "maximum(x, y)": -math.inf,
    "minimum(x, y)": math.inf,
    "fmax(x, y)": math.nan,
    "fmin(x, y)": math.nan,
    "x or y": 0.0,
    "x and y": 1.0,
    "x | y": 0.0,
    "x & y": -1.0,
    "x ^ y": 0.0,
}


#: Elements of which NumPy adds halves.
FEWEST_BY_HALVES = 8
#: Expressions of which the sign is the product of the operands' signs.
SIGNED = frozenset({"x * y", PLAIN_PRODUCT, "x / y"})
#: Expressions of numbers of one type, and the types in which they are computed.
ARITHMETIC, REAL = SIGNED | {"x + y", "x - y"}, frozenset({"float64", "float32"})
#: Expressions of a base and its exponent.
POWERS = frozenset({"x ** y", "pow(x, y)"})
#: What is made of leaves by expressions alone, if its operands are.
LEAFY = frozenset({"leaf", "number", "index", "map"})
#: What no line computes.
GIVEN = frozenset({"leaf", "number", "index"})


@dataclass(slots=True, eq=False)
class Node:
    """One value of a graph; see the module for the kinds."""

    number: int
    kind: str
    data: Any
    operands: tuple[Node, ...]
    axes: frozenset[int]
    type: str
    #: Whether it is made of leaves by expressions alone, so may be read anywhere.
    is_leafy: bool = False
    #: The user's lines that it comes from.
    lines: Spots = ()

    def __repr__(self) -> str:
        text = f"%{self.number} = {said(self)}: {self.type}{over(self.axes)}"
        return text + remark(self.lines)


class Graph:
    """Nodes in the order in which they can be computed."""

    def __init__(self, axes: Axes) -> None:
        self.axes = axes
        self.nodes: list[Node] = []
        self.known: dict[Any, Node] = {}
        #: The user's lines of what is made now.
        self.lines: Spots = ()

    def extent(self, axis: int) -> int:
        """Return the number of elements along an axis."""
        return self.axes.extents[axis]

    def shape(self, dims: Iterable[int | None]) -> list[int]:
        """Return the numbers of elements along dimensions."""
        return [1 if axis is None else self.extent(axis) for axis in dims]

    def count(self, axes: Iterable[int]) -> int:
        """Return the number of elements over some axes."""
        return math.prod(self.axes.extents[axis] for axis in axes)

    def make(
        self,
        kind: str,
        data: Any,
        operands: Sequence[Node],
        axes: Iterable[int],
        type_: str,
    ) -> Node:
        """Return a node; an equal one is used again."""
        key = kind, data, tuple([node.number for node in operands]), type_
        node = self.known.get(key)
        if node is None:
            number = len(self.nodes)
            is_leafy = kind in LEAFY and all([x.is_leafy for x in operands])
            node = Node(
                number, kind, data, tuple(operands), frozenset(axes), type_, is_leafy
            )
            self.nodes.append(node)
            self.known[key] = node
        if kind not in GIVEN and node.lines is not self.lines:
            node.lines = together(node.lines, self.lines)
        return node

    def number(self, value: Any, type_: str) -> Node:
        """Return the node of a number, converted to a type as `astype` does."""
        if type(value) is float and type_ == "float64":
            number: Any = value
        else:
            with np.errstate(all="ignore"):
                number = np.asarray(value).astype(type_).item()
        if type_.startswith("float"):
            number = struct.pack("d", number)
        return self.make("number", number, (), (), type_)

    def index(self, axis: int) -> Node:
        """Return the place along an axis."""
        return self.make("index", axis, (), (axis,), "int64")

    def place(self, place: Affine) -> Node:
        """Return a place as a value."""
        found = self.number(place.offset, "int64")
        for axis, stride in place.terms:
            step = (self.index(axis), self.number(stride, "int64"))
            found = self.map(
                "x + y", (self.map("x * y", step, "int64"), found), "int64"
            )
        return found

    def leaf(
        self, source: Source, offset: int, strides: Mapping[int, int], type_: str
    ) -> Node:
        """Return elements of a buffer."""
        kept = tuple(sorted((a, k) for a, k in strides.items() if k))
        return self.make(
            "leaf", (source, offset, kept), (), [a for a, _ in kept], type_
        )

    def map(self, text: str, operands: Sequence[Node], type_: str) -> Node:
        """Return an expression of operands, or what is the same in every case."""
        if text in ARITHMETIC and type_ in REAL:
            operands = [self.as_real(x, type_) for x in operands]
        simpler = self.simpler(text, operands, type_)
        if simpler is not None:
            return simpler
        axes = operands[0].axes
        for node in operands:
            if not node.axes <= axes:
                axes |= node.axes
        return self.make("map", text, operands, axes, type_)

    def as_real(self, x: Node, type_: str) -> Node:
        """Return an operand, a whole number as a real one."""
        is_whole = x.kind == "number" and x.type[0] != "f"
        return self.number(number_of(x), type_) if is_whole else x

    def simpler(self, text: str, operands: Sequence[Node], type_: str) -> Node | None:
        """Return what costs less than an expression and is equal to the last bit."""
        first = operands[0]
        if text == "x":
            if first.type == type_:
                return first
            value = number_of(first)
            return None if value is None else self.number(value, type_)
        if text == "-x" and first.kind == "map" and first.data == "-x":
            return first.operands[0] if first.operands[0].type == type_ else None
        if text in POWERS and type_.startswith("f"):
            return self.simpler_power(first, number_of(operands[1]), type_)
        if text == "x * y":
            for one, other in (operands, operands[::-1]):
                if number_of(one) == 1 and other.type == type_:
                    return other
                if number_of(one) == -1:
                    return self.map("-x", (other,), type_)
        if text == "x / y" and type_.startswith("f"):
            value = number_of(operands[1])
            if value and math.frexp(value)[0] == 0.5:  # a power of two
                inverse = self.number(1 / value, type_)
                return self.map("x * y", (first, inverse), type_)
            part = self.part_of_inverse(first, operands[1], type_)
            if part is not None:
                return part
        if text == "select(x, y, z)" and operands[1] is operands[2]:
            return operands[1] if operands[1].type == type_ else None
        if not type_.startswith("f"):
            return None
        if text == "x + y" and first is operands[1]:
            return self.doubled(first, type_)
        if text == "x + y":
            for zero, x in (operands[::-1], operands):
                is_zero = number_of(zero) == 0 and x.type == type_
                if is_zero and is_no_negative_zero(x):
                    return x
        found = None
        if text in SIGNED:
            found = self.without_signs(text, operands, type_)
        if text == "x * y" and found is None:
            found = self.multiple(operands, type_)
        return found

    def part_of_inverse(self, x: Node, root: Node, type_: str) -> Node | None:
        """Return 1/2, 2, 4 ... over a square root as a multiple of its inverse.

        Derivatives have both.  What lies that far from a number's limits is rounded in
        the same way.
        """
        value = number_of(x) or 0.0
        if root.kind != "map" or root.data != "sqrt(x)" or root.type != type_:
            return None
        if math.frexp(abs(value))[0] != 0.5 or not 2**-8 <= abs(value) <= 2**8:
            return None
        if value == 1:
            return None
        inverse = self.map("x / y", (self.number(1.0, type_), root), type_)
        return self.map("x * y", (self.number(value, type_), inverse), type_)

    def without_signs(
        self, text: str, operands: Sequence[Node], type_: str
    ) -> Node | None:
        """Return a product of negatives as one, or as one's negative; else none."""
        given = [unsigned(x) for x in operands]
        count = sum([x is not y for x, y in zip(given, operands, strict=True)])
        if not count:
            return None
        found = self.map(text, given, type_)
        return found if count == 2 else self.map("-x", (found,), type_)

    def doubled(self, x: Node, type_: str) -> Node | None:
        """Return twice a multiple, or a negative, as another one; else none."""
        if x.kind == "map" and x.data == "-x" and x.type == type_:
            twice = self.map("x + y", (x.operands[0],) * 2, type_)
            return self.map("-x", (twice,), type_)
        return self.multiple((self.number(2.0, type_), x), type_)

    def multiple(self, operands: Sequence[Node], type_: str) -> Node | None:
        """Return 2, 4 ... times a multiple as another multiple, or none.

        Subnormal numbers are rounded once less.
        """
        for one, x in (operands, operands[::-1]):
            factor = number_of(one) or 0.0
            is_multiple = x.kind == "map" and x.data == "x * y" and x.type == type_
            if factor < 2 or math.frexp(factor)[0] != 0.5 or not is_multiple:
                continue
            for number, other in (x.operands, x.operands[::-1]):
                value = factor * (number_of(number) or 0.0)
                if value and abs(value) <= np.finfo(type_).max:
                    both = self.number(value, type_), other
                    return self.map("x * y", both, type_)
        return None

    def simpler_power(self, x: Node, exponent: Any, type_: str) -> Node | None:
        """Return a power as NumPy computes it by a product, or none."""
        if exponent == 0:
            return self.number(1, type_)
        if exponent == 1:
            return self.map("x", (x,), type_)
        if exponent == 2 and x.axes:  # of a number it is a function of C's
            return self.map("x * y", (x, x), type_)
        return None

    def reduce(self, step: Step, x: Node, axes: Iterable[int]) -> Node:
        """Return a value folded over axes; what does not vary folds at once."""
        axes = frozenset(axes)
        if step.text == "x + y" and unsigned(x) is not x and x.type.startswith("f"):
            total = self.map("-x", (self.reduce(step, unsigned(x), axes),), x.type)
            if not step.is_from_zero:
                return total
            return self.map("x + y", (total, self.number(0.0, x.type)), x.type)
        repeats = self.count(axes - x.axes)
        axes &= x.axes
        if axes:
            is_product = is_tiled(self, step, x, axes)
            kind, operands = ("product", x.operands) if is_product else ("reduce", (x,))
            x = self.make(kind, (step, axes), operands, x.axes - axes, x.type)
        elif step.is_from_zero:
            x = self.map("x + y", (x, self.number(0.0, x.type)), x.type)
        if repeats != 1 and step.text == "x + y":
            return self.map("x * y", (self.number(repeats, x.type), x), x.type)
        if repeats != 1 and step.text == "x * y":
            return self.power(x, repeats)
        return x

    def is_folded(self, step: Step, x: Node, axes: Iterable[int]) -> bool:
        """Whether a fold is there already."""
        key = "reduce", (step, x.axes.intersection(axes)), (x.number,), x.type
        return key in self.known

    def power(self, x: Node, count: int) -> Node:
        """Return a value times itself so often."""
        if not count:
            return self.number(1, x.type)
        half = self.power(x, count // 2) if count > 1 else None
        square = x if half is None else self.map("x * y", (half, half), x.type)
        is_more = half is not None and count % 2
        return self.map("x * y", (square, x), x.type) if is_more else square

    def view(self, x: Node, places: Mapping[int, Affine]) -> Node:
        """Return a value read elsewhere: along each axis at a place.

        A leaf's strides change; an expression of leaves is computed there.
        """
        if not places:
            return x
        moved = {
            axis: place
            for axis, place in places.items()
            if axis in x.axes and place != Affine(0, ((axis, 1),))
        }
        if not moved:
            return x
        if x.kind == "leaf":
            return self.view_of_leaf(x, moved)
        if x.kind == "index":
            return self.place(moved[x.data])
        if x.kind == "map" and is_cheap(x):
            operands = [self.view(y, moved) for y in x.operands]
            lines, self.lines = self.lines, x.lines or self.lines
            found = self.map(x.data, operands, x.type)
            self.lines = lines
            return found
        if x.kind == "view":
            known = {axis: moved_place(place, moved) for axis, place in x.data}
            return self.view(x.operands[0], moved | known)
        axes = x.axes - moved.keys()
        axes |= {axis for place in moved.values() for axis, _ in place.terms}
        return self.make("view", tuple(sorted(moved.items())), (x,), axes, x.type)

    def view_of_leaf(self, x: Node, moved: Mapping[int, Affine]) -> Node:
        """Return elements of the same buffer, at other places."""
        source, offset, strides = x.data
        found: dict[int, int] = {}
        for axis, stride in strides:
            place = moved.get(axis, Affine(0, ((axis, 1),)))
            offset += stride * place.offset
            for to, step in place.terms:
                found[to] = found.get(to, 0) + stride * step
        return self.leaf(source, offset, found, x.type)

    def sum_in_order(self, x: Node, axes: Sequence[int]) -> Node:
        """Return the sum of a value over all its axes, rounded as NumPy's is.

        It lies in memory in their order, as NumPy's does; a few are added one by one.
        """
        axes, zero = tuple(axes), self.number(0.0, x.type)
        if self.count(axes) < FEWEST_BY_HALVES:
            ranges = [range(self.extent(axis)) for axis in axes]
            places = [[Affine(k, ()) for k in at] for at in itertools.product(*ranges)]
            found = [self.view(x, dict(zip(axes, at, strict=True))) for at in places]
            for element in found[1:]:
                found[0] = self.map("x + y", (found[0], element), x.type)
            return self.map("x + y", (found[0], zero), x.type)
        if x.kind != "leaf" or x.data[2] != ((axes[0], 1),):
            x = self.make("copy", (axes, ()), (x,), axes, x.type)
        total = self.make("sum", axes, (x,), (), x.type)
        return self.map("x + y", (total, zero), x.type)

    def scan(self, step: Step, axis: int, operands: Sequence[Node], type_: str) -> Node:
        """Return every step of a fold over an axis."""
        axes = frozenset({axis}).union(*(node.axes for node in operands))
        return self.make("scan", (step, axis), operands, axes, type_)

    def sort(self, x: Node, axis: int, has_places: bool) -> Node:
        """Return the elements along an axis in their order, or their places."""
        type_ = "int64" if has_places else x.type
        return self.make("sort", (axis, has_places), (x,), x.axes, type_)

    def gather(self, x: Node, places: Mapping[int, Node]) -> Node:
        """Return a value read along axes where whole numbers say."""
        chosen = sorted((a, node) for a, node in places.items() if a in x.axes)
        if not chosen:
            return x
        if x.kind == "index" and chosen[0][1].type == x.type:
            return chosen[0][1]
        axes = x.axes - {axis for axis, _ in chosen}
        axes = axes.union(*(node.axes for _, node in chosen))
        along = tuple(axis for axis, _ in chosen)
        operands = (x, *(node for _, node in chosen))
        return self.make("gather", along, operands, axes, x.type)

    def wrapped(self, node: Node, length: int, is_signed: bool) -> Node:
        """Return places of which those below 0 count from the end."""
        if not is_signed:
            return node
        n, zero = self.number(length, node.type), self.number(0, node.type)
        return self.map("select(x < z, x + y, x)", (node, n, zero), node.type)

    def fingerprint(self) -> str:
        """Return a stable hash of the nodes, and of how long their axes are."""
        digest = hashlib.sha256()
        for node in self.nodes:
            extents = [(axis, self.extent(axis)) for axis in sorted(node.axes)]
            read = [x.number for x in node.operands]
            digest.update(f"{node.kind}{read}{node.type}{extents}".encode())
            digest.update(content(node.data))
        return digest.hexdigest()

    def __str__(self) -> str:
        return "\n".join(map(repr, self.nodes))


# Text


def over(axes: Iterable[int]) -> str:
    """Return axes as text."""
    return f"[{', '.join(f'a{axis}' for axis in sorted(axes))}]"


def said(node: Node) -> str:
    """Return what a node is, as text."""
    operands = [f"%{x.number}" for x in node.operands]
    match node.kind:
        case "leaf":
            source, offset, strides = node.data
            return f"{source.kind}{source.number} at {Affine(offset, strides)}"
        case "number":
            return repr(number_of(node))
        case "index":
            return f"the place along a{node.data}"
        case "map":
            named = zip("xyzw", operands, strict=False)
            return f"{node.data} of {', '.join(f'{k}={x}' for k, x in named)}"
        case "reduce":
            step, axes = node.data
            return f"{operands[0]} folded over {over(axes)} by {step.text}"
        case "sum":
            return f"{operands[0]} added over {over(node.data)} in NumPy's order"
        case "scan":
            step, axis = node.data
            named = zip("yzw", operands, strict=False)
            given = ", ".join(f"{k}={v}" for k, v in named)
            return f"steps along a{axis} of {step.text} of {given}"
        case "sort":
            axis, has_places = node.data
            return f"{'places of ' * has_places}{operands[0]} in order along a{axis}"
        case "product":
            return f"{' * '.join(operands)} folded over {over(node.data[1])}"
        case "call":
            call, number, _ = node.data
            name = call.operation.name
            return f"result {number} of {name} by NumPy of {', '.join(operands)}"
        case "view":
            places = ", ".join(f"a{axis} at {place}" for axis, place in node.data)
            return f"{operands[0]} with {places}"
        case "gather":
            pairs = zip(node.data, operands[1:], strict=True)
            return f"{operands[0]} with {', '.join(f'a{a} at {x}' for a, x in pairs)}"
        case "copy":
            return f"{operands[0]} in memory"
        case "routine":
            core = ", ".join(map(over, node.data.core))
            return f"{node.data.name} of {', '.join(operands)} over {core}"
        case "loop":
            repeated, result, _ = node.data
            given = ", ".join(operands)
            return f"result {result} of {repeated} from {given}"
    _, adds, specs = node.data
    count = len(specs)
    pieces = [
        f"{piece} at ({', '.join(place_text(s, operands[count:]) for s in spec)})"
        for piece, spec in zip(operands, specs, strict=False)
    ]
    how = "the sum of" if adds else "in turn"
    return f"{how} {', '.join(pieces)}"


def place_text(place: Affine | int | None, indices: Sequence[str]) -> str:
    """Return a place along a dimension as text."""
    if place is None:
        return "0"
    return indices[place] if type(place) is int else str(place)


def moved_place(place: Affine, moved: Mapping[int, Affine]) -> Affine:
    """Return a place in terms of what the axes that it names are moved to."""
    offset, terms = place.offset, dict[int, int]()
    for axis, stride in place.terms:
        at = moved.get(axis, Affine(0, ((axis, 1),)))
        offset += stride * at.offset
        for to, step in at.terms:
            terms[to] = terms.get(to, 0) + stride * step
    return Affine(offset, tuple(sorted(terms.items())))


def whole_of(dims: Iterable[int | None]) -> tuple[Affine | None, ...]:
    """Return the places of a piece that is all of a value."""
    return tuple([None if d is None else Affine(0, ((d, 1),)) for d in dims])


def number_of(node: Node) -> float | None:
    """Return the number of a number's node."""
    if node.kind != "number":
        return None
    if isinstance(node.data, bytes):
        return float(struct.unpack("d", node.data)[0])
    return int(node.data)


def is_no_negative_zero(node: Node) -> bool:
    """Whether a value is never zero with a minus: adding zero to it changes nothing."""
    number = number_of(node)
    if number is not None:
        return number != 0 or math.copysign(1, number) > 0
    if node.kind == "view":
        return is_no_negative_zero(node.operands[0])
    if node.kind != "map":
        return False
    if node.data == "x + y":
        return any(map(is_no_negative_zero, node.operands))
    is_square = node.data == "x * y" and node.operands[0] is node.operands[1]
    return is_square or node.data == "x * x"


def unsigned(node: Node) -> Node:
    """Return a node, or what it is the negative of; negative integers may wrap."""
    is_negative = node.kind == "map" and node.data == "-x"
    return node.operands[0] if is_negative and node.type[0] == "f" else node


def reached(nodes: Iterable[Node], known: Collection[int] = ()) -> dict[int, Node]:
    """Return nodes and all that they are computed from, by number.

    What is `known` by number is not looked into.
    """
    found: dict[int, Node] = {}
    todo = list(nodes)
    while todo:
        node = todo.pop()
        if node.number not in found and node.number not in known:
            found[node.number] = node
            todo += node.operands
    return dict(sorted(found.items()))


def is_disjoint(graph: Graph, node: Node) -> bool:
    """Whether the pieces of a place have no element in common."""
    dims, _, specs = node.data
    return len(specs) == 1 or are_apart(graph, dims, specs)


def are_apart(graph: Graph, dims: Sequence[int | None], specs: Sequence[Any]) -> bool:
    """Whether pieces lie side by side along one dimension, or in turn."""
    for k, dim in enumerate(dims):
        if dim is None or any(type(spec[k]) is int for spec in specs):
            continue
        spans = sorted(span(graph, spec[k]) for spec in specs)
        if all(one[1] < other[0] for one, other in pairwise(spans)):
            return True
        if are_in_turn([spec[k] for spec in specs]):
            return True
    return False


def are_in_turn(places: Sequence[Affine]) -> bool:
    """Whether the indices of places differ in what is left of them by their strides."""
    step = math.gcd(*[stride for place in places for _, stride in place.terms])
    return step > 1 and len({place.offset % step for place in places}) == len(places)


def span(graph: Graph, place: Any) -> tuple[int, int]:
    """Return the first and the last index of a place along a dimension."""
    low = high = place.offset
    for axis, stride in place.terms:
        reach = (graph.extent(axis) - 1) * stride
        low, high = low + min(reach, 0), high + max(reach, 0)
    return low, high
