"""Products: sums over shared axes of what is multiplied element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wengert.core.forms import Contract
from wengert.core.types import Type, dtype_name
from wengert.lower.graph import Affine, Node
from wengert.lower.libraries import BLAS
from wengert.lower.pieces import placed
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Value, step_of
from wengert.ops.products import starts_at_zero

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering


def contracted(
    lowering: Lowering,
    index: int,
    form: Contract,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return a sum of products over shared axes."""
    subscripts = form.of(tuple([len(value.dims) for value in operands]), settings)
    inputs, output = subscripts.split("->")
    if "+" in output:
        return slid(lowering, index, operands, settings, like)
    terms = [
        with_dots(term, len(value.dims))
        for term, value in zip(inputs.split(","), operands, strict=True)
    ]
    type_ = dtype_name(like.dtype)
    nodes, letters = lettered(lowering, index, terms, operands)
    leave_to_blas(lowering, terms, output, letters, type_)
    output = spelled(output, terms)
    product = lowering.graph.map("x", (nodes[0],), type_)
    for node in nodes[1:]:
        product = lowering.graph.map("x * y", (product, node), type_)
    gone = [axis for letter, axis in letters.items() if letter not in output]
    shapes = [lowering.shape(k) for k in lowering.tape.operands[index]]
    is_from_zero = type_.startswith("float") and starts_at_zero(
        lowering.tape.operations[index], shapes, settings
    )
    step = step_of("x + y", type_)._replace(is_from_zero=is_from_zero)
    found = lowering.graph.reduce(step, product, gone)
    return Value(found, tuple([letters.get(letter) for letter in output]))


def lettered(
    lowering: Lowering, index: Any, terms: Sequence[str], operands: Sequence[Value]
) -> tuple[list[Node], dict[str, int]]:
    """Return operands along one axis a letter, and the axis of each letter."""
    axes, nodes = lowering.axes, []
    letters: dict[str, int] = {}
    for k, (term, value) in enumerate(zip(terms, operands, strict=True)):
        moved: dict[int, Affine] = {}
        for place, (letter, dim) in enumerate(zip(term, value.dims, strict=True)):
            if dim is None:
                continue
            axis = axes.find(dim)
            if letter not in letters:
                if axis in [axes.find(a) for a in letters.values()]:
                    extent = axes.extents[axis]
                    own = axes.of((index, "again", k, place), extent)
                    moved[axis] = Affine(0, ((own, 1),))
                    axis = own
                letters[letter] = axis
                axes.keep_apart(letters.values())
            elif not axes.unite(axis, letters[letter]):
                moved[axis] = Affine(0, ((axes.find(letters[letter]), 1),))
        nodes.append(lowering.graph.view(value.node, moved))
    letters = {letter: axes.find(axis) for letter, axis in letters.items()}
    if len(set(letters.values())) < len(letters):
        raise NotLoweredError("a product of an axis with itself")
    return nodes, letters


def slid(
    lowering: Lowering,
    index: int,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return the sums of products of which the places add up to one.

    The shorter vector slides along the longer one; what lies beyond that is nothing.
    """
    graph, axes, type_ = lowering.graph, lowering.axes, dtype_name(like.dtype)
    sizes = [lowering.shape(k)[0] for k in lowering.tape.operands[index]]
    (n, m), (x, y) = sizes, operands
    if n < m:
        (n, m), (x, y) = (m, n), (y, x)
    first = {"full": 0, "same": (m - 1) // 2, "valid": m - 1}[settings["mode"]]
    along, across = (
        lowering.fresh((index, name), (k,))
        for name, k in (("along", like.size), ("across", m))
    )
    both = [d for d in (*along, *across) if d is not None]
    axes.keep_apart(both)
    terms = [(d, k) for (d,), k in ((along, 1), (across, -1)) if d is not None]
    place = Affine(first, tuple(sorted(terms)))
    low, high = first - m + 1, first + like.size - 1
    if low < 0 or high >= n:  # room for places beyond the ends
        lead, size = max(-low, 0), max(high + 1, n) + max(-low, 0)
        room = axes.of((index, "room"), size)
        own = [d for d in x.dims if d is not None]
        axes.keep_apart([room, *own])
        spec = (Affine(lead, tuple([(d, 1) for d in own])),)
        node = placed(graph, (room,), False, [spec], [x.node], type_)
        moved = {room: place._replace(offset=first + lead)}
    else:
        node = graph.map("x", (x.node,), type_)
        moved = {d: place for d in x.dims if d is not None}
    left = graph.view(node, moved)
    (own_y,), (axis,) = y.dims, across
    to = {} if own_y is None or axis is None else {own_y: Affine(0, ((axis, 1),))}
    right = graph.map("x", (graph.view(y.node, to),), type_)
    product = graph.map("x * y", (left, right), type_)
    if low < 0 or high >= n:  # not zero, which times infinity is no number
        ends = graph.number(0, "int64"), graph.number(n, "int64")
        inside = graph.map("x >= y and x < z", (graph.place(place), *ends), "bool")
        none = graph.number(0, type_)
        product = graph.map("select(x, y, z)", (inside, product, none), type_)
    step = step_of("x + y", type_)._replace(is_from_zero=type_.startswith("float"))
    gone = [d for d in across if d is not None]
    return Value(graph.reduce(step, product, gone), along)


def leave_to_blas(
    lowering: Lowering,
    terms: Sequence[str],
    output: str,
    letters: dict[str, int],
    type_: str,
) -> None:
    """Refuse a product of two large matrices, which BLAS does faster."""
    left, right = set(terms[0]), set(terms[-1])
    if len(terms) != 2 or left & right & set(output):
        return
    sides = [left & right, left - right, right - left]
    counts = [
        lowering.graph.count(letters[c] for c in side if c in letters) for side in sides
    ]
    if min(counts) >= (lowering.libraries.blas if type_ == "float64" else BLAS):
        raise NotLoweredError("a product of large matrices")


def with_dots(term: str, ndim: int) -> str:
    """Return a term with a digit an axis of its ellipsis, the last axis being 9."""
    extra = ndim - len(term.replace("...", ""))
    return term.replace("...", "".join(str(9 - k) for k in reversed(range(extra))))


def spelled(output: str, terms: Sequence[str]) -> str:
    """Return the letters of a result, those of its ellipsis as digits."""
    dots = max(sum(c.isdigit() for c in term) for term in terms)
    return output.replace("...", "".join(str(9 - k) for k in reversed(range(dots))))
