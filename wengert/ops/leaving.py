"""Which nodes may leave the recorded path: what they compute cannot be left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.forms import Contract, Map, Move, Reduce, Scan, Subtapes
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import FLOAT64, Type
from wengert.ops.index import ITEM
from wengert.ops.python import NOTHING, PYTHON, conditions


def may_leave(tape: Tape, index: int) -> bool:
    """Whether a play may leave the recorded path at a node: it asks, or may raise.

    NumPy's functions of floats raise at no other floats, unless operands are places;
    Python's numbers may be too large, or have no result.
    """
    operation, operands = tape.operations[index], tape.operands[index]
    if operation in (INPUT, CONSTANT, ITEM):
        return False
    if isinstance(operation.form, Subtapes):
        own = operation.form.tapes(tape.settings[index])
        return any(may_leave(sub, k) for sub in own for k in range(len(sub)))
    types = [tape.types[k] for k in (*operands, index)]
    is_plain = all(type(like) is Type for like in types)
    if operation is GUARD or not (operation.is_registered and is_plain):
        return True
    *kinds, kind = [like.dtype.kind for like in types]
    if types[-1].weak:
        by_python = operation.name in PYTHON and "c" not in kinds
        return not by_python or conditions(operation.name, kinds, kind) is not NOTHING
    if kind not in "bfc" or not is_quiet(tape, index):
        return True
    given = [tape.types[k] for k in operands if tape.operations[k] is not CONSTANT]
    return any(like.weak and like.dtype.kind == "i" for like in given)


def leaving(tape: Tape) -> Callable[[int], bool]:
    """Return `may_leave` of a tape's nodes, asked once of those that are alike."""
    operations, operands, types = tape.operations, tape.operands, tape.types
    known: dict[Any, bool] = {}
    quiet: dict[Operation, bool] = {}

    def leaves(index: int) -> bool:
        operation = operations[index]
        is_known = quiet.get(operation)
        if is_known is None:
            is_known = quiet[operation] = is_quiet_map(operation)
        if is_known and types[index] is FLOAT64:  # most nodes of a plain loop
            for k in operands[index]:
                if types[k] is not FLOAT64 and operations[k] is not CONSTANT:
                    break
            else:
                return False
        if isinstance(operation.form, Subtapes):
            return may_leave(tape, index)
        read = [
            (id(types[k]), is_fixed(tape, k))
            if operations[k] is CONSTANT
            else id(types[k])
            for k in operands[index]
        ]
        key = (operation, id(types[index]), *read)
        found = known.get(key)
        if found is None:
            found = known[key] = may_leave(tape, index)
        return found

    return leaves


def is_quiet_map(operation: Operation) -> bool:
    """Whether no elements that are floats make an operation raise."""
    is_map = operation.is_registered and isinstance(operation.form, Map)
    return is_map and raises_nothing(operation)


def is_fixed(tape: Tape, index: int) -> bool:
    """Whether a node is whatever it was when it was recorded: places are in bounds.

    Only a recording knows which constants may be refilled.
    """
    is_constant = tape.keeps_guards and tape.operations[index] is CONSTANT
    return is_constant and index not in tape.refillable


def is_quiet(tape: Tape, index: int) -> bool:
    """Whether a function raises at no floats, where operands are that vary."""
    operation = tape.operations[index]
    form = operation.form
    if isinstance(form, Map):
        return raises_nothing(operation)
    if isinstance(form, Move):
        places = [] if form.moved is None else tape.operands[index][form.moved :]
        return all(is_fixed(tape, k) for k in places)
    return isinstance(form, (Reduce, Scan, Contract))


def raises_nothing(operation: Operation) -> bool:
    """Whether a function of elements raises at no floats.

    SciPy's private ones are Boost's, which raise where they overflow.
    """
    function = operation.function
    is_private = getattr(function, "__name__", "_")[0] == "_"
    is_numeric = isinstance(function, np.ufunc) and not is_private
    return getattr(operation.form, "text", None) is not None or is_numeric
