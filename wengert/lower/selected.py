"""Branches as what native code has: selections, and loops of one step or none.

Branches of few elements are all computed, and one is taken.  One that asks something,
may raise, calls routines or is larger is a step that is done where it is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.core.forms import Routine, Subtapes
from wengert.core.operation import REGISTRY
from wengert.core.tape import CONSTANT, INPUT, NO_SETTINGS, Tape
from wengert.core.types import Type
from wengert.derive.branches import SWITCH
from wengert.derive.loops import PART, SCAN
from wengert.derive.steps import Body, as_step
from wengert.derive.while_loops import WHILE
from wengert.ops.index import ITEM
from wengert.ops.leaving import may_leave

#: Elements that branches compute up to which computing all of them costs little.
MOST_ELEMENTS = 1 << 12
#: The settings of loops that are done once a step.
STEPS = {SCAN: ("body",), PART: ("body",), WHILE: ("body", "cond")}


def selected(tape: Tape, captured: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a tape with selections in place of small branches; and its captures."""
    if not has_switch(tape):
        return tape, list(captured)
    made = Selected(tape)
    return made.written(), [made.at[k] for k in captured]


def has_switch(tape: Tape) -> bool:
    """Whether there are branches on a tape, or in a step of its loops."""
    return SWITCH in tape.operations or any(
        has_switch(tape.settings[k][part].tape)
        for k, operation in enumerate(tape.operations)
        for part in STEPS.get(operation, ())
    )


