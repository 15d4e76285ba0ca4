"""Pages that are made rather than written: the front page, operations, notebooks.

MkDocs calls the functions whose names begin with ``on_``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LINK = re.compile(r"\[([^\]]+)\]\(([^)#:\s]+)(#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the made pages to the site."""
    from mkdocs.structure.files import File

    made = {"index.md": (ROOT / "README.md").read_text()}
    made["reference/operations.md"] = operations_page()
    for notebook in sorted(DOCS.glob("notebooks/*.ipynb")):
        made[f"notebooks/{notebook.stem}.md"] = notebook_page(notebook)
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links out of the documentation into plain text; the site has no sources."""
    if page.file.src_uri == "index.md":
        markdown = markdown.replace("](docs/", "](")
    folder = (DOCS / page.file.src_uri).parent

    def inside(match: re.Match[str]) -> str:
        target = Path(os.path.normpath(folder / match[2]))
        return match[0] if target.is_relative_to(DOCS) and is_page(target) else match[1]

    return LINK.sub(inside, markdown)


def is_page(target: Path) -> bool:
    """Whether a link leads to a page of the site."""
    return target.suffix == ".md" and (target.exists() or target in made_pages())


def made_pages() -> set[Path]:
    """Return the paths of the pages that are made."""
    notebooks = {path.with_suffix(".md") for path in DOCS.glob("notebooks/*.ipynb")}
    return notebooks | {DOCS / "index.md", DOCS / "reference" / "operations.md"}


# The table of operations

KINDS = {
    "elementwise": "on elements, by its partial derivatives",
    "linear": "linear, by its transpose",
    "multilinear": "linear in each operand, by its transposes",
    "general": "by a forward rule, a reverse rule, or both",
    "constant": "without derivative",
}


def operations_page() -> str:
    """Return the table of operations as Markdown, from the registry."""
    from wengert.core.operation import REGISTRY

    operations = sorted(REGISTRY.values(), key=lambda operation: operation.name)
    parts = [
        "# Operations",
        f"{len(operations)} operations, generated from the registry.",
        "Every operation that has a derivative has it in both modes and to any order.",
        "NumPy functions that are written in terms of these are recorded as these.",
    ]
    for kind, meaning in KINDS.items():
        rows = [row(operation) for operation in operations if operation.kind == kind]
        parts += ["", f"## {kind.capitalize()}: {meaning}", ""]
        parts += [
            "| operation | node class | native | tested on |",
            "|---|---|---|---|",
        ]
        parts += rows
    return "\n".join(parts) + "\n"


def row(operation: Any) -> str:
    """Return the row of one operation."""
    from wengert.core.tape import node_class

    native = f"`{operation.native}`" if operation.native else ""
    domain = ", ".join(f"[{low:g}, {high:g}]" for low, high in operation.domain)
    cells = (
        f"`{operation.name}`",
        f"`{node_class(operation).__name__}`",
        native,
        domain,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


# Notebooks


def notebook_page(notebook: Path) -> str:
    """Return a notebook as Markdown: its text, its code, what it shows."""
    return "\n\n".join(notebook_parts(json.loads(notebook.read_text()))) + "\n"


def notebook_parts(content: dict[str, Any]) -> Iterator[str]:
    """Give the cells of a notebook as Markdown."""
    for cell in content["cells"]:
        source = "".join(cell["source"])
        yield source if cell["cell_type"] == "markdown" else fenced(source, "python")
        for output in cell.get("outputs", []):
            yield fenced("".join(output["text"]), "text")


def fenced(text: str, language: str) -> str:
    """Return text in a fence."""
    return f"```{language}\n{text.rstrip()}\n```"
