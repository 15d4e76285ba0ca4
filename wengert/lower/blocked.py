"""Loops over steps, each over one long axis, are done a block of that axis at a time.

Where elements along an axis have nothing to do with each other, all steps can be done
of some of them before the next ones.  What is carried and stacked of a block stays in
the processor's cache then, where all of it would go through memory in every step.
What steps fold along the axis is folded block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from math import prod

from wengert.lower.copies import BY_PARTS, Copy, Numbers, bytes_of
from wengert.lower.nest import (
    Address,
    Buffer,
    Count,
    Fill,
    Fold,
    Let,
    Load,
    Loop,
    Nest,
    Read,
    Start,
    Statement,
    Store,
    addresses_of,
    everything,
    read_by,
    touched,
)

#: Bytes of a block of all that varies along the axis, and those from which it pays.
BLOCK, LEAST_BYTES = 1 << 17, 1 << 15
#: Elements of a block at most.
MOST_ELEMENTS = 1024
#: Steps from which it pays, and vectors and elements that a block has at least: memory
#: is read in stretches of so many.
LEAST_STEPS, LEAST_VECTORS, LEAST_ELEMENTS = 4, 4, 32


def block(nest: Nest, lanes: int) -> bool:
    """Do what can be done a block at a time so, in place; whether there is some."""
    extents = {
        inner.extent
        for loop in nest.body
        if isinstance(loop, Loop) and not loop.is_lanes
        for inner in everything(loop.body)
        if isinstance(inner, Loop) and inner.is_lanes
    }
    is_changed = False
    for extent in sorted(extents, reverse=True):
        while extent >= 2 * least_block(lanes):
            made = first_of(nest, extent, lanes)
            if made is None:
                break
            made.write()
            is_changed = True
    return is_changed


def least_block(lanes: int) -> int:
    """Return the elements that a block has at least."""
    return max(LEAST_VECTORS * lanes, LEAST_ELEMENTS)


def first_of(nest: Nest, extent: int, lanes: int) -> Blocks | None:
    """Return the first stretch that can be done a block of an axis at a time."""
    for start, stop in runs(nest.body, extent):
        made = Blocks(nest, extent, lanes, start, stop)
        if made.is_possible():
            return made
    return None


def runs(body: Sequence[Statement], extent: int) -> Iterator[tuple[int, int]]:
    """Give the stretches of loops over an axis, and over steps of such loops."""
    start = 0
    while start < len(body):
        stop = start
        while stop < len(body) and belongs(body[stop], extent):
            stop += 1
        end = stop
        while end > start and not isinstance(body[end - 1], Loop | Read):
            end -= 1  # what comes before what is no part of it
        if any(has_steps(statement) for statement in body[start:end]):
            yield start, end
        start = stop + 1


def belongs(statement: Statement, extent: int) -> bool:
    """Whether a statement may be done for a block of the axis."""
    if isinstance(statement, Loop):
        return is_along(statement, extent) or is_over_steps(statement, extent)
    return isinstance(statement, Start | Fold | Fill | Read | Let | Load | Store)


def is_along(loop: Loop, extent: int) -> bool:
    """Whether a loop goes along the axis, and does no more than a step of it."""
    return (
        loop.is_lanes
        and loop.extent == extent
        and all(
            isinstance(inside, Let | Load | Store | Fold)
            or (isinstance(inside, Loop) and not inside.is_lanes)
            for inside in everything(loop.body)
        )
    )


def is_over_steps(loop: Loop, extent: int) -> bool:
    """Whether a loop does steps of which each has loops along the axis."""
    return not loop.is_lanes and all(
        is_along(inside, extent) or is_over_steps(inside, extent)
        if isinstance(inside, Loop)
        else isinstance(inside, Let | Load | Store | Fold | Start | Read | Count)
        for inside in loop.body
    )


def has_steps(statement: Statement) -> bool:
    """Whether a statement does several steps, each along an axis."""
    return (
        isinstance(statement, Loop)
        and not statement.is_lanes
        and statement.extent >= LEAST_STEPS
        and any(isinstance(s, Loop) and s.is_lanes for s in everything(statement.body))
    )


@dataclass(frozen=True)
class At:
    """A statement, in which loops over steps it is, and in which along the axis."""

    statement: Statement
    steps: tuple[Loop, ...]
    along: int | None


def numbers(at: At) -> list[int]:
    """Return the loops over steps that a statement is in."""
    return [loop.loop for loop in at.steps]


def placed(body: Sequence[Statement], extent: int, *steps: Loop) -> Iterator[At]:
    """Give the statements of a stretch that are no loops over steps."""
    for statement in body:
        if not isinstance(statement, Loop):
            yield At(statement, steps, None)
        elif is_along(statement, extent):
            for inside in everything(statement.body):
                yield At(inside, steps, statement.loop)
        else:
            yield from placed(statement.body, extent, *steps, statement)


@dataclass(frozen=True)
class Total:
    """What is folded along the axis: a value, of every step."""

    read: Read
    start: float
    buffer: Buffer
    steps: tuple[Loop, ...]


@dataclass
class Blocks:
    """A stretch of a nest that is done a block at a time.

    What it does around the axis is done in each block where that is needed there, and
    once after all of them: what is made of totals, and what is written.

    Attributes
    ----------
    nest : Nest
    extent, lanes, start, stop : int
        Of the axis, of a vector, and where the stretch is.
    own : set of Buffer
        Those that nothing else reads or writes.
    totals : dict of int to Total
        By the register they are folded in.
    late_values, late_registers : set of int
        What is made of totals.
    """

    nest: Nest
    extent: int
    lanes: int
    start: int
    stop: int
    own: set[Buffer] = field(default_factory=set)
    totals: dict[int, Total] = field(default_factory=dict)
    late_values: set[int] = field(default_factory=set)
    late_registers: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        body = self.nest.body
        self.numbers = Numbers(self.nest)
        self.scratch = count(max([b.number for b in self.nest.scratch], default=-1) + 1)
        self.body = body[self.start : self.stop]
        self.places = list(placed(self.body, self.extent))
        outside = [*body[: self.start], *body[self.stop :]]
        self.outside = {b for s in everything(outside) for b in touched(s)}

    # Whether it is the same

    def is_possible(self) -> bool:
        """Whether blocks give what the whole gives; finds what goes where."""
        along, flat = set(self.stored(True)), set(self.stored(False))
        self.own = {b for b in along if b.kind == "scratch"} - self.outside
        return (
            not flat & along
            and all(self.is_apart(at, along, flat) for at in self.places)
            and self.are_filled_first()
            and self.settle_registers()
            and self.settle_late()
            and self.is_met_again()
            and self.elements() > 0
        )

    def is_met_again(self) -> bool:
        """Whether a step meets what another step does, of the same elements."""
        return any(
            not {loop for loop, _ in address.terms}.issuperset(numbers(at))
            for at in self.places
            if at.along is not None
            for address in addresses_of(at.statement)
            if any(loop == at.along for loop, _ in address.terms)
        )

    def stored(self, along: bool) -> list[Buffer]:
        """Return what is written along the axis, or around it, by each statement."""
        return [
            at.statement.address.buffer
            for at in self.places
            if isinstance(at.statement, Store) and (at.along is not None) is along
        ]

    def is_apart(self, at: At, along: set[Buffer], flat: set[Buffer]) -> bool:
        """Whether a statement reads and writes of its element alone what is written."""
        for address in addresses_of(at.statement):
            if address.is_wide:
                return False
            if address.buffer in flat and not isinstance(at.statement, Store):
                return False
            if address.buffer in along and not self.is_own_element(address, at.along):
                return False
        return True

    def is_own_element(self, address: Address, along: int | None) -> bool:
        """Whether an address is that of an element of rows along the axis."""
        steps = [k for loop, k in address.terms if loop != along]
        picks = [k for _, k in address.picks]
        whole = [address.offset, address.buffer.size, *steps, *picks]
        return (along, 1) in address.terms and all(k % self.extent == 0 for k in whole)

    def settle_registers(self) -> bool:
        """Find what is folded along the axis; whether all registers are begun here."""
        starts: dict[int, At] = {}
        folds: dict[int, set[str]] = {}
        for at in self.places:
            statement = at.statement
            if isinstance(statement, Start):
                starts[statement.register] = at
            elif isinstance(statement, Fold):
                how = "" if at.along is None else statement.text
                folds.setdefault(statement.register, set()).add(how)
                if statement.register not in starts:
                    return False
            elif isinstance(statement, Read):
                register, begun = statement.register, starts.get(statement.register)
                if begun is None:
                    return False
                if folds.get(register, {""}) == {""}:
                    continue
                is_whole = statement.is_across and folds[register] == {statement.text}
                if not is_whole or statement.text not in BY_PARTS:
                    return False
                if numbers(at) != numbers(begun) or register in self.totals:
                    return False
                size = prod([loop.extent for loop in at.steps])
                buffer = Buffer("scratch", next(self.scratch), statement.type, size)
                assert isinstance(begun.statement, Start)
                start = begun.statement.start
                self.totals[register] = Total(statement, start, buffer, at.steps)
        return all(
            register in self.totals or texts == {""}
            for register, texts in folds.items()
        )

    def are_filled_first(self) -> bool:
        """Whether what is filled, and outlives a block, is so before all else."""
        seen = set[Buffer]()
        for statement in self.body:
            is_once = isinstance(statement, Fill) and statement.buffer not in self.own
            if is_once and not seen.isdisjoint(touched(statement)):
                return False
            seen |= {buffer for s in everything([statement]) for buffer in touched(s)}
        return True

    def settle_late(self) -> bool:
        """Find what is made of totals; whether no block needs it."""
        known = -1
        while known != len(self.late_values) + len(self.late_registers):
            known = len(self.late_values) + len(self.late_registers)
            for at in self.places:
                statement = at.statement
                if not self.is_late(statement):
                    continue
                if isinstance(statement, Let | Load | Read):
                    self.late_values.add(statement.value)
                elif isinstance(statement, Fold):
                    self.late_registers.add(statement.register)
        return not any(
            at.along is not None and self.is_late(at.statement) for at in self.places
        )

    def is_late(self, statement: Statement) -> bool:
        """Whether a statement is about what is made of totals."""
        if not self.late_values.isdisjoint(read_by(statement)):
            return True
        match statement:
            case Read(_, register):
                return register in self.totals or register in self.late_registers
            case Start(register) | Fold(register):
                return register in self.late_registers
        return False

    def elements(self) -> int:
        """Return the elements of a block; 0 where it would not pay."""
        along = {
            address.buffer
            for at in self.places
            for address in addresses_of(at.statement)
            if any(loop == at.along for loop, _ in address.terms)
        }
        taken = sum(map(bytes_of, along))
        if taken < LEAST_BYTES:
            return 0
        least = least_block(self.lanes)
        fitting = max(BLOCK * self.extent // taken, least)
        most = min(fitting, MOST_ELEMENTS, self.extent // 2) // least
        if self.is_mostly_around(most * least // self.lanes):
            return 0
        for times in range(most, most // 2, -1):
            if self.extent % (times * least) == 0:  # none are left over
                return times * least
        return most * least

    def is_mostly_around(self, vectors: int) -> bool:
        """Whether steps do more around the axis than along so many vectors of it."""
        lets = [at for at in self.places if isinstance(at.statement, Let) and at.steps]
        along = sum(at.along is not None for at in lets)
        return len(lets) - along > along * vectors

    # Writing it

    def write(self) -> None:
        """Put the blocks in the place of the stretch."""
        nest, size = self.nest, self.elements()
        blocks, left = divmod(self.extent, size)
        smaller = {b: b._replace(size=b.size // self.extent * size) for b in self.own}
        nest.scratch[:] = [smaller.get(buffer, buffer) for buffer in nest.scratch]
        nest.scratch += [total.buffer for total in self.totals.values()]
        body: list[Statement] = [
            s for s in self.body if isinstance(s, Fill) and s.buffer not in self.own
        ]
        body += [Fill(t.buffer, t.start) for t in self.totals.values()]
        loop = next(self.numbers.loops)
        whole = Block(self.numbers, smaller, size, size, 0, loop, blocks=self)
        body.append(Loop(loop, blocks, False, 1, whole.body(self.body)))
        if left:
            base = blocks * size
            rest = Block(self.numbers, smaller, size, left, base, None, blocks=self)
            body += rest.body(self.body)
        nest.body[self.start : self.stop] = [*body, *self.afterwards(self.body)]

    def place(self, total: Total, steps: dict[int, int]) -> Address:
        """Return where a total is, in loops that stand for those over steps."""
        terms, stride = list[tuple[int, int]](), 1
        for loop in reversed(total.steps):
            terms.append((steps.get(loop.loop, loop.loop), stride))
            stride *= loop.extent
        return Address(total.buffer, 0, tuple(terms))

    def afterwards(self, body: Sequence[Statement]) -> Iterator[Statement]:
        """Give what is done around the axis, the totals being known."""
        for statement in body:
            if isinstance(statement, Loop):
                if not is_along(statement, self.extent):
                    inside = list(self.afterwards(statement.body))
                    yield replace(statement, body=inside)
            elif isinstance(statement, Read) and statement.register in self.totals:
                place = self.place(self.totals[statement.register], {})
                yield Load(statement.value, place, statement.type)
            elif not isinstance(statement, Fill) and not self.is_of_total(statement):
                yield statement

    def is_of_total(self, statement: Statement) -> bool:
        """Whether a statement begins what is folded along the axis."""
        return isinstance(statement, Start) and statement.register in self.totals


@dataclass(kw_only=True)
class Block(Copy):
    """The statements of a stretch, for one block.

    Attributes
    ----------
    blocks : Blocks
    """

    blocks: Blocks

    @property
    def is_renumbered(self) -> bool:
        """Whether numbers are new: what is done afterwards has those of the whole."""
        return True

    def body(
        self, statements: Sequence[Statement], along: int | None = None
    ) -> list[Statement]:
        """Return statements, along the axis or around it."""
        found: list[Statement] = []
        blocks = self.blocks
        for statement in statements:
            if isinstance(statement, Loop):
                found.append(self.inner(statement, along))
            elif isinstance(statement, Read) and statement.register in blocks.totals:
                total = blocks.totals[statement.register]
                found += self.added(statement, blocks.place(total, self.loops))
            elif isinstance(statement, Fill) and statement.buffer not in blocks.own:
                continue  # it is done before all of them
            elif isinstance(statement, Store) and along is None:
                continue  # it is done after all of them
            elif not blocks.is_late(statement):
                found.append(self.statement(statement, along))
        return found

    def inner(self, loop: Loop, along: int | None) -> Loop:
        """Return a loop."""
        number = self.new_loop(loop.loop)
        if along is not None or not is_along(loop, self.blocks.extent):
            return replace(loop, loop=number, body=self.body(loop.body, along))
        body, unroll = self.body(loop.body, loop.loop), loop.unroll
        if self.loop is None:  # there are few
            unroll = 1
        return Loop(number, self.extent, True, unroll, body)

    def statement(self, statement: Statement, along: int | None) -> Statement:
        """Return a statement that is no loop, of the numbers that are those here."""
        match statement:
            case Fill(buffer):
                return Fill(self.smaller[buffer], statement.value)
            case Count(value, loop):
                return Count(self.new_value(value), self.loops.get(loop, loop))
        return self.simple(statement, along)

    def place(self, address: Address, along: int | None) -> Address:
        """Return where an element is of the block, or of the whole."""
        own = self.smaller.get(address.buffer)
        if own is None:
            strides = [k for loop, k in address.terms if loop == along]
            return self.moved(address, sum(strides))
        terms = [
            (self.loops.get(loop, loop), k if loop == along else self.part(k))
            for loop, k in address.terms
        ]
        picks = [(self.operand(value), self.part(k)) for value, k in address.picks]
        return Address(own, self.part(address.offset), tuple(terms), tuple(picks))

    def part(self, stride: int) -> int:
        """Return how far rows of a block are apart, for rows of the whole."""
        return stride // self.blocks.extent * self.size
