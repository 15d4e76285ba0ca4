"""A tape played once for all rows: one NumPy call a node.

Rows whose guards answer otherwise leave the play there; the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from wengert.core.forms import Map
from wengert.core.guards import OF_MEMORY, answer
from wengert.core.operation import REGISTRY
from wengert.core.tape import CONSTANT, GUARD, Tape
from wengert.core.types import Array, Type, is_array
from wengert.derive.loops import SCAN
from wengert.derive.steps import rows_in_order
from wengert.errors import GuardError
from wengert.execute.batching import (
    NotBatchedError,
    Operands,
    batch,
    narrowed,
    row_of,
    stacked,
    write_rows,
)
from wengert.execute.blocks import BY_STEPS
from wengert.execute.costs import ROWS_ELEMENT, ROWS_NODE, play_seconds
from wengert.execute.interpret import (
    LEAVES_PATH,
    as_weak,
    evaluate_node,
    evaluate_write,
    last_uses,
    needed,
)
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.index import IN_PLACE
from wengert.ops.python import EXACT, PYTHON, RAISES, is_weak
from wengert.structure.custom_rules import Call
from wengert.structure.nested import Rerun

MULTIPLY = REGISTRY["multiply"]
#: Elements of the largest array of a block of rows: what stays in a processor's cache.
BLOCK = 1 << 16


class Outcome(NamedTuple):
    """What a play of rows gave.

    Attributes
    ----------
    parts : one array an output, of the rows that stayed, or their sum
    failed : array of int, one a row
        0 where it stayed; otherwise minus one more than the node at which it left, so
        that it is no number of a guard in native code.
    by_rows : list of int
        The nodes that were computed row by row.
    """

    parts: list[Any]
    failed: Array
    by_rows: list[int]


class RowsPlay:
    """One play of a tape for some rows.

    Parameters
    ----------
    tape : Tape
    given : dict of int to value
        The outputs that are known: inputs, and constants read anew.
    with_rows : those of the given that have rows, along their first axis
    count : int
    nodes : those that are computed, in order (`needed`)
    last : the last uses of the outputs (`last_uses`)
    absorbs : bool
        Whether a zero absorbs what is not finite in products of the chain rule.
    """

    def __init__(
        self,
        tape: Tape,
        given: dict[int, Any],
        with_rows: Sequence[int],
        count: int,
        nodes: Sequence[int],
        last: list[int],
        absorbs: bool = True,
    ) -> None:
        self.tape, self.nodes, self.last = tape, nodes, last
        self.absorbs = absorbs
        self.outputs: list[Any] = [None] * len(tape)
        self.has_rows = bytearray(len(tape))
        self.known = set(given)
        for index, value in given.items():
            self.outputs[index] = value
        for index in with_rows:
            self.has_rows[index] = 1
        self.count = count
        self.numbers = np.arange(count)
        self.failed = np.zeros(count, np.intp)
        #: The nodes that were computed row by row.
        self.by_rows: set[int] = set()
        #: By node after which nothing reads them: the outputs with rows to let go.
        self.dead: dict[int, list[int]] = {}

    def run(self) -> None:
        """Compute all nodes."""
        tape, outputs, has_rows = self.tape, self.outputs, self.has_rows
        for index, operation in enumerate(tape.operations):
            if operation is CONSTANT and index not in self.known:
                outputs[index] = tape.settings[index]["value"]
        for index in self.nodes:
            operation = tape.operations[index]
            operands = tape.operands[index]
            flags = [has_rows[k] for k in operands]
            if not any(flags):
                try:
                    outputs[index] = self.shared(index)
                except GuardError:  # what all rows share, they leave at together
                    self.keep(np.zeros(self.count, bool), index)
                    return
                continue
            if operation is GUARD:
                self.check(index)
                if not self.count:
                    return
                continue
            has_rows[index] = 1
            outputs[index] = self.node(index, flags)
            if not self.count:
                return
            self.let_go(index)

    def shared(self, index: int) -> Any:
        """Return the output of a node that is the same for all rows."""
        tape, base = self.tape, self.tape.operands[index][:1]
        if tape.operations[index] in IN_PLACE and base[0] not in self.known:
            return evaluate_write(tape, index, self.outputs, self.last)
        return evaluate_node(tape, index, self.outputs)

    def let_go(self, index: int) -> None:
        """Drop the outputs with rows that nothing reads after a node."""
        if self.has_rows[index] and self.last[index] < len(self.tape):
            self.dead.setdefault(max(self.last[index], index), []).append(index)
        for known in self.dead.pop(index, ()):
            self.outputs[known] = None

    def node(self, index: int, flags: list[int]) -> Any:
        """Return the output of one node for all rows."""
        tape, outputs = self.tape, self.outputs
        operation, settings = tape.operations[index], tape.settings[index]
        operands = tape.operands[index]
        like = tape.types[index]
        values = [outputs[k] for k in operands]
        call = getattr(operation.function, "__self__", None)
        if isinstance(call, Call) and call.rules.takes_rows:
            return call.of_rows(values, [*map(bool, flags)], self.count, like)
        of_rows = None if call is None else function_of_rows(call)
        try:
            if of_rows is not None and not self.is_weak_row(index, flags):
                return of_rows(values, tuple(map(bool, flags)), self.count)
            if is_weak(like):
                return self.of_python(index, values, flags)
            if operation is RAISES:
                return self.one_by_one(index, flags)
            if operation is SCAN:
                return self.loop(index, flags)
            base = operands[0]
            if (
                operation in IN_PLACE
                and flags[0]
                and tape.operations[base] in IN_PLACE
                and self.last[base] == index
            ):
                given = Operands(values, flags, self.count)
                write_rows(operation, values[0], given, settings)
                outputs[base] = None
                return values[0]
            if isinstance(operation.form, Map):
                if operation is CHAIN_PRODUCT and not self.absorbs:
                    operation = MULTIPLY
                values = narrowed(tape, index, values, flags)
            return batch(operation, values, flags, settings, self.count)
        except (NotBatchedError, *LEAVES_PATH):
            return self.one_by_one(index, flags)

    def loop(self, index: int, flags: list[int]) -> tuple[Any, ...]:
        """Return the results of a loop, each step done for all rows.

        Raises
        ------
        NotBatchedError
            Where some row leaves the path in a step.
        """
        tape, settings = self.tape, self.tape.settings[index]
        body, steps, is_back = settings["body"], settings["count"], settings["reverse"]
        if not steps:
            raise NotBatchedError
        values = [self.outputs[k] for k in tape.operands[index]]
        operands = Operands(values, flags, self.count)
        own, last = steps_of(body.tape)
        ends, places = body.tape.output_indices, body.tape.input_indices
        state = [operands.repeated(k) for k in range(body.carried)]
        with_rows = [
            place for k, place in enumerate(places) if k < body.carried or flags[k]
        ]
        columns: list[list[Any]] = [[] for _ in ends[body.carried :]]
        for t in rows_in_order(steps, is_back):
            given = dict(zip(places, operands.values, strict=True))
            given.update(zip(places, state, strict=False))
            for k in range(body.stacks.start, body.stacks.stop):
                stack = operands.values[k]
                given[places[k]] = stack[:, t] if flags[k] else stack[t]
            play = RowsPlay(
                body.tape, given, with_rows, self.count, own, last, self.absorbs
            )
            play.run()
            if play.count < self.count:
                raise NotBatchedError
            given_flags = [play.has_rows[end] for end in ends]
            step = Operands(
                [play.outputs[end] for end in ends], given_flags, self.count
            )
            found = [step.repeated(k) for k in range(len(ends))]
            state = found[: body.carried]
            for column, value in zip(columns, found[body.carried :], strict=True):
                column.append(value)
        order = -1 if is_back else 1
        return *state, *[np.stack(column[::order], axis=1) for column in columns]

    def is_weak_row(self, index: int, flags: list[int]) -> bool:
        """Whether a number is Python's in a row, and would be NumPy's in an array."""
        types = [self.tape.types[k] for k in self.tape.operands[index]]
        return any(
            flag and is_weak(like) for flag, like in zip(flags, types, strict=True)
        )

    def of_python(self, index: int, values: list[Any], flags: list[int]) -> Any:
        """Return what Python computes, by NumPy where that cannot differ."""
        tape = self.tape
        operation, like = tape.operations[index], tape.types[index]
        types = [tape.types[k] for k in tape.operands[index]]
        is_map = isinstance(operation.form, Map) and operation.name in PYTHON
        floats = all(isinstance(t, Type) and t.dtype.kind == "f" for t in types)
        if is_map and floats and operation.name != "round" and like.dtype.kind in "fb":
            with np.errstate(all="ignore"):
                found = batch(
                    operation, values, flags, tape.settings[index], self.count
                )
            if found.dtype == like.dtype and np.isfinite(found).all():
                return found
        return self.one_by_one(index, flags)

    def one_by_one(self, index: int, flags: list[int]) -> Any:
        """Return the output of a node row by row; rows for which it raises leave."""
        self.by_rows.add(index)
        operands = self.tape.operands[index]
        types = [self.tape.types[k] for k in operands]
        rows, stays = [], np.ones(self.count, bool)
        for number in range(self.count):
            row = {
                k: as_weak(like, row_of(self.outputs[k], number))
                if flag
                else self.outputs[k]
                for k, flag, like in zip(operands, flags, types, strict=True)
            }
            try:
                rows.append(evaluate_node(self.tape, index, row))  # type: ignore[arg-type]
            except LEAVES_PATH:
                stays[number] = False
        self.keep(stays, index)
        return stacked(rows) if rows else None

    def check(self, index: int) -> None:
        """Let the rows go whose guard answers otherwise."""
        settings = self.tape.settings[index]
        kind, expected = settings["kind"], settings["expected"]
        if kind in OF_MEMORY:  # rows lie in C order, as the recorded one did
            return
        value = self.outputs[self.tape.operands[index][0]]
        if value.ndim == 1 and kind == "bool":
            stays = (value != 0) == expected
        elif value.ndim == 1 and kind == "int" and abs(expected) < EXACT:
            stays = np.trunc(value) == expected
        else:
            stays = np.array(
                [answers_as(settings, row, expected) for row in value], bool
            )
        self.keep(stays, index)

    def keep(self, stays: Array, index: int) -> None:
        """Go on with the rows that stay; the others left at a node."""
        if stays.all():
            return
        self.failed[self.numbers[~stays]] = -index - 1
        self.numbers = self.numbers[stays]
        self.count = len(self.numbers)
        for k, flag in enumerate(self.has_rows):
            if flag and self.outputs[k] is not None:
                self.outputs[k] = chosen(self.outputs[k], stays)

    def results(self, outputs: Sequence[int], sums: Sequence[bool]) -> list[Any]:
        """Return the results of the rows that stayed, or what they add up to."""
        found = []
        for index, is_sum in zip(outputs, sums, strict=True):
            value = self.outputs[index]
            dtype = self.tape.types[index].dtype
            if self.has_rows[index]:
                value = np.add.reduce(value, axis=0) if is_sum else value
            elif is_sum:
                value = np.multiply(value, self.count)
            else:
                value = np.broadcast_to(value, (self.count, *np.shape(value)))
            found.append(np.asarray(value, dtype))
        return found


def function_of_rows(call: Any) -> Callable[..., tuple[Any, ...]] | None:
    """Return what computes a node that holds a function for all rows; None for others.

    It takes the operands, which of them have rows, and how many rows there are.
    """
    from wengert.execute.rows import Options, Rows, RowsNode  # rows are played here

    if isinstance(call, RowsNode):
        return call.of_rows
    if not (isinstance(call, Rerun) and call.takes_rows):
        return None

    def of_checkpoint(values: Any, flags: tuple[bool, ...], count: int) -> Any:
        rows = call.of_rows.get(flags)
        if rows is None:
            made = Rows(call.name, call.run, flags, None, call.source, Options())
            rows = call.of_rows.setdefault(flags, made)
        return tuple(rows.evaluate(values)[0])

    return of_checkpoint


def answers_as(settings: Any, row: Any, expected: Any) -> bool:
    """Whether a guard's question has the expected answer for one row."""
    try:
        return bool(answer(settings, row) == expected)
    except LEAVES_PATH:
        return False


