"""The documents show the pictures that `docs/pictures.py` makes, and no others."""

from __future__ import annotations

import re
import runpy
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from tests.docs.blocks import ROOT

DOCS = ROOT / "docs"
FOLDER = DOCS / "pictures"
LINKED = re.compile(r'(?:\]\(|src="|srcset=")([^)"]*pictures/[^)"]+)')
#: Bytes of one picture.
MOST = 100_000


@pytest.fixture(scope="module")
def names() -> Any:
    """What the script makes."""
    return runpy.run_path(str(ROOT / "docs" / "pictures.py"))["names"]()


def linked() -> set[Path]:
    """The pictures that documents show; of a light one, the dark one too."""
    found = set()
    pages = (path for kind in ("md", "ipynb") for path in DOCS.rglob(f"*.{kind}"))
    for document in (ROOT / "README.md", *pages):
        for target in LINKED.findall(document.read_text()):
            path = (document.parent / target).resolve()
            found |= {path, path.with_name(path.name.replace("-light", "-dark"))}
    return found


def test_the_documents_show_what_the_script_makes(names: set[str]) -> None:
    assert linked() == {FOLDER / name for name in names}


def test_the_script_made_all_pictures_and_they_are_small(names: set[str]) -> None:
    made = {path.name: path.stat().st_size for path in FOLDER.iterdir()}

    assert set(made) == names
    assert all(1_000 < size < MOST for size in made.values())


def test_a_plot_is_light_and_dark() -> None:
    for path in FOLDER.glob("*.svg"):
        text = path.read_text()
        assert ET.fromstring(text).tag.endswith("svg")
        assert "prefers-color-scheme: dark" in text
        assert set(re.findall(r"var\((--\w+)\)", text)) <= {"--blue", "--red"}
