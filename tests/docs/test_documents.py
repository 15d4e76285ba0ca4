"""The documents' code runs and prints what the pages show."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import wengert
from tests.docs.blocks import (
    OTHER_LIBRARIES,
    ROOT,
    blocks,
    cell_outcomes,
    commands,
    notebooks,
    outcomes,
    pages,
    shown_in,
    tidy,
)
from tests.optional import needs_ipopt
from wengert import errors, nodes
from wengert.capture.scipy_ways import CALLS
from wengert.core.operation import REGISTRY

README = ROOT / "README.md"
#: Notebooks that IPOPT solves.
SOLVED = {"swing_up", "power_flow"}
ERROR = re.compile(r"^\w+(Error|Exception): ", re.M)


def name(path: Path) -> str:
    """Return the path of a document from the root of the repository."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_page_prints_what_it_shows(page: Path) -> None:
    """A block that shows no output raises no error either."""
    if ".ipopt(" in page.read_text():
        needs_ipopt()
    for block, printed, shown in outcomes(page):
        where = f"{name(page)}:{block.line}"
        if shown is None:
            assert not ERROR.search(printed), f"{where}: {printed}"
        else:
            assert (where, tidy(printed)) == (where, tidy(shown.text))


@pytest.mark.parametrize("notebook", notebooks(), ids=name)
def test_a_notebook_shows_what_its_cells_give(notebook: Path) -> None:
    if notebook.stem in SOLVED:
        needs_ipopt()
    for cell, printed in cell_outcomes(notebook):
        assert not ERROR.search(printed), printed
        assert tidy(printed) == tidy(shown_in(cell))


def without_numbers(lines: list[str]) -> list[str]:
    """Return lines with one mark for every number, and without their layout."""
    marked = [re.sub(r"[\d.]+(e[+-]\d+)?", "#", line) for line in lines]
    return [re.sub(r"[ ─]+", " ", line).strip() for line in marked]


def test_commands_of_the_readme_print_what_it_shows() -> None:
    """Up to the numbers, which depend on the machine and on how much there is."""
    results = commands(README)

    assert len(results) == 3
    for shown, printed in results:
        assert without_numbers(shown) == without_numbers(printed)


def test_blocks_are_python_text_shell_or_another_librarys() -> None:
    titles = {
        block.title
        for page in pages()
        for block in blocks(page.read_text())
        if block.language == "python"
    }

    files = {title for title in titles if title.endswith(".py")}
    assert titles - files - {""} <= OTHER_LIBRARIES


def test_readme_is_short() -> None:
    """Under 150 lines, and under 600 words beside the code."""
    text = README.read_text()
    prose = re.sub(r"```.*?```", "", text, flags=re.S)

    assert len(text.splitlines()) < 150
    assert len(prose.split()) < 600


def test_readme_states_the_two_commands() -> None:
    text = README.read_text()

    assert "make demo" in text
    assert "make test" in text


def test_readme_claims_are_measured() -> None:
    """'at least N times' in the README is no more than the last measurement gave."""
    results = ROOT / "bench/results/eager.json"
    if not results.exists():
        pytest.skip("`make bench` has not run here")
    times = json.loads(results.read_text())["time"]
    claims = re.findall(
        r"<!-- (\w+): (\w+) -->.*?at least ([\d.]+) times", README.read_text()
    )

    assert claims
    for workload, peer, claimed in claims:
        measured = times[workload][peer]["best"] / times[workload]["wengert"]["best"]
        assert measured >= float(claimed), (workload, peer, measured)


CITED = re.compile(r"<!-- from (\S+) -->\n\n```py\n(.*?)```", re.S)


def test_the_operation_shown_to_contributors_is_the_real_one() -> None:
    cited = CITED.findall((ROOT / "CONTRIBUTING.md").read_text())

    assert cited
    for path, statement in cited:
        assert statement in (ROOT / path).read_text()


