"""Loads, stores and addresses in IR: arguments, results, the workspace.

A `Block` is the text of a function being written.  It knows where the elements of
arguments and results lie for the rows of this step, and it reads and writes them as
scalars, as whole registers, or lane by lane.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.emit.program import Program
from wengert.emit.vocabulary import SIZES, TYPES, ir_type, literal

#: Bytes of a workspace slot per lane; every type fits.
SLOT = 8


@dataclass(slots=True)
class Block:
    """The text of one function, and what is known in it so far.

    Attributes
    ----------
    program : Program
    lanes : int
    has_rows : bool
        Whether ``%row`` is the first row of this step.
    lines : list of str
        Where text goes; exchanged to write before a loop or inside it.
    head : list of str
        Text executed first: addresses that hold for the whole function.
    """

    program: Program
    lanes: int
    has_rows: bool
    lines: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    bases: dict[tuple[str, int], str] = field(default_factory=dict)
    count: int = 0

    def ir(self, type_name: str) -> str:
        """IR's name of a type in this block's lanes."""
        return ir_type(type_name, self.lanes)

    def literal(self, value: float, type_name: str) -> str:
        """IR constant in this block's lanes."""
        return literal(value, type_name, self.lanes)

    def fresh(self) -> str:
        """A new name."""
        self.count += 1
        return f"%x{self.count}"

    def value(self, instruction: str) -> str:
        """Write an instruction; the name of its result."""
        self.count += 1
        self.lines.append(f" %x{self.count} = {instruction}\n")
        return f"%x{self.count}"

    def line(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f" {instruction}\n")

    # -- lanes side by side in memory ---------------------------------------------

    def read(self, t: str, pointer: str) -> str:
        """Load lanes that lie side by side; truth values are bytes in memory."""
        if t != "bool":
            return self.value(f"load {self.ir(t)}, ptr {pointer}, align {SIZES[t]}")
        byte = self.bytes()
        zero = "0" if self.lanes == 1 else "zeroinitializer"
        loaded = self.value(f"load {byte}, ptr {pointer}, align 1")
        return self.value(f"icmp ne {byte} {loaded}, {zero}")

    def put(self, name: str, t: str, pointer: str) -> None:
        """Store lanes side by side."""
        ir = self.ir(t)
        if t == "bool":
            byte = self.bytes()
            name, ir = self.value(f"zext {ir} {name} to {byte}"), byte
        self.line(f"store {ir} {name}, ptr {pointer}, align {SIZES[t]}")

    def bytes(self) -> str:
        """IR type of truth values in memory."""
        return "i8" if self.lanes == 1 else f"<{self.lanes} x i8>"

    def slot(self, slot: int) -> str:
        """Address of a workspace slot."""
        self.count += 1
        distance = slot * SLOT * self.lanes
        self.lines.append(
            f" %x{self.count} = getelementptr i8, ptr %workspace, i64 {distance}\n"
        )
        return f"%x{self.count}"

    def offset(self, base: str, distance: int) -> str:
        """An address some bytes on."""
        return self.value(f"getelementptr i8, ptr {base}, i64 {distance}")

    def moving(self, base: str, first: int, step: int) -> str:
        """The address `first` bytes on, and `step` more with every repetition."""
        start = self.offset(base, first)
        if not step:
            return start
        distance = self.value(f"mul i64 %k, {step}")
        return self.value(f"getelementptr i8, ptr {start}, i64 {distance}")

    # -- arguments and results -------------------------------------------------------

    def base(self, table: str, k: int, t: str, stride: int) -> str:
        """Address of this step's rows in an argument or result."""
        known = self.bases.get((table, k))
        if known is not None:
            return known
        name = f"%{table}{k}"
        self.head.append(
            f" {name}.p = getelementptr ptr, ptr %{table}, i64 {k}\n"
            f" {name}.0 = load ptr, ptr {name}.p\n"
        )
        self.bases[table, k] = f"{name}.0"
        if self.has_rows and stride:
            self.head.append(
                f" {name}.i = mul i64 %row, {stride * SIZES[t]}\n"
                f" {name}.1 = getelementptr i8, ptr {name}.0, i64 {name}.i\n"
            )
            self.bases[table, k] = f"{name}.1"
        return self.bases[table, k]

    def argument(self, k: int) -> str:
        """Address of element 0 of an argument."""
        where = self.program.arguments[k]
        return self.base("arguments", k, where.type, where.row_stride)

    def load(self, k: int, pointer: str) -> str:
        """An argument's element at an address, in all lanes."""
        where = self.program.arguments[k]
        t = where.type
        if self.lanes == 1 or where.row_stride == 1:
            return self.read(t, pointer)
        count = self.lanes if where.row_stride else 1
        # Copying blocks of rows into lanes first, by shuffles, was measured 8 to 30 %
        # slower than this gathering: the copy costs more than the loads it saves.
        step = where.row_stride * SIZES[t]
        ones = [self.read_one(t, pointer, j * step) for j in range(count)]
        joined = "poison"
        for j, one in enumerate(ones * (self.lanes // count)):
            pair = f"{self.ir(t)} {joined}, {TYPES[t]} {one}"
            joined = self.value(f"insertelement {pair}, i64 {j}")
        return joined

    def read_one(self, t: str, base: str, distance: int) -> str:
        """Load one element."""
        pointer = self.offset(base, distance)
        if t != "bool":
            return self.value(f"load {TYPES[t]}, ptr {pointer}, align {SIZES[t]}")
        loaded = self.value(f"load i8, ptr {pointer}")
        return self.value(f"icmp ne i8 {loaded}, 0")

    def store(self, name: str, k: int, element: int) -> None:
        """Write a value to a result's element, in every row of this step."""
        where = self.program.results[k]
        t = where.type
        base = self.base("results", k, t, where.row_stride)
        start = element * where.element_stride * SIZES[t]
        if self.lanes == 1 or where.row_stride == 1:
            self.put(name, t, self.offset(base, start))
            return
        for j in range(self.lanes):
            pointer = self.offset(base, start + j * where.row_stride * SIZES[t])
            one = self.value(f"extractelement {self.ir(t)} {name}, i64 {j}")
            self.put_one(one, t, pointer)

    def store_moving(self, name: str, k: int, element: int, step: int) -> None:
        """Write a value to a result's element, `step` further with every repetition."""
        where = self.program.results[k]
        t = where.type
        base = self.base("results", k, t, where.row_stride)
        width = where.element_stride * SIZES[t]
        if self.lanes == 1 or where.row_stride == 1:
            self.put(name, t, self.moving(base, element * width, step * width))
            return
        for j in range(self.lanes):
            start = element * width + j * where.row_stride * SIZES[t]
            pointer = self.moving(base, start, step * width)
            one = self.value(f"extractelement {self.ir(t)} {name}, i64 {j}")
            self.put_one(one, t, pointer)

    def put_one(self, name: str, t: str, pointer: str) -> None:
        """Store one element."""
        ir = TYPES[t]
        if t == "bool":
            name, ir = self.value(f"zext i1 {name} to i8"), "i8"
        self.line(f"store {ir} {name}, ptr {pointer}")

    # -- sums over rows ------------------------------------------------------------

    def accumulate(self, name: str, t: str, slot: int) -> None:
        """Add this step's rows to an accumulator, but not rows of an earlier step."""
        mask, ir = self.row_mask(), self.ir(t)
        pointer = self.slot(slot)
        before = self.read(t, pointer)
        add = "fadd" if t.startswith("float") else "add"
        choice = f"{self.ir('bool')} {mask}, {ir} {name}, {ir} {self.literal(0, t)}"
        new = self.value(f"select {choice}")
        self.put(self.value(f"{add} {ir} {before}, {new}"), t, pointer)

    def row_mask(self) -> str:
        """Which lanes hold rows that no earlier step has computed."""
        if ("mask", 0) in self.bases:
            return "%mask"
        self.bases["mask", 0] = "%mask"
        w = self.lanes
        if w == 1:
            self.head.append(" %mask = icmp slt i64 %row, %high\n")
            return "%mask"
        each = f"<{w} x i64>"
        count = "<" + ", ".join(f"i64 {j}" for j in range(w)) + ">"
        for name in ("row", "low", "high"):
            self.head.append(
                f" %{name}.0 = insertelement {each} poison, i64 %{name}, i64 0\n"
                f" %{name}.s = shufflevector {each} %{name}.0, {each} poison,"
                f" <{w} x i32> zeroinitializer\n"
            )
        self.head.append(
            f" %rows = add {each} %row.s, {count}\n"
            f" %mask.0 = icmp sge {each} %rows, %low.s\n"
            f" %mask.1 = icmp slt {each} %rows, %high.s\n"
            f" %mask = and <{w} x i1> %mask.0, %mask.1\n"
        )
        return "%mask"

    def sum_lanes(self, t: str, slot: int) -> str:
        """The sum of an accumulator's lanes, in order."""
        total = self.read(t, self.slot(slot))
        if self.lanes == 1:
            return total
        vector, ir = total, self.ir(t)
        add = "fadd" if t.startswith("float") else "add"
        total = self.value(f"extractelement {ir} {vector}, i64 0")
        for j in range(1, self.lanes):
            one = self.value(f"extractelement {ir} {vector}, i64 {j}")
            total = self.value(f"{add} {TYPES[t]} {total}, {one}")
        return total
