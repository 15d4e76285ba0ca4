"""Loops of a tape: a step lowered to a graph of its own, and what it is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from wengert.core.verify import content

if TYPE_CHECKING:
    from wengert.lower.values import Lowered


class Given(NamedTuple):
    """An argument of a step.

    Attributes
    ----------
    number : float or None
        Where all its elements are the same number.
    strides : tuple of int
        Where it lies otherwise, by dimension of the step's argument.
    row : int
        By how many elements a step moves it.
    """

    number: float | None
    strides: tuple[int, ...]
    row: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """A step that is done many times.

    Attributes
    ----------
    lowered : Lowered
        The step; its outputs are the next carried values, then what is stacked.
    count : int
        Number of steps, where a number says so; the most that there is room for, where
        the last operand does.
    is_back : bool
        Whether the last row is the first step.
    carried : int
        Number of carried values.
    given : list of Given
        How the step reads its arguments.
    exact : frozenset of int
        Results that are rounded as NumPy rounds them, given such arguments.
    made_of : tuple of frozenset of int, one a result
        The operands that it is made of, in whatever step.
    taints : frozenset of int
        Results that a plain product of the chain rule may make no number.
    is_part : bool
        Whether the operand behind those of the step says how many steps are done.
    is_gated : bool
        Whether the last operand says that no step is done, as the call is refused.
    asks : Lowered, optional
        Whether a step follows, where a condition says so.  How many steps were done is
        then the result behind the carried values.
    """

    lowered: Lowered
    count: int
    is_back: bool
    carried: int
    given: Sequence[Given]
    exact: frozenset[int]
    made_of: Sequence[frozenset[int]]
    taints: frozenset[int]
    is_part: bool = False
    asks: Lowered | None = None
    is_gated: bool = False

    def content(self) -> bytes:
        """Return the bytes that stand for it."""
        steps = [x.content() for x in (self.lowered, self.asks) if x is not None]
        how = self.count, self.is_back, self.carried, self.is_part, self.is_gated
        marked = sorted(self.exact), [*map(sorted, self.made_of)], sorted(self.taints)
        return content((steps, how, [*map(tuple, self.given)], marked))

    @property
    def is_open(self) -> bool:
        """Whether the number of steps is another in every play."""
        return self.is_part or self.asks is not None

    @property
    def may_go_on(self) -> bool:
        """Whether a condition alone ends it, or a loop in its steps."""
        steps = self.lowered.graph.nodes
        loops = (node.data[0] for node in steps if node.kind == "loop")
        return self.asks is not None or any(loop.may_go_on for loop in loops)

    def __str__(self) -> str:
        if self.asks is not None:
            return f"steps of {len(self.lowered.graph.nodes)} nodes by a condition"
        order = "back" * self.is_back or "on"
        few = "up to " * self.is_part
        return (
            f"{few}{self.count} steps {order} of {len(self.lowered.graph.nodes)} nodes"
        )


def is_steps(repeated: Repeated, result: int) -> bool:
    """Whether a result is how many steps were done, which a condition decides."""
    return repeated.asks is not None and result == len(repeated.lowered.outputs)
