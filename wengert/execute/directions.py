"""Jacobians on a fresh recording: one sweep is recorded, and played for all directions.

The sweep of one unit vector is appended to the function's own tape, as long as the
function; one NumPy call a node then does it for all unit vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture.array import handle, place, wrap
from wengert.capture.record import Recording, Segment
from wengert.core.tape import CONSTANT, INPUT, NO_SETTINGS, Tape
from wengert.core.types import Array, Type
from wengert.derive import forward, reverse
from wengert.derive.modes import zeros_like_type
from wengert.execute.all_rows import RowsPlay, block_rows, largest
from wengert.execute.costs import (
    MOST_WRITTEN_OUT,
    RECORD_SWEEP,
    ROWS_NODE,
    SWEEP,
)
from wengert.execute.interpret import evaluate_or_record, last_uses
from wengert.execute.rows import Options, Rows

Derive = Callable[[Any], list[Any]]


def pays(count: int, size: int) -> bool:
    """Whether all directions at once are faster than one sweep each.

    `size` is that of the largest array on the tape.
    """
    blocks = -(-count // block_rows(size))
    return count * SWEEP > RECORD_SWEEP + blocks * ROWS_NODE


def reverse_rows(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    output: int,
    like: Type,
    fun: Any,
) -> list[Any] | None:
    """Return the gradients of every element of an output; None where sweeps do better.

    One array an input, shape ``(elements of the output,) + shape``; recorded ones
    inside a recording.
    """
    tape = segment.tape
    if is_one_node(segment, stop, like):
        return reverse_node(segment, inputs, output, like, fun)

    def derive(seed: Any) -> list[Any]:
        seeds = [(output, seed)]
        return reverse.pull(tape, segment.start, stop, seeds, inputs, records=True)

    return in_all_directions(segment, stop, derive, like)


def forward_columns(
    segment: Segment,
    stop: int,
    given: int,
    like: Type,
    outputs: Sequence[int | None],
    fun: Any,
) -> list[Any] | None:
    """Return the tangents along every element of an input; None where sweeps do better.

    One array an output, shape ``(elements of the input,) + shape``; recorded ones
    inside a recording.
    """
    tape = segment.tape
    known = [k for k in outputs if k is not None]
    if len(known) < len(outputs):
        return None
    if is_one_node(segment, stop, like):
        return forward_node(segment, given, like, known, fun)

    def derive(seed: Any) -> list[Any]:
        tangents = {given: seed}
        forward.push(tape, segment.start, stop, tangents, True, known)
        return [tangents.get(k, zeros_like_type(tape.types[k])) for k in known]

    return in_all_directions(segment, stop, derive, like)


def in_all_directions(
    segment: Segment, stop: int, derive: Derive, like: Type
) -> list[Array] | None:
    """Return what is linear in a seed of some type for all of its unit vectors."""
    tape, count = segment.tape, like.size
    if segment.nested or like.dtype.kind not in "fc":
        return None
    if not pays(count, largest(tape)):
        return None
    start, results = record_direction(tape, derive, like)
    given = known_outputs(tape, start)
    size = block_rows(largest(tape))
    for absorbs in (False, True):
        blocks = []
        for first in range(0, count, size):
            seeds = unit_vectors(like, first, min(first + size, count))
            found = play_block(tape, start, given, seeds, results, absorbs)
            if found is None:
                return None
            if not absorbs and any(reverse.has_nan(part) for part in found):
                break
            blocks.append(found)
        else:
            break
    parts = zip(*blocks, strict=True)
    return [np.concatenate(part) if len(part) > 1 else part[0] for part in parts]


def unit_vectors(like: Type, start: int, stop: int) -> Array:
    """Return some of the unit vectors of a type, one a row."""
    seeds = np.zeros((stop - start, like.size), like.dtype)
    seeds[np.arange(stop - start), np.arange(start, stop)] = 1
    return seeds.reshape(-1, *like.shape)


def record_direction(
    tape: Tape, derive: Derive, like: Type
) -> tuple[int, Sequence[int]]:
    """Append what is derived along one direction; return its seed and the results."""
    keeps = tape.keeps_guards
    seed = unit_vectors(like, 0, 1)[0]
    start = tape.append(INPUT, (), NO_SETTINGS, like, seed)
    with Recording(tape), np.errstate(all="ignore"):
        tape.keeps_guards = True
        try:
            found = derive(wrap(tape, start, seed))
            results = [place(tape, value) for value in found]
        finally:
            tape.keeps_guards = keeps
    return start, results


def known_outputs(tape: Tape, start: int) -> dict[int, Any]:
    """Return the outputs that are the same in all directions."""
    depends = bytearray(len(tape))
    depends[start] = 1
    for index in range(start + 1, len(tape)):
        depends[index] = any([depends[k] for k in tape.operands[index]])
    outputs = tape.play.outputs
    return {
        index: outputs[index]
        for index in range(len(tape))
        if not depends[index] and outputs[index] is not None
    }


def play_block(
    tape: Tape,
    start: int,
    given: dict[int, Any],
    seeds: Array,
    results: Sequence[int],
    absorbs: bool,
) -> list[Array] | None:
    """Return the results for some directions; None where they do not go one way."""
    chosen, tape.chosen_outputs = tape.chosen_outputs, list(results)
    try:
        last = last_uses(tape)
    finally:
        tape.chosen_outputs = chosen
    play = RowsPlay(tape, {**given, start: seeds}, [start], len(seeds), last, absorbs)
    with np.errstate(all="ignore"):
        play.run(start)
    if play.failed.any():
        return None
    return play.results(results, [False] * len(results))


# Inside a recording: all directions are one node


class Stretch:
    """A stretch of a tape as a function of its inputs, and of what it reads around it.

    Its guards stand on the tape already.
    """

    def __init__(self, segment: Segment, inputs: Sequence[int], outputs: Any) -> None:
        self.tape, self.start = segment.tape, segment.start
        self.inputs = list(inputs)
        self.outputs = list(outputs)
        known, stack, self.around = set(self.inputs), list(self.outputs), list[int]()
        self.nodes: list[int] = []
        while stack:
            index = stack.pop()
            if index in known:
                continue
            known.add(index)
            if self.is_around(index):
                self.around.append(index)
                continue
            self.nodes.append(index)
            stack.extend(self.tape.operands[index])
        self.nodes.sort()
        self.around.sort()

    def is_around(self, index: int) -> bool:
        """Whether a node is an operand: it came before, or may be refilled."""
        if self.tape.operations[index] is CONSTANT:
            return index in self.tape.refillable
        return index < self.start or self.tape.operations[index] is INPUT

    @property
    def operands(self) -> list[Any]:
        """The recorded values of the inputs, and of what is read around."""
        return [handle(self.tape, index) for index in (*self.inputs, *self.around)]

    def __call__(self, *values: Any) -> list[Any]:
        """Return the outputs for values of the operands."""
        known = dict(zip((*self.inputs, *self.around), values, strict=True))
        for index in self.nodes:
            operation, settings = self.tape.operations[index], self.tape.settings[index]
            if operation is CONSTANT:
                known[index] = settings["value"]
            else:
                operands = tuple([known[k] for k in self.tape.operands[index]])
                known[index] = evaluate_or_record(operation, operands, settings)
        return [known[index] for index in self.outputs]


def is_one_node(segment: Segment, stop: int, like: Type) -> bool:
    """Whether a Jacobian inside a recording is one node instead of a sweep a row."""
    written = like.size * (stop - segment.start)
    return segment.nested and like.dtype.kind == "f" and written > MOST_WRITTEN_OUT


def of_unit_vectors(
    segment: Segment,
    body: Callable[..., Any],
    operands: list[Any],
    like: Type,
    fun: Any,
) -> list[Any]:
    """Return a function's results for every unit vector of a type, as one node."""
    mapped = [True] + [False] * len(operands)
    name = f"directions_of_{getattr(fun, '__name__', type(fun).__name__)}"
    rows = Rows(name, body, mapped, None, fun, Options())
    # What is recorded afresh on every call is not worth a compiler's time.
    rows.compiles = segment.tape.keeps_guards
    return rows([unit_vectors(like, 0, like.size), *operands])[0]


def reverse_node(
    segment: Segment, inputs: Sequence[int], output: int, like: Type, fun: Any
) -> list[Any]:
    """Return what `reverse_rows` does, recorded as one node."""
    from wengert.api import vjp

    stretch = Stretch(segment, inputs, [output])

    def pulled(seed: Any, *values: Any) -> Any:
        given, around = values[: len(inputs)], values[len(inputs) :]
        _, pull = vjp(lambda *chosen: stretch(*chosen, *around)[0], *given)
        return pull(seed)

    return of_unit_vectors(segment, pulled, stretch.operands, like, fun)


def forward_node(
    segment: Segment, given: int, like: Type, outputs: Sequence[int], fun: Any
) -> list[Any]:
    """Return what `forward_columns` does, recorded as one node."""
    from wengert.api import jvp

    stretch = Stretch(segment, [given], outputs)

    def pushed(seed: Any, value: Any, *around: Any) -> Any:
        return jvp(lambda x: stretch(x, *around), (value,), (seed,))[1]

    return of_unit_vectors(segment, pushed, stretch.operands, like, fun)
