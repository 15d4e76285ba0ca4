"""Jacobians of a stretch of tape by plain sweeps: a block an output and an input.

A diagonal one is a single sweep; others are one reverse sweep a row, or one forward
sweep a column.  `execute.directions` plays all of them at once where that is faster.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import and_
from typing import Any

import numpy as np

from wengert.capture.array import wrap_passive
from wengert.capture.record import Segment
from wengert.core.flags import depends_on
from wengert.core.tape import GUARD, IDENTITY
from wengert.core.types import Array, Type, is_array
from wengert.derive import forward, reverse
from wengert.derive.modes import zeros_like_type
from wengert.derive.reach import Reach, Sources
from wengert.ops import join

#: For each of several values the directions of its elements, and what they give.
Blocks = list[list[Any]]
#: Elements of a value whose unit vectors are kept.
FEW = 8


def is_diagonal(segment: Segment, stop: int, given: int, output: int | None) -> bool:
    """Whether each element of an output depends on one element of an input alone."""
    tape, shape = segment.tape, segment.tape.types[given].shape
    if not shape or tape.types[given].dtype.kind != "f":
        return False
    if output is None or tape.types[output].shape != shape:
        return False
    if tape.types[output].dtype.kind == "c":
        return False  # a gradient by a real input is real
    depends, mixed = {given}, set[int]()
    for index in range(segment.start, stop):
        operation, operands = tape.operations[index], tape.operands[index]
        if operation is GUARD or depends.isdisjoint(operands):
            continue
        depends.add(index)
        stays = operation.kind == "elementwise" or operation is IDENTITY
        stays = stays and getattr(tape.types[index], "shape", None) == shape
        if not stays or not mixed.isdisjoint(operands):
            mixed.add(index)
    return output in depends and output not in mixed


def diagonal_block(segment: Segment, stop: int, given: int, output: Any) -> Any:
    """Return the block of an input and an output element by element, by one sweep."""
    tape, like = segment.tape, segment.tape.types[output]
    seeds = [(output, np.ones(like.shape, like.dtype))]
    active = depends_on(tape, [given], segment.start, stop)
    (slopes,) = reverse.pull(
        tape, segment.start, stop, seeds, [given], segment.nested, active
    )
    block = np.reshape(np.diag(np.ravel(slopes)), 2 * like.shape)
    return wrap_passive(tape, block) if segment.nested and is_array(block) else block


def reverse_blocks(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    input_types: Sequence[Type],
    outputs: Sequence[int | None],
    types: Sequence[Type],
    sources: Sources | None = None,
) -> Blocks:
    """Return the blocks of every output, by one reverse sweep a row.

    `sources` says, where it is known, what each of them is made of.
    """
    tape = segment.tape
    whole = depends_on(tape, inputs, segment.start, stop)
    blocks, every = [], itertools.count()
    for index, like in zip(outputs, types, strict=True):
        found = []
        for seed in directions_of(like):
            seeds, active = [] if index is None else [(index, seed)], whole
            if sources is not None:
                own = sources.of_row(next(every))
                active = bytearray(map(and_, whole, own))
                for given in inputs:
                    active[given] = 1
            found.append(
                reverse.pull(
                    tape, segment.start, stop, seeds, inputs, segment.nested, active
                )
            )
        blocks.append(
            [
                stack([row[k] for row in found], like.shape + to.shape, to, axis=0)
                for k, to in enumerate(input_types)
            ]
        )
    return blocks


def forward_blocks(
    segment: Segment,
    stop: int,
    inputs: Sequence[int],
    input_types: Sequence[Type],
    outputs: Sequence[int | None],
    types: Sequence[Type],
    reach: Reach | None = None,
) -> Blocks:
    """Return the blocks of every output, by one forward sweep a column.

    `reach` says, where it is known, what each of them reaches.
    """
    tape = segment.tape
    columns, every = [], itertools.count()
    for index, like in zip(inputs, input_types, strict=True):
        found = []
        for tangent in directions_of(like):
            tangents, reached = {index: tangent}, None
            if reach is not None:
                reached = reach.of_direction(next(every))
            forward.push(
                tape, segment.start, stop, tangents, segment.nested, outputs, reached
            )
            found.append(
                [
                    zeros_like_type(to)
                    if out is None or out not in tangents
                    else tangents[out]
                    for out, to in zip(outputs, types, strict=True)
                ]
            )
        columns.append(
            [
                stack([part[j] for part in found], to.shape + like.shape, to, axis=-1)
                for j, to in enumerate(types)
            ]
        )
    return [[column[j] for column in columns] for j in range(len(types))]


def stack(parts: list[Any], shape: tuple[int, ...], like: Any, axis: int) -> Any:
    """Return rows or columns as one block of a given shape."""
    if not parts:
        dtype = like.dtype if like.dtype.kind in "fc" else np.dtype(np.float64)
        return np.zeros(shape, dtype)
    block = join.stack(parts, axis)
    return block if block.shape == shape else np.reshape(block, shape)


def directions_of(like: Type) -> Iterable[Any]:
    """Return the unit vectors of a value; few of them are the same arrays every time.

    So a tape that meets them again knows them.
    """
    if like.size <= FEW:
        return few_directions(like)
    return unit_vectors([like], 0, like.size)[0]


@lru_cache(maxsize=256)
def few_directions(like: Type) -> list[Any]:
    """Return the unit vectors of a value, which cannot be written into."""
    found = [seed.copy() for seed in unit_vectors([like], 0, like.size)[0]]
    for seed in found:
        if is_array(seed):
            seed.flags.writeable = False
    return found


def unit_vectors(likes: Sequence[Type], start: int, stop: int) -> list[Array]:
    """Return some of the unit vectors of values of several types, one a row.

    Those of whole numbers are floats.
    """
    seeds, offset = [], 0
    for like in likes:
        dtype = like.dtype if like.dtype.kind in "fc" else np.dtype(np.float64)
        seed = np.zeros((stop - start, like.size), dtype)
        own = np.arange(max(start, offset), min(stop, offset + like.size))
        seed[own - start, own - offset] = 1
        seeds.append(seed.reshape(stop - start, *like.shape))
        offset += like.size
    return seeds
