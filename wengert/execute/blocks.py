"""A tape of one row as a tape of a block of rows: one more axis of every array.

What a guard asks of a row becomes a number of that row, the guard that it failed, so
that the tape of a block has no guards and is loops over arrays like any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from wengert.capture.array import RecordedValue, plain, wrap
from wengert.capture.record import active_tape, lines_of, record_apart
from wengert.core.forms import Contract, Map, Move
from wengert.core.guards import OF_MEMORY, answer
from wengert.core.operation import REGISTRY, Operation, apply
from wengert.core.tape import CONSTANT, GUARD, Tape
from wengert.core.types import Type
from wengert.derive.loops import SCAN
from wengert.derive.steps import Body, as_step
from wengert.emit.refusal import NotLoweredError
from wengert.execute.batching import (
    BATCHED,
    NotBatchedError,
    Operands,
    Places,
    batch_along,
    fitting,
    narrowed,
    with_rows,
)
from wengert.execute.interpret import as_weak, needed
from wengert.ops.index import (
    GETITEM,
    INDEX_ADD,
    ITEM,
    STORE,
    Placeholder,
    Slice,
    decode,
)
from wengert.ops.products import EINSUM
from wengert.ops.python import EXACT, PYTHON, RAISES, is_weak

#: Rows of a block: of short rows, and of those that are longer than so many bytes, each
#: of which lies on a page of its own; and elements of its largest array at most.
ROWS, FEW, SHORT, ELEMENTS = 64, 16, 512, 1 << 16
WHOLE = Slice(None, None, None)


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
    """

    tape: Tape
    rows: int
    has_rows: tuple[bool, ...]
    has_guards: bool
    has_sums: bool

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
    count = rows_of(tape, mapped)
    sources = [*tape.input_indices, *captured]
    flags = [*mapped, *[False] * len(captured)]
    likes = [tape.types[index] for index in sources]
    given = [
        np.array(np.broadcast_to(value, (count, *np.shape(value))))
        if flag
        else as_weak(like, value)
        for value, like, flag in zip(row, likes, flags, strict=True)
    ]
    has_sums = any(sums)
    has_guards = False

    def function(*values: Any) -> tuple[Any, ...]:
        nonlocal has_guards
        play = BlockPlay(tape, count)
        play.run(dict(zip(sources, values, strict=False)), flags)
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
    return Block(whole, count, (*flags, *[True] * has_sums), has_guards, has_sums)


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
        rule = RULES.get(type(operation.form))
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


# One operation for all rows

Settings = dict[str, Any]


class RecordedOperands(Operands):
    """Operands of which the rules write nodes."""

    __slots__ = ()
    is_plain = False

    def call(self, operation: Operation, *given: Any, **settings: Any) -> Any:
        """Return an operation's result."""
        return apply(operation, *given, **settings)


