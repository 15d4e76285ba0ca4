"""Pieces that are added where they overlap become pieces that lie side by side.

The slope of ``x[2:] - 2 * x[1:-1] + x[:-2]`` is three pieces, each added to what lies
in memory.  Where most of it is under several pieces each stretch that is under the same
ones is one loop, and written once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from wengert.lower.costs import is_cheap
from wengert.lower.gathers import again
from wengert.lower.graph import Affine, Graph, Node, reached
from wengert.lower.values import Dims

#: How many pieces an element must be under, on average.
LEAST_DEEP = 2
#: Stretches up to which they are told apart.
MOST_STRETCHES = 16


class Piece(NamedTuple):
    """What is added along one dimension.

    Attributes
    ----------
    node : Node
    axis : int or None
        Its own axis; None where it is one element.
    start, end : int
        Where it goes.
    """

    node: Node
    axis: int | None
    start: int
    end: int


def side_by_side(graph: Graph, roots: Iterable[Node]) -> Callable[[Node], Node]:
    """Return what gives a root with no pieces that overlap, where that pays."""
    live = reached(roots)
    if not any(is_deep(graph, node) for node in live.values()):
        return lambda node: node
    found: dict[int, Node] = {}
    for node in live.values():
        operands = [found[x.number] for x in node.operands]
        new = again(graph, node, operands)
        found[node.number] = in_stretches(graph, new) if is_deep(graph, new) else new
    return lambda node: found[node.number]


def is_deep(graph: Graph, node: Node) -> bool:
    """Whether pieces that are added overlap nearly everywhere, along one dimension."""
    at = overlapping(node)
    if at is None:
        return False
    pieces, extent = pieces_along(graph, node, at), extent_of(graph, node, at)
    total = sum(piece.end - piece.start for piece in pieces)
    if total < LEAST_DEEP * extent or len(bounds(pieces, extent)) > MOST_STRETCHES:
        return False
    return all(is_cheap(piece.node) for piece in pieces)


def overlapping(node: Node) -> int | None:
    """Return the dimension along which pieces that are added go elsewhere, if one."""
    if node.kind != "place" or not node.data[1] or len(node.data[2]) < 2:
        return None
    dims, _, specs = node.data
    found = set[int]()
    for spec in specs:
        for k, (dim, place) in enumerate(zip(dims, spec, strict=True)):
            if not isinstance(place, Affine | None):
                return None
            if dim is not None and place != Affine(0, ((dim, 1),)):
                found.add(k)
    if len(found) != 1:
        return None
    at = found.pop()
    terms = [spec[at].terms for spec in specs]
    is_plain = all(not t or (len(t) == 1 and t[0][1] == 1) for t in terms)
    return at if is_plain else None


def extent_of(graph: Graph, node: Node, at: int) -> int:
    """Return the elements along a dimension of a place."""
    return graph.extent(node.data[0][at])


def pieces_along(graph: Graph, node: Node, at: int) -> list[Piece]:
    """Return the pieces of a place along a dimension."""
    found = []
    for spec, piece in zip(node.data[2], node.operands, strict=True):
        start, terms = spec[at]
        axis = terms[0][0] if terms else None
        length = 1 if axis is None else graph.extent(axis)
        found.append(Piece(piece, axis, start, start + length))
    return found


def bounds(pieces: Sequence[Piece], extent: int) -> list[int]:
    """Return where stretches begin that are under the same pieces, and the end."""
    ends = {0, extent}.union(*((piece.start, piece.end) for piece in pieces))
    return sorted(ends)


def in_stretches(graph: Graph, node: Node) -> Node:
    """Return a place of stretches, each the sum of the pieces that it is under."""
    at = overlapping(node)
    assert at is not None
    graph.lines = node.lines
    dims, pieces = node.data[0], pieces_along(graph, node, at)
    extent, zero = extent_of(graph, node, at), graph.number(0.0, node.type)
    specs, nodes = [], []
    for k, (start, end) in enumerate(pairwise(bounds(pieces, extent))):
        place = Affine(start, ())
        if end - start > 1:
            own = graph.axes.of(("stretch", node.number, k), end - start)
            place = Affine(start, ((own, 1),))
        above = [p for p in pieces if p.start <= start and end <= p.end]
        terms = [moved(graph, piece, place) for piece in above] or [zero]
        total = terms[0]
        for term in terms[1:]:
            total = graph.map("x + y", (total, term), node.type)
        keep_apart(graph, dims, at, place)
        around = [None if d is None else Affine(0, ((d, 1),)) for d in dims]
        specs.append((*around[:at], place, *around[at + 1 :]))
        nodes.append(total)
    data = dims, False, tuple(specs)
    return graph.make("place", data, nodes, node.axes, node.type)


def moved(graph: Graph, piece: Piece, place: Affine) -> Node:
    """Return the elements of a piece that go to a place."""
    if piece.axis is None:
        return piece.node
    inside = Affine(place.offset - piece.start, place.terms)
    return graph.view(piece.node, {piece.axis: inside})


def keep_apart(graph: Graph, dims: Dims, at: int, place: Affine) -> None:
    """Note that a stretch has the axes of all other dimensions beside its own."""
    others = [d for k, d in enumerate(dims) if d is not None and k != at]
    graph.axes.keep_apart([*others, *(axis for axis, _ in place.terms)])
