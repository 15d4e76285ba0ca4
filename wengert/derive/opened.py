"""Derivatives of loops that end by a condition, as they are compiled.

Such a derivative is derived anew for the number of steps at hand.  Compiled, it is
loops that have room for more steps, of which as many are done as there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.capture.record import record_apart
from wengert.core.forms import Map
from wengert.core.tape import CONSTANT, INPUT, Tape, reaching
from wengert.core.types import Type
from wengert.derive.budget import Plan, under
from wengert.derive.loops import PART, SCAN
from wengert.derive.roll import fill
from wengert.derive.while_loops import WHILE_DERIVATIVE, function_of
from wengert.errors import GuardError
from wengert.ops.index import ITEM
from wengert.ops.leaving import may_leave
from wengert.ops.python import as_python

#: Rows for which there is room at least; and at most, whatever was met.
LEAST_ROOM, MOST_ROOM = 64, 1 << 20
#: Rows more, so that stacks side by side do not all begin at the same place of a cache.
SHIFT = 24


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
    if WHILE_DERIVATIVE not in tape.operations:
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
                results[index] = written(new, sub, [at[k] for k in operands])
                continue
        if operation is ITEM and operands[0] in results:
            at[index] = results[operands[0]][tape.settings[index]["result"]]
            continue
        is_given = operation is CONSTANT or operation is INPUT
        at[index] = new.append(
            operation,
            tuple([at[k] for k in operands]),
            tape.settings[index],
            tape.types[index],
            tape.play.outputs[index] if is_given else None,
            tape.lines[index],
        )
    new.input_indices = [at[k] for k in tape.input_indices]
    new.chosen_outputs = [at[k] for k in tape.output_indices]
    new.structure, new.title = tape.structure, tape.title
    return new, [at[k] for k in captured]


class Opening(Plan):
    """A plan under which one step of each loop is done, and none by itself."""

    is_open = True


def derived(tape: Tape, index: int, growth: int) -> Tape | None:
    """Return a derivative as a tape of loops of the most steps; None if it is none."""
    body, modes = tape.settings[index]["body"], tape.settings[index]["modes"]
    try:
        steps, *operands = values_of(tape, tape.operands[index])
        room = room_for(int(steps), growth)
        function = function_of(body, modes, room)
        with under(Opening(None, is_trial=True)), np.errstate(all="ignore"):
            made = record_apart(lambda *given: tuple(function(*given)), operands)
    except GuardError:
        return None
    return made if are_rows(made, room) else None


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


def written(new: Tape, sub: Tape, places: Sequence[int]) -> list[int]:
    """Append a tape of loops, of so many steps as the first place says."""
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
            sub.lines[index],
        )
    return [at[k] for k in sub.output_indices]
