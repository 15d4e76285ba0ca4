"""A stretch of tape as a short tape of its own, whose loops are nodes or arrays.

What the steps of a loop do not carry is done for all of them at once, as rows are: it
is operations on arrays, of which everything that follows is quick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from wengert.capture.array import is_active, place, plain, wrap, wrap_passive
from wengert.capture.python import record_python
from wengert.capture.record import (
    Segment,
    SetAside,
    lines_of,
    record_apart,
    record_onto,
)
from wengert.core.checked import CheckedTape
from wengert.core.flags import reaching
from wengert.core.forms import Routine
from wengert.core.guards import OF_MEMORY, answer
from wengert.core.operation import apply
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import Type
from wengert.derive.extract import Extract, trimmed
from wengert.derive.loops import SCAN
from wengert.derive.roll import fill
from wengert.derive.shortened import shortened
from wengert.derive.sparsity import Pattern, decide
from wengert.derive.steps import Body
from wengert.emit.refusal import NotLoweredError
from wengert.execute.blocks import BlockPlay, all_at_once, has_guards
from wengert.execute.interpret import (
    as_weak,
    evaluate_by_python,
    evaluate_or_record,
)
from wengert.execute.rows import Rows, RowsNode
from wengert.ops.index import ITEM
from wengert.ops.python import is_weak
from wengert.ops.sparse.products import PRODUCT, by_elements
from wengert.structure.nested import Rerun

#: Elements of one node of all steps up to which they are done at once.
MOST_AT_ONCE = 1 << 24


class Stretch:
    """A stretch of a tape as a function of its inputs, and of what it reads around it.

    Its guards stand on the tape already.
    """

    def __init__(self, segment: Segment, inputs: Sequence[int], outputs: Any) -> None:
        self.tape, self.start = segment.tape, segment.start
        self.tape.compute_all()
        self.stop = len(self.tape)
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        own = set(self.inputs)
        wanted = reaching(self.tape, self.outputs, self.start, known=own)
        known = [k for k, flag in enumerate(wanted) if flag and k not in own]
        self.around, self.nodes = list[int](), list[int]()
        for index in known:
            (self.around if self.is_around(index) else self.nodes).append(index)

    def is_around(self, index: int) -> bool:
        """Whether a node is an operand: it came before, or may be refilled."""
        if self.tape.operations[index] is CONSTANT:
            return index in self.tape.refillable
        return index < self.start or self.tape.operations[index] is INPUT

    def is_again(self, segment: Segment, outputs: Sequence[int]) -> bool:
        """Whether a checked recording has come to the same stretch again."""
        tape = segment.tape
        return (
            isinstance(tape, CheckedTape)
            and tape.expected.tape is self.tape
            and (segment.start, len(tape)) == (self.start, self.stop)
            and (segment.inputs, outputs) == (self.inputs, self.outputs)
        )

    def operands(self, tape: Tape) -> list[Any]:
        """Return the recorded values of the inputs, and of what is read around."""
        fill(tape, self.around)
        outputs = tape.play.outputs
        return [
            wrap(tape, index, as_weak(tape.types[index], outputs[index]))
            for index in (*self.inputs, *self.around)
        ]

    def __call__(self, *values: Any) -> list[Any]:
        """Return the outputs for values of the operands."""
        return list(play(self.extracted, *values))

    @cached_property
    def extracted(self) -> Tape:
        """The stretch as a tape of its own, with the numbers that are known."""
        tape = self.tape
        made = Extract(tape, [*self.inputs, *self.around])
        made.nodes(self.nodes)
        found = made.finished([made.at[k] for k in self.outputs])
        for index, at in made.at.items():
            found.play.outputs[at] = tape.play.outputs[index]
        return found

    def short(self) -> Tape:
        """Return the same with its loops as nodes, or as operations on arrays."""
        tape = shortened(self.extracted, ())[0]
        is_other = {SCAN, PRODUCT}.intersection(tape.operations)
        return replayed(tape, result_of) if is_other else tape

    def pattern(self, short: Tape, is_replayed: bool) -> Pattern:
        """Return what is asked for the patterns of the short tape, or of more inputs.

        `is_replayed` says whether places that data decide may be others in a replay.
        """
        decided: dict[int, Any] = {}
        if is_replayed:
            decided = dict.fromkeys(self.tape.input_indices, True)
            for index in range(self.start):
                decide(self.tape, index, {}, decided)
        if any(operation.identity is not None for operation in short.operations):
            short = replayed(short, written_out)
        count = len(self.inputs)
        own, others = short.input_indices[:count], short.input_indices[count:]
        pairs = zip(self.around, others, strict=False)
        moving = {at: decided[index] for index, at in pairs if index in decided}
        return Pattern(short, own, moving if is_replayed else None)


class OtherAnswerError(Exception):
    """A guard answers otherwise than where a tape was recorded."""


def ask_again(settings: dict[str, Any], value: Any) -> None:
    """Ask what a guard asks; of a recorded value it is a guard anew."""
    is_same = answer(settings, value) == settings["expected"]
    if not (is_same or settings["kind"] in OF_MEMORY):
        raise OtherAnswerError


Result = Callable[[Tape, int, tuple[Any, ...]], Any]


def play(tape: Tape, *values: Any, result: Result | None = None) -> tuple[Any, ...]:
    """Return what a tape gives at values of its inputs, recorded where they are.

    `result` gives that of one node: `result_of` if not given.
    """
    found = result or result_of
    known = dict(zip(tape.input_indices, values, strict=True))
    with lines_of(tape) as at:
        for index, operation in enumerate(tape.operations):
            if operation is CONSTANT:
                known[index] = tape.settings[index]["value"]
            elif index not in known:
                operands = tuple([known[k] for k in tape.operands[index]])
                at(index)
                known[index] = found(tape, index, operands)
    return tuple([known[index] for index in tape.output_indices])


def result_of(tape: Tape, index: int, operands: tuple[Any, ...]) -> Any:
    """Return the result of a node; Python's numbers are computed as Python does."""
    operation, settings = tape.operations[index], tape.settings[index]
    if operation is GUARD:
        ask_again(settings, operands[0])
        return operands[0]
    is_pythons = is_weak(tape.types[index]) and operation is not ITEM
    if is_pythons and is_active(operands):
        value = evaluate_by_python(tape, index, [plain(x) for x in operands])
        return record_python(operation, operands, value, settings)
    if operation is PRODUCT and is_active(operands):  # its rows have no form
        return by_elements(*operands, **settings)
    if operation is SCAN and settings["count"]:
        with suppress(NotLoweredError):
            return Steps(operands, **settings).results()
    return evaluate_or_record(operation, operands, settings)


