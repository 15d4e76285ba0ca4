"""What benchmarks write into the page of the documents that says what was measured."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "performance.md"


def block(name: str) -> re.Pattern[str]:
    """Return what finds the part of the page that a benchmark writes."""
    return re.compile(rf"(?<=<!-- {re.escape(name)} -->\n).*?(?=<!-- end -->)", re.S)


def put(name: str, text: str) -> None:
    """Write a benchmark's part of the page."""
    page = PAGE.read_text()
    PAGE.write_text(block(name).sub(lambda _: f"\n{text}\n\n", page))


def text_of(seconds: float) -> str:
    """Seconds to three digits, in the unit that suits."""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table as Markdown."""
    heads = list(heads)
    lines = [heads, *rows]
    written = [
        "|" + "|".join(f" {c} " if c else " " for c in row) + "|" for row in lines
    ]
    return "\n".join([written[0], "|---" * len(heads) + "|", *written[1:]])