def chosen(value: Any, stays: Array) -> Any:
    """Return the rows of a value that stay."""
    if isinstance(value, tuple):
        return tuple(part[stays] for part in value)
    return value[stays]


def steps_of(tape: Tape) -> tuple[list[int], list[int]]:
    """Return the nodes that are computed, and the last of them that reads each."""
    nodes, when = needed(tape), [-1] * len(tape)
    for index in nodes:
        when[index] = index
    return nodes, last_uses(tape, when=when)


def rows_in_block(tape: Tape) -> int:
    """Return how many rows are played together."""
    return block_rows(largest(tape))


def largest(tape: Tape) -> int:
    """Return the size of the largest array on a tape."""
    types = {id(like): like for like in tape.types}.values()
    return max((like.size for like in types if isinstance(like, Type)), default=1)


def block_rows(size: int) -> int:
    """Return how many rows with arrays of this size are played together."""
    return max(1, BLOCK // max(1, size))


def rows_seconds(tape: Tape, count: int) -> float:
    """Return about what playing so many rows takes.

    Loops that a condition ends are played row by row, and most of it.
    """
    if not BY_STEPS.isdisjoint(tape.operations):
        return count * play_seconds(tape)
    types = [like for like in tape.types if isinstance(like, Type)]
    elements = sum(math.prod(like.shape) for like in types)
    blocks = -(-count // rows_in_block(tape))
    return blocks * len(tape) * ROWS_NODE + count * elements * ROWS_ELEMENT


def play_all(
    tape: Tape,
    operands: Sequence[Any],
    mapped: Sequence[bool],
    captured: Sequence[tuple[Any, int]],
    sums: Sequence[bool],
    count: int,
) -> Outcome:
    """Return the outputs of a tape for all rows, block by block.

    Parameters
    ----------
    tape : Tape
    operands : one an input, those with rows along the first axis
    mapped : which of them have rows
    captured : constants with their present contents
    sums : which outputs are added up over the rows
    count : int
        Number of rows, at least one.
    """
    size = rows_in_block(tape)
    nodes, last = steps_of(tape)
    blocks: list[list[Any]] = []
    failed, by_rows = [], set[int]()
    for start in range(0, count, size):
        stop = min(start + size, count)
        given = {index: array for array, index in captured}
        with_rows = []
        for index, value, has_rows in zip(
            tape.input_indices, operands, mapped, strict=True
        ):
            given[index] = value[start:stop] if has_rows else value
            if has_rows:
                with_rows.append(index)
        play = RowsPlay(tape, given, with_rows, stop - start, nodes, last)
        with np.errstate(all="ignore"):
            play.run()
        failed.append(play.failed)
        by_rows |= play.by_rows
        if play.count:
            blocks.append(play.results(tape.output_indices, sums))
    return Outcome(joined(blocks, sums), np.concatenate(failed), sorted(by_rows))


def joined(blocks: list[list[Any]], sums: Sequence[bool]) -> list[Any]:
    """Return the results of all blocks: one behind the other, or added up in order."""
    if len(blocks) == 1:
        return [
            part if is_array(part) and part.flags.owndata else np.array(part)
            for part in blocks[0]
        ]
    found = []
    for parts, is_sum in zip(zip(*blocks, strict=True), sums, strict=False):
        found.append(sum(parts[1:], parts[0]) if is_sum else np.concatenate(parts))
    return found
