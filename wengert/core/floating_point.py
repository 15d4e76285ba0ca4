"""NumPy's floating-point warnings while recording and playing, at the user's line.

NumPy warns at the line that calls it, which here is a line of wengert's.  So where it
would warn it is made to hand the text over, and the warning is given anew: at the line
that the user's code has reached, or, where a tape is played, at the line of the node.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from types import CodeType
from typing import Any, TypeVar

import numpy as np

# As they are outside a recording.
from numpy import geterr, geterrcall

from wengert.errors import is_library, warn

F = TypeVar("F", bound=Callable[..., Any])
#: Holds what `np.errstate` says in this context.
ERROR_STATE: Any = np._core.umath._extobj_contextvar  # type: ignore[attr-defined]
#: Functions that evaluate the node ``index`` of a tape ``tape``: their own variables.
PLAYERS: set[CodeType] = set()


def plays(function: F) -> F:
    """Decorate a function that evaluates ``tape``'s node ``index``."""
    PLAYERS.add(function.__code__)
    return function


class Teller:
    """What NumPy hands its texts to."""

    def write(self, text: str) -> None:
        """Give a warning at the line that it belongs to."""
        frame: Any = sys._getframe(1)
        line = None
        while frame is not None and is_library(frame.f_code.co_filename):
            if frame.f_code in PLAYERS:
                line = frame.f_locals["tape"].lines[frame.f_locals["index"]]
                break
            frame = frame.f_back
        warn(text.removeprefix("Warning: ").strip(), RuntimeWarning, line)


TELLER = Teller()


@lru_cache(maxsize=16)
def telling(state: Any) -> Any:
    """Return an error state as it is, except that the teller gives its warnings."""
    if geterrcall() is not None:  # somebody else is told
        return state
    told: Any = {kind: "log" for kind, how in geterr().items() if how == "warn"}
    with np.errstate(call=TELLER, **told):
        return ERROR_STATE.get(None)


@lru_cache(maxsize=16)
def raising(state: Any) -> Any:
    """Return an error state as it is, except that what is not ignored raises."""
    told: Any = {kind: "raise" for kind, how in geterr().items() if how != "ignore"}
    with np.errstate(**told):
        return ERROR_STATE.get(None)


@lru_cache(maxsize=16)
def undefined(state: Any) -> Any:
    """Return an error state as it is, except that what is not defined goes by."""
    with np.errstate(invalid="ignore"):
        return ERROR_STATE.get(None)


@lru_cache(maxsize=1)
def silent() -> Any:
    """Return the error state in which NumPy says nothing."""
    with np.errstate(all="ignore"):
        return ERROR_STATE.get(None)


class Changed:
    """While entered, the error state is another one; quicker than `np.errstate`."""

    __slots__ = ("token",)

    def state(self) -> Any:
        """Return the other state."""
        raise NotImplementedError

    def __enter__(self) -> None:
        self.token = ERROR_STATE.set(self.state())

    def __exit__(self, *_: object) -> None:
        ERROR_STATE.reset(self.token)


class As(Changed):
    """While entered, the error state is a given one."""

    __slots__ = ("given",)

    def __init__(self, given: Any) -> None:
        self.given = given

    def state(self) -> Any:
        """Return the given state."""
        return self.given


class Told(Changed):
    """While entered, warnings are given at the user's lines."""

    __slots__ = ()

    def state(self) -> Any:
        """Return the state as it is, except that the teller gives its warnings."""
        return telling(ERROR_STATE.get(None))


class Raising(Changed):
    """While entered, NumPy raises where it would say anything."""

    __slots__ = ()

    def state(self) -> Any:
        """Return the state as it is, except that what is not ignored raises."""
        return raising(ERROR_STATE.get(None))


class Undefined(Changed):
    """While entered, what is not defined goes by."""

    __slots__ = ()

    def state(self) -> Any:
        """Return the state as it is, except for what is not defined."""
        return undefined(ERROR_STATE.get(None))


class Silent(Changed):
    """While entered, NumPy says nothing, as native code does."""

    __slots__ = ()

    def state(self) -> Any:
        """Return the state in which all is ignored."""
        return silent()
