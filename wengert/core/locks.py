"""Locks that no forked child waits for: the thread that held one is not in the child."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Any

_MADE: weakref.WeakSet[Any] = weakref.WeakSet()


def make() -> Any:
    """Return a reentrant lock that is free in a forked child, its own holder apart."""
    lock = threading.RLock()
    _MADE.add(lock)
    return lock


def free() -> None:
    """Free the locks that threads of the parent held."""
    for lock in list(_MADE):
        if not lock._is_owned():
            lock._at_fork_reinit()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=free)
