"""What may be no number because a plain product of the chain rule is none."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import NamedTuple

from wengert.lower.graph import Graph, Node, reached
from wengert.lower.hiding import PLAIN_PRODUCT, hidden


class Taint(NamedTuple):
    """What may be no number because a plain product of the chain rule is none.

    Attributes
    ----------
    all : dict of int to Node
    hidden : dict of int to Node
        Those of which something makes another answer; see `hiding`.
    """

    all: dict[int, Node]
    hidden: dict[int, Node]


def taint(
    results: Sequence[Node], asked_of: Sequence[Node], arguments: set[int]
) -> Taint:
    """Return what is NaN where a plain product is.

    Arithmetic and selections hand a NaN on.  What guards ask about hides it.

    Parameters
    ----------
    results, asked_of : sequence of Node
    arguments : set of int
        Those that may be no numbers themselves.
    """
    found: dict[int, Node] = {}
    asked: dict[int, Node] = {}
    spread(reached([*results, *asked_of]).values(), arguments, found, asked)
    return Taint(found, asked)


class Tainted:
    """What may be no number, of a graph that grows: each node is looked at once."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self.found: dict[int, Node] = {}

    def among(self, nodes: Sequence[Node]) -> Container[int]:
        """Return the numbers of what may be none, some nodes and what they read."""
        new = reached(nodes, self.seen)
        spread(new.values(), set(), self.found, {})
        self.seen |= new.keys()
        return self.found


def spread(
    nodes: Iterable[Node],
    arguments: set[int],
    found: dict[int, Node],
    asked: dict[int, Node],
) -> None:
    """Note which nodes may be no numbers, in order, and of which that is asked."""
    for node in nodes:
        text = text_of(node)
        if text.startswith(PLAIN_PRODUCT):
            found[node.number] = node
        is_argument = node.kind == "leaf" and node.data[0].kind == "argument"
        if is_argument and node.data[0].number in arguments:
            found[node.number] = node
        if node.kind == "loop":  # its step has asked for what it hides
            if node.data[1] in node.data[0].taints:
                found[node.number] = node
            continue
        for place, operand in enumerate(node.operands):
            if operand.number not in found:
                continue
            named = place + (node.kind == "scan")
            hides = bool(text) and named in hidden(text, node.type)
            hides = hides or node.kind in ("sort", "call")  # not all may be read
            if hides or not node.type.startswith("float"):
                asked[operand.number] = operand
            else:
                found[node.number] = node


def text_of(node: Node) -> str:
    """Return the expression of a map, or of the steps of a scan."""
    if node.kind == "scan":
        return str(node.data[0].text)
    return node.data if node.kind == "map" else ""


def is_nan(graph: Graph, node: Node) -> Node:
    """Return whether an element is not a number."""
    return graph.map("x != x", (node,), "bool")
