"""The ways that are each of their own kind: the texts in `programs`, read.

A file is a kind.  ``##`` opens the ways of one outcome (``differs`` says that two calls
of the program itself give different numbers; ``<<<`` undoes the change), ``###`` a way:
its program, and behind ``>>>`` the change of what it reads.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tests.capture.ways.way import Way

FOLDER = Path(__file__).parent / "programs"


def read(text: str) -> Iterator[Way]:
    """Give the ways of one file."""
    title, *groups = re.split(r"^## ", text, flags=re.M)
    kind = title.strip().removeprefix("# ")
    for group in groups:
        head, *parts = re.split(r"^### ", group, flags=re.M)
        outcome, *restore = [line.removeprefix("<<< ") for line in head.split("\n")]
        for part in parts:
            name, _, body = part.partition("\n")
            program = re.sub(r"^>>> .*\n?", "", body, flags=re.M)
            changes = re.findall(r"^>>> (.*)$", body, flags=re.M)
            yield Way(
                kind,
                name,
                program.strip(),
                "\n".join(changes) or "pass",
                outcome.removesuffix(", differs"),
                not outcome.endswith("differs"),
                "\n".join(restore),
            )


WAYS = [way for path in sorted(FOLDER.glob("*.txt")) for way in read(path.read_text())]
