"""What a function reads from outside its arguments, and whether it may be replayed.

`bytecode` finds the access paths of a code object, `walk` follows them through the
user's functions (`lookups`: attributes and items; `watched`: whole values), `libraries`
says which code is not entered and what it may do, `frozen` compares values with what
they were, and `snapshot` is what the rest of the package asks.  `numbers` are those
that may be inputs of a path, since operators alone take them (`expressions`).  Beside
them stands `randomness`: draws that a recording refuses.
"""

from wengert.capture.reads.frozen import Contents
from wengert.capture.reads.libraries import is_user_class, raw_attribute
from wengert.capture.reads.numbers import Evidence, Input, same_number
from wengert.capture.reads.snapshot import (
    Reads,
    Snapshot,
    Written,
    split,
)
from wengert.capture.reads.walk import kinds_in
from wengert.capture.reads.watch import PlainArrays, Watch
from wengert.capture.reads.watched import ReadGenerator

__all__ = [
    "Contents",
    "Evidence",
    "Input",
    "PlainArrays",
    "ReadGenerator",
    "Reads",
    "Snapshot",
    "Watch",
    "Written",
    "is_user_class",
    "kinds_in",
    "raw_attribute",
    "same_number",
    "split",
]