def of_contract(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Rows are one more letter."""
    terms, output, values = with_rows(operation, operands, settings)
    if "+" in output:
        return convolved(operands, settings["mode"])
    subscripts = f"{','.join(terms)}->{output}"
    return apply(EINSUM, *values, subscripts=subscripts, optimize=False)


def convolved(operands: Operands, mode: str) -> Any:
    """Return ``np.convolve`` of all rows: windows of the longer, times the shorter."""
    x, y = (operands.repeated(k) for k in range(2))
    if x.shape[1] < y.shape[1]:
        x, y = y, x
    m = y.shape[1]
    before, after = {
        "full": (m - 1, m - 1),
        "same": (m // 2, (m - 1) // 2),
        "valid": (0, 0),
    }[mode]
    sides = [np.zeros((operands.count, k), x.dtype) for k in (before, after)]
    wide = np.concatenate([sides[0], x, sides[1]], axis=1)
    windows = sliding_window_view(wide, m, axis=1)
    products = np.multiply(windows, y[:, None, ::-1])
    if mode != "valid":  # what is beyond an end is not zero: infinity times it is none
        places = np.arange(wide.shape[1])
        inside = np.logical_and(places >= before, places < before + x.shape[1])
        products = np.where(sliding_window_view(inside, m), products, 0)
    return np.sum(products, axis=2)


def of_move(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Elements of all rows go where one row's elements go."""
    if operation is ITEM:
        return operands.values[0][settings["result"]]
    if operation is GETITEM:
        return taken(operands, settings["key"])
    if operation in (STORE, INDEX_ADD):
        return written(operation, operands, settings)
    if operation.name in ("stack", "concatenate"):
        return batch_along(operation, operands, settings)
    x, rank = operands.values[0], operands.rank(0)
    if operation.name == "broadcast_to":
        rank = len(settings["shape"])
        x = operands.aligned(0, rank)
    return apply(
        operation, x, **shifted(operation.name, settings, rank, operands.count)
    )


def shifted(name: str, settings: Settings, ndim: int, count: int) -> Settings:
    """Return the settings of a view for all rows."""
    is_shape = name == "reshape" and settings.get("order", "C") == "C"
    if is_shape or name == "broadcast_to":
        return settings | {"shape": (count, *settings["shape"])}
    if name == "transpose":
        axes = tuple([k % ndim + 1 for k in settings["axes"]])
        return {"axes": (0, *axes)}
    if name == "sliding_window_view":
        over = tuple([k % ndim + 1 for k in settings["over"]])
        return settings | {"over": over}
    if name == "diagonal":
        axes = tuple([k % ndim + 1 for k in settings["axes"]])
        return settings | {"axes": axes}
    raise NotLoweredError(f"rows of the operation {name}")


def taken(operands: Operands, key: Any) -> Any:
    """Return the elements at a key in all rows."""
    x, *indices = operands.values
    if is_alone(operands, key, 1):
        return apply(GETITEM, x, *indices, key=(WHOLE, *key))
    places = Places(operands, 1, key)
    view = places.view(x, operands.has_rows[0])
    return places.in_order(view[places.index(operands.has_rows[0])])


def is_alone(operands: Operands, key: Any, start: int) -> bool:
    """Whether a key is for each row what it is for one: it is the same for all.

    What arrays that stand apart take comes in front of the rows.
    """
    at = [k for k, part in enumerate(key) if type(part) in (Placeholder, int)]
    is_close = len(operands.values) == start or at[-1] - at[0] + 1 == len(at)
    return is_close and operands.has_rows[0] and not any(operands.has_rows[start:])


def written(operation: Operation, operands: Operands, settings: Settings) -> Any:
    """Return copies of all rows with elements replaced or added to."""
    base, chain = operands.repeated(0), settings["chain"]
    target = np.broadcast_to(0, np.shape(base))
    moved = []
    for name, given in chain:
        form, step = REGISTRY[name].form, dict(given)
        if name == "getitem":
            step = {"key": (WHOLE, *step["key"])}
        elif isinstance(form, Move):
            step = shifted(name, step, target.ndim - 1, operands.count)
        moved.append((name, tuple(step.items())))
        target = REGISTRY[name].function(target, **step)
    flags = [True, *operands.has_rows[1:]]
    if is_alone(Operands(operands.values, flags, 0), settings["key"], 2):
        key = (WHOLE, *settings["key"])
        ndim = target[decode(key, tuple(map(plain, operands.values[2:])))].ndim
        value = fitting(operands, 1, ndim - 1)
        found = base, value, *operands.values[2:]
        return apply(operation, *found, chain=tuple(moved), key=key)
    new = target = copy_of(base)
    for name, how in moved:
        target = apply(REGISTRY[name], target, **dict(how))
    places = Places(operands, 2, settings["key"])
    view, index = places.view(target, True), places.index(True)
    value = places.as_view(fitting(operands, 1, places.rank(view)), places.rank(view))
    if operation is INDEX_ADD:
        np.add.at(view, index, value)
    else:
        view[index] = value
    return new


def copy_of(value: Any) -> Any:
    """Return a copy that is recorded, also of what is not."""
    if isinstance(value, RecordedValue):
        return np.array(value, order="C")
    tape = active_tape()
    assert tape is not None
    value = np.array(value, order="C")
    return np.array(wrap(tape, tape.constant(value), value))


RULES = BATCHED | {Move: of_move, Contract: of_contract}
