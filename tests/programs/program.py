"""A program as text: what it reads from outside, its statements, and its calls.

A program is a module of its own.  ``program`` takes the arguments of one of ``CALLS``;
``change(k)`` changes what it reads from outside before call ``k``.  The text runs as it
stands, so a mismatch can be looked at in plain Python.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from types import CodeType, ModuleType
from typing import Any

import numpy as np

Function = Callable[..., Any]

HEADER = """\
import contextlib
import dataclasses
import functools
import math
from collections import namedtuple
from math import inf, nan

import numpy as np
"""


@dataclass(frozen=True)
class Block:
    """One statement of a program, which may be left out as a whole."""

    lines: tuple[str, ...]
    features: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Program:
    """A program, in the pieces from which a smaller one can be made."""

    seed: int
    parameters: tuple[str, ...]
    outside: tuple[str, ...]
    changes: tuple[str, ...]
    blocks: tuple[Block, ...]
    total: tuple[str, ...]
    results: tuple[str, ...]
    calls: tuple[str, ...]
    differentiated: tuple[int, ...]
    style: str = "any"
    features: frozenset[str] = field(default=frozenset(), compare=False)

    @cached_property
    def source(self) -> str:
        """The text of the module."""
        return self.written(".real")

    def written(self, part: str) -> str:
        """Return the text, with a part of every number in the total."""
        terms = " + ".join(
            f"np.sum({name}){part} * {0.5 + 0.25 * k}"
            for k, name in enumerate(self.total)
        )
        results = "".join(f"{name}, " for name in self.results)
        names = ", ".join(line.split(" = ")[0] for line in self.changes)
        is_global = [n for n in names.split(", ") if n and n.isidentifier()]
        lines = [line for block in self.blocks for line in block.lines]
        declared = {line for line in lines if line.startswith("global ")}
        return "\n".join(
            [
                HEADER,
                *self.outside,
                "",
                "",
                "def change(k):",
                *([f"    global {', '.join(is_global)}"] if is_global else []),
                *(f"    {line}" for line in self.changes),
                "    return k",
                "",
                "",
                f"def program({', '.join(self.parameters)}):",
                *(f"    {line}" for line in sorted(declared)),
                *(f"    {line}" for line in lines if line not in declared),
                f"    return {terms or '0.0'}, ({results})",
                "",
                "",
                "CALLS = [",
                *(f"    lambda: {call}," for call in self.calls),
                "]",
                "",
            ]
        )

    def load(self, part: str = ".real") -> Instance:
        """Return the program with an outside of its own."""
        return Instance(self, self.written(part))


@lru_cache(maxsize=16)
def compiled(source: str, name: str) -> CodeType:
    """Return the code of a module; programs are loaded many times."""
    return compile(source, name, "exec")


class Instance:
    """A program that has been loaded: its function, and what is outside of it."""

    def __init__(self, program: Program, source: str) -> None:
        module = ModuleType("fuzzed")
        sys.modules[module.__name__] = module  # as dataclasses want it
        self.scope = scope = module.__dict__
        exec(compiled(source, f"<program {program.seed}>"), scope)
        self.function: Function = scope["program"]
        self.calls: list[Callable[[], tuple[Any, ...]]] = scope["CALLS"]
        self.change: Callable[[int], Any] = scope["change"]

    def arguments(self, k: int) -> tuple[Any, ...]:
        """Return new arguments of call `k`, and change the outside for it."""
        self.change(k)
        return self.calls[k]()

    def total(self, args: tuple[Any, ...]) -> float:
        """Return the number that is differentiated; NaN where the program raises."""
        found = outcome(self.function, args)
        return float("nan") if found.error is not None else float(found.value[0])


@dataclass(frozen=True)
class Outcome:
    """What a call gave: a value, or what it raised."""

    value: Any = None
    error: Exception | None = None


def outcome(
    function: Function, args: tuple[Any, ...], refused: type[Warning] | None = None
) -> Outcome:
    """Call; the result is copied, as later calls may change what it shares.

    Warnings go by, but for those of a kind that counts as an error.
    """
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            if refused is not None:
                warnings.simplefilter("error", refused)
            return Outcome(copy.deepcopy(function(*args)))
    except Exception as error:
        return Outcome(error=error)
