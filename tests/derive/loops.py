"""Loops as nodes, made of a step in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import wengert
from wengert.capture.array import plain
from wengert.capture.record import SetAside
from wengert.core.operation import apply
from wengert.derive.loops import SCAN
from wengert.derive.steps import Body

Function = Callable[..., Any]


def rolled(
    step: Function, carried: int, moving: int, count: int, is_back: bool
) -> Function:
    """Return the function of operands that is one node."""
    known: list[Body] = []

    def function(*operands: Any) -> Any:
        t = count - 1 if is_back else 0
        values = [plain(operand) for operand in operands]
        rows = slice(carried, carried + moving)
        values[rows] = [stack[t] for stack in values[rows]]
        if not known:
            with SetAside(None):
                known.append(Body(wengert.record(step, *values), carried, moving))
        return apply(SCAN, *operands, body=known[0], count=count, reverse=is_back)

    return function
