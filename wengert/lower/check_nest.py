"""What a legal nest is: a table of rules, one a kind of statements, and what checks it.

Statements are followed in their order.  A value is read where it is known, a register
once it has been started, a loop's index inside of it; memory is read and written inside
of its buffer, at both ends, and scratch is written before it is read, in the first step
of a loop too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wengert.lower.check import TYPES, IllegalError, fits, is_whole, wrong_in
from wengert.lower.nest import (
    Across,
    Address,
    Buffer,
    Call,
    Count,
    Fill,
    Fold,
    Guard,
    Let,
    Load,
    Loop,
    Nest,
    Number,
    Operand,
    Order,
    Part,
    Product,
    Read,
    Routine,
    Start,
    Statement,
    Store,
    Sum,
    Where,
    While,
    shown_statement,
)
from wengert.lower.systems import BEHIND

#: By how many elements what is read or written there goes on, from the first to the
#: last one, a part for every direction.
Reach = Sequence[int]


def verify_nest(nest: Nest, lanes: int) -> None:
    """Raise `IllegalError` unless every statement is legal, and all results written.

    Parameters
    ----------
    nest : Nest
    lanes : int
        How many elements a vector has.
    """
    Check(nest, lanes).run()


class Check:
    """What is known at a statement of a nest."""

    def __init__(self, nest: Nest, lanes: int) -> None:
        self.nest, self.lanes = nest, lanes
        self.buffers = {
            "argument": nest.arguments,
            "constant": nest.constants,
            "result": nest.results,
            "scratch": nest.scratch,
        }
        #: The types of values that are known, and all that were made anywhere.
        self.types: dict[int, str] = {}
        self.made: set[int] = set()
        self.registers: dict[int, str] = {}
        #: How many steps loops do, those that are open; none where a condition says so.
        self.loops: dict[int, int | None] = {}
        self.ended: set[int] = set()
        #: The first and the last element that was written, of every buffer.
        self.written: dict[Buffer, tuple[int, int]] = {}

    def run(self) -> None:
        """Check all."""
        for kind, buffers in self.buffers.items():
            for number, buffer in enumerate(buffers):
                if buffer[:2] != (kind, number) or buffer.type not in TYPES:
                    raise IllegalError(f"{buffer} is {kind} {number} of {buffer.type}")
        self.body(self.nest.body)
        for buffer in self.nest.results:
            if buffer.size and self.written.get(buffer) != (0, buffer.size - 1):
                raise IllegalError(f"{buffer} is not written as a whole")

    def body(self, body: Iterable[Statement]) -> None:
        """Check statements in their order."""
        for statement in body:
            try:
                STATEMENTS[type(statement)](self, statement)
            except IllegalError as error:
                if isinstance(statement, Loop | While | Where | Part):
                    raise
                text = shown_statement(statement)
                raise IllegalError(f"{text}: {error}") from None

    @contextmanager
    def inside(
        self, loop: int | None = None, extent: int | None = None
    ) -> Iterator[None]:
        """Forget what was made inside, once it is left."""
        types, registers = dict(self.types), dict(self.registers)
        if loop is not None:
            self.need(loop not in self.loops, f"i{loop} is open")
            self.loops[loop] = extent
        yield
        if loop is not None:
            del self.loops[loop]
            self.ended.add(loop)
        self.types, self.registers = types, registers

    def need(self, is_legal: bool, what: str) -> None:
        """Raise unless something holds."""
        if not is_legal:
            raise IllegalError(what)

    # Values

    def make(self, value: int, type_: str) -> None:
        """Note a value that is made here."""
        self.need(value not in self.made, f"v{value} is made twice")
        self.need(type_ in TYPES, f"there is no type {type_}")
        self.made.add(value)
        self.types[value] = type_

    def type_of(self, operand: Operand) -> str:
        """Return the type of an operand, which is known here."""
        if isinstance(operand, Number):
            is_legal = operand.type in TYPES and fits(operand.value, operand.type)
            self.need(is_legal, f"{operand.value!r} is no {operand.type}")
            return operand.type
        self.need(operand in self.types, f"v{operand} is not known here")
        return self.types[operand]

    def text(self, text: str, types: Sequence[str], type_: str) -> None:
        """Check an expression."""
        wrong = wrong_in(text, tuple(types), type_)
        self.need(not wrong, wrong)

    def register(self, register: int) -> str:
        """Return the type of a register, which has been started."""
        self.need(register in self.registers, f"r{register} is not started")
        return self.registers[register]

    # Memory

    def reach(self, address: Address, more: Reach = ()) -> tuple[int, int] | None:
        """Return the first and last element that is meant; None where no one knows."""
        buffer = address.buffer
        self.need(
            buffer in self.buffers.get(buffer.kind, ())
            and self.buffers[buffer.kind][buffer.number] == buffer,
            f"there is no {buffer}",
        )
        for pick, _ in address.picks:
            is_index = is_whole(self.type_of(pick))
            self.need(is_index, f"{pick}, an index, is {self.type_of(pick)}")
        low = high = address.offset
        is_known = not address.picks
        for loop, stride in address.terms:
            self.need(loop in self.loops, f"i{loop} is not open")
            extent = self.loops[loop]
            is_known &= extent is not None
            more = (*more, ((extent or 1) - 1) * stride)
        for each in more:
            low, high = low + min(each, 0), high + max(each, 0)
        if not is_known:
            return None
        high += (self.lanes - 1) * address.is_wide
        self.need(
            0 <= low <= high < buffer.size,
            f"elements {low} to {high} of {buffer.size} of {buffer}",
        )
        return low, high

    def read(self, address: Address, type_: str, more: Reach = ()) -> None:
        """Check what is read."""
        buffer, found = address.buffer, self.reach(address, more)
        self.need(buffer.type == type_, f"{buffer} of {buffer.type} is read as {type_}")
        if buffer.kind not in ("scratch", "result"):
            return
        self.need(buffer in self.written, f"{buffer} is read before it is written")
        if found is not None:
            first, last = self.written[buffer]
            self.need(
                first <= found[0] and found[1] <= last,
                f"elements {found} of {buffer} are read, {(first, last)} written",
            )

    def write(self, address: Address, type_: str, more: Reach = ()) -> None:
        """Check what is written."""
        buffer = address.buffer
        found = self.reach(address, more) or (0, buffer.size - 1)
        self.need(buffer.type == type_, f"{type_} is written to {buffer.type}")
        self.need(buffer.kind in ("scratch", "result"), f"{buffer} is written")
        first, last = self.written.get(buffer, found)
        self.written[buffer] = min(first, found[0]), max(last, found[1])


def let(check: Check, found: Let) -> None:
    """An expression of operands."""
    check.text(found.text, [*map(check.type_of, found.operands)], found.type)
    check.make(found.value, found.type)


def count(check: Check, found: Count) -> None:
    """The steps of a loop, which is open, or was done."""
    is_known = found.loop in check.loops or found.loop in check.ended
    check.need(is_known, f"i{found.loop} is not open")
    check.make(found.value, "int64")


def load(check: Check, found: Load) -> None:
    """An element of a buffer of its type."""
    check.read(found.address, found.type)
    check.make(found.value, found.type)


def total(check: Check, found: Sum) -> None:
    """Elements side by side."""
    check.read(found.address, found.type, [found.count - 1])
    check.make(found.value, found.type)


def store(check: Check, found: Store) -> None:
    """An operand; what it is folded into is there, and of its type."""
    type_ = check.type_of(found.operand)
    if found.fold:
        check.text(found.fold, (found.type, type_), found.type)
        check.read(found.address, found.type)
    check.write(found.address, found.type)


def fill(check: Check, found: Fill) -> None:
    """A number that the buffer's type has."""
    buffer = found.buffer
    check.need(fits(found.value, buffer.type), f"{found.value!r} is no {buffer.type}")
    check.write(Address(buffer, 0), buffer.type, [buffer.size - 1])


