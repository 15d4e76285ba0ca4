"""One step of a loop, as data, and how it is done many times: in order, or unrolled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import cached_property
from typing import Any

import numpy as np
from numpy import empty, zeros  # np.empty is answered while something is recorded

from wengert.capture import tree
from wengert.capture.answers.table import RECORDING
from wengert.core.forms import Subtapes
from wengert.core.operation import REGISTRY, Operation, apply
from wengert.core.tape import INPUT, NO_SETTINGS, Tape
from wengert.core.types import Type, is_array, type_of
from wengert.errors import GuardError
from wengert.ops.index import ITEM
from wengert.ops.python import as_python

#: The plan (`derive.budget`) that loops are swept by here; None where there is none.
BUDGET: ContextVar[Any] = ContextVar("wengert_budget", default=None)


def stay_closed() -> None:
    """Raise `GuardError` where a loop would have to stand for those of other lengths.

    What follows holds for its own number of steps alone.
    """
    plan = BUDGET.get()
    if plan is not None and plan.is_open:
        raise GuardError("a loop whose derivative depends on how long it is")


#: Nodes of all steps of a loop from which it is asked whether native code does them.
LONG = 50_000


def misfit(tape: Tape, operands: Sequence[int], inputs: Sequence[Type]) -> str:
    """Return which operand of a node a step cannot read; empty if it reads all."""
    for k, wanted in zip(operands, inputs, strict=True):
        like = tape.types[k]
        if like is not None and (type(like) is tuple or like.shape != wanted.shape):
            return f"an operand is {like} where {wanted} is read"
    return ""


class Body:
    """One step of a loop, as data.

    Parameters
    ----------
    tape : Tape
        Its inputs are the carried values, then the rows of this step, then what is the
        same in every step; its outputs the next carried values, then what is stacked.
    carried : int
        Number of carried values.
    moving : int
        Number of operands of which one row is read a step.
    again : bool
        Whether a sweep backwards does the step again, and keeps of it but what it
        carries.
    """

    def __init__(
        self, tape: Tape, carried: int, moving: int, again: bool = False
    ) -> None:
        self.tape, self.carried, self.moving = tape, carried, moving
        self.again = again
        #: Whether it is of a sweep, in which nobody is warned of numbers.
        self.is_swept = False
        #: Steps of the longest loop that it was played in, where numbers decide.
        self.done = 0
        self.derived: dict[Any, Any] = {}

    @cached_property
    def step(self) -> Callable[[Sequence[Any]], list[Any]]:
        """The function from the inputs' values to the outputs', guards checked."""
        return self.tape.player()

    def of_sweep(self) -> Body:
        """Return this step, as one of a sweep: native code may do it."""
        self.is_swept = True
        return self

    def natively(
        self, operands: Sequence[Any], count: int, reverse: bool
    ) -> tuple[Any, ...] | None:
        """Return what many steps give in native code; None where NumPy plays them.

        It does while what is compiled later is recorded: else gradients are the same
        to the last bit however a loop was written.
        """
        here = RECORDING.get()
        if here is None or not here.is_jitted or count * self.nodes < LONG:
            return None
        if not self.is_for(operands):
            return None
        question = "native", count, reverse
        if question not in self.derived:
            tape = loop_tape(self, count, reverse)
            self.derived[question] = tape.native_player(warns=not self.is_swept)
        player = self.derived[question]
        found = None if player is None else player(operands)
        return None if found is None else tuple(found)

    def is_for(self, operands: Sequence[Any]) -> bool:
        """Whether operands are of the dtypes that the step was recorded with."""
        pairs = zip(operands, self.inputs, strict=True)
        return all(type_of(value).dtype == like.dtype for value, like in pairs)

    @property
    def nodes(self) -> int:
        """Nodes that a step plays, at least, those of its loops in all their steps."""
        return nodes_played(self.tape)

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        return self.tape.fingerprint(), self.carried, self.moving, self.again

    @property
    def compared_by(self) -> list[Any]:
        """What must be the same where two recordings agree."""
        return list(self._key)

    @property
    def inputs(self) -> list[Type]:
        """Types of the inputs."""
        return [self.tape.types[index] for index in self.tape.input_indices]

    @property
    def outputs(self) -> list[Type]:
        """Types of the outputs."""
        return [self.tape.types[index] for index in self.tape.output_indices]

    @property
    def is_weak(self) -> list[bool]:
        """Which inputs are Python numbers."""
        return [like.weak for like in self.inputs]

    @property
    def is_row(self) -> list[bool]:
        """Of which operands one row is read a step."""
        count = len(self.tape.input_indices)
        rows = range(*self.stacks.indices(count))
        return [k in rows for k in range(count)]

    def content(self) -> bytes:
        """Return the bytes that it is equal by."""
        return repr(self._key).encode()

    @property
    def stacks(self) -> slice:
        """The operands of which one row is read a step."""
        return slice(self.carried, self.carried + self.moving)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Body) and self._key == other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<step of {len(self.tape)} nodes>"

    def __reduce__(self) -> tuple[Any, ...]:
        return Body, (self.tape, self.carried, self.moving, self.again)


def nodes_played(tape: Tape) -> int:
    """Return how many nodes a play has, those of loops in all their steps."""
    return len(tape) + int(inside(tape, nodes_played))


def has_long_loops(tape: Tape) -> bool:
    """Whether a tape has loops that native code does while they are recorded."""
    loops = [settings for settings in tape.settings if "body" in settings]
    return any(steps_of(how) * how["body"].nodes >= LONG for how in loops)


def inside(tape: Tape, amount: Callable[[Tape], float]) -> float:
    """Return what the tapes inside of a tape amount to, as often as they are played.

    Of branches it is the longest.
    """
    total = 0.0
    for operation, settings in zip(tape.operations, tape.settings, strict=True):
        if type(operation.form) is Subtapes:
            parts = [amount(part) for part in operation.form.tapes(settings)]
            is_loop = "body" in settings
            total += steps_of(settings) * sum(parts) if is_loop else max(parts)
    return total


def steps_of(settings: dict[str, Any]) -> int:
    """Return how often the step of a loop is done, as far as it is known.

    A derivative does a step and what is derived of it, which is as much again or more.
    """
    if "count" in settings:
        count: int = settings["count"]
        return count
    derived = 1 + 2 * len(settings.get("modes", ()))
    return int(settings["body"].done) * derived


def play_loop(
    *operands: Any,
    body: Body,
    count: int,
    reverse: bool,
    columns: Sequence[Any] | None = None,
) -> tuple[Any, ...]:
    """Return the carried values at the end, then what was stacked.

    Parameters
    ----------
    *operands
        The carried values at the start, stacks of `count` rows, what is fixed.
    body : Body
    count : int
        Number of steps.
    reverse : bool
        Whether the last row is the first step.
    columns : sequence of array, optional
        Where to stack, if not in new memory.
    """
    plan = BUDGET.get()
    if plan is not None and plan.is_trial and count > 1:
        return try_loop(operands, body, count, reverse)
    if plan is None and columns is None:
        done = body.natively(operands, count, reverse)
        if done is not None:
            return done
    weak = body.is_weak
    values = [as_python(v) if w else v for v, w in zip(operands, weak, strict=True)]
    state, stacks = values[: body.carried], operands[body.stacks]
    fixed = values[body.carried + body.moving :]
    if columns is None:
        columns = new_columns(body, count)
    weak_rows = weak[body.stacks]
    for t in rows_in_order(count, reverse):
        rows = [stack[t] for stack in stacks]
        if True in weak_rows:
            pairs = zip(rows, weak_rows, strict=True)
            rows = [as_python(row) if is_weak else row for row, is_weak in pairs]
        found = body.step([*state, *rows, *fixed])
        state = found[: body.carried]
        for column, value in zip(columns, found[body.carried :], strict=True):
            column[t] = value
    return *[v.copy() if is_array(v) else v for v in state], *columns


def loop_tape(body: Body, count: int, reverse: bool) -> Tape:
    """Return a tape of a loop and its results alone."""
    tape = Tape()
    for like, is_row in zip(body.inputs, body.is_row, strict=True):
        shape = (count, *like.shape) if is_row else like.shape
        index = tape.append(INPUT, (), NO_SETTINGS, like._replace(shape=shape))
        tape.input_indices.append(index)
    types = tuple(
        like._replace(shape=(count, *like.shape)) if k >= body.carried else like
        for k, like in enumerate(body.outputs)
    )
    how = {"body": body, "count": count, "reverse": reverse}
    return with_results(tape, REGISTRY["scan"], how, types)


def with_results(
    tape: Tape, operation: Operation, how: dict[str, Any], types: tuple[Type, ...]
) -> Tape:
    """Return a tape of inputs with a node of them, whose results are its outputs."""
    node = tape.append(operation, tuple(tape.input_indices), how, types)
    outputs = [
        tape.append(ITEM, (node,), {"result": k}, like) for k, like in enumerate(types)
    ]
    return as_step(tape, outputs)


def new_columns(body: Body, count: int) -> list[Any]:
    """Return memory for what a loop stacks."""
    return [empty((count, *t.shape), t.dtype) for t in body.outputs[body.carried :]]


def play_part(
    steps: Any, *operands: Any, body: Body, count: int, reverse: bool
) -> tuple[Any, ...]:
    """Return what the first steps of a loop give, in stacks that have room for more.

    Parameters
    ----------
    steps : int
        At most `count`.
    *operands, body, count, reverse : as for `play_loop`
        Of stacks, rows from `steps` on are not read, and hold nothing.
    """
    done = int(steps)
    pairs = zip(operands, body.is_row, strict=True)
    given = [x[:done] if is_row else x for x, is_row in pairs]
    found = play_loop(*given, body=body, count=done, reverse=reverse)
    return *found[: body.carried], *[with_room(x, count) for x in found[body.carried :]]


def with_room(rows: Any, count: int) -> Any:
    """Return rows with zeros behind them."""
    room = zeros((count, *rows.shape[1:]), rows.dtype)
    room[: len(rows)] = rows
    return room


def try_loop(
    operands: Sequence[Any], body: Body, count: int, reverse: bool
) -> tuple[Any, ...]:
    """Return what stands for the results of a loop of which one step was done."""
    rows = slice(-1, None) if reverse else slice(1)
    pairs = zip(operands, body.is_row, strict=True)
    given = [x[rows] if is_row else x for x, is_row in pairs]
    found = play_loop(*given, body=body, count=1, reverse=reverse)
    state, columns = found[: body.carried], found[body.carried :]
    return *state, *[np.broadcast_to(x[0], (count, *x.shape[1:])) for x in columns]


def rows_in_order(count: int, reverse: bool) -> range:
    """Return the rows in the order of the steps."""
    return range(count - 1, -1, -1) if reverse else range(count)


def repeat(
    step: Callable[..., Any],
    carried: int,
    moving: int,
    count: int,
    reverse: bool,
    *operands: Any,
) -> tuple[Any, ...]:
    """Return what the loop gives as plain NumPy, of any values."""
    state, stop = list(operands[:carried]), carried + moving
    columns = []
    for t in range(count)[:: -1 if reverse else 1]:
        rows = [stack[t] for stack in operands[carried:stop]]
        found = step(*state, *rows, *operands[stop:])
        state = list(found[:carried])
        columns.append(found[carried:])
    stacks = zip(*columns[:: -1 if reverse else 1], strict=True)
    return *state, *[np.stack(column) for column in stacks]


def looped(
    operands: Sequence[Any], body: Body, count: int, reverse: bool
) -> tuple[Any, ...]:
    """Return what the loop does of recorded values, as one node."""
    scan, how = REGISTRY["scan"], {"body": body, "count": count, "reverse": reverse}
    return tuple(apply(scan, *operands, **how))


def unrolled(
    operands: Sequence[Any], body: Body, count: int, reverse: bool
) -> tuple[Any, ...]:
    """Return what the loop does of recorded values, every step recorded."""
    step = body.tape.function(body.tape.inputs, body.tape.outputs)
    return repeat(step, body.carried, body.moving, count, reverse, *operands)


def wrong_part(tape: Tape, index: int) -> str:
    """Return what is wrong with the first steps of a loop; empty if nothing."""
    return wrong_loop(tape, index, 1)


def wrong_loop(tape: Tape, index: int, first: int = 0) -> str:
    """Return what is wrong with a loop of a tape that was loaded; empty if nothing."""
    settings, operands = tape.settings[index], tape.operands[index][first:]
    body, count = settings["body"], settings["count"]
    if type(body) is not Body or type(count) is not int or count < 0:
        return "it has no step, or no number of steps"
    sizes = body.carried, body.moving
    if any(type(size) is not int or size < 0 for size in sizes):
        return "its step carries no number of values"
    again: Any = body.again
    if type(again) is not bool:
        return "its step is done again, or is not"
    if type(settings["reverse"]) is not bool or sum(sizes) > len(operands):
        return "it has too few operands"
    if len(body.inputs) != len(operands) or len(body.outputs) < body.carried:
        return "its step has other inputs and outputs"
    likes = [tape.types[k] for k in operands]
    expected = [
        like._replace(shape=(count, *like.shape)) if is_row else like
        for like, is_row in zip(body.inputs, body.is_row, strict=True)
    ]
    for like, wanted in zip(likes, expected, strict=True):
        if like is not None and (type(like) is tuple or like.shape != wanted.shape):
            return f"an operand is {like} and its step reads {wanted}"
    for before, after in zip(body.inputs, body.outputs[: body.carried], strict=False):
        if before.shape != after.shape:
            return f"it carries {before} and then {after}"
    return ""


def as_step(tape: Tape, outputs: list[int]) -> Tape:
    """Return a tape as one that was recorded: its nodes are played as Python would."""
    tape.chosen_outputs = outputs
    arguments = tree.flatten(tuple([0.0] * len(tape.input_indices)))[1]
    results = tree.flatten(tuple([0.0] * len(outputs)))[1]
    tape.structure = arguments, results
    return tape
