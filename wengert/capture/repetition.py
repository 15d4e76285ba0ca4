"""Loops that are found while they are recorded: a step is written once.

Now and then the last nodes of a tape are looked at.  Where the same lines have produced
the same nodes a few times, further steps are compared with them and not written again
(`core.repetitions`): operands lie as they lay, or move on evenly, and of settings only
the whole numbers of keys and the values of constants may change.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from copy import copy
from itertools import count
from operator import sub
from sys import maxsize
from typing import Any

# By name: while recording, NumPy's own is answered.
from numpy import asarray, concatenate, full, int64

from wengert.core.checked import same
from wengert.core.operation import Operation
from wengert.core.repetitions import (
    COLUMNS,
    MOST_BACK,
    Changing,
    RepeatedColumn,
    Repetition,
    StepNode,
    repetition_of,
)
from wengert.core.tape import CONSTANT, NO_SETTINGS, Tape
from wengert.ops.index import KEYED, is_same_key, key_shape, with_numbers

#: Nodes that are looked at, at most.
MOST = 16384
#: Steps that are alike before further ones are compared, and the last nodes of a step
#: that are compared first.
ALIKE, FEW = 4, 8

Settings = dict[str, Any]


class Fixed:
    """Settings that are the same in every step."""

    is_fixed = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def takes(self, settings: Settings, step: int) -> bool:
        """Whether a step may have these settings."""
        return settings is self.settings or are_same(self.settings, settings)

    def at(self, step: int) -> Settings:
        """Return the settings in a step."""
        return self.settings

    def first(self, steps: int) -> Fixed:
        """Return those of the first steps, which may go on in another way."""
        return self


class Keys:
    """Settings with a key whose whole numbers may change.

    Attributes
    ----------
    still : int
        The first steps in which they do not.
    numbers : array of int
        Those of all other steps, one after another.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings, self.key = settings, settings["key"]
        self.shape, self.given = key_shape(self.key)
        self.count, self.still, self.numbers = len(self.given), 0, array("q")

    @property
    def is_fixed(self) -> bool:
        """Whether they have not changed yet."""
        return not self.numbers

    def takes(self, settings: Settings, step: int) -> bool:
        """Whether a step may have these settings; they are noted."""
        shape, numbers = key_shape(settings["key"])
        if shape != self.shape or not are_same(self.settings, settings, "key"):
            return False
        if not self.numbers:
            self.still = step + (numbers == self.given)
        if step >= self.still:
            self.numbers.extend(numbers)
        return True

    def at(self, step: int) -> Settings:
        """Return the settings in a step."""
        start = (step - self.still) * self.count
        numbers = tuple(self.numbers[start : start + self.count])
        if step < self.still or not numbers or numbers == self.given:
            return self.settings
        return {**self.settings, "key": with_numbers(self.key, numbers)}

    def first(self, steps: int) -> Keys:
        """Return those of the first steps, which may go on in another way."""
        new = copy(self)
        new.numbers = self.numbers[: max(steps - self.still, 0) * self.count]
        return new

    def rows(self, steps: int) -> Any:
        """Return the numbers in the first steps as an array, a row a step."""
        moved = asarray(self.numbers, int64).reshape(-1, self.count)
        still = full((steps if self.is_fixed else self.still, self.count), self.given)
        return concatenate([still, moved])[:steps]


class Values:
    """Constants of one type, one a step."""

    is_fixed = False

    def __init__(self, settings: Settings) -> None:
        self.type = type(settings["value"])
        self.steps: list[Settings] = []

    def takes(self, settings: Settings, step: int) -> bool:
        """Whether a step may have this constant; it is noted."""
        if type(settings["value"]) is not self.type:
            return False
        self.steps.append(settings)
        return True

    def at(self, step: int) -> Settings:
        """Return the settings in a step."""
        return self.steps[step]

    def first(self, steps: int) -> Values:
        """Return those of the first steps, which may go on in another way."""
        new = copy(self)
        new.steps = self.steps[:steps]
        return new


def are_same(one: Settings, other: Settings, but: str = "") -> bool:
    """Whether two nodes have the same settings, one of them aside."""
    if len(one) == 1 and but:
        return len(other) == 1
    if one.keys() != other.keys():
        return False
    for name, value in one.items():
        given = other[name]
        if name == but or value is given:
            continue
        if not (is_same_key(value, given) if name == "key" else same(value, given)):
            return False
    return True


def changing(operation: Operation, steps: Sequence[Settings]) -> Changing | None:
    """Return the settings of a node in some steps; None where they do not fit."""
    first = steps[0]
    made: Changing = Fixed(first)
    if operation is CONSTANT:
        made = Values(first)
    elif operation in KEYED and key_shape(first["key"])[1]:
        made = Keys(first)
    return made if all(map(made.takes, steps, count())) else None


# The search


def look(tape: Tape) -> None:
    """Go on as a repetition where the last nodes are one; or look again later.

    Where there is none, or one that ended soon, it is looked for less often.  Steps in
    which a derivative is taken are written, for its rules read them.
    """
    tail = Tail(tape)
    tape.look_at = len(tape) + max(tape.looks_every, tail.missing)
    if tail.missing:
        return
    for period in tail.periods():
        found = tail.repetition(period)
        if found is not None:
            tape.repeat(found)
            return
    tape.looks_every = min(2 * tape.looks_every, MOST)


