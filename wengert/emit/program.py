"""A scalar program: what the lowering hands to the native engine, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: Operations besides native expressions; see `Program`.
INPUT = "input"
CONSTANT = "constant"
GUARD = "guard"


@dataclass(frozen=True, slots=True)
class Program:
    """A straight line of scalar operations, one entry a node, index = order.

    Attributes
    ----------
    operations : sequence of str
        A native expression in `x`, `y`, `z`, `w` (see `emit.vocabulary`), or

        - ``"input"``: operands ``(argument, element)``;
        - ``"constant"``: no operands, its number is in `values`;
        - ``"guard"``: operands ``(node,)``; the play ends here unless the node's value
          equals the one in `values`.  Guards are numbered 1, 2, ... in order.
    operands : sequence of tuple of int
        Nodes read; earlier ones only.
    types : sequence of str
        NumPy's name of each node's type (anything for guards).
    values : mapping of int to number
        Number of each constant, and the number each guard expects.
    arguments, results : sequence of str
        Types of their elements, which lie side by side.
    outputs : sequence of (node, result, element)
        What is written where.
    """

    operations: Sequence[str]
    operands: Sequence[tuple[int, ...]]
    types: Sequence[str]
    values: Mapping[int, float]
    arguments: Sequence[str]
    results: Sequence[str]
    outputs: Sequence[tuple[int, int, int]]

    @property
    def guard_count(self) -> int:
        """Number of guards."""
        return sum(operation == GUARD for operation in self.operations)
