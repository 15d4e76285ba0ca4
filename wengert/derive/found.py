"""A loop that was found on a tape: the nodes of its steps, and what they read.

The nodes are a few rows of numbers, and further ones that go on evenly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# By name: while recording, NumPy's own is answered.
from numpy import (
    arange,
    array,
    concatenate,
    empty,
    flatnonzero,
    full,
    int64,
    ndarray,
    searchsorted,
    unique,
)
from numpy import dtype as dtype_of

LEAST_COUNT = 4  # steps, and ...
LEAST_NODES = 48  # ... nodes saved, below which a loop is not worth its node

Ints = ndarray[Any, dtype_of[int64]]


class Grid:
    """The nodes of a loop: a row a step, a column a position of the step.

    Parameters
    ----------
    head : array of int, shape (rows, positions)
        The nodes of the first steps.
    count : int, optional
        The number of steps; those after the `head` move on by the `stride`.
    stride : int
    """

    __slots__ = ("count", "head", "stride")

    def __init__(self, head: Ints, count: int | None = None, stride: int = 0) -> None:
        self.head, self.stride = head, stride
        self.count = len(head) if count is None else count

    def __len__(self) -> int:
        return self.count

    @property
    def more(self) -> int:
        """Steps after those of the head."""
        return self.count - len(self.head)

    @property
    def start(self) -> int:
        """The first node."""
        return int(self.head[0, 0])

    @property
    def first(self) -> list[int]:
        """The nodes of the first step."""
        found: list[int] = self.head[0].tolist()
        return found

    @property
    def rows(self) -> Ints:
        """All nodes."""
        further = self.stride * arange(1, self.more + 1)
        return concatenate([self.head, self.head[-1] + further[:, None]])

    def at(self, step: int, position: int) -> int:
        """Return one node."""
        beyond = max(step - len(self.head) + 1, 0)
        return int(self.head[step - beyond, position]) + beyond * self.stride

    def column(self, position: int) -> Ints:
        """Return the nodes of one position."""
        given = self.head[:, position]
        if not self.more:
            return given
        return concatenate([given, given[-1] + self.stride * arange(1, self.more + 1)])

    def flags(self, flags: Any) -> Any:
        """Return the flags of all nodes."""
        found = empty((self.count, self.head.shape[1]), bool)
        found[: len(self.head)] = flags[self.head]
        for position, node in enumerate(self.head[-1].tolist() if self.more else ()):
            found[len(self.head) :, position] = flags[
                node + self.stride : node + self.more * self.stride + 1 : self.stride
            ]
        return found

    def clear(self, flags: Any, offset: int = 0) -> None:
        """Clear the flags of all nodes, and of leaves between those after the head."""
        flags[self.head - offset] = False
        if self.more:
            low = self.at(len(self.head), 0)
            flags[low - offset : self.at(self.count - 1, -1) + 1 - offset] = False

    def find(self, nodes: Ints) -> tuple[Ints, Ints]:
        """Return the step and the position of nodes; -1 of those that are in none."""
        flat = self.head.ravel()
        ends = searchsorted(flat, nodes)
        ends[ends == len(flat)] = 0
        step, position = divmod(ends, self.head.shape[1])
        is_found = flat[ends] == nodes
        if self.more:
            last = self.head[-1]
            beyond, offset = divmod(nodes - last[0], self.stride)
            columns = last - last[0]
            place = searchsorted(columns, offset)
            place[place == len(columns)] = 0
            is_even = (beyond > 0) & (beyond <= self.more) & (columns[place] == offset)
            step[is_even] = beyond[is_even] + len(self.head) - 1
            position[is_even] = place[is_even]
            is_found |= is_even
        step[~is_found] = position[~is_found] = -1
        return step, position


class Grids:
    """The nodes of several loops that follow each other."""

    def __init__(self, grids: Sequence[Grid]) -> None:
        self.grids = grids
        self.starts = [grid.start for grid in grids]
        self.stops = [grid.at(grid.count - 1, -1) for grid in grids]

    def find(self, nodes: Any) -> tuple[Ints, Ints, Ints]:
        """Return the loop, the step and the position of nodes; -1 for none."""
        nodes = array(nodes, int64)
        which = searchsorted(self.starts, nodes, side="right") - 1
        owner, step, position = full((3, len(nodes)), -1)
        for k in unique(which).tolist():
            if k >= 0:
                here = flatnonzero(which == k)
                step[here], position[here] = self.grids[k].find(nodes[here])
        owner[step >= 0] = which[step >= 0]
        return owner, step, position

    def place(self, node: int) -> tuple[int, int, int]:
        """Return the loop, the step and the position of one node; -1 for none."""
        k = bisect_right(self.starts, node) - 1
        if k < 0 or node > self.stops[k]:
            return -1, -1, -1
        step, position = self.grids[k].find(array([node]))
        return (k if step[0] >= 0 else -1), int(step[0]), int(position[0])


@dataclass(frozen=True, slots=True)
class Here:
    """The value of a position of the step, in the same step."""

    position: int


@dataclass(frozen=True, slots=True)
class Carried:
    """The value of a position, ``len(initial)`` steps ago.

    In the first steps the `initial` nodes stand in, in order.
    """

    position: int
    initial: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same node in every step."""

    node: int


@dataclass(frozen=True, slots=True)
class Rows:
    """Another node in every step, made before the loop."""

    nodes: tuple[int, ...]


Read = Here | Carried | Fixed | Rows


@dataclass(frozen=True, slots=True)
class Loop:
    """A step that is done again and again.

    Attributes
    ----------
    grid : Grid
        The nodes of every step.
    reads : list of list of Read
        The operands of every node of a step.
    numbers : dict of int to array of int, shape (count, whole numbers of the key)
        By position, where a key changes.
    """

    grid: Grid
    reads: list[list[Read]]
    numbers: dict[int, Ints]

    @property
    def count(self) -> int:
        """Number of steps."""
        return self.grid.count
