"""The examples in docstrings run and give what they show."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import ModuleType

import pytest

import wengert

#: Examples print at most this many lines each (a docstring is no tutorial).
MOST_LINES = 12


def modules() -> list[ModuleType]:
    """Return every module of the package."""
    found = [wengert]
    for info in pkgutil.walk_packages(wengert.__path__, "wengert."):
        if not info.name.endswith("__main__"):
            found.append(importlib.import_module(info.name))
    return found


def is_ours(test: doctest.DocTest) -> bool:
    """Whether an example stands in our source, and is not NumPy's docstring."""
    source = Path(test.filename or "").read_text()
    first = (test.docstring or "").strip().partition("\n")[0]
    return bool(test.examples) and first in source


FINDER = doctest.DocTestFinder(exclude_empty=True)
EXAMPLES = [
    test for module in modules() for test in FINDER.find(module) if is_ours(test)
]
# A context manager is found by its own name only.
EXAMPLES += FINDER.find(inspect.unwrap(wengert.strict), "wengert.strict")


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_examples_of(test: doctest.DocTest) -> None:
    """A function that an example defines is the user's, not the module's."""
    printed: list[str] = []
    test.globs["__name__"] = "__main__"
    doctest.DocTestRunner().run(test, out=printed.append)

    assert "".join(printed) == ""


@pytest.mark.parametrize("test", EXAMPLES, ids=lambda test: test.name)
def test_examples_are_short(test: doctest.DocTest) -> None:
    for example in test.examples:
        assert len(example.want.splitlines()) <= MOST_LINES


def test_every_transformation_shows_an_example() -> None:
    shown = {test.name.rpartition(".")[2] for test in EXAMPLES}
    names = (
        "grad jacobian hessian hvp jvp vjp jit record rule custom_jvp custom_vjp "
        "black_box "
        "checkpoint check_grads taylor_test strict vmap Tape CompNode"
    )

    assert [name for name in names.split() if name not in shown] == []
