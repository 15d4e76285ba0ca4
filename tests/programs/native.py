"""What must hold of every program under `jit`: as eager, wherever it is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import wengert
from tests.programs.analytic import Program
from tests.programs.complex_step import LARGEST, TOLERANCE, arguments, call, flatten

#: Arguments besides the recorded ones that a program is replayed at.
OTHERS = 5


def with_capture(program: Program, number: int) -> tuple[Callable[..., Any], Any]:
    """Return a program that also reads an array from outside, and that array.

    The array comes in as a scale in place of an argument, between two statements that
    `number` chooses.
    """
    lines = program.source.splitlines()
    places = [
        k
        for k in range(1, len(lines))
        if lines[k].startswith("    ")
        and lines[k][4] != " "
        and not lines[k].startswith("    else")
    ]
    line = "    " + ("x *= table", "m[...] *= table")[number % 2]
    lines.insert(places[number % len(places)], line)
    table = np.ones(3)
    scope: dict[str, Any] = {"np": np, "table": table}
    exec(compile("\n".join([*lines, ""]), "<program>", "exec"), scope)
    return scope["program"], table


def judge_native(program: Program, number: int) -> None:
    """Raise `AssertionError` unless a jitted program and its gradient are as eager."""
    table = np.ones(3)
    function = program.function()
    if number % 3:
        function, table = with_capture(program, number)
    gradient = wengert.value_and_grad(function, (0, 1, 2))
    waits = number % 2 == 0  # every other program is replayed from its second call on
    jitted = wengert.jit(function, wait=waits)
    jitted_gradient = wengert.jit(gradient, wait=waits)
    for k in [*range(OTHERS + 1), 0]:
        args = arguments(number + k)
        table[...] = np.random.default_rng(k).uniform(0.5, 1.5, 3)
        kept = [np.copy(a) for a in args]
        with np.errstate(all="ignore"):
            value, slopes = gradient(*args)
            found = jitted(*args)
            value_found, slopes_found = jitted_gradient(*args)
        compare(found, call_plain(function, args), k)
        compare(value_found, value, k)
        compare(flatten(slopes_found), flatten(slopes), k)
        for a, copy in zip(args, kept, strict=True):
            assert np.array_equal(a, copy), "an argument was changed"


def call_plain(function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    """Return what plain NumPy gives."""
    with np.errstate(all="ignore"):
        return call(function, args)


def compare(found: Any, expected: Any, number: int) -> None:
    """Raise unless two results agree up to rounding; enormous ones are not compared."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype, f"{found.dtype}, eager {expected.dtype}"
    assert found.shape == expected.shape
    if not np.all(np.isfinite(expected)) or np.max(np.abs(expected)) > LARGEST:
        return
    scale = 1 + np.max(np.abs(expected))
    error = np.max(np.abs(found - expected)) / scale
    assert error < TOLERANCE, f"call {number}: jitted {found}, eager {expected}"
