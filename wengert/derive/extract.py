"""What is made of the step of a loop: a part of it, and what is derived of it.

A step is played at the numbers of the first one, on a tape of its own, and the derived
nodes are appended; what is wanted of them is then copied to new tapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.capture.array import handle, plain
from wengert.capture.record import SetAside
from wengert.core.flags import depends_on, reaching
from wengert.core.operation import REGISTRY
from wengert.core.tape import CONSTANT, INPUT, NO_SETTINGS, Tape
from wengert.core.types import Type, type_of
from wengert.derive.budget import under
from wengert.derive.modes import zeros_like_type
from wengert.derive.steps import Body, as_step
from wengert.derive.tapes import continued
from wengert.ops.index import INDEX_ADD
from wengert.ops.leaving import may_leave
from wengert.ops.python import as_python

Flags = tuple[bool, ...]


class Extract:
    """A new tape of some nodes of another."""

    def __init__(self, tape: Tape, inputs: Sequence[int]) -> None:
        self.tape, self.new = tape, Tape()
        #: Nodes of the new tape, by those of the other.
        self.at: dict[int, int] = {}
        #: What nodes read at a position in place of what they read on the other tape.
        self.starts: dict[tuple[int, int], int] = {}
        for index in inputs:
            self.input(index, tape.types[index])

    def input(self, index: int | None, like: Type) -> int:
        """Append an input that stands for a node, or for none; return it."""
        made = self.new.append(INPUT, (), NO_SETTINGS, like)
        self.new.input_indices.append(made)
        if index is not None:
            self.at[index] = made
        return made

    def copy(
        self,
        targets: Sequence[int],
        is_kept: Callable[[int], bool],
        but: Sequence[int] = (),
    ) -> None:
        """Copy what targets are made of, and what is kept and may leave the path."""
        tape, flags = self.tape, bytearray(len(self.tape))
        for index in targets:
            flags[index] = 1
        for index in reversed(range(len(tape))):
            if is_kept(index) and may_leave(tape, index):
                flags[index] = 1
            if flags[index] and index not in self.at:
                for k in tape.operands[index]:
                    flags[k] = 1
        last = frozenset(but)
        self.nodes(
            [
                index
                for index in range(len(tape))
                if flags[index] and index not in self.at and index not in last
            ]
        )

    def nodes(self, nodes: Sequence[int]) -> None:
        """Copy nodes, in order."""
        if self.starts:
            for index in nodes:
                self.node(index)
            return
        self.new.append_all(self.tape, nodes, self.at)

    def node(self, index: int) -> None:
        """Copy one node."""
        tape = self.tape
        operands = tuple(
            [
                self.starts.get((index, position), self.at[k])
                for position, k in enumerate(tape.operands[index])
            ]
        )
        self.at[index] = self.new.append(
            tape.operations[index],
            operands,
            tape.settings[index],
            tape.types[index],
            None,
            tape.lines[index],
        )

    def summed(self, total: int, index: int) -> int:
        """Append the sum of a total and a node's value."""
        tape, new = self.tape, self.new
        like = new.types[total]
        added = [k for k in additions(tape, index) if k not in self.at]
        for k in reversed(added):
            operands = (total, *[self.at[j] for j in tape.operands[k][1:]])
            total = new.append(INDEX_ADD, operands, tape.settings[k], like)
        if added:
            return total
        return new.append(REGISTRY["add"], (total, self.at[index]), NO_SETTINGS, like)

    def outputs(self, targets: Sequence[int], is_kept: Callable[[int], bool]) -> Tape:
        """Return the tape of some nodes."""
        self.copy(targets, is_kept)
        return self.finished([self.at[index] for index in targets])

    def finished(self, outputs: Sequence[int]) -> Tape:
        """Return the new tape with its outputs."""
        return as_step(self.new, list(outputs))


def additions(tape: Tape, index: int) -> list[int]:
    """Return the additions at places, last first, that made a gradient of zeros."""
    found = []
    while tape.operations[index] is INDEX_ADD:
        found.append(index)
        index = tape.operands[index][0]
    is_constant = tape.operations[index] is CONSTANT
    is_zero = is_constant and not np.any(tape.settings[index]["value"])
    return found if is_zero else []


class Trimmed(NamedTuple):
    """A step without what nobody reads.

    Attributes
    ----------
    body : Body
    operands, results : list of int
        Those of the whole step that are left.
    """

    body: Body
    operands: list[int]
    results: list[int]


