"""A program as text: what it reads from outside, its statements, and its calls.

A program is a module of its own.  ``program`` takes the arguments of one of ``CALLS``;
``change(k)`` changes what it reads from outside before call ``k``.  The text runs as it
stands, so a mismatch can be looked at in plain Python.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

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
    features: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def source(self) -> str:
        """The text of the module."""
        terms = " + ".join(
            f"np.sum({name}).real * {0.5 + 0.25 * k}"
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

    def load(self) -> Instance:
        """Return the program with an outside of its own."""
        return Instance(self)


class Instance:
    """A program that has been loaded: its function, and what is outside of it."""

    def __init__(self, program: Program) -> None:
        module = ModuleType("fuzzed")
        sys.modules[module.__name__] = module  # as dataclasses want it
        scope = module.__dict__
        exec(compile(program.source, f"<program {program.seed}>", "exec"), scope)
        self.function: Callable[..., Any] = scope["program"]
        self.calls: list[Callable[[], tuple[Any, ...]]] = scope["CALLS"]
        self.change: Callable[[int], Any] = scope["change"]

    def arguments(self, k: int) -> tuple[Any, ...]:
        """Return new arguments of call `k`, and change the outside for it."""
        self.change(k)
        return self.calls[k]()
