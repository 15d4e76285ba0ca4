"""Functions of rows on a tape as operations on all of their rows, where no row decides.

A tape that holds such a function as one node is played in parts; with its rows written
out along one more axis it is compiled as a whole.  So is a product with a sparse matrix
by its elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from wengert.capture.record import record_apart
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import Type
from wengert.derive.branches import SWITCH
from wengert.derive.loops import SCAN
from wengert.derive.shortened import shortened
from wengert.execute.blocks import all_at_once
from wengert.execute.interpret import as_weak
from wengert.execute.rows import Rows, RowsNode
from wengert.ops.index import ITEM
from wengert.ops.sparse.products import PRODUCT, by_elements

#: Elements of all nodes of all rows up to which they are written out; up to which so
#: many are where moving what goes in and out takes as long as computing it; and
#: elements of a row for each that goes in or out up to which it does.  Beyond, threads
#: are worth a call of their own.
MOST_ELEMENTS, MOST_MOVED, A_MOVE = 1 << 20, 1 << 25, 20
#: What is no function of a user's.
OURS = frozenset({INPUT, CONSTANT, GUARD, ITEM, SCAN, SWITCH})


def inlined(tape: Tape, captured: Sequence[int]) -> tuple[Tape, list[int]]:
    """Return a tape with all rows in place of functions of rows; and its captures.

    Those whose rows may decide otherwise, or that read arrays from outside, stay.
    """
    found = {
        index: part
        for index in range(len(tape))
        if (part := written_out(tape, index)) is not None
    }
    if not found:
        return tape, list(captured)
    new, at = Tape(), dict[int, int]()
    results: dict[int, list[int]] = {}
    for index, operation in enumerate(tape.operations):
        operands = [at.get(k, -1) for k in tape.operands[index]]
        if index in found:
            results[index] = append_all(new, found[index], operands)
            if operation is PRODUCT:
                at[index] = results[index][0]
        elif operation is ITEM and tape.operands[index][0] in results:
            place = tape.settings[index]["result"]
            at[index] = results[tape.operands[index][0]][place]
        else:
            at[index] = copy(new, tape, index, operands)
    new.input_indices = [at[k] for k in tape.input_indices]
    new.chosen_outputs = [at[k] for k in tape.output_indices]
    new.structure, new.title = tape.structure, tape.title
    return new, [at[k] for k in captured]


def written_out(tape: Tape, index: int) -> Tape | None:
    """Return the tape that a node is written out as; None where it stays."""
    operation = tape.operations[index]
    if operation is PRODUCT:
        return by_its_elements(tape, index)
    node = getattr(operation.function, "__self__", None)
    return at_once(node.rows, tape, index) if isinstance(node, RowsNode) else None


def by_its_elements(tape: Tape, index: int) -> Tape | None:
    """Return the tape of a product with a sparse matrix, element by element."""
    likes = [tape.types[k] for k in tape.operands[index]]
    given = [np.zeros(like.shape, like.dtype) for like in likes]
    made = record_apart(partial(by_elements, **tape.settings[index]), given)
    types = [made.types[k] for k in made.output_indices]
    return made if types == [tape.types[index]] else None


def copy(new: Tape, tape: Tape, index: int, operands: Sequence[int]) -> int:
    """Append a node of a tape; return where it is."""
    operation = tape.operations[index]
    value = tape.play.outputs[index] if operation in (INPUT, CONSTANT) else None
    rest = tape.settings[index], tape.types[index], value, tape.lines[index]
    return new.append(operation, tuple(operands), *rest)


def append_all(new: Tape, part: Tape, operands: Sequence[int]) -> list[int]:
    """Append a tape whose inputs are nodes; return where its results are."""
    at = dict(zip(part.input_indices, operands, strict=True))
    for index in range(len(part)):
        if index not in at:
            at[index] = copy(new, part, index, [at[k] for k in part.operands[index]])
    return [at[k] for k in part.output_indices]


def at_once(rows: Rows, tape: Tape, index: int) -> Tape | None:
    """Return the tape of all rows of a node; None where they may part."""
    likes = [tape.types[k] for k in tape.operands[index]]
    row = path_of(rows, likes)
    count = next(
        like.shape[0]
        for like, flag in zip(likes, rows.mapped, strict=True)
        if flag and isinstance(like, Type)
    )
    if row is None or not count:
        return None
    first = [row.play.outputs[k] for k in row.input_indices]
    row, _ = inlined(*shortened(row, []))
    if is_long(row, count) or not is_ours(row):
        return None
    given = [
        as_weak(like, np.array(np.broadcast_to(value, like.shape)))
        for like, value in zip(likes, first, strict=True)
    ]

    sums = rows.summed(len(row.output_indices))

    def function(*operands: Any) -> tuple[Any, ...]:
        return all_at_once(row, operands, rows.mapped, sums, count)

    try:
        with np.errstate(all="ignore"):
            made = record_apart(function, given)
    except Exception:  # whatever it is: the node stays as it is
        return None
    types = [made.types[k] for k in made.output_indices]
    return made if types == list(tape.types[index]) else None


def is_long(row: Tape, count: int) -> bool:
    """Whether what so many rows compute is worth a call of their own."""
    size = size_of(row, range(len(row)))
    if count * size <= MOST_ELEMENTS:
        return False
    moved = size_of(row, (*row.input_indices, *row.output_indices))
    has_loops = not {SCAN, SWITCH}.isdisjoint(row.operations)
    return has_loops or count * size > MOST_MOVED or size > A_MOVE * moved


def size_of(tape: Tape, nodes: Iterable[int]) -> int:
    """Return the number of elements of some nodes."""
    likes = [tape.types[k] for k in nodes]
    return sum(like.size for like in likes if isinstance(like, Type))


def path_of(rows: Rows, likes: Sequence[Any]) -> Tape | None:
    """Return the tape of the one path that rows took; None if others may be taken."""
    paths = [path for known in list(rows.entries.values()) for path in known.kept]
    if len(paths) != 1 or paths[0].tape is None:
        return None
    (path,), tape = paths, paths[0].tape
    reads = path.captured or path.snapshot.arrays or path.snapshot.inputs
    if path.answers or reads or not path.is_believed:
        return None
    given = [tape.types[k] for k in tape.input_indices]
    if len(given) != len(likes) or any(
        not isinstance(like, Type)
        or like.shape[int(flag) :] != own.shape
        or like.dtype != own.dtype
        for own, like, flag in zip(given, likes, rows.mapped, strict=True)
    ):
        return None
    return tape


def is_ours(tape: Tape) -> bool:
    """Whether no operation is a function of a user's."""
    return all(known in OURS or known.is_registered for known in tape.operations)
