"""All rows of a path at once, one NumPy call a node, where there is no native code.

A value of all rows has them along its first axis.  What works element by element, and
functions whose rules take rows along leading axes, are called once; every other node is
computed row by row.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from wengert.core.forms import Map
from wengert.core.guards import answer
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, IDENTITY, INPUT, Tape
from wengert.execute.interpret import evaluate_node
from wengert.structure.custom_rules import Call, aligned


class Value(NamedTuple):
    """A node's value, the same in all rows or with one for each."""

    value: Any
    has_rows: bool


def takes_rows(operation: Operation) -> Call | None:
    """Return the call of a function whose rule takes all rows at once."""
    call = getattr(operation.function, "__self__", None)
    return call if isinstance(call, Call) and call.rules.takes_rows else None


def pays(tape: Tape) -> bool:
    """Whether a function of the tape is called once instead of once a row."""
    return any(takes_rows(operation) for operation in tape.operations)


class Together:
    """One play of many rows along a tape."""

    def __init__(self, tape: Tape, count: int) -> None:
        self.tape, self.count = tape, count
        self.values: list[Value | None] = [None] * len(tape)
        #: Rows for which a guard does not hold.
        self.left = np.zeros(count, bool)

    def play(self, given: dict[int, Value]) -> list[Value | None]:
        """Return the outputs, from those of inputs and captured constants."""
        for index, operation in enumerate(self.tape.operations):
            if index in given:
                self.values[index] = given[index]
            elif operation is not INPUT:
                self.values[index] = self.compute(index, operation)
        return [self.values[index] for index in self.tape.output_indices]

    def compute(self, index: int, operation: Operation) -> Value:
        """Return the value of one node in all rows."""
        settings = self.tape.settings[index]
        if operation is CONSTANT:
            return Value(settings["value"], False)
        operands = [self.values[k] for k in self.tape.operands[index]]
        known = [operand for operand in operands if operand is not None]
        if not any(operand.has_rows for operand in known):
            return Value(self.of_row(index, 0), False)
        if operation is IDENTITY:
            return known[0]
        if operation is GUARD:
            return self.ask(known[0], settings)
        together = self.call(index, operation, known)
        return self.by_rows(index) if together is None else together

    def ask(self, asked: Value, settings: dict[str, Any]) -> Value:
        """Note the rows whose answer is another one."""
        found = [answer(settings, value) for value in asked.value]
        self.left |= [one != settings["expected"] for one in found]
        return asked

    def call(
        self, index: int, operation: Operation, known: list[Value]
    ) -> Value | None:
        """Return the results of one call for all rows; None where it takes one row."""
        like, call = self.tape.types[index], takes_rows(operation)
        values, flags = zip(*known, strict=True)
        if call is not None:
            return Value(call.of_rows(values, flags, self.count, like), True)
        if not isinstance(operation.form, Map) or self.tape.settings[index]:
            return None
        result = operation.function(*aligned(values, flags, self.count))
        dtype = getattr(like, "dtype", None)
        fits = getattr(result, "dtype", None) == dtype and not like.weak
        return Value(result, True) if fits else None

    def by_rows(self, index: int) -> Value:
        """Return the results of one node, row by row."""
        found = [self.of_row(index, number) for number in range(self.count)]
        if isinstance(found[0], tuple):
            parts = zip(*found, strict=True)
            return Value(tuple([np.stack(part) for part in parts]), True)
        return Value(np.stack(found), True)

    def of_row(self, index: int, number: int) -> Any:
        """Return the result of one node in one row."""
        outputs: dict[int, Any] = {}
        for k in self.tape.operands[index]:
            operand = self.values[k]
            assert operand is not None
            value = operand.value
            if operand.has_rows:
                is_tuple = isinstance(value, tuple)
                value = (
                    tuple([part[number] for part in value])
                    if is_tuple
                    else value[number]
                )
            outputs[k] = value
        return evaluate_node(self.tape, index, outputs)  # type: ignore[arg-type]