LINK = re.compile(r"\]\(([^)#:]+)(#[^)]*)?\)")


@pytest.mark.parametrize(
    "page",
    [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))],
    ids=name,
)
def test_links_lead_somewhere(page: Path) -> None:
    targets = [match[1] for match in LINK.finditer(page.read_text())]
    made = [notebook.with_suffix(".md").name for notebook in notebooks()]
    generated = {"operations.md", "recorded.md", *made}

    missing = [
        target
        for target in targets
        if not (page.parent / target).exists() and Path(target).name not in generated
    ]
    assert missing == []


# Pages that are made


@pytest.fixture(scope="module")
def hooks() -> Any:
    """Return the module that makes pages when the site is built."""
    return runpy.run_path(str(ROOT / "docs" / "hooks.py"))


def test_the_table_of_operations_has_every_operation(hooks: Any) -> None:
    page = hooks["operations_page"]()

    missing = [name for name in REGISTRY if f"| `{name}` |" not in page]
    assert missing == []


def test_the_page_of_what_is_recorded_is_what_is_recorded(hooks: Any) -> None:
    """What it lists is recorded; what it says is not, says so when it is called."""
    page = hooks["recorded_page"]()
    recorded, refused = hooks["numpy_functions"]()

    assert {"sin", "einsum", "where", "zeros", "percentile"} <= set(recorded)
    for name in (*recorded, *refused):
        assert f"`{name}`" in page
    for name in refused:
        module, _, function = name.rpartition(".")
        call = getattr(getattr(np, module) if module else np, function)
        with pytest.raises((wengert.UnsupportedError, TypeError)):
            wengert.record(lambda x, call=call: call(x), np.eye(3))
    for call, way in CALLS.items():
        assert f"`{call}`" in page
        assert f"`{way}`" in page


def test_a_notebook_becomes_a_page(hooks: Any) -> None:
    page = hooks["notebook_page"](ROOT / "docs" / "notebooks" / "kepler.ipynb")

    assert page.startswith("# Kepler")
    assert "```python\n" in page
    assert "```text\n" in page


def test_links_out_of_the_site_become_text(hooks: Any) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="index.md"))
    text = hooks["on_page_markdown"](README.read_text(), page)

    assert "](wengert/" not in text
    assert "](tutorial.md)" in text


def test_every_public_name_is_in_the_reference() -> None:
    pages = (ROOT / "docs" / "reference").glob("*.md")
    text = "\n".join(page.read_text() for page in pages)
    names = set(wengert.__all__) - set(nodes.__all__) - set(errors.__all__)

    missing = [name for name in names if f"::: wengert.{name}\n" not in text]
    assert missing == ["remat"]  # another name of checkpoint


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text()
    decisions = ROOT / "docs" / "explanation" / "decisions"
    listed = (decisions / "index.md").read_text()

    for page in (ROOT / "docs").rglob("*.md"):
        if page.parent == decisions and page.name != "index.md":
            assert f"]({page.name})" in listed
        else:
            assert str(page.relative_to(ROOT / "docs")) in navigation


def test_every_folder_of_the_package_has_a_chapter() -> None:
    chapters = {page.stem for page in (ROOT / "docs" / "explanation").glob("*.md")}
    folders = {path.parent.name for path in (ROOT / "wengert").glob("*/__init__.py")}

    assert folders - {"numpy", "scipy"} <= chapters


def test_a_line_of_the_documents_is_one_sentence() -> None:
    """A full stop inside a line is followed by no capital letter."""
    found = []
    for page in [README, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        prose = re.sub(r"```.*?^```", "", page.read_text(), flags=re.S | re.M)
        for line in prose.splitlines():
            if not line.startswith(("|", "- **", "#", "    ")) and TWO.search(line):
                found.append(f"{name(page)}: {line}")
    assert found == []


#: The end of one sentence and the beginning of the next, not an initial.
TWO = re.compile(r"(?<![A-Z])[a-z`)]\. [A-Z]")
