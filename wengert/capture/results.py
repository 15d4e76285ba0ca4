"""What a function hands out must not hide a recorded value where no one finds it."""

from __future__ import annotations

import gc
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

from wengert.capture import tree
from wengert.core.tape import Tape
from wengert.core.types import Recorded, is_array
from wengert.errors import RecordingError, explain

#: How many objects inside a result are looked at.
MOST_PARTS = 10_000


def check_results(structure: Any, tape: Tape) -> None:
    """Raise if a part of a result that is no number holds values of this tape."""
    for value in tree.fixed_in(structure):
        if hides_recorded(value, tape):
            name = type(value).__name__
            raise RecordingError(
                explain(
                    f"a result is a {name} that holds a recorded value",
                    "numbers are found in tuples, lists, dictionaries, dataclasses "
                    "and registered classes; elsewhere the value would outlive its "
                    "tape",
                    "list(result) or the numbers themselves, or a class that is "
                    "registered (wengert.register_pytree_node)",
                )
            )


def hides_recorded(value: Any, tape: Tape) -> bool:
    """Whether an object holds a value of this tape, however deep."""
    waiting, seen = [value], {id(value)}
    while waiting and len(seen) < MOST_PARTS:
        for part in parts_of(waiting.pop()):
            if issubclass(type(part), Recorded):
                if part._tape is tape and not part.is_constant:
                    return True
            elif id(part) not in seen:
                seen.add(id(part))
                waiting.append(part)
    return False


def parts_of(value: Any) -> Iterable[Any]:
    """Return what an object holds; of a function, its cells and defaults."""
    kind = type(value)
    if issubclass(kind, (type, ModuleType, Tape)):
        return ()
    if issubclass(kind, FunctionType):
        cells = value.__closure__ or ()
        return (*gc.get_referents(*cells), *(value.__defaults__ or ()))
    if is_array(value):  # the collector is not shown what an array holds
        return value.ravel().tolist() if value.dtype.hasobject else ()
    return gc.get_referents(value)
