"""Captures: recorded values that a function reads from outside its arguments.

A function that is run as one node (a checkpoint, a function with its own rule) runs
while the recording around it is set aside.  A value of that recording which it meets is
looked up here: noted as a capture, replaced by a stand-in, or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from threading import get_ident
from typing import Any

from wengert.capture import tree
from wengert.core.types import Recorded, is_array

CAPTURES: ContextVar[Captures | None] = ContextVar("wengert_captures", default=None)


class Captures:
    """What stands in for the values of a recording that is set aside.

    Parameters
    ----------
    stand_ins : dict from ``id(value)`` to what replaces it
    refuse : callable or None
        Gives what is raised of a value without a stand-in; None where such a value is
        noted in `found` and replaced by its present contents.
    """

    def __init__(
        self,
        stand_ins: dict[int, Any] | None = None,
        refuse: Callable[[Any], BaseException] | None = None,
    ) -> None:
        self.stand_ins = {} if stand_ins is None else stand_ins
        self.refuse = refuse
        #: Pairs of a value and what it was around the function (itself, or a stand-in).
        self.found: list[tuple[Any, Any]] = []
        self.outer = CAPTURES.get()

    def knows(self, value: Any) -> bool:
        """Whether something stands in for a value, here or around."""
        is_outside = self.outer is not None and self.outer.knows(value)
        return id(value) in self.stand_ins or is_outside

    def of(self, value: Any) -> Any:
        """Return what stands in for a value."""
        if id(value) in self.stand_ins:
            return self.stand_ins[id(value)]
        if self.refuse is not None:
            raise self.refuse(value)
        around = value
        if self.outer is not None and id(value) in self.outer.stand_ins:
            around = self.outer.stand_ins[id(value)]
        self.found.append((value, around))
        contents = around._current() if isinstance(around, Recorded) else around  # type: ignore[attr-defined]
        self.stand_ins[id(value)] = contents = read_only(contents)
        return contents


def is_set_aside(value: Any) -> bool:
    """Whether a value belongs to a recording that does not go on in this thread."""
    return isinstance(value, Recorded) and value._tape.thread != get_ident()  # type: ignore[attr-defined]


def stand_in(value: Any) -> Any:
    """Return what replaces a value whose recording is set aside; others as they are."""
    if not is_set_aside(value):
        return value
    captures = CAPTURES.get()
    if captures is not None:
        return captures.of(value)
    if value.is_constant:  # made by a recording that has ended, of plain numbers alone
        return value._current()
    value._tape.check_thread()
    return value


def is_noting() -> bool:
    """Whether somebody asks which values are read from a recording around."""
    captures = CAPTURES.get()
    return captures is not None and captures.refuse is None


def noted(operands: Any) -> Any:
    """Return the operands of what is one node where it is recorded.

    Where somebody asks what is read from a recording around, all of them are: the node
    reads them, whether or not the function does.
    """
    return tree.map_leaves(stand_in, operands) if is_noting() else operands


def read_only(value: Any) -> Any:
    """Return a view of an array that cannot be written to; numbers as they are."""
    if not is_array(value):
        return value
    view = value.view()
    view.flags.writeable = False
    return view
