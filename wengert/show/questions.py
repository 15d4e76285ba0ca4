"""Guards in words: what Python asked, and what would change the answer."""

from __future__ import annotations

import ast
from typing import Any, NamedTuple

import numpy as np

from wengert.core.guards import OF_MEMORY, QUESTIONS
from wengert.core.names import variable_names
from wengert.core.tape import Tape
from wengert.errors import source_span
from wengert.show.listing import describe_value

#: By the name of a comparison: its sign, and where the difference of its operands
#: has to go for the answer to change from True, and from False.
COMPARISONS = {
    "less": ("<", "rises to 0 or above", "falls below 0"),
    "less_equal": ("<=", "rises above 0", "falls to 0 or below"),
    "greater": (">", "falls to 0 or below", "rises above 0"),
    "greater_equal": (">=", "falls below 0", "rises to 0 or above"),
    "equal": ("==", "is no longer 0", "becomes 0"),
    "not_equal": ("!=", "becomes 0", "is no longer 0"),
}


class Asked(NamedTuple):
    """One guard in words.

    Attributes
    ----------
    short : str
        The question in a few signs, for a list.
    question, answer, change : str
        What Python asked, what the recording answered, and what would change that.
    """

    short: str
    question: str
    answer: str
    change: str


class Questions:
    """The guards of one tape."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.names = variable_names(tape)

    def ask(self, index: int, outputs: Any) -> Asked:
        """Return one guard in words, at the outputs of a play."""
        setting = self.tape.settings[index]
        kind, expected = setting["kind"], setting["expected"]
        operand = self.tape.operands[index][0]
        text = self.expression(operand)
        question = f"Python asked for {QUESTIONS[kind].words}: {text}"
        if kind == "bool":
            question = f"Python took a branch: is {text} true?"
        answer = "the digits of now" if kind == "text" else repr(expected)
        change = self.change(kind, expected, operand, outputs)
        return Asked(f"{kind} {text}?", question, answer, change)

    def expression(self, index: int) -> str:
        """Return what a node computes, as the user wrote it where that is known."""
        if index in self.names:
            return self.name(index)
        line, compared = self.tape.lines[index], self.compared(index)
        text = "" if line is None else source_span(line)[2]
        if compared:
            return text if is_comparison(text) else compared
        return text if parsed(text) is not None else self.name(index)

    def compared(self, index: int) -> str:
        """Return a comparison with its sign; empty for another operation."""
        known = COMPARISONS.get(self.tape.operations[index].name)
        if known is None:
            return ""
        left, right = self.tape.operands[index]
        return f"{self.name(left)} {known[0]} {self.name(right)}"

    def name(self, index: int) -> str:
        """Return a node by the user's name and its place, a number as itself."""
        if self.tape.operations[index].name == "constant":
            value = self.tape.settings[index]["value"]
            if np.ndim(value) == 0:
                return describe_value(value)
        name = self.names.get(index)
        return f"{name} (%{index})" if name else f"%{index}"

    def change(self, kind: str, expected: Any, operand: int, outputs: Any) -> str:
        """Return what would change the answer."""
        if kind in OF_MEMORY:
            return (
                "An argument that lies otherwise in memory (transposed, a slice, in "
                "Fortran's order) would change it; its numbers would not."
            )
        if kind == "text":
            return "Any other number would change it: its text shows every digit."
        if kind == "bool":
            return self.change_of_truth(expected, operand, outputs)
        name = self.name(operand)
        now = f"now {describe_value(outputs[operand])}"
        if kind == "is_integer":
            becomes = "is no longer whole" if expected else "becomes whole"
            return f"It would change when {name} {becomes}; {now}."
        if np.asarray(outputs[operand]).dtype.kind != "f":
            return f"It would change when {name} becomes another whole number; {now}."
        low, high = interval(kind, expected)
        return f"It would change when {name} leaves {low:g} to {high:g}; {now}."

    def change_of_truth(self, expected: bool, operand: int, outputs: Any) -> str:
        """Return what would turn a branch."""
        compared = self.compared(operand)
        if not compared:
            name = self.name(operand)
            if np.asarray(outputs[operand]).dtype.kind == "b":
                return f"It would change when {name} becomes {not expected}."
            becomes = "becomes 0" if expected else "is no longer 0"
            now = describe_value(outputs[operand])
            return f"It would change when {name} {becomes}; now {now}."
        left, right = self.tape.operands[operand]
        a, b = outputs[left], outputs[right]
        moves = COMPARISONS[self.tape.operations[operand].name][1 if expected else 2]
        names = f"{self.name(left)} \u2212 {self.name(right)}"
        if np.size(a) != 1 or np.size(b) != 1:
            return f"It would change when {names} {moves}."
        with np.errstate(all="ignore"):
            margin = np.subtract(a, b, dtype=np.result_type(a, b, np.int8))
        numbers = f"{describe_value(a)} \u2212 {describe_value(b)}"
        shown = describe_value(np.reshape(margin, ())[()])
        return f"It would change when {names} {moves}; now {numbers} = {shown}."


def parsed(text: str) -> ast.expr | None:
    """Return an expression as a tree; None where a text is none."""
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def is_comparison(text: str) -> bool:
    """Whether a text is one comparison, not a chain or a call that makes one."""
    found = parsed(text)
    return isinstance(found, ast.Compare) and len(found.ops) == 1


def interval(kind: str, expected: int) -> tuple[float, float]:
    """Return between which numbers a number keeps its whole number."""
    if kind == "round":
        return expected - 0.5, expected + 0.5
    return (
        expected - 1.0 if expected <= 0 else float(expected),
        expected + 1.0 if expected >= 0 else float(expected),
    )
