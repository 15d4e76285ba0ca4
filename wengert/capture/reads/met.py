"""Which of what cannot be watched a recording came to.

A walk looks at all code that a function may run.  While it runs, Python's profiler says
which functions are entered and which builtins are called.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from types import BuiltinFunctionType, CodeType, FunctionType
from typing import Any

from wengert.capture.reads.watched import Unresolved
from wengert.errors import code_of


class Met:
    """What was met of a list of things that are unresolved."""

    def __init__(self, unresolved: Sequence[Unresolved]) -> None:
        self.keys = {
            key
            for found in unresolved
            for key in (called(found), entered(found))
            if key is not None
        }
        self.met: set[Any] = set()
        self.codes: set[CodeType] = set()
        #: Whether another profiler is on that can't share: then all counts as met.
        self.is_blind = False
        self.other: Callable[[Any, Any, Any], object] | None = None

    @contextmanager
    def profiled(self) -> Iterator[None]:
        """While entered, note what this thread calls.

        A profiler that is on hears of it too; that of cProfile, which is no function
        of Python's, pauses.
        """
        before: Any = sys.getprofile()
        if before is None or callable(before):
            self.other = before
            restore: Callable[[], None] = partial(sys.setprofile, before)
        elif hasattr(before, "disable") and hasattr(before, "enable"):
            before.disable()
            restore = before.enable
        else:
            self.is_blind = True
            yield
            return
        sys.setprofile(self.notice)
        try:
            yield
        finally:
            restore()

    def notice(self, frame: Any, event: str, argument: Any) -> None:
        """Note a call."""
        if self.other is not None:
            self.other(frame, event, argument)
        if event == "call":
            self.codes.add(frame.f_code)
        elif event == "c_call" and argument in self.keys:
            self.met.add(argument)

    def enters(self, readers: set[CodeType | None]) -> bool:
        """Whether the recording came to code that reads something."""
        return self.is_blind or None in readers or not readers.isdisjoint(self.codes)

    def has_met(self, found: Unresolved) -> bool:
        """Whether the recording came to something unresolved."""
        if self.is_blind:
            return True
        code = entered(found)
        if code is not None and code not in self.codes:
            return False
        if found.attribute is not None:
            return any(asks_for(part, found.attribute) for part in self.codes)
        call = called(found)
        return call is None or call in self.met or call in self.codes


def entered(found: Unresolved) -> CodeType | None:
    """Return the code that reads what is unresolved."""
    return code_of(found.line)


def called(found: Unresolved) -> Any:
    """Return what the profiler names when a function of a library is called."""
    value = found.call
    if type(value) is FunctionType:
        return value.__code__
    return value if type(value) is BuiltinFunctionType else None


def asks_for(code: CodeType, name: str) -> bool:
    """Whether code asks for an attribute by name."""
    return name in code.co_names or name in code.co_consts
