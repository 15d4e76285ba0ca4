"""Derivatives of loops that end by a condition, as they are compiled.

Such a derivative is derived anew for the number of steps at hand.  Compiled, it is
loops that have room for more steps, of which as many are done as there are.  So are
those in the steps of other loops, and in branches.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from wengert.capture.record import record_apart
from wengert.core.flags import reaching
from wengert.core.forms import Map, Subtapes
from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.core.types import Type
from wengert.derive.branches import SWITCH
from wengert.derive.budget import Plan, under
from wengert.derive.extract import Extract, sample_of
from wengert.derive.loops import PART, SCAN
from wengert.derive.roll import fill
from wengert.derive.steps import Body
from wengert.derive.while_loops import (
    WHILE,
    WHILE_DERIVATIVE,
    few_steps,
    function_of,
    wrong_derivative,
)
from wengert.errors import GuardError
from wengert.ops.index import ITEM
from wengert.ops.leaving import may_leave
from wengert.ops.python import as_python

#: Rows for which there is room at least; and at most, whatever was met.
LEAST_ROOM, MOST_ROOM = 64, 1 << 20
#: Rows more, so that stacks side by side do not all begin at the same place of a cache.
SHIFT = 24
#: What a step may raise at numbers that do not call for it.
NOT_CALLED_FOR = GuardError, ArithmeticError, IndexError, ValueError


def opened(
    tape: Tape, captured: Sequence[int], growth: int = 1
) -> tuple[Tape, list[int]]:
    """Return a tape whose loops do as many steps as there are; and its captures.

    Parameters
    ----------
    tape : Tape
        Where a derivative cannot be such loops, it stays.
    captured : indices of nodes
    growth : int
        By what the room exceeds that for the numbers of the recording.
    """
    if not has_derivative(tape):
        return tape, list(captured)
    new, at = Tape(), dict[int, int]()
    results: dict[int, list[int]] = {}
    wanted = reaching(
        tape,
        [*tape.output_indices, *tape.input_indices, *captured],
        is_kept=lambda k: (
            tape.operations[k] is not WHILE_DERIVATIVE and may_leave(tape, k)
        ),
    )
    for index, operation in enumerate(tape.operations):
        if not wanted[index]:
            continue
        operands = tape.operands[index]
        if operation is WHILE_DERIVATIVE:
            sub = derived(tape, index, growth)
            if sub is not None:
                given = [at[k] for k in operands]
                results[index] = written(new, sub, given, tape.lines[index])
                continue
        if operation is ITEM and operands[0] in results:
            at[index] = results[operands[0]][tape.settings[index]["result"]]
            continue
        is_given = operation is CONSTANT or operation is INPUT
        at[index] = new.append(
            operation,
            tuple([at[k] for k in operands]),
            settings_opened(tape, index, growth),
            tape.types[index],
            tape.play.outputs[index] if is_given else None,
            tape.lines[index],
        )
    new.input_indices = [at[k] for k in tape.input_indices]
    new.chosen_outputs = [at[k] for k in tape.output_indices]
    new.structure, new.title = tape.structure, tape.title
    return new, [at[k] for k in captured]


def has_derivative(tape: Tape) -> bool:
    """Whether there is such a derivative on a tape, or on those of its nodes."""
    operations = tape.operations
    if WHILE_DERIVATIVE in operations:
        return True
    if not any(isinstance(x.form, Subtapes) for x in set(operations)):
        return False
    return any(has_derivative(sub) for k in range(len(tape)) for sub in subs(tape, k))


def subs(tape: Tape, index: int) -> list[Tape]:
    """Return the tapes that a node plays."""
    form = tape.operations[index].form
    own = isinstance(form, Subtapes)
    return form.tapes(tape.settings[index]) if own else []  # type: ignore[union-attr]


def settings_opened(tape: Tape, index: int, growth: int) -> dict[str, Any]:
    """Return the settings of a node whose steps, or branches, are opened."""
    how = tape.settings[index]
    if not any(map(has_derivative, subs(tape, index))):
        return how
    operation, operands = tape.operations[index], tape.operands[index]
    if operation is SCAN and how["count"]:
        order = how["count"], how["reverse"]
        sample = sample_of(values_of(tape, operands), how["body"], *order)
        return {**how, "body": body_opened(how["body"], sample, growth)}
    with few_steps():  # the numbers call for some of what follows, or for none of it
        if operation is WHILE:
            sample = values_of(tape, operands)
            return {**how, "body": body_opened(how["body"], sample, growth)}
        if operation is SWITCH:
            sample = values_of(tape, operands[1:])
            made = [body_opened(body, sample, growth) for body in how["branches"]]
            return {**how, "branches": tuple(made)}
    return how


def body_opened(body: Body, sample: Sequence[Any], growth: int) -> Body:
    """Return a step whose loops do as many steps as there are, if it can be made."""
    inputs = body.tape.input_indices
    ends = body.tape.output_indices
    tape = Extract(body.tape, inputs).outputs(ends, lambda index: True)
    for k, value in zip(tape.input_indices, sample, strict=True):
        tape.play.outputs[k] = value
    try:
        with np.errstate(all="ignore"):
            made, _ = opened(tape, (), growth)
    except NOT_CALLED_FOR:
        return body
    made.play.outputs = [None] * len(made)
    step = Body(made, body.carried, body.moving, body.again)
    step.done = body.done
    return step


class Opening(Plan):
    """A plan under which one step of each loop is done, and none by itself."""

    is_open = True


def derived(tape: Tape, index: int, growth: int) -> Tape | None:
    """Return a derivative as a tape of loops of the most steps; None if it is none."""
    body, modes = tape.settings[index]["body"], tape.settings[index]["modes"]
    if wrong_derivative(tape, index):
        return None
    try:
        steps, *operands = values_of(tape, tape.operands[index])
        room = room_for(int(steps), growth)
        function = function_of(body, modes, room)
        with nullcontext() if steps else few_steps(), np.errstate(all="ignore"):
            with under(Opening(None, is_trial=True)):
                made = record_apart(lambda *given: tuple(function(*given)), operands)
            return opened(made, (), growth)[0] if are_rows(made, room) else None
    except NOT_CALLED_FOR:
        return None


def values_of(tape: Tape, nodes: Sequence[int]) -> list[Any]:
    """Return the numbers of nodes when the tape was recorded."""
    fill(tape, nodes)
    pairs = [(tape.play.outputs[k], tape.types[k]) for k in nodes]
    return [as_python(value) if like.weak else value for value, like in pairs]


def room_for(steps: int, growth: int) -> int:
    """Return for how many steps there is room: more than were met."""
    room = LEAST_ROOM
    while room < 4 * steps:
        room *= 2
    return min(room * growth, MOST_ROOM) + SHIFT


def are_rows(tape: Tape, room: int) -> bool:
    """Whether a tape has loops of so many steps, and what they stack is read as rows.

    Only then are rows that no step wrote never read.
    """
    stacks: set[int] = set()
    for index, operation in enumerate(tape.operations):
        operands, like = tape.operands[index], tape.types[index]
        if operation is SCAN:
            settings = tape.settings[index]
            is_row = settings["body"].is_row
            if settings["count"] != room or any(
                k in stacks and not flag
                for k, flag in zip(operands, is_row, strict=True)
            ):
                return False
        elif operation is ITEM and tape.operations[operands[0]] is SCAN:
            body = tape.settings[operands[0]]["body"]
            if tape.settings[index]["result"] >= body.carried:
                stacks.add(index)
        elif not stacks.isdisjoint(operands):
            is_map = isinstance(operation.form, Map) and type(like) is Type
            if not is_map or like.shape[:1] != (room,):
                return False
            stacks.add(index)
    return SCAN in tape.operations and stacks.isdisjoint(tape.output_indices)


def written(new: Tape, sub: Tape, places: Sequence[int], line: Any) -> list[int]:
    """Append a tape of loops, of so many steps as the first place says.

    It stands where what it is made of did, wherever it was recorded.
    """
    steps, *given = places
    at = dict(zip(sub.input_indices, given, strict=True))
    wanted = reaching(sub, sub.output_indices)
    for index, operation in enumerate(sub.operations):
        if index in at or not wanted[index]:
            continue
        operands = [at[k] for k in sub.operands[index]]
        if operation is SCAN:
            operation, operands = PART, [steps, *operands]
        at[index] = new.append(
            operation,
            tuple(operands),
            sub.settings[index],
            sub.types[index],
            sub.play.outputs[index] if operation is CONSTANT else None,
            line,
        )
    return [at[k] for k in sub.output_indices]
