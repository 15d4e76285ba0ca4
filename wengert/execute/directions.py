"""Jacobians on a fresh recording: one sweep is recorded, and played for all directions.

The sweep of one unit vector is appended to the function's own tape, as long as the
function; one NumPy call a node then does it for all unit vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture.array import place, wrap
from wengert.capture.record import Recording, Segment
from wengert.core.tape import INPUT, NO_SETTINGS, Tape
from wengert.core.types import Array, Type
from wengert.derive import forward, reverse
from wengert.derive.modes import zeros_like_type
from wengert.execute.all_rows import RowsPlay, block_rows, largest
from wengert.execute.costs import RECORD_SWEEP, ROWS_NODE, SWEEP
from wengert.execute.interpret import last_uses

Derive = Callable[[Any], list[Any]]


def pays(length: int, count: int, size: int) -> bool:
    """Whether all directions at once are faster than one sweep each.

    `length` is that of the tape, `size` that of its largest array.
    """
    blocks = -(-count // block_rows(size))
    return count * SWEEP > RECORD_SWEEP + blocks * ROWS_NODE


def reverse_rows(
    segment: Segment, stop: int, inputs: Sequence[int], output: int, like: Type
) -> list[Array] | None:
    """Return the gradients of every element of an output; None where sweeps do better.

    One array an input, shape ``(elements of the output,) + shape``.
    """
    tape = segment.tape

    def derive(seed: Any) -> list[Any]:
        seeds = [(output, seed)]
        return reverse.pull(tape, segment.start, stop, seeds, inputs, records=True)

    return in_all_directions(segment, stop, derive, like)


def forward_columns(
    segment: Segment, stop: int, given: int, like: Type, outputs: Sequence[int | None]
) -> list[Array] | None:
    """Return the tangents along every element of an input; None where sweeps do better.

    One array an output, shape ``(elements of the input,) + shape``.
    """
    tape = segment.tape
    if None in outputs:
        return None

    def derive(seed: Any) -> list[Any]:
        tangents = {given: seed}
        forward.push(tape, segment.start, stop, tangents, True, outputs)
        return [
            tangents.get(k, zeros_like_type(tape.types[k]))
            for k in outputs
            if k is not None
        ]

    return in_all_directions(segment, stop, derive, like)


def in_all_directions(
    segment: Segment, stop: int, derive: Derive, like: Type
) -> list[Array] | None:
    """Return what is linear in a seed of some type for all of its unit vectors."""
    tape, count = segment.tape, like.size
    if segment.nested or like.dtype.kind not in "fc":
        return None
    if not pays(stop - segment.start, count, largest(tape)):
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
