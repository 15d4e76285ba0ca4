"""What the random programs of a test run had in them, counted for its summary."""

from __future__ import annotations

from collections import Counter

from tests.programs.analytic import Program

#: Programs and their features; with several test processes, of this one.
COUNTS: Counter[str] = Counter()
TOTAL = "programs"


def count(program: Program, counts: Counter[str]) -> None:
    """Count one program and its features."""
    for feature in (TOTAL, *program.features):
        counts[feature] += 1


def share(counts: Counter[str], feature: str) -> float:
    """Return the share of programs that have a feature."""
    return counts[feature] / max(counts[TOTAL], 1)


def lines(counts: Counter[str]) -> list[str]:
    """Return the distribution as text, one line a feature."""
    return [
        f"{share(counts, feature):6.1%}  {feature}"
        for feature, _ in counts.most_common()
        if feature != TOTAL
    ]
