"""Which nodes of a tape become part of its graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from wengert.core.flags import reaching
from wengert.core.guards import OF_MEMORY, strides_of
from wengert.core.operation import Operation
from wengert.core.tape import GUARD, Tape
from wengert.core.types import Type
from wengert.derive.loops import COUNTED
from wengert.derive.steps import Body
from wengert.derive.while_loops import WHILE
from wengert.ops.leaving import may_leave


def needed(tape: Tape) -> list[int]:
    """Return the nodes that outputs and guards need, and those that may raise."""
    wanted = reaching(
        tape,
        tape.output_indices,
        is_kept=lambda k: may_leave(tape, k) and not is_asked_before(tape, k),
    )
    return [index for index, flag in enumerate(wanted) if flag]


def asked_about(
    tape: Tape, more: Iterable[int] = (), carried: int = 0
) -> frozenset[int]:
    """Return the nodes that guards ask about, also those in loops, and their makers.

    Parameters
    ----------
    tape : Tape
    more : indices of nodes
        What guards of another tape ask about.
    carried : int
        Of a step: how many inputs are what the step before gives first.
    """
    asked = [
        operand
        for index, operation in enumerate(tape.operations)
        for operand in asked_by(tape, index, operation)
    ]
    asked += more
    pairs = list(zip(tape.input_indices, tape.output_indices, strict=False))[:carried]
    while True:
        flags = reaching(tape, asked)
        later = [end for k, end in pairs if flags[k] and not flags[end]]
        if not later:
            return frozenset(k for k, flag in enumerate(flags) if flag)
        asked += later


def asked_by(tape: Tape, index: int, operation: Operation) -> Sequence[int]:
    """Return the operands that a node asks about.

    A truth value that is given chooses as in a selection, however it was rounded.
    """
    operands, settings = tape.operands[index], tape.settings[index]
    if operation is GUARD:
        return operands
    if operation in COUNTED:
        first = len(operands) - len(settings["body"].inputs)
        return [operands[k + first] for k in sorted(asked_of(settings["body"]))]
    if operation is WHILE and not settings.get("is_close"):
        cond, body = settings["cond"], settings["body"]
        kinds = [like.dtype.kind for like in body.inputs]
        return [operands[k] for k in decided_by(cond, body) if kinds[k] != "b"]
    return ()


def laid_otherwise(tape: Tape) -> dict[int, tuple[int, ...]]:
    """Return the nodes that a guard found to lie otherwise than in C order, and how."""
    found = {}
    for index, operation in enumerate(tape.operations):
        settings = tape.settings[index]
        if operation is GUARD and settings["kind"] == "strides":
            like, strides = tape.types[index], settings["expected"]
            if strides != c_strides(like):
                found[tape.operands[index][0]] = strides
    return found


def c_strides(like: Type) -> tuple[int, ...]:
    """Return the strides of an array in C order, in bytes."""
    return strides_of(np.empty(like.shape, like.dtype))


def asked_of(body: Body, more: Iterable[int] = ()) -> set[int]:
    """Return the operands of a loop that guards in its steps ask about.

    `more` are results of the step that are asked about too.
    """
    ends = [body.tape.output_indices[k] for k in more]
    asked = asked_about(body.tape, ends, body.carried)
    return {k for k, index in enumerate(body.tape.input_indices) if index in asked}


def decided_by(cond: Body, body: Body) -> set[int]:
    """Return the operands of a loop that say how many steps there are.

    Also those that guards in its steps ask about.
    """
    found = read_by(cond.tape, cond.tape.output_indices)
    return found | asked_of(body, [k for k in found if k < body.carried])


def read_by(tape: Tape, ends: Sequence[int]) -> set[int]:
    """Return the inputs of a tape that some of its nodes are made of."""
    flags = reaching(tape, ends)
    return {n for n, k in enumerate(tape.input_indices) if flags[k]}


def is_asked_before(tape: Tape, index: int) -> bool:
    """Whether a node is a question that a replay is asked before it starts."""
    return tape.operations[index] is GUARD and tape.settings[index]["kind"] in OF_MEMORY
