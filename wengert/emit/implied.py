"""What a node implies without a node of its own: that Python does not raise.

All implied conditions of a tape are one guard at its end: a kernel whose guard fails
hands the call back, and a recording decides.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from wengert.core.operation import REGISTRY
from wengert.core.tape import Tape
from wengert.emit.lowering import Lowering
from wengert.emit.refusal import NotLoweredError
from wengert.emit.vocabulary import operand_count
from wengert.lower.python import MEANINGS, OPERATIONS
from wengert.ops.python import (
    COMPARISONS,
    MATH,
    NOTHING,
    Conditions,
    conditions,
    is_weak,
)


def imply(lowering: Lowering, name: str, parts: Any, node: int) -> None:
    """Note what the node of a number implies that Python computed."""
    kinds = [lowering.types[part][0] for part in parts]
    implied = conditions(name, kinds, lowering.types[node][0])
    if implied is not NOTHING:
        operands = condition_operands(lowering, name, parts, node)
        for native in implied.holds:
            require(lowering, native, operands)


def condition_operands(
    lowering: Lowering, name: str, parts: Any, node: int
) -> tuple[int, ...]:
    """Return what `x`, `y` and `z` are in a condition: whole numbers, or floats."""
    kinds = [lowering.types[part][0] for part in parts]
    is_whole = "f" not in kinds and name not in MATH
    nodes = []
    for kind, part in zip(kinds, parts, strict=True):
        if name in COMPARISONS:
            wanted = "float64" if kind == "f" else "int64"
        else:
            wanted = "int64" if is_whole else "float64"
        nodes.append(lowering.emit("x", (part,), wanted))
    return (nodes[0], nodes[-1], node)


def require(lowering: Lowering, native: str, operands: tuple[int, ...]) -> None:
    """Note a condition that must hold; one on constants is decided now."""
    used = operands[: operand_count(native)]
    names = set(re.findall(r"\b[xyz]\b", native))
    numbers = dict(zip("xyz", map(lowering.number, operands), strict=False))
    known = all(numbers[name] is not None for name in names)
    if known and "overflows" not in native and eval(native, MEANINGS | numbers):
        return
    lowering.implied.append(lowering.emit(native, used, "bool"))


def refuse_negative_powers(lowering: Lowering, exponents: Any, result: Any) -> None:
    """Note that NumPy raises whole numbers to no negative whole powers."""
    if not lowering.types[int(np.ravel(result)[0])].startswith("int"):
        return
    for node in dict.fromkeys(np.ravel(exponents).tolist()):
        if lowering.types[node] != "bool":
            require(lowering, "x >= 0", (node, node, node))


def guard_implied(lowering: Lowering) -> None:
    """Append the one guard of all that is implied."""
    found: int | None = None
    for node in dict.fromkeys(lowering.implied):
        if found is None:
            found = node
        else:
            found = lowering.emit("x and y", (found, node), "bool")
    if found is not None:
        lowering.guard(found, 1)


def lower_raises(lowering: Lowering, tape: Tape, index: int, parts: list[Any]) -> Any:
    """Return whether Python raises what it raised."""
    settings = tape.settings[index]
    nodes = [int(part) for part in parts if not part.shape]
    by_python = all(is_weak(tape.types[k]) for k in tape.operands[index])
    module, _, name = settings["of"].rpartition(".")
    if module == "math":
        name = OPERATIONS.get(name, "")
    known = name in REGISTRY or name == "pow"
    if len(nodes) != len(parts) or not known or not (module or by_python):
        raise NotLoweredError(f"what raised {settings['error']}")
    kinds = [lowering.types[node][0] for node in nodes]
    whole: Conditions = conditions(name, kinds, "i")
    native = whole.raises.get(settings["error"])
    if native is None:
        raise NotLoweredError(f"what raised {settings['error']}")
    form = REGISTRY["power" if name == "pow" else name].native
    if form is None or operand_count(form) != len(nodes):
        raise NotLoweredError(f"the operation {name}")
    result = lowering.emit(form, tuple(nodes), "float64")
    operands = condition_operands(lowering, name, nodes, result)
    found = lowering.emit(native, operands[: operand_count(native)], "bool")
    return np.array(found, dtype=np.int64)
