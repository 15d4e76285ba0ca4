"""The user's lines of what is computed, as plain data."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from types import CodeType
from typing import Any, NamedTuple

from wengert.errors import Line, Place, file_of, line_number

#: Lines of one value, or in one text, at most.
MOST_LINES = 8


class Spot(NamedTuple):
    """One expression of the user's.

    Attributes
    ----------
    file : str
        Its path.
    number : int
        Of its line.
    at : (int, int)
        Its first column and the one behind it.
    """

    file: str
    number: int
    at: tuple[int, int]

    @classmethod
    def of(cls, line: Line) -> Spot:
        """Return where a recorded line is."""
        if isinstance(line, Place):
            at = line.start, line.stop
        else:
            at = columns_of(line[0])[line[1] // 2]
        return cls(file_of(line), line_number(line), at)


@lru_cache(maxsize=256)
def columns_of(code: CodeType) -> list[tuple[int, int]]:
    """Return where the expression of every instruction begins and ends."""
    return [(start or 0, stop or 0) for _, _, start, stop in code.co_positions()]


#: The expressions that a value comes from.
Spots = tuple[Spot, ...]


class Known:
    """The spots of recorded lines, each found once."""

    def __init__(self) -> None:
        self.spots: dict[Any, tuple[Line, Spots]] = {}

    def of(self, line: Line | None) -> Spots:
        """Return where a recorded line is; nothing where it is not known."""
        if line is None:
            return ()
        is_place = isinstance(line, Place)
        key = line if is_place else (id(line[0]), line[1])
        found = self.spots.get(key)
        if found is None:  # with the line: what has its identity lives on
            found = self.spots[key] = line, (Spot.of(line),)
        return found[1]


def together(some: Spots, others: Spots) -> Spots:
    """Return some spots and others, few of them."""
    more = [spot for spot in others if spot not in some]
    return (*some, *more)[:MOST_LINES] if more else some


def said(spots: Iterable[Spot]) -> str:
    """Return lines as text: ``f.py:12, 14``."""
    files: dict[str, set[int]] = {}
    for spot in spots:
        files.setdefault(spot.file, set()).add(spot.number)
    parts = []
    for file, numbers in sorted(files.items()):
        few = sorted(numbers)[:MOST_LINES]
        more = " ..." * (len(few) < len(numbers))
        parts.append(f"{os.path.basename(file)}:{', '.join(map(str, few))}{more}")
    return "; ".join(parts)


def remark(spots: Iterable[Spot]) -> str:
    """Return lines as a remark behind a text; nothing where there are none."""
    text = said(spots)
    return f"  # {text}" if text else ""
