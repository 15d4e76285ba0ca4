"""What must hold before a native call, and the thunk in Python that asks for it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

import numpy as np

from wengert.capture.reads.frozen import Contents
from wengert.capture.reads.watched import ReadArray

#: Conditions that are written into the thunk around a native call; more are called.
MOST_INLINED = 40
THUNK = """
def guarded(*args, **kwargs):
    try:
        fits = {tests}
    except Exception:
        fits = False
    if not fits and (check() >= 0 or any(look() for look in looks)):
        return fallback(*args, **kwargs)
    return call(*args, **kwargs)
"""
#: The same where numbers that are read are inputs, behind the arguments.
THUNK_OF_NUMBERS = """
def guarded(*args, **kwargs):
    try:
        {values}
        if not ({fixed}):
            return fallback(*args, **kwargs)
        fits = {tests}
    except Exception:
        return fallback(*args, **kwargs)
    if not fits and (check() >= 0 or any(look() for look in looks)):
        return fallback(*args, **kwargs)
    return call(*(args + ({numbers})), **kwargs)
"""


@functools.lru_cache(maxsize=512)
def compiled(text: str) -> CodeType:
    """Return the code of a text; paths of functions that read alike have the same."""
    return compile(text, "<string>", "exec")


class PlainArrays:
    """Arrays that plain NumPy code read: their contents are compared.

    Attributes
    ----------
    arrays : list of (path, array)
    """

    __slots__ = ("arrays", "pairs")

    def __init__(self, found: list[ReadArray], contents: dict[int, Contents]) -> None:
        self.arrays = found
        self.pairs = [contents[id(array)] for _, array in found]

    def changed_arrays(self) -> list[np.ndarray]:
        """Return the arrays with other contents."""
        pairs = zip(self.arrays, self.pairs, strict=True)
        return [found.array for found, held in pairs if not held.hold()]

    def changed(self) -> str | None:
        """Return the path of the first array with other contents; None if none."""
        for k, held in enumerate(self.pairs):
            if not held.hold():
                return self.arrays[k].path
        return None


@dataclass(frozen=True, slots=True)
class Watch:
    """What must hold before a native call, and what it is given behind its arguments.

    Attributes
    ----------
    names : dict
        What the expressions name.
    tests : list of str
        Expressions that are true where surely nothing changed.
    check : callable
        Gives a negative number where nothing changed, though a test says so.
    plain : list of PlainArrays
        Arrays whose contents are compared.
    looks : list of callable
        Further questions, that are true where something changed.
    values : list of str
        Expressions of the numbers that are inputs.
    fixed : list of (int, value)
        Inputs that must be what they were, by number.
    """

    names: dict[str, Any]
    tests: list[str]
    check: Callable[[], int]
    plain: list[PlainArrays]
    looks: list[Callable[[], Any]]
    values: list[str]
    fixed: Sequence[tuple[int, Any]]

    @property
    def contents(self) -> list[Contents]:
        """What is compared of arrays, each once."""
        held = {id(pair): pair for arrays in self.plain for pair in arrays.pairs}
        return list(held.values())

    def thunk(
        self, call: Callable[..., Any], fallback: Callable[..., Any]
    ) -> Callable[..., Any]:
        """Return a call that goes to the fallback where what was read has changed.

        Written out as one expression, two numbers cost less than a call.
        """
        names = dict(self.names)
        numbers = [f"number{k}" for k in range(len(self.values))]
        same = []
        for k, (number, value) in enumerate(self.fixed):
            names[f"fixed{k}"] = value
            same.append(f"{numbers[number]} is fixed{k}")
        tests = [f"({test})" for test in self.tests]
        for k, held in enumerate(self.contents):
            names[f"array{k}"], names[f"bytes{k}"] = held.array, held.bytes
            # `memcmp` of two buffers; not True where the array lies in pieces.
            tests.append(f"(bytes{k} == array{k}) is True")
        if self.looks or len(tests) > MOST_INLINED:
            tests = ["False"]
        names |= {
            "check": self.check,
            "looks": [*self.looks, *(arrays.changed for arrays in self.plain)],
            "call": call,
            "fallback": fallback,
        }
        pairs = zip(numbers, self.values, strict=True)
        parts = {
            "tests": " and ".join(tests) or "True",
            "numbers": "".join(f"{name}, " for name in numbers),
            "values": "; ".join(f"{name} = {text}" for name, text in pairs),
            "fixed": " and ".join(same) or "True",
        }
        text = THUNK_OF_NUMBERS if numbers else THUNK
        exec(compiled(text.format_map(parts)), names)
        made: Callable[..., Any] = names["guarded"]
        return made
