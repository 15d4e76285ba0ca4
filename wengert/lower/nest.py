"""The nest: how a graph is computed, as loops and statements over buffers.

A value is what one statement makes; it is a vector where it varies along a loop in
lanes.  A register holds what is folded, from one step of a loop to the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from wengert.lower.lines import Spot, Spots, remark

if TYPE_CHECKING:
    from wengert.lower.calls import Called


class Buffer(NamedTuple):
    """Memory: an argument, a constant, a result, or scratch, by number."""

    kind: str
    number: int
    type: str
    size: int

    def __str__(self) -> str:
        return f"{self.kind}{self.number}"


class Number(NamedTuple):
    """A number as an operand."""

    value: float
    type: str

    def __str__(self) -> str:
        return repr(self.value)


#: A value by number, or a number.
Operand = int | Number


class Address(NamedTuple):
    """An element of a buffer, or one a lane.

    Attributes
    ----------
    offset : int
    terms : tuple of (loop, stride)
        By how many elements a step of a loop moves it.
    picks : tuple of (value, stride)
        The same for a whole number that was computed.
    is_wide : bool
        Whether the lanes read elements side by side, whatever loops there are.
    """

    buffer: Buffer
    offset: int
    terms: tuple[tuple[int, int], ...] = ()
    picks: tuple[tuple[Operand, int], ...] = ()
    is_wide: bool = False

    def __str__(self) -> str:
        parts = [f"{k} i{loop}" if k != 1 else f"i{loop}" for loop, k in self.terms]
        parts += [f"{k} {shown(value)}" for value, k in self.picks]
        parts += [str(self.offset)] * (self.offset != 0 or not parts)
        return f"{self.buffer}[{' + '.join(parts)}{', lanes' * self.is_wide}]"


@dataclass(frozen=True, slots=True)
class Let:
    """A value: an expression of operands, rounded as NumPy does where it is strict."""

    value: int
    text: str
    operands: tuple[Operand, ...]
    type: str
    is_strict: bool = False
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Count:
    """A value: how many steps of a loop were done, of a loop in lanes by each."""

    value: int
    loop: int


@dataclass(frozen=True, slots=True)
class Load:
    """A value read from memory."""

    value: int
    address: Address
    type: str


@dataclass(frozen=True, slots=True)
class Sum:
    """A value: elements side by side, added in NumPy's order."""

    value: int
    address: Address
    count: int
    type: str
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Store:
    """An operand written to memory, or folded into what is there."""

    address: Address
    operand: Operand
    type: str
    fold: str = ""
    start: float = 0.0
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Fill:
    """A number written to all of a buffer."""

    buffer: Buffer
    value: float


@dataclass(frozen=True, slots=True)
class Start:
    """A register takes what nothing is folded to."""

    register: int
    type: str
    start: float
    is_wide: bool


@dataclass(frozen=True, slots=True)
class Fold:
    """An operand is folded into a register."""

    register: int
    text: str
    operand: Operand
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """A value read from a register; over its lanes folded to one where asked."""

    value: int
    register: int
    text: str
    type: str
    is_across: bool


@dataclass(frozen=True, slots=True)
class Across:
    """A value: the lanes of an operand folded to one."""

    value: int
    text: str
    operand: Operand
    type: str


