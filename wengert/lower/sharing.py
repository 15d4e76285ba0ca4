"""Scratch memory that lies in a result, as long as that is not written.

What is read and written takes half the room in the processor's cache then, and nothing
of that size is allocated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wengert.lower.nest import (
    Address,
    Buffer,
    Load,
    Loop,
    Nest,
    Part,
    Statement,
    Store,
    Where,
    While,
    addresses_of,
    everything,
    touched,
)

#: Elements of scratch memory from which a result is looked for.
LEAST = 512


def share_results(nest: Nest) -> None:
    """Let results be scratch memory before they are written.

    A result is written by one loop.  What lies in it until then that loop reads, if at
    all, element by element before it writes the result's.
    """
    spans = spans_of(nest.body)
    free = {
        buffer: first
        for buffer, (first, last) in spans.items()
        if buffer.kind == "result" and first == last
    }
    moved: dict[Buffer, Buffer] = {}
    for scratch in sorted(nest.scratch, key=lambda buffer: -buffer.size):
        last = spans.get(scratch, (0, len(nest.body)))[1]
        for result, written in free.items():
            is_alike = (scratch.type, scratch.size) == (result.type, result.size)
            if not is_alike or scratch.size < LEAST or last > written:
                continue
            if last < written or is_in_place(nest.body[written], scratch, result):
                moved[scratch] = result
                del free[result]
                break
    if moved:
        move(nest, moved)


def spans_of(body: Sequence[Statement]) -> dict[Buffer, tuple[int, int]]:
    """Return the first and the last statement that touches each buffer."""
    spans = dict[Buffer, tuple[int, int]]()
    for place, statement in enumerate(body):
        for each in everything([statement]):
            for buffer in touched(each):
                spans[buffer] = spans.get(buffer, (place, place))[0], place
    return spans


def is_in_place(statement: Statement, scratch: Buffer, result: Buffer) -> bool:
    """Whether each element of a result is written where scratch memory was read last.

    Both are named in the innermost loop alone, by the same address, which no two of its
    steps have in common.
    """
    loops = []
    while isinstance(statement, Loop):
        loops.append(statement)
        inner = [each for each in statement.body if isinstance(each, Loop)]
        if len(inner) != 1 or any_touches(loops[-1].body, inner, {scratch, result}):
            break
        statement = inner[0]
    if not loops:
        return False
    names = [
        (place, each)
        for place, each in enumerate(loops[-1].body)
        if any(buffer in (scratch, result) for buffer in touched_inside(each))
    ]
    reads = [(k, e.address) for k, e in names if isinstance(e, Load)]
    writes = [(k, e.address) for k, e in names if isinstance(e, Store) and not e.fold]
    if len(writes) != 1 or len(reads) + 1 != len(names):
        return False
    at, address = writes[0]
    is_before = all(k < at for k, _ in reads)
    is_same = all(a._replace(buffer=result) == address for _, a in reads)
    is_whole = address.buffer == result and is_one_to_one(address, loops)
    return is_before and is_same and is_whole


def any_touches(
    body: Sequence[Statement], inner: Sequence[Statement], buffers: set[Buffer]
) -> bool:
    """Whether statements beside a loop touch buffers."""
    return any(
        not buffers.isdisjoint(touched_inside(each))
        for each in body
        if not any(each is loop for loop in inner)
    )


def touched_inside(statement: Statement) -> Iterator[Buffer]:
    """Give the buffers that a statement, and what is inside of it, touches."""
    for each in everything([statement]):
        yield from touched(each)


def is_one_to_one(address: Address, loops: Sequence[Loop]) -> bool:
    """Whether loops name each element of a buffer once."""
    if address.picks or address.is_wide or address.offset:
        return False
    extents, count = {loop.loop: loop.extent for loop in loops}, 1
    for loop, stride in sorted(address.terms, key=lambda term: term[1]):
        if stride != count or loop not in extents:
            return False
        count *= extents.pop(loop)
    return not extents and count == address.buffer.size


def move(nest: Nest, moved: Mapping[Buffer, Buffer]) -> None:
    """Let buffers be others, and number the scratch buffers that are left."""
    names = dict(moved)
    kept = [buffer for buffer in nest.scratch if buffer not in moved]
    for number, buffer in enumerate(kept):
        names[buffer] = buffer._replace(number=number)
    nest.scratch[:] = [names[buffer] for buffer in kept]
    rename(nest.body, names)


def rename(body: list[Statement], names: Mapping[Buffer, Buffer]) -> None:
    """Let statements, and those inside of them, name other buffers."""
    for place, statement in enumerate(body):
        if isinstance(statement, Loop | Where | Part | While):
            rename(statement.body, names)
            if isinstance(statement, While):
                rename(statement.asks, names)
        elif addresses_of(statement) or any(True for _ in touched(statement)):
            changes = {
                field.name: renamed(getattr(statement, field.name), names)
                for field in dataclasses.fields(statement)
            }
            body[place] = dataclasses.replace(statement, **changes)


def renamed(value: Any, names: Mapping[Buffer, Buffer]) -> Any:
    """Return what a statement holds with other buffers in it."""
    if isinstance(value, Buffer):
        return names.get(value, value)
    if isinstance(value, Address):
        return value._replace(buffer=names.get(value.buffer, value.buffer))
    if type(value) is tuple:
        return tuple([renamed(each, names) for each in value])
    return value
