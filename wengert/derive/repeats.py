"""Repetitions on a tape: which stretches are one step, done again and again.

Nodes are compared by what they do, not by what they read: operation, settings up to the
whole numbers of keys, types of result and operands.  Where a stretch of such codes
repeats itself, its operands decide whether it is a loop: each is made in the same step,
carried from some steps ago, the same node in every step, or another row in each.
"""

from __future__ import annotations

from array import array as integers
from collections.abc import Collection, Iterator, Sequence
from itertools import chain, islice, pairwise
from typing import Any, NamedTuple

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import (
    arange,
    array,
    concatenate,
    cumsum,
    diff,
    flatnonzero,
    frombuffer,
    full,
    int64,
    ones,
    uint64,
    zeros,
)

from wengert.core.checked import agree
from wengert.core.operation import Operation
from wengert.core.repetitions import MOST_BACK, Repetition, since
from wengert.core.tape import CONSTANT, INPUT, Tape
from wengert.derive.continued import (
    Written,
    continued,
    repetitions_of,
)
from wengert.derive.found import (
    LEAST_COUNT,
    LEAST_NODES,
    Carried,
    Fixed,
    Grid,
    Here,
    Ints,
    Loop,
    Read,
    Rows,
)
from wengert.ops.index import KEYED, key_shape

#: Nodes of a stretch of tape from which its loops are found before it is derived, and
#: before it is compiled.
LEAST_STRETCH = 500
#: Lengths of the runs of nodes that are looked for again: a step that repeats itself
#: inside is found by a run that is longer than what it repeats.
WINDOWS = (2, 8, 64, 512, 4096)
ROW_MIX = 0xD1342543DE82EF95  # L'Ecuyer's multiplier for 2**64
MIX = 0x9E3779B97F4A7C15  # 2**64 over the golden ratio, odd: it spreads
#: How far back a node lies that was made before a stretch.
OUTSIDE = int(np.iinfo(int64).min)


class Stretch(NamedTuple):
    """Positions that repeat themselves; whether the first of a step is chosen."""

    start: int
    period: int
    steps: int
    is_cut: bool = False

    @property
    def saved(self) -> int:
        """Nodes that a loop is less."""
        return (self.steps - 1) * self.period

    @property
    def is_worth_it(self) -> bool:
        """Whether a loop would be worth its node."""
        return self.steps >= LEAST_COUNT and self.saved >= LEAST_NODES

    def part(self, low: int, high: int) -> Stretch:
        """Return some of the steps."""
        return self._replace(start=self.start + low * self.period, steps=high - low)


def find_loops(
    tape: Tape, start: int, stop: int, given: Collection[int] = ()
) -> list[Loop]:
    """Return the loops of a stretch of tape, in order and without overlap.

    The nodes that are `given` belong to none, as inputs do.
    """
    if not has_room(tape, start, stop):
        return []
    whole = repetitions_of(tape, start, stop, given)
    while True:
        line = Line(tape, start, stop, given, whole)
        found: list[Loop] = []
        todo = repetitions(line.codes)
        while todo:
            found += line.state(todo.pop(), todo)
        found.sort(key=lambda loop: loop.grid.start)
        if not whole:
            return found
        left = continued(tape, found, whole)
        if not left:
            return found
        whole = [each for each in whole if each not in left]


def has_room(tape: Tape, start: int, stop: int) -> bool:
    """Whether a stretch has so many nodes that a loop could save enough of them."""
    made = (
        operation
        for operation in islice(since(tape.operations, start), stop - start)
        if operation is not CONSTANT and operation is not INPUT
    )
    return next(islice(made, LEAST_NODES, None), None) is not None


