"""Scratch memory that lies in a result, as long as that is not written.

What is read and written takes half the room in the processor's cache then, and nothing
of that size is allocated.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from wengert.lower.nest import (
    Address,
    Buffer,
    Fill,
    Load,
    Loop,
    Nest,
    Order,
    Part,
    Statement,
    Store,
    Where,
    While,
    addresses_of,
    everything,
    spans_of,
    touched,
)
from wengert.lower.unread import span

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


def write_into_results(nest: Nest, lanes: int) -> None:
    """Write what is copied to a stretch of a result there at once.

    Nothing else touches that stretch.
    """
    extents = {s.loop: s.extent for s in everything(nest.body) if isinstance(s, Loop)}
    for statement in list(nest.body):
        found = copied(statement)
        if found is None:
            continue
        scratch, result, offset = found
        stretch = offset, offset + scratch.size - 1
        rest = [s for s in everything(nest.body) if s is not statement]
        rest = [s for s in rest if not is_inside(s, statement)]
        if not any(
            (
                isinstance(s, Fill | Order)
                and not {scratch, result}.isdisjoint(touched(s))
            )
            or meets(s, result, stretch, extents, lanes)
            for s in rest
        ):
            nest.body = [s for s in nest.body if s is not statement]
            nest.scratch.remove(scratch)
            readdress(nest.body, scratch, result, offset)
    move(nest, {})


def copied(statement: Statement) -> tuple[Buffer, Buffer, int] | None:
    """Return the scratch memory that a loop copies to a result, and where it goes."""
    loops = []
    while isinstance(statement, Loop) and len(statement.body) == 1:
        loops.append(statement)
        statement = statement.body[0]
    if not isinstance(statement, Loop) or len(statement.body) != 2:
        return None
    loops.append(statement)
    load, store = statement.body
    if not isinstance(load, Load) or not isinstance(store, Store) or store.fold:
        return None
    source, to = load.address, store.address
    offset = to.offset - source.offset
    is_alike = source._replace(buffer=to.buffer, offset=to.offset) == to
    is_whole = is_one_to_one(source, loops) and store.operand == load.value
    kinds = source.buffer.kind, to.buffer.kind
    if kinds != ("scratch", "result") or source.buffer.type != to.buffer.type:
        return None
    return (source.buffer, to.buffer, offset) if is_alike and is_whole else None


def is_inside(inner: Statement, outer: Statement) -> bool:
    """Whether a statement is one of those inside of another."""
    return any(each is inner for each in everything([outer]))


def meets(
    statement: Statement,
    buffer: Buffer,
    stretch: tuple[int, int],
    extents: Mapping[int, int],
    lanes: int,
) -> bool:
    """Whether a statement may touch a stretch of a buffer."""
    spans = [
        span(statement, address, extents, lanes)
        for address in addresses_of(statement)
        if address.buffer == buffer
    ]
    return any(low <= stretch[1] and stretch[0] <= high for low, high in spans)


def readdress(
    body: list[Statement], buffer: Buffer, other: Buffer, offset: int
) -> None:
    """Let what names a buffer name a stretch of another one."""

    def moved(value: Any) -> Any:
        if isinstance(value, Address) and value.buffer == buffer:
            return value._replace(buffer=other, offset=value.offset + offset)
        if type(value) is tuple:
            return tuple([moved(each) for each in value])
        return value

    change(body, moved)


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
    change(body, lambda value: renamed(value, names))


def change(body: list[Statement], changed: Callable[[Any], Any]) -> None:
    """Change what statements, and those inside of them, hold about memory."""
    for place, statement in enumerate(body):
        if isinstance(statement, Loop | Where | Part | While):
            change(statement.body, changed)
            if isinstance(statement, While):
                change(statement.asks, changed)
        elif addresses_of(statement) or any(True for _ in touched(statement)):
            changes = {
                field.name: changed(getattr(statement, field.name))
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