class Steps:
    """The steps of a loop, done at once but for what they carry.

    What depends on nothing that is carried comes before all steps, what is made of it
    and is not carried on after them: operations on arrays, a row a step.

    Raises
    ------
    NotLoweredError
        Where the steps ask something, are too large to be kept, or have no form for
        all of them at once.
    """

    def __init__(
        self, operands: Sequence[Any], body: Body, count: int, reverse: bool
    ) -> None:
        self.body, self.tape, self.count, self.is_back = body, body.tape, count, reverse
        sizes = [like.size for like in self.tape.types if isinstance(like, Type)]
        if count * max(sizes) > MOST_AT_ONCE or has_guards(self.tape):
            raise NotLoweredError("steps that are not done at once")
        #: By node, what is known of all steps, and whether it has a row for each.
        self.known: dict[int, tuple[Any, bool]] = {}
        inputs = self.tape.input_indices
        self.carried, self.start = inputs[: body.carried], operands[: body.carried]
        for index, value, is_row in zip(inputs, operands, body.is_row, strict=True):
            if index not in self.carried:
                self.known[index] = value, is_row

    def results(self) -> tuple[Any, ...]:
        """Return what the loop gives."""
        tape, ends = self.tape, self.tape.output_indices
        depends = bytearray(len(tape))
        for index in range(len(tape)):
            own = index in self.carried
            depends[index] = own or any([depends[k] for k in tape.operands[index]])
        feeds = reaching(tape, ends[: len(self.carried)])
        for index in self.carried:
            feeds[index] = 1
        later = [k for k, flag in enumerate(depends) if flag and not feeds[k]]
        read = {j for k, flag in enumerate(depends) if flag for j in tape.operands[k]}
        self.at_once([k for k in sorted({*read, *ends}) if not depends[k]])
        read_later = {j for k in later for j in tape.operands[k]} | {*ends}
        kept = [k for k in sorted(read_later) if depends[k] and k not in later]
        final = self.in_order(kept) if self.carried else ()
        stacked = ends[len(self.carried) :]
        self.at_once(stacked)
        return (*final, *[self.rows(index) for index in stacked])

    def at_once(self, targets: Sequence[int]) -> None:
        """Compute some nodes for all steps."""
        missing = [k for k in dict.fromkeys(targets) if k not in self.known]
        self.check(missing)
        part = Extract(self.tape, list(self.known)).outputs(missing, lambda _: False)
        play = BlockPlay(part, self.count)
        values, flags = (
            zip(*self.known.values(), strict=True) if self.known else ((), ())
        )
        play.run(dict(zip(part.input_indices, values, strict=True)), flags)
        for index, at in zip(missing, part.output_indices, strict=True):
            self.known[index] = play.values[at], play.has_rows[at]

    def in_order(self, kept: Sequence[int]) -> tuple[Any, ...]:
        """Carry values from step to step; keep some nodes of all steps."""
        self.check(kept)
        moving = [k for k, (_, is_row) in self.known.items() if is_row]
        fixed = [k for k, (_, is_row) in self.known.items() if not is_row]
        count = len(self.carried)
        part = Extract(self.tape, [*self.carried, *moving, *fixed])
        ends = self.tape.output_indices[:count]
        body = Body(part.outputs([*ends, *kept], lambda _: False), count, len(moving))
        short = trimmed(body, range(len(body.outputs)))
        given = [*self.start, *[self.known[k][0] for k in (*moving, *fixed)]]
        operands = [given[k] for k in short.operands]
        how = {"body": short.body, "count": self.count, "reverse": self.is_back}
        found = apply(SCAN, *operands, **how)
        for index, column in zip(kept, found[count:], strict=True):
            self.known[index] = column, True
        return tuple(found[:count])

    def check(self, nodes: Sequence[int]) -> None:
        """Refuse nodes of several results: they are no rows."""
        if any(type(self.tape.types[k]) is tuple for k in nodes):
            raise NotLoweredError("several results of a node in all steps")

    def rows(self, index: int) -> Any:
        """Return a node's values, a row a step."""
        value, is_row = self.known[index]
        return (
            value if is_row else np.broadcast_to(value, (self.count, *np.shape(value)))
        )


