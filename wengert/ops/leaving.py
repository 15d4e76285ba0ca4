"""Which nodes may leave the recorded path: what they compute cannot be left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Contract, Map, Move, Reduce, Scan, Subtapes
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, INPUT, Tape
from wengert.core.types import Type
from wengert.ops.index import ITEM
from wengert.ops.python import NOTHING, PYTHON, conditions

#: What asks nothing, and raises at nothing.
NEVER = frozenset({INPUT, CONSTANT, ITEM})


def may_leave(tape: Tape, index: int) -> bool:
    """Whether a play may leave the recorded path at a node: it asks, or may raise.

    NumPy's functions of floats raise at no other floats, unless operands are places;
    Python's numbers may be too large, or have no result.
    """
    operation, operands = tape.operations[index], tape.operands[index]
    if operation in NEVER:
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


def leaving(tape: Tape) -> list[int]:
    """Return the nodes at which a play may leave the recorded path.

    Of those that are alike one is asked about.
    """
    if tape.leaving is not None:
        return tape.leaving
    operations, operands, types = tape.operations, tape.operands, tape.types
    known: dict[Any, bool] = {}

    def leaves(index: int) -> bool:
        operation = operations[index]
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

    kinds = {id(like): like for like in types}
    plain = {key for key, like in kinds.items() if is_plain(like)}
    if reads_whole_numbers(tape, kinds):
        plain.clear()
    calm = {operation for operation in set(operations) if is_calm(operation)}
    pairs = enumerate(zip(operations, types, strict=True))
    return [
        k
        for k, (f, t) in pairs
        if not (f in NEVER or (f in calm and id(t) in plain)) and leaves(k)
    ]


def is_plain(like: Any) -> bool:
    """Whether a type is of NumPy's floats, complex numbers or truth values."""
    return type(like) is Type and not like.weak and like.dtype.kind in "bfc"


def reads_whole_numbers(tape: Tape, kinds: dict[int, Any]) -> bool:
    """Whether Python's whole numbers vary on a tape, or types are not known."""
    whole = {
        key
        for key, like in kinds.items()
        if like is None or (type(like) is Type and like.weak and like.dtype.kind == "i")
    }
    pairs = zip(tape.operations, tape.types, strict=True)
    return bool(whole) and not whole.isdisjoint(
        [id(like) for operation, like in pairs if operation is not CONSTANT]
    )


def is_calm(operation: Operation) -> bool:
    """Whether an operation raises at no numbers of NumPy's, wherever they are."""
    form = operation.form
    if not operation.is_registered or operation is GUARD:
        return False
    if isinstance(form, Map):
        return raises_nothing(operation)
    return isinstance(form, (Reduce, Scan, Contract))


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
    if isinstance(form, Move):
        places = [] if form.moved is None else tape.operands[index][form.moved :]
        return all(is_fixed(tape, k) for k in places)
    return is_calm(operation)


def raises_nothing(operation: Operation) -> bool:
    """Whether a function of elements raises at no floats.

    SciPy's private ones are Boost's, which raise where they overflow.
    """
    function = operation.function
    is_private = getattr(function, "__name__", "_")[0] == "_"
    is_numeric = isinstance(function, np.ufunc) and not is_private
    return getattr(operation.form, "text", None) is not None or is_numeric
