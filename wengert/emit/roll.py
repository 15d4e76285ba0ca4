"""Loops found again in a straight line.

A recorded time loop is a tape that repeats itself, and so is its reverse sweep.
`plan` finds such repetitions (same operations, operands that move by a constant stride)
and states them as loops, so that the text, the compile time and the machine code have
the size of one step instead of thousands.  Every value is computed by the same
instructions in the same order as in the straight line; only the code is shared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wengert.emit.program import CONSTANT, GUARD, INPUT, Program

# Lengths of the windows whose repetition is looked for: a body longer than a window
# that repeats inside it is found by a longer one.
_WINDOWS = (8, 48, 256)
_LEAST_COUNT = 4  # repetitions, and ...
_LEAST_NODES = 48  # ... nodes saved, below which a loop is not worth its bookkeeping
_MOST_BACK = 4  # steps a value may be carried from one repetition to a later one


@dataclass(frozen=True, slots=True)
class Straight:
    """Nodes to compute one after another."""

    nodes: list[int]


@dataclass(frozen=True, slots=True)
class Here:
    """The value of a position of the body, in the same repetition."""

    position: int


@dataclass(frozen=True, slots=True)
class Carried:
    """The value of a position of the body, ``len(initial)`` repetitions ago.

    In the first repetitions the `initial` nodes stand in, in order.
    """

    position: int
    initial: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same node in every repetition."""

    node: int


@dataclass(frozen=True, slots=True)
class Column:
    """A position of an earlier loop, at its repetition ``first + k * step``."""

    loop: int
    position: int
    first: int
    step: int


@dataclass(frozen=True, slots=True)
class Elements:
    """Elements of an argument, one a repetition."""

    argument: int
    type: str
    elements: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """Constants, one a repetition."""

    type: str
    values: tuple[float, ...]


Read = Here | Carried | Fixed | Column | Elements | Numbers


@dataclass(frozen=True, slots=True)
class Loop:
    """A body of nodes computed `count` times.

    Attributes
    ----------
    nodes : list of int
        The first repetition's nodes.
    rows : array of int, shape (count, len(nodes))
        Every repetition's nodes.
    reads : list of list of Read
        Each node's operands.
    """

    nodes: list[int]
    rows: np.ndarray
    reads: list[list[Read]]

    @property
    def count(self) -> int:
        """Number of repetitions."""
        return len(self.rows)


_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, odd: it spreads

