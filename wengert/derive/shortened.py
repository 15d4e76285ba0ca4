"""A tape before it is compiled: what stands on it twice stands there once, as a loop.

A function's own steps stay on its tape when its derivative was made of loops
(`Tape.loops`): here they are dropped, and what is read of them is read of the loops.
What is left of repetitions becomes loops.
"""

from __future__ import annotations

from collections.abc import Sequence

# By name: while recording, NumPy's attributes are slow to reach (`capture.answers`).
from numpy import arange, flatnonzero, full, zeros

from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.derive import repeats
from wengert.derive.merged import merged
from wengert.derive.roll import rolled
from wengert.ops.index import GETITEM
from wengert.ops.join import STACK


def shortened(tape: Tape, captured: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a tape that does the same, its loops as single nodes; and its captures.

    Parameters
    ----------
    tape : Tape
    captured : indices of nodes
        Constants whose contents are given at every replay.
    """
    if len(tape) < repeats.LEAST_STRETCH or None in tape.types:
        return tape, list(captured)
    if tape.loops:
        once = Once(tape, captured)
        tape, captured = once.written(), [once.at[k] for k in captured]
    return merged(*rolled(tape, captured))


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
        self.loop, self.step, self.position = full((3, len(tape)), -1)
        self.columns: list[dict[int, int]] = []
        for loops in tape.loops.values():
            self.same.update(loops.same)
            for rows, columns in loops.steps:
                self.is_dropped[rows] = True
                self.loop[rows] = len(self.columns)
                self.step[rows] = arange(len(rows))[:, None]
                self.position[rows] = arange(rows.shape[1])
                self.columns.append(columns)
        self.is_dropped[list(self.same)] = True
        self.is_dropped[list({*tape.input_indices, *captured})] = False

    def written(self) -> Tape:
        """Return the new tape."""
        tape, new = self.tape, self.new
        for index in flatnonzero(~self.is_dropped).tolist():
            if tape.operations[index] is not CONSTANT or index in self.captured:
                self.place(index)
        new.input_indices = [self.at[index] for index in tape.input_indices]
        new.chosen_outputs = [self.place(index) for index in tape.output_indices]
        new.structure, new.title = tape.structure, tape.title
        return new

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

    def column(self, index: int) -> int | None:
        """Return the node that has another of all steps, if one has."""
        loop = int(self.loop[index])
        if loop < 0:
            return None
        return self.columns[loop].get(int(self.position[index]))

    def needs(self, index: int) -> Sequence[int]:
        """Return the nodes that a node is written of."""
        if index in self.same:
            return (self.same[index],)
        column = self.column(index)
        if column is not None:
            return (column,)
        return () if self.is_settled(index) else self.tape.operands[index]

    def write(self, index: int, places: list[int]) -> int:
        """Write a node of what it is made of."""
        tape = self.tape
        if index in self.same:
            return places[0]
        operation, settings = tape.operations[index], tape.settings[index]
        if self.column(index) is not None:
            operation, settings = GETITEM, {"key": (int(self.step[index]),)}
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

    def is_settled(self, index: int) -> bool:
        """Whether a node puts constants together that stay as they are."""
        tape = self.tape
        return tape.operations[index] is STACK and all(
            tape.operations[k] is CONSTANT and k not in self.captured
            for k in tape.operands[index]
        )