class Tail:
    """The last nodes of a tape outside of repetitions.

    A node is `at` a place from the first of them on.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        #: Nodes of steps that read what moves on outside of loops.
        self.short: set[int] = set()
        self.inner, written = 0, len(tape)
        columns = [getattr(tape, name) for name in COLUMNS]
        if type(columns[0]) is RepeatedColumn:
            #: Nodes of the loop that ended last, which may be inside another one.
            self.inner = columns[0].repetitions[-1].size
            written = len(columns[0].plain) - columns[0].before[-1]
            columns = [column.plain for column in columns]
        #: Rules read steps in which a derivative was taken.
        behind = len(tape) - max(tape.derivatives.values(), default=0)
        self.count = min(written, MOST, behind)
        #: Nodes that have to follow before it is seen whether it is.
        enough = ALIKE * self.inner + ALIKE * self.inner // 4
        self.missing = max(enough - written, 0) if enough < MOST else 0
        self.start = len(tape) - self.count
        self.operations, self.operands, self.settings, self.types, self.lines = [
            column[len(column) - self.count :] for column in columns
        ]

    def periods(self) -> Iterator[int]:
        """Give after how many nodes the last one was done again.

        Only those that the last loop fits into, if there are any.
        """
        last, few = self.operations[-1], self.count - FEW
        before = self.operations[-2 : -2 - self.count // ALIKE : -1]
        is_fitting = False
        for least in (self.inner, 0):
            for k, operation in enumerate(before[least:], least + 1):
                if operation is last and self.is_alike(few, few - k, FEW):
                    is_fitting = True
                    yield k
            if is_fitting or not self.inner:
                return

    def repetition(self, period: int) -> Repetition | None:
        """Return the last steps of so many nodes as a repetition, if they are one.

        What steps read that moves on outside of loops, several of them do as well.
        """
        if any(period % known == 0 for known in self.short):
            return None
        last = self.count - period
        earlier = [last - k * period for k in range(1, ALIKE)]
        if not all(self.is_alike(last, other, period) for other in earlier):
            return None
        strides = self.strides(last, period)
        if strides is None:
            return None
        for first in (self.first(last, period, strides), last - 2 * period):
            found = self.stated(first, period, strides)
            if found is not None:
                return found
        return None

    def stated(
        self, first: int, period: int, strides: list[tuple[int, ...]]
    ) -> Repetition | None:
        """Return the steps from one on as a repetition, if they may be one."""
        nodes = []
        for k, stride in enumerate(strides):
            node = self.node(first + k, period, stride)
            if node is None:
                return None
            nodes.append(node)
        steps = (self.count - first) // period
        most = min([self.reach(node, first, period) for node in nodes])
        if most < steps:
            if not most:
                self.short.add(period)
            return None
        return Repetition(self.start + first, nodes, steps, most)

    def is_alike(self, one: int, other: int, period: int) -> bool:
        """Whether two steps do the same."""
        return all(
            column[one : one + period] == column[other : other + period]
            for column in (self.operations, self.types, self.lines)
        )

    def strides(self, last: int, period: int) -> list[tuple[int, ...]] | None:
        """Return by what the operands move in the last steps; None if not evenly."""
        found = []
        for at in range(last, last + period):
            before, here, now = self.operands[at - 2 * period : at + 1 : period]
            moves = tuple(map(sub, now, here))
            if moves != tuple(map(sub, here, before)) or len(now) != len(before):
                return None
            found.append(moves)
        return found

    def first(self, last: int, period: int, strides: list[tuple[int, ...]]) -> int:
        """Return where the first step is that the last one goes on evenly from."""
        even, uneven = 2, last // period + 1
        while even + 1 < uneven:
            steps = min(2 * even, (even + uneven) // 2)
            known = last - even * period
            if self.is_even(last - steps * period, known, period, strides):
                even = steps
            else:
                uneven = steps
        return last - even * period

    def is_even(
        self, first: int, other: int, period: int, strides: list[tuple[int, ...]]
    ) -> bool:
        """Whether steps are alike, and operands move evenly, from one to another."""
        if not self.is_alike(first, first + period, other - first):
            return False
        for at, stride in enumerate(strides, first):
            rows = self.operands[at : other + period : period]
            if {*map(len, rows)} != {len(stride)}:
                return False
            for column, move in zip(zip(*rows, strict=True), stride, strict=True):
                end = column[0] + move * len(column)
                even = range(column[0], end, move) if move else column[:1] * len(column)
                if column != tuple(even):
                    return False
        return True

    def node(self, at: int, period: int, strides: tuple[int, ...]) -> StepNode | None:
        """Return what every step has in the place of a node of the first one."""
        operation, settings = self.operations[at], self.settings[at::period]
        how = None
        if not all(each is NO_SETTINGS for each in settings):
            how = changing(operation, settings)
            if how is None:
                return None
        return StepNode(
            operation,
            self.operands[at],
            strides,
            settings[0],
            how,
            self.types[at],
            self.lines[at],
        )

    def reach(self, node: StepNode, first: int, period: int) -> int:
        """Return for how many steps the operands of a node are surely of one type."""
        most = maxsize
        for operand, stride in zip(node.first, node.strides, strict=False):
            is_steady = stride == period and self.is_carried(operand, first, period)
            if stride and not is_steady:
                most = min(most, self.outside(operand, stride))
        return most

    def is_carried(self, operand: int, first: int, period: int) -> bool:
        """Whether what is before the first step is of the type of what steps make."""
        types, start = self.tape.types, self.start + first
        before = range(operand, min(start, operand + MOST_BACK * period), period)
        at_end = operand + len(before) * period
        return at_end >= start and all(types[k] == types[at_end] for k in before)

    def outside(self, operand: int, stride: int) -> int:
        """Return how many operands of one type follow in steps of an ended loop."""
        whole = repetition_of(self.tape.types, operand)
        if whole is None or stride % whole.period:
            return 0
        at = operand - whole.start
        return (whole.size - 1 - at if stride > 0 else at) // abs(stride) + 1
