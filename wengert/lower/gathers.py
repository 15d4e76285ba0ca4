"""Gathers are pushed through what they read: what nobody reads is not computed.

``f(x)[places]`` is ``f(x[places])`` where `f` goes element by element, or folds other
axes.  A value of which gathers alone read, and fewer elements than it has, is computed
at their places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from wengert.lower.graph import Graph, Node, reached

#: What is computed at places as it is everywhere.
PUSHED = frozenset({"map", "reduce", "product", "view"})
#: How many elements a value must have for each that is read: a place costs more to
#: read at than the next one.
LEAST_SPARED = 2
NOWHERE: frozenset[int] = frozenset()


class Places(NamedTuple):
    """Where a gather reads: along which axes, and the nodes that say the places."""

    axes: tuple[int, ...]
    nodes: tuple[Node, ...]

    @property
    def over(self) -> frozenset[int]:
        """The axes of the places."""
        return NOWHERE.union(*(node.axes for node in self.nodes))


def pushed(graph: Graph, roots: Iterable[Node]) -> Callable[[Node], Node]:
    """Return what gives a root with gathers pushed through what they read."""
    roots = list(roots)
    live = reached(roots)
    if not any(node.kind == "gather" for node in live.values()):
        return lambda node: node
    made = Pushed(graph, live, roots)
    return lambda node: made.whole[node.number]


class Pushed:
    """The nodes of a graph, with gathers pushed through what they read.

    Parameters
    ----------
    graph : Graph
    live : dict
        The nodes that count, by number.
    roots : list of Node
        Those of them of which all is read.
    """

    def __init__(self, graph: Graph, live: dict[int, Node], roots: list[Node]) -> None:
        self.graph = graph
        #: By node, the places at which it is read; None for all of it.
        self.reads: dict[int, set[Places | None]] = {number: set() for number in live}
        for node in roots:
            self.reads[node.number].add(None)
        #: Nodes that are computed at places alone.
        self.moved: set[int] = set()
        for node in reversed(live.values()):
            self.note(node)
        self.whole: dict[int, Node] = {}
        self.parts: dict[tuple[int, Places], Node] = {}
        for node in live.values():
            if node.kind == "gather":
                self.whole[node.number] = self.gathered(node)
            elif node.number not in self.moved:
                operands = [self.whole[x.number] for x in node.operands]
                self.whole[node.number] = again(self.graph, node, operands)

    def note(self, node: Node) -> None:
        """Note where the operands of a node are read, by which all is known of it."""
        reads: set[Places | None] = {None}
        operands = node.operands
        if node.kind == "gather":
            self.reads[operands[0].number].add(places_of(node))
            operands = operands[1:]
        elif self.is_moved(node):
            self.moved.add(node.number)
            reads = self.reads[node.number]
        for operand in operands:
            self.reads[operand.number] |= {read_at(operand, at) for at in reads}

    def is_moved(self, node: Node) -> bool:
        """Whether a node is computed where gathers read it, and nowhere else."""
        if node.kind not in PUSHED:
            return False
        total = 0
        for places in self.reads[node.number]:
            if places is None or not may_read(node, places):
                return False
            axes = node.axes.difference(places.axes) | places.over
            total += self.graph.count(axes)
        return LEAST_SPARED * total <= self.graph.count(node.axes)

    def gathered(self, gather: Node) -> Node:
        """Return what a gather reads."""
        places, found = places_of(gather), dict[int, Node]()
        todo = [gather.operands[0]]
        while todo:
            node = todo.pop()
            is_new = (
                node.number not in found and (node.number, places) not in self.parts
            )
            if is_new and node.number in self.moved and read_at(node, places):
                found[node.number] = node
                todo += node.operands
        for number, node in sorted(found.items()):
            operands = [self.part(x, places) for x in node.operands]
            self.parts[number, places] = again(self.graph, node, operands)
        return self.part(gather.operands[0], places)

    def part(self, node: Node, places: Places) -> Node:
        """Return what is read of a node at places; where it is moved it is there."""
        if read_at(node, places) is None:
            return self.whole[node.number]
        key = node.number, places
        if key not in self.parts:
            nodes = [self.whole[x.number] for x in places.nodes]
            chosen = dict(zip(places.axes, nodes, strict=True))
            self.parts[key] = self.graph.gather(self.whole[node.number], chosen)
        return self.parts[key]


def again(graph: Graph, node: Node, operands: Sequence[Node]) -> Node:
    """Return the same node of operands that may be others."""
    if all(x is y for x, y in zip(operands, node.operands, strict=True)):
        return node
    graph.lines = node.lines
    if node.kind == "map":
        return graph.map(node.data, operands, node.type)
    if node.kind == "view":
        return graph.view(operands[0], dict(node.data))
    if node.kind in ("reduce", "product"):
        step, axes = node.data
        x = operands[0]
        if node.kind == "product":
            x = graph.map("x * y", operands, node.type)
        return graph.reduce(step, x, axes)
    return graph.make(node.kind, node.data, operands, node.axes, node.type)


def places_of(gather: Node) -> Places:
    """Return where a gather reads."""
    return Places(gather.data, gather.operands[1:])


def read_at(node: Node, places: Places | None) -> Places | None:
    """Return where a node is read by what is read at places; None for all of it."""
    is_part = places is not None and not node.axes.isdisjoint(places.axes)
    return places if is_part else None


def may_read(node: Node, places: Places) -> bool:
    """Whether a node's operands can be read at places in its stead."""
    new = places.over.difference(places.axes)
    return is_beside(node, places) and all(
        new.isdisjoint(x.axes) and (is_beside(x, places) or not read_at(x, places))
        for x in node.operands
    )


def is_beside(node: Node, places: Places) -> bool:
    """Whether a node has the axes of places as what it reads has them."""
    if node.kind != "view":
        return True
    moved = {to for _, place in node.data for to, _ in place.terms}
    return moved.isdisjoint(places.axes)
