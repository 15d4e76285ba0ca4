"""One way of reading the outside, and what happens to it under a transformation."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import wengert as wg
from wengert.capture.reads.snapshot import WARNED
from wengert.errors import WengertError

#: What every program may use.
PRELUDE = """
import abc, array, collections, contextvars, ctypes, dataclasses, datetime, decimal
import enum, fractions, functools, itertools, logging, math, operator, os, pathlib
import queue, random, re, secrets, sqlite3, statistics, sys, threading, time, types
import typing, uuid, warnings, weakref
import numpy as np
import scipy.interpolate, scipy.special, scipy.stats
import wengert as wg
"""
COUNTER = itertools.count()


@dataclass(frozen=True)
class Way:
    """One way of reading the outside.

    Attributes
    ----------
    kind, name : the section of the table, and what is read
    program : statements that define ``f(x)``; ``path`` is a file that may be used
    change : statements that change what it reads
    outcome : "fresh", "static", "eager" or "refused"
    repeats : bool
        Whether two calls of the program itself agree (a clock does not).
    restore : statements that undo what the change did to the whole process
    """

    kind: str
    name: str
    program: str
    change: str
    outcome: str = "fresh"
    repeats: bool = True
    restore: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"


@dataclass
class Twin:
    """The program of a way in a module of its own, with the function that is called."""

    way: Way
    path: Path
    transform: Callable[..., Any]
    module: ModuleType = field(init=False)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = f"way_{next(COUNTER)}"
        self.module = sys.modules[self.name] = ModuleType(self.name)
        self.space["path"] = str(self.path)
        self.execute(PRELUDE)
        self.execute(self.way.program)
        self.function = self.transform(self.space["f"])

    @property
    def space(self) -> dict[str, Any]:
        """The globals of the program."""
        return self.module.__dict__

    def execute(self, text: str) -> None:
        """Run statements as a part of the program."""
        exec(compile(text, f"<{self.name}>", "exec"), self.space)

    def call(self, x: Any) -> Any:
        """Call the function, with the other argument that the program gives."""
        if "given" in self.space:
            return self.function(x, self.space["given"])
        return self.function(x)

    def close(self) -> None:
        """Forget the module."""
        del sys.modules[self.name]


class StaleError(AssertionError):
    """A transformed function did not answer as the function itself."""


def observe(
    way: Way,
    folder: Path,
    transform: Callable[..., Any],
    plain: Callable[..., Any],
    x: Any,
    is_eager: Callable[[Any], bool | None],
) -> str:
    """Return what happens; raise `StaleError` where another answer is given.

    `is_eager` says whether the transformed function runs eagerly by now; None where
    only the warning shows it.
    """
    WARNED.clear()
    shown: list[Any] = []
    twins: list[Twin] = []
    try:
        with warnings.catch_warnings(record=True) as shown:
            warnings.simplefilter("always")
            for name, function in (("plain", plain), ("own", transform)):
                twins.append(Twin(way, folder / name, function))
            compare(way, twins, x, 4)
            before = len(told(shown))
            for twin in twins:
                twin.execute(way.change)
            compare(way, twins, x, 4)
            found = told(shown)
    except WengertError as error:
        if "instead:" not in str(error):
            raise
        return "refused"
    finally:
        for twin in twins:
            twin.execute(way.restore)
            twin.close()
    eager = is_eager(twins[1].function)
    if found if eager is None else eager:
        assert found, "it runs eagerly, and no warning says so"
        assert len(set(found)) == len(found) == max(before, 1), found
        return "eager"
    assert not found, found
    return "static" if "given" in twins[1].space else "fresh"


def told(shown: list[Any]) -> list[str]:
    """Return the texts of wengert's own warnings."""
    return [str(w.message) for w in shown if "eagerly" in str(w.message)]


def compare(way: Way, twins: list[Twin], x: Any, times: int) -> None:
    """Call the function and its twin some times, and compare what they give."""
    for _ in range(times):
        right, found = (answer(twin, x) for twin in twins)
        if way.repeats and not agree(right, found):
            raise StaleError(f"{found} instead of {right}")


def answer(twin: Twin, x: Any) -> Any:
    """Return what a call gives, or the error of the program itself."""
    try:
        return twin.call(x)
    except WengertError:
        raise
    except Exception as error:
        return type(error)


def agree(right: Any, found: Any) -> bool:
    """Whether two answers are the same."""
    if isinstance(right, type) or isinstance(found, type):
        return right is found
    return bool(np.allclose(right, found, rtol=1e-12, atol=1e-12, equal_nan=True))


def jitted(function: Any) -> Any:
    """Return a jitted function; the argument that a program gives is static."""
    space = function.__globals__ if hasattr(function, "__globals__") else {}
    return wg.jit(function, static_argnums=(1,) if "static" in space else ())


def is_jit_eager(function: Any) -> bool:
    """Whether a jitted function runs eagerly; if not, a path of it was replayed."""
    entries = list(function.entries.values())
    eager = any(entry.is_eager for entry in entries)
    assert eager or any(entry.tree.believed for entry in entries), "no replay"
    return eager
