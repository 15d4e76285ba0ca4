"""Sums of products of two values: which are computed in tiles, and along which axes.

A tile holds some rows of the result by some vectors of its columns in registers, while
it goes along what is folded.  Rows are the axes that only the left operand has, columns
those that only the right one has; both have the others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from wengert.lower.costs import COSTLY, own_cost

if TYPE_CHECKING:
    from wengert.lower.graph import Graph, Node, Step

#: Elements of columns, and of what is folded, from which a tile has something to do.
LEAST = 4
#: Products from which tiles pay.
LEAST_PRODUCTS = 512
#: Axes up to which products of many small matrices are lanes along the others.
SMALL = 16
#: How often a value must be read that would else be computed where it is read.
LEAST_READS = 16


class Sides(NamedTuple):
    """The axes of a product."""

    rows: frozenset[int]
    columns: frozenset[int]
    folded: frozenset[int]
    both: frozenset[int]

    @property
    def turned(self) -> Sides:
        """The same where the operands change places."""
        return Sides(self.columns, self.rows, self.folded, self.both)


def sides_of(left: Node, right: Node, folded: frozenset[int]) -> Sides:
    """Return the axes of a product of two values."""
    both = left.axes & right.axes - folded
    return Sides(
        left.axes - right.axes, right.axes - left.axes, folded & left.axes, both
    )


def is_tiled(graph: Graph, step: Step, x: Node, folded: frozenset[int]) -> bool:
    """Whether a fold is a sum of products that tiles compute faster than loops."""
    is_sum = step.text == "x + y" and x.type.startswith("float")
    if not is_sum or x.kind != "map" or x.data != "x * y":
        return False
    left, right = x.operands
    if left.type != x.type or right.type != x.type:
        return False
    if not (folded <= left.axes and folded <= right.axes):
        return False
    sides = sides_of(left, right, folded)
    rows, columns, depth, many = map(graph.count, sides)
    if max(rows, columns) < LEAST or depth < LEAST:
        return False
    if rows * columns * depth < LEAST_PRODUCTS:
        return False
    if rows == 1 or columns == 1:
        return is_read_in_rows(*(x.operands if rows == 1 else x.operands[::-1]))
    if many >= LEAST and max(rows, columns, depth) <= SMALL:
        return False
    return all(
        operand.kind != "map" or own_cost(operand) >= COSTLY or reads >= LEAST_READS
        for operand, reads in ((left, columns), (right, rows))
    )


def is_read_in_rows(vector: Node, matrix: Node) -> bool:
    """Whether a matrix lies so that a vector times it reads it side by side."""
    if matrix.kind != "leaf":
        return False
    return any(
        stride == 1 and axis not in vector.axes for axis, stride in matrix.data[2]
    )


class Piece(NamedTuple):
    """Axes that run as one: their extent, and the stride in each of two memories."""

    extent: int
    strides: tuple[int, int]


def pieces(
    graph: Graph, axes: Collection[int], one: Mapping[int, int], two: Mapping[int, int]
) -> list[Piece]:
    """Return axes, merged where they lie in both memories as one; the longest first."""
    found: list[Piece] = []
    for axis in sorted(axes, key=lambda a: (one[a], a)):
        strides, extent = (one[axis], two[axis]), graph.extent(axis)
        if found:
            last = found[-1]
            if strides == tuple([last.extent * k for k in last.strides]):
                found[-1] = Piece(last.extent * extent, last.strides)
                continue
        found.append(Piece(extent, strides))
    return sorted(found, key=lambda piece: -piece.extent)


def first_with_unit_stride(found: Sequence[Piece]) -> list[Piece]:
    """Return pieces, one whose elements lie side by side in both memories first."""
    return sorted(found, key=lambda piece: piece.strides != (1, 1))
