"""The reverse rule of a loop: a loop that runs the other way.

It carries the gradients of what is carried, and sums those of what is the same in every
step.  It reads *columns*: what the step forward stacks for it, one row a step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from wengert.capture.array import place
from wengert.capture.record import Recording
from wengert.core.flags import depends_on
from wengert.core.operation import REGISTRY
from wengert.core.tape import CONSTANT, Tape
from wengert.core.types import Recorded, Type
from wengert.derive import reverse
from wengert.derive.budget import Costs, Plan, Sizes, size_of, under
from wengert.derive.checkpoints import Checkpoints
from wengert.derive.extract import (
    Extract,
    Flags,
    active,
    add_input,
    additions,
    derived,
    sample_of,
    started,
    trimmed_to_state,
)
from wengert.derive.functions import vjp
from wengert.derive.modes import RecordedMode, zeros_like_type
from wengert.derive.steps import (
    BUDGET,
    Body,
    loop_tape,
    looped,
    play_loop,
    stay_closed,
    unrolled,
)
from wengert.errors import GuardError
from wengert.ops.index import ITEM
from wengert.ops.leaving import may_leave

#: Operations that cost about what reading costs that they would be stored as.
CHEAP = frozenset(
    "add subtract multiply divide negative square absolute maximum minimum where "
    "less less_equal greater greater_equal equal not_equal logical_and logical_or "
    "logical_not sign identity getitem reshape broadcast_to transpose squeeze".split()
)
#: What a node of a differentiated step is made of, the last of these that it meets.
FIXED, MOVING, CARRIED, GRADIENT = range(4)


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
        stay_closed()
        for k in range(body.carried):
            gradients[k] = None if count else g[k]
        return tuple(gradients)
    try:
        sample = sample_of(operands, body, count, reverse)
        pulled = derived(body, ("vjp", into, out), sample, derive_backward)
        sweep = Sweep(body, count, reverse, into, out)
        found = budgeted(sweep, g, operands, pulled)
    except GuardError:  # steps whose derivatives are different programs
        stay_closed()
        return pull_each(g, operands, body, count, reverse, into)
    places = (*pulled.carried, *pulled.summed, *pulled.stacked)
    for k, part in zip(places, found, strict=True):
        gradients[k] = part
    return tuple(gradients)


class Sweep(NamedTuple):
    """A loop that is swept backwards.

    Attributes
    ----------
    body, steps, is_back : the step, how often it is done, and in which order of rows
    into, out : flags
        The operands and results that the derivative passes through.
    """

    body: Body
    steps: int
    is_back: bool
    into: Flags
    out: Flags

    def pull(
        self,
        g: Sequence[Any],
        operands: Sequence[Any],
        pulled: Pulled,
        lengths: Sequence[int] = (),
        sums: Sequence[Any] | None = None,
        columns: Sequence[Any] | None = None,
    ) -> tuple[Any, ...]:
        """Return the gradients that a loop backwards gives.

        Parameters
        ----------
        g, operands : of the loop
        pulled : Pulled
        lengths : sequence of int
            Steps of a segment, segments of a segment of those, and so on.
        sums : sequence, optional
            What the gradients are added to that are summed.
        columns : sequence of array, optional
            Where numbers are stacked, if not in new memory.
        """
        types = self.body.inputs
        if sums is None:
            sums = [zeros_like_type(types[k]) for k in pulled.summed]
        while prod(lengths) > self.steps:
            lengths = lengths[:-1]
        if lengths:
            with under(None):  # what is swept in a segment is planned already
                return self.pull_segments(g, operands, pulled, lengths, sums)
        if columns is None:
            kept = looped(operands, pulled.forward, self.steps, self.is_back)
        else:
            kept = play_loop(
                *operands,
                body=pulled.forward,
                count=self.steps,
                reverse=self.is_back,
                columns=columns,
            )
        start = [
            zeros_like_type(types[k]) if g[k] is None else g[k] for k in pulled.carried
        ]
        rows = [
            *kept[len(g) :],
            *[operands[k] for k in pulled.moving],
            *[g[k] for k in range(self.body.carried, len(g)) if self.out[k]],
        ]
        fixed = [operands[k] for k in pulled.fixed]
        given = [*start, *sums, *rows, *fixed]
        return looped(given, pulled.backward, self.steps, not self.is_back)

    def pull_segments(
        self,
        g: Sequence[Any],
        operands: Sequence[Any],
        pulled: Pulled,
        lengths: Sequence[int],
        sums: Sequence[Any],
    ) -> tuple[Any, ...]:
        """Return the gradients of segments of steps, each done again when its turn is.

        What is left of the steps is swept first.
        """
        body, is_back = self.body, self.is_back
        size = prod(lengths)
        count, left = divmod(self.steps, size)
        own, rest = (
            (slice(left, None), slice(left))
            if is_back
            else (slice(count * size), slice(count * size, None))
        )
        shape = count, *reversed(lengths)
        segment = segments(body, lengths, is_back)
        first = [
            np.reshape(x[own], (*shape, *np.shape(x)[1:])) if is_row else x
            for x, is_row in zip(operands, body.is_row, strict=True)
        ]
        sweep = self._replace(body=segment, steps=count)
        sample = sample_of(first, segment, count, is_back)
        whole = derived(segment, ("vjp", self.into, self.out), sample, derive_backward)
        given, found = list(g), list[Any]()
        if left:
            carry = looped(first, trimmed_to_state(segment), count, is_back)
            last = [
                x[rest] if is_row else x
                for x, is_row in zip(operands, body.is_row, strict=True)
            ]
            last[: body.carried] = carry
            ends = [*g[: body.carried], *[sliced(x, rest) for x in g[body.carried :]]]
            inner = self._replace(steps=left)
            found = list(inner.pull(ends, last, pulled, lengths[:-1], sums))
            for k, part in zip(pulled.carried, found, strict=False):
                given[k] = part
            stop = len(pulled.carried) + len(pulled.summed)
            sums, found = found[len(pulled.carried) : stop], found[stop:]
        given[body.carried :] = [
            None if x is None else np.reshape(x[own], (*shape, *np.shape(x)[1:]))
            for x in given[body.carried :]
        ]
        made = list(sweep.pull(given, first, whole, (), sums))
        stop = len(pulled.carried) + len(pulled.summed)
        rows = [
            np.reshape(x, (count * size, *np.shape(x)[len(shape) :]))
            for x in made[stop:]
        ]
        if left:
            pairs = zip(found, rows, strict=True)
            rows = [np.concatenate(pair if is_back else pair[::-1]) for pair in pairs]
        return *made[:stop], *rows


def sliced(value: Any, rows: slice) -> Any:
    """Return some rows of a stack, None for none."""
    return None if value is None else value[rows]


def budgeted(
    sweep: Sweep, g: Sequence[Any], operands: Sequence[Any], pulled: Pulled
) -> tuple[Any, ...]:
    """Return the gradients that a loop backwards gives, as a budget says."""
    plan: Plan | None = BUDGET.get()
    if plan is None:
        return sweep.pull(g, operands, pulled)
    body, count = sweep.body, sweep.steps
    columns = pulled.forward.outputs[body.carried :]  # what is stacked, read or not
    rows = [gradient_type(body.inputs[k]) for k in pulled.stacked]
    sizes = Sizes(
        state=sum(map(size_of, body.inputs[: body.carried])),
        kept=sum(map(size_of, columns)),
        step=sum(
            map(size_of, [*pulled.forward.tape.types, *pulled.backward.tape.types])
        ),
        stacked=sum(map(size_of, rows)),
    )
    if any(isinstance(operand, Recorded) for operand in operands):
        lengths = plan.nested(body, count, sizes).lengths
        return sweep.pull(g, operands, pulled, () if plan.is_trial else lengths)
    held = Checkpoints(sweep, g, operands, pulled)
    costs = held.costs() if plan.disk else Costs(1.0, 0.0)
    schedule = plan.binomial(body, count, sizes, costs)
    if plan.is_trial or schedule.length >= count:
        return sweep.pull(g, operands, pulled)
    with under(None):  # what is swept in a segment is planned already
        return held.pull(schedule)


def segments(body: Body, lengths: Sequence[int], is_back: bool) -> Body:
    """Return a step that is a segment of steps, of segments where there are several."""
    for length in lengths:
        body = segment_of(body, length, is_back)
    return body


def segment_of(body: Body, length: int, is_back: bool) -> Body:
    """Return a step that is so many steps, and is done again by the sweep backwards."""
    known: Body | None = body.derived.get(("segment", length, is_back))
    if known is not None:
        return known
    tape = loop_tape(body, length, is_back)
    made = Body(tape, body.carried, body.moving, again=True)
    body.derived["segment", length, is_back] = made
    return made


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
        flags = depends_on(tape, chosen, 0, stop)
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
    if body.again:
        used = uses(tape, [*read, *pulled.values()], ())
        columns = [index for index in inputs[:carried] if index in used]
    else:
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
    back.starts = {
        (loop, place): sums[k]
        for k in summed
        for loop, place in sum_of_loop(tape, pulled[k])
    }
    back.copy(
        [*pulled.values()],
        is_kept=lambda index: level[index] == GRADIENT,
        but=[index for k in summed for index in additions(tape, pulled[k])],
    )
    results = [
        *[back.at[pulled[k]] for k in states],
        *[
            back.at[pulled[k]]
            if sum_of_loop(tape, pulled[k])
            else back.summed(sums[k], pulled[k])
            for k in summed
        ],
        *[back.at[pulled[k]] for k in stacked],
    ]
    rows = len(columns) + len(moving) + sum(k >= carried for k in seeds)
    return Pulled(
        Body(forward_tape, carried, body.moving).of_sweep(),
        Body(back.finished(results), len(states) + len(summed), rows).of_sweep(),
        states,
        summed,
        stacked,
        moving,
        fixed,
    )


def sum_of_loop(tape: Tape, index: int) -> list[tuple[int, int]]:
    """Return the loop that made a sum from zeros, and which value it carries; if one.

    Such a sum starts at what it is to be added to, so that the order is that of steps.
    """
    if tape.operations[index] is not ITEM:
        return []
    (loop,), place = tape.operands[index], tape.settings[index]["result"]
    if tape.operations[loop] is not REGISTRY["scan"]:
        return []
    if place >= tape.settings[loop]["body"].carried:
        return []
    start = tape.operands[loop][place]
    is_constant = tape.operations[start] is CONSTANT
    is_zero = is_constant and not np.any(tape.settings[start]["value"])
    return [(loop, place)] if is_zero else []


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
