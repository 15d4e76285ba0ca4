"""What random programs are made of, as text: a section a topic, read from ``*.txt``."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def sections(name: str) -> dict[str, list[str]]:
    """Return the lines of every section of a file, without empty ones."""
    found: dict[str, list[str]] = {}
    for line in (HERE / name).read_text().splitlines():
        if line.startswith("[") and line.endswith("]") and "{" not in line:
            found[line[1:-1]] = lines = []
        elif line.strip():
            lines.append(line)
    return found


def parts(lines: list[str]) -> list[list[str]]:
    """Return the lines between those that begin with ``---``."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("---"):
            found.append([])
        else:
            found[-1].append(line)
    return found
