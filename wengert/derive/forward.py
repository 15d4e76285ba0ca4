"""The forward sweep: tangents from a tape's inputs to its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from operator import and_
from typing import TYPE_CHECKING, Any

import numpy as np

from wengert.core.flags import reaching
from wengert.core.operation import Operation, Partial, apply
from wengert.core.repetitions import written
from wengert.core.tape import Tape
from wengert.core.types import Type
from wengert.derive import repeats
from wengert.derive.again import derived
from wengert.derive.modes import (
    Gradients,
    Mode,
    PlainMode,
    RecordedMode,
    fit,
    operands_of,
    restore,
)
from wengert.derive.tips import POWERS, around_tip

if TYPE_CHECKING:
    from wengert.derive.roll import Roll

Tangents = Gradients
#: Bytes from which tangents are let go once nothing reads them.
LARGE = 1 << 20


def push(
    tape: Tape,
    start: int,
    stop: int,
    tangents: Tangents,
    records: bool,
    outputs: Sequence[int | None] = (),
    reached: bytes | None = None,
) -> None:
    """Push the tangents of some nodes through the stretch of tape from `start`.

    `tangents` gains the tangent of every node that one reaches; the others are zero.
    Where `outputs` are named, only theirs are sure: no other nodes are asked.  Where it
    is known which nodes are `reached`, the tangents of all others are zero.
    """
    wanted: bytes | bytearray = b"\1" * stop
    if outputs:
        named = [index for index in outputs if index is not None]
        wanted = reaching(tape, named, start, stop)
    if reached is not None:
        wanted = bytes(map(and_, wanted, reached))
    if not records:
        restore(tape, start, stop, [k for k in outputs if k is not None] or None)
        with np.errstate(all="ignore"):
            mode = PlainMode(tape, absorb=True)
            dead = last_reads(tape, start, stop, wanted, outputs)
            sweep(tape, start, stop, tangents, mode, wanted, dead)
        return
    question = ("forward", start, stop, list(outputs))
    given = list(tangents.items())

    def derive() -> Tangents:
        named = [index for index in outputs if index is not None]
        roll = None
        if reached is None:
            roll = as_loops(tape, start, stop, tangents, named)
        places, end, used = outputs, stop, wanted
        if roll is not None:
            places = [None if k is None else roll.place(k) for k in outputs]
            end = len(tape)
            used = reaching(tape, {k for k in places if k is not None}, start, end)
        restore(tape, start, end, [k for k in places if k is not None] or None)
        dead = last_reads(tape, start, end, used, places)
        sweep(tape, start, end, tangents, RecordedMode(tape), used, dead)
        return by_place(places, tangents)

    line = tape.line_here
    try:
        # as in the plain sweep
        with np.errstate(all="ignore"), tape.not_looking():
            if outputs:
                found = derived(tape, question, given, derive)
                tangents.update({outputs[k]: g for k, g in found.items()})  # type: ignore[misc]
            else:
                derive()
    finally:
        tape.line_here = line


def by_place(outputs: Sequence[int | None], tangents: Tangents) -> Tangents:
    """Return the tangents of outputs, those that have any, by their places."""
    return {
        place: tangents[index]
        for place, index in enumerate(outputs)
        if index is not None and index in tangents
    }


def as_loops(
    tape: Tape, start: int, stop: int, tangents: Tangents, outputs: Sequence[int]
) -> Roll | None:
    """Append a long stretch with its loops as single nodes; None where it has none."""
    if stop - start < repeats.LEAST_STRETCH or not (outputs and tape.keeps_guards):
        return None
    from wengert.derive.roll import roll_stretch

    tape.compute_all()
    return roll_stretch(tape, start, stop, outputs, frozenset(tangents))


def sweep(
    tape: Tape,
    start: int,
    stop: int,
    tangents: Tangents,
    mode: Mode,
    wanted: bytes | bytearray,
    dead: dict[int, list[int]],
) -> None:
    """Go through the wanted nodes in order and compute the tangent of each.

    Those that are `dead` behind a node are let go there.
    """
    operands, operations = tape.operands, tape.operations
    for index in range(start, stop):
        if not wanted[index]:
            continue
        inputs = operands[index]
        for operand in inputs:
            if operand in tangents:
                break
        else:
            continue
        if operations[index].kind == "constant" or index in tangents:
            continue
        if mode.records:
            tape.line_here = tape.lines[index]
        tangent = node_tangent(tape, index, tangents, mode)
        if tangent is not None:
            tangents[index] = fit_tangent(tangent, tape.types[index])
        for k in dead.get(index, ()):
            tangents.pop(k, None)


def last_reads(
    tape: Tape,
    start: int,
    stop: int,
    wanted: bytes | bytearray,
    outputs: Sequence[int | None],
) -> dict[int, list[int]]:
    """Return by node the large nodes of the stretch that none behind it reads.

    Nothing is left out where no outputs are named.
    """
    likes = {id(like): like for like in written(tape.types)}
    large = {k for k, like in likes.items() if is_large(like)}
    if not large or not outputs:
        return {}
    operands, operations, last = tape.operands, tape.operations, dict[int, int]()
    for index in range(start, stop):
        if not wanted[index]:
            continue
        read = operands[index]
        if operations[index] in POWERS:  # see `around_tip`
            read = *read, *operands[read[0]]
        last.update(dict.fromkeys(read, index))
    dead: dict[int, list[int]] = {}
    for k, index in last.items():
        if k >= start and k not in outputs and id(tape.types[k]) in large:
            dead.setdefault(index, []).append(k)
    return dead


def is_large(like: Any) -> bool:
    """Whether arrays of a type are worth letting go."""
    return type(like) is Type and like.size * like.dtype.itemsize >= LARGE


def node_tangent(tape: Tape, index: int, tangents: Tangents, mode: Mode) -> Any:
    """Return the tangent of one node."""
    operation, inputs = tape.operations[index], tape.operands[index]
    settings = tape.settings[index]
    parts = tuple(tangents.get(operand) for operand in inputs)
    if operation.kind == "linear":
        return apply(operation, parts[0], **settings)
    partials: Sequence[Partial] = operation.partials
    if mode.around_tips and operation in POWERS:
        around = around_tip(tape, index, mode.outputs)
        if around and any(operand in tangents for operand in around[0]):
            inputs, partials = around
            parts = tuple(tangents.get(operand) for operand in inputs)
    values = operands_of(tape, index, inputs, mode)
    if partials:
        return elementwise_tangent(partials, parts, mode.read(index), values, mode)
    if operation.kind == "multilinear":
        return multilinear_tangent(operation, parts, values, settings)
    if operation.jvp is None:
        return transpose_vjp(operation, parts, mode.read(index), values, settings)
    return operation.jvp(parts, mode.read(index), *values, **settings)


def elementwise_tangent(
    partials: Sequence[Partial],
    parts: Any,
    result: Any,
    values: list[Any],
    mode: Mode,
) -> Any:
    """Return the sum of partial times tangent."""
    total = None
    for tangent, partial in zip(parts, partials, strict=False):
        if tangent is None:
            continue
        if partial == 1:
            c = tangent
        elif partial == -1:
            c = -tangent
        else:
            c = mode.product(tangent, partial(result, *values))  # type: ignore[operator]
        total = c if total is None else total + c
    return total


def multilinear_tangent(
    operation: Operation, parts: Any, values: list[Any], settings: Any
) -> Any:
    """Return the sum of the operation with one operand replaced by its tangent."""
    total = None
    for k, tangent in enumerate(parts):
        if tangent is None:
            continue
        replaced = [*values[:k], tangent, *values[k + 1 :]]
        c = apply(operation, *replaced, **settings)
        total = c if total is None else total + c
    return total


def transpose_vjp(
    operation: Operation, parts: Any, result: Any, values: list[Any], settings: Any
) -> Any:
    """Return the forward rule of an operation that states its reverse rule only.

    The reverse rule is linear in the gradient: its reverse sweep is the forward rule.
    """
    from wengert.core.types import type_of
    from wengert.derive.functions import vjp
    from wengert.derive.modes import zeros_like_type
    from wengert.derive.reverse import as_type

    places = [k for k, tangent in enumerate(parts) if tangent is not None]
    likes = [as_type(values[k], type_of) for k in places]
    likes = [Type(like.shape, like.dtype) for like in likes]

    def pull(g: Any) -> Any:
        assert operation.vjp is not None
        pulled = operation.vjp(g, result, *values, **settings)
        pulled = pulled if isinstance(pulled, tuple) else (pulled,)
        return tuple(
            zeros_like_type(like) if pulled[k] is None else fit(pulled[k], like)
            for k, like in zip(places, likes, strict=True)
        )

    return vjp(pull, zero_gradient(result, type_of))[1](
        tuple(parts[k] for k in places)
    )[0]


def zero_gradient(result: Any, type_of: Any) -> Any:
    """Return zeros in the structure of a node's result."""
    from wengert.derive.modes import zeros_like_type
    from wengert.derive.reverse import as_type

    if isinstance(result, tuple) and not isinstance(result, Type):
        return [zero_gradient(part, type_of) for part in result]
    return zeros_like_type(as_type(result, type_of))


def fit_tangent(tangent: Any, like: Any) -> Any:
    """Return a tangent in the shape and dtype of its node, real where that is real."""
    if not isinstance(like, Type):
        return tangent
    if getattr(tangent, "shape", ()) != like.shape:
        tangent = np.broadcast_to(tangent, like.shape)
    return fit(tangent, like)
