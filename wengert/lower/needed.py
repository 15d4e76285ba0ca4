"""Which nodes of a tape become part of its graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from wengert.core.guards import OF_MEMORY, strides_of
from wengert.core.operation import Operation
from wengert.core.tape import GUARD, Tape, reaching
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


def asked_about(tape: Tape, more: Iterable[int] = ()) -> frozenset[int]:
    """Return the nodes that guards ask about, also those in loops, and their makers.

    `more` are nodes that guards of another tape ask about.
    """
    asked = [
        operand
        for index, operation in enumerate(tape.operations)
        for operand in asked_by(tape, index, operation)
    ]
    return frozenset(
        k for k, flag in enumerate(reaching(tape, [*asked, *more])) if flag
    )


def asked_by(tape: Tape, index: int, operation: Operation) -> Sequence[int]:
    """Return the operands that a node asks about.

    A truth value that is given chooses as in a selection, however it was rounded.
    """
    operands, settings = tape.operands[index], tape.settings[index]
    if operation is GUARD or (operation in COUNTED and asks(settings["body"].tape)):
        return operands
    if operation is WHILE:
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


def asks(tape: Tape) -> bool:
    """Whether a step asks anything, or a loop in it."""
    return any(asked_by(tape, k, node) for k, node in enumerate(tape.operations))


def decided_by(cond: Body, body: Body) -> set[int]:
    """Return the operands of a loop that say how many steps there are.

    Where the step asks anything, that may be all of them.
    """
    if asks(body.tape):
        return set(range(len(body.inputs)))
    found = read_by(cond.tape, cond.tape.output_indices)
    while True:
        ends = [k for n, k in enumerate(body.tape.output_indices) if n in found]
        more = found | read_by(body.tape, ends)
        if more == found:
            return found
        found = more


def read_by(tape: Tape, ends: Sequence[int]) -> set[int]:
    """Return the inputs of a tape that some of its nodes are made of."""
    flags = reaching(tape, ends)
    return {n for n, k in enumerate(tape.input_indices) if flags[k]}


def is_asked_before(tape: Tape, index: int) -> bool:
    """Whether a node is a question that a replay is asked before it starts."""
    return tape.operations[index] is GUARD and tape.settings[index]["kind"] in OF_MEMORY
