"""A recording that keeps no arrays which can be computed again: under a budget.

What rules read of a loop that was recorded step by step may be more than a budget
allows.  So the loops are found before the sweep, and what lies around them is computed
once more; the loops themselves are swept in segments (`derive.budget`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.core.checked import LISTS
from wengert.core.operation import Operation
from wengert.core.tape import Tape, reaching
from wengert.core.types import is_array
from wengert.derive.budget import shown
from wengert.derive.repeats import LEAST_STRETCH
from wengert.derive.roll import fill, roll_stretch
from wengert.derive.steps import BUDGET
from wengert.errors import ArgumentError, Line, explain

#: Bytes of a node without its numbers while it is recorded and loops are found, about.
OF_A_NODE = 245


class Scarce(dict[int, Any]):
    """A list of which most is None, and takes no memory."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __missing__(self, index: int) -> None:
        return None

    def append(self, value: Any) -> None:
        """Add a last item."""
        if value is not None:
            super().__setitem__(self.count, value)
        self.count += 1


class Numbers(Scarce):
    """The numbers of nodes; of arrays those are left out that are saved for rules."""

    forgets = True

    def __setitem__(self, index: int, value: Any) -> None:
        if not (self.forgets and is_forgotten(value)):
            super().__setitem__(index, value)


def is_forgotten(value: Any) -> bool:
    """Whether numbers are not kept: those of arrays."""
    return is_array(value) and value.ndim > 0 and value.dtype.kind in "fc"


class Forgetful(Tape):
    """A tape that keeps the arrays of its leaves alone, until they are asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = Numbers()
        self.lines, self.play.outputs = Scarce(), self.numbers  # type: ignore[assignment]

    def append(
        self,
        operation: Operation,
        operands: tuple[int, ...],
        settings: dict[str, Any],
        type_: Any,
        output: Any = None,
        line: Line | None = None,
    ) -> int:
        """Append one node; its array is kept where it could not be computed again."""
        if operands and self.numbers.forgets and is_forgotten(output):
            output = None
        return super().append(operation, operands, settings, type_, output, line)

    def remember(self) -> None:
        """Keep all numbers from now on."""
        self.numbers.forgets = False

    def roll(self, roots: Sequence[int], wanted: Sequence[int]) -> list[int]:
        """Become what roots are made of, with loops as nodes; return where some are.

        The wanted nodes first, then the roots.  The numbers of all that is around the
        loops are known then.
        """
        self.remember()
        places = [*wanted, *roots]
        if len(self) >= LEAST_STRETCH:
            self.charge()
            roll = roll_stretch(self, 0, len(self), roots, frozenset(wanted))
            if roll is not None:
                places[len(wanted) :] = map(roll.place, roots)
        flags = reaching(self, places)
        kept = [index for index, is_read in enumerate(flags) if is_read]
        fill(self, kept)
        at = {index: place for place, index in enumerate(kept)}
        for name in LISTS:
            setattr(self, name, [getattr(self, name)[index] for index in kept])
        self.operands = [tuple([at[k] for k in each]) for each in self.operands]
        self.play.outputs = [self.play.outputs[index] for index in kept]
        self.input_indices = [at[k] for k in self.input_indices if k in at]
        return [at[index] for index in places]

    def charge(self) -> None:
        """Tell the plan what the recording takes; raise where that is too much."""
        plan, taken = BUDGET.get(), OF_A_NODE * len(self)
        if plan is None:
            return
        plan.recorded = max(plan.recorded, taken)
        if plan.budget is not None and taken > plan.budget:
            raise ArgumentError(
                explain(
                    f"{len(self)} nodes were recorded within {shown(plan.budget)}",
                    f"a plain loop is recorded step by step, in {shown(taken)}",
                    "wengert.scan or wengert.fori_loop, which record one step",
                )
            )
