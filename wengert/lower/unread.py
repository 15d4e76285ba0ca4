"""What is written to scratch memory and never read again is not computed."""

from __future__ import annotations

from collections.abc import Mapping

from wengert.lower.nest import (
    Address,
    Buffer,
    Count,
    Let,
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
    read_by,
)

Spans = dict[Buffer, list[tuple[int, int]]]


def leave_out_unread(nest: Nest, lanes: int) -> None:
    """Take out of a nest what writes elements that nothing reads, and what is for it.

    Parameters
    ----------
    nest : Nest
    lanes : int
        How many elements a vector has.
    """
    while True:
        statements = list(everything(nest.body))
        extents = {s.loop: s.extent for s in statements if isinstance(s, Loop)}
        spans: Spans = {}
        for statement in statements:
            if not isinstance(statement, Store):
                for address in addresses_of(statement):
                    found = span(statement, address, extents, lanes)
                    spans.setdefault(address.buffer, []).append(found)
        read = {value for statement in statements for value in read_by(statement)}
        unread = {
            id(s)
            for s in statements
            if (isinstance(s, Let | Load | Count) and s.value not in read)
            or (isinstance(s, Store) and is_unread(s, spans, extents, lanes))
        }
        if not unread:
            return
        strip(nest.body, unread)


def span(
    statement: Statement, address: Address, extents: Mapping[int, int], lanes: int
) -> tuple[int, int]:
    """Return the first and the last element of a buffer that may be meant."""
    is_known = isinstance(statement, Load | Store) and not address.picks
    low = high = address.offset
    for loop, stride in address.terms:
        if loop not in extents:
            is_known = False
            break
        reach = (extents[loop] - 1) * stride
        low, high = low + min(reach, 0), high + max(reach, 0)
    if not is_known:
        return 0, address.buffer.size - 1
    return low, high + (lanes - 1) * address.is_wide


def is_unread(
    store: Store, spans: Spans, extents: Mapping[int, int], lanes: int
) -> bool:
    """Whether nothing reads what is written."""
    if store.address.buffer.kind != "scratch":
        return False
    low, high = span(store, store.address, extents, lanes)
    read = spans.get(store.address.buffer, ())
    return all(high < first or last < low for first, last in read)


def strip(body: list[Statement], unread: set[int]) -> None:
    """Take statements out of others."""
    body[:] = [statement for statement in body if id(statement) not in unread]
    for statement in body:
        if isinstance(statement, Loop | Where | Part | While):
            strip(statement.body, unread)
        if isinstance(statement, While):
            strip(statement.asks, unread)