def trimmed(body: Body, wanted: Iterable[int]) -> Trimmed:
    """Return a step that gives the wanted results alone, and leaves where it did."""
    tape, carried = body.tape, body.carried
    left = set(wanted)
    while True:
        flags = reaching(
            tape,
            [tape.output_indices[k] for k in left],
            is_kept=lambda index: may_leave(tape, index),
        )
        read = [bool(flags[index]) for index in tape.input_indices]
        more = left | {k for k in range(carried) if read[k]}
        if more == left:
            break
        left = more
    operands = [k for k, flag in enumerate(read) if flag or (k < carried and k in left)]
    results = sorted(left)
    made = Extract(tape, [tape.input_indices[k] for k in operands])
    ends = [tape.output_indices[k] for k in results]
    step = made.outputs(ends, lambda index: True)
    rows = sum(carried <= k < carried + body.moving for k in operands)
    return Trimmed(
        Body(step, sum(k < carried for k in operands), rows), operands, results
    )


def trimmed_to_state(body: Body) -> Body:
    """Return a step that stacks nothing."""
    known: Body | None = body.derived.get("state")
    if known is None:
        made = Extract(body.tape, body.tape.input_indices)
        ends = body.tape.output_indices[: body.carried]
        step = made.outputs(ends, lambda index: True)
        known = body.derived["state"] = Body(step, body.carried, body.moving)
    return known


def active(
    body: Body, given: Sequence[bool], wanted: Sequence[bool] | None = None
) -> tuple[Flags, Flags]:
    """Return which inputs and outputs of a step a derivative passes through.

    Parameters
    ----------
    body : Body
    given : sequence of bool, one an operand
        Which of them are differentiated by.
    wanted : sequence of bool, one an output, optional
        Which of the stacked ones count.
    """
    tape, carried = body.tape, body.carried
    pairs = zip(given, body.inputs, strict=True)
    into = [flag and like.dtype.kind in "fc" for flag, like in pairs]
    while True:
        chosen = [k for k, flag in zip(tape.input_indices, into, strict=True) if flag]
        flags = depends_on(tape, chosen, 0, len(tape))
        out = [bool(flags[k]) for k in tape.output_indices]
        more = [flag or (k < carried and out[k]) for k, flag in enumerate(into)]
        if more == into:
            break
        into = more
    if wanted is not None:
        out = [flag and (k < carried or wanted[k]) for k, flag in enumerate(out)]
    return tuple(into), tuple(out)


def sample_of(
    operands: Sequence[Any], body: Body, count: int, is_back: bool
) -> list[Any]:
    """Return the plain inputs of the first step."""
    t = count - 1 if is_back else 0
    values = [plain(operand) for operand in operands]
    values[body.stacks] = [stack[t] for stack in values[body.stacks]]
    pairs = zip(values, body.is_weak, strict=True)
    return [as_python(value) if is_weak else value for value, is_weak in pairs]


def started(body: Body, sample: Sequence[Any]) -> Tape:
    """Return a tape that begins with a step, played at the sample."""
    tape = continued_at(body.tape, sample)
    tape.chosen_outputs = list(body.tape.output_indices)
    return tape


def continued_at(tape: Tape, sample: Sequence[Any]) -> Tape:
    """Return a new tape with the nodes of another, played at values of its inputs."""
    tape.play.outputs = [None] * len(tape)
    for index, value in zip(tape.input_indices, sample, strict=True):
        tape.play.outputs[index] = value
    tape.forward()
    new = continued(tape)
    tape.play.outputs = [None] * len(tape)
    tape.play.is_complete = False
    return new


def add_input(tape: Tape, like: Type) -> Any:
    """Append an input for a derivative of a value; return it recorded."""
    zero = zeros_like_type(like)
    index = tape.append(INPUT, (), NO_SETTINGS, Type(zero.shape, zero.dtype), zero)
    tape.input_indices.append(index)
    return handle(tape, index)


def derived(
    body: Body, question: Any, sample: Sequence[Any], derive: Callable[..., Any]
) -> Any:
    """Return what is derived of a step, once for operands of some types."""
    key = question, tuple(map(type_of, sample))
    known = body.derived.get(key)
    if known is None:
        with SetAside(None), under(None), np.errstate(all="ignore"):
            known = body.derived[key] = derive(body, *question[1:], sample)
    return known
