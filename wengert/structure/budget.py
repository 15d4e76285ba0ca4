"""A function whose loops are swept backwards within a budget of memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.capture.record import active_tape, protect, record_segment
from wengert.core.tape import Tape
from wengert.core.transformed import Function, Transformed, shown
from wengert.derive.budget import Plan, bytes_of, under
from wengert.errors import ArgumentError, explain


class Budgeted(Transformed):
    """A function whose loops are swept backwards within a budget.

    Parameters
    ----------
    fun : callable
        It takes derivatives.
    memory : str, number or None
        The budget: bytes, with a unit or without; None where there is none.
    disk : str, number or None
        Bytes that may lie on disk besides.

    Raises
    ------
    ArgumentError
        If there is a budget of disk, and none of memory.
    """

    def __init__(self, fun: Function, memory: Any, disk: Any = None) -> None:
        super().__init__("", fun, memory, disk)
        self.memory, self.budget = memory, bytes_of(memory)
        self.disk, self.on_disk = disk, bytes_of(disk, "disk")
        if self.budget is None and self.on_disk is not None:
            raise ArgumentError(
                explain(
                    f"disk={disk!r} without memory=",
                    "states are written to disk where memory would not do",
                    f'memory="1 GB", disk={disk!r}',
                )
            )
        self.spares_arguments = getattr(fun, "spares_arguments", False)
        self.owns_results = getattr(fun, "owns_results", False)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        tape = active_tape()
        if tape is not None and self.budget is not None:
            tape.forgets = True  # as long as it is recorded: rules compute again
        with under(Plan(self.budget, disk=self.on_disk)):
            return self.fun(*args, **kwargs)

    def plan(self, *args: Any, **kwargs: Any) -> Plan:
        """Return what a call holds and does again, of each loop one step being done.

        It prints: the bytes at most, how often a step is done, and each loop.
        """
        plan = Plan(self.budget, is_trial=True, disk=self.on_disk)
        return tried(plan, self.fun, args, kwargs, records=False)

    def __dir__(self) -> list[str]:
        return shown(self, ("plan",))


def within(fun: Function, memory: Any, disk: Any = None) -> Function:
    """Return a function within a budget; itself where there is none."""
    is_free = memory is None and disk is None
    return fun if is_free else Budgeted(fun, memory, disk)


def tried(plan: Plan, fun: Function, args: Any, kwargs: Any, records: bool) -> Plan:
    """Return a plan that a call was made under: an eager one, or that of its tape."""
    with under(plan), np.errstate(all="ignore"):
        if records:
            tape = Tape()
            tape.keeps_guards = tape.keeps_lines = True  # as under `jit`
            record_segment(fun, args, lambda at, k, arg: protect(at, arg), kwargs, tape)  # type: ignore[arg-type,misc]
        else:
            fun(*args, **kwargs)
    return plan
