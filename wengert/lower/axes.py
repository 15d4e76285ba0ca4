"""Axes: which dimensions of a tape's values run together.

A dimension of a value is an axis, named by where it arises.  Where an operation lines
two dimensions up, their axes become one, unless some value has both: `x[:, None] - x`
reads its second operand along another axis.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable


class Axes:
    """The axes of a graph, by number."""

    def __init__(self) -> None:
        self.extents: list[int] = []
        self.parents: list[int] = []
        #: For each axis those that some value has beside it.
        self.beside: list[set[int]] = []
        self.known: dict[Hashable, int] = {}
        #: How often two axes became one.
        self.merges = 0

    def of(self, place: Hashable, extent: int) -> int:
        """Return the axis that arises at a place, always the same one."""
        axis = self.known.get(place)
        if axis is None:
            axis = self.known[place] = len(self.extents)
            self.extents.append(extent)
            self.parents.append(axis)
            self.beside.append(set())
        assert self.extents[axis] == extent, "an axis of two extents"
        return self.find(axis)

    def find(self, axis: int) -> int:
        """Return what an axis has become."""
        while self.parents[axis] != axis:
            axis = self.parents[axis]
        return axis

    def keep_apart(self, axes: Iterable[int]) -> None:
        """Note that a value has all of these axes."""
        found = {self.find(axis) for axis in axes}
        if len(found) > 1:
            for axis in found:
                self.beside[axis] |= found - {axis}

    def unite(self, one: int, other: int) -> bool:
        """Make two axes one; whether that could be done."""
        one, other = self.find(one), self.find(other)
        if one == other:
            return True
        if self.extents[one] != self.extents[other] or other in self.beside[one]:
            return False
        kept, gone = min(one, other), max(one, other)
        self.parents[gone] = kept
        for axis in self.beside[gone]:
            self.beside[axis].discard(gone)
            self.beside[axis].add(kept)
            self.beside[kept].add(axis)
        self.merges += 1
        return True
