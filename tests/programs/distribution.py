"""What the random programs of a test run had in them, counted for its summary."""

from __future__ import annotations

from collections import Counter

#: Programs and their features; with several test processes, of this one.
COUNTS: Counter[str] = Counter()
TOTAL, FEATURE = "programs", "feature: "


def lines(counts: Counter[str]) -> list[str]:
    """Return the share of programs that have a feature, one line a feature."""
    return [
        f"{count / max(counts[TOTAL], 1):6.1%}  {name.removeprefix(FEATURE)}"
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        if name.startswith(FEATURE)
    ]
