"""A loop that a guard ends: one program, however often its step is done.

Plain Python that goes on while a condition holds is recorded as so many steps, and a
guard that ends them.  Here the guard of a step becomes the condition of a loop, and
loops over what its steps stacked do as many as there were: recordings that differ only
in how often the step is done become the same tape.  Which numbers of steps were
recorded is data: of another one nothing is known, as Python may have counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.core.operation import REGISTRY
from wengert.core.tape import CONSTANT, GUARD, INPUT, NO_SETTINGS, Tape
from wengert.core.types import Type
from wengert.derive.extract import Extract
from wengert.derive.loops import PART, SCAN
from wengert.derive.merged import contents, key_of
from wengert.derive.opened import room_for
from wengert.derive.repeats import setting_code
from wengert.derive.steps import Body, as_step
from wengert.derive.while_loops import WHILE
from wengert.ops.index import GETITEM, ITEM, Placeholder
from wengert.ops.python import as_python

TRUTH, NUMBER = Type((), np.dtype(bool)), Type((), np.dtype(np.int64))


class Ended(NamedTuple):
    """A recording whose loop does as many steps as its condition says.

    Attributes
    ----------
    tape : Tape
    captured : list of int
        The captures of the recording, then the constant that `counts` stands for.
    counts : array of bool
        Which numbers of steps were recorded.
    steps : int
        That of this recording.
    key : str
        What recordings that differ in it alone have in common.
    """

    tape: Tape
    captured: list[int]
    counts: np.ndarray
    steps: int
    key: str


class Way(NamedTuple):
    """A loop, and the guard of its step that fails after the last one."""

    loop: int
    guard: int


def ended(tape: Tape, captured: Sequence[int]) -> Ended | None:
    """Return a tape with its first loop that a guard ends; None where there is none."""
    if SCAN not in tape.operations:
        return None
    places = {
        key_of(tape, k, tape.operands[k]): k
        for k in range(len(tape))
        if k not in captured and type(tape.types[k]) is Type
    }
    for loop, operation in enumerate(tape.operations):
        if operation is SCAN:
            guard = last_guard(tape, loop, places)
            if guard is not None:
                room = room_for(tape.settings[loop]["count"], 1)
                way = Way(loop, guard)
                made = Ending(tape, captured, way, room).made()
                if made is not None:
                    made.counts[made.steps] = True
                    without = Ending(tape, captured, way, room=0).made()
                    assert without is not None
                    return made._replace(key=without.tape.fingerprint())
    return None


def last_guard(tape: Tape, loop: int, places: dict[Any, int]) -> int | None:
    """Return the guard of a step that is asked once more, and answered otherwise.

    Those before it are asked once more too, and answered as in every step.
    """
    settings, step = tape.settings[loop], tape.settings[loop]["body"].tape
    if settings["reverse"] or not settings["count"]:
        return None
    at = ends_of(tape, loop, places)
    answers: dict[int, list[Any]] = {}
    for k, operation in enumerate(tape.operations):
        if operation is GUARD and k > loop:
            how = tape.settings[k]
            answers.setdefault(tape.operands[k][0], []).append(how)
    for node, operation in enumerate(step.operations):
        if node in at or operation is INPUT:
            continue
        operands = [at.get(k) for k in step.operands[node]]
        if operation is GUARD:
            found, how = answers.get(operands[0], []), step.settings[node]  # type: ignore[arg-type]
            if how in found:
                continue
            is_asked = how["kind"] == "bool" and found == [
                {**how, "expected": not how["expected"]}
            ]
            return node if is_asked else None
        if None not in operands and type(step.types[node]) is Type:
            key = key_of(step, node, tuple(operands))  # type: ignore[arg-type]
            if key in places:
                at[node] = places[key]
    return None


def ends_of(tape: Tape, loop: int, places: dict[Any, int]) -> dict[int, int]:
    """Return the nodes that a step after the last one would read, by its inputs."""
    body: Body = tape.settings[loop]["body"]
    found, likes, is_row = {}, body.inputs, body.is_row
    for k, index in enumerate(body.tape.input_indices):
        like, operand = likes[k], tape.operands[loop][k]
        if k < body.carried:
            key: Any = ITEM, (loop,), like, setting_code(("result", k))
            place = places.get(key)
        elif is_row[k]:
            row = same_row(tape, operand)
            key = None if row is None else (CONSTANT, like, *contents(row))
            place = places.get(key)
        else:
            place = operand
        if place is not None:
            found[index] = place
    return found


def same_row(tape: Tape, index: int) -> Any:
    """Return the row of a constant whose rows are all the same; None of others."""
    if tape.operations[index] is not CONSTANT:
        return None
    rows = np.asarray(tape.settings[index]["value"])
    raw = rows.reshape(len(rows), -1).view(np.uint8).reshape(len(rows), -1)
    return rows[0] if len(rows) and (raw == raw[0]).all() else None


class NotEndedError(Exception):
    """What a loop stacked is read otherwise than a row a step."""


class Ending:
    """A tape that is written again, with a loop that its condition ends."""

    def __init__(
        self, tape: Tape, captured: Sequence[int], way: Way, room: int
    ) -> None:
        self.tape, self.captured, self.way, self.room = tape, captured, way, room
        self.count = tape.settings[way.loop]["count"]
        self.counts = np.zeros(room + 1, bool)
        self.new = Tape()
        self.at: dict[int, int] = {}
        #: What has a row a step, of the loop and of those that read its rows.
        self.rows: set[int] = set()
        self.parts: set[int] = {way.loop}
        self.steps = self.known = -1

    def made(self) -> Ended | None:
        """Return what is written; None where it cannot be."""
        tape, new = self.tape, self.new
        try:
            for index in (*tape.input_indices, *self.captured):
                self.place(index)
            for index, operation in enumerate(tape.operations):
                if operation is not CONSTANT:
                    self.place(index)
        except NotEndedError:
            return None
        if not self.rows.isdisjoint(tape.output_indices):
            return None
        new.input_indices = [self.at[k] for k in tape.input_indices]
        new.chosen_outputs = [self.place(k) for k in tape.output_indices]
        new.structure, new.title = tape.structure, tape.title
        captured = [*[self.at[k] for k in self.captured], self.known]
        return Ended(new, captured, self.counts, self.count, "")

    def place(self, index: int) -> int:
        """Return where a node is; constants are written where they are read."""
        if index not in self.at:
            self.at[index] = self.node(index)
        return self.at[index]

    def node(self, index: int) -> int:
        """Write one node."""
        tape = self.tape
        operation, operands = tape.operations[index], tape.operands[index]
        if index == self.way.loop:
            return self.loop(index)
        if operation is SCAN and (
            not self.rows.isdisjoint(operands) or self.is_as_long(index)
        ):
            return self.part(index)
        like = tape.types[index]
        if operation is ITEM and operands[0] in self.parts:
            body: Body = tape.settings[operands[0]]["body"]
            if tape.settings[index]["result"] >= body.carried:
                self.rows.add(index)
                like = like._replace(shape=(self.room, *like.shape[1:]))
        elif not self.rows.isdisjoint(operands):
            raise NotEndedError
        places = tuple([self.place(k) for k in operands])
        return self.append(operation, places, tape.settings[index], like, index)

    def append(
        self, operation: Any, places: Sequence[int], how: Any, like: Any, index: int
    ) -> int:
        """Append a node that stands where another one stood."""
        is_given = operation is CONSTANT or operation is INPUT
        value = self.tape.play.outputs[index] if is_given else None
        line = self.tape.lines[index]
        return self.new.append(operation, tuple(places), how, like, value, line)

    def constant(self, value: Any, like: Type) -> int:
        """Append a constant."""
        return self.new.append(CONSTANT, (), {"value": value}, like, value)

    def inputs(self, index: int) -> tuple[Body, list[int], list[int]]:
        """Return a step, the order of its inputs, and what they are, in that order.

        Rows that are all the same are the same in every step.
        """
        tape, body = self.tape, self.tape.settings[index]["body"]
        likes, is_row = body.inputs, body.is_row
        order: dict[int, int] = {}
        fixed: dict[int, int] = {}
        for k, node in enumerate(body.tape.input_indices):
            operand = tape.operands[index][k]
            if not is_row[k]:
                (order if k < body.carried else fixed)[node] = self.place(operand)
            elif operand in self.rows:
                order[node] = self.at[operand]
            else:
                row, like = same_row(tape, operand), likes[k]
                if row is None or operand in self.captured:
                    raise NotEndedError
                value = as_python(row) if like.weak else row[()]
                fixed[node] = self.constant(value, like)
        order.update(fixed)
        return body, list(order), list(order.values())

    def loop(self, index: int) -> int:
        """Write the loop, and ask whether its number of steps is known."""
        body, order, places = self.inputs(index)
        step, guard = body.tape, self.way.guard
        ends = step.output_indices
        made = Extract(step, order).outputs(ends, lambda k: k != guard)
        how = {
            "cond": Body(self.condition(step, order), body.carried, 0),
            "body": Body(made, body.carried, 0),
            "room": self.room,
        }
        types = (*self.types(index), NUMBER)
        found = self.append(WHILE, places, how, types, index)
        result = {"result": len(types) - 1}
        self.steps = self.append(ITEM, [found], result, NUMBER, index)
        self.known = self.constant(self.counts, Type(self.counts.shape, TRUTH.dtype))
        key = {"key": (Placeholder(0),)}
        asked = self.append(GETITEM, [self.known, self.steps], key, TRUTH, index)
        question = {"kind": "bool", "expected": True}
        self.append(GUARD, [asked], question, TRUTH, index)
        return found

    def condition(self, step: Tape, order: list[int]) -> Tape:
        """Return whether another step follows."""
        guard = self.way.guard
        made = Extract(step, order)
        made.copy([step.operands[guard][0]], lambda k: False)
        found = made.at[step.operands[guard][0]]
        if not step.settings[guard]["expected"]:
            turn = REGISTRY["logical_not"]
            found = made.new.append(turn, (found,), NO_SETTINGS, TRUTH)
        return as_step(made.new, [found])

    def is_as_long(self, index: int) -> bool:
        """Whether a loop behind it does as many steps, on what it carries alone."""
        settings = self.tape.settings[index]
        body: Body = settings["body"]
        is_alone = not body.moving and len(body.outputs) == body.carried
        return is_alone and index > self.way.loop and settings["count"] == self.count

    def part(self, index: int) -> int:
        """Write another loop over the same steps."""
        body, order, places = self.inputs(index)
        if self.tape.settings[index]["count"] != self.count:
            raise NotEndedError
        made = Extract(body.tape, order).outputs(
            body.tape.output_indices, lambda k: True
        )
        moving = sum(k in self.rows for k in self.tape.operands[index])
        how = {
            **self.tape.settings[index],
            "body": Body(made, body.carried, moving, body.again),
            "count": self.room,
        }
        self.parts.add(index)
        return self.append(PART, [self.steps, *places], how, self.types(index), index)

    def types(self, index: int) -> tuple[Type, ...]:
        """Return the types of the results of a loop with room for more steps."""
        body: Body = self.tape.settings[index]["body"]
        return tuple(
            like._replace(shape=(self.room, *like.shape)) if k >= body.carried else like
            for k, like in enumerate(body.outputs)
        )