def start(check: Check, found: Start) -> None:
    """A number that the register's type has."""
    check.need(fits(found.start, found.type), f"{found.start!r} is no {found.type}")
    check.registers[found.register] = found.type


def fold(check: Check, found: Fold) -> None:
    """An operand, into a register that has been started."""
    type_ = check.register(found.register)
    check.text(found.text, (type_, check.type_of(found.operand)), type_)


def read(check: Check, found: Read) -> None:
    """A register that has been started."""
    type_ = check.register(found.register)
    check.need(type_ == found.type, f"r{found.register} is {type_}")
    check.text(found.text, (type_, type_), type_)
    check.make(found.value, found.type)


def across(check: Check, found: Across) -> None:
    """Lanes of an operand of that type."""
    type_ = check.type_of(found.operand)
    check.text(found.text, (type_, type_), found.type)
    check.make(found.value, found.type)


def guard(check: Check, found: Guard) -> None:
    """A condition; the number is no answer of a call that was done."""
    type_ = check.type_of(found.operand)
    check.need(type_ == "bool" and found.number > 0, f"guard {found.number}, {type_}")


def product(check: Check, found: Product) -> None:
    """Matrices that lie inside of their buffers."""
    rows, columns, depth = found.counts
    counts = (rows, columns), (rows, depth), (depth, columns)
    to, *given = [
        [(n - 1) * k for n, k in zip(count, stride, strict=True)]
        for count, stride in zip(counts, found.strides, strict=True)
    ]
    for address, more in zip((found.left, found.right), given, strict=True):
        check.read(address, found.type, more)
    if found.adds:
        check.read(found.result, found.type, to)
    check.write(found.result, found.type, to)


