"""A loop as one node: a step, which is a tape of its own, done many times.

`SCAN` carries values from step to step, reads one row of some operands a step, and
stacks what steps give.  Its derivatives are such nodes again: a step is differentiated
once, however often it is done.  The sweep backwards reads *columns*: what the step
forward stacks for it, one row a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy import empty  # np.empty is answered while something is recorded

from wengert.capture import tree
from wengert.capture.array import handle, place, plain
from wengert.capture.record import Recording, SetAside
from wengert.core.forms import Loop
from wengert.core.operation import REGISTRY, Operation, apply, general
from wengert.core.tape import CONSTANT, INPUT, NO_SETTINGS, Tape, reaching
from wengert.core.types import Type, is_array
from wengert.derive import forward, reverse
from wengert.derive.functions import linearize, vjp
from wengert.derive.modes import RecordedMode, zeros_like_type
from wengert.derive.tapes import continued
from wengert.errors import GuardError
from wengert.ops.index import INDEX_ADD
from wengert.ops.leaving import may_leave
from wengert.ops.python import as_python

Flags = tuple[bool, ...]
#: Operations that cost about what reading costs that they would be stored as.
CHEAP = frozenset(
    "add subtract multiply divide negative square absolute maximum minimum where "
    "less less_equal greater greater_equal equal not_equal logical_and logical_or "
    "logical_not sign identity getitem reshape broadcast_to transpose squeeze".split()
)
#: What a node of a differentiated step is made of, the last of these that it meets.
FIXED, MOVING, CARRIED, GRADIENT = range(4)


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
    """

    def __init__(self, tape: Tape, carried: int, moving: int) -> None:
        self.tape, self.carried, self.moving = tape, carried, moving
        self.derived: dict[Any, Any] = {}

    @cached_property
    def step(self) -> Callable[[Sequence[Any]], list[Any]]:
        """The function from the inputs' values to the outputs', guards checked."""
        return self.tape.player()

    @cached_property
    def _key(self) -> tuple[Any, ...]:
        return self.tape.fingerprint(), self.carried, self.moving

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
        return [
            k in range(*self.stacks.indices(len(self.inputs)))
            for k in range(len(self.inputs))
        ]

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
        return Body, (self.tape, self.carried, self.moving)


