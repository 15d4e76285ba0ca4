"""Locks and switches that a forked child finds as if it had always been alone.

Only the thread that forks is in the child: what the parent's other threads held is free
there, and what they switched on is off.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from threading import get_ident
from typing import Any

_LOCKS: weakref.WeakSet[Any] = weakref.WeakSet()
_SWITCHES: weakref.WeakSet[Switch] = weakref.WeakSet()


def make() -> Any:
    """Return a reentrant lock that is free in a forked child, unless it forked itself.

    Returns
    -------
    threading.RLock
    """
    lock = threading.RLock()
    _LOCKS.add(lock)
    return lock


class Switch:
    """Something global that is on while any thread holds it.

    Parameters
    ----------
    on, off : callable
        What the first holder does, and what the last one does.
    """

    def __init__(self, on: Callable[[], None], off: Callable[[], None]) -> None:
        self._on, self._off = on, off
        self._lock = make()
        self._holds: dict[int, int] = {}
        _SWITCHES.add(self)

    def hold(self) -> None:
        """Count one more hold of this thread; switch on for the first of all."""
        thread = get_ident()
        with self._lock:
            if not self._holds:
                self._on()
            self._holds[thread] = self._holds.get(thread, 0) + 1

    def release(self) -> None:
        """Count one hold of this thread less; switch off after the last of all."""
        thread = get_ident()
        with self._lock:
            count = self._holds.pop(thread) - 1
            if count:
                self._holds[thread] = count
            elif not self._holds:
                self._off()

    def forget_others(self) -> None:
        """Leave only what this thread holds."""
        thread = get_ident()
        self._holds = {k: n for k, n in self._holds.items() if k == thread}
        # Another thread may have been in the middle of switching.
        (self._on if self._holds else self._off)()


def _in_child() -> None:
    """Free what threads of the parent held."""
    for lock in list(_LOCKS):
        if not lock._is_owned():
            lock._at_fork_reinit()
    for switch in list(_SWITCHES):
        switch.forget_others()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
