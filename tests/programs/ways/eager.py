"""Value and gradient, recorded afresh in every call."""

from __future__ import annotations

from tests.programs.judge import Judge
from tests.programs.program import Outcome, outcome


def check(judge: Judge) -> None:
    """Check value and gradient."""
    instance = judge.program.load()
    function = judge.gradient_of(instance)
    for k in judge.once:
        args = instance.arguments(k)
        result = outcome(function, args)
        judge.untouched("eager", instance, k, args)
        if result.error is None:
            value, judge.slopes[k] = result.value
            result = Outcome(value)
        judge.agree("eager", k, result, judge.expected[k], is_bitwise=True)
        if judge.is_lost(result):
            return
