"""Sums of products in tiles: rows by vectors of columns that stay in registers.

Along what is folded a tile reads a row of the right operand's vectors once and
multiplies it by one element of the left operand for each of its own rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from wengert.emit.vocabulary import SIZES, literal
from wengert.lower.nest import Product

if TYPE_CHECKING:
    from wengert.emit.nests import Writer

#: What is written at a place.
Body = Callable[[str], None]
#: Rows of a tile, and its sums, where there are 32 registers of 8 elements; elsewhere.
TILE, SMALL_TILE = (8, 24), (4, 12)
#: Vectors of a tile of few rows.
MOST_WIDE = 8
#: Steps after which sums are added to what is there: they stay exact, and what is
#: read stays in the cache.
DEPTH = 256


def write_product(writer: Writer, product: Product) -> None:
    """Write sums of products."""
    Tiles(writer, product).write()


class Tiles:
    """The tiles of one product."""

    def __init__(self, writer: Writer, product: Product) -> None:
        self.writer, self.product = writer, product
        self.tall, sums = TILE if writer.width == 8 else SMALL_TILE
        self.wide = min(MOST_WIDE, sums // min(self.tall, product.counts[0]))
        (
            (self.result, _, _),
            (self.left, _, _),
            (self.right, _, _),
        ) = map(writer.place, (product.result, product.left, product.right))
        self.type = product.type
        self.ir = writer.ir(self.type, True)
        writer.declare(
            f"{self.ir} @{self.multiply_add}({self.ir}, {self.ir}, {self.ir})"
        )

    @property
    def multiply_add(self) -> str:
        """The name of an intrinsic."""
        return f"llvm.fmuladd.{self.writer.suffix(self.type)}"

    def write(self) -> None:
        """Write all tiles, for one stretch of what is folded after the other."""
        depth = self.product.counts[2]
        if depth <= DEPTH:
            self.stretch("0", str(depth))
            return
        writer = self.writer

        def stretch(low: str) -> None:
            last = writer.value(f"add nsw i64 {low}, {DEPTH}")
            is_less = writer.value(f"icmp slt i64 {last}, {depth}")
            high = writer.value(f"select i1 {is_less}, i64 {last}, i64 {depth}")
            self.stretch(low, high)

        writer.counted("0", str(depth), DEPTH, [], stretch)

    def stretch(self, low: str, high: str) -> None:
        """Write all tiles, for a stretch of what is folded."""
        width, (rows, columns, _) = self.writer.width, self.product.counts
        for first, end, size in parts(columns, self.wide * width):
            lanes = [min(width, size - k) for k in range(0, size, width)]

            def column(j: str, lanes: list[int] = lanes) -> None:
                for top, bottom, tall in parts(rows, self.tall):

                    def row(i: str, tall: int = tall) -> None:
                        self.tile(i, j, tall, lanes, low, high)

                    self.over(top, bottom, tall, row)

            self.over(first, end, size, column)

    def over(self, low: int, high: int, step: int, body: Body) -> None:
        """Write what is done at places that are steps apart."""
        if low + step >= high:
            body(str(low))
        else:
            self.writer.counted(str(low), str(high), step, [], body)

    def tile(
        self, i: str, j: str, tall: int, lanes: list[int], low: str, high: str
    ) -> None:
        """Write one tile."""
        writer, (_, to), (over, along) = (
            self.writer,
            self.product.strides[0],
            self.product.strides[1],
        )
        down, across = self.product.strides[2]
        corner = self.moved(
            self.moved(self.result, i, self.product.strides[0][0]), j, to
        )
        sums = {
            (r, v): writer.register(self.type)
            for r in range(tall)
            for v in range(len(lanes))
        }
        places = {
            (r, v): self.at(
                corner, r * self.product.strides[0][0] + v * writer.width * to
            )
            for r, v in sums
        }
        for (r, v), register in sums.items():
            writer.registers[register].name = self.begun(places[r, v], lanes[v], low)
        first = self.moved(self.left, i, over)
        heads = [self.at(first, r * over) for r in range(tall)]
        side = self.moved(self.right, j, across)

        def step(k: str) -> None:
            line = self.moved(side, k, down)
            row = [
                self.read(self.at(line, v * writer.width * across), n, across)
                for v, n in enumerate(lanes)
            ]
            for r, head in enumerate(heads):
                one = writer.read(self.moved(head, k, along), self.type, False)
                many = writer.splat(one, self.type)
                for v, other in enumerate(row):
                    register = writer.registers[sums[r, v]]
                    register.name = writer.value(
                        f"call {self.ir} @{self.multiply_add}({self.ir} {many},"
                        f" {self.ir} {other}, {self.ir} {register.name})"
                    )

        writer.counted(low, high, 1, [*sums.values()], step)
        for key, register in sums.items():
            name = writer.registers.pop(register).name
            self.write_vector(places[key], name, lanes[key[1]], to)

    def begun(self, pointer: str, lanes: int, low: str) -> str:
        """Return what sums begin with."""
        zero = literal(0.0, self.type, self.writer.width)
        is_later = low != "0"
        if not (self.product.adds or is_later):
            return zero
        there = self.read(pointer, lanes, self.product.strides[0][1])
        if self.product.adds:
            return there
        is_first = self.writer.value(f"icmp eq i64 {low}, 0")
        return self.writer.value(
            f"select i1 {is_first}, {self.ir} {zero}, {self.ir} {there}"
        )

    def read(self, pointer: str, lanes: int, stride: int) -> str:
        """Return a vector of which so many elements exist."""
        writer = self.writer
        with writer.lanes(-1, lanes):
            if stride == 1:
                return writer.read(pointer, self.type, True, not writer.is_full)
            return writer.read_apart(pointer, stride, self.type)

    def write_vector(self, pointer: str, name: str, lanes: int, stride: int) -> None:
        """Write a vector of which so many elements exist."""
        writer = self.writer
        with writer.lanes(-1, lanes):
            if stride == 1:
                writer.write(pointer, name, self.type, True, not writer.is_full)
            else:
                writer.write_apart(pointer, stride, name, self.type)

    def moved(self, pointer: str, index: str, stride: int) -> str:
        """Return a pointer so many strides on."""
        if index == "0":
            return pointer
        if stride != 1:
            index = self.writer.value(f"mul nsw i64 {index}, {stride}")
        return self.writer.offset(self.writer.memory_ir(self.type), pointer, index)

    def at(self, pointer: str, elements: int) -> str:
        """Return a pointer so many elements on."""
        if not elements:
            return pointer
        size = SIZES[self.type] * elements
        return self.writer.value(f"getelementptr i8, ptr {pointer}, i64 {size}")


def parts(count: int, size: int) -> Iterator[tuple[int, int, int]]:
    """Give where whole tiles begin and end and their size, and what is left over."""
    whole = count // size * size
    if whole:
        yield 0, whole, size
    if whole < count:
        yield whole, count, count - whole
