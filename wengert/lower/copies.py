"""What statements are for a part of a long axis: the same, of numbers of their own.

Both passes that do loops a part of an axis at a time write these: blocks of steps
(`lower.blocked`), and strips of loops that follow each other (`lower.strips`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import count

from wengert.lower.nest import (
    Address,
    Buffer,
    Fold,
    Let,
    Load,
    Loop,
    Nest,
    Operand,
    Read,
    Start,
    Statement,
    Store,
    While,
    everything,
)

#: Folds of which parts are folded in the same way.
BY_PARTS = frozenset(
    {"x + y", "maximum(x, y)", "minimum(x, y)", "x or y", "x and y"},
)
#: Bytes of an element, of types that have not eight.
BYTES = {"bool": 1, "int32": 4, "float32": 4}


def bytes_of(buffer: Buffer) -> int:
    """Return the bytes of a buffer."""
    return buffer.size * BYTES.get(buffer.type, 8)


class Numbers:
    """Numbers of new loops, registers and values of a nest."""

    def __init__(self, nest: Nest) -> None:
        self.nest = nest
        inside = list(everything(nest.body))
        loops = [s.loop for s in inside if isinstance(s, Loop | While)]
        registers = [s.register for s in inside if isinstance(s, Start)]
        self.loops = count(max(loops, default=-1) + 1)
        self.registers = count(max(registers, default=-1) + 1)

    def value(self) -> int:
        """Return the number of a new value."""
        self.nest.values += 1
        return self.nest.values - 1


@dataclass
class Copy:
    """The statements of a stretch of a nest, for one part of the axis.

    Attributes
    ----------
    numbers : Numbers
    smaller : dict of Buffer to Buffer
        Those of which a part has its own alone.
    size, extent : int
        Elements of a part, and of this one.
    base : int
        Where it begins.
    loop : int or None
        That over all parts; None for one by itself.
    values, loops, registers : dict of int to int
        What numbers are here, where they are others.
    """

    numbers: Numbers
    smaller: dict[Buffer, Buffer]
    size: int
    extent: int
    base: int
    loop: int | None
    values: dict[int, int] = field(default_factory=dict)
    loops: dict[int, int] = field(default_factory=dict)
    registers: dict[int, int] = field(default_factory=dict)

    @property
    def is_renumbered(self) -> bool:
        """Whether numbers are new, as the stretch is written elsewhere too."""
        raise NotImplementedError

    def new_value(self, value: int) -> int:
        """Return the number of a value that is made here."""
        if self.is_renumbered:
            self.values[value] = self.numbers.value()
        return self.values.get(value, value)

    def new_loop(self, loop: int) -> int:
        """Return the number of a loop that is here."""
        if self.is_renumbered:
            self.loops[loop] = next(self.numbers.loops)
        return self.loops.get(loop, loop)

    def operand(self, operand: Operand) -> Operand:
        """Return what an operand is here."""
        return self.values.get(operand, operand) if type(operand) is int else operand

    def register(self, register: int) -> int:
        """Return what a register is here."""
        if self.is_renumbered and register not in self.registers:
            self.registers[register] = next(self.numbers.registers)
        return self.registers.get(register, register)

    def place(self, address: Address, along: int | None) -> Address:
        """Return where an element is, in a statement along a loop or around all."""
        raise NotImplementedError

    def simple(self, statement: Statement, along: int | None) -> Statement:
        """Return a statement that has none inside, of the numbers that are those here.

        It stands inside the loop `along` the axis, or around the axis for None.
        """
        match statement:
            case Let(value, _, operands):
                given = tuple(map(self.operand, operands))
                return replace(statement, value=self.new_value(value), operands=given)
            case Load(value, address):
                at = self.place(address, along)
                return replace(statement, value=self.new_value(value), address=at)
            case Store(address, operand):
                at = self.place(address, along)
                return replace(statement, address=at, operand=self.operand(operand))
            case Start(register):
                return replace(statement, register=self.register(register))
            case Fold(register, _, operand):
                own, given_ = self.register(register), self.operand(operand)
                return replace(statement, register=own, operand=given_)
            case Read(value, register):
                own = self.register(register)
                return replace(statement, value=self.new_value(value), register=own)
        raise TypeError(type(statement))

    def moved(self, address: Address, stride: int) -> Address:
        """Return where an element of the whole is, of which parts are a stride on."""
        terms = [(self.loops.get(loop, loop), k) for loop, k in address.terms]
        picks = tuple([(self.operand(value), k) for value, k in address.picks])
        offset = address.offset
        if self.loop is None:
            offset += self.base * stride
        elif stride:
            terms.append((self.loop, self.size * stride))
        return address._replace(offset=offset, terms=tuple(terms), picks=picks)

    def added(self, read: Read, at: Address) -> list[Statement]:
        """Return how what a part has come to is folded into a total."""
        part, before, both = (self.numbers.value() for _ in range(3))
        return [
            replace(read, value=part, register=self.register(read.register)),
            Load(before, at, read.type),
            Let(both, read.text, (before, part), read.type),
            Store(at, both, read.type),
        ]