def written_out(tape: Tape, index: int, operands: tuple[Any, ...]) -> Any:
    """Return the result of a node; of a function that is one, what it does.

    What such a function reads from outside is a constant there.
    """
    node = getattr(tape.operations[index].function, "__self__", None)
    if isinstance(node, Rerun) and node.repeats:
        return node.body(*operands)
    if isinstance(node, RowsNode):
        with suppress(NotLoweredError):
            return all_rows(node.rows, operands)
        if not node.rows.sums and is_active(operands):
            return in_blocks(tape, index, operands, node.rows)
    return result_of(tape, index, operands)


def in_blocks(tape: Tape, index: int, operands: tuple[Any, ...], rows: Rows) -> Any:
    """Return the results of rows that may part, each made of all of its own row."""
    likes = [tape.types[k] for k in tape.operands[index]]
    core = [
        len(like.shape) - flag for like, flag in zip(likes, rows.mapped, strict=True)
    ]
    operation = replace(tape.operations[index], form=Routine(core=tuple(core)))
    return apply(operation, *operands, **tape.settings[index])


def all_rows(rows: Rows, operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the results of a function of rows, which all go along one path."""
    pairs = list(zip(operands, rows.mapped, strict=True))
    count = next(len(operand) for operand, flag in pairs if flag)
    if not count:
        raise NotLoweredError("no rows")
    row = [plain(operand)[0] if flag else plain(operand) for operand, flag in pairs]
    tape = Tape()
    with SetAside(None):
        record_onto(tape, rows.body, row)
    sums = rows.summed(len(tape.output_indices))
    return all_at_once(tape, operands, rows.mapped, sums, count)


def replayed(tape: Tape, result: Result) -> Tape:
    """Return a tape of what a tape does, its nodes played in another way."""
    given = [as_weak(tape.types[k], tape.play.outputs[k]) for k in tape.input_indices]
    with np.errstate(all="ignore"):
        return record_apart(partial(play, tape, result=result), given)


def node_of(tape: Tape, value: Any) -> int:
    """Return the node of a value; one of its own for a plain one."""
    return place(tape, value if is_active(value) else wrap_passive(tape, value))
