"""The table of functions beside the peers says what the package does."""

from __future__ import annotations

import importlib
import json
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
REFERENCE = runpy.run_path(str(ROOT / "bench" / "reference.py"))
HOOKS = runpy.run_path(str(ROOT / "docs" / "hooks.py"))
FOUND = json.loads((ROOT / "bench" / "reference.json").read_text())
CALLS = {call.name: call.text for call in REFERENCE["calls"]()}
#: Of so many calls one is judged in `make test`.
EVERY = 64
MODULES = (
    "numpy numpy.linalg numpy.fft numpy.lib.stride_tricks scipy.linalg scipy.special "
    "scipy.fft scipy.signal scipy.ndimage scipy.interpolate scipy.integrate "
    "scipy.optimize scipy.stats scipy.spatial.distance scipy.sparse.linalg"
).split()


def of_name(name: str) -> Any:
    """Return what a name in full stands for."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            value: Any = importlib.import_module(".".join(parts[:count]))
        except ImportError:
            continue
        for part in parts[count:]:
            value = getattr(value, part, None)
        return value
    return None


def uncalled() -> dict[str, set[str]]:
    """Return the names that the file of calls leaves out on purpose, by module."""
    found: dict[str, set[str]] = {}
    text = REFERENCE["CALLS"].read_text()
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        module, _, body = part.partition("\n")
        names = re.findall(r"^- (.*)$", body, flags=re.M)
        found[module] = set(" ".join(names).split())
    return found


@pytest.mark.parametrize("module", MODULES)
def test_every_public_function_is_called_or_left_out_by_name(module: str) -> None:
    called = {id(of_name(name)) for name in CALLS}
    left_out = uncalled()
    left_out = left_out.get(module, set()) | left_out.get(
        module.rpartition(".")[0], set()
    )
    held = importlib.import_module(module)

    missing = [
        name
        for name in getattr(held, "__all__", dir(held))
        if name[0] != "_"
        and callable(value := getattr(held, name))
        and not isinstance(value, type)
        and not hasattr(value, "rvs")  # a distribution, whose methods are called
        and id(value) not in called
        and name not in left_out
    ]

    assert missing == []


def test_the_table_is_of_the_calls() -> None:
    assert FOUND["calls"] == CALLS


@pytest.mark.parametrize("name", sorted(CALLS)[::EVERY])
def test_the_table_says_what_a_call_does(name: str) -> None:
    assert REFERENCE["judge"]("wengert", [name]) == {
        name: FOUND["states"]["wengert"][name]
    }


@pytest.mark.slow
def test_the_table_says_what_every_call_does() -> None:
    assert REFERENCE["judge"]("wengert") == FOUND["states"]["wengert"]


def test_no_derivative_is_wrong() -> None:
    states = FOUND["states"]["wengert"]

    assert [name for name, state in states.items() if state == "wrong"] == []


def test_what_has_a_reason_has_no_derivative() -> None:
    states = FOUND["states"]["wengert"]

    assert {name: states[name] for name in HOOKS["WHY"]} == dict.fromkeys(
        HOOKS["WHY"], "no"
    )


def test_the_page_has_every_function() -> None:
    page = HOOKS["functions_page"]()

    shown = [text.replace("|", "\\|") for text in CALLS.values()]
    assert [text for text in shown if f"`{text}`" not in page] == []
