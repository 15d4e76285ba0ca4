"""Every row of the published table of captures is a test: no answer is ever stale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.capture.ways.families import PLACES, THINGS, product
from tests.capture.ways.page import PAGE, every_way, written
from tests.capture.ways.way import StaleError, Way, is_jit_eager, jitted, observe
from wengert.capture.reads import Snapshot
from wengert.execute.engine import ENGINE_VARIABLE, native_engine

WAYS = every_way()
#: One way of every kind and outcome, and a few more of each.
SAMPLE = {
    str(way): way
    for way in [*WAYS[::15], *{(way.kind, way.outcome): way for way in WAYS}.values()]
}
X = 1.5


def plainly(function: Any) -> Any:
    return function


@pytest.fixture
def interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replay with NumPy: what is watched does not depend on the engine."""
    monkeypatch.setenv(ENGINE_VARIABLE, "interpreter")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("way", WAYS, ids=str)
def test_way(way: Way, tmp_path: Path) -> None:
    assert observe(way, tmp_path, jitted, plainly, X, is_jit_eager) == way.outcome


@pytest.mark.parametrize("way", SAMPLE.values(), ids=str)
def test_way_natively(way: Way, tmp_path: Path) -> None:
    if not native_engine():
        pytest.skip("the native engine is off")

    assert observe(way, tmp_path, jitted, plainly, X, is_jit_eager) == way.outcome


def derived(function: Any) -> Any:
    """Return the derivative, jitted, as `jitted` makes the function."""
    return wg.jit(wg.grad(function), static_argnums=jitted(function).static_argnums)


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("way", SAMPLE.values(), ids=str)
def test_way_under_a_derivative(way: Way, tmp_path: Path) -> None:
    """The derivative of a function is as fresh as the function."""
    found = observe(way, tmp_path, derived, wg.grad, X, is_jit_eager)

    assert found == way.outcome


def rows_of(function: Any) -> Any:
    """Return the function of rows; what is given besides is shared by all."""
    return wg.vmap(function, in_axes=(0, None) if takes_more(function) else 0)


def takes_more(function: Any) -> bool:
    return "given" in getattr(function, "__globals__", {})


def one_by_one(function: Any) -> Any:
    """Return the loop over rows that `vmap` stands for."""

    def loop(rows: Any, *rest: Any) -> Any:
        return np.array([function(row, *rest) for row in rows])

    return loop


@pytest.mark.parametrize("way", SAMPLE.values(), ids=str)
def test_way_under_vmap(way: Way, tmp_path: Path) -> None:
    """Rows are as fresh as the function; eager ones are called in order."""
    if way.outcome in ("static", "refused"):
        pytest.skip("arguments of rows are numbers")
    rows = np.array([1.5, 2.5, 3.5])
    found = observe(way, tmp_path, rows_of, one_by_one, rows, lambda _: None)

    assert found == way.outcome


def test_a_stale_answer_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Snapshot, "changed", lambda self: None)

    with pytest.raises(StaleError):
        observe(product()[0], tmp_path, jitted, plainly, X, is_jit_eager)


# The page


def test_the_page_shows_the_ways() -> None:
    """`python -m tests.capture.ways` writes it."""
    text = PAGE.read_text()

    assert text == written(text)


def test_rows_differ() -> None:
    assert len(set(map(str, WAYS))) == len(WAYS) > 600
    assert len(product()) == len(PLACES) * len(THINGS)


@pytest.mark.parametrize("outcome", ["fresh", "static", "eager", "refused"])
def test_every_outcome_occurs(outcome: str) -> None:
    assert sum(way.outcome == outcome for way in WAYS) > 5
