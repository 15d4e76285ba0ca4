"""One browser for the tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.show.browser import headless


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless chromium that reports what its pages log."""
    with headless(tmp_path_factory.mktemp("browser")) as driver:
        yield driver
