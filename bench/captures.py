"""What a value read from outside costs a jitted call: numbers, attributes, arrays.

Run: ``python bench/captures.py``.  Prints nanoseconds a call, best of many batches, and
what each adds to a call of the same function without it.
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

import wengert as wg

REPEATS, CALLS = 40, 5000
SCALE = 2.0


class Model:
    """Holds a number as an attribute."""

    gain = 2.0


def closures(count: int) -> Callable[[Any], Any]:
    """Return a function that reads `count` numbers from its closure: 0, 1 or 4."""
    a = b = c = d = 0.5
    functions: dict[int, Callable[[Any], Any]] = {
        0: lambda x: np.sum(x * x),
        1: lambda x: np.sum(x * x + a),
        4: lambda x: np.sum(x * x + a + b + c + d),
    }
    return functions[count]


def nanoseconds(function: Callable[[Any], Any], x: Any) -> float:
    """Return the best time of one call of the jitted function."""
    jitted = wg.jit(function)
    for _ in range(3):  # recorded, checked and compiled, replayed
        jitted(x)
    jitted.wait()
    batches = timeit.repeat(lambda: jitted(x), number=CALLS, repeat=REPEATS)
    return min(batches) / CALLS * 1e9


def rows() -> dict[str, Callable[[Any], Any]]:
    """Return the functions by what they read."""
    table, model = np.arange(10.0), Model()
    return {
        "nothing": closures(0),
        "1 number of a closure": closures(1),
        "4 numbers of a closure": closures(4),
        "1 global number": lambda x: np.sum(x * x * SCALE),
        "1 attribute": lambda x: np.sum(x * x * model.gain),
        "1 array of 10, read at replay": lambda x: np.sum(x * table),
    }


def main() -> None:
    """Print the table."""
    x, base = np.ones(10), None
    for name, function in rows().items():
        found = nanoseconds(function, x)
        base = found if base is None else base
        print(f"{name:32s} {found:6.0f} ns  +{found - base:.0f} ns")


if __name__ == "__main__":
    main()
