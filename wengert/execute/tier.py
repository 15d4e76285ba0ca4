"""The first tier: how a path runs before it has native code, and where it has none.

Either NumPy plays the tape, or the function itself is called, whichever was measured
faster.  What is spent here says when compiling has become worth its time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from wengert.core.tape import Tape
from wengert.execute.costs import (
    AGAIN,
    DISPATCH,
    FAR,
    MOST_CALLS,
    MOST_PLANNED,
    PLAN_NODE,
    TRIED,
    compile_seconds,
    native_seconds,
)

PLAY, CALL = "NumPy", "the function itself"


@dataclass(slots=True)
class Tier:
    """What the calls along one path took.

    Attributes
    ----------
    best : dict of str to float
        Least seconds of a call, by kind.
    tried : dict of str to int
        Calls that were measured, by kind.
    spent : float
        Seconds in all.
    """

    best: dict[str, float] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=dict)
    spent: float = 0.0
    estimate: float | None = None

    def choose(self, nodes: int = 0) -> str:
        """Return which kind of call is next: one to be measured, or the faster one.

        `nodes` are those of a tape whose play is not planned yet: planning that of very
        many would itself take many calls.
        """
        if self.tried.get(CALL, 0) < TRIED:
            return CALL
        is_cheap = PLAN_NODE * nodes < max(MOST_CALLS * self.best[CALL], MOST_PLANNED)
        if is_cheap and self.tried.get(PLAY, 0) < TRIED:
            return PLAY
        is_call = self.best[CALL] <= self.best.get(PLAY, math.inf)
        chosen, other = (CALL, PLAY) if is_call else (PLAY, CALL)
        return other if self.is_unsure(chosen, other) else chosen

    def is_unsure(self, chosen: str, other: str) -> bool:
        """Whether the slower kind of call is to be measured again.

        It may have become faster, or something else ran beside it: it is tried again
        when the number of calls has doubled, unless it was far slower.  Of several in a
        row, the first finds no code or numbers of its own in the processor's cache.
        """
        if self.best.get(other, math.inf) > FAR * self.best[chosen]:
            return False
        turns = max(0, self.tried[other] - TRIED) // TRIED
        return self.tried[chosen] >= AGAIN << turns

    def note(self, kind: str, seconds: float) -> None:
        """Take in what one call took."""
        self.spent += seconds
        self.tried[kind] = self.tried.get(kind, 0) + 1
        self.best[kind] = min(seconds, self.best.get(kind, math.inf))

    def guess(self, kind: str, seconds: float) -> None:
        """Take calls of a kind as measured, and measure them when they are near."""
        self.tried[kind], self.best[kind] = TRIED, seconds

    def forget(self, kind: str) -> None:
        """Measure calls of a kind anew: they take another time now."""
        self.tried[kind], self.best[kind] = 0, math.inf

    def is_spent(self, tape: Tape) -> bool:
        """Whether the calls have taken as long as compiling takes."""
        if self.estimate is None:
            self.estimate = compile_seconds(tape)
        return self.spent >= self.estimate

    def loses(self, seconds: float, what: str) -> str:
        """Return why native code of so many seconds a call does not pay, or nothing."""
        if not self.best:
            return ""
        kind = min(self.best, key=self.best.__getitem__)
        if seconds < self.best[kind] + DISPATCH:
            return ""
        return (
            f"{kind} takes {self.best[kind]:.2g} s a call, and native code {what} "
            f"{seconds:.2g} s"
        )

    def why_not(self, tape: Tape) -> str:
        """Return why compiling a tape cannot pay; nothing where it may."""
        return self.loses(native_seconds(tape), "would take")

    def __str__(self) -> str:
        if self.estimate is None:
            return "not called since"
        return (
            f"compiled once calls have taken {self.estimate:.2g} s, "
            f"{self.spent:.2g} s so far"
        )