class Line:
    """The nodes of a stretch of tape without its leaves, as arrays.

    Attributes
    ----------
    nodes : array of int
        What stands at every position.
    place : array of int
        The position of every node; -1 for leaves and what is before the stretch.
    operands, numbers : tuple of arrays of int
        The operands of all positions, and the whole numbers of their keys, in one; and
        where those of each begin.
    codes : array of uint64
        Equal where nodes do the same.
    """

    def __init__(
        self,
        tape: Tape,
        start: int,
        stop: int,
        given: Collection[int],
        whole: Sequence[Repetition],
    ) -> None:
        inputs = set(tape.input_indices)
        written = self.written = Written(tape, start, stop, whole)
        # As arrays: of very long tapes, lists of numbers would take more than the tape.
        chosen = integers(
            "q",
            (
                k
                for k, (node, operation) in enumerate(
                    zip(written.nodes, written.operations, strict=True)
                )
                if operation is not CONSTANT
                and operation is not INPUT
                and node not in inputs
                and node not in given
            ),
        )
        self.nodes = array(written.nodes, int64)[frombuffer(chosen, int64)]
        # the last place is that of what is left out
        self.place = full(start + len(written.nodes) + 1, -1)
        self.place[written.places(self.nodes)] = arange(len(chosen))
        codes, numbers = coded(written, chosen)
        self.codes = frombuffer(codes, uint64)
        self.operands = joined([written.operands[k] for k in chosen])
        self.numbers = joined(numbers)

    def table(self, stretch: Stretch, lists: tuple[Ints, Ints]) -> Ints:
        """Return what every step has of some lists, a row a step."""
        flat, starts = lists
        first = starts[stretch.start]
        last = starts[stretch.start + stretch.period * stretch.steps]
        return flat[first:last].reshape(stretch.steps, -1)

    def state(self, stretch: Stretch, todo: list[Stretch]) -> Iterator[Loop]:
        """Give a stretch as a loop, or leave parts of it to do."""
        if not stretch.is_worth_it:
            return
        nodes = self.table(stretch, self.operands)
        behind = self.behind(nodes, stretch)
        regular = is_regular(nodes, behind, stretch.period).all(axis=1)
        low, high = longest(regular)
        if high - low < len(regular):
            todo += best_parts(stretch, behind, nodes, low, high)
            return
        columns = range(nodes.shape[1])
        reads = [self.read(nodes[:, k], behind[:, k], stretch) for k in columns]
        peeled = max((read for read in reads if type(read) is int), default=0)
        if peeled:
            todo += [stretch.part(0, peeled), stretch.part(peeled, stretch.steps)]
            return
        if any(type(r) is Carried and len(r.initial) > MOST_BACK for r in reads):
            return
        each = list(self.by_position(reads, stretch))
        first = 0 if stretch.is_cut else narrowest(each)
        if first:
            todo.append(self.moved(stretch, first))
            return
        steps = self.nodes[stretch.start :][: stretch.period * stretch.steps]
        rows = steps.reshape(stretch.steps, stretch.period)
        yield Loop(Grid(rows), each, self.changing(stretch))

    def behind(self, nodes: Ints, stretch: Stretch) -> Ints:
        """Return how operands lie from the first position of their step."""
        places = self.place[self.written.places(nodes)]
        is_outside = places < stretch.start
        places -= arange(stretch.steps)[:, None] * stretch.period + stretch.start
        places[is_outside] = OUTSIDE
        return places

    def read(self, nodes: Ints, behind: Ints, stretch: Stretch) -> Read | int:
        """Return how one operand moves, or the first step from which it is regular."""
        period, last = stretch.period, int(behind[-1])
        if (nodes == nodes[0]).all():
            return 1 if behind[0] != OUTSIDE else Fixed(int(nodes[0]))
        if last == OUTSIDE and (behind == OUTSIDE).all():
            return Rows(tuple(nodes.tolist()))
        if last >= 0 and (behind == last).all():
            return Here(last)
        back = -(last // period)
        is_carried = last != OUTSIDE and (behind[back:] == last).all()
        if is_carried and (behind[:back] == OUTSIDE).all():
            return Carried(last + back * period, tuple(nodes[:back].tolist()))
        others = nodes != nodes[-1] if nodes[-1] == nodes[-2] else behind != last
        return int(flatnonzero(others)[-1]) + 1

    def by_position(self, reads: list[Any], stretch: Stretch) -> Iterator[list[Read]]:
        """Give the reads of every position."""
        starts = self.operands[1][stretch.start :][: stretch.period + 1]
        for low, high in pairwise((starts - starts[0]).tolist()):
            yield reads[low:high]

    def changing(self, stretch: Stretch) -> dict[int, Ints]:
        """Return the whole numbers of the keys that change, by position."""
        numbers = self.table(stretch, self.numbers)
        starts = self.numbers[1][stretch.start :][: stretch.period + 1]
        starts = starts - starts[0]
        changes = flatnonzero((numbers != numbers[0]).any(axis=0))
        places = np.unique(np.searchsorted(starts, changes, side="right") - 1)
        return {k: numbers[:, starts[k] : starts[k + 1]] for k in places.tolist()}

    def moved(self, stretch: Stretch, first: int) -> Stretch:
        """Return a stretch whose steps begin at another of their positions."""
        start, stop = stretch.start, stretch.start + stretch.period * stretch.steps
        ahead, here = self.codes[stop:][:first], self.codes[start:][:first]
        goes_on = len(ahead) == first and (ahead == here).all()
        count = stretch.steps if goes_on else stretch.steps - 1
        return Stretch(start + first, stretch.period, count, is_cut=True)


def is_regular(nodes: Ints, behind: Ints, period: int) -> Any:
    """Return whether operands move from each step to the next as loops do.

    They are the same node, lie as they lay before, or were made before the stretch
    where they begin to be made in it.
    """
    now, before = behind[1:], behind[:-1]
    back = arange(1, len(nodes))[:, None]
    begins = (before == OUTSIDE) & (now != OUTSIDE) & (-(now // period) == back)
    return (now == before) | (nodes[1:] == nodes[:-1]) | begins


def best_parts(
    stretch: Stretch, behind: Ints, nodes: Ints, low: int, high: int
) -> list[Stretch]:
    """Return parts of an irregular stretch: what is regular, or steps of several."""
    longest_part = stretch.part(low, high + 1)
    if 2 * longest_part.saved < stretch.saved:
        moves = behind.copy()
        moves[1:][nodes[1:] == nodes[:-1]] = OUTSIDE
        codes = (moves.astype(uint64) * powers(moves.shape[1])).sum(axis=1)
        several = [
            Stretch(stretch.start + s.start * period, s.period * period, s.steps)
            for period in (stretch.period,)
            for s in repetitions(codes, period)
            if s.period > 1
        ]
        if sum(s.saved for s in several) > longest_part.saved:
            return several
    if not longest_part.is_worth_it:
        return []
    around = stretch.part(0, low), stretch.part(high + 1, stretch.steps)
    return [around[0], longest_part, around[1]]


def powers(count: int) -> Any:
    """Return factors that spread a row over 64 bits, others than of a window."""
    return np.cumprod(full(count, ROW_MIX, uint64))


def repetitions(codes: Any, width: int = 1) -> list[Stretch]:
    """Return stretches of codes that repeat themselves, without overlap.

    A code stands for `width` nodes.
    """
    found: list[Stretch] = []
    hashes, window, power = codes, 1, MIX
    while window <= WINDOWS[-1] and 2 * window <= len(codes):
        if window in WINDOWS:
            found += runs(codes, hashes, window, width)
        hashes = hashes[:-window] * uint64(power) + hashes[window:]
        window, power = 2 * window, power * power % 2**64
    found.sort(key=lambda stretch: (-stretch.saved, stretch.period))
    free = ones(len(codes), bool)
    kept = []
    for stretch in found:
        start, period, count = stretch[:3]
        low, high = longest(free[start : start + period * count])
        stretch = Stretch(start + low, period, (high - low) // period)
        if is_worth_it(stretch, width):
            free[stretch.start :][: period * stretch.steps] = False
            kept.append(stretch)
    return kept


def is_worth_it(stretch: Stretch, width: int) -> bool:
    """Whether a loop over a stretch of codes would be worth its node."""
    return stretch._replace(period=stretch.period * width).is_worth_it


def runs(codes: Any, hashes: Any, window: int, width: int) -> Iterator[Stretch]:
    """Give stretches in which every window is seen again at the same distance."""
    order = np.argsort(hashes, kind="stable")
    again = hashes[order[1:]] == hashes[order[:-1]]
    distance = zeros(len(hashes), int64)
    distance[order[:-1][again]] = (order[1:] - order[:-1])[again]
    edges = concatenate([[0], flatnonzero(diff(distance)) + 1, [len(hashes)]])
    periods, lengths = distance[edges[:-1]], diff(edges)
    is_long = (lengths + window) * width >= LEAST_NODES
    for at in flatnonzero(is_long & (lengths >= periods) & (periods > 0)).tolist():
        start, stop, period = int(edges[at]), int(edges[at + 1]), int(periods[at])
        stop += window - 1
        # Hashes of windows may collide: the codes decide.
        same = codes[start:stop] == codes[start + period : stop + period]
        length = int(np.argmin(same)) if not same.all() else len(same)
        stretch = Stretch(start, period, length // period + 1)
        if is_worth_it(stretch, width):
            yield stretch


def longest(flags: Any) -> tuple[int, int]:
    """Return the longest run of flags that are set."""
    changes = flatnonzero(diff(concatenate([[False], flags, [False]]).astype(np.int8)))
    if not len(changes):
        return 0, 0
    starts, stops = changes[::2], changes[1::2]
    at = int(np.argmax(stops - starts))
    return int(starts[at]), int(stops[at])


def narrowest(reads: Sequence[Sequence[Read]]) -> int:
    """Return the position at which a step should begin: the fewest values are alive."""
    period = len(reads)
    far = zeros(period, int64)
    for place, each in enumerate(reads):
        for read in each:
            if type(read) is Here or type(read) is Carried:
                back = len(read.initial) if type(read) is Carried else 0
                position = read.position
                far[position] = max(far[position], place + back * period - position)
    begins = arange(1, period + 1)
    alive = np.bincount(begins, minlength=2 * period + 1)
    alive = alive - np.bincount(begins + far % period, minlength=2 * period + 1)
    alive = cumsum(alive)[: 2 * period].reshape(2, period).sum(axis=0)
    return 0 if alive[0] == alive.min() else int(np.argmin(alive))


# What a node does, as a number


def coded(
    written: Written, chosen: Sequence[int]
) -> tuple[integers[int], list[tuple[int, ...]]]:
    """Return what some nodes do, as numbers; and the whole numbers of their keys."""
    makers = Makers()
    #: By types as objects, of which there are few; and as values.
    quick: dict[Any, int] = {}
    known: dict[Any, int] = {}
    codes, numbers = integers("Q"), []
    operations, operands = written.operations, written.operands
    settings, types, type_at = written.settings, written.types, written.types_at()
    for i in chosen:
        operation, given = operations[i], settings[i]
        moving: tuple[int, ...] = ()
        how: Any = None
        if not given:
            pass
        elif operation in KEYED:
            how, moving = key_shape(given["key"])
            if given.get("chain"):
                how = (how, repr(given["chain"]))
        else:
            how = tuple([setting_code(item) for item in given.items()])
        if operation.identity is not None:
            operation = makers.first(operation)
        read = operands[i]
        what: Any
        if len(read) == 2:
            x, y = read
            what = operation, how, id(types[i]), id(type_at(x)), id(type_at(y))
        else:
            what = (operation, how, id(types[i]), *map(id, map(type_at, read)))
        try:
            code = quick.get(what)
        except TypeError:  # settings that cannot be compared: like no other
            code, what = None, i
        if code is None:
            exact = what if what is i else (*what[:2], types[i], *map(type_at, read))
            code = quick[what] = known.setdefault(exact, len(known))
        codes.append(code)
        numbers.append(moving)
    return codes, numbers


class Makers:
    """Operations that are made anew for every call: the first of those that agree."""

    def __init__(self) -> None:
        self.known: dict[Any, list[Operation]] = {}

    def first(self, operation: Operation) -> Operation:
        """Return the first operation that does the same."""
        alike = self.known.setdefault((operation.name, repr(operation.identity)), [])
        for other in alike:
            if agree(other, operation):
                return other
        alike.append(operation)
        return operation


def setting_code(item: tuple[str, Any]) -> tuple[Any, ...]:
    """Return a setting so that == compares it exactly: 1, 1.0 and True differ."""
    name, value = item
    if type(value) in (float, complex, tuple):
        return name, repr(value)
    return name, type(value), value


def joined(lists: Sequence[Sequence[int]]) -> tuple[Ints, Ints]:
    """Return lists of numbers in one, and where each begins."""
    flat = np.fromiter(chain.from_iterable(lists), int64)
    counts = np.fromiter(map(len, lists), int64, len(lists))
    return flat, concatenate([[0], cumsum(counts)]).astype(int64)