Segment = Straight | Loop
#: What a node's text depends on: operation, type, strictness, operands' types.
Key = tuple[str, str, bool, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Plan:
    """A program cut into segments.

    Attributes
    ----------
    segments : list of Segment
        In order; their nodes are all of the program's but inputs and constants.
    keys : list of Key
        The kinds of nodes there are.
    kinds : list of int
        Each node's index into `keys`; 0 for inputs and constants.
    """

    segments: list[Segment]
    keys: list[Key]
    kinds: list[int]


def plan(
    program: Program, strict: set[int], chunk_size: int, has_loops: bool = True
) -> Plan:
    """The program's nodes, leaves apart, as loops and bounded straight pieces.

    Parameters
    ----------
    program : Program
    strict : set of int
        Nodes compiled without contraction; they only repeat among themselves.
    chunk_size : int
        Most nodes of a straight piece.
    has_loops : bool
        Whether repetitions become loops.

    Returns
    -------
    Plan
    """
    line = _Line(program, strict)
    segments: list[Segment] = []
    at = 0
    for start, period, count in line.repetitions() if has_loops else ():
        loop = line.loop(start, period, count, segments)
        if loop is None:
            continue
        first = int(line.step_of[loop.nodes[0]])
        _add_straight(segments, line.nodes[at:first], chunk_size)
        line.enter(loop, len(segments), first)
        segments.append(loop)
        at = first + loop.rows.size
    _add_straight(segments, line.nodes[at:], chunk_size)
    return Plan(segments, line.keys, line.kinds)


def _add_straight(segments: list[Segment], nodes: np.ndarray, size: int) -> None:
    """Append nodes in pieces of bounded length."""
    for start in range(0, len(nodes), size):
        segments.append(Straight(nodes[start : start + size].tolist()))


class _Line:
    """A program's nodes without its leaves, as arrays; position = step."""

    def __init__(self, program: Program, strict: set[int]) -> None:
        self.program = program
        operations, operands = program.operations, program.operands
        leaves = (INPUT, CONSTANT)
        steps = [i for i, name in enumerate(operations) if name not in leaves]
        self.nodes = np.array(steps, np.int64)
        self.step_of = np.full(len(operations), -1, np.int64)
        self.step_of[self.nodes] = np.arange(len(steps))
        flat = [a for i in steps for a in operands[i]]
        self.flat = np.array(flat, np.int64)
        counts = [len(operands[i]) for i in steps]
        self.starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        self.keys: list[Key] = []
        self.kinds = self._kinds(steps, strict)
        self.codes = self._codes(steps)
        # For every step inside a loop made so far: the segment, the loop's start.
        self.segment_of = np.full(len(steps), -1, np.int64)

    def _kinds(self, steps: list[int], strict: set[int]) -> list[int]:
        """Index of each node's kind."""
        program = self.program
        known: dict[Key, int] = {}
        operations, operands, types = (
            program.operations,
            program.operands,
            program.types,
        )
        kinds = [0] * len(operations)
        for i in steps:
            read = tuple([types[a] for a in operands[i]])
            key = (operations[i], types[i], i in strict, read)
            kinds[i] = known.setdefault(key, len(known))
        self.keys = list(known)
        return kinds

    def _codes(self, steps: list[int]) -> np.ndarray:
        """A number a step; equal where kind, leaves and expected values are."""
        program, nodes = self.program, self.nodes
        leaf = np.zeros(len(program.operations), np.uint64)
        for i, name in enumerate(program.operations):
            if name == INPUT:
                leaf[i] = 2 + program.operands[i][0]
            elif name == CONSTANT:
                leaf[i] = 1
        codes = np.array(self.kinds, np.int64)[nodes].astype(np.uint64)
        counts = np.diff(self.starts)
        for k in range(int(counts.max(initial=0))):
            has = counts > k
            codes = codes * _MIX
            codes[has] += leaf[self.flat[self.starts[:-1][has] + k]]
        for i, value in program.values.items():
            if program.operations[i] == GUARD:
                codes[self.step_of[i]] += np.uint64(hash(value) % 2**31)
        return codes

    # -- finding -------------------------------------------------------------------

    def repetitions(self) -> list[tuple[int, int, int]]:
        """Candidates (start, period, count), in order and without overlap."""
        found = [c for window in _WINDOWS for c in self._runs(window)]
        found.sort(key=lambda c: (-(c[2] - 1) * c[1], c[1]))
        free = np.ones(len(self.nodes), bool)
        kept = []
        for start, period, count in found:
            stop = start + period * count
            if free[start:stop].all():
                free[start:stop] = False
                kept.append((start, period, count))
        return sorted(kept)

    def _runs(self, window: int) -> Iterator[tuple[int, int, int]]:
        """Stretches in which every window is seen again at the same distance."""
        length = len(self.codes) - window + 1
        if length < 2 * window:
            return
        mixed = np.zeros(length, np.uint64)
        for k in range(window):
            mixed = mixed * _MIX + self.codes[k : k + length]
        order = np.argsort(mixed, kind="stable")
        again = mixed[order[1:]] == mixed[order[:-1]]
        distance = np.zeros(length, np.int64)
        distance[order[:-1][again]] = (order[1:] - order[:-1])[again]
        edges = np.concatenate([[0], np.flatnonzero(np.diff(distance)) + 1, [length]])
        periods, lengths = distance[edges[:-1]], np.diff(edges)
        long_enough = (lengths + window >= _LEAST_NODES) & (lengths >= periods)
        for at in np.flatnonzero(long_enough & (periods > 0)).tolist():
            start, stop, period = int(edges[at]), int(edges[at + 1]), int(periods[at])
            # Windows' hashes may collide: the codes decide.
            same = (
                self.codes[start : stop - 1 + window]
                == (self.codes[start + period : stop - 1 + window + period])
            )
            count = int(np.argmin(same) if not same.all() else len(same)) // period + 1
            if count >= _LEAST_COUNT and (count - 1) * period >= _LEAST_NODES:
                yield start, period, count

    # -- stating ----------------------------------------------------------------------

    def loop(
        self, start: int, period: int, count: int, segments: list[Segment]
    ) -> Loop | None:
        """The longest stretch of a candidate whose operands all move regularly."""
        while count >= _LEAST_COUNT and (count - 1) * period >= _LEAST_NODES:
            table = self._table(start, period, count)
            low, high = self._regular(table, start, period)
            if (low, high) == (0, count):
                reads = self._reads(table, start, period, segments)
                if isinstance(reads, list):
                    stop = start + period * count
                    rows = self.nodes[start:stop].reshape(count, period)
                    return Loop(rows[0].tolist(), rows, reads)
                low, high = reads
            start, count = start + low * period, high - low
        return None

    def _table(self, start: int, period: int, count: int) -> np.ndarray:
        """Operands (nodes) of a candidate, a row a repetition."""
        first, last = self.starts[start], self.starts[start + period * count]
        return self.flat[first:last].reshape(count, -1)

    def _regular(self, table: np.ndarray, start: int, period: int) -> tuple[int, int]:
        """The longest range of repetitions in which every operand has one stride."""
        steps = self.step_of[table]
        steps = steps[:, (steps >= 0).all(axis=0)]
        bends = (np.diff(steps, n=2, axis=0) != 0).any(axis=1)
        cuts = [0, *(np.flatnonzero(bends) + 1).tolist(), len(table) - 1]
        # Between two bends the stride is constant; a bend belongs to both ranges.
        best = max(pairwise(cuts), key=lambda pair: pair[1] - pair[0])
        if not bends.any():
            return 0, len(table)
        return best[0] + (best[0] != 0), best[1] + (best[1] == len(table) - 1)

    def _reads(
        self, table: np.ndarray, start: int, period: int, segments: list[Segment]
    ) -> list[list[Read]] | tuple[int, int]:
        """Every operand stated, or the range of repetitions to try instead."""
        reads: list[list[Read]] = []
        column = 0
        for k in range(period):
            mine: list[Read] = []
            for _ in range(int(self.starts[start + k + 1] - self.starts[start + k])):
                read = self._read(table[:, column], start, period, segments)
                if isinstance(read, tuple):
                    return read
                mine.append(read)
                column += 1
            reads.append(mine)
        return reads

    def _read(
        self, nodes: np.ndarray, start: int, period: int, segments: list[Segment]
    ) -> Read | tuple[int, int]:
        """How one operand moves, or the range of repetitions to try instead."""
        steps = self.step_of[nodes]
        if (nodes == nodes[0]).all():
            if steps[0] >= start:  # made by the first repetition: it stays straight
                return 1, len(nodes)
            return Fixed(int(nodes[0]))
        if steps[0] < 0:
            return self._leaves(nodes)
        first, stride = int(steps[0]), int(steps[1] - steps[0])
        if stride == period and first >= start:
            return Here(first - start)
        if stride == period and first >= start - _MOST_BACK * period:
            back = -((first - start) // period)
            initial = self.nodes[first : first + back * period : period]
            return Carried((first - start) % period, tuple(initial.tolist()))
        return self._column(steps, segments)

    def _leaves(self, nodes: np.ndarray) -> Read:
        """Inputs or constants that change from repetition to repetition."""
        program, first = self.program, int(nodes[0])
        t = program.types[first]
        if program.operations[first] == CONSTANT:
            return Numbers(t, tuple([program.values[i] for i in nodes.tolist()]))
        operands = program.operands
        elements = tuple([operands[i][1] for i in nodes.tolist()])
        return Elements(operands[first][0], t, elements)

    def _column(
        self, steps: np.ndarray, segments: list[Segment]
    ) -> Read | tuple[int, int]:
        """A position of an earlier loop, or the range of repetitions that read one."""
        owners = self.segment_of[steps]
        owner = int(owners[len(owners) // 2])
        inside = owners == owner
        if owner < 0:
            return 0, 0
        if not inside.all():
            where = np.flatnonzero(inside)
            return int(where[0]), int(where[-1]) + 1
        loop = segments[owner]
        assert isinstance(loop, Loop)
        width, start = len(loop.nodes), int(self.step_of[loop.nodes[0]])
        first, stride = int(steps[0]) - start, int(steps[1] - steps[0])
        if stride % width:
            return 0, 0
        return Column(owner, first % width, first // width, stride // width)

    def enter(self, loop: Loop, segment: int, start: int) -> None:
        """Note which steps a loop computes."""
        self.segment_of[start : start + loop.rows.size] = segment
