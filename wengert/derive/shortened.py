"""A tape before it is compiled: what stands on it twice stands there once, as a loop.

A function's own steps stay on its tape when its derivative was made of loops
(`Tape.loops`): here they are dropped, and what is read of them is read of the loops.
What is left of repetitions becomes loops.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

# By name: while recording, NumPy's own is answered.
from numpy import arange, flatnonzero, full, zeros

from wengert.core.flags import reaching
from wengert.core.repetitions import COLUMNS
from wengert.core.tape import CONSTANT, GUARD, INPUT, Steps, Tape
from wengert.derive import repeats
from wengert.derive.distinct import distinct
from wengert.derive.extract import Extract
from wengert.derive.loops import SCAN
from wengert.derive.merged import merged
from wengert.derive.roll import as_slice, is_row, rolled, stack_type
from wengert.derive.steps import Body, as_step
from wengert.ops.index import GETITEM, ITEM, Slice
from wengert.ops.join import STACK
from wengert.ops.leaving import leaving, may_leave


def shortened(tape: Tape, captured: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a tape that does the same, its loops as single nodes; and its captures.

    Parameters
    ----------
    tape : Tape
    captured : indices of nodes
        Constants whose contents are given at every replay.
    """
    if None in tape.types:
        return tape, list(captured)
    if len(tape) < repeats.LEAST_STRETCH:
        return merged(tape, captured)
    if tape.loops:
        once = Once(tape, captured)
        tape, captured = once.written(), [once.at[k] for k in captured]
    else:
        tape, captured = distinct(*needed(tape, captured))
    return merged(*rolled(tape, captured))


def needed(tape: Tape, captured: Sequence[int]) -> tuple[Tape, Sequence[int]]:
    """Return a tape without what no output is made of, where that is most of it.

    What may leave the path stays.
    """
    if 2 * sum(reaching(tape, tape.output_indices)) > len(tape):
        return tape, captured
    asks = leaving(tape)
    wanted = reaching(tape, [*tape.output_indices, *asks])
    if 2 * sum(wanted) > len(tape):
        return tape, captured
    new, at = extracted(tape, captured, wanted, asks)
    return new, [at[k] for k in captured]


def cut(tape: Tape, captured: Sequence[int]) -> tuple[Tape, dict[int, int]]:
    """Return a tape of what its outputs are made of and of what may leave the path.

    It is said, too, where each node is on it.
    """
    asks = leaving(tape)
    wanted = reaching(tape, [*tape.output_indices, *asks])
    return extracted(tape, captured, wanted, asks)


def extracted(
    tape: Tape, captured: Sequence[int], wanted: Sequence[int], asks: Sequence[int]
) -> tuple[Tape, dict[int, int]]:
    """Return a tape of the wanted nodes, some of which may leave the path."""
    made, nodes = Extract(tape, tape.input_indices), list[int]()
    for index, flag in enumerate(wanted):
        if (flag or index in captured) and index not in made.at:
            nodes.append(index)
    made.nodes(nodes)
    new = made.finished([made.at[k] for k in tape.output_indices])
    new.structure, new.title = tape.structure, tape.title
    new.keeps_guards = tape.keeps_guards
    new.leaving = [made.at[k] for k in asks if k in made.at]
    new.refillable = {made.at[k] for k in tape.refillable if k in made.at}
    for index, at in made.at.items():
        new.play.outputs[at] = tape.play.outputs[index]
    return new, made.at


class Reading(NamedTuple):
    """What is read of a loop: a position of its steps, at one step or at some."""

    loop: int
    position: int
    part: int | Slice


