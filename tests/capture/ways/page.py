"""The table of `docs/reference/captures.md`, written from the ways themselves."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.capture.ways.families import product
from tests.capture.ways.single import WAYS
from tests.capture.ways.way import Way

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "captures.md"
#: Between these two lines stands what is written here.
START, END = "<!-- the ways -->", "<!-- end of the ways -->"


def every_way() -> list[Way]:
    """Return all ways, those of a kind side by side."""
    found = [*WAYS, *product()]
    kinds = list(dict.fromkeys(way.kind for way in found))
    return sorted(found, key=lambda way: kinds.index(way.kind))


def table() -> str:
    """Return the sections of the page, a table a kind."""
    lines = []
    for kind, group in groupby(every_way(), key=lambda way: way.kind):
        lines += [
            f"## {kind}",
            "",
            "| What is read | Change | Outcome |",
            "|---|---|---|",
        ]
        for way in group:
            change = "; ".join(way.change.splitlines()).replace("|", "\\|")
            shown = "the next call" if change == "pass" else f"`{change}`"
            lines.append(f"| {way.name} | {shown} | {way.outcome} |")
        lines.append("")
    return "\n".join(lines)


def written(text: str) -> str:
    """Return the text of the page with the present tables."""
    head, _, rest = text.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}\n\n{table()}\n{END}{tail}"


def write() -> None:
    """Write the tables into the page."""
    PAGE.write_text(written(PAGE.read_text()))
