"""The forward rule of a loop: a loop that carries tangents, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wengert.capture.array import place
from wengert.capture.record import Recording
from wengert.core.types import Type
from wengert.derive import forward
from wengert.derive.extract import (
    Extract,
    Flags,
    active,
    add_input,
    derived,
    sample_of,
    started,
)
from wengert.derive.functions import linearize
from wengert.derive.modes import zeros_like_type
from wengert.derive.steps import Body, looped, stay_closed, unrolled
from wengert.errors import GuardError


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
        stay_closed()
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
        found = looped(given, pushed, count, reverse)
    except GuardError:
        stay_closed()
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
    return Body(made, carried + len(states), moving).of_sweep()
