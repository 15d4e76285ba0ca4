"""The documents' code runs and prints what the pages show."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.docs.blocks import (
    OTHER_LIBRARIES,
    ROOT,
    blocks,
    cell_outcomes,
    notebooks,
    outcomes,
    pages,
    shown_in,
    tidy,
)

README = ROOT / "README.md"
ERROR = re.compile(r"^\w+(Error|Exception): ", re.M)


def name(path: Path) -> str:
    """Return the path of a document from the root of the repository."""
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=name)
def test_a_page_prints_what_it_shows(page: Path) -> None:
    """A block that shows no output raises no error either."""
    for block, printed, shown in outcomes(page):
        where = f"{name(page)}:{block.line}"
        if shown is None:
            assert not ERROR.search(printed), f"{where}: {printed}"
        else:
            assert (where, tidy(printed)) == (where, tidy(shown.text))


@pytest.mark.parametrize("notebook", notebooks(), ids=name)
def test_a_notebook_shows_what_its_cells_give(notebook: Path) -> None:
    for cell, printed in cell_outcomes(notebook):
        assert not ERROR.search(printed), printed
        assert tidy(printed) == tidy(shown_in(cell))


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
