"""Products of the chain rule as plain products, and the questions that make that safe.

In the chain rule a zero absorbs NaN and infinity.  A plain product costs less, and
differs only where it is NaN.  Arithmetic and selections hand a NaN on, or give what any
number in its place gives; a comparison, a whole number, a sign turn it into an answer
that looks like any other.  So it is asked for where it meets one of those, and in the
results; where one is found, the play is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from wengert.emit.program import CONSTANT, GUARD, INPUT, Program
from wengert.lower.hiding import PLAIN_PRODUCT, hidden


def checked(whole: Program) -> tuple[Program, frozenset[int]]:
    """Return a program that asks where a NaN of a plain product may be hidden.

    Also returned are the numbers of the guards that ask.
    """
    if PLAIN_PRODUCT not in whole.operations:
        return whole, frozenset()
    checking = _Checking(whole)
    for node in range(len(whole.operations)):
        checking.take(node)
    return checking.program(), frozenset(checking.guards)


@dataclass(slots=True)
class _Checking:
    """A program that is written anew, with questions."""

    whole: Program
    operations: list[str] = field(default_factory=list)
    operands: list[tuple[int, ...]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    values: dict[int, float] = field(default_factory=dict)
    #: Where the nodes of the old program are now.
    place: list[int] = field(default_factory=list)
    #: Old nodes that are NaN where a plain product is, ...
    suspects: set[int] = field(default_factory=set)
    #: ... and those whose answer is wrong then.
    misled: set[int] = field(default_factory=set)
    asked: set[int] = field(default_factory=set)
    #: The node that says whether all is well so far, if anything was asked.
    fine: int | None = None
    guard_count: int = 0
    guards: list[int] = field(default_factory=list)

    def append(self, operation: str, operands: Sequence[int], type_: str) -> int:
        """Append a node; return it."""
        self.operations.append(operation)
        self.operands.append(tuple(operands))
        self.types.append(type_)
        return len(self.operations) - 1

    def take(self, node: int) -> None:
        """Append a node of the old program, and the questions before it."""
        whole, place = self.whole, self.place
        operation, read = whole.operations[node], whole.operands[node]
        type_ = whole.types[node]
        if operation in (INPUT, CONSTANT):
            place.append(self.append(operation, read, type_))
        elif operation == GUARD:
            self.take_guard(node, *read)
        else:
            if not self.suspects.isdisjoint(read):
                self.follow(node, operation, read, type_)
            if not self.misled.isdisjoint(read):
                self.misled.add(node)
            if operation == PLAIN_PRODUCT and type_.startswith("float"):
                self.suspects.add(node)
            place.append(self.append(operation, [place[k] for k in read], type_))
        if node in whole.values:
            self.values[place[node]] = whole.values[node]

    def take_guard(self, node: int, read: int) -> None:
        """Append a guard, after the question whether what it asks about is right."""
        if read in self.suspects:
            self.ask(read)
        if read in self.suspects or read in self.misled:
            self.guard()
        place = self.append(GUARD, [self.place[read]], self.whole.types[node])
        self.place.append(place)
        self.guard_count += 1

    def follow(
        self, node: int, operation: str, read: Sequence[int], type_: str
    ) -> None:
        """Note what a node makes of operands that may be NaN; ask where it hides it."""
        hides = hidden(operation, type_)
        for position, operand in enumerate(read):
            if operand not in self.suspects:
                continue
            if position in hides:
                self.ask(operand)
                self.misled.add(node)
            elif type_.startswith("float"):
                self.suspects.add(node)

    def ask(self, node: int) -> None:
        """Append the question whether an old node is a number."""
        if node in self.asked:
            return
        self.asked.add(node)
        if self.fine is None:
            self.fine = self.append(CONSTANT, (), "bool")
            self.values[self.fine] = 1
        here = self.place[node]
        same = self.append("x == y", (here, here), "bool")
        self.fine = self.append("x and y", (self.fine, same), "bool")

    def guard(self) -> None:
        """Append the guard that refuses where an answer to a question was no."""
        if self.fine is None:
            return
        place = self.append(GUARD, [self.fine], "bool")
        self.values[place] = 1
        self.guard_count += 1
        self.guards.append(self.guard_count)
        self.fine = None

    def program(self) -> Program:
        """Return the program, its results asked for as well."""
        whole, place = self.whole, self.place
        for node in dict.fromkeys(node for node, _, _ in whole.outputs):
            if node in self.suspects:
                self.ask(node)
        self.guard()
        return Program(
            self.operations,
            self.operands,
            self.types,
            self.values,
            whole.arguments,
            whole.results,
            [(place[node], result, k) for node, result, k in whole.outputs],
        )


__all__ = ["PLAIN_PRODUCT", "checked", "hidden"]