def routine(check: Check, found: Routine) -> None:
    """Matrices of which as many elements lie inside of their buffers.

    Behind LU factors are columns that say which rows were exchanged.
    """
    rows, columns = found.counts
    square, other = (rows, rows), (rows, columns)
    made = (rows, rows + BEHIND) if found.name == "lu" else other
    counts = [made, square, *[other] * (len(found.operands) - 1)]
    to, *given = [
        [(n - 1) * k for n, k in zip(count, stride, strict=True)]
        for count, stride in zip(counts, found.strides, strict=True)
    ]
    for address, more in zip(found.operands, given, strict=True):
        check.read(address, found.type, more)
    check.write(found.result, found.type, to)


def order(check: Check, found: Order) -> None:
    """Elements along a line, and room for them."""
    last = found.count - 1
    check.read(found.source, found.type, [last * found.strides[1]])
    made = "int64" if found.has_places else found.type
    check.write(found.result, made, [last * found.strides[0]])
    for room in found.rooms:
        check.write(Address(room, 0), room.type, [last])


def call(check: Check, found: Call) -> None:
    """One of the nest's calls, of operands and results that lie as that says."""
    check.need(0 <= found.number < len(check.nest.calls), f"call {found.number}")
    asked = check.nest.calls[found.number]
    sides = (
        (found.operands, asked.operands, asked.called.operands, check.read),
        (
            found.results,
            asked.results,
            asked.called.laid,
            check.write,
        ),
    )
    for addresses, laid, likes, check_one in sides:
        is_all = len(addresses) == len(laid) == len(likes)
        check.need(is_all, f"{len(addresses)} of {len(laid)} values")
        for address, lies, like in zip(addresses, laid, likes, strict=True):
            more = [
                (n - 1) * k
                for n, k in zip(like.shape, lies.strides, strict=False)
                if n and k
            ]
            check_one(address, address.buffer.type, more)
            check.need(address.buffer.type == lies.type, f"{address} is {lies.type}")
    check.make(found.value, "bool")


def loop(check: Check, found: Loop) -> None:
    """Statements for one index at least."""
    check.need(found.extent > 0 and found.unroll > 0, f"{found.extent} steps")
    with check.inside(found.loop, found.extent):
        check.body(found.body)


def while_(check: Check, found: While) -> None:
    """Statements as long as a condition holds, which is asked in every step."""
    with check.inside(found.loop):
        check.body(found.asks)
        type_ = check.type_of(found.condition)
        check.need(type_ == "bool", f"the condition is {type_}")
        check.body(found.body)


def where(check: Check, found: Where) -> None:
    """Statements of which nothing is known behind them."""
    check.need(check.type_of(found.condition) == "bool", "its condition is none")
    with check.inside():
        check.body(found.body)


def part(check: Check, found: Part) -> None:
    """A function of its own: it knows no values but its own."""
    with check.inside():
        check.types, check.registers, check.made = {}, {}, set()
        check.body(found.body)


#: What is legal of every kind of statements.
STATEMENTS: dict[type, Callable[[Check, Any], None]] = {
    Let: let,
    Count: count,
    Load: load,
    Sum: total,
    Store: store,
    Fill: fill,
    Start: start,
    Fold: fold,
    Read: read,
    Across: across,
    Guard: guard,
    Product: product,
    Routine: routine,
    Order: order,
    Call: call,
    Loop: loop,
    While: while_,
    Where: where,
    Part: part,
}
