"""Loads, stores and addresses in IR: arguments, results, the workspace.

A `Block` is the text of a function being written.  It knows where arguments and results
lie, and it reads and writes their elements.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from wengert.emit.program import Program
from wengert.emit.vocabulary import SIZES, TYPES

#: Bytes of a workspace slot; every type fits.
SLOT = 8


@dataclass(slots=True)
class Block:
    """The text of one function, and what is known in it so far.

    Attributes
    ----------
    program : Program
    lines : list of str
        Where text goes; exchanged to write before a loop or inside it.
    head : list of str
        Text executed first: addresses that hold for the whole function.
    """

    program: Program
    lines: list[str] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    bases: dict[tuple[str, int], str] = field(default_factory=dict)
    count: int = 0

    def value(self, instruction: str) -> str:
        """Write an instruction; the name of its result."""
        self.count += 1
        self.lines.append(f" %x{self.count} = {instruction}\n")
        return f"%x{self.count}"

    def line(self, instruction: str) -> None:
        """Write an instruction without a result."""
        self.lines.append(f" {instruction}\n")

    def read(self, t: str, pointer: str) -> str:
        """Load an element; truth values are bytes in memory."""
        if t != "bool":
            return self.value(f"load {TYPES[t]}, ptr {pointer}, align {SIZES[t]}")
        loaded = self.value(f"load i8, ptr {pointer}, align 1")
        return self.value(f"icmp ne i8 {loaded}, 0")

    def put(self, name: str, t: str, pointer: str) -> None:
        """Store an element."""
        ir = TYPES[t]
        if t == "bool":
            name, ir = self.value(f"zext i1 {name} to i8"), "i8"
        self.line(f"store {ir} {name}, ptr {pointer}, align {SIZES[t]}")

    def slot(self, slot: int) -> str:
        """Address of a workspace slot."""
        return self.offset("%workspace", slot * SLOT)

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

    def base(self, table: str, k: int) -> str:
        """Address of element 0 of an argument or result."""
        known = self.bases.get((table, k))
        if known is not None:
            return known
        name = f"%{table}{k}"
        self.head.append(
            f" {name}.p = getelementptr ptr, ptr %{table}, i64 {k}\n"
            f" {name}.0 = load ptr, ptr {name}.p\n"
        )
        self.bases[table, k] = f"{name}.0"
        return self.bases[table, k]

    def store(self, name: str, k: int, element: int, step: int = 0) -> None:
        """Write a value to a result's element, `step` further with every repetition."""
        t = self.program.results[k]
        first = element * SIZES[t]
        pointer = self.moving(self.base("results", k), first, step * SIZES[t])
        self.put(name, t, pointer)
