"""A tape of one row as a tape of a block of rows: one more axis of every array.

What a guard asks of a row becomes a number of that row, the guard that it failed, so
that the tape of a block has no guards and is loops over arrays like any other.  Where a
node has no form for all rows at once, as loops have none that a condition ends, a block
is one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.capture.array import RecordedValue, plain, wrap
from wengert.capture.record import active_tape, lines_of, record_apart
from wengert.core.forms import Map
from wengert.core.guards import OF_MEMORY, answer
from wengert.core.operation import Operation, apply
from wengert.core.tape import CONSTANT, GUARD, Tape
from wengert.core.types import Type
from wengert.derive.loops import PART, SCAN
from wengert.derive.steps import Body, as_step
from wengert.derive.while_loops import WHILE
from wengert.emit.refusal import NotLoweredError
from wengert.execute.batching import (
    BATCHED,
    NotBatchedError,
    Operands,
    narrowed,
)
from wengert.execute.interpret import as_weak, needed
from wengert.ops.python import EXACT, PYTHON, RAISES, is_weak

#: Rows of a block: of short rows, and of those that are longer than so many bytes, each
#: of which lies on a page of its own; and elements of its largest array at most.
ROWS, FEW, SHORT, ELEMENTS = 64, 16, 512, 1 << 16
#: Loops that do another number of steps for every row.
BY_STEPS = frozenset({WHILE, PART})


class Block(NamedTuple):
    """A tape of a block of rows.

    Attributes
    ----------
    tape : Tape
        Its inputs are those of the row's tape and its captures, those with rows along
        a first axis, and where anything is added up over the rows, which rows count.
        Its outputs are the row's and, where it has guards, the guard that each failed.
    rows : int
    has_rows : tuple of bool, one an input
    has_guards, has_sums : bool
    is_alone : bool
        Whether it is one row, whose arrays have no more axes than the row's tape has.
    """

    tape: Tape
    rows: int
    has_rows: tuple[bool, ...]
    has_guards: bool
    has_sums: bool
    is_alone: bool = False

    @property
    def asked(self) -> tuple[int, ...]:
        """The outputs that guards decide, which are computed as NumPy computes them."""
        return (len(self.tape.output_indices) - 1,) if self.has_guards else ()

    def steps(self) -> list[int]:
        """Return by how many bytes inputs and outputs move on from block to block."""
        is_moving = [*self.has_rows, *[True] * len(self.tape.output_indices)]
        ends = [*self.tape.input_indices, *self.tape.output_indices]
        likes = [self.tape.types[index] for index in ends]
        return [
            like.size * like.dtype.itemsize if moves else 0
            for like, moves in zip(likes, is_moving, strict=True)
        ]


def block_of(
    tape: Tape,
    captured: Sequence[int],
    mapped: Sequence[bool],
    sums: Sequence[bool],
    row: Sequence[Any],
) -> Block:
    """Return the tape of a block of rows.

    Parameters
    ----------
    tape : Tape
        Of one row.
    captured : sequence of int
        Constants that are inputs.
    mapped, sums : sequence of bool
        Which inputs have rows; which outputs are added up over them.
    row : sequence
        Inputs, and contents of the captures, at which the tape is played.

    Raises
    ------
    NotLoweredError
        Where a node has no form for all rows at once.
    """
    how = tape, captured, mapped, sums, row
    try:
        return block_of_rows(*how, rows_of(tape, mapped))
    except NotLoweredError as error:
        if BY_STEPS.isdisjoint(tape.operations):
            raise
        reason = error
    try:
        return block_of_rows(*how, 1, is_alone=True)
    except NotLoweredError:
        raise reason from None


def block_of_rows(
    tape: Tape,
    captured: Sequence[int],
    mapped: Sequence[bool],
    sums: Sequence[bool],
    row: Sequence[Any],
    count: int,
    is_alone: bool = False,
) -> Block:
    """Return the tape of a block of so many rows; see `block_of`."""
    sources = [*tape.input_indices, *captured]
    flags = [*mapped, *[False] * len(captured)]
    likes = [tape.types[index] for index in sources]
    given = [
        value
        if flag and is_alone
        else np.array(np.broadcast_to(value, (count, *np.shape(value))))
        if flag
        else as_weak(like, value)
        for value, like, flag in zip(row, likes, flags, strict=True)
    ]
    has_sums = any(sums)
    has_guards = False

    def function(*values: Any) -> tuple[Any, ...]:
        nonlocal has_guards
        play = BlockPlay(tape, count)
        axes = [flag and not is_alone for flag in flags]
        play.run(dict(zip(sources, values, strict=False)), axes)
        has_guards = play.failed is not None
        counted = play.counted(values[-1]) if has_sums else None
        results = [
            play.result(index, is_sum, counted)
            for index, is_sum in zip(tape.output_indices, sums, strict=True)
        ]
        return (*results, *([play.failed] if has_guards else []))

    if has_sums:
        given.append(np.ones(count, bool))
    try:
        with np.errstate(all="ignore"):
            whole = record_apart(function, given)
    except NotLoweredError:
        raise
    except Exception as error:
        raise NotLoweredError(f"rows at once: {type(error).__name__}") from error
    has_rows = *flags, *[True] * has_sums
    return Block(whole, count, has_rows, has_guards, has_sums, is_alone)


def all_at_once(
    tape: Tape,
    operands: Sequence[Any],
    mapped: Sequence[bool],
    sums: Sequence[bool],
    count: int,
) -> tuple[Any, ...]:
    """Return the results of a tape of one row for all rows, as operations on arrays.

    Raises
    ------
    NotLoweredError
        Where a row may leave the path, or a node has no form for all rows at once.
    """
    play = BlockPlay(tape, count)
    play.run(dict(zip(tape.input_indices, operands, strict=True)), mapped)
    if play.failed is not None:
        raise NotLoweredError("rows that may leave the path")
    pairs = zip(tape.output_indices, sums, strict=True)
    return tuple([play.result(index, is_sum) for index, is_sum in pairs])


def rows_of(tape: Tape, mapped: Sequence[bool]) -> int:
    """Return how many rows a block of a tape's has: a power of two."""
    sizes = [like.size for like in tape.types if isinstance(like, Type)]
    most = max(1, ELEMENTS // max([1, *sizes]))
    given = [tape.types[index] for index in tape.input_indices]
    longest = max(
        like.size * like.dtype.itemsize
        for like, flag in zip(given, mapped, strict=True)
        if flag
    )
    return min(ROWS if longest <= SHORT else FEW, 1 << (most.bit_length() - 1))


class BlockPlay:
    """One play of a tape of a row for all rows of a block, as it is recorded."""

    def __init__(self, tape: Tape, count: int, failed: Any = None) -> None:
        self.tape, self.count = tape, count
        self.values: dict[int, Any] = {}
        self.has_rows: dict[int, bool] = {}
        #: The guard that each row has failed, by number, 0 for none.
        self.failed: Any = failed
        #: The number of every guard, where it is a step: that of the loop.
        self.mark = 0

    def run(self, given: dict[int, Any], flags: Sequence[bool]) -> None:
        """Play what is needed, from inputs of which some have rows."""
        for (index, value), flag in zip(given.items(), flags, strict=True):
            self.values[index], self.has_rows[index] = value, flag
        for index, operation in enumerate(self.tape.operations):
            if operation is CONSTANT and index not in self.values:
                self.values[index] = self.tape.settings[index]["value"]
                self.has_rows[index] = False
        with lines_of(self.tape) as at:
            for index in needed(self.tape):
                if index not in self.values:
                    at(index)
                    self.node(index)

    def node(self, index: int) -> None:
        """Play one node."""
        tape = self.tape
        operation, settings = tape.operations[index], tape.settings[index]
        operands = tape.operands[index]
        flags = [self.has_rows[k] for k in operands]
        values = [self.values[k] for k in operands]
        self.has_rows[index] = any(flags)
        if operation is GUARD:
            self.check(index, values[0], flags[0])
            self.values[index] = values[0]
        elif operation is SCAN and any(flags):
            self.values[index] = self.loop(index, values, flags)
        elif not any(flags):
            self.values[index] = found = apply(operation, *values, **settings)
            if is_weak(tape.types[index]) and operands:
                self.check_python(index, found)
        else:
            self.values[index] = self.of_rows(index, values, flags)

    def of_rows(self, index: int, values: list[Any], flags: list[bool]) -> Any:
        """Return the result of a node for all rows."""
        tape = self.tape
        operation, like = tape.operations[index], tape.types[index]
        rule = BATCHED.get(type(operation.form))
        if isinstance(operation.form, Map):
            values = narrowed(tape, index, values, flags)
        operands = RecordedOperands(values, flags, self.count)
        try:
            if rule is None or operation is RAISES:
                raise NotBatchedError
            found = rule(operation, operands, tape.settings[index])
        except NotBatchedError:
            reason = f"rows of the operation {operation.name}"
            raise NotLoweredError(reason) from None
        if is_weak(like):
            self.check_python(index, found)
        return found

    def check_python(self, index: int, found: Any) -> None:
        """Let the rows go where Python would raise, or compute with whole numbers."""
        tape = self.tape
        read = [k for k in tape.operands[index] if tape.operations[k] is not CONSTANT]
        types = [tape.types[k] for k in (*read, index)]
        name = tape.operations[index].name
        if name in ("item", "identity"):
            return
        if name not in PYTHON or name == "round":
            raise NotLoweredError(f"rows of the operation {name} of Python's")
        if types[-1].dtype.kind == "b":
            return
        if any(like.dtype.kind not in "fb" for like in types):
            raise NotLoweredError("rows of whole numbers of Python's")
        self.leave(~np.isfinite(found), index)

    # Guards

    def check(self, index: int, value: Any, has_rows: bool) -> None:
        """Note the rows whose guard answers otherwise."""
        settings = self.tape.settings[index]
        kind, expected = settings["kind"], settings["expected"]
        if kind in OF_MEMORY:
            return
        if not has_rows and kind not in ("bool", "int"):
            answer(settings, value)  # a guard of the block, which refuses all rows
            return
        if not has_rows:
            value = np.broadcast_to(value, (self.count,))
        if kind == "bool":
            leaves = (value != 0) != expected
        elif kind == "int" and abs(expected) < EXACT:
            leaves = np.trunc(value) != expected
        else:
            raise NotLoweredError(f"rows of a guard on {kind}")
        self.leave(np.reshape(leaves, (self.count,)), index)

    def leave(self, leaves: Any, index: int) -> None:
        """Note that some rows leave at a node, those that have not left before."""
        mark = np.int32(self.mark or index + 1)
        before = np.zeros(self.count, np.int32) if self.failed is None else self.failed
        self.failed = np.where((before == 0) & leaves, mark, before)

    def counted(self, exists: Any) -> Any:
        """Return which rows are added up: those that exist and stay."""
        return exists if self.failed is None else exists & (self.failed == 0)

    def result(self, index: int, is_sum: bool, counted: Any = None) -> Any:
        """Return an output for all rows, or its sum over those that are counted."""
        value, dtype = self.repeated(index), self.tape.types[index].dtype
        if is_sum and counted is not None:
            mask = np.reshape(counted, (self.count, *(1,) * (np.ndim(value) - 1)))
            value = np.where(mask, value, dtype.type(0))
        if is_sum:
            value = np.sum(value, axis=0)
        return value if value.dtype == dtype else value.astype(dtype)

    # Loops

    def loop(self, index: int, values: list[Any], flags: list[bool]) -> Any:
        """Return the results of a loop, each step done for all rows.

        Which guard a row has failed is carried like any other value.
        """
        settings = self.tape.settings[index]
        body, count, is_back = (settings[k] for k in ("body", "count", "reverse"))
        if not count:
            raise NotLoweredError("rows of a loop of no steps")
        carried, asks = body.carried, has_guards(body.tape)
        operands = Operands(values, flags, self.count)
        moving = range(body.stacks.start, body.stacks.stop)
        given = [
            operands.repeated(k)
            if k < carried
            else np.moveaxis(value, 1, 0)
            if k in moving and flags[k]
            else as_weak(body.inputs[k], value)  # as the step was recorded
            for k, value in enumerate(values)
        ]
        with_rows = [flag or k < carried for k, flag in enumerate(flags)]
        if asks:
            before = self.failed
            failed = np.zeros(self.count, np.int32) if before is None else before
            given.insert(carried, failed)

        def step(*inputs: Any) -> tuple[Any, ...]:
            play = BlockPlay(body.tape, self.count, inputs[carried] if asks else None)
            own = [*inputs[:carried], *inputs[carried + asks :]]
            play.mark = index + 1
            play.run(dict(zip(body.tape.input_indices, own, strict=True)), with_rows)
            found = [play.repeated(k) for k in body.tape.output_indices]
            return (*found[:carried], *[play.failed] * asks, *found[carried:])

        first = count - 1 if is_back else 0
        rows = range(carried + asks, carried + asks + body.moving)
        example = [plain(x[first] if k in rows else x) for k, x in enumerate(given)]
        made = record_apart(step, example)
        inner = Body(as_step(made, made.output_indices), carried + asks, body.moving)
        found = list(apply(SCAN, *given, body=inner, count=count, reverse=is_back))
        if asks:
            self.failed = found.pop(carried)
        columns = [np.moveaxis(column, 0, 1) for column in found[carried:]]
        return [*found[:carried], *columns]

    def repeated(self, index: int) -> Any:
        """Return a value for all rows."""
        value = self.values[index]
        if self.has_rows[index]:
            return value
        return np.broadcast_to(value, (self.count, *np.shape(value)))


def has_guards(tape: Tape) -> bool:
    """Whether a step asks anything, or Python might raise in it."""
    return any(
        operation is GUARD
        or (is_weak(tape.types[k]) and tape.operands[k])
        or (operation is SCAN and has_guards(tape.settings[k]["body"].tape))
        for k, operation in enumerate(tape.operations)
    )


class RecordedOperands(Operands):
    """Operands of which the rules write nodes."""

    __slots__ = ()
    is_plain = False

    def call(self, operation: Operation, *given: Any, **settings: Any) -> Any:
        """Return an operation's result."""
        return apply(operation, *given, **settings)

    def copied(self, value: Any) -> Any:
        """Return a copy that is recorded, also of what is not."""
        if isinstance(value, RecordedValue):
            return np.array(value, order="C")
        tape = active_tape()
        assert tape is not None
        value = np.array(value, order="C")
        return np.array(wrap(tape, tape.constant(value), value))