def play_loop(*operands: Any, body: Body, count: int, reverse: bool) -> tuple[Any, ...]:
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
    """
    weak = body.is_weak
    values = [as_python(v) if w else v for v, w in zip(operands, weak, strict=True)]
    state, stacks = values[: body.carried], operands[body.stacks]
    fixed = values[body.carried + body.moving :]
    columns = [empty((count, *t.shape), t.dtype) for t in body.outputs[body.carried :]]
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


def unrolled(
    operands: Sequence[Any], body: Body, count: int, reverse: bool
) -> tuple[Any, ...]:
    """Return what the loop does of recorded values, every step recorded."""
    step = body.tape.function(body.tape.inputs, body.tape.outputs)
    return repeat(step, body.carried, body.moving, count, reverse, *operands)


def wrong_loop(tape: Tape, index: int) -> str:
    """Return what is wrong with a loop of a tape that was loaded; empty if nothing."""
    settings, operands = tape.settings[index], tape.operands[index]
    body, count = settings["body"], settings["count"]
    if type(body) is not Body or type(count) is not int or count < 0:
        return "it has no step, or no number of steps"
    sizes = body.carried, body.moving
    if any(type(size) is not int or size < 0 for size in sizes):
        return "its step carries no number of values"
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


# What a gradient, or a tangent, passes through


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
        flags = reverse.depends_on(tape, chosen, 0, len(tape))
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


# Backwards


class Pulled(NamedTuple):
    """How the gradients of a loop are pulled back.

    Attributes
    ----------
    forward : Body
        The step, which also stacks columns.
    backward : Body
        What is carried are the gradients of carried values, then the sums of those of
        fixed ones; its rows are the columns, then rows of the loop's own operands, then
        gradients of what was stacked.
    carried, summed, stacked : list of int
        The operands whose gradients it carries, sums and stacks.
    moving, fixed : list of int
        The operands that it reads again.
    """

    forward: Body
    backward: Body
    carried: list[int]
    summed: list[int]
    stacked: list[int]
    moving: list[int]
    fixed: list[int]


def pull_loop(
    g: Sequence[Any],
    result: Any,
    *operands: Any,
    body: Body,
    count: int,
    reverse: bool,
    wanted: Sequence[bool],
) -> tuple[Any, ...]:
    """Return the gradients of the operands of a loop."""
    into, out = active(body, wanted, [part is not None for part in g])
    gradients: list[Any] = [None] * len(operands)
    if not any(out) or not count:
        for k in range(body.carried):
            gradients[k] = None if count else g[k]
        return tuple(gradients)
    try:
        sample = sample_of(operands, body, count, reverse)
        pulled = derived(body, ("vjp", into, out), sample, derive_backward)
        found = pull_steps(pulled, g, operands, body, count, reverse, out)
    except GuardError:  # steps whose derivatives are different programs
        return pull_each(g, operands, body, count, reverse, into)
    places = (*pulled.carried, *pulled.summed, *pulled.stacked)
    for k, part in zip(places, found, strict=True):
        gradients[k] = part
    return tuple(gradients)


def pull_steps(
    pulled: Pulled,
    g: Sequence[Any],
    operands: Sequence[Any],
    body: Body,
    count: int,
    is_back: bool,
    out: Flags,
) -> tuple[Any, ...]:
    """Return the gradients that a loop backwards gives."""
    types = body.inputs
    kept = apply(SCAN, *operands, body=pulled.forward, count=count, reverse=is_back)
    start = [
        zeros_like_type(types[k]) if g[k] is None else g[k] for k in pulled.carried
    ]
    sums = [zeros_like_type(types[k]) for k in pulled.summed]
    rows = [
        *kept[len(g) :],
        *[operands[k] for k in pulled.moving],
        *[g[k] for k in range(body.carried, len(g)) if out[k]],
    ]
    fixed = [operands[k] for k in pulled.fixed]
    return tuple(
        apply(
            SCAN,
            *start,
            *sums,
            *rows,
            *fixed,
            body=pulled.backward,
            count=count,
            reverse=not is_back,
        )
    )


def pull_each(
    g: Sequence[Any],
    operands: Sequence[Any],
    body: Body,
    count: int,
    is_back: bool,
    into: Flags,
) -> tuple[Any, ...]:
    """Return the gradients of the operands, every step differentiated by itself."""
    places = [k for k, flag in enumerate(into) if flag]

    def function(*chosen: Any) -> Any:
        values = list(operands)
        for k, value in zip(places, chosen, strict=True):
            values[k] = value
        found = unrolled(values, body, count, is_back)
        return [part for part, seed in zip(found, g, strict=True) if seed is not None]

    found = vjp(function, *[operands[k] for k in places])[1](
        [seed for seed in g if seed is not None]
    )
    gradients: list[Any] = [None] * len(operands)
    for k, part in zip(places, found, strict=True):
        gradients[k] = part
    return tuple(gradients)


def derived(
    body: Body, question: Any, sample: Sequence[Any], derive: Callable[..., Any]
) -> Any:
    """Return what is derived of a step, once."""
    known = body.derived.get(question)
    if known is None:
        with SetAside(None), np.errstate(all="ignore"):
            known = body.derived[question] = derive(body, *question[1:], sample)
    return known


def derive_backward(
    body: Body, into: Flags, out: Flags, sample: Sequence[Any]
) -> Pulled:
    """Return the step with columns, and the step backwards."""
    tape = started(body, sample)
    stop, ends = len(tape), list(tape.output_indices)
    seeds = [k for k, flag in enumerate(out) if flag]
    wanted = [k for k, flag in enumerate(into) if flag]
    inputs = list(tape.input_indices)
    with Recording(tape):
        given = [(ends[k], add_input(tape, body.outputs[k])) for k in seeds]
        # what is appended here is at the end: the stretch of the step comes before it
        chosen = [inputs[k] for k in wanted]
        flags = reverse.depends_on(tape, chosen, 0, stop)
        mode = RecordedMode(tape)
        found = reverse.collect(tape, 0, stop, given, chosen, flags, mode)
        pulled = dict(zip(wanted, (place(tape, part) for part in found), strict=True))
    return split(
        tape,
        body,
        pulled,
        dict(zip(seeds, tape.input_indices[-len(seeds) :], strict=True)),
    )


def split(
    tape: Tape, body: Body, pulled: dict[int, int], seeds: dict[int, int]
) -> Pulled:
    """Return a step and its reverse sweep, on one tape, as two steps.

    Parameters
    ----------
    tape : Tape
    body : Body
        The step.
    pulled : dict
        The nodes of the operands' gradients.
    seeds : dict
        The nodes of the outputs' gradients.
    """
    count, carried, stop = len(body.inputs), body.carried, body.carried + body.moving
    inputs = tape.input_indices[:count]
    level = levels(tape, body, seeds.values())
    is_live = reaching_gradients(tape, level, pulled.values())
    read = {
        k
        for index in range(len(tape))
        if is_live[index]
        for k in tape.operands[index]
        if level[k] < GRADIENT
    }
    read |= {index for index in pulled.values() if level[index] < GRADIENT}
    columns = columns_of(tape, level, read, frozenset(inputs[carried:]))
    made = Extract(tape, inputs)
    ends = [*tape.output_indices, *columns]
    forward_tape = made.outputs(ends, lambda index: level[index] < GRADIENT)
    states = [k for k in pulled if k < carried]
    summed = [k for k in pulled if k >= stop]
    stacked = [k for k in pulled if carried <= k < stop]
    back = Extract(tape, ())
    for k in states:
        back.input(seeds.get(k), gradient_type(body.inputs[k]))
    sums = {k: back.input(None, gradient_type(body.inputs[k])) for k in summed}
    for index in columns:
        back.input(index, tape.types[index])
    used = uses(tape, [*read, *pulled.values()], columns)
    moving = [k for k in range(carried, stop) if inputs[k] in used]
    for k in moving:
        back.input(inputs[k], tape.types[inputs[k]])
    for k, index in seeds.items():
        if k >= carried:
            back.input(index, tape.types[index])
    fixed = [k for k in range(stop, count) if inputs[k] in used]
    for k in fixed:
        back.input(inputs[k], tape.types[inputs[k]])
    back.copy(
        [*pulled.values()],
        is_kept=lambda index: level[index] == GRADIENT,
        but=[index for k in summed for index in additions(tape, pulled[k])],
    )
    results = [
        *[back.at[pulled[k]] for k in states],
        *[back.summed(sums[k], pulled[k]) for k in summed],
        *[back.at[pulled[k]] for k in stacked],
    ]
    rows = len(columns) + len(moving) + sum(k >= carried for k in seeds)
    return Pulled(
        Body(forward_tape, carried, body.moving),
        Body(back.finished(results), len(states) + len(summed), rows),
        states,
        summed,
        stacked,
        moving,
        fixed,
    )


def gradient_type(like: Type) -> Type:
    """Return the type of the gradient of a value."""
    zero = zeros_like_type(like)
    return Type(zero.shape, zero.dtype)


def levels(tape: Tape, body: Body, seeds: Iterable[int]) -> list[int]:
    """Return what every node is made of."""
    level = [FIXED] * len(tape)
    for k, index in enumerate(tape.input_indices[: len(body.inputs)]):
        is_row = body.carried <= k < body.carried + body.moving
        level[index] = CARRIED if k < body.carried else MOVING if is_row else FIXED
    for index in seeds:
        level[index] = GRADIENT
    for index, operands in enumerate(tape.operands):
        if operands:
            level[index] = max([level[k] for k in operands])
    return level


def reaching_gradients(
    tape: Tape, level: list[int], pulled: Iterable[int]
) -> bytearray:
    """Return which nodes of gradients pulled ones, and what may leave, are made of."""
    flags = bytearray(len(tape))
    for index in pulled:
        flags[index] = level[index] == GRADIENT
    for index in reversed(range(len(tape))):
        if level[index] == GRADIENT and may_leave(tape, index):
            flags[index] = 1
        if flags[index]:
            for k in tape.operands[index]:
                if level[k] == GRADIENT:
                    flags[k] = 1
    return flags


def columns_of(
    tape: Tape, level: list[int], read: set[int], free: frozenset[int]
) -> list[int]:
    """Return the nodes that are stacked for the sweep backwards.

    What is cheap is computed again, of columns and of operands that are read again.
    """
    stored: set[int] = set()
    known: dict[int, bool] = {}

    def is_again(index: int) -> bool:
        """Whether a node is computed again from what is at hand."""
        if index in free or (level[index] == FIXED and tape.operands[index]):
            return True
        if tape.operations[index] is CONSTANT:
            return True
        if index not in known:
            operands = tape.operands[index]
            is_cheap = tape.operations[index].name in CHEAP and bool(operands)
            known[index] = is_cheap and all(
                [k in stored or is_again(k) for k in operands]
            )
        return known[index]

    for index in sorted(read):
        operands = tape.operands[index]
        is_cheap = tape.operations[index].name in CHEAP and bool(operands)
        if not is_cheap and not is_again(index):
            stored.add(index)
    for index in sorted(read):
        if index not in stored and not is_again(index):
            stored.add(index)
            known.clear()
    return sorted(stored)


def uses(tape: Tape, targets: Iterable[int], known: Iterable[int]) -> set[int]:
    """Return the nodes that targets are made of, where known ones are at hand."""
    known, found, todo = frozenset(known), set(), list(targets)
    while todo:
        index = todo.pop()
        if index in found:
            continue
        found.add(index)
        if index not in known:
            todo.extend(tape.operands[index])
    return found


def additions(tape: Tape, index: int) -> list[int]:
    """Return the additions at places, last first, that made a gradient of zeros."""
    found = []
    while tape.operations[index] is INDEX_ADD:
        found.append(index)
        index = tape.operands[index][0]
    is_constant = tape.operations[index] is CONSTANT
    is_zero = is_constant and not np.any(tape.settings[index]["value"])
    return found if is_zero else []


class Extract:
    """A new tape of some nodes of another."""

    def __init__(self, tape: Tape, inputs: Sequence[int]) -> None:
        self.tape, self.new = tape, Tape()
        #: Nodes of the new tape, by those of the other.
        self.at: dict[int, int] = {}
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
        for index in range(len(tape)):
            if flags[index] and index not in self.at and index not in last:
                self.node(index)

    def node(self, index: int) -> None:
        """Copy one node."""
        tape = self.tape
        operands = tuple([self.at[k] for k in tape.operands[index]])
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


def as_step(tape: Tape, outputs: list[int]) -> Tape:
    """Return a tape as one that was recorded: its nodes are played as Python would."""
    tape.chosen_outputs = outputs
    arguments = tree.flatten(tuple([0.0] * len(tape.input_indices)))[1]
    results = tree.flatten(tuple([0.0] * len(outputs)))[1]
    tape.structure = arguments, results
    return tape


# Forwards


def push_loop(
    tangents: Sequence[Any],
    result: Any,
    *operands: Any,
    body: Body,
    count: int,
    reverse: bool,
) -> tuple[Any, ...]:
    """Return the tangents of the results of a loop."""
    into, out = active(body, [tangent is not None for tangent in tangents])
    carried, stop = body.carried, body.carried + body.moving
    filled = [
        zeros_for(operand, tangent) if flag else None
        for operand, tangent, flag in zip(operands, tangents, into, strict=True)
    ]
    if not count or not any(out):
        return tuple(
            [
                tangents[k] if k < carried and not count else None
                for k in range(len(out))
            ]
        )
    try:
        sample = sample_of(operands, body, count, reverse)
        pushed = derived(body, ("jvp", into, out), sample, derive_forward)
        given = [
            part
            for group in (slice(carried), slice(carried, stop), slice(stop, None))
            for part in (*operands[group], *[t for t in filled[group] if t is not None])
        ]
        found = apply(SCAN, *given, body=pushed, count=count, reverse=reverse)
    except GuardError:
        return push_each(filled, operands, body, count, reverse)
    dots: list[Any] = [None] * len(out)
    places = [k for k in range(carried) if into[k]]
    places += [k for k in range(carried, len(out)) if out[k]]
    for k, part in zip(places, found[carried:], strict=True):
        dots[k] = part
    return tuple(dots)


def zeros_for(operand: Any, tangent: Any) -> Any:
    """Return a tangent, zeros where there is none."""
    if tangent is not None:
        return tangent
    like = operand if hasattr(operand, "dtype") else np.asarray(operand)
    return zeros_like_type(Type(like.shape, like.dtype))


def push_each(
    filled: Sequence[Any],
    operands: Sequence[Any],
    body: Body,
    count: int,
    is_back: bool,
) -> tuple[Any, ...]:
    """Return the tangents of the results, every step differentiated by itself."""
    places = [k for k, tangent in enumerate(filled) if tangent is not None]

    def function(*chosen: Any) -> Any:
        values = list(operands)
        for k, value in zip(places, chosen, strict=True):
            values[k] = value
        return unrolled(values, body, count, is_back)

    push = linearize(function, [operands[k] for k in places], keeps=True)[1]
    return tuple(push(*[filled[k] for k in places]))


def derive_forward(body: Body, into: Flags, out: Flags, sample: Sequence[Any]) -> Body:
    """Return the step that also carries, reads and stacks tangents."""
    tape = started(body, sample)
    stop, ends, inputs = len(tape), list(tape.output_indices), list(tape.input_indices)
    carried, rows = body.carried, body.carried + body.moving
    states = [k for k in range(carried) if into[k]]
    stacked = [k for k in range(carried, len(out)) if out[k]]
    with Recording(tape):
        dots = {
            k: add_input(tape, body.inputs[k]) for k, flag in enumerate(into) if flag
        }
        pushed = {inputs[k]: dot for k, dot in dots.items()}
        forward.push(tape, 0, stop, pushed, records=True)
        tangents = {
            k: place(tape, pushed.get(ends[k], zeros_like_type(body.outputs[k])))
            for k in (*states, *stacked)
        }
    at = dict(zip(dots, tape.input_indices[len(inputs) :], strict=True))
    groups = (range(carried), range(carried, rows), range(rows, len(inputs)))
    order = [
        index
        for group in groups
        for index in (*[inputs[k] for k in group], *[at[k] for k in group if k in at])
    ]
    targets = [*ends[:carried], *[tangents[k] for k in (*states, *stacked)]]
    made = Extract(tape, order).outputs(targets, lambda index: True)
    moving = body.moving + sum(k in at for k in groups[1])
    return Body(made, carried + len(states), moving)


SCAN: Operation = general(
    "scan",
    play_loop,
    form=Loop(wrong_loop),
    jvp=push_loop,
    vjp=pull_loop,
    reads=(True,),
)
