"""Tables for people, by `rich`."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

#: Width of a table that is turned into text.
WIDTH = 110


def table(
    title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1
) -> Table:
    """Return a table: the first columns are words, the others numbers.

    Parameters
    ----------
    title : str, may be empty
    headings : n strings; an empty last one is a column of remarks
    rows : sequences of n strings
    words : how many columns from the left are words
    """
    made = Table(title=title or None, title_justify="left", box=SIMPLE_HEAD)
    for k, heading in enumerate(headings):
        left = k < words or not heading
        made.add_column(
            heading,
            justify="left" if left else "right",
            no_wrap=not left or not heading,
            overflow="ellipsis",
        )
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


def as_text(renderable: Any, width: int = WIDTH) -> str:
    """Return anything that `rich` prints as plain text."""
    stream = StringIO()
    console = Console(file=stream, width=width, color_system=None, highlight=False)
    console.print(renderable)
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    return "\n".join(lines)
