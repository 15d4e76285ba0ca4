"""Jacobians in lanes: one sweep is recorded, and run for all unit vectors at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture.record import Segment
from wengert.core import locks
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.core.types import Array, Type
from wengert.emit.cache import compile_once
from wengert.emit.kernels import MOVERS, has_chain_products, lower
from wengert.emit.refusal import NotLoweredError
from wengert.emit.special import SPECIAL
from wengert.execute.arrays import native
from wengert.execute.costs import COMPILE_SWEEP, LEAST_SWEEP, RECORD, SWEEP
from wengert.execute.engine import native_engine
from wengert.execute.interpret import evaluate_or_record, needed_nodes
from wengert.execute.lanes import chosen_lanes, chosen_threads, run_kernel

_MOST_KNOWN = 1000
Function = Callable[..., Any]


def reverse_rows(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    outputs: Sequence[int | None],
    types: Sequence[Type],
) -> list[list[Array]] | None:
    """Return the gradients of every element of every output, or None.

    For each output one array an input, shape ``(elements of the output,) + shape``.
    None where a sweep an element is no slower, or the tape is not lowered.
    """
    if not pays(segment, stop, inputs, [k for k in outputs if k is not None], types):
        return None
    from wengert.api import vjp

    blocks = []
    for output, like in zip(outputs, types, strict=True):
        if output is None or like.size == 0 or like.dtype.kind != "f":
            return None

        def sweep(seed: Any, *values: Any, output: int = output) -> Any:
            function = played(segment.tape, inputs, [output])
            return vjp(lambda *v: function(*v)[0], *values)[1](seed)

        block = run_basis(sweep, segment.tape, inputs, like, like.size)
        if block is None:
            return None
        blocks.append(block)
    return blocks


def forward_columns(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    input_types: Sequence[Type],
    outputs: Sequence[int | None],
) -> list[list[Array]] | None:
    """Return the tangents of the outputs along every element of every input, or None.

    For each input one array an output, shape ``(elements of the input,) + shape``.
    """
    known = [k for k in outputs if k is not None]
    if len(known) < len(outputs):
        return None
    if not pays(segment, stop, inputs, known, input_types):
        return None
    from wengert.api import jvp

    columns = []
    for position, like in enumerate(input_types):
        if like.size == 0 or like.dtype.kind != "f":
            return None

        def sweep(seed: Any, *values: Any, position: int = position) -> Any:
            function = played(segment.tape, inputs, known)

            def of_one(value: Any) -> Any:
                return function(*values[:position], value, *values[position + 1 :])

            return jvp(of_one, (values[position],), (seed,))[1]

        column = run_basis(sweep, segment.tape, inputs, like, like.size)
        if column is None:
            return None
        columns.append(column)
    return columns


class Savings:
    """What lanes would have saved so far, in seconds, by the operations of a tape."""

    def __init__(self) -> None:
        self.seconds: dict[int, float] = {}
        self.lock = locks.make()

    def add(self, key: int, seconds: float) -> float:
        """Add to what would have been saved; return the sum."""
        with self.lock:
            if len(self.seconds) > _MOST_KNOWN:
                self.seconds.clear()
            total = self.seconds[key] = self.seconds.get(key, 0.0) + seconds
            return total


SAVINGS = Savings()


def pays(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    outputs: Sequence[int],
    seeded: Sequence[Type],
) -> bool:
    """Whether lanes are expected to be faster than one plain sweep a unit vector.

    Compiling pays once calls like this one would have saved as much as it costs.
    """
    tape, count = segment.tape, sum(like.size for like in seeded)
    length = stop - segment.start
    if segment.nested or count * length * SWEEP < LEAST_SWEEP or not native_engine():
        return False
    nodes = needed_nodes(tape, list(inputs), list(outputs))
    scalars = 0
    for index in nodes:
        operation, like = tape.operations[index], tape.types[index]
        if operation in (CONSTANT, INPUT):
            continue
        if not is_lowered(operation) or not isinstance(like, Type):
            return False
        scalars += 1 + (like.size // 16 if operation in MOVERS else like.size)
    saved = count * len(nodes) * SWEEP - scalars * RECORD
    if saved <= 0:
        return False
    key = hash((count, *[tape.operations[index] for index in nodes]))
    return SAVINGS.add(key, saved) > scalars * COMPILE_SWEEP


def is_lowered(operation: Operation) -> bool:
    """Whether an operation has a native kernel, as far as its kind says."""
    return (
        operation.native is not None
        or operation.name in SPECIAL
        or operation.kind in ("linear", "multilinear")
        or operation.moves
    )


def played(
    tape: Tape, inputs: Sequence[int], outputs: Sequence[int]
) -> Callable[..., list[Any]]:
    """Return the function from some nodes of a tape to others, which records."""
    needed = needed_nodes(tape, list(inputs), list(outputs))

    def function(*values: Any) -> list[Any]:
        known: dict[int, Any] = dict(zip(inputs, values, strict=True))
        for index in needed:
            operation, settings = tape.operations[index], tape.settings[index]
            if operation is CONSTANT:
                known[index] = settings["value"]
            elif operation is INPUT:
                known[index] = tape.play.outputs[index]
            else:
                operands = tuple(known[k] for k in tape.operands[index])
                known[index] = evaluate_or_record(operation, operands, settings)
        return [known[index] for index in outputs]

    return function


def run_basis(
    sweep: Function, tape: Tape, inputs: Sequence[int], like: Type, count: int
) -> list[Array] | None:
    """Return the results of a sweep for every unit vector of a type."""
    from wengert.api import record

    values = [tape.play.outputs[index] for index in inputs]
    seeds = np.eye(count, dtype=like.dtype).reshape(count, *like.shape)
    with np.errstate(all="ignore"):  # as in a plain sweep
        recorded = record(sweep, seeds[0], *values)
    mapped = [True] + [False] * len(values)
    types = [recorded.types[index] for index in recorded.output_indices]
    sums = [False] * len(types)
    operands = [seeds, *[native(value) for value in values]]
    for absorbs in (False, True) if has_chain_products(recorded) else (True,):
        try:
            program = lower(recorded, absorbs, (), mapped, sums).program
            kernel = compile_once(program, lanes=chosen_lanes(), has_rows=True)
        except NotLoweredError:
            return None
        found, failed = run_kernel(
            kernel, operands, mapped, types, sums, count, chosen_threads()
        )
        if failed is None or not failed.any():
            return found
    return None