@dataclass(frozen=True, slots=True)
class Guard:
    """The call is refused, with this number, where an operand is true."""

    number: int
    operand: Operand
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Product:
    """Sums of products: ``result[i, j]`` is the sum of ``left[i, k] * right[k, j]``.

    Attributes
    ----------
    result, left, right : Address
        Where their first elements lie.
    counts : tuple of int
        Rows, columns, and what is folded.
    strides : tuple of (int, int)
        Of the result, left and right.
    type : str
    adds : bool
        Whether the sums are added to what is there.
    """

    result: Address
    left: Address
    right: Address
    counts: tuple[int, int, int]
    strides: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    type: str
    adds: bool
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Routine:
    """Matrices that are factored, or triangular systems that are solved.

    Attributes
    ----------
    name : str
        ``lu``, ``cholesky``, or which triangle of the first operand; see
        `systems.Call`.
    result : Address
    operands : tuple of Address
        Where their first elements lie.
    counts : tuple of int
        Rows, and columns of the result.
    strides : tuple of (int, int)
        Of the result and of the operands.
    type : str
    is_own : bool
        Whether it is code of our own; else a call of LAPACK, for which the result's
        memory holds the last operand.
    """

    name: str
    result: Address
    operands: tuple[Address, ...]
    counts: tuple[int, int]
    strides: tuple[tuple[int, int], ...]
    type: str
    is_own: bool
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Order:
    """Elements along an axis in their order, or their places.

    Attributes
    ----------
    result, source : Address
        Where their first elements lie.
    count : int
    strides : tuple of int
        Of the result and the source.
    type : str
        Of the elements.
    has_places : bool
        Whether the result is their places.
    rooms : tuple of Buffer
        Twice room for the elements, twice for their places where those are wanted.
    """

    result: Address
    source: Address
    count: int
    strides: tuple[int, int]
    type: str
    has_places: bool
    rooms: tuple[Buffer, ...]
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A value: whether NumPy could not compute one of the calls of the nest.

    Attributes
    ----------
    value : int
    number : int
        Which call.
    name : str
        Of the operation.
    operands, results : tuple of Address
        Where their first elements lie.
    """

    value: int
    number: int
    name: str
    operands: tuple[Address, ...]
    results: tuple[Address, ...]
    #: The user's lines that it comes from.
    lines: Spots = field(default=(), compare=False, repr=False)

    @property
    def type(self) -> str:
        """The type of the value."""
        return "bool"


@dataclass(slots=True)
class Loop:
    """Statements for every index along an axis, or for as many as there are lanes."""

    loop: int
    extent: int
    is_lanes: bool
    unroll: int = 1
    body: list[Statement] = field(default_factory=list)


@dataclass(slots=True)
class While:
    """Statements as long as a condition holds, which is asked before each step."""

    loop: int
    asks: list[Statement]
    condition: Operand
    body: list[Statement]


@dataclass(slots=True)
class Where:
    """Statements that are done where a condition holds, in lanes where it does in any.

    Its values are read inside of it alone.
    """

    condition: Operand
    body: list[Statement]


@dataclass(slots=True)
class Part:
    """Statements that are a function of their own."""

    number: int
    body: list[Statement]


Statement = (
    Let
    | Count
    | Load
    | Sum
    | Store
    | Fill
    | Start
    | Fold
    | Read
    | Across
    | Guard
    | Product
    | Routine
    | Order
    | Call
    | Loop
    | Part
    | While
    | Where
)


class Laid(NamedTuple):
    """How an array lies: the type of its memory, and strides in elements of that."""

    type: str
    strides: tuple[int, ...]


class Asked(NamedTuple):
    """What NumPy is asked to compute, and how its operands and results lie."""

    called: Called
    operands: list[Laid]
    results: list[Laid]


@dataclass(slots=True)
class Nest:
    """Statements, the buffers that they read and write, and what they ask NumPy for."""

    arguments: list[Buffer]
    constants: list[Buffer]
    results: list[Buffer]
    scratch: list[Buffer]
    body: list[Statement]
    values: int
    calls: list[Asked]

    def fingerprint(self) -> str:
        """Return a stable hash of the buffers, the statements and the calls."""
        digest = hashlib.sha256()
        buffers = self.arguments, self.constants, self.results, self.scratch
        for each in (*chain(*buffers), *self.body):
            digest.update(repr(each).encode())
        for asked in self.calls:
            digest.update(asked.called.content())
            digest.update(repr((asked.operands, asked.results)).encode())
        return digest.hexdigest()

    def __str__(self) -> str:
        return "\n".join(self.lines(remark))

    def lines(self, said: Callable[[Iterable[Spot]], str]) -> Iterator[str]:
        """Give the lines of the text, behind them what is said of the user's."""
        buffers = self.arguments, self.constants, self.results, self.scratch
        for buffer in chain(*buffers):
            yield f"{buffer}: {buffer.type}[{buffer.size}]"
        yield from shown_body(self.body, 0, said)

    def shown(self, most: int, has_lines: bool = False) -> str:
        """Return the text, of which lines are left out where there are more."""
        said = remark if has_lines else nothing_said
        lines = list(islice(self.lines(said), most))
        buffers = self.arguments, self.constants, self.results, self.scratch
        left = sum(map(len, buffers)) + count(self.body) - most
        rest = [f"... and {left} lines more"] * (left > 0)
        return "\n".join([*lines, *rest])


