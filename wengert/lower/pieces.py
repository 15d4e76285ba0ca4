"""Pieces that are written into zeros, or added: where each one goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.lower.graph import Affine, Graph, Node, is_disjoint
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Dims

#: Where a write goes along one dimension: a place, or the number of an index array.
Place = Affine | int | None


def placed(
    graph: Graph,
    dims: Dims,
    adds: bool,
    specs: Sequence[tuple[Place, ...]],
    pieces: Sequence[Node],
    type_: str,
    indices: Sequence[Node] = (),
) -> Node:
    """Return pieces written into zeros in their order, or added.

    Where a piece goes is said for every dimension: a place, or the number of an index
    array that says it.
    """
    if not any(d is not None for d in dims):
        raise NotLoweredError("a write into one element")
    data = dims, adds, tuple(specs)
    axes = [d for d in dims if d is not None]
    nodes = [graph.map("x", (node,), type_) for node in pieces]
    return graph.make("place", data, [*nodes, *indices], axes, type_)


def pieces_of(node: Node) -> tuple[list[Any], list[Node], list[Node]]:
    """Return where the pieces of a place go, the pieces, and their index arrays."""
    specs = list(node.data[2])
    return specs, list(node.operands[: len(specs)]), list(node.operands[len(specs) :])


def is_sum_of_pieces(graph: Graph, node: Node) -> bool:
    """Whether a value is pieces added to zeros, at places that are known."""
    if node.kind != "place" or any(
        type(s) is int for spec in node.data[2] for s in spec
    ):
        return False
    return bool(node.data[1]) or is_disjoint(graph, node)


def composed(place: Place, at: dict[int, int], spec: tuple[Place, ...]) -> Place:
    """Return where a piece goes that is written into what goes to a place.

    `at` says which dimension of it an axis is, `spec` where the piece goes there.
    """
    if not isinstance(place, Affine):
        return place
    offset, terms = place.offset, dict[int, int]()
    for axis, stride in place.terms:
        inner = spec[at[axis]]
        assert isinstance(inner, Affine)
        offset += stride * inner.offset
        for to, step in inner.terms:
            terms[to] = terms.get(to, 0) + stride * step
    return Affine(offset, tuple(sorted(terms.items())))
