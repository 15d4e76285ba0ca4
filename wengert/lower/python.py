"""What Python implies of its numbers: that it does not raise, and that they fit."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wengert.core.operation import REGISTRY, Operation
from wengert.core.types import Type
from wengert.lower.graph import Node, number_of
from wengert.lower.refusal import BOUNDS, NotLoweredError
from wengert.lower.values import Value
from wengert.ops.python import (
    COMPARISONS,
    MATH,
    MATH_FUNCTIONS,
    NOTHING,
    conditions,
    is_weak,
)

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering

#: What a condition on constants alone is evaluated with.
MEANINGS = {"inf": math.inf, "fabs": abs}
#: The operation that each of `math`'s functions is, for those that raise.
OPERATIONS = {
    function.__name__: name for name, function in MATH_FUNCTIONS.items() if name in MATH
} | {"pow": "pow"}


def imply(lowering: Lowering, name: str, nodes: Sequence[Node], found: Node) -> None:
    """Refuse a play in which Python would raise, or give another kind of number."""
    implied = conditions(name, [node.type[0] for node in nodes], found.type[0])
    if implied is NOTHING:
        return
    read = as_asked(lowering, name, nodes, found)
    for text in implied.holds:
        require(lowering, text, read)


def as_asked(
    lowering: Lowering, name: str, nodes: Sequence[Node], found: Node
) -> list[Node]:
    """Return what `x`, `y` and `z` are in a condition: whole numbers, or floats."""
    kinds = [node.type[0] for node in nodes]
    is_whole = "f" not in kinds and name not in MATH
    read = []
    for kind, node in zip(kinds, nodes, strict=True):
        is_float = kind == "f" if name in COMPARISONS else not is_whole
        read.append(
            lowering.graph.map("x", (node,), "float64" if is_float else "int64")
        )
    return [read[0], read[-1], found]


def require(lowering: Lowering, text: str, nodes: Sequence[Node]) -> None:
    """Refuse a play in which a condition does not hold; one on constants is decided."""
    used = sorted("xyz".index(name) for name in set(re.findall(r"\b[xyz]\b", text)))
    known = {"xyz"[k]: number_of(nodes[k]) for k in used}
    is_known = None not in known.values() and "overflows" not in text
    if is_known and eval(text, MEANINGS | known):
        return
    given = nodes[: max(used, default=0) + 1]
    flag = lowering.graph.map(f"not ({text})", given, "bool")
    lowering.flags.append((BOUNDS, flag))
    lowering.implied.append(flag)


def raised(
    lowering: Lowering,
    index: int,
    operation: Operation,
    operands: list[Value],
    settings: dict[str, Any],
    like: Type,
) -> Value:
    """Return whether Python raises what it raised."""
    graph, types = lowering.graph, lowering.tape.types
    nodes = [value.node for value in operands]
    by_python = all(is_weak(types[k]) for k in lowering.tape.operands[index])
    of = settings["of"]
    if not isinstance(of, str):
        raise NotLoweredError("what the user's code raised")
    module, _, name = of.rpartition(".")
    if module == "math":
        name = OPERATIONS.get(name, "")
    known = REGISTRY.get("power" if name == "pow" else name)
    is_number = not any(value.dims for value in operands)
    kinds = [node.type[0] for node in nodes]
    text = None
    if is_number and known is not None and known.native and (module or by_python):
        text = conditions(name, kinds, "i").raises.get(settings["error"])
    if text is None or known is None or known.native is None:
        raise NotLoweredError(f"what raised {settings['error']}")
    result = graph.map(known.native, nodes, "float64")
    read = as_asked(lowering, name, nodes, result)
    return Value(graph.map(text, read, "bool"), ())
