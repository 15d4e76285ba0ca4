"""Loops that were found while they were recorded, seen in their first steps.

Of steps that a tape has once (`core.repetitions`) a few are looked through like any
other nodes.  A loop that is found in them goes on evenly in all others.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Sequence
from itertools import chain, islice
from typing import Any

# By name: while recording, NumPy's own is answered.
from numpy import array, concatenate, cumsum, int64, searchsorted, where

from wengert.capture.repetition import Keys
from wengert.core.repetitions import MOST_BACK, Repetition, repetitions_on, since
from wengert.core.tape import CONSTANT, Tape
from wengert.derive.found import (
    LEAST_COUNT,
    LEAST_NODES,
    Grid,
    Ints,
    Loop,
    Read,
    Rows,
)
from wengert.ops.index import key_shape

#: Steps that are looked through, and nodes of them at least.
STEPS, NODES = MOST_BACK + LEAST_COUNT + 1, LEAST_NODES
#: Nodes that are left out at least.
FEWEST_LEFT_OUT = 2048


class Written:
    """The nodes of a stretch of tape without most steps of what is written once.

    Parameters
    ----------
    tape : Tape
    start, stop : int
    whole : sequence of Repetition
        Of these only the first steps are here.

    Attributes
    ----------
    nodes : list of int
        In order.
    operations, operands, settings, types : list
        What the tape has of them.
    """

    def __init__(
        self, tape: Tape, start: int, stop: int, whole: Sequence[Repetition]
    ) -> None:
        lows = [each.start + seen_of(each) for each in whole]
        highs = [each.start + each.size for each in whole]
        self.tape, self.start = tape, start
        self.ranges = list(map(range, [start, *highs], [*lows, stop]))
        self.lows, self.highs = array(lows, int64), array(highs, int64)
        self.gone = concatenate([[0], cumsum(self.highs - self.lows)])
        self.nodes = list(chain.from_iterable(self.ranges))
        self.operations, self.operands, self.settings, self.types = [
            list(
                chain.from_iterable(
                    islice(since(column, k.start), len(k)) for k in self.ranges
                )
            )
            for column in (tape.operations, tape.operands, tape.settings, tape.types)
        ]

    def places(self, nodes: Ints) -> Ints:
        """Return where nodes are among those here and before; -1: left out."""
        if not len(self.lows):
            return nodes
        before = searchsorted(self.lows, nodes, side="right")
        is_left_out = nodes < concatenate([[0], self.highs])[before]
        return where(is_left_out, -1, nodes - self.gone[before])

    def types_at(self) -> Callable[[int], Any]:
        """Return what gives the type of a node, here or not."""
        if len(self.lows) or type(self.tape.types) is list:
            return self.tape.types.__getitem__
        before = [*islice(self.tape.types, self.start), *self.types]
        return before.__getitem__


def seen_of(whole: Repetition) -> int:
    """Return of how many nodes it is seen whether a repetition is a loop."""
    inner = sum(node.operation is not CONSTANT for node in whole.nodes)
    steps = STEPS + NODES // max(inner, 1)
    return min(steps, whole.steps) * whole.period


def repetitions_of(
    tape: Tape, start: int, stop: int, given: Collection[int]
) -> list[Repetition]:
    """Return what is written once in a stretch of tape, other than leaves."""
    return [
        each
        for each in repetitions_on(tape.operations)
        if start <= each.start
        and each.start + each.size <= stop
        and any(node.operation is not CONSTANT for node in each.nodes)
        and seen_of(each) + FEWEST_LEFT_OUT <= each.size
        and not any(each.start <= k < each.start + each.size for k in given)
    ]


def continued(
    tape: Tape, loops: list[Loop], whole: Sequence[Repetition]
) -> list[Repetition]:
    """Let loops seen in the first steps go on; return what none goes on in.

    The loops are in order.  Those behind one that goes on are in its next steps.
    """
    left = []
    for each in whole:
        end = each.start + seen_of(each)
        starts = [loop.grid.start for loop in loops]
        stop = bisect_left(starts, end)
        first = max(bisect_left(starts, each.start) - 1, 0)
        for place in range(stop - 1, first - 1, -1):
            longer = Continuation(tape, loops[place], each).loop()
            if longer is not None and (place == stop - 1 or last_of(longer) >= end):
                loops[place:stop] = [longer]
                break
        else:
            left.append(each)
    return left


def last_of(loop: Loop) -> int:
    """Return the last node of a loop."""
    return int(loop.grid.at(loop.grid.count - 1, -1))


class Continuation:
    """A loop that was seen in the first steps of what is written once.

    Parameters
    ----------
    tape : Tape
    loop : Loop
    whole : Repetition
    """

    def __init__(self, tape: Tape, loop: Loop, whole: Repetition) -> None:
        self.tape, self.seen, self.whole = tape, loop, whole
        rows = loop.grid.head
        self.last = rows[-1]
        strides = self.last - rows[-2]
        self.stride = int(strides[0])
        #: Steps of the repetition that a step of the loop has.
        self.each, rest = divmod(self.stride, whole.period)
        is_even = not rest and self.each > 0 and (strides == self.stride).all()
        is_inside = self.last[0] >= whole.start
        end = whole.start + whole.size
        self.more = (end - 1 - int(self.last[-1])) // self.stride if is_even else 0
        self.is_one = is_even and is_inside and self.is_last and self.more > 0

    @property
    def is_last(self) -> bool:
        """Whether the loop goes as far as it could be seen."""
        end = self.whole.start + seen_of(self.whole)
        return bool(self.last[-1] + self.stride >= end)

    def loop(self) -> Loop | None:
        """Return the whole loop; None where it does not go on evenly."""
        if not self.is_one:
            return None
        reads = [[self.read(read) for read in each] for each in self.seen.reads]
        if any(None in each for each in reads):
            return None
        head = self.seen.grid.head
        grid = Grid(head, len(head) + self.more, self.stride)
        return Loop(grid, reads, self.numbers())  # type: ignore[arg-type]

    def read(self, read: Read) -> Read | None:
        """Return how an operand moves on; None where it is made in the loop later."""
        if type(read) is not Rows:
            return read
        stride, last = read.nodes[-1] - read.nodes[-2], read.nodes[-1]
        more = [last + k * stride for k in range(1, self.more + 1)]
        is_leaf = self.tape.operations[last] is CONSTANT
        if not is_leaf and more[-1] >= self.seen.grid.start:
            return None
        return Rows((*read.nodes, *more))

    def numbers(self) -> dict[int, Ints]:
        """Return the whole numbers of keys that change, by position."""
        found = {}
        for position, node in enumerate(self.last.tolist()):
            step, place = divmod(node - self.whole.start, self.whole.period)
            how = self.whole.nodes[place].changing
            if not isinstance(how, Keys):
                continue
            rows = self.seen.grid.head[:, position].tolist()
            settings = [self.tape.settings[k] for k in rows]
            seen = array([key_shape(each["key"])[1] for each in settings], int64)
            last = step + self.more * self.each
            further = how.rows(last + 1)[step + self.each :: self.each]
            every = concatenate([seen, further])
            if (every != every[0]).any():
                found[position] = every
        return found
