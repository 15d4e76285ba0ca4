"""Memory by budget: which steps of a loop are kept for its sweep backwards.

A sweep reads what the steps forward have stacked.  Under a budget the steps are done in
segments: what is carried is kept where a segment starts, and each segment is done again
when the sweep arrives at it.  Where not all of those fit, numbers are swept by a
binomial schedule, which may keep some on disk (`derive.checkpoints`); a tape has loops
in loops, for segments of segments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, prod
from typing import Any, NamedTuple, NoReturn

from wengert.derive.binomial import fewest
from wengert.derive.steps import BUDGET, Body
from wengert.errors import ArgumentError, describe_line, explain

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
#: Bytes that tapes of a step and of its derivative take, about.
RECORDED = 1 << 18
#: Segments within segments beyond which nothing is won; times that a step is done.
MOST_LEVELS = MOST_TIMES = 60


#: By how much of the time a plan may exceed the shortest, and hold less.
WORTH = 0.02
#: A size is tried, and those that are larger by this factor.
FINENESS = 1.3


class Nested(NamedTuple):
    """Segments of steps, segments of those, and so on, each as a loop.

    Attributes
    ----------
    lengths : tuple of int
        Steps of a segment, segments of a segment of those, and so on; empty where every
        step is kept.
    """

    lengths: tuple[int, ...] = ()

    def factor(self, steps: int) -> float:
        """Return how often a step is done in all, once for its value."""
        return 2 + len(self.lengths)

    def on_disk(self, steps: int) -> int:
        """Return how many states are written to disk."""
        return 0

    def describe(self, steps: int) -> str:
        """Return which steps are kept."""
        if not self.lengths:
            return "every step kept"
        parts = [-(-steps // prod(self.lengths)), *self.lengths[::-1]]
        return " x ".join(map(str, parts)) + " steps"


class Binomial(NamedTuple):
    """Segments of which one is held, and states where others start.

    Attributes
    ----------
    length : int
        Steps of a segment.
    room : int
        States that are held in memory at most, that of the loop's own start counted.
    stretch : int
        Segments from one state on disk to the next one; 0 where none is.
    """

    length: int
    room: int
    stretch: int = 0

    def on_disk(self, steps: int) -> int:
        """Return how many states are written to disk."""
        segments = -(-steps // self.length)
        return -(-segments // self.stretch) - 1 if self.stretch else 0

    def forward(self, steps: int) -> int:
        """Return how many steps are done besides those of the segments swept."""
        segments = -(-steps // self.length)
        if not self.stretch:
            return fewest(segments, self.room) * self.length
        stretches = self.on_disk(steps)
        first = stretches * (self.stretch + fewest(self.stretch, self.room))
        last = fewest(segments - stretches * self.stretch, self.room)
        return (first + last) * self.length

    def factor(self, steps: int) -> float:
        """Return how often a step is done in all, once for its value."""
        return 2 + self.forward(steps) / steps

    def describe(self, steps: int) -> str:
        """Return which steps are kept."""
        segments = -(-steps // self.length)
        kept = f"{segments} segments of {self.length}, {self.room} states in memory"
        written = self.on_disk(steps)
        return f"{kept}, {written} on disk" if written else kept


class LoopPlan(NamedTuple):
    """How one loop is swept.

    Attributes
    ----------
    line : str
        Where its step stands.
    steps : int
    schedule : Nested or Binomial
        What is kept.
    peak : int
        Bytes that the sweep holds at most.
    whole : int
        Bytes where every step is kept.
    held : int
        Bytes that other loops hold meanwhile: those of one tape that is compiled.
    disk : int
        Bytes that are on disk at most.
    """

    line: str
    steps: int
    schedule: Nested | Binomial
    peak: int
    whole: int
    held: int
    disk: int = 0

    @property
    def factor(self) -> float:
        """How often a step is done in all, once for its value."""
        return self.schedule.factor(self.steps)

    def __str__(self) -> str:
        at = f"{self.line}: " if self.line else ""
        how = self.schedule.describe(self.steps)
        more = f", {shown(self.disk)} on disk" if self.disk else ""
        return (
            f"{at}{self.steps} steps: {how}; {shown(self.peak)}{more} "
            f"({shown(self.whole)} with all of them), each done {self.factor:.3g} times"
        )


class Sizes(NamedTuple):
    """What a loop takes, in bytes.

    Attributes
    ----------
    state : int
        What it carries.
    kept : int
        What its sweep reads of a step.
    step : int
        All values of a step, forward and backward.
    stacked : int
        The gradients that are stacked of a step.
    """

    state: int
    kept: int
    step: int
    stacked: int

    def fixed(self, count: int) -> int:
        """Return what is held whatever is kept: stacks are parts, and the whole."""
        return RECORDED + 2 * count * self.stacked


class Costs(NamedTuple):
    """What was measured, in seconds: a step forward, a state to disk and back."""

    step: float
    state: float


class Plan:
    """What a gradient under a budget holds and does again, loop by loop.

    Attributes
    ----------
    budget, disk : int or None
        Bytes in memory, and on disk.
    loops : list of LoopPlan
        In the order of the sweep.
    recorded : int
        Bytes of the nodes of plain loops, which are recorded step by step.
    is_open : bool
        Whether loops stand for those of other numbers of steps.
    """

    is_open = False

    def __init__(
        self, budget: int | None, is_trial: bool = False, disk: int | None = None
    ) -> None:
        self.budget, self.loops, self.is_trial = budget, list[LoopPlan](), is_trial
        self.recorded, self.disk = 0, disk

    @property
    def peak(self) -> int:
        """Bytes that are held at most."""
        return max([self.recorded, *[loop.held + loop.peak for loop in self.loops]])

    @property
    def factor(self) -> float:
        """How often a step is done at most."""
        return max([loop.factor for loop in self.loops], default=1)

    def __str__(self) -> str:
        within = "" if self.budget is None else f" of {shown(self.budget)}"
        on_disk = max([loop.disk for loop in self.loops], default=0)
        more = f" and {shown(on_disk)} on disk" if on_disk else ""
        head = f"{shown(self.peak)}{within}{more}, steps done {self.factor:.3g} times"
        return "\n".join([head, *[f"  {loop}" for loop in self.loops]])

    __repr__ = __str__

    def nested(self, body: Body, count: int, sizes: Sizes) -> Nested:
        """Return how a loop of a tape is swept: loops in loops hold on to the end.

        Raises
        ------
        ArgumentError
            If there is no way within the budget.
        """
        held = sum([loop.peak for loop in self.loops])
        fixed, step = sizes.fixed(count), sizes.step
        whole = fixed + 2 * step + count * sizes.kept
        plans = [
            LoopPlan(line_of(body), count, Nested(lengths), peak, whole, held)
            for lengths, size in schedules(count, sizes.state, sizes.kept)
            for peak in [fixed + (2 + len(lengths)) * step + size]
        ]
        if self.budget is None:
            found: LoopPlan | None = plans[0]
        else:
            left = self.budget - held  # half of it for other loops, if that will do
            fitting = [p for room in (left // 2, left) for p in plans if p.peak <= room]
            found = fitting[0] if fitting else None
        if found is None:
            self.refuse(count, sizes, held, min([plan.peak for plan in plans]))
        self.loops.append(found)
        return found.schedule  # type: ignore[return-value]

    def binomial(self, body: Body, count: int, sizes: Sizes, costs: Costs) -> Binomial:
        """Return how a loop of numbers is swept.

        Raises
        ------
        ArgumentError
            If there is no way within the budget.
        """
        fixed = sizes.fixed(count)
        whole = fixed + 2 * sizes.step + count * sizes.kept
        found, peak = Binomial(count, 1), whole
        if self.budget is not None and whole > self.budget:
            fixed += 2 * sizes.step + 2 * sizes.state  # one in hand, and one gradient
            ways = quickest(count, sizes, self.budget - fixed, self.disk or 0, costs)
            if not ways:
                least = fixed + sizes.state * least_room(count) + sizes.kept
                self.refuse(count, sizes, 0, min(whole, least))
            found, peak = ways[0].schedule, fixed + ways[0].size
        written = found.on_disk(count) * sizes.state
        plan = LoopPlan(line_of(body), count, found, peak, whole, 0, written)
        self.loops.append(plan)
        return found

    def refuse(self, count: int, sizes: Sizes, held: int, least: int) -> NoReturn:
        """Raise that there is no way within the budget, and what would do."""
        always = held + sizes.fixed(count) + 2 * sizes.step
        raise ArgumentError(
            explain(
                f"a loop of {count} steps cannot be swept in {shown(self.budget)}",
                f"it carries {shown(sizes.state)}, a step backwards reads "
                f"{shown(sizes.kept)}, and {shown(always)} are held whatever is kept",
                f"a budget of {shown(held + least, up=True)} or more",
            )
        )


class Way(NamedTuple):
    """A schedule, the bytes it holds, and its time in steps."""

    schedule: Binomial
    size: int
    time: float


def quickest(count: int, sizes: Sizes, room: int, disk: int, costs: Costs) -> list[Way]:
    """Return the schedules within some bytes that take little longer than the best.

    Those first that hold least.
    """
    found = schedules_within(count, sizes, room, disk, costs)
    ways = [way for way in found if way.time <= MOST_TIMES * count]
    least = min([way.time for way in ways], default=0.0) * (1 + WORTH)
    return sorted([w for w in ways if w.time <= least], key=lambda way: way.size)


def least_room(count: int) -> int:
    """Return how many states have to be held, for steps not to be done too often."""
    room = 1
    while Binomial(1, room).factor(count) > MOST_TIMES:
        room += 1
    return room


def schedules_within(
    count: int, sizes: Sizes, room: int, disk: int, costs: Costs
) -> Iterator[Way]:
    """Give schedules of segments of several lengths, and several rooms for states."""
    state, kept = max(sizes.state, 1), max(sizes.kept, 1)
    per_state = costs.state / costs.step
    for length in sizes_up_to(min(room // kept, count)):
        segments = -(-count // length)
        most = min((room - length * kept) // state, segments)
        for states in sizes_up_to(most):
            size = length * kept + states * state
            kinds = [Binomial(length, states)]
            kinds += [
                Binomial(length, states, stretch)
                for stretch in sizes_up_to(segments - 1)
                if (-(-segments // stretch) - 1) * sizes.state <= disk
            ]
            for schedule in kinds if disk else kinds[:1]:
                on_disk = schedule.on_disk(count) * per_state
                yield Way(schedule, size, count * schedule.factor(count) + on_disk)


def sizes_up_to(most: int) -> list[int]:
    """Return numbers from 1 on, each larger by a factor; the last is the most."""
    found, size = list[int](), 1
    while size < most:
        found.append(size)
        size = max(size + 1, int(size * FINENESS))
    return [*found, most] if most > 0 else []


def schedules(
    count: int, state: int, kept: int
) -> Iterator[tuple[tuple[int, ...], int]]:
    """Give segments' lengths, and the bytes held: ever more levels while those fall.

    There are two parts, for the steps that are left of segments have memory besides.
    """
    yield (), count * kept
    least, parts = count * kept, 2
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


def bytes_of(memory: Any, name: str = "memory") -> int | None:
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
                f"{name}={memory!r} is no budget",
                "it is a number of bytes, with a unit or without",
                f'{name}="500 MB", {name}="1.5 GiB", or {name}=2**30',
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
