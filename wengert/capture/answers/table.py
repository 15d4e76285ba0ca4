"""The table of what answers while recording: module -> name -> function.

Functions that take no recorded argument which NumPy's protocols would see are replaced
while some recording is active: those in C in their modules, those in Python by their
code.  A replacement answers only when its own context is recording and the calling
frame is not inside NumPy, SciPy or wengert; else it calls the original.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from threading import get_ident
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from wengert.capture.array import wrap_passive
from wengert.core.types import Recorded, is_array
from wengert.ops.join import holds_recorded

Function = Callable[..., Any]

#: The tape that this context is recording on.
RECORDING: ContextVar[Any] = ContextVar("wengert_recording", default=None)
LIBRARIES = frozenset({"numpy", "scipy", "pandas", "xarray", "wengert"})
#: Code between an answer and the function whose code leads to it.
VIA: set[CodeType] = set()
#: What answers: module -> name -> replacement.
ANSWERS: dict[ModuleType, dict[str, Any]] = {}


def tape_here() -> Any:
    """Return the tape of this context if the caller's caller is user code."""
    tape = RECORDING.get()
    if tape is None or tape.thread != get_ident():
        return None
    frame = caller(3)
    name = frame.f_code.co_name
    if name == "__array__":  # NumPy takes plain arrays alone from there
        return None
    if name == "<module>" and is_imported_now(frame.f_globals):
        return None
    module = frame.f_globals.get("__name__", "")
    return None if module.partition(".")[0] in LIBRARIES else tape


def caller(depth: int) -> FrameType:
    """Return the frame that called an answer, which is `depth` frames up from here."""
    frame = sys._getframe(depth)
    if frame.f_code in VIA:  # and above it is the code that leads there
        frame = frame.f_back.f_back  # type: ignore[union-attr,assignment]
    return frame


def is_imported_now(names: dict[str, Any]) -> bool:
    """Whether names are those of a module that a recorded function imports.

    What its body makes stays plain: it outlives the recording.
    """
    return getattr(names.get("__spec__"), "_initializing", False)


def is_foreign() -> bool:
    """Whether the caller's caller is NumPy's or SciPy's own code."""
    module = caller(3).f_globals.get("__name__", "")
    return module.partition(".")[0] in ("numpy", "scipy")


def answered(name: str, module: ModuleType = np) -> Callable[[Function], Function]:
    """Make the decorated code the replacement of a function while recording."""

    def register(code: Function) -> Function:
        code.__name__ = code.__qualname__ = name
        original = getattr(module, name)
        code.__wrapped__ = original  # type: ignore[attr-defined]
        code.__doc__ = original.__doc__  # numpy.ma, when imported, reads it
        ANSWERS.setdefault(module, {})[name] = code
        return code

    return register


def passive(tape: Any, value: Any) -> Any:
    """Return fresh plain arrays as passive recorded ones; all else stays plain.

    An array of objects stays plain too: recorded numbers are put into it as they are.
    """
    if is_array(value) and value.dtype.kind not in "biufc":
        return value
    return wrap_passive(tape, value)


def holds(value: Any) -> bool:
    """Whether a value is recorded, or a list with recorded values."""
    if isinstance(value, Recorded):
        return True
    return type(value) in (list, tuple) and holds_recorded(value)


def number(value: Any) -> Any:
    """Return the plain number of an argument of `math`."""
    if not isinstance(value, Recorded):
        return value
    plain = value._current()  # type: ignore[attr-defined]
    if is_array(plain) and plain.ndim:
        raise TypeError("only 0-dimensional arrays can be converted to Python scalars")
    return plain.item() if hasattr(plain, "item") else plain
