"""A smaller program with the same mismatch: pieces are left out as long as it stays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from tests.programs.judge import Judge, MismatchError
from tests.programs.program import Block, Program
from tests.programs.ways import WAYS, run

#: What a program raises whose pieces no longer fit.
BROKEN = (NameError, SyntaxError, UnboundLocalError)
MOST_TRIES = 200


def mismatch(program: Program, way: str) -> MismatchError | None:
    """Return how a program is wrong in one way, if it is."""
    try:
        judge = Judge(program)
    except BROKEN:
        return None
    if any(isinstance(o.error, BROKEN) for o in judge.expected):
        return None
    after = WAYS[way].after
    if after:
        run(judge, (after,))
    return next(iter(run(judge, (way,))), None)


class Shrinker:
    """Tries smaller programs, and keeps each that is wrong in the same way."""

    def __init__(self, program: Program, error: MismatchError) -> None:
        self.program = program
        self.error = error
        self.tries = 0

    def attempt(self, program: Program) -> bool:
        """Go on with a program if it shows the same kind of mismatch."""
        if self.tries >= MOST_TRIES:
            return False
        self.tries += 1
        found = mismatch(program, self.error.way)
        if found is None or found.kind != self.error.kind:
            return False
        self.program = program
        return True

    def drop(self, field: str, least: int = 0) -> bool:
        """Leave out the items of a field, many at once, then one by one."""
        before = len(getattr(self.program, field))
        width = before // 2
        while width:
            k = len(getattr(self.program, field)) - width
            while k >= 0:
                items: tuple[Any, ...] = getattr(self.program, field)
                rest = items[:k] + items[k + width :]
                if len(rest) >= least:
                    self.attempt(replace(self.program, **{field: rest}))
                k -= width
            width //= 2
        return len(getattr(self.program, field)) < before

    def shorten(self) -> bool:
        """Leave out lines of statements."""
        is_shorter = False
        for k in range(len(self.program.blocks)):
            blocks = self.program.blocks
            for lines in shorter(blocks[k].lines):
                block = Block(lines, blocks[k].features)
                changed = (*blocks[:k], block, *blocks[k + 1 :])
                if self.attempt(replace(self.program, blocks=changed)):
                    is_shorter = True
                    break
        return is_shorter

    def run(self) -> Program:
        """Return the smallest program found."""
        is_smaller = True
        while is_smaller and self.tries < MOST_TRIES:
            is_smaller = self.drop("calls", least=1)
            for field in ("total", "results", "blocks", "changes"):
                is_smaller |= self.drop(field)
            is_smaller |= self.shorten()
        self.attempt(replace(self.program, outside=(), changes=()))
        return self.program


def shrink(program: Program, error: MismatchError) -> Program:
    """Return a smallest program that shows the same kind of mismatch."""
    return Shrinker(program, error).run()


def shorter(lines: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Give a statement with one of its lines less."""
    # A while loop without its counter might not end.
    if len(lines) > 1 and not any("while" in line for line in lines):
        for k in range(len(lines)):
            yield lines[:k] + lines[k + 1 :]
        yield tuple(line.removeprefix("    ") for line in lines[1:])