class Selected:
    """A tape that is written with selections."""

    def __init__(self, tape: Tape) -> None:
        self.tape, self.new = tape, Tape()
        self.at: dict[int, int] = {}
        #: By node of branches, what is selected for each result.
        self.results: dict[int, list[int]] = {}

    def written(self) -> Tape:
        """Return the new tape."""
        tape, new = self.tape, self.new
        for index, operation in enumerate(tape.operations):
            operands = [self.at.get(k, -1) for k in tape.operands[index]]
            settings = tape.settings[index]
            if operation is SWITCH and self.fits(index):
                take = self.select if self.is_small(index) else self.steps
                self.results[index] = take(index, operands)
                continue
            if operation is ITEM and tape.operands[index][0] in self.results:
                made = self.results[tape.operands[index][0]]
                self.at[index] = made[settings["result"]]
                continue
            for part in STEPS.get(operation, ()):
                settings = {**settings, part: in_body(settings[part])}
            self.at[index] = self.node(tape, index, operands, settings)
        new.input_indices = [self.at[k] for k in tape.input_indices]
        new.chosen_outputs = [self.at[k] for k in tape.output_indices]
        new.structure, new.title = tape.structure, tape.title
        return new

    def node(
        self, tape: Tape, index: int, operands: Sequence[int], settings: Any
    ) -> int:
        """Append a node of a tape; return where it is."""
        operation = tape.operations[index]
        is_given = operation is CONSTANT or operation is INPUT
        value = tape.play.outputs[index] if is_given else None
        like, line = tape.types[index], tape.lines[index]
        return self.new.append(operation, tuple(operands), settings, like, value, line)

    def fits(self, index: int) -> bool:
        """Whether all branches read the operands as they are."""
        tape = self.tape
        given = [tape.types[k] for k in tape.operands[index][1:]]
        return all(given == body.inputs for body in tape.settings[index]["branches"])

    def is_small(self, index: int) -> bool:
        """Whether all branches may be computed, whichever is taken."""
        elements = 0
        for branch in [body.tape for body in self.tape.settings[index]["branches"]]:
            for k, operation in enumerate(branch.operations):
                is_leaf = operation is INPUT or operation is CONSTANT
                is_call = isinstance(operation.form, (Routine, Subtapes))
                if is_call and not is_leaf:
                    return False
                like = branch.types[k]
                if may_leave(branch, k) or not isinstance(like, Type):
                    return False
                elements += like.size
        return elements <= MOST_ELEMENTS

    def select(self, index: int, operands: Sequence[int]) -> list[int]:
        """Append all branches, and what is selected of their results."""
        choice, given = operands[0], operands[1:]
        branches = [body.tape for body in self.tape.settings[index]["branches"]]
        columns = [self.inlined(branch, given) for branch in branches]
        found = columns.pop()
        for place in reversed(range(len(columns))):
            flag = self.is_behind(choice, place)
            likes = [self.new.types[k] for k in columns[place]]
            found = [
                self.apply("where", (flag, later, one), like.dtype, like.shape)
                for later, one, like in zip(found, columns[place], likes, strict=True)
            ]
        return found

    def is_behind(self, choice: int, place: int) -> int:
        """Append whether a branch behind a place is chosen."""
        if self.new.types[choice].dtype.kind == "b":
            return choice
        bound = self.constant(np.int64(place))
        return self.apply("greater", (choice, bound), np.dtype(bool), ())

    def steps(self, index: int, operands: Sequence[int]) -> list[int]:
        """Append loops of one step or none, one a branch; return the results.

        What is carried are the results, and whether the step is still to be done.
        """
        choice, given = operands[0], operands[1:]
        branches = self.tape.settings[index]["branches"]
        likes = [like._replace(weak=False) for like in self.tape.types[index]]
        found = [self.constant(np.zeros(t.shape, t.dtype)[()]) for t in likes]
        behind = [self.is_behind(choice, k) for k in range(len(branches) - 1)]
        for place, body in enumerate(branches):
            flags = [*behind[place - 1 : place]]  # behind the branch before
            if place < len(behind):
                flags.append(self.truth("logical_not", behind[place]))
            flag = flags[0] if len(flags) == 1 else self.truth("logical_and", *flags)
            how = one_step(in_body(body), likes)
            types = (*likes, Type((), np.dtype(bool)), Type((), np.dtype(np.int64)))
            loop = self.append(WHILE, (*found, flag, *given), how, types)
            found = [
                self.append(ITEM, (loop,), {"result": k}, like)
                for k, like in enumerate(likes)
            ]
        return found

    def truth(self, name: str, *operands: int) -> int:
        """Append an operation on truth values."""
        return self.apply(name, operands, np.dtype(bool), ())

    def constant(self, value: Any) -> int:
        """Append a constant."""
        like = Type(np.shape(value), value.dtype)
        return self.append(CONSTANT, (), {"value": value}, like, value)

    def inlined(self, branch: Tape, given: Sequence[int]) -> list[int]:
        """Append a branch; return where its results are."""
        at = dict(zip(branch.input_indices, given, strict=True))
        for k in range(len(branch)):
            if k not in at:
                operands = [at[j] for j in branch.operands[k]]
                at[k] = self.node(branch, k, operands, branch.settings[k])
        return [at[k] for k in branch.output_indices]

    def append(self, operation: Any, *node: Any) -> int:
        """Append a node that stands on no line."""
        return self.new.append(operation, *node)

    def apply(
        self, name: str, operands: tuple[int, ...], dtype: Any, shape: tuple[int, ...]
    ) -> int:
        """Append an operation element by element; return where it is."""
        return self.append(REGISTRY[name], operands, NO_SETTINGS, Type(shape, dtype))


def one_step(branch: Body, likes: Sequence[Type]) -> dict[str, Body]:
    """Return the settings of a loop that does a branch once, if at all."""
    carried = [*likes, Type((), np.dtype(bool))]
    body, cond = Selected(branch.tape), Selected(branch.tape)
    inputs = {}
    for made in (body, cond):
        inputs[made] = [
            made.new.append(INPUT, (), NO_SETTINGS, like)
            for like in (*carried, *branch.inputs)
        ]
        made.new.input_indices = inputs[made]
    found = body.inlined(branch.tape, inputs[body][len(carried) :])
    ends = [*found, body.constant(np.bool_(False))]
    steps = as_step(body.new, ends), as_step(cond.new, [inputs[cond][len(likes)]])
    how = [Body(tape, len(carried), 0) for tape in steps]
    return {"body": how[0], "cond": how[1]}


def in_body(body: Body) -> Body:
    """Return the step of a loop with selections for its branches."""
    if not has_switch(body.tape):
        return body
    tape = selected(body.tape, ())[0]
    return Body(as_step(tape, tape.output_indices), body.carried, body.moving)
