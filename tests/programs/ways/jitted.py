"""Programs and gradients under `jit`: recorded, checked, compiled and replayed."""

from __future__ import annotations

from typing import Any

import wengert
from tests.programs.judge import Judge
from tests.programs.program import Function, Outcome, outcome


def jit(judge: Judge, function: Function) -> Any:
    """Return a jitted function; of some, the first call waits until it is compiled."""
    waits = judge.program.style == "analytic" and judge.program.seed % 2 == 1
    return wengert.jit(function, wait=waits)


def check(judge: Judge) -> None:
    """Check the jitted program."""
    instance = judge.program.load()
    function = jit(judge, instance.function)
    plain = judge.plain(judge.often)
    for n, k in enumerate(judge.often):
        args = instance.arguments(k)
        result = outcome(function, args)
        judge.untouched("jit", instance, k, args)
        judge.agree("jit", k, result, plain[n], where=f"call {n}")
        if judge.is_lost(result):
            return
    count_paths(judge, "jit", function)


def check_afresh(judge: Judge) -> None:
    """Check the first call of every function, which is recorded."""
    instance = judge.program.load()
    for k in judge.once:
        result = outcome(wengert.jit(instance.function), instance.arguments(k))
        judge.agree("first call", k, result, judge.expected[k])


def check_gradient(judge: Judge) -> None:
    """Check the jitted gradient against the eager one."""
    instance = judge.program.load()
    function = jit(judge, judge.gradient_of(instance))
    plain = judge.plain(judge.often)
    for n, k in enumerate(judge.often):
        result = outcome(function, instance.arguments(k))
        slopes = None
        if result.error is None:
            value, slopes = result.value
            result = Outcome(value)
        judge.agree("jit(grad)", k, result, plain[n], where=f"call {n}")
        if judge.is_lost(result):
            return
        if slopes is not None and k in judge.slopes and not judge.is_stateful:
            found, expected = Outcome(slopes), Outcome(judge.slopes[k])
            where = f"call {n}, gradient"
            judge.agree(
                "jit(grad)", k, found, expected, where=where, again=judge.slopes_of
            )
    count_paths(judge, "jit(grad)", function)


def count_paths(judge: Judge, way: str, function: Any) -> None:
    """Count how the calls of a jitted function can be answered in the end."""
    paths = function.paths()
    judge.counts[f"paths: {way}"] += len(paths)
    judge.counts[f"native paths: {way}"] += sum(bool(p.kernels) for p in paths)
    if any(entry.is_eager for entry in function.entries.values()):
        judge.counts[f"eager for good: {way}"] += 1
