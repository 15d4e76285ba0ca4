"""What programs read from outside and what changes there between calls."""

from __future__ import annotations

from dataclasses import dataclass

from tests.programs.templates import parts, sections
from tests.programs.writer import WORD, Writer


@dataclass(frozen=True)
class Outside:
    """Something outside: how it is made and changes, and expressions that read it."""

    name: str
    lines: tuple[str, ...]
    changes: tuple[str, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]


OUTSIDES = {
    name: Outside(name, *(tuple(part) for part in parts(lines)))
    for name, lines in sections("outside.txt").items()
}


def prepare(
    w: Writer, names: tuple[str, ...], counts: tuple[int, ...]
) -> list[Outside]:
    """Choose what is outside of a program, one of some numbers of it, and make it."""
    found = [OUTSIDES[name] for name in names]
    chosen = w.random.sample(found, w.random.choice(counts))
    for outside in chosen:
        w.scope.run("\n".join(outside.lines))
        w.features.add(f"outside: {outside.name}")
        w.moving.update(WORD.findall(" ".join(outside.changes)))
    return chosen


def read(w: Writer, chosen: list[Outside]) -> bool:
    """Write a variable made of what is outside."""
    if not chosen:
        return False
    text = w.fill(w.random.choice(w.random.choice(chosen).reads))
    name = w.fresh()
    return text is not None and w.add(
        [f"{name} = {text}"], "read outside", names=(name,)
    )


def write(w: Writer, chosen: list[Outside]) -> bool:
    """Write a statement that writes outside."""
    chosen = [outside for outside in chosen if outside.writes]
    if not chosen or w.random.random() < 0.7:
        return False
    text = w.fill(w.random.choice(w.random.choice(chosen).writes))
    if text is None:
        return False
    return w.add(text.split("; "), "write outside")
