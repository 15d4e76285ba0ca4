"""What a legal tape is, and the fingerprint of one."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from wengert.core.tape import Tape
from wengert.core.types import has_class, is_array
from wengert.errors import TapeError, explain


def verify(tape: Tape) -> None:
    """Raise `TapeError` unless every node is legal.

    Operands come before their node; the number of operands fits the operation;
    settings are plain data; inputs and outputs are nodes of this tape.
    """
    tape.resolve()
    count = len(tape)
    for name in ("operands", "settings", "types", "lines"):
        if len(getattr(tape, name)) != count:
            raise illegal(f"{len(getattr(tape, name))} {name} for {count} nodes")
    for index in range(count):
        verify_node(tape, index)
    for index in (*tape.input_indices, *tape.output_indices):
        if not 0 <= index < count:
            raise illegal(f"node {index} is an input or output of {count} nodes")


def verify_node(tape: Tape, index: int) -> None:
    """Raise `TapeError` unless one node is legal."""
    operation, operands = tape.operations[index], tape.operands[index]
    for operand in operands:
        if not 0 <= operand < index:
            raise illegal(f"node {index} ({operation.name}) reads node {operand}")
    arity = len(operation.partials) or len(operation.transposes)
    if arity and len(operands) != arity:
        raise illegal(
            f"node {index} ({operation.name}) has {len(operands)} operands, not {arity}"
        )
    if operation.name in ("input", "constant") and operands:
        raise illegal(f"node {index} ({operation.name}) has operands")
    if operation.name == "constant" and "value" not in tape.settings[index]:
        raise illegal(f"node {index} is a constant without a value")
    if operation.name not in ("constant", "guard"):
        for name, value in tape.settings[index].items():
            if not is_plain(value):
                raise illegal(
                    f"setting {name} of node {index} ({operation.name}) is not plain "
                    f"hashable data: {type(value).__name__}"
                )


def is_plain(value: Any) -> bool:
    """Whether a setting is hashable."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def illegal(what: str) -> TapeError:
    """Return the error of an illegal tape."""
    return TapeError(
        explain(
            what,
            "a tape lists every node after the nodes that it reads",
            "build tapes with node classes or wengert.record",
        )
    )


def fingerprint(tape: Tape) -> str:
    """Return a stable hash: operations by name, settings, constants by content."""
    tape.resolve()
    digest = hashlib.sha256()
    for index, operation in enumerate(tape.operations):
        digest.update(f"{operation.name}{tape.operands[index]}".encode())
        for name, value in sorted(tape.settings[index].items()):
            digest.update(name.encode())
            digest.update(content(value))
        digest.update(str(tape.types[index]).encode())
    digest.update(f"{tape.input_indices}{tape.output_indices}".encode())
    return digest.hexdigest()


def content(value: Any) -> bytes:
    """Return the bytes that stand for a setting."""
    if is_array(value):
        return f"{value.dtype}{value.shape}".encode() + value.tobytes()
    if has_class(value, np.generic):
        return f"{value.dtype}".encode() + value.tobytes()
    return f"{type(value).__name__}:{value!r}".encode()
