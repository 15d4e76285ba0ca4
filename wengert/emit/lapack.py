"""Large systems of equations: calls of LAPACK, by the names that SciPy's has.

The result's memory holds a copy of the matrix that is factored, or of the right-hand
side, columns side by side; what LAPACK returns is there then.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from wengert.emit import machine
from wengert.emit.refusal import NotLoweredError
from wengert.emit.vocabulary import literal
from wengert.lower.nest import Routine
from wengert.lower.systems import PLACE_OF, ROW_OF, SIGN

if TYPE_CHECKING:
    from wengert.emit.nests import Writer
    from wengert.emit.routines import Matrix


#: The routines that are called.
ROUTINES = "getrf", "potrf", "trtrs"
#: What they are called of each precision.
LETTERS = {"float64": "d", "float32": "s"}


@functools.cache
def is_there() -> bool:
    """Whether SciPy has all of them, as they are called here."""
    names = [letter + name for letter in LETTERS.values() for name in ROUTINES]
    return all(machine.lapack_symbol(name) for name in names)


def write_call(
    writer: Writer, routine: Routine, result: Matrix, operands: list[Matrix]
) -> None:
    """Write what LAPACK does."""
    Calls(writer, routine, result).write(operands)


class Calls:
    """The code of one call."""

    def __init__(self, writer: Writer, routine: Routine, result: Matrix) -> None:
        self.writer, self.routine, self.result = writer, routine, result
        self.type, (self.rows, self.columns) = routine.type, routine.counts
        self.failed = writer.room(4)  # a zero pivot, which the nest asks for too

    def write(self, operands: list[Matrix]) -> None:
        """Write the call."""
        rows, to = self.number(self.rows), self.result.pointer
        if self.routine.name == "lu":
            exchanged = self.writer.room(4 * self.rows)
            self.call("getrf", rows, rows, to, rows, exchanged, self.failed)
            self.write_order(exchanged)
        elif self.routine.name == "cholesky":
            self.call("potrf", self.letter("L"), rows, to, rows, self.failed)
        else:
            self.solve(operands[0])

    def solve(self, triangle: Matrix) -> None:
        """Solve with a triangle, which lies column by column or row by row."""
        name, (down, across) = self.routine.name, triangle.strides
        is_turned = down != 1
        is_lower = name.endswith("lower") != is_turned
        letters = [
            self.letter("L" if is_lower else "U"),
            self.letter("T" if is_turned else "N"),
            self.letter("U" if name.startswith("unit") else "N"),
        ]
        rows, columns = self.number(self.rows), self.number(self.columns)
        given = triangle.pointer, self.number(down if is_turned else across)
        taken = self.result.pointer, rows, self.failed
        self.call("trtrs", *letters, rows, columns, *given, *taken)

    def write_order(self, exchanged: str) -> None:
        """Write which row each one of the factors was, from the exchanges of rows."""
        writer, f, n = self.writer, self.result, self.rows
        ir = writer.ir(self.type, False)

        def begin(i: str) -> None:
            f.write(i, n + ROW_OF, f.element(i))

        def exchange(k: str) -> None:
            at = writer.offset("i32", exchanged, k)
            place = writer.value(
                f"sext i32 {writer.value(f'load i32, ptr {at}')} to i64"
            )
            place = writer.value(f"sub nsw i64 {place}, 1")
            one, other = f.read(k, n + ROW_OF), f.read(place, n + ROW_OF)
            f.write(k, n + ROW_OF, other)
            f.write(place, n + ROW_OF, one)
            sign = f.read(0, n + SIGN)
            other = writer.value(f"fneg {ir} {sign}")
            is_same = writer.value(f"icmp eq i64 {place}, {k}")
            sign = writer.value(f"select i1 {is_same}, {ir} {sign}, {ir} {other}")
            f.write(0, n + SIGN, sign)

        def end(i: str) -> None:
            place = writer.value(f"fptosi {ir} {f.read(i, n + ROW_OF)} to i64")
            f.write(place, n + PLACE_OF, f.element(i))

        f.write(0, n + SIGN, literal(1.0, self.type))
        for body in (begin, exchange, end):
            writer.counted("0", str(n), 1, [], body)

    # Arguments, each a pointer

    def call(self, name: str, *arguments: str) -> None:
        """Call a routine of this precision."""
        name = LETTERS[self.type] + name
        symbol = machine.lapack_symbol(name)
        if symbol is None:
            raise NotLoweredError(f"SciPy's {name}, which is not there")
        self.writer.declare(f"void @{symbol}({', '.join(['ptr'] * len(arguments))})")
        given = ", ".join(f"ptr {x}" for x in arguments)
        self.writer.line(f" call void @{symbol}({given})\n")

    def number(self, value: int) -> str:
        """Return the pointer of a whole number."""
        return self.constant(f"number.{value}", f"i32 {value}")

    def letter(self, value: str) -> str:
        """Return the pointer of a letter."""
        return self.constant(f"letter.{value}", f"i8 {ord(value)}")

    def constant(self, name: str, value: str) -> str:
        """Return the pointer of a constant."""
        self.writer.declarations.add(f"@{name} = private constant {value}\n")
        return f"@{name}"
