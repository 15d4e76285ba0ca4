"""Functions answered while recording: NumPy's makers of arrays, and `math`.

They take no recorded argument, so NumPy's protocols do not see them.  While some
recording is active (counted under a lock) they are replaced in their modules; a
replacement answers only when its own context is recording and the calling frame is not
inside NumPy or SciPy.
"""

from __future__ import annotations

import sys
import threading
from contextvars import ContextVar
from threading import get_ident
from typing import Any

import numpy as np

from wengert.core.types import Recorded

#: Set by `capture.record`, which owns it.
RECORDING: ContextVar[Any]
_LOCK = threading.Lock()
_COUNT = 0
_ORIGINALS: dict[str, Any] = {
    name: getattr(np, name) for name in ("zeros", "ones", "empty", "full", "eye", "identity", "arange", "linspace", "array", "asarray")
}


def tape_here() -> Any:
    """Return the tape of this context if the caller's caller is user code."""
    tape = RECORDING.get()
    if tape is None or tape.thread != get_ident():
        return None
    module = sys._getframe(2).f_globals.get("__name__", "")
    return None if module.startswith(("numpy", "scipy")) else tape


def maker(name: str) -> Any:
    original = _ORIGINALS[name]

    def answered(*args: Any, **settings: Any) -> Any:
        from wengert.capture.array import wrap_passive
        tape = tape_here()
        if tape is None:
            return original(*args, **settings)
        return wrap_passive(tape, original(*args, **settings))
    answered.__name__ = name
    return answered


_REPLACED = {name: maker(name) for name in _ORIGINALS if name not in ("array", "asarray")}


def install() -> None:
    """Count one more recording; replace the functions for the first."""
    global _COUNT
    with _LOCK:
        _COUNT += 1
        if _COUNT == 1:
            np.__dict__.update(_REPLACED)


def remove() -> None:
    """Count one recording less; put the originals back after the last."""
    global _COUNT
    with _LOCK:
        _COUNT -= 1
        if _COUNT == 0:
            np.__dict__.update(_ORIGINALS)


def gather_list(value: Any) -> Any:
    raise NotImplementedError
