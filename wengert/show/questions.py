"""Guards in words: what Python asked, and what would change the answer."""

from __future__ import annotations

import ast
from math import inf
from typing import Any, NamedTuple

import numpy as np

from wengert.core.guards import OF_MEMORY, QUESTIONS
from wengert.core.names import variable_names
from wengert.core.tape import GUARD, Tape
from wengert.errors import source_span
from wengert.show.listing import describe_value
from wengert.show.moves import Missing, Move, Moves, edge_of, interval
from wengert.show.watch import outputs_of


class Comparison(NamedTuple):
    """A comparison: its sign, and what turns it.

    Attributes
    ----------
    sign : str
    when_true, when_false : str
        Where the difference of the operands has to go for another answer.
    way : int
        The way that turns it from True, at the edge: 1 up, -1 down, 0 either.
    """

    sign: str
    when_true: str
    when_false: str
    way: int


COMPARISONS = {
    "less": Comparison("<", "rises to 0 or above", "falls below 0", 1),
    "less_equal": Comparison("<=", "rises above 0", "falls to 0 or below", 1),
    "greater": Comparison(">", "falls to 0 or below", "rises above 0", -1),
    "greater_equal": Comparison(">=", "falls below 0", "rises to 0 or above", -1),
    "equal": Comparison("==", "is no longer 0", "becomes 0", 0),
    "not_equal": Comparison("!=", "becomes 0", "is no longer 0", 0),
}
#: The kinds of questions whose answer turns at an edge of the number.
EDGED = ("bool", "int", "round", "is_integer")


class Asked(NamedTuple):
    """One guard in words.

    Attributes
    ----------
    short : str
        The question in a few signs, for a list.
    question, answer, change : str
        What Python asked, what the recording answered, and what would change that.
    moves : list of Move, or None
        How far each input alone would have to move, to first order, of those that the
        guarded number is made of.  None: that was not asked, for it takes too long.
    """

    short: str
    question: str
    answer: str
    change: str
    moves: list[Move] | None

    def __str__(self) -> str:
        lines = [self.question, f"Recorded answer: {self.answer}.", self.change]
        if self.moves:
            lines.append("Each input alone would have to move, to first order:")
            lines += [f"    {move}" for move in self.moves]
        return "\n".join(lines)


class Guard(NamedTuple):
    """A guard of a tape, in words when it is printed.

    Attributes
    ----------
    node : int, its place on the tape
    line : str, ``file.py:12``
    asked : Asked
    """

    node: int
    line: str
    asked: Asked

    def __str__(self) -> str:
        head = f"%{self.node}  {self.line}".rstrip()
        return "\n  ".join([head, *str(self.asked).split("\n")])


class Guards(tuple[Guard, ...]):
    """The guards of a tape, in words when they are printed."""

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no guards: every call takes this path"

    __repr__ = __str__


def guards_of(tape: Tape) -> Guards:
    """Return the guards of a tape at the numbers of its own play."""
    questions = Questions(tape)
    return Guards(
        Guard(index, tape.line(index), questions.ask(index, outputs))
        for index, outputs in outputs_of(tape, keep=True)
        if tape.operations[index] is GUARD
    )


class Questions:
    """The guards of one tape."""

    def __init__(self, tape: Tape, most_swept: float = inf) -> None:
        self.tape = tape
        self.names = variable_names(tape)
        self.moves = Moves(tape, most_swept)

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
        missing = self.missing(kind, expected, operand, outputs)
        moves = [] if missing is None else self.moves.of(missing, index, outputs)
        return Asked(f"{kind} {text}?", question, answer, change, moves)

    def missing(
        self, kind: str, expected: Any, operand: int, outputs: Any
    ) -> Missing | None:
        """Return what is missing for another answer; None where no number was asked."""
        known = COMPARISONS.get(self.tape.operations[operand].name)
        parts = {operand: 1.0}
        if known is not None:
            left, right = self.tape.operands[operand]
            parts = {left: 1.0, right: -1.0} if left != right else {left: 0.0}
        values = [np.asarray(outputs[node]) for node in parts]
        if kind not in EDGED or any(
            value.size != 1 or value.dtype.kind not in "fiu" for value in values
        ):
            return None
        signs = parts.values()
        value = sum(s * float(v.item()) for s, v in zip(signs, values, strict=True))
        if known is None:
            return Missing(parts, *edge_of(kind, expected, value))
        return Missing(parts, -value + 0.0, known.way if expected else -known.way)

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
        return f"{self.name(left)} {known.sign} {self.name(right)}"

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
        known = COMPARISONS[self.tape.operations[operand].name]
        moves = known.when_true if expected else known.when_false
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
