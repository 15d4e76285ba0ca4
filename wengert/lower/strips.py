"""Loops along one long axis are done strip by strip of it, one after the other.

Where a loop writes a large array that the next one reads, all of it goes through
memory, and again for every loop.  What they do to a strip of the axis is done before
the next strip instead, as long as no element has to do with another one: the arrays
between them are as long as a strip, and stay in the processor's cache.  What is folded
along the axis is folded strip by strip; what is made of that follows, and what does not
vary along the axis comes first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from wengert.lower.copies import BY_PARTS, Copy, Numbers, bytes_of
from wengert.lower.nest import (
    Across,
    Address,
    Buffer,
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
    Product,
    Read,
    Routine,
    Start,
    Statement,
    Store,
    Sum,
    Where,
    addresses_of,
    everything,
    read_by,
)

#: Bytes that loops hand to each other from which strips pay, and those of a strip.
LEAST_BYTES, STRIP = 1 << 22, 1 << 21
#: Strips that an axis has at least, and vectors that one has: what does not vary along
#: the axis, as matrices, is read again in every strip.
LEAST_STRIPS, LEAST_VECTORS = 4, 5
#: Elements at which rows lie too regularly: they are in each other's way in the cache.
REGULAR = 32
#: How often a stretch is shortened where it cannot be done so.
MOST_TRIES = 16
#: Statements that may be done for a strip.
DIVIDED = (
    Across, Count, Fill, Fold, Let, Load, Loop, Product, Read, Start, Store, Where,
)  # fmt: skip
#: Statements of which all that they touch is known.
KNOWN = (*DIVIDED, Guard, Order, Routine, Sum)

#: A loop by number, or a side of a product by the product and the side.
Key = int | tuple[int, str]


class Access(NamedTuple):
    """An address with the axes along which it moves.

    Attributes
    ----------
    at : int
        In which statement of the nest it is.
    buffer, offset, has_picks, is_wide
        As in an address.
    terms : dict of Key to int
        Strides.
    way : str
        ``read``, ``write`` or ``fold``.
    """

    at: int
    buffer: Buffer
    offset: int
    terms: dict[Key, int]
    is_plain: bool
    way: str


def strip(nest: Nest, lanes: int) -> None:
    """Do loops along a long axis strip by strip, in place, where that pays."""
    if sum(map(bytes_of, nest.scratch)) < LEAST_BYTES:
        return
    long = LEAST_STRIPS * lanes
    seeds = [s for s in nest.body if isinstance(s, Loop) and s.extent >= long]
    seen = Seen()
    for seed in seeds:
        if any(seed is statement for statement in nest.body):
            made = stretch_of(nest, lanes, seed, seen)
            if made is not None:
                made.write()
                seen.wrong.clear()


class Seen:
    """What is known of a nest's statements, and of stretches of it.

    Attributes
    ----------
    wrong : dict of (int, int) to list of (set of Key, int)
        By stretch, axes and the first statement that is not done strip by strip of one.
    """

    def __init__(self) -> None:
        self.wrong: dict[tuple[int, int], list[tuple[set[Key], int]]] = {}
        self._facts: dict[int, Facts] = {}

    def of(self, statement: Statement) -> Facts:
        """Return what is known of a statement."""
        known = self._facts.get(id(statement))
        if known is None:
            known = self._facts[id(statement)] = Facts.of(statement)
        return known

    def known_wrong(self, start: int, end: int, seed: Loop) -> int | None:
        """Return what was wrong with a stretch along the axis of a loop, if known."""
        known = self.wrong.get((start, end), ())
        return next((at for axis, at in known if seed.loop in axis), None)


class Facts(NamedTuple):
    """What a statement does, and those inside of it.

    Attributes
    ----------
    statement : Statement
    all : list of Statement
    extents : dict of Key to int
        Of its loops, and of the sides of its products.
    accesses : list of Access
        As if it stood first.
    touched : Touched
    """

    statement: Statement
    all: list[Statement]
    extents: dict[Key, int]
    accesses: list[Access]
    touched: Touched

    @classmethod
    def of(cls, statement: Statement) -> Facts:
        """Look at a statement."""
        found, extents = list(everything([statement])), dict[Key, int]()
        for each in found:
            if isinstance(each, Loop):
                extents[each.loop] = each.extent
            elif isinstance(each, Product):
                extents.update(sides_of(each))
        accesses = list(accesses_of(0, found))
        return cls(statement, found, extents, accesses, touched(found, accesses))


def stretch_of(nest: Nest, lanes: int, seed: Loop, seen: Seen) -> Strips | None:
    """Return the longest stretch around a loop that strips can be made of."""
    at = next(k for k, s in enumerate(nest.body) if s is seed)
    start = end = at
    while start > 0 and is_known(seen.of(nest.body[start - 1])):
        start -= 1
    while end < len(nest.body) and is_known(seen.of(nest.body[end])):
        end += 1
    for _ in range(MOST_TRIES):
        if not start <= at < end:
            return None
        wrong = seen.known_wrong(start, end, seed)
        if wrong is None:
            made = Strips(nest, lanes, start, end, seed, seen)
            wrong = made.first_wrong()
            if wrong is None:
                return made if made.size() else None
            seen.wrong.setdefault((start, end), []).append((made.axis, wrong))
        if wrong > at:
            end = wrong
        else:
            start = wrong + 1
    return None


def is_known(facts: Facts) -> bool:
    """Whether a statement, and all inside of it, may be moved."""
    return all(isinstance(s, KNOWN) for s in facts.all)


def accesses_of(at: int, statements: Iterable[Statement]) -> Iterator[Access]:
    """Give where statements read and write, without those inside of them."""
    for each in statements:
        addresses = addresses_of(each)
        for k, address in enumerate(addresses):
            terms: dict[Key, int] = dict(address.terms)
            way = "read"
            if isinstance(each, Product):
                sides = ("ij", "ik", "kj")[k]
                for side, stride in zip(sides, each.strides[k], strict=True):
                    terms[id(each), side] = stride
            if isinstance(each, Store):
                way = "fold" if each.fold else "write"
            elif isinstance(each, Product | Order | Routine) and k == 0:
                way = "write"
            is_plain = not address.picks and not address.is_wide
            yield Access(at, address.buffer, address.offset, terms, is_plain, way)
        if isinstance(each, Fill):
            yield Access(at, each.buffer, 0, {}, False, "write")
        if isinstance(each, Order):
            for room in each.rooms:
                yield Access(at, room, 0, {}, False, "write")


def sides_of(product: Product) -> dict[Key, int]:
    """Return the extents of the sides of a product."""
    return {
        (id(product), side): extent
        for side, extent in zip("ijk", product.counts, strict=True)
    }


@dataclass
class Strips:
    """A stretch of a nest that is done strip by strip of an axis.

    Attributes
    ----------
    nest : Nest
    lanes, start, end : int
        Of a vector, and where the stretch is.
    seed : Loop
        A loop along the axis.
    seen : Seen
    axis : set of Key
        All loops, and sides of products, along it.
    strides : dict of Buffer to int
        How far elements along the axis are apart, of what varies along it.
    along : set of int
        Which statements are done strip by strip.
    late : set of int
        Which are done once all strips are.
    totals : dict of int to Read
        By register, what is folded along the axis.
    own : set of Buffer
        What nothing else reads or writes: as long as a strip.
    cleared : list of Buffer
        What products are added to.
    """

    nest: Nest
    lanes: int
    start: int
    end: int
    seed: Loop
    seen: Seen
    axis: set[Key] = field(default_factory=set)
    strides: dict[Buffer, int] = field(default_factory=dict)
    along: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    totals: dict[int, Read] = field(default_factory=dict)
    own: set[Buffer] = field(default_factory=set)
    cleared: list[Buffer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.extent = self.seed.extent
        self.body = dict(enumerate(self.nest.body[self.start : self.end], self.start))
        self.extents: dict[Key, int] = {}
        self.accesses: list[Access] = []
        for at, statement in self.body.items():
            facts = self.seen.of(statement)
            self.extents.update(facts.extents)
            self.accesses += [access._replace(at=at) for access in facts.accesses]
        self.by_buffer: dict[Buffer, list[Access]] = {}
        for access in self.accesses:
            self.by_buffer.setdefault(access.buffer, []).append(access)

    # Which statements

    def first_wrong(self) -> int | None:
        """Find what is done when; return the first statement that cannot be."""
        self.find_axis()
        self.along = {at for at, s in self.body.items() if self.has_axis(s)}
        checks = (
            self.not_divided, self.without_own_elements, self.without_total,
            self.out_of_order,
        )  # fmt: skip
        return next((at for check in checks if (at := check()) is not None), None)

    def find_axis(self) -> None:
        """Find all loops along the axis, and how what varies along it lies."""
        self.axis = {self.seed.loop}
        written = {
            a.buffer
            for a in self.accesses
            if a.way != "read" and a.terms and a.is_plain
        }
        known = 0
        while known != len(self.axis) + len(self.strides):
            known = len(self.axis) + len(self.strides)
            for buffer in written:
                for access in self.by_buffer[buffer]:
                    self.spread(access)

    def spread(self, access: Access) -> None:
        """Take what one access says of loops, and of how a buffer lies."""
        met = [k for k in access.terms if k in self.axis]
        if met:
            self.strides.setdefault(access.buffer, access.terms[met[0]])
        elif access.buffer in self.strides:
            stride = self.strides[access.buffer]
            self.axis |= {
                key
                for key, k in access.terms.items()
                if k == stride and self.extents.get(key) == self.extent
            }

    def has_axis(self, statement: Statement) -> bool:
        """Whether a statement goes along the axis."""
        return not self.axis.isdisjoint(self.seen.of(statement).extents)

    def not_divided(self) -> int | None:
        """Return the first statement along the axis that does more than that."""
        return next(
            (k for k in sorted(self.along) if not self.is_divided(self.body[k])), None
        )

    def is_divided(self, statement: Statement, is_inside: bool = False) -> bool:
        """Whether all that a statement does, it does at each element of the axis."""
        if not isinstance(statement, DIVIDED):
            return False
        if isinstance(statement, Product):
            own = len(self.axis & sides_of(statement).keys())
            return own == 0 if is_inside else own == 1
        if isinstance(statement, Loop):
            is_own = statement.loop in self.axis
            if is_own and (is_inside or statement.extent != self.extent):
                return False
            is_inside = is_inside or is_own
            return all(self.is_divided(s, is_inside) for s in statement.body)
        if isinstance(statement, Where):
            return all(self.is_divided(s, is_inside) for s in statement.body)
        return is_inside or isinstance(statement, Let | Load | Count)

    def without_own_elements(self) -> int | None:
        """Return the first statement that touches elements of others; else find what
        belongs to a strip.
        """
        outside = [*self.nest.body[: self.start], *self.nest.body[self.end :]]
        touched = {a.buffer for s in outside for a in self.seen.of(s).accesses}
        for buffer, found in self.by_buffer.items():
            used = [a for a in found if a.at in self.along]
            if not used or all(a.way == "read" for a in used):
                self.strides.pop(buffer, None)
                continue
            rest = [a.at for a in found if a.at not in self.along]
            is_outside = buffer in touched or buffer.kind != "scratch"
            if buffer in self.strides:
                for access in used:
                    if not self.is_own_element(access):
                        return access.at
                fills = [at for at in rest if isinstance(self.body[at], Fill)]
                if not is_outside and len(fills) == len(rest):
                    self.own.add(buffer)
            else:
                at = self.wrongly_shared(buffer, used, is_outside or bool(rest))
                if at is not None:
                    return at
        self.along |= {
            at
            for at, s in self.body.items()
            if isinstance(s, Fill) and s.buffer in self.own
        }
        return None

    def is_own_element(self, access: Access) -> bool:
        """Whether an access is that of the element of the axis that is being done."""
        stride, extent = self.strides[access.buffer], self.extent
        row = stride * extent
        met = [k for k in access.terms if k in self.axis]
        if not access.is_plain or len(met) != 1 or access.terms[met[0]] != stride:
            return False
        inner = access.offset % row
        for key, k in access.terms.items():
            if key == met[0] or k % row == 0:
                continue
            if k < 0:
                return False
            inner += k * (self.extents[key] - 1)
        return inner < stride and access.buffer.size % row == 0

    def wrongly_shared(
        self, buffer: Buffer, used: Sequence[Access], is_shared: bool
    ) -> int | None:
        """Return a statement that writes what others read, of what does not vary.

        What is folded along the axis is that of one statement, or of several that only
        fold; other memory is that of one statement, whose outermost loop is the axis.
        """
        first, statements = used[0].at, {a.at for a in used}
        statement = self.body[first]
        if all(a.way == "fold" for a in used):
            return None
        if isinstance(statement, Loop) and statement.loop in self.axis:
            if len(statements) == 1 and not is_shared:
                return None
        elif len(statements) == 1 and sum(a.way == "write" for a in used) == len(used):
            inside = self.seen.of(statement).all
            products = [s for s in inside if isinstance(s, Product)]
            is_sum = any((id(p), "k") in self.axis for p in products)
            if is_sum and not self.is_written_before(buffer, first):
                self.cleared += [buffer] * (not products[0].adds)
                return None
        return max(statements)

    def is_written_before(self, buffer: Buffer, at: int) -> bool:
        """Whether something touches a buffer before a statement does."""
        before = self.nest.body[: self.start]
        return any(a.at < at for a in self.by_buffer[buffer]) or any(
            a.buffer == buffer for s in before for a in self.seen.of(s).accesses
        )

    def without_total(self) -> int | None:
        """Return the first statement with a fold that has no parts; else find folds."""
        starts = {s.register: at for at, s in self.body.items() if isinstance(s, Start)}
        for at in sorted(self.along):
            inside = self.seen.of(self.body[at]).all
            begun = {s.register for s in inside if isinstance(s, Start)}
            for each in inside:
                if not isinstance(each, Fold) or each.register in begun:
                    continue
                if each.register not in starts or each.text not in BY_PARTS:
                    return at
                reads = [
                    (k, s)
                    for k, s in self.body.items()
                    if isinstance(s, Read) and s.register == each.register
                ]
                if len(reads) != 1 or reads[0][1].text != each.text:
                    return at
                if starts[each.register] > at or reads[0][0] < at:
                    return at
                self.totals[each.register] = reads[0][1]
        self.along |= {
            at
            for at, s in self.body.items()
            if isinstance(s, Start | Read) and s.register in self.totals
        }
        return None

    def out_of_order(self) -> int | None:
        """Return the first statement that needs what is late; else find what is."""
        late = Touched(set(), set())
        along = Touched(set(), set())
        for at, statement in self.body.items():
            what = self.seen.of(statement).touched
            if at in self.along:
                if late.is_before(what):
                    return at
                along.add(what)
                if isinstance(statement, Read):  # known once all strips are done
                    late.written.add(("value", statement.value))
            elif along.is_before(what) or late.is_before(what):
                self.late.add(at)
                late.add(what)
        return None

    # How long a strip is

    def size(self) -> int:
        """Return the elements of a strip; 0 where it would not pay."""
        taken = sum(map(bytes_of, self.own))
        if taken < LEAST_BYTES:
            return 0
        fitting = max(STRIP * self.extent // taken, LEAST_VECTORS * self.lanes)
        most = min(fitting, self.extent // LEAST_STRIPS) // self.lanes
        if most < 1:
            return 0
        sizes = [k * self.lanes for k in range(most, max(most // 2, 1) - 1, -1)]
        good = [size for size in sizes if size % REGULAR] or sizes
        return next((size for size in good if self.extent % size == 0), good[0])

    # Writing it

    def write(self) -> None:
        """Put the strips in the place of the stretch."""
        nest, size = self.nest, self.size()
        strips, left = divmod(self.extent, size)
        numbers = Numbers(nest)
        smaller = {b: b._replace(size=b.size // self.extent * size) for b in self.own}
        totals = {
            register: Buffer("scratch", len(nest.scratch) + k, read.type, 1)
            for k, (register, read) in enumerate(self.totals.items())
        }
        nest.scratch[:] = [smaller.get(buffer, buffer) for buffer in nest.scratch]
        nest.scratch += totals.values()
        first = self.along | self.late
        body: list[Statement] = [s for at, s in self.body.items() if at not in first]
        body += [Fill(buffer, 0.0) for buffer in dict.fromkeys(self.cleared)]
        starts = {
            s.register: s.start for s in self.body.values() if isinstance(s, Start)
        }
        body += [Fill(buffer, starts[k]) for k, buffer in totals.items()]
        along = [self.body[at] for at in sorted(self.along)]
        for base, loop, extent in (
            (0, next(numbers.loops), size),
            (strips * size, None, left),
        ):
            if not extent:
                continue
            part = numbers, smaller, size, extent, base, loop
            inside = Strip(*part, strips=self, totals=totals).body(along)
            if loop is None:
                body += inside
            else:
                body.append(Loop(loop, strips, False, 1, inside))
        for register, read in self.totals.items():
            body.append(Load(read.value, Address(totals[register], 0), read.type))
        body += [self.body[at] for at in sorted(self.late)]
        nest.body[self.start : self.end] = body


class Touched(NamedTuple):
    """What statements read and write: memory, values and registers."""

    read: set[object]
    written: set[object]

    def add(self, other: Touched) -> None:
        """Add what other statements read and write."""
        self.read.update(other.read)
        self.written.update(other.written)

    def is_before(self, other: Touched) -> bool:
        """Whether what is done later cannot be done before."""
        return not (
            self.written.isdisjoint(other.read)
            and self.written.isdisjoint(other.written)
            and self.read.isdisjoint(other.written)
        )


def touched(statements: Sequence[Statement], accesses: Sequence[Access]) -> Touched:
    """Return what statements, with such accesses, read and write."""
    read, written = set[object](), set[object]()
    for access in accesses:
        (read if access.way == "read" else written).add(access.buffer)
    for each in statements:
        read |= {("value", value) for value in read_by(each)}
        if isinstance(each, Let | Count | Load | Sum | Read | Across):
            written.add(("value", each.value))
        if isinstance(each, Start | Fold):
            written.add(("register", each.register))
        if isinstance(each, Read):
            read.add(("register", each.register))
    return Touched(read, written)


@dataclass(kw_only=True)
class Strip(Copy):
    """The statements of one strip.

    Attributes
    ----------
    strips : Strips
    totals : dict of int to Buffer
        By register, where what is folded along the axis is.
    """

    strips: Strips
    totals: dict[int, Buffer]

    @property
    def is_renumbered(self) -> bool:
        """Whether numbers are new: of one by itself, beside those in a loop."""
        return self.loop is None

    def body(self, statements: Iterable[Statement]) -> list[Statement]:
        """Return statements as they are here."""
        found: list[Statement] = []
        for statement in statements:
            found += self.statement(statement)
        return found

    def statement(self, statement: Statement) -> list[Statement]:
        """Return a statement as it is here, with what goes with it."""
        match statement:
            case Loop():
                return [self.inner(statement)]
            case Where(condition, body):
                return [Where(self.operand(condition), self.body(body))]
            case Across(value, _, operand):
                given = self.operand(operand)
                return [replace(statement, value=self.new_value(value), operand=given)]
            case Fill(buffer, value):
                return [Fill(self.smaller.get(buffer, buffer), value)]
            case Read(_, register) if register in self.totals:
                return self.added(statement, Address(self.totals[register], 0))
            case Count():
                return self.counted(statement)
            case Product():
                return [self.product(statement)]
        return [self.simple(statement, None)]

    def inner(self, loop: Loop) -> Loop:
        """Return a loop, along the axis as long as the strip."""
        number, extent, unroll = self.new_loop(loop.loop), loop.extent, loop.unroll
        if loop.loop in self.strips.axis:
            extent = self.extent
            if loop.is_lanes and self.loop is None:
                unroll = 1
        return Loop(number, extent, loop.is_lanes, unroll, self.body(loop.body))

    def counted(self, counted: Count) -> list[Statement]:
        """Return the index of a loop, along the axis that in all of it."""
        loop = self.loops.get(counted.loop, counted.loop)
        value = self.new_value(counted.value)
        if counted.loop not in self.strips.axis:
            return [Count(value, loop)]
        inside = self.numbers.value()
        found: list[Statement] = [Count(inside, loop)]
        base: Operand = Number(self.base, "int64")
        if self.loop is not None:
            strip, base = self.numbers.value(), self.numbers.value()
            size = Number(self.size, "int64")
            found.append(Count(strip, self.loop))
            found.append(Let(base, "x * y", (strip, size), "int64"))
        return [*found, Let(value, "x + y", (inside, base), "int64")]

    def place(self, address: Address, along: int | None) -> Address:
        """Return where an element is of the strip, or of the whole."""
        return self.address(address)

    def address(self, address: Address, sides: Iterable[int] = ()) -> Address:
        """Return where an element is, given strides of the axis beside the loops'."""
        axis, buffer = self.strips.axis, address.buffer
        if buffer in self.smaller:
            terms = [
                (self.loops.get(loop, loop), self.part(buffer, k))
                for loop, k in address.terms
            ]
            at = self.part(buffer, address.offset)
            return Address(self.smaller[buffer], at, tuple(terms))
        strides = [k for loop, k in address.terms if loop in axis]
        return self.moved(address, sum(strides) + sum(sides))

    def part(self, buffer: Buffer, stride: int) -> int:
        """Return how far elements of a strip are apart, for those of the whole."""
        row = self.strips.strides[buffer] * self.strips.extent
        return stride // row * (row // self.strips.extent * self.size) + stride % row

    def product(self, product: Product) -> Product:
        """Return a product, of which one side is that of the strip."""
        sides = [(id(product), side) in self.strips.axis for side in "ijk"]
        counts = [
            self.extent if is_own else extent
            for is_own, extent in zip(sides, product.counts, strict=True)
        ]
        places, strides = [], []
        rest = product.result, product.left, product.right
        for address, pair, names in zip(
            rest, product.strides, ((0, 1), (0, 2), (2, 1)), strict=True
        ):
            along = [k for k, name in zip(pair, names, strict=True) if sides[name]]
            places.append(self.address(address, along))
            if address.buffer in self.smaller:
                one, other = (self.part(address.buffer, k) for k in pair)
                pair = one, other
            strides.append(pair)
        return replace(
            product,
            result=places[0],
            left=places[1],
            right=places[2],
            counts=(counts[0], counts[1], counts[2]),
            strides=(strides[0], strides[1], strides[2]),
            adds=product.adds or sides[2],
        )
