"""The reverse sweep of a short tape, written out as straight-line Python.

A function that is called again records the same operations on the same operands as
before.  After a few such calls their sweep is written out, with one variable a
gradient: it does in the same order what `reverse.sweep` does on plain numbers, and asks
nothing that the structure has already answered.  Types, settings and numbers are read
when it runs, so one written sweep serves arrays of all sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy import zeros

from wengert.core.flags import depends_on
from wengert.core.operation import Operation
from wengert.core.tape import INPUT, Tape
from wengert.derive.modes import fit, widened, zeros_like_type
from wengert.ops.index import GETITEM, decode

#: Nodes up to which a sweep is written out: writing takes some 0.1 ms a node once, and
#: looking for what was written 0.1 us a node at every call.
LONGEST = 100
#: Calls before it is written: fewer would not win back the time of the writing.
PATIENCE = 10
#: What is written out: what passes its gradient on by partials or transposes, and what
#: passes none on.  Operations made at run time (custom rules, checkpoints) are not
#: among them, so that `known` keeps none of them alive.
STRAIGHT = {GETITEM}

#: ``sweep(outputs, types, settings, seed)`` returns the wanted gradients.
Sweep = Callable[[list[Any], list[Any], list[Any], Any], list[Any]]


class Structure(NamedTuple):
    """What decides which steps a sweep takes; named as in a `Tape`."""

    operations: tuple[Operation, ...]
    operands: tuple[tuple[int, ...], ...]
    wanted: tuple[int, ...]
    output: int


class Known:
    """How often a structure was swept, and its sweep once it is written."""

    __slots__ = ("calls", "sweep")

    def __init__(self) -> None:
        self.calls = 0
        self.sweep: Sweep | None = None


@lru_cache(maxsize=256)
def known(structure: tuple[Any, ...]) -> Known:
    """Return what is known of a structure's parts; the same object every time."""
    return Known()


def find_sweep(tape: Tape, output: int, wanted: Sequence[int]) -> Sweep | None:
    """Return the written sweep of a whole tape from one output, if there is one."""
    if len(tape.operations) > LONGEST:
        return None
    if not (STRAIGHT.issuperset(tape.operations) or are_straight(tape.operations)):
        return None
    parts = tuple(tape.operations), tuple(tape.operands), tuple(wanted), output
    found = known(parts)
    if found.calls <= PATIENCE:
        found.calls += 1
        structure = Structure(*parts)
        if found.calls == PATIENCE and is_straight(structure):
            found.sweep = write(structure)
    return found.sweep


def are_straight(operations: Sequence[Operation]) -> bool:
    """Whether all are written out; those stated since the last time are entered."""
    STRAIGHT.update(
        operation
        for operation in set(operations)
        if (
            operation.partials
            or operation.transposes
            or not operation.is_differentiable
        )
        and operation.is_registered
    )
    return STRAIGHT.issuperset(operations)


def is_straight(structure: Structure) -> bool:
    """Whether inputs are wanted, and no element is read at a recorded place."""
    operations, operands, wanted, _ = structure
    return all(operations[index] is INPUT for index in wanted) and all(
        operation is not GETITEM or len(inputs) == 1
        for operation, inputs in zip(operations, operands, strict=True)
    )


def write(structure: Structure) -> Sweep:
    """Return the sweep of a structure."""
    names: dict[str, Any] = {
        "multiply": np.multiply,
        "fit": fit,
        "widened": widened,
        "placed": placed,
        "added_at": added_at,
        "zeros_like": zeros_like_type,
    }
    lines = [f"def sweep(o, t, s, g{structure.output}):"]
    lines += [f"    {line}" for line in steps(structure, names)]
    source = compile("\n".join(lines), "<reverse sweep of a short tape>", "exec")
    exec(source, names)
    sweep: Sweep = names["sweep"]
    return sweep


def steps(structure: Structure, names: dict[str, Any]) -> list[str]:
    """Return the lines of a sweep; the rules that they call are put into `names`."""

    operations, operands, wanted, output = structure
    active = depends_on(structure, wanted, 0, len(operations))
    lines: list[str] = []
    #: Nodes with a gradient, and whether its buffer belongs to the sweep.
    owned = {output: False} if active[output] else {}
    for index in range(output, -1, -1):
        places = [k for k, x in enumerate(operands[index]) if active[x]]
        if index not in owned or not active[index] or not places:
            continue
        for k in places:
            lines += push(operations[index], index, k, operands[index], owned, names)
        lines.append(f"g{index} = None")
    found = [f"g{k}" if k in owned else f"zeros_like(t[{k}])" for k in wanted]
    return [*lines, f"return [{', '.join(found)}]"]


def push(
    operation: Operation,
    index: int,
    k: int,
    inputs: tuple[int, ...],
    owned: dict[int, bool],
    names: dict[str, Any],
) -> list[str]:
    """Return the lines that push the gradient of a node to its operand k."""
    to = inputs[k]
    if operation is GETITEM:
        where = f"g{index}, s[{index}]['key'], t[{to}]"
        if to not in owned:
            owned[to] = True
            return [f"g{to} = placed({where})"]
        previous = f"g{to}" if owned[to] else f"g{to}.copy()"
        owned[to] = True
        return [f"g{to} = added_at({previous}, {where})"]
    if operation.transposes:
        names[f"p{index}_{k}"] = operation.transposes[k]
        operand = (
            f"t[{to}]"
            if operation.kind == "linear"
            else ", ".join(f"t[{x}] if o[{x}] is None else o[{x}]" for x in inputs)
        )
        pulled = f"p{index}_{k}(g{index}, {operand}, **s[{index}])"
        lines = [f"c = fit({pulled}, t[{to}])"]
    else:
        partial = operation.partials[k]
        differs = f"t[{to}] is not t[{index}]"
        if type(partial) is not int:  # a rule may give another dtype
            differs += f" or c.dtype is not t[{to}].dtype"
        lines = [
            f"c = {multiplied(partial, index, k, inputs, names)}",
            f"if {differs}:",
            f"    c = fit(c, t[{to}])",
        ]
    if to not in owned:
        owned[to] = False
        return [*lines, f"g{to} = c"]
    line = f"g{to} += c" if owned[to] else f"g{to} = g{to} + c"
    owned[to] = True
    return [*lines, line]


def multiplied(
    partial: Any, index: int, k: int, inputs: tuple[int, ...], names: dict[str, Any]
) -> str:
    """Return the expression of a gradient times a partial derivative."""
    if type(partial) is int:
        return f"g{index}" if partial == 1 else f"-g{index}"
    names[f"p{index}_{k}"] = partial
    values = [f"o[{x}]" for x in inputs]
    if len(inputs) > 1:
        values = [
            f"o[{x}] if t[{x}].dtype is t[{index}].dtype "
            f"else widened(o[{x}], t[{x}], t[{index}])"
            for x in inputs
        ]
    return f"multiply(g{index}, p{index}_{k}(o[{index}], {', '.join(values)}))"


def placed(g: Any, key: Any, like: Any) -> Any:
    """Return the gradient of what elements were read of: zero but there."""
    if not like.shape:  # a number, of which all was read
        return np.sum(g)
    buffer = zeros(like.shape, like.dtype)
    buffer[decode(key, ())] = g
    return buffer


def added_at(buffer: Any, g: Any, key: Any, like: Any) -> Any:
    """Return a gradient to whose elements that were read `g` was added, in place."""
    if not like.shape:
        return buffer + np.sum(g)
    buffer[decode(key, ())] += g
    return buffer
