"""Functions recorded on tapes of their own, which one node of a tape holds.

They read the same operands: their arguments, then what any of them reads from outside.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture.array import plain
from wengert.capture.captures import Captures, stand_in
from wengert.capture.record import SetAside, record_onto
from wengert.core.tape import INPUT, NO_SETTINGS, Tape, strong
from wengert.core.types import type_of
from wengert.derive.steps import as_step
from wengert.derive.while_loops import ManyStepsError, few_steps
from wengert.errors import ArgumentError, WengertError, explain
from wengert.structure.nested import Captured, not_repeatable

#: Takes leaves and returns leaves.
Flat = Callable[..., list[Any]]


class Subtapes:
    """Functions of the same plain numbers, first run, then recorded.

    Parameters
    ----------
    name : str
        What they are called in errors.
    sample : sequence
        The numbers that they are run at.
    """

    def __init__(self, name: str, sample: Sequence[Any]) -> None:
        self.name, self.sample = name, list(sample)
        self.captures = Captures()

    def run(self, function: Flat) -> list[Any]:
        """Return what a function gives, with the recording set aside."""
        with SetAside(self.captures):
            return [stand_in(leaf) for leaf in function(*self.sample)]

    def record(self, functions: Sequence[Flat]) -> tuple[list[Tape], list[Any]]:
        """Return a tape of each function, and what they read from outside."""
        captured = Captured(self.captures.found, self.refuse)
        outside = [plain(value) for value in captured.operands]
        tapes: list[Tape] = []
        made: list[Any] = []
        for function in functions:
            tape = self.recorded(function, captured, outside)
            arrays = made_inputs(tape)
            for earlier in tapes:
                add_inputs(earlier, arrays)
            first = len(tape.input_indices) - len(arrays)
            own = tape.input_indices[first:]
            del tape.input_indices[first:]
            add_inputs(tape, made)
            tape.input_indices += own
            tapes.append(tape)
            made += arrays
        tapes = [as_step(tape, tape.output_indices) for tape in tapes]
        return tapes, [*captured.operands, *made]

    def recorded(self, function: Flat, captured: Captured, outside: list[Any]) -> Tape:
        """Return the tape of a function of the arguments and of what is outside."""
        count = len(self.sample)

        def closed(*leaves: Any) -> list[Any]:
            with captured.replaced(leaves[count:]):
                return [stand_in(leaf) for leaf in function(*leaves[:count])]

        with SetAside(None):
            return record_onto(Tape(), closed, [*self.sample, *outside])

    def refuse(self, _: Any) -> Exception:
        """Return the error of a value that the first run had not read."""
        return not_repeatable(self.name, "read another recorded value")


def made_inputs(tape: Tape) -> list[Any]:
    """Make inputs of the plain arrays that a tape reads; return those arrays.

    They may be refilled before a replay, which reads them anew.
    """
    found = {index: value for value, _, index in tape._arrays.values()}
    for index in found:
        tape.operations[index], tape.settings[index] = INPUT, NO_SETTINGS
        tape.input_indices.append(index)
    return list(found.values())


def add_inputs(tape: Tape, values: Sequence[Any]) -> None:
    """Add inputs that a tape does not read."""
    for value in values:
        like = type_of(value)
        tape.input_indices.append(tape.append(INPUT, (), NO_SETTINGS, like, value))


def scalar(value: Any, kinds: str, what: str, why: str, instead: str) -> Any:
    """Return a value that decides what is called; raise unless it is a single one."""
    like = type_of(plain(value))
    if like.shape or like.dtype.kind not in kinds:
        raise ArgumentError(explain(what.format(like), why, instead))
    return strong(value)


def visit(function: Callable[[], Any]) -> Any:
    """Run what the numbers do not call for; None if they make Python or NumPy raise.

    Nor need it end.
    """
    with np.errstate(all="ignore"), few_steps():
        try:
            return function()
        except ManyStepsError:
            return None
        except (ArithmeticError, IndexError, ValueError) as error:
            if isinstance(error, WengertError):
                raise
            return None