class Once:
    """A tape on which nothing stands twice.

    Parameters
    ----------
    tape : Tape
    captured : indices of constants that stay as they are
    """

    def __init__(self, tape: Tape, captured: Sequence[int]) -> None:
        self.tape, self.new, self.captured = tape, Tape(), frozenset(captured)
        self.at: dict[int, int] = {}
        #: What is the same further on.
        self.same: dict[int, int] = {}
        #: Which nodes stand there again; by number in what loop, at what step of it.
        self.is_dropped = zeros(len(tape), bool)
        #: What is dropped where nothing reads it.
        self.is_derived = zeros(len(tape), bool)
        self.loop, self.step, self.position = full((3, len(tape)), -1)
        self.loops: list[Steps] = []
        #: By loop and position what stacks it on the new tape.
        self.columns: dict[tuple[int, int], int] = {}
        for start, stop in tape.derivatives.items():
            self.is_derived[start:stop] = True
        for loops in tape.loops.values():
            self.same.update(loops.same)
            for steps in loops.steps:
                rows = steps.grid.rows
                self.is_dropped[rows] = True
                self.loop[rows] = len(self.loops)
                self.step[rows] = arange(len(rows))[:, None]
                self.position[rows] = arange(rows.shape[1])
                self.loops.append(steps)
        for steps in self.loops:  # what is the same in every step stands for it
            standing = [*steps.fixed.values(), *steps.columns.values()]
            self.is_dropped[standing] = self.is_derived[standing] = False
        self.is_dropped[list(self.same)] = True
        self.is_dropped[list({*tape.input_indices, *captured})] = False

    def written(self) -> Tape:
        """Return the new tape."""
        tape, new = self.tape, self.new
        for index in self.kept():
            self.place(index)
        new.input_indices = [self.at[index] for index in tape.input_indices]
        new.chosen_outputs = [self.place(index) for index in tape.output_indices]
        new.structure, new.title = tape.structure, tape.title
        return new

    def kept(self) -> Iterator[int]:
        """Give what is written whether or not a result is made of it.

        That is what may leave the path; of what was derived, what it asks.
        """
        tape = self.tape
        yield from tape.input_indices
        yield from self.captured
        loops = {steps.node: steps.grid.first for steps in self.loops}
        for index in flatnonzero(~self.is_dropped).tolist():
            if index in loops:
                asks = any(may_leave(tape, k) for k in loops[index])
            elif self.is_derived[index]:
                asks = tape.operations[index] is GUARD
            else:
                asks = may_leave(tape, index)
            if asks:
                yield index

    def place(self, index: int) -> int:
        """Return where a node is on the new tape; it is written after what it reads."""
        todo = [index]
        while todo:
            node = todo[-1]
            if node in self.at:
                todo.pop()
                continue
            needed = self.needs(node)
            missing = [k for k in needed if k not in self.at]
            if missing:
                todo += missing
                continue
            self.at[node] = self.write(node, [self.at[k] for k in needed])
            todo.pop()
        return self.at[index]

    def needs(self, index: int) -> Sequence[int]:
        """Return the nodes that a node is written of."""
        operands = self.tape.operands
        if index in self.same:
            return (self.same[index],)
        read = self.reading(index)
        if read is None:
            return () if self.is_settled(index) else operands[index]
        steps = self.loops[read.loop]
        for known in (steps.fixed, steps.columns):
            if read.position in known:
                return (known[read.position],)
        return operands[node_of(steps)]

    def reading(self, index: int) -> Reading | None:
        """Return how a node is read of a loop: of one step, or stacked of some."""
        tape, loops, nodes = self.tape, self.loop, [index]
        if tape.operations[index] is STACK and tape.settings[index]["axis"] == 0:
            nodes = list(tape.operands[index])
        loop, position = int(loops[nodes[0]]), int(self.position[nodes[0]])
        if loop < 0:
            return None
        steps = self.loops[loop]
        if position in steps.fixed:
            is_other = nodes == [index] and steps.fixed[position] != index
            return Reading(loop, position, 0) if is_other else None
        if not (position in steps.places or position in steps.columns):
            return None
        if not is_row(tape.types[nodes[0]]):
            return None
        if nodes == [index]:
            return Reading(loop, position, int(self.step[index]))
        if (loops[nodes] != loop).any() or (self.position[nodes] != position).any():
            return None
        part = as_slice(self.step[nodes]) if len(nodes) > 1 else None
        return None if part is None else Reading(loop, position, part)

    def write(self, index: int, places: list[int]) -> int:
        """Write a node of what it is made of."""
        tape = self.tape
        if index in self.same:
            return places[0]
        operation, settings = tape.operations[index], tape.settings[index]
        read = self.reading(index)
        if read is not None:
            steps = self.loops[read.loop]
            if read.position in steps.fixed:
                return places[0]
            if read.position not in steps.columns:
                places = [self.column(read.loop, read.position, places)]
            if read.part == Slice(0, steps.grid.count, 1):
                return places[0]
            operation, settings = GETITEM, {"key": (read.part,)}
        elif self.is_settled(index):
            values = [tape.settings[k]["value"] for k in tape.operands[index]]
            value = operation.function(*values, **settings)
            operation, places, settings = CONSTANT, [], {"value": value}
        is_given = operation in (CONSTANT, INPUT)
        return self.new.append(
            operation,
            tuple(places),
            settings,
            tape.types[index],
            tape.play.outputs[index] if is_given else None,
            tape.lines[index],
        )

    def column(self, loop: int, position: int, places: list[int]) -> int:
        """Return what stacks a position of a loop, of the loop's operands.

        It is another loop, until loops over the same operands become one.
        """
        known = self.columns.get((loop, position))
        if known is not None:
            return known
        steps = self.loops[loop]
        node = node_of(steps)
        body: Body = self.tape.settings[node]["body"]
        outputs = steps.step.output_indices[: body.carried]
        step = as_step(alike(steps.step), [*outputs, steps.places[position]])
        body = Body(rolled(step)[0], body.carried, body.moving)
        *carried, like = body.outputs
        of = stack_type(like, steps.grid.count)
        settings = {"body": body, "count": steps.grid.count, "reverse": False}
        line = self.tape.lines[node]
        types = (*carried, of)
        made = self.new.append(SCAN, tuple(places), settings, types, None, line)
        item = {"result": body.carried}
        found = self.new.append(ITEM, (made,), item, of, None, line)
        self.columns[loop, position] = found
        return found

    def is_settled(self, index: int) -> bool:
        """Whether a node puts constants together that stay as they are."""
        tape = self.tape
        return tape.operations[index] is STACK and all(
            tape.operations[k] is CONSTANT and k not in self.captured
            for k in tape.operands[index]
        )


def node_of(steps: Steps) -> int:
    """Return the loop that does some steps."""
    assert steps.node is not None
    return steps.node


def alike(tape: Tape) -> Tape:
    """Return another tape of the same nodes, for other outputs."""
    new = Tape()
    for name in COLUMNS:
        setattr(new, name, getattr(tape, name))
    new.input_indices = tape.input_indices
    new.play.outputs = tape.play.outputs
    return new
