"""Small scalar programs for the native engine's tests, and their plain evaluation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from wengert.emit.compile import Compiled
from wengert.emit.program import Program

FORMULAS: dict[str, Callable[..., float]] = {
    "x + y": lambda x, y: x + y,
    "x - y": lambda x, y: x - y,
    "x * y": lambda x, y: x * y,
    "-x": lambda x: -x,
    "sin(x)": math.sin,
    "sqrt(x)": math.sqrt,
    "exp(x)": math.exp,
    "fabs(x)": abs,
    "maximum(x, y)": max,
    "x > y": lambda x, y: x > y,
    "select(x, y, z)": lambda x, y, z: y if x else z,
}


class Builder:
    """A program under construction; nodes are numbers."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.operands: list[tuple[int, ...]] = []
        self.types: list[str] = []
        self.values: dict[int, float] = {}
        self.outputs: list[tuple[int, int, int]] = []

    def add(self, operation: str, *operands: int, type: str = "float64") -> int:
        """Append a node."""
        if operation == "x > y":
            type = "bool"
        self.operations.append(operation)
        self.operands.append(operands)
        self.types.append(type)
        return len(self.operations) - 1

    def input(self, element: int, argument: int = 0, type: str = "float64") -> int:
        """Append an input."""
        return self.add("input", argument, element, type=type)

    def constant(self, value: float, type: str = "float64") -> int:
        """Append a constant."""
        node = self.add("constant", type=type)
        self.values[node] = value
        return node

    def guard(self, node: int, expected: float) -> None:
        """Append a guard."""
        self.values[self.add("guard", node, type="bool")] = expected

    def program(
        self,
        arguments: Sequence[str] = ("float64",),
        results: Sequence[str] = ("float64",),
        outputs: Sequence[tuple[int, int, int]] = (),
    ) -> Program:
        """The finished program; without outputs, its last node."""
        last = len(self.operations) - 1
        return Program(
            self.operations,
            self.operands,
            self.types,
            self.values,
            arguments,
            results,
            outputs or [(last, 0, 0)],
        )


def evaluate(program: Program, arguments: Sequence[np.ndarray]) -> tuple[int, list]:
    """Guard number and outputs of a program, in plain Python, for one row."""
    values: list[float] = []
    guards = 0
    for i, operation in enumerate(program.operations):
        operands = program.operands[i]
        if operation == "input":
            values.append(arguments[operands[0]].ravel()[operands[1]].item())
        elif operation == "constant":
            values.append(program.values[i])
        elif operation == "guard":
            guards += 1
            values.append(0.0)
            if values[operands[0]] != program.values[i]:
                return guards, []
        else:
            values.append(FORMULAS[operation](*[values[a] for a in operands]))
    return 0, [values[node] for node, _, _ in program.outputs]


def run(
    compiled: Compiled, arguments: Sequence[np.ndarray], size: int
) -> tuple[int, np.ndarray]:
    """Guard number and the float64 result of a kernel without rows."""
    result = np.full(size, np.nan)
    addresses = [array.ctypes.data for array in arguments]
    return compiled.call(addresses, [result.ctypes.data]), result
