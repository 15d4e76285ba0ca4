"""Nodes that do the same become one, and loops over the same operands one loop.

The sweeps backwards and forwards each ask for columns of the same steps, and the value
was computed by a loop of its own: together they are one step that stacks them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.derive.loops import SCAN
from wengert.derive.repeats import setting_code
from wengert.derive.steps import Body, as_step
from wengert.ops.index import ITEM


def merged(tape: Tape, captured: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a tape with loops on which nothing is done twice; and its captures."""
    if SCAN not in tape.operations:
        return tape, list(captured)
    together = Together(tape, captured)
    return together.written(), [together.at[k] for k in captured]


class Writer:
    """A tape that is written node by node, each once."""

    def __init__(self) -> None:
        self.new = Tape()
        self.known: dict[Any, int] = {}

    def copy(self) -> Writer:
        """Return another that goes on from here."""
        other = Writer()
        for name in ("operations", "operands", "settings", "types", "lines"):
            getattr(other.new, name).extend(getattr(self.new, name))
        other.new.play.outputs = list(self.new.play.outputs)
        other.new.input_indices = list(self.new.input_indices)
        other.known = dict(self.known)
        return other

    def add(self, tape: Tape, index: int, places: tuple[int, ...], key: Any) -> int:
        """Return the node that does what one of a tape does; write it if it is new."""
        known = self.known.get(key)
        if known is None:
            operation = tape.operations[index]
            is_given = operation is CONSTANT or operation is INPUT
            known = self.known[key] = self.new.append(
                operation,
                places,
                tape.settings[index],
                tape.types[index],
                tape.play.outputs[index] if is_given else None,
                tape.lines[index],
            )
        return known


def key_of(tape: Tape, index: int, places: tuple[int, ...]) -> Any:
    """Return what a node is equal by, of operands at some places."""
    operation, settings = tape.operations[index], tape.settings[index]
    like = tape.types[index]
    if operation is INPUT:
        return INPUT, index
    if operation is CONSTANT:
        return CONSTANT, like, *contents(settings["value"])
    key = operation, places, like, *map(setting_code, settings.items())
    try:
        hash(key)
    except TypeError:  # the same settings are one object
        return operation, places, like, *map(id, settings.values())
    return key


def contents(value: Any) -> tuple[str, bytes]:
    """Return what numbers of one shape are equal by."""
    value = np.asarray(value)
    return value.dtype.str, value.tobytes()


class Union:
    """Steps over the same operands, as one step that gives what all of them give.

    Attributes
    ----------
    stacked : list of int
        Its nodes that are stacked.
    results : dict of int to list of int
        By loop, where each of its results is among those of the union.
    """

    def __init__(self, first: int, body: Body) -> None:
        self.first, self.body = first, body
        self.writer, self.stacked = Writer(), list[int]()
        self.results: dict[int, list[int]] = {}
        self.state: list[int] | None = None

    def takes(self, loop: int, body: Body) -> bool:
        """Take in a loop whose steps carry the same; whether they do."""
        own = self.body
        if (body.carried, body.moving) != (own.carried, own.moving):
            return False
        if body.inputs != own.inputs:  # a step of other numbers
            return False
        writer, tape, at = self.writer.copy(), body.tape, dict[int, int]()
        for place, index in enumerate(tape.input_indices):
            at[index] = writer.add(tape, index, (), (INPUT, place))
        if self.state is None:
            writer.new.input_indices = list(range(len(writer.new)))
        for index in range(len(tape)):
            if index not in at:
                places = tuple([at[k] for k in tape.operands[index]])
                key = key_of(tape, index, places)
                at[index] = writer.add(tape, index, places, key)
        outputs = [at[index] for index in tape.output_indices]
        if self.state not in (None, outputs[: body.carried]):
            return False
        self.writer, self.state = writer, outputs[: body.carried]
        self.stacked += [
            k for k in dict.fromkeys(outputs[body.carried :]) if k not in self.stacked
        ]
        places_of = {k: body.carried + n for n, k in enumerate(self.stacked)}
        rest = [places_of[k] for k in outputs[body.carried :]]
        self.results[loop] = [*range(body.carried), *rest]
        return True

    def whole(self) -> Body:
        """Return the step of all, on which loops are together too."""
        tape = self.body.tape
        if len(self.results) > 1:
            assert self.state is not None
            tape = as_step(self.writer.new, [*self.state, *self.stacked])
        return Body(merged(tape, ())[0], self.body.carried, self.body.moving)

    def places(self, loop: int) -> list[int]:
        """Return where the results of a loop are among those of all."""
        if len(self.results) == 1:
            return list(range(len(self.body.outputs)))
        return self.results[loop]


