"""Calls that repeat while a recursion is recorded: what is known is not done again.

Now and then the frames are looked at.  A function of the user's that is there more than
once calls itself; where it is seen to do nothing but compute (`pure`), it is not run
again for arguments that it has had: of recorded ones, the same nodes.
"""

from __future__ import annotations

import sys
from threading import get_ident
from types import CodeType, FrameType, FunctionType
from typing import Any

import numpy as np

from wengert.capture.answers.leading import copy_of, leading_to
from wengert.capture.answers.table import RECORDING
from wengert.capture.array import RecordedArray, RecordedScalar
from wengert.capture.pure import Fetch, ImpureError, reads_of
from wengert.core.tape import Tape
from wengert.errors import IS_LIBRARY

#: Elements of plain arrays up to which they are compared, and calls inside one another
#: up to which a function is run by way of `Recalled`: each takes two frames more.
MOST_ELEMENTS, MOST_DEEP = 64, 100
EXACT = frozenset((int, bool, str, bytes, type(None), range, type(Ellipsis)))
BY_TEXT = frozenset((float, complex))
#: What cannot change after it is returned.
STAYS = EXACT | BY_TEXT
NOTHING: Any = object()


class UnknownError(Exception):
    """An argument of which it is not known when it is the same."""


class Recall:
    """The functions whose calls are recalled while a tape is recorded."""

    __slots__ = ("functions", "refused", "tape")

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.functions: list[Recalled] = []
        self.refused: set[CodeType] = set()

    def look(self) -> None:
        """Recall the calls of functions that call themselves right now."""
        for frame in repeated_frames():
            code = frame.f_code
            if code in self.refused:
                continue
            self.refused.add(code)
            function = function_of(frame)
            if function is None:
                continue
            originals = {each.standing: each.original for each in self.functions}
            try:
                reads = reads_of(function, originals)
            except ImpureError:
                continue
            self.functions.append(Recalled(self.tape, function, reads))
            self.tape.recalled.append(len(self.tape) - 1)

    def end(self) -> None:
        """Let all functions be as they were."""
        for function in self.functions:
            function.end()


class Recalled:
    """A function whose calls are recalled.

    Parameters
    ----------
    tape : Tape
    function : FunctionType
        Its code is replaced until `end`.
    reads : list of callable
        Fetch what it reads from outside.
    """

    def __init__(self, tape: Tape, function: FunctionType, reads: list[Fetch]) -> None:
        self.tape, self.function, self.reads = tape, function, reads
        self.code = code = function.__code__
        self.original = copy_of(function)
        self.known: dict[Any, Any] = {}
        self.depth = 0
        self.is_active = True
        leading = leading_to(self.call, code)
        # No frame of the user's, for whoever looks for the user's line.
        self.standing = leading.replace(co_filename=__file__)
        function.__code__ = self.standing

    def call(self, args: tuple[Any, ...], settings: dict[str, Any]) -> Any:
        """Return what the function gives."""
        key = None if settings else self.key(args)
        if key is None:
            return self.original(*args, **settings)
        found = self.known.get(key, NOTHING)
        if found is not NOTHING:
            return found
        if self.depth >= MOST_DEEP:
            self.end()
        self.depth += 1
        try:
            result = self.original(*args)
        finally:
            self.depth -= 1
        if self.key(args) != key:  # it writes into what it is given
            self.end()
        elif stays(result):
            self.known[key] = result
        return result

    def key(self, args: tuple[Any, ...]) -> Any:
        """Return what says when a call is the same; None where nothing does."""
        tape = self.tape
        if not self.is_active or RECORDING.get() is not tape:
            return None
        if tape.thread != get_ident():
            return None
        try:
            given = [key_of(part, tape) for part in args]
            read = [key_of(fetch(), tape) for fetch in self.reads]
            key = tuple(given), tuple(read)
            hash(key)
        except (UnknownError, TypeError, ValueError):
            return None
        return key

    def end(self) -> None:
        """Let the function be as it was."""
        self.is_active = False
        self.known.clear()
        if self.function.__code__ is self.standing:
            self.function.__code__ = self.code


def repeated_frames() -> list[FrameType]:
    """Return one frame of every code of the user's that is called more than once."""
    found: dict[CodeType, FrameType] = {}
    repeated: dict[CodeType, FrameType] = {}
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code in found:
            repeated[code] = frame
        elif not IS_LIBRARY[code.co_filename]:
            found[code] = frame
        frame = frame.f_back
    return list(repeated.values())


def function_of(frame: FrameType) -> FunctionType | None:
    """Return the function of a frame where it is found by its name."""
    code = frame.f_code
    name = code.co_name
    if name in code.co_freevars:
        found = frame.f_locals.get(name)
    else:
        found = frame.f_globals.get(name)
    is_it = type(found) is FunctionType and found.__code__ is code
    return found if is_it else None


def stays(value: Any) -> bool:
    """Whether a value never changes."""
    if type(value) is tuple:
        return all(stays(part) for part in value)
    kind = type(value)
    return kind is RecordedScalar or kind in STAYS or issubclass(kind, np.number)


def key_of(value: Any, tape: Tape) -> Any:
    """Return what is equal for the same values alone."""
    kind = type(value)
    if kind in EXACT:
        return kind, value
    if kind is RecordedScalar:
        if value._tape is not tape:
            raise UnknownError
        return kind, value._index
    if kind is RecordedArray:
        return kind, contents_of(value, tape)
    if kind is FunctionType:
        return kind, value
    if kind in BY_TEXT:
        return kind, repr(value)
    if kind is tuple or kind is list:
        return kind, tuple([key_of(part, tape) for part in value])
    if kind is slice:
        return kind, key_of((value.start, value.stop, value.step), tape)
    if kind is np.ndarray or issubclass(kind, np.number):
        return kind, bytes_of(value)
    raise UnknownError


def contents_of(value: RecordedArray, tape: Tape) -> Any:
    """Return what says which the present contents of an array are."""
    if value._tape is not tape:
        raise UnknownError
    if value.is_passive:
        return bytes_of(value._current())
    storage = value._storage
    if storage is None:
        return value._index, ()
    return storage.index, value._chain


def bytes_of(value: Any) -> Any:
    """Return the contents of a small plain array."""
    if value.size > MOST_ELEMENTS or value.dtype.kind not in "biufc":
        raise UnknownError
    return value.dtype.str, value.shape, value.tobytes()