def nothing_said(_: Iterable[Spot]) -> str:
    """Return no remark: what equal code of other lines is shown by, too."""
    return ""


def everything(body: Sequence[Statement]) -> Iterator[Statement]:
    """Give statements, and those inside of them."""
    for statement in body:
        yield statement
        if isinstance(statement, Loop | While | Where | Part):
            yield from everything(inside_of(statement))


def count(body: Sequence[Statement]) -> int:
    """Return how many statements there are, with those inside of them."""
    return sum(1 for _ in everything(body))


def inside_of(statement: Loop | While | Where | Part) -> list[Statement]:
    """Return the statements in a statement."""
    if isinstance(statement, While):
        return [*statement.asks, *statement.body]
    return statement.body


def read_by(statement: Statement) -> Iterator[int]:
    """Give the values that a statement reads, without those of its body."""
    operands: Sequence[Operand] = ()
    match statement:
        case Let():
            operands = statement.operands
        case Store() | Fold() | Across() | Guard():
            operands = (statement.operand,)
        case While() | Where():
            operands = (statement.condition,)
    picks = [value for a in addresses_of(statement) for value, _ in a.picks]
    for operand in (*operands, *picks):
        if not isinstance(operand, Number):
            yield operand


def touched(statement: Statement) -> Iterator[Buffer]:
    """Give the buffers that a statement reads or writes, without those of its body."""
    for address in addresses_of(statement):
        yield address.buffer
    if isinstance(statement, Fill):
        yield statement.buffer
    if isinstance(statement, Order):
        yield from statement.rooms


def spans_of(body: Sequence[Statement]) -> dict[Buffer, tuple[int, int]]:
    """Return the first and the last statement that touches each buffer."""
    spans = dict[Buffer, tuple[int, int]]()
    for place, statement in enumerate(body):
        for each in everything([statement]):
            for buffer in touched(each):
                spans[buffer] = spans.get(buffer, (place, place))[0], place
    return spans


def addresses_of(statement: Statement) -> Sequence[Address]:
    """Return the places in memory that a statement names."""
    match statement:
        case Load() | Sum() | Store():
            return (statement.address,)
        case Product():
            return statement.result, statement.left, statement.right
        case Routine():
            return statement.result, *statement.operands
        case Order():
            return statement.result, statement.source
        case Call():
            return *statement.operands, *statement.results
    return ()


def shown(operand: Operand) -> str:
    """Return an operand as text."""
    return str(operand) if isinstance(operand, Number) else f"v{operand}"


def lines_of(body: Sequence[Statement]) -> dict[Spot, None]:
    """Return the user's lines that statements come from, those inside of them too."""
    return dict.fromkeys(
        spot for each in everything(body) for spot in getattr(each, "lines", ())
    )


