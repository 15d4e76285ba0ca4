"""Memory by budget: which steps of a loop are kept for its sweep backwards.

A sweep reads what the steps forward have stacked.  Under a budget the steps are done in
segments: what is carried is kept where a segment starts, and each segment is done again
when the sweep arrives at it; segments of segments where that is not enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, prod
from typing import Any, NamedTuple

from wengert.derive.steps import BUDGET, Body
from wengert.errors import ArgumentError, describe_line, explain

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
#: Bytes that tapes of a step and of its derivative take, about.
RECORDED = 1 << 18
#: Segments within segments beyond which nothing is won.
MOST_LEVELS = 60


class LoopPlan(NamedTuple):
    """How one loop is swept.

    Attributes
    ----------
    line : str
        Where its step stands.
    steps : int
    lengths : tuple of int
        Steps of a segment, segments of a segment of those, and so on; empty where every
        step is kept.
    peak : int
        Bytes that the sweep holds at most.
    whole : int
        Bytes where every step is kept.
    held : int
        Bytes that other loops hold meanwhile: those of one tape that is compiled.
    """

    line: str
    steps: int
    lengths: tuple[int, ...]
    peak: int
    whole: int
    held: int

    @property
    def factor(self) -> int:
        """How often a step is done in all, once for its value."""
        return 2 + len(self.lengths)

    def __str__(self) -> str:
        at = f"{self.line}: " if self.line else ""
        how = "every step kept"
        if self.lengths:
            parts = [-(-self.steps // prod(self.lengths)), *self.lengths[::-1]]
            how = " x ".join(map(str, parts)) + " steps"
        return (
            f"{at}{self.steps} steps: {how}, {shown(self.peak)} "
            f"({shown(self.whole)} with all of them), each done {self.factor} times"
        )


class Plan:
    """What a gradient under a budget holds and does again, loop by loop.

    Attributes
    ----------
    budget : int or None
        Bytes.
    loops : list of LoopPlan
        In the order of the sweep.
    recorded : int
        Bytes of the nodes of plain loops, which are recorded step by step.
    is_open : bool
        Whether loops stand for those of other numbers of steps.
    """

    is_open = False

    def __init__(self, budget: int | None, is_trial: bool = False) -> None:
        self.budget, self.loops, self.is_trial = budget, list[LoopPlan](), is_trial
        self.recorded = 0

    @property
    def peak(self) -> int:
        """Bytes that are held at most."""
        return max([self.recorded, *[loop.held + loop.peak for loop in self.loops]])

    @property
    def factor(self) -> int:
        """How often a step is done at most."""
        return max([loop.factor for loop in self.loops], default=1)

    def __str__(self) -> str:
        within = "" if self.budget is None else f" of {shown(self.budget)}"
        head = f"{shown(self.peak)}{within}, steps done {self.factor} times"
        return "\n".join([head, *[f"  {loop}" for loop in self.loops]])

    __repr__ = __str__

    def of_loop(
        self, body: Body, count: int, kept: int, step: int, results: int, stays: bool
    ) -> tuple[int, ...]:
        """Return the lengths of the segments of one loop.

        Parameters
        ----------
        body : Body
        count : int
            Number of its steps.
        kept : int
            Bytes that the sweep reads of a step.
        step : int
            Bytes of all values of a step, forward and backward.
        results : int
            Bytes of the gradients that are stacked.
        stays : bool
            Whether what it holds is held until the end, as native code does.

        Raises
        ------
        ArgumentError
            If there is no way within the budget.
        """
        held = sum([loop.peak for loop in self.loops]) if stays else 0
        state = sum(map(size_of, body.inputs[: body.carried]))
        fixed = RECORDED + results
        whole = fixed + 2 * step + count * kept
        plans = [
            LoopPlan(line_of(body), count, lengths, peak, whole, held)
            for lengths, size in schedules(count, state, kept, 1 + stays)
            for peak in [fixed + (2 + len(lengths)) * step + size]
        ]
        found = self.chosen(plans, held, stays)
        if found is None:
            least = held + min([plan.peak for plan in plans])
            raise ArgumentError(
                explain(
                    f"a loop of {count} steps cannot be swept in {shown(self.budget)}",
                    f"it carries {shown(state)}, a step backwards reads {shown(kept)}, "
                    f"and {shown(held + fixed + 2 * step)} are held whatever is kept",
                    f"a budget of {shown(least, up=True)} or more",
                )
            )
        self.loops.append(found)
        return found.lengths

    def chosen(self, plans: list[LoopPlan], held: int, stays: bool) -> LoopPlan | None:
        """Return the first plan that fits, and leaves room for others if it may."""
        if self.budget is None:
            return plans[0]
        left = self.budget - held
        for room in (left // 2, left) if stays else (left,):
            for plan in plans:
                if plan.peak <= room:
                    return plan
        return None


def schedules(
    count: int, state: int, kept: int, parts: int
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Give segments' lengths, and the bytes held: ever more levels while those fall.

    There are two `parts` where the steps that are left of segments have memory besides.
    """
    yield (), count * kept
    least = count * kept
    for levels in range(1, MOST_LEVELS):
        each = (count * state**levels * kept * parts**levels) ** (1 / (levels + 1))
        outer = max(round(each / max(state, 1) / parts), 1)
        lengths = max(round(each / max(kept, 1) / parts), 1), *[outer] * (levels - 1)
        segments = -(-count // prod(lengths))
        inner = sum(lengths[1:]) * state + lengths[0] * kept
        held = segments * state + parts * inner
        if held >= least or prod(lengths) >= count:
            return
        yield lengths, held
        least = held


def size_of(like: Any) -> int:
    """Return the bytes of a value of a type, or of several."""
    if type(like) is tuple:
        return sum(map(size_of, like))
    return int(like.size * like.dtype.itemsize)


def line_of(body: Body) -> str:
    """Return where the step of a loop stands."""
    lines = [line for line in map(describe_line, body.tape.lines) if line]
    return lines[0] if lines else ""


def bytes_of(memory: Any) -> int | None:
    """Return the bytes of a budget: ``"500 MB"``, 2e9; None where there is none."""
    if memory is None:
        return None
    if type(memory) in (int, float) and memory > 0:
        return int(memory)
    text = memory if type(memory) is str else ""
    found = re.fullmatch(r"(\d+\.?\d*)\s*([kMGT]?)(i?)B?", text.strip())
    if found is None:
        raise ArgumentError(
            explain(
                f"memory={memory!r} is no budget",
                "it is a number of bytes, with a unit or without",
                'memory="500 MB", memory="1.5 GiB", or memory=2**30',
            )
        )
    unit = 1024 ** "kMGT".find(found[2]) * 1024 if found[3] else UNITS[found[2]]
    return int(float(found[1]) * unit)


def shown(count: float | None, up: bool = False) -> str:
    """Return a number of bytes as a person reads it, to three digits."""
    size, unit = float(count or 0), "B"
    for larger in ("kB", "MB", "GB"):
        if size < 1000:
            break
        size, unit = size / 1000, larger
    if up:
        size = ceil(size * 100) / 100
        return f"{size:.4g} {unit}" if size < 100 else f"{ceil(size)} {unit}"
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:.0f} {unit}"


@contextmanager
def under(plan: Plan | None) -> Iterator[None]:
    """Let loops be swept as a plan says; as they are for None."""
    token = BUDGET.set(plan)
    try:
        yield
    finally:
        BUDGET.reset(token)
