"""Python's numbers while recording: what Python computes, raises, writes and hashes.

Two Python numbers are computed by Python, so that the result is Python's: an int, a
float, a complex number or a truth value, or an exception.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any

import numpy as np

from wengert.capture.array import (
    RecordedScalar,
    RecordedValue,
    is_active,
    line_of,
    place,
    record_operation,
    save,
)
from wengert.capture.guards import STRICT
from wengert.core.operation import REGISTRY, Operation
from wengert.core.tape import NO_SETTINGS, Tape, strong
from wengert.core.types import WEAK, type_of
from wengert.errors import WengertError
from wengert.ops.python import RAISES

WEAK_FLOAT = WEAK[float]
IDENTITY = REGISTRY["identity"]


def record_python(
    operation: Operation,
    operands: tuple[Any, ...],
    value: Any,
    settings: dict[str, Any] = NO_SETTINGS,
) -> Any:
    """Append a node of a number that Python has computed."""
    tape: Tape = next(part._tape for part in operands if is_active(part))
    tape.check_thread()
    indices = tuple([place(tape, operand) for operand in operands])
    outputs = tape.play.outputs
    for k, index in enumerate(indices):
        if outputs[index] is None and operation.reads_operand(k):
            save(operands[k], operands[k]._current(), tape, index)
    line = line_of(tape) if tape.keeps_lines else None
    index = tape.append(
        operation, indices, settings, type_of(value), strong(value), line
    )
    return RecordedScalar(tape, index, value)


def note_raise(
    error: Exception,
    of: Any,
    operands: tuple[Any, ...],
    settings: dict[str, Any] = NO_SETTINGS,
) -> None:
    """Guard that an operation raises, as it did: the function may catch it."""
    if isinstance(error, WengertError):
        return
    for operand in operands:
        if isinstance(operand, RecordedValue) and is_active(operand):
            tape = operand._tape
            if tape.keeps_guards and tape.thread == get_ident() and not STRICT.get():
                name = type(error).__name__
                given = tuple(sorted(settings.items()))
                stated = {"of": of, "error": name, "settings": given}
                bool(record_operation(RAISES, operands, stated))
            return


def exact(value: RecordedValue) -> Any:
    """Return the plain contents of a value whose text or hash is asked for; a guard."""
    contents = value._present()
    if value._tape.thread == get_ident() and is_active(value):
        value._ask("text")
    return contents


def as_float(number: RecordedScalar) -> Any:
    """Return a recorded whole number as Python's float of it."""
    return record_python(IDENTITY, (number,), float(number._value))


def as_item(number: Any) -> Any:
    """Return a number as ``x.item()`` does: Python's."""
    if not isinstance(number, RecordedScalar):
        return number.item()
    if type(number._value) in WEAK:
        return number
    return record_python(IDENTITY, (number,), number._value.item())


# What Python's numbers have besides operators


#: Methods whose answer is plain numbers or text: the number is guarded.
ANSWERED_PLAINLY = frozenset(
    "hex bit_length bit_count as_integer_ratio to_bytes denominator".split()
)


def attribute(self: RecordedValue, name: str) -> Any:
    """Return what a recorded number has because its number has it; None for others."""
    if name in ANSWERED_PLAINLY:
        return getattr(exact(self), name)
    if name == "numerator":
        return record_python(REGISTRY["positive"], (self,), self._value)
    return None


def conjugate(self: RecordedScalar) -> Any:
    """Return the conjugate; that of a Python number is Python's."""
    if type(self._value) is complex:
        return record_python(REGISTRY["conjugate"], (self,), self._value.conjugate())
    return self if self.dtype.kind != "c" else np.conjugate(self)