def shown_body(
    body: list[Statement],
    depth: int,
    said: Callable[[Iterable[Spot]], str],
    known: str | None = None,
) -> Iterator[str]:
    """Give the lines of statements, with those of the user's unless they are known."""
    indent = "    " * depth
    for statement in body:
        if isinstance(statement, Loop | Part | Where | While):
            own = said(lines_of([statement]))
            head = indent + shown_head(statement)
            inner = depth + 1, said, own
            yield head if own == known else head + own
        if isinstance(statement, Loop | Part | Where):
            yield from shown_body(statement.body, *inner)
        elif isinstance(statement, While):
            yield from shown_body(statement.asks, *inner)
            yield f"{indent}    while {shown(statement.condition)}:"
            yield from shown_body(statement.body, depth + 2, said, own)
        else:
            own = said(getattr(statement, "lines", ()))
            text = indent + shown_statement(statement)
            yield text if own == known else text + own


def shown_head(statement: Loop | Part | Where | While) -> str:
    """Return the first line of what has statements inside."""
    match statement:
        case Loop(loop, extent, is_lanes, unroll):
            lanes = " in lanes" * is_lanes
            times = f", {unroll} at once" * (unroll > 1)
            return f"loop i{loop} to {extent}{lanes}{times}:"
        case Part(number):
            return f"part {number}:"
        case Where(condition):
            return f"where {shown(condition)}:"
        case While(loop):
            return f"loop i{loop}:"


def shown_statement(statement: Statement) -> str:
    """Return one statement as text."""
    match statement:
        case Let(value, text, operands, type_, is_strict):
            names = dict(zip("xyzw", map(shown, operands), strict=False))
            given = ", ".join(f"{k}={v}" for k, v in names.items())
            return f"v{value} = {text} ({given}) {type_}{' strict' * is_strict}"
        case Count(value, loop):
            return f"v{value} = i{loop} int64"
        case Load(value, address, type_):
            return f"v{value} = {address} {type_}"
        case Sum(value, address, count, type_):
            return f"v{value} = sum of {count} from {address} on {type_}"
        case Store(address, operand, _, fold):
            return f"{address} = {shown(operand)}{f' folded by {fold}' * bool(fold)}"
        case Fill(buffer, value):
            return f"{buffer}[...] = {value}"
        case Start(register, type_, start, is_wide):
            return f"r{register} = {start} {type_}{' lanes' * is_wide}"
        case Fold(register, text, operand):
            return f"r{register} = {text} (x=r{register}, y={shown(operand)})"
        case Read(value, register, text, type_, is_across):
            return (
                f"v{value} = r{register}{f' over lanes by {text}' * is_across} {type_}"
            )
        case Across(value, text, operand, type_):
            return f"v{value} = {shown(operand)} over lanes by {text} {type_}"
        case Product(result, left, right, counts, strides, _, adds):
            places = (result, "ij"), (left, "ik"), (right, "kj")
            to, one, two = (
                f"{x} by {m} {i[0]}, {n} {i[1]}"
                for (x, i), (m, n) in zip(places, strides, strict=True)
            )
            rows, columns, depth = counts
            sizes = f"i to {rows}, j to {columns}, k to {depth}"
            return f"{to} {'+' * adds}= sum of {one} times {two}; {sizes}"
        case Routine(name, result, operands, counts, strides, _, is_own):
            to, *read = (
                f"{x} by {m}, {n}"
                for x, (m, n) in zip((result, *operands), strides, strict=True)
            )
            how = f"{name}{'' if is_own else ' by LAPACK'} of {' and '.join(read)}"
            return f"{to} = {how}; {counts[0]} rows, {counts[1]} columns"
        case Order(result, source, count, (to, by), _, has_places, _):
            what = f"{'places of ' * has_places}{count} from {source} by {by}"
            return f"{result} by {to} = {what} in order"
        case Call(value, _, name, operands, results):
            given, taken = (", ".join(map(str, x)) for x in (operands, results))
            return f"{taken} = {name} by NumPy of {given}; v{value} if it fails"
        case Guard(number, operand):
            return f"guard {number}: not {shown(operand)}"
    raise TypeError(type(statement))
