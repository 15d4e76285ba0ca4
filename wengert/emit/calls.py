"""Calls of Python from a nest: a table of addresses goes in, and whether it was done.

They are made by ctypes, which takes the interpreter lock for their time.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from wengert.lower.nest import Call

if TYPE_CHECKING:
    from wengert.emit.nests import Writer

#: What a call says where it has written its results, and where it has not, which is
#: also what ctypes says where anything was raised.
DONE, FAILED = 1, 0
#: What a call is to native code.
CALL_TYPE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)


def write_call(writer: Writer, call: Call) -> None:
    """Write a call, and its value: whether it failed."""
    addresses = *call.operands, *call.results
    table = writer.room(8 * len(addresses))
    for k, address in enumerate(addresses):
        pointer, _, _ = writer.place(address)
        at = writer.offset("ptr", table, str(k))
        writer.line(f" store ptr {pointer}, ptr {at}\n")
    writer.declare(f"i64 @call{call.number}(ptr)")
    done = writer.value(f"call i64 @call{call.number}(ptr {table})")
    failed = writer.value(f"icmp ne i64 {done}, {DONE}")
    writer.define(call.value, failed, False, call.type)
