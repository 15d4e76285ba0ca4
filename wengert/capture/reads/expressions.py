"""Numbers that code computes of what it reads, and the instruction that takes each.

The instructions are gone through in a line, with what they leave on the stack: a read,
or what arithmetic and known functions make of reads and constants (``-s.k``,
``math.exp(-s.k)``).  What an operator, or an operation of NumPy with two operands, then
takes together with something else is a `Use`.  A read that goes any other way, to
another call, a test, a container or a branch, is told as lost.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from wengert.capture.reads.bytecode import Token

#: Operators of numbers; others have no use for them, or none that is recorded.
ARITHMETIC = frozenset({"+", "-", "*", "/", "**", "//", "%"})
COMPARISONS = frozenset({"<", "<=", "==", "!=", ">", ">="})


class Known(NamedTuple):
    """A function that code calls: one of numbers, or an operation like an operator."""

    read: int
    is_operator: bool


class Expression(NamedTuple):
    """What is computed of numbers: its text, with ``{r3}`` for read number 3."""

    text: str
    reads: tuple[int, ...] = ()


class Use(NamedTuple):
    """An operator that takes what was computed of reads, and something else.

    Attributes
    ----------
    expression : Expression
    first, last : int
        Offsets (bytes) of the operator's instruction.
    """

    expression: Expression
    first: int
    last: int


class Uses(NamedTuple):
    """The uses in a code object, and the reads that go another way as well."""

    found: tuple[Use, ...]
    lost: frozenset[int]


class Span(NamedTuple):
    """The tokens of one access path: where they end, its number if it just reads."""

    stop: int
    read: int | None = None


def find_uses(
    tokens: Sequence[Token],
    spans: Mapping[int, Span],
    reads: Collection[int],
    known: Mapping[int, Known],
    kept: Collection[str],
    effect: Callable[[Token], tuple[int, int] | None],
) -> Uses:
    """Return the uses of some reads in the tokens of a code object.

    Parameters
    ----------
    tokens : sequence of Token
    spans : dict of int to Span
        The access paths, by the place of their first token.
    reads : collection of int
        Those that are followed, by number.
    known : dict of int to Known
        The reads that are functions, by number.
    kept : collection of str
        Local names that are written once, and read by their name alone.
    effect : callable
        Says how many values a token's instruction takes and gives, None where that is
        not known.
    """
    walk = _Walk(tokens, reads, known, kept, effect)
    at = 0
    while at < len(tokens):
        at = walk.step(at, spans.get(at))
    walk.forget()
    walk.lose(*[walk.names[name] for name in walk.names.keys() - walk.loaded])
    return Uses(tuple(walk.uses), frozenset(walk.lost))


class _Walk:
    """What lies on the stack, as far as it is known; None for other values."""

    def __init__(
        self,
        tokens: Sequence[Token],
        reads: Collection[int],
        known: Mapping[int, Known],
        kept: Collection[str],
        effect: Callable[[Token], tuple[int, int] | None],
    ) -> None:
        self.tokens, self.reads, self.known = tokens, reads, known
        self.kept, self.effect = kept, effect
        self.stack: list[Expression | Known | None] = []
        self.uses: list[Use] = []
        self.lost: set[int] = set()
        #: Local names that stand for an expression, and those that were read.
        self.names: dict[str, Expression] = {}
        self.loaded: set[str] = set()
        #: Local names that were read before anything was known of them.
        self.unknown: set[str] = set()

    def step(self, at: int, span: Span | None) -> int:
        """Take in the token at a place; return the place of the next one."""
        token = self.tokens[at]
        if token.raw.is_jump_target:
            self.forget()
        if span is not None:
            self.path(at, span)
            return span.stop
        name = token.raw.opname
        if token.kind == "constant":
            self.stack.append(constant(token.value))
        elif name == "UNARY_NEGATIVE":
            self.negative()
        elif name == "BINARY_OP" and token.kind != "subscript":
            operator = token.raw.argrepr.removesuffix("=")
            self.binary(at, operator, operator in ARITHMETIC)
        elif name == "COMPARE_OP":
            self.compare(at)
        elif token.kind == "store" and name == "STORE_FAST":
            self.store(token.value)
        elif (known := self.effect(token)) is None:
            self.forget()
        elif not (name == "CALL" and self.call(at, token.raw.arg or 0)):
            self.other(*known)
        return at + 1

    def path(self, at: int, span: Span) -> None:
        """Take in an access path."""
        tokens = self.tokens[at : span.stop]
        if any(part.raw.is_jump_target for part in tokens[1:]):
            self.forget()
        kind, name = tokens[0].value
        known = self.names.get(name) if kind == "name" else None
        if known is not None:
            self.loaded.add(name)
            if len(tokens) == 1 and span.read is not None:
                self.stack.append(known)
                return
            self.lose(known)
        elif kind == "name":
            self.unknown.add(name)
        if span.read is not None and span.read in self.reads:
            self.stack.append(Expression(f"{{r{span.read}}}", (span.read,)))
            return
        for part in tokens:
            effect = self.effect(part)
            if effect is None:
                self.forget()
                return
            self.other(*effect)
        if span.read is not None and span.read in self.known:
            self.stack[-1] = self.known[span.read]

    def pop(self) -> Expression | None:
        """Take the topmost value."""
        value = self.stack.pop() if self.stack else None
        return value if isinstance(value, Expression) else None

    def lose(self, *values: Expression | Known | None) -> None:
        """Note that values went where nobody follows them."""
        for value in values:
            if isinstance(value, Expression):
                self.lost.update(value.reads)

    def other(self, takes: int, gives: int) -> None:
        """Take in an instruction that does something else with its operands."""
        self.lose(*[self.pop() for _ in range(takes)])
        self.stack += [None] * gives

    def forget(self) -> None:
        """Note that nothing is known of the stack from here on."""
        self.lose(*self.stack)
        self.stack.clear()

    def call(self, at: int, count: int) -> bool:
        """Take in a call by position of a known function; False if it is another.

        The function lies below its operands, beside an empty place.
        """
        below = self.stack[-count - 2 : len(self.stack) - count]
        found = [part for part in below if isinstance(part, Known)]
        if not found or len(below) < 2 or self.tokens[at - 1].raw.opname == "KW_NAMES":
            return False
        given = [self.pop() for _ in range(count)][::-1]
        del self.stack[-2:]
        operands = [part for part in given if part is not None]
        if len(operands) == count:
            texts = ", ".join(part.text for part in operands)
            reads = tuple(read for part in operands for read in part.reads)
            self.stack.append(Expression(f"{{r{found[0].read}}}({texts})", reads))
        elif found[0].is_operator and count == 2:
            self.use(at, given[0], given[1], is_recorded=True)
        else:
            self.lose(*given)
            self.stack.append(None)
        return True

    def negative(self) -> None:
        """Take in the negative of a number."""
        value = self.pop()
        if value is not None:
            value = Expression(f"(-{value.text})", value.reads)
        self.stack.append(value)

    def binary(self, at: int, operator: str, is_arithmetic: bool) -> None:
        """Take in an operator of two values."""
        right, left = self.pop(), self.pop()
        if left is not None and right is not None and is_arithmetic:
            text = f"({left.text} {operator} {right.text})"
            self.stack.append(Expression(text, left.reads + right.reads))
            return
        self.use(at, left, right, is_arithmetic)

    def compare(self, at: int) -> None:
        """Take in a comparison."""
        right, left = self.pop(), self.pop()
        sign = self.tokens[at].raw.argrepr.removeprefix("bool(").removesuffix(")")
        is_known = sign in COMPARISONS and (left is None or right is None)
        self.use(at, left, right, is_known)

    def use(
        self,
        at: int,
        left: Expression | None,
        right: Expression | None,
        is_recorded: bool,
    ) -> None:
        """Note what an operator does with what was computed of reads."""
        self.stack.append(None)
        found = left if right is None else right
        if not is_recorded:
            self.lose(left, right)
        elif found is not None and found.reads:
            first = self.tokens[at].raw.offset
            is_last = at + 1 == len(self.tokens)
            last = first + 1 if is_last else self.tokens[at + 1].raw.offset - 1
            self.uses.append(Use(found, first, last))

    def store(self, name: str) -> None:
        """Take in that a local name is given a value."""
        value = self.pop()
        if value is None or not value.reads:
            return
        if name in self.kept and name not in self.unknown:
            self.names[name] = value
        else:
            self.lose(value)


def constant(value: object) -> Expression | None:
    """Return a constant as an expression; None where it is no plain number."""
    if type(value) in (int, float) and math.isfinite(value):  # type: ignore[arg-type]
        text = repr(value)
        return Expression(f"({text})" if text[0] == "-" else text)
    return None
