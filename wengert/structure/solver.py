"""A function of SciPy's that calls functions of the user, while recording.

SciPy runs on plain numbers; what its functions close over, and their arguments, are the
operands of one node.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from wengert.capture import tree
from wengert.capture.captures import stand_in
from wengert.capture.record import active_tape
from wengert.core.operation import answers_named
from wengert.structure.nested import Closed

Function = Callable[..., Any]
#: The arguments of one call by name.
Given = dict[str, Any]


def original_of(path: str) -> Function:
    """Return SciPy's function of a path: ``"scipy.optimize.root"``."""
    module, _, name = path.rpartition(".")
    return getattr(sys.modules[module], name)  # type: ignore[no-any-return]


@lru_cache
def signature_of(path: str) -> inspect.Signature:
    """Return the signature of SciPy's function of a path."""
    return inspect.signature(original_of(path))


def given_by_name(path: str, args: Sequence[Any], keywords: Given) -> Given:
    """Return the arguments of a call by name, with defaults; ``args`` is a tuple."""
    bound = signature_of(path).bind(*args, **keywords)
    bound.apply_defaults()
    found = bound.arguments
    if "args" in found and not isinstance(found["args"], tuple):
        found["args"] = () if found["args"] is None else (found["args"],)
    return found


def answers_functions_of(path: str) -> Callable[[Function], Function]:
    """Say that code answers one of SciPy's functions that takes functions.

    It is ``code(tape, *args, **keywords)``, called where something is being recorded.
    """

    def register(code: Function) -> Function:
        def answer(*args: Any, **keywords: Any) -> Any:
            tape = active_tape()
            if tape is None:
                args, keywords = tree.map_leaves(stand_in, (args, keywords))
                return original_of(path)(*args, **keywords)
            return code(tape, *args, **keywords)

        answer.__name__ = answer.__qualname__ = path.rpartition(".")[2]
        answer.takes_functions = True  # type: ignore[attr-defined]
        answers_named(path)(answer)
        return answer

    return register


class Problem:
    """One call: its operands, and its arguments by name at other operands."""

    def __init__(
        self,
        path: str,
        args: Sequence[Any],
        keywords: Given,
        run: Function | None = None,
    ) -> None:
        self.path, self.name = path, path.rpartition(".")[2]
        self.closed = Closed(run or original_of(path), (args, keywords), path)
        self.given = given_by_name(path, args, keywords)

    def place_of(self, name: str) -> int | None:
        """Return which operand an argument is; None where it is not one."""
        arguments = self.closed.arguments
        marks = [Mark(k) for k in range(len(arguments.places))]
        args, keywords = arguments.fill(marks)
        found = given_by_name(self.path, args, keywords)[name]
        return found.place if isinstance(found, Mark) else None

    def at(self, operands: Sequence[Any]) -> tuple[Given, Any]:
        """Return the arguments by name, and where captured values are replaced."""
        args, keywords, captured = self.closed.call_of(operands)
        return (
            given_by_name(self.path, args, keywords),
            self.closed.standing_in(captured),
        )


class Mark:
    """Stands for an operand among the arguments."""

    def __init__(self, place: int) -> None:
        self.place = place