class Together:
    """A tape that is written again, each node once, loops over the same as one."""

    def __init__(self, tape: Tape, captured: Sequence[int]) -> None:
        self.tape, self.captured = tape, frozenset(captured)
        self.writer = Writer()
        self.at: dict[int, int] = {}
        #: By loop what it is part of, and the node of it.
        self.unions = self.find_unions()
        self.made: dict[int, int] = {}

    def key(self, index: int, places: tuple[int, ...]) -> Any:
        """Return what a node is equal by."""
        if index in self.captured:
            return CONSTANT, index
        return key_of(self.tape, index, places)

    def seen(self, index: int, places: Sequence[int]) -> list[Any]:
        """Return what a loop's operands are equal by: what its step sees of them.

        A step that was recorded of Python's numbers makes Python's numbers of others.
        """
        tape = self.tape
        found: list[Any] = list(places)
        for k, like in enumerate(tape.settings[index]["body"].inputs):
            operand = tape.operands[index][k]
            is_number = like.weak and tape.operations[operand] is CONSTANT
            if is_number and operand not in self.captured:
                found[k] = contents(tape.settings[operand]["value"])
        return found

    def find_unions(self) -> dict[int, Union]:
        """Return by loop the union that it is part of."""
        tape, first = self.tape, dict[Any, int]()
        like: list[int] = []
        unions: dict[int, Union] = {}
        groups: dict[Any, list[Union]] = {}
        for index, operation in enumerate(tape.operations):
            places = tuple([like[k] for k in tape.operands[index]])
            like.append(first.setdefault(self.key(index, places), index))
            if operation is not SCAN:
                continue
            settings = tape.settings[index]
            body: Body = settings["body"]
            how = *self.seen(index, places), settings["count"], settings["reverse"]
            known = groups.setdefault(how, [])
            found = next((union for union in known if union.takes(index, body)), None)
            if found is None:
                found = Union(index, body)
                found.takes(index, body)
                known.append(found)
            unions[index] = found
        return unions

    def written(self) -> Tape:
        """Return the new tape."""
        tape, new = self.tape, self.writer.new
        for index, operation in enumerate(tape.operations):
            places = tuple([self.at[k] for k in tape.operands[index]])
            if operation is SCAN:
                self.at[index] = self.loop(index, places)
            elif operation is ITEM and tape.operands[index][0] in self.unions:
                self.at[index] = self.item(index, places)
            else:
                key = self.key(index, places)
                self.at[index] = self.writer.add(tape, index, places, key)
        new.input_indices = [self.at[index] for index in tape.input_indices]
        new.chosen_outputs = [self.at[index] for index in tape.output_indices]
        new.structure, new.title = tape.structure, tape.title
        return new

    def loop(self, index: int, places: tuple[int, ...]) -> int:
        """Write a loop, where the first of its union stands."""
        tape, union = self.tape, self.unions[index]
        if union.first not in self.made:
            body = union.whole()
            settings = {**tape.settings[index], "body": body}
            count = settings["count"]
            types = tuple(
                like._replace(shape=(count, *like.shape)) if k >= body.carried else like
                for k, like in enumerate(body.outputs)
            )
            line = tape.lines[index]
            node = self.writer.new.append(SCAN, places, settings, types, None, line)
            self.made[union.first] = node
        return self.made[union.first]

    def item(self, index: int, places: tuple[int, ...]) -> int:
        """Write one result of a loop; once."""
        tape = self.tape
        loop = tape.operands[index][0]
        result = self.unions[loop].places(loop)[tape.settings[index]["result"]]
        key = ITEM, places, result
        known = self.writer.known.get(key)
        if known is None:
            settings, line = {"result": result}, tape.lines[index]
            known = self.writer.known[key] = self.writer.new.append(
                ITEM, places, settings, tape.types[index], None, line
            )
        return known
