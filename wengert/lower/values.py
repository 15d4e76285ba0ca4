"""Values of a tape: nodes over named axes, an axis for each dimension."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from wengert.core.types import Type
from wengert.core.verify import content
from wengert.lower.graph import STARTS, Affine, Graph, Node, Step
from wengert.lower.refusal import NotLoweredError

Dims = tuple[int | None, ...]
#: Types of memory alone, and in which one their numbers are computed with.
NARROW = {
    **dict.fromkeys(("int8", "int16", "uint8", "uint16", "uint32"), "int64"),
    "uint64": "int64",
    "float16": "float32",
}
#: The types that native code has, by name.
NAMES = {
    np.dtype(name): name
    for name in ("float64", "float32", "int64", "int32", "bool", *NARROW)
}


class Value(NamedTuple):
    """A node, and the axis of each dimension."""

    node: Node
    dims: Dims


@dataclass(frozen=True, slots=True)
class Lowered:
    """A tape's graph.

    Attributes
    ----------
    outputs : list of Value
        One a result, the dimensions in the order of the result's.
    constants : list of array
    types, arguments : list of Type
        Of the results, and of the arguments: the tape's inputs, then its captures.
    guards : list of (number, Node)
        What refuses a play where it is true.
    strict : frozenset of int
        Nodes that are rounded as NumPy rounds them: those that guards ask about, or
        results that are no floats; and sums of two products.
    """

    graph: Graph
    outputs: list[Value]
    constants: list[np.ndarray]
    types: list[Type]
    arguments: list[Type]
    guards: list[tuple[int, Node]]
    strict: frozenset[int]
    #: Those of them that are asked more than whether Python would raise.
    decided: frozenset[int] = frozenset()

    def content(self) -> bytes:
        """Return the bytes that stand for it."""
        outputs = [(value.node.number, value.dims) for value in self.outputs]
        guards = [(number, node.number) for number, node in self.guards]
        types = [*map(str, self.types), *map(str, self.arguments)]
        marked = sorted(self.strict), sorted(self.decided)
        parts = self.constants, outputs, guards, types, *marked
        return self.graph.fingerprint().encode() + content(parts)

    def fingerprint(self) -> str:
        """Return a stable hash of the graph, and of what is asked of it."""
        return hashlib.sha256(self.content()).hexdigest()


def step_of(
    text: str, type_: str, starts: Mapping[str, float] = MappingProxyType(STARTS)
) -> Step:
    """Return a fold in a type."""
    start = starts[text]
    if np.isinf(start) and type_.startswith("int"):
        ends = np.iinfo(type_)
        start = ends.min if start < 0 else ends.max
    if np.isinf(start) and type_ == "bool":
        start = start > 0
    return Step(text, start)


def unrenamed(graph: Graph, value: Value) -> Value:
    """Return a value that only names axes otherwise by the names of what it reads."""
    node, dims = value
    if node.kind != "view":
        return value
    names = {to: axis for axis, place in node.data for to, _ in place.terms}
    renaming = [(axis, Affine(0, ((to, 1),))) for to, axis in names.items()]
    is_same = node.data == tuple(sorted(renaming)) and all(
        graph.extent(to) == graph.extent(axis) for to, axis in names.items()
    )
    kept = node.operands[0].axes.difference(names.values())  # a diagonal reads one
    if not is_same or not kept.isdisjoint(names):
        return value
    if not {*dims}.isdisjoint(names.values()):
        return value
    renamed = tuple([d if d is None else names.get(d, d) for d in dims])
    return Value(node.operands[0], renamed)


def checked_type(like: Any) -> Type:
    """Return the type of an array that native code has."""
    if not isinstance(like, Type) or like.dtype not in NAMES:
        raise NotLoweredError(f"values of type {like}")
    return like


def type_name(like: Any) -> str:
    """Return the name of the type of an array that native code has."""
    name = NAMES.get(like.dtype) if type(like) is Type else None
    if name is None:
        raise NotLoweredError(f"values of type {like}")
    return name


def kind_of(type_: str) -> str:
    """Return the letter of a type's kind: "f", "i" or "b"."""
    return type_[0].replace("u", "i")
