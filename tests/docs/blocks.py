"""The code of the documents, run as a reader would run it.

A page is one program: its ``python`` blocks run in order in one namespace.  A ``text``
block right after a ``python`` block is what that block prints, or the error it ends in.
Blocks titled with the name of another library are that library's code and do not run.

``python -m tests.docs.blocks`` (`make golden`) writes what the code prints into the
pages and notebooks; the difference is for a person to read.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import linecache
import re
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
OTHER_LIBRARIES = frozenset({"autograd", "JAX", "PyTorch", "CasADi"})
FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]*)\")?\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    title: str
    text: str
    start: int
    end: int
    line: int


def pages() -> list[Path]:
    """Return every page with code that is meant to run."""
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    found += sorted((ROOT / "docs").rglob("*.md"))
    return [page for page in found if "```python" in page.read_text()]


def notebooks() -> list[Path]:
    """Return every notebook."""
    return sorted((ROOT / "docs").rglob("*.ipynb"))


def blocks(text: str) -> list[Block]:
    """Return the fenced blocks of a page, in order."""
    return [
        Block(
            match[1],
            match[2] or "",
            match[3],
            match.start(3),
            match.end(3),
            text.count("\n", 0, match.start()) + 1,
        )
        for match in FENCE.finditer(text)
    ]


def shown_after(text: str, block: Block, following: Block | None) -> Block | None:
    """Return the block that shows what a block prints, if there is one."""
    if following is None or following.language != "text":
        return None
    between = text[block.end + 3 : following.start]
    return following if between.startswith("\n\n```text\n") else None


def execute(source: str, filename: str, scope: dict[str, Any]) -> str:
    """Return what a piece of code prints, or the error it ends in.

    The value of a last expression is shown as a notebook shows it.
    """
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    *statements, last = ast.parse(source).body
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            if not isinstance(last, ast.Expr):
                run(ast.Module([*statements, last], []), filename, scope)
            else:
                run(ast.Module(statements, []), filename, scope)
                value = eval(
                    compile(ast.Expression(last.value), filename, "eval"), scope
                )
                if value is not None:
                    print(repr(value))
        except Exception as error:
            print(f"{type(error).__name__}: {error}")
    return printed.getvalue()


def run(module: ast.Module, filename: str, scope: dict[str, Any]) -> None:
    """Run statements."""
    exec(compile(module, filename, "exec"), scope)


def new_scope() -> dict[str, Any]:
    """Return the namespace of a page."""
    return {"__name__": "page"}


def outcomes(page: Path) -> list[tuple[Block, str, Block | None]]:
    """Run a page: every block, what it printed, and the block that shows it."""
    text, scope = page.read_text(), new_scope()
    found = blocks(text)
    results = []
    with contextlib.chdir(ROOT):
        for k, block in enumerate(found):
            if block.language != "python" or block.title in OTHER_LIBRARIES:
                continue
            following = found[k + 1] if k + 1 < len(found) else None
            filename = block.title or "example.py"
            printed = execute(block.text, filename, scope)
            results.append((block, printed, shown_after(text, block, following)))
    return results


# The command line


def commands(page: Path) -> list[tuple[list[str], list[str]]]:
    """Run the commands of a page: what each shows, and what it prints.

    Blank lines do not count; a last line ``...`` stands for the rest.
    """
    results = []
    for block in blocks(page.read_text()):
        if block.language == "console":
            for part in re.split(r"^\$ ", block.text, flags=re.M)[1:]:
                line, *shown = part.splitlines()
                printed = command(line)
                if shown[-1:] == ["..."]:
                    printed = [*printed[: len(shown) - 1], "..."]
                results.append(([line, *shown], [line, *printed]))
    return results


def command(line: str) -> list[str]:
    """Return what a ``wengert`` command prints, without blank lines."""
    from click.testing import CliRunner

    from wengert.cli import main as wengert_command

    name, *words = shlex.split(line)
    assert name == "wengert"
    with contextlib.chdir(ROOT):
        printed = CliRunner().invoke(wengert_command, words).output
    return [line.rstrip() for line in printed.splitlines() if line.strip()]


def tidy(text: str) -> str:
    """Return text without trailing blanks."""
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


# Notebooks


def cell_outcomes(notebook: Path) -> list[tuple[dict[str, Any], str]]:
    """Run a notebook's code cells in one namespace: each cell, and what it shows."""
    cells = json.loads(notebook.read_text())["cells"]
    scope, results = new_scope(), []
    with contextlib.chdir(ROOT):
        for k, cell in enumerate(cells):
            if cell["cell_type"] == "code":
                source = "".join(cell["source"])
                results.append((cell, execute(source, f"cell {k}", scope)))
    return results


def shown_in(cell: dict[str, Any]) -> str:
    """Return what a cell's stored output shows."""
    return "".join("".join(output["text"]) for output in cell["outputs"])


# Writing what is printed


def update_page(page: Path) -> None:
    """Write what the code prints into a page."""
    text = page.read_text()
    for _, printed, shown in reversed(outcomes(page)):
        if shown is not None:
            text = text[: shown.start] + tidy(printed) + "\n" + text[shown.end :]
    for old, new in commands(page):
        text = text.replace("\n".join(["$ " + old[0], *old[1:]]), "$ " + "\n".join(new))
    page.write_text(text)


def update_notebook(notebook: Path) -> None:
    """Write what the cells show into a notebook."""
    content = json.loads(notebook.read_text())
    printed = iter([text for _, text in cell_outcomes(notebook)])
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            lines = next(printed).splitlines(keepends=True)
            stream = {"name": "stdout", "output_type": "stream", "text": lines}
            cell["outputs"] = [stream] if lines else []
    notebook.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def main(names: list[str]) -> None:
    """Update the pages and notebooks whose path contains one of the names."""
    for path in [*pages(), *notebooks()]:
        if not names or any(name in str(path) for name in names):
            print(path.relative_to(ROOT))
            (update_page if path.suffix == ".md" else update_notebook)(path)


if __name__ == "__main__":
    main(sys.argv[1:])
