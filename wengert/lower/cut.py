"""A long nest in parts, each a function of its own: compilers are slow on long ones.

What one part makes and later ones read goes through scratch memory.  What lies in an
argument or a constant is read there again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wengert.lower.check import after_pass
from wengert.lower.check_nest import verify_nest
from wengert.lower.nest import (
    Across,
    Address,
    Buffer,
    Call,
    Count,
    Fill,
    Fold,
    Let,
    Load,
    Loop,
    Nest,
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
    count,
    everything,
    read_by,
)

if TYPE_CHECKING:
    from typing_extensions import TypeIs

#: Statements up to which a nest is one function, and those of a part.
WHOLE, PART = 1000, 512
#: Statements that make a value where they are, not in a loop.
Maker = Let | Count | Load | Sum | Read | Across | Call


def cut(nest: Nest, whole: int = WHOLE, part: int = PART) -> Nest:
    """Return a nest in parts where it is long.

    Parameters
    ----------
    nest : Nest
    whole : int
        Statements up to which it stays as it is.
    part : int
        Statements after which a part ends.
    """
    if count(nest.body) <= whole:
        return nest
    made = Cut(nest, list(pieces(nest.body, part))).made()
    after_pass(verify_nest, made, 1)
    return made


#: What takes time by itself; all else are single numbers.
HEAVY = Loop | While | Where | Product | Routine | Order | Call | Sum | Fill


def apart(nest: Nest) -> Nest:
    """Return a nest whose parts are its outermost loops, and what they start from.

    Numbers between loops belong to the next one.
    """
    found: list[list[Statement]] = [[]]
    for piece in pieces(nest.body, 1):
        found[-1] += piece
        if any(isinstance(each, HEAVY) for each in piece):
            found.append([])
    last = found.pop()
    if last and found:
        found[-1] += last
    elif last:
        found.append(last)
    return Cut(nest, found).made()


def pieces(body: Sequence[Statement], most: int) -> Iterator[list[Statement]]:
    """Give statements that may be a part: nothing that is open is used in two."""
    last = {
        thread: place
        for place, statement in enumerate(body)
        for thread in threads(statement)
    }
    piece, size, until = list[Statement](), 0, 0
    for place, statement in enumerate(body):
        piece.append(statement)
        size += count([statement]) if isinstance(statement, Loop | While | Where) else 1
        until = max([until, *(last[thread] for thread in threads(statement))])
        if size >= most and place >= until:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def threads(statement: Statement) -> Iterator[tuple[str, int]]:
    """Give the registers and the loops that a statement has to do with."""
    for each in everything([statement]):
        if isinstance(each, Start | Fold | Read):
            yield "register", each.register
        elif isinstance(each, While | Count):
            yield "loop", each.loop


class Cut:
    """Pieces of a nest, and where lies what they hand on."""

    def __init__(self, nest: Nest, pieces: list[list[Statement]]) -> None:
        self.nest, self.pieces = nest, pieces
        #: In which pieces a value is read that another one makes.
        self.readers: dict[int, list[int]] = {}
        made_in: dict[int, int] = {}
        for number, piece in enumerate(pieces):
            for value in {v for each in everything(piece) for v in read_by(each)}:
                if made_in.get(value, number) != number:
                    self.readers.setdefault(value, []).append(number)
            made_in |= {each.value: number for each in piece if is_maker(each)}
        #: The place of each value in the memory of its type, used again when free.
        self.places: dict[int, int] = {}
        self.sizes: dict[str, int] = {}
        self.find_places()

    def find_places(self) -> None:
        """Give a place to each value that is handed on."""
        free: dict[str, list[int]] = {}
        ending: dict[int, list[Maker]] = {}
        for number, piece in enumerate(self.pieces):
            for each in piece:
                if not is_maker(each) or each.value not in self.readers:
                    continue
                if is_given(each):
                    continue
                type_ = type_of(each)
                known = free.setdefault(type_, [])
                size = self.sizes.setdefault(type_, 0)
                self.places[each.value] = known.pop() if known else size
                self.sizes[type_] = max(size, self.places[each.value] + 1)
                ending.setdefault(self.readers[each.value][-1], []).append(each)
            for each in ending.pop(number, ()):
                free[type_of(each)].append(self.places[each.value])

    def made(self) -> Nest:
        """Return the nest in parts."""
        scratch = list(self.nest.scratch)
        memory = {}
        for type_, size in self.sizes.items():
            memory[type_] = Buffer("scratch", len(scratch), type_, size)
            scratch.append(memory[type_])
        bodies = [list[Statement]() for _ in self.pieces]
        for body, piece in zip(bodies, self.pieces, strict=True):
            for each in piece:
                body.append(each)
                if not is_maker(each) or each.value not in self.readers:
                    continue
                again: Statement = each
                if each.value in self.places:
                    type_ = type_of(each)
                    address = Address(memory[type_], self.places[each.value])
                    body.append(Store(address, each.value, type_))
                    again = Load(each.value, address, type_)
                for reader in self.readers[each.value]:
                    bodies[reader].append(again)
        parts: list[Statement] = [Part(k, body) for k, body in enumerate(bodies)]
        return replace(self.nest, scratch=scratch, body=parts)


def is_maker(statement: Statement) -> TypeIs[Maker]:
    """Whether a statement makes a value."""
    return isinstance(statement, Maker)


def type_of(maker: Maker) -> str:
    """Return the type of a value."""
    return "int64" if isinstance(maker, Count) else maker.type


def is_given(maker: Maker) -> bool:
    """Whether a value lies in memory that nothing writes."""
    if not isinstance(maker, Load) or maker.address.picks:
        return False
    return maker.address.buffer.kind in ("argument", "constant")
