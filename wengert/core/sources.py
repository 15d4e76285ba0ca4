"""The user's source as plain data: the stretches that a tape's lines are in."""

from __future__ import annotations

import inspect
import linecache
import os
import re
from collections.abc import Iterable, Sequence
from types import CodeType
from typing import Any, NamedTuple

from wengert.errors import Line, Place, Source, code_of, line_number, source_span

#: ``file.py:12``: all that an older saved tape says of a line.
WRITTEN = re.compile(r"(.+):([0-9]{1,9})")


class Stretch(NamedTuple):
    """A source with the path of its file."""

    path: str
    source: Source

    def holds(self, other: Stretch) -> bool:
        """Whether another stretch of the same file lies inside of this one."""
        outer, inner = self.source, other.source
        return (
            self.path == other.path
            and outer.first <= inner.first
            and inner.first + len(inner.text) <= outer.first + len(outer.text)
        )


def placed(lines: Sequence[Line | None]) -> list[Place | None]:
    """Return lines as plain data, with the stretches of source that they are in.

    A function that stands inside of another one of them is found there alone.
    """
    # Equal code may stand in several files: the file is a part of the key.
    codes = {(c.co_filename, c): c for c in map(code_of, lines) if c is not None}
    stretches = {key: stretch_of(code) for key, code in codes.items()}
    homes = {key: home(stretches[key], stretches.values()) for key in codes}
    known: dict[Any, Place] = {}
    found: list[Place | None] = []
    for line in lines:
        code = code_of(line)
        if line is None or code is None:
            found.append(line)  # type: ignore[arg-type]  # a place already
            continue
        key = code.co_filename, line
        if key not in known:
            source = homes[code.co_filename, code].source
            known[key] = place(source, line)
        found.append(known[key])
    return found


def place(source: Source, line: Line) -> Place:
    """Return a line of a stretch of source, with the columns of its expression."""
    number = line_number(line)
    is_inside = 0 <= number - source.first < len(source.text)
    start, stop, _ = source_span(line)
    return Place(source, number, *((start, stop) if is_inside else (-1, -1)))


def stretch_of(code: CodeType) -> Stretch:
    """Return the source of one function; of a module's own lines, the file."""
    lines, first = linecache.getlines(code.co_filename), code.co_firstlineno
    if code.co_name == "<module>" or not lines:
        block, first = lines, 1
    else:
        block = inspect.getblock(lines[first - 1 :])
    text = tuple(readable(line.rstrip("\n")) for line in block)
    name = os.path.basename(code.co_filename)
    return Stretch(code.co_filename, Source(name, code.co_name, first, text))


def home(inner: Stretch, stretches: Iterable[Stretch]) -> Stretch:
    """Return the longest of some stretches that holds one of them."""
    holders = (outer for outer in stretches if outer.holds(inner))
    return max(holders, key=lambda outer: len(outer.source.text))


def readable(text: str) -> str:
    """Return a line of source, a sign for each that does not print."""
    if is_readable(text):
        return text
    return "".join(sign if is_readable(sign) else "\ufffd" for sign in text)


def is_readable(text: str) -> bool:
    """Whether a line of source prints, and does nothing else to a terminal."""
    return text.isprintable() or text.replace("\t", " ").isprintable()


def loaded_line(line: Any) -> Any:
    """Return a line of a tape that was loaded; of an older one, what its text says."""
    if type(line) is not str:
        return line
    found = WRITTEN.fullmatch(line)
    if found is None:
        return line or None  # another text is no line: `verify` says so
    return Place(Source(found[1], "", 1, ()), int(found[2]), -1, -1)
