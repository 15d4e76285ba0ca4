"""A recording that keeps no arrays which can be computed again: under a budget.

What rules read of a loop that was recorded step by step may be more than a budget
allows.  So the loops are found before the sweep, and what lies around them is computed
once more; the loops themselves are swept in segments (`derive.budget`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy import flatnonzero, frombuffer

from wengert.core.flags import reaching
from wengert.core.operation import Operation
from wengert.core.repetitions import COLUMNS, repetitions_on
from wengert.core.tape import Tape
from wengert.derive.budget import shown
from wengert.derive.repeats import LEAST_STRETCH
from wengert.derive.roll import fill, roll_stretch
from wengert.derive.steps import BUDGET
from wengert.errors import ArgumentError, Line, explain

#: Bytes of a node without its numbers while it is recorded and loops are found, about;
#: and of one in a step that is written once.
OF_A_NODE, OF_A_STEP = 265, 30


class Forgetful(Tape):
    """A tape that keeps the arrays of its leaves alone, until they are asked for.

    Of steps that are written once it keeps no numbers at all.
    """

    forgets = True

    def __init__(self) -> None:
        super().__init__()
        self.writes_steps_once = True

    def append(
        self,
        operation: Operation,
        operands: tuple[int, ...],
        settings: dict[str, Any],
        type_: Any,
        output: Any = None,
        line: Line | None = None,
    ) -> int:
        """Append one node; what steps give that are written once is not kept."""
        if operands and self.repetition is not None:
            output = None
        return super().append(operation, operands, settings, type_, output, line)

    def roll(self, roots: Sequence[int], wanted: Sequence[int]) -> list[int]:
        """Become what roots are made of, with loops as nodes; return where some are.

        The wanted nodes first, then the roots.  The numbers of all that is around the
        loops are known then.
        """
        places = [*wanted, *roots]
        if len(self) >= LEAST_STRETCH:
            self.charge()
            roll = roll_stretch(self, 0, len(self), roots, frozenset(wanted))
            if roll is not None:
                places[len(wanted) :] = map(roll.place, roots)
        kept = flatnonzero(frombuffer(reaching(self, places), bool)).tolist()
        fill(self, kept)
        at = {index: place for place, index in enumerate(kept)}
        for name in COLUMNS:
            column = getattr(self, name)
            setattr(self, name, [column[index] for index in kept])
        self.operands = [tuple([at[k] for k in each]) for each in self.operands]
        self.play.outputs = [self.play.outputs[index] for index in kept]
        self.input_indices = [at[k] for k in self.input_indices if k in at]
        return [at[index] for index in places]

    def charge(self) -> None:
        """Tell the plan what the recording takes; raise where that is too much."""
        plan, of = BUDGET.get(), self.operations
        if plan is None:
            return
        repeated = sum(each.size for each in repetitions_on(of))
        taken = OF_A_NODE * (len(self) - repeated) + OF_A_STEP * repeated
        plan.recorded = max(plan.recorded, taken)
        if plan.budget is not None and taken > plan.budget:
            raise ArgumentError(
                explain(
                    f"{len(self)} nodes were recorded within {shown(plan.budget)}",
                    "a plain loop that is not found while it is recorded is written "
                    f"step by step, in {shown(taken)}",
                    "wengert.scan or wengert.fori_loop, which record one step",
                )
            )
