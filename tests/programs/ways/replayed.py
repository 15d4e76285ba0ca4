"""A tape that was recorded once, played at all arguments."""

from __future__ import annotations

from typing import Any

import wengert
from tests.programs.judge import Judge
from tests.programs.program import outcome


def check(judge: Judge) -> None:
    """Check a recorded tape; it may refuse other paths."""
    instance = judge.program.load()
    args = instance.arguments(0)
    tapes: list[Any] = []
    made = outcome(lambda: tapes.append(wengert.record(instance.function, *args)), ())
    if made.error is not None:
        judge.agree("replay", 0, made, judge.expected[0])
        return
    tape = tapes[0].verify()
    for k in judge.once:
        result = outcome(tape, instance.arguments(k))
        judge.agree("replay", k, result, judge.expected[k])
