"""A function whose loops are swept backwards within a budget of memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.capture.record import protect, record_segment
from wengert.core.transformed import Function, Transformed, shown
from wengert.derive.budget import Plan, bytes_of, under


class Budgeted(Transformed):
    """A function whose loops are swept backwards within a budget.

    Parameters
    ----------
    fun : callable
        It takes derivatives.
    memory : str, number or None
        The budget: bytes, with a unit or without; None where there is none.
    """

    def __init__(self, fun: Function, memory: Any) -> None:
        super().__init__("", fun, memory)
        self.memory, self.budget = memory, bytes_of(memory)
        self.spares_arguments = getattr(fun, "spares_arguments", False)
        self.owns_results = getattr(fun, "owns_results", False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with under(Plan(self.budget)):
            return self.fun(*args, **kwargs)

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Return what a call holds and does again, of each loop one step being done.

        It prints: the bytes at most, how often a step is done, and each loop.
        """
        return plan_of(self.fun, self.budget, args, kwargs, records=False)

    def __dir__(self) -> list[str]:
        return shown(self, ("plan",))


def within(fun: Function, memory: Any) -> Function:
    """Return a function within a budget; itself where there is none."""
    return fun if memory is None else Budgeted(fun, memory)


def plan_of(
    fun: Function, budget: int | None, args: Any, kwargs: Any, records: bool
) -> Plan:
    """Return the plan of a call: eager, or of its tape."""
    plan = Plan(budget, is_trial=True)
    with under(plan), np.errstate(all="ignore"):
        if records:
            record_segment(fun, args, lambda at, k, arg: protect(at, arg), kwargs)  # type: ignore[arg-type,misc]
        else:
            fun(*args, **kwargs)
    return plan
