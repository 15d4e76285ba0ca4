"""Small systems of equations: factors and triangular solves as code of our own.

The shortest ones are written out, element by element; others are loops over a matrix
in memory, a row of which is written out.  In a loop in lanes every lane has a matrix of
its own, and rows are exchanged where that lane's pivot is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from wengert.emit.lapack import write_call
from wengert.emit.vocabulary import SIZES, literal
from wengert.lower.nest import Routine
from wengert.lower.systems import BEHIND, PLACE_OF, ROW_OF, SIGN

if TYPE_CHECKING:
    from wengert.emit.nests import Writer

#: What is written at an index.
Body = Callable[[str], None]
#: A row or a column: known, or an index of a loop.
Index = int | str
#: Rows up to which factors are written out: code takes long to generate.
WRITTEN_OUT = 5


def write_routine(writer: Writer, routine: Routine) -> None:
    """Write what is done with matrices."""
    Systems(writer, routine).write()


class Matrix:
    """Where a matrix lies, or one a lane.

    Attributes
    ----------
    pointer : str
        Of the first element.
    strides : tuple of int
        Of rows and columns.
    lane_stride : int
    is_block : bool
        Whether there is memory for all lanes, side by side.
    """

    def __init__(
        self,
        writer: Writer,
        pointer: str,
        strides: tuple[int, int],
        lane_stride: int,
        is_block: bool,
        type_: str,
    ) -> None:
        self.writer, self.pointer, self.strides = writer, pointer, strides
        self.lane_stride, self.is_block, self.type = lane_stride, is_block, type_
        self.is_wide = writer.lane is not None

    def turned(self, count: int, is_square: bool) -> Matrix:
        """Return the same from its last row on, and column where it is square."""
        (row, column), last = self.strides, count - 1
        pointer = self.at(last, last if is_square else 0)
        strides = -row, -column if is_square else column
        how = self.lane_stride, self.is_block, self.type
        return Matrix(self.writer, pointer, strides, *how)

    def element(self, index: str) -> str:
        """Return an index of a loop as an element, one a lane."""
        ir = self.writer.ir(self.type, False)
        found = self.writer.value(f"sitofp i64 {index} to {ir}")
        return self.writer.splat(found, self.type) if self.is_wide else found

    def at(self, i: Index, j: Index) -> str:
        """Return the pointer of an element."""
        writer, pointer, known = self.writer, self.pointer, 0
        ir = writer.memory_ir(self.type)
        for place, stride in zip((i, j), self.strides, strict=True):
            if isinstance(place, int):
                known += place * stride
            elif stride:
                if stride != 1:
                    place = writer.value(f"mul nsw i64 {place}, {stride}")
                pointer = writer.offset(ir, pointer, place)
        if known:
            size = known * SIZES[self.type]
            pointer = writer.value(f"getelementptr i8, ptr {pointer}, i64 {size}")
        return pointer

    def read(self, i: Index, j: Index) -> str:
        """Return an element, or one a lane."""
        writer, pointer = self.writer, self.at(i, j)
        if not self.is_wide:
            return writer.read(pointer, self.type, False)
        if not self.lane_stride:
            return writer.splat(writer.read(pointer, self.type, False), self.type)
        if self.lane_stride == 1:
            is_masked = not (self.is_block or writer.is_full)
            return writer.read(pointer, self.type, True, is_masked)
        return writer.read_apart(pointer, self.lane_stride, self.type)

    def write(self, i: Index, j: Index, name: str) -> None:
        """Write an element, or one a lane."""
        writer, pointer = self.writer, self.at(i, j)
        if self.is_wide and self.lane_stride != 1:
            writer.write_apart(pointer, self.lane_stride, name, self.type)
            return
        is_masked = self.is_wide and not (self.is_block or writer.is_full)
        writer.write(pointer, name, self.type, self.is_wide, is_masked)

    def of_rows(self, rows: str) -> list[str]:
        """Return the pointer of the first element of rows, one a lane."""
        writer, ir = self.writer, self.writer.memory_ir(self.type)
        places, count = [rows], 1
        if self.is_wide:
            count = writer.width if writer.lane is None else writer.lane.count
            places = [writer.element("i64", rows, k) for k in range(count)]
        found = []
        for k, place in enumerate(places):
            at = writer.value(f"mul nsw i64 {place}, {self.strides[0]}")
            if k:
                at = writer.value(f"add nsw i64 {at}, {k * self.lane_stride}")
            found.append(writer.offset(ir, self.pointer, at))
        return found

    def read_rows(self, rows: Sequence[str], j: int) -> str:
        """Return the elements of rows at one column."""
        if not self.is_wide:
            return self.writer.read(self.along(rows[0], j), self.type, False)
        one = self.writer.ir(self.type, False)
        found = self.writer.filler(one)
        for k, row in enumerate(rows):
            x = self.writer.read(self.along(row, j), self.type, False)
            found = self.writer.with_element(one, found, x, k)
        return found

    def write_rows(self, rows: Sequence[str], j: int, name: str) -> None:
        """Write the elements of rows at one column."""
        for k, row in enumerate(rows):
            one = name
            if self.is_wide:
                one = self.writer.element(self.writer.ir(self.type, False), name, k)
            self.writer.write(self.along(row, j), one, self.type, False, False)

    def along(self, pointer: str, j: int) -> str:
        """Return a pointer so many columns on."""
        size = j * self.strides[1] * SIZES[self.type]
        return self.writer.value(f"getelementptr i8, ptr {pointer}, i64 {size}")


class Systems:
    """The code of one routine."""

    def __init__(self, writer: Writer, routine: Routine) -> None:
        self.writer, self.routine, self.type = writer, routine, routine.type
        self.is_wide = writer.lane is not None
        self.ir = writer.ir(self.type, self.is_wide)
        self.bits = writer.ir("bool", self.is_wide)
        self.whole = writer.ir("int64", self.is_wide)
        suffix = writer.suffix(self.type)
        self.suffix = (
            suffix if self.is_wide else suffix.removeprefix(f"v{writer.width}")
        )
        self.count, self.columns = routine.counts
        places = map(writer.place, (routine.result, *routine.operands))
        addresses = (routine.result, *routine.operands)
        self.result, *self.operands = (
            Matrix(writer, pointer, strides, lane, address.is_wide, self.type)
            for (pointer, lane, _), strides, address in zip(
                places, routine.strides, addresses, strict=True
            )
        )

    def write(self) -> None:
        """Write the routine."""
        if not self.routine.is_own:
            write_call(self.writer, self.routine, self.result, self.operands)
            return
        is_short = self.count <= WRITTEN_OUT
        if self.routine.name == "lu":
            (self.short_lu if is_short else self.long_lu)()
        elif self.routine.name == "cholesky":
            (self.short_cholesky if is_short else self.long_cholesky)()
        else:
            self.solve()

    # Instructions

    def number(self, value: float, type_: str = "") -> str:
        """Return a number, one a lane."""
        lanes = self.writer.width if self.is_wide else 1
        return literal(value, type_ or self.type, lanes)

    def binary(self, name: str, x: str, y: str) -> str:
        """Return an operation of two floats."""
        return self.writer.value(f"{name} {self.ir} {x}, {y}")

    def function(self, name: str, *operands: str) -> str:
        """Return an intrinsic of floats."""
        symbol = f"llvm.{name}.{self.suffix}"
        types = ", ".join([self.ir] * len(operands))
        self.writer.declare(f"{self.ir} @{symbol}({types})")
        given = ", ".join(f"{self.ir} {x}" for x in operands)
        return self.writer.value(f"call {self.ir} @{symbol}({given})")

    def less(self, x: str, y: str, z: str) -> str:
        """Return x - y * z."""
        return self.function("fmuladd", self.negative(y), z, x)

    def negative(self, x: str) -> str:
        """Return -x."""
        return self.writer.value(f"fneg {self.ir} {x}")

    def inverse(self, x: str) -> str:
        """Return 1 / x."""
        return self.binary("fdiv", self.number(1.0), x)

    def choice(self, flag: str, x: str, y: str, ir: str = "") -> str:
        """Return one of two values."""
        ir = ir or self.ir
        return self.writer.value(f"select {self.bits} {flag}, {ir} {x}, {ir} {y}")

    def choice_of(self, flag: str, x: str, y: str) -> str:
        """Return one of two values, the same one in all lanes."""
        return self.writer.value(f"select i1 {flag}, {self.ir} {x}, {self.ir} {y}")

    def is_row(self, x: str, y: str) -> str:
        """Return whether two rows are the same."""
        return self.writer.value(f"icmp eq {self.whole} {x}, {y}")

    def as_row(self, x: str) -> str:
        """Return a float as a row."""
        return self.writer.value(f"fptosi {self.ir} {x} to {self.whole}")

    def row(self, index: Index) -> str:
        """Return an index as a row, one a lane."""
        if isinstance(index, int):
            return self.number(index, "int64")
        return self.writer.splat(index, "int64") if self.is_wide else index

    def larger(self, best: str, at: str, x: str, i: Index) -> tuple[str, str]:
        """Return the largest element so far and its row: of equal ones the first."""
        size = self.function("fabs", x)
        is_more = self.writer.value(f"fcmp ogt {self.ir} {size}, {best}")
        row = self.choice(is_more, self.row(i), at, self.whole)
        return self.choice(is_more, size, best), row

    # Factors, written out

    def short_lu(self) -> None:
        """Elimination by rows; behind each row is where it comes from."""
        n, given = self.count, self.operands[0]
        rows = [
            [*(given.read(i, j) for j in range(n)), self.number(i)] for i in range(n)
        ]
        sign = self.number(1.0)
        for k in range(n - 1):
            sign = self.exchange(rows, k, sign)
            inverse = self.inverse(rows[k][k])
            for i in range(k + 1, n):
                self.writer.break_block()
                rows[i][k] = self.binary("fmul", rows[i][k], inverse)
                factor = self.negative(rows[i][k])
                for j in range(k + 1, n):
                    terms = factor, rows[k][j], rows[i][j]
                    rows[i][j] = self.function("fmuladd", *terms)
        for i, row in enumerate(rows):
            for j, name in enumerate(row):
                self.result.write(i, j, name)
            place = self.result.of_rows(self.as_row(row[n + ROW_OF]))
            self.result.write_rows(place, n + PLACE_OF, self.number(i))
        self.result.write(0, n + SIGN, sign)

    def exchange(self, rows: list[list[str]], k: int, sign: str) -> str:
        """Bring the row of the largest element of a column up; return the sign."""
        best, at = self.function("fabs", rows[k][k]), self.row(k)
        for i in range(k + 1, self.count):
            best, at = self.larger(best, at, rows[i][k], i)
        flags = {i: self.is_row(at, self.row(i)) for i in range(k + 1, self.count)}
        for j, old in enumerate(rows[k]):
            self.writer.break_block()
            for i, flag in flags.items():
                mine = rows[i][j]
                rows[i][j] = self.choice(flag, old, mine)
                rows[k][j] = self.choice(flag, mine, rows[k][j])
        is_same = self.is_row(at, self.row(k))
        return self.choice(is_same, sign, self.negative(sign))

    def short_cholesky(self) -> None:
        """The lower factor, row by row."""
        found: dict[tuple[int, int], str] = {}
        inverses: list[str] = []
        for i in range(self.count):
            for j in range(i + 1):
                self.writer.break_block()
                x = self.operands[0].read(i, j)
                for k in range(j):
                    x = self.less(x, found[i, k], found[j, k])
                if i == j:
                    found[i, i] = self.function("sqrt", x)
                    inverses.append(self.inverse(found[i, i]))
                else:
                    found[i, j] = self.binary("fmul", x, inverses[j])
        for i in range(self.count):
            for j in range(self.count):
                self.result.write(i, j, found.get((i, j), self.number(0.0)))

    # Factors in loops

    def over(
        self, low: str, high: int, body: Body, carried: Sequence[int] = ()
    ) -> None:
        """Write a loop, of which every index is done."""
        self.writer.counted(low, str(high), 1, [*carried], body)

    def row_of_memory(self) -> Matrix:
        """Return memory for a row and what is behind it."""
        step = self.writer.width if self.is_wide else 1
        size = (self.count + BEHIND) * step * SIZES[self.type]
        pointer = self.writer.room(size)
        return Matrix(self.writer, pointer, (0, step), 1, self.is_wide, self.type)

    def copied(self, i: str) -> None:
        """Copy a row of the matrix to where its factors will be."""
        for j in range(self.count):
            self.result.write(i, j, self.operands[0].read(i, j))

    def long_lu(self) -> None:
        """Elimination by rows, in place; behind each row is where it comes from."""
        n, f, writer = self.count, self.result, self.writer
        before, pivot = self.row_of_memory(), self.row_of_memory()

        def begin(i: str) -> None:
            self.copied(i)
            f.write(i, n + ROW_OF, f.element(i))

        def step(k: str) -> None:
            below = writer.value(f"add nsw i64 {k}, 1")
            at = self.largest_below(k, below)
            rows = f.of_rows(at)
            for j in range(n + 1):
                old, new = f.read(k, j), f.read_rows(rows, j)
                before.write(0, j, old)
                f.write(k, j, new)
                is_right = "false"
                if j < n:
                    is_right = writer.value(f"icmp slt i64 {k}, {j}")
                zero = self.number(0.0)
                pivot.write(0, j, self.choice_of(is_right, new, zero))
            is_same = self.is_row(at, self.row(k))
            sign = f.read(0, n + SIGN)
            sign = self.choice(is_same, sign, self.negative(sign))
            f.write(0, n + SIGN, sign)
            inverse, old = self.inverse(f.read(k, k)), before.read(0, k)

            def row(i: str) -> None:
                is_pivot = self.is_row(at, self.row(i))
                first = self.choice(is_pivot, old, f.read(i, k))
                first = self.binary("fmul", first, inverse)
                factor = self.negative(first)
                for j in range(n + 1):
                    x = self.choice(is_pivot, before.read(0, j), f.read(i, j))
                    x = self.function("fmuladd", factor, pivot.read(0, j), x)
                    f.write(i, j, x)
                f.write(i, k, first)

            self.over(below, n, row)

        def end(i: str) -> None:
            rows = f.of_rows(self.as_row(f.read(i, n + ROW_OF)))
            f.write_rows(rows, n + PLACE_OF, f.element(i))

        self.over("0", n, begin)
        f.write(0, n + SIGN, self.number(1.0))
        self.over("0", n - 1, step)
        self.over("0", n, end)

    def largest_below(self, k: str, below: str) -> str:
        """Return the row of the largest element of a column, from the diagonal on."""
        writer = self.writer
        size = writer.register(self.type, self.is_wide)
        place = writer.register("int64", self.is_wide)
        best, at = writer.registers[size], writer.registers[place]
        best.name = self.function("fabs", self.result.read(k, k))
        at.name = self.row(k)

        def step(i: str) -> None:
            x = self.result.read(i, k)
            best.name, at.name = self.larger(best.name, at.name, x, i)

        self.over(below, self.count, step, (size, place))
        return writer.registers.pop(place).name

    def long_cholesky(self) -> None:
        """The lower factor, column by column, in place."""
        n, f, writer = self.count, self.result, self.writer
        column = self.row_of_memory()
        self.over("0", n, self.copied)

        def step(k: str) -> None:
            root = self.function("sqrt", f.read(k, k))
            inverse = self.inverse(root)
            for j in range(n):
                x = self.binary("fmul", f.read(j, k), inverse)
                is_below = writer.value(f"icmp slt i64 {k}, {j}")
                column.write(0, j, self.choice_of(is_below, x, self.number(0.0)))
            f.write(k, k, root)
            below = writer.value(f"add nsw i64 {k}, 1")

            def row(i: str) -> None:
                x = column.read(0, i)
                factor = self.negative(x)
                for j in range(n):
                    terms = factor, column.read(0, j), f.read(i, j)
                    f.write(i, j, self.function("fmuladd", *terms))
                f.write(i, k, x)
                f.write(k, i, self.number(0.0))

            self.over(below, n, row)

        self.over("0", n - 1, step)
        f.write(n - 1, n - 1, self.function("sqrt", f.read(n - 1, n - 1)))

    # Triangular systems

    def solve(self) -> None:
        """Forward substitution, column by column; from the last row on for an upper."""
        n, (triangle, right) = self.count, self.operands
        found, name = self.result, self.routine.name
        if name.endswith("upper"):
            triangle = triangle.turned(n, True)
            right, found = (x.turned(n, False) for x in (right, found))
        inverses = []
        if not name.startswith("unit"):
            inverses = [self.inverse(triangle.read(i, i)) for i in range(n)]

        def column(q: Index) -> None:
            negatives: list[str] = []
            for i in range(n):
                self.writer.break_block()
                x = right.read(i, q)
                for j, other in enumerate(negatives):
                    x = self.function("fmuladd", triangle.read(i, j), other, x)
                x = self.binary("fmul", x, inverses[i]) if inverses else x
                found.write(i, q, x)
                negatives.append(self.negative(x))

        if self.columns == 1:
            column(0)
        else:
            self.over("0", self.columns, column)
