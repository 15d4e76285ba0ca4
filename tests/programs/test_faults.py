"""Faults put into the package on purpose are found by the check of random programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.programs.analytic import Program, programs
from tests.programs.complex_step import judge
from wengert.capture.array import RecordedArray
from wengert.core.operation import REGISTRY
from wengert.derive import modes
from wengert.derive.straight import known
from wengert.execute import interpret

Put = Callable[[str], None]


def drop_stores(patch: pytest.MonkeyPatch) -> None:
    """Write into the buffer, and forget the node of the write."""
    write = RecordedArray._write

    def dropped(self: Any, *args: Any) -> None:
        index = self._own_storage().index
        write(self, *args)
        if index >= 0:
            self._storage.index = index
            self._index = index if not self._chain else -1

    patch.setattr(RecordedArray, "_write", dropped)


def keep_stale_views(patch: pytest.MonkeyPatch) -> None:
    """Let a view keep the node that it had before a write."""
    current = RecordedArray._current

    def stale(self: Any) -> Any:
        if self._storage is not None and self._chain:
            self._version = self._storage.version
        return current(self)

    patch.setattr(RecordedArray, "_current", stale)


def keep_gradients_of_overwritten(patch: pytest.MonkeyPatch) -> None:
    """Let the gradient of overwritten elements flow to what was there before."""

    def unchanged(self: Any, index: int, g: Any, indices: Any, where: Any) -> Any:
        return g

    patch.setattr(modes.PlainMode, "clear_written", unchanged)


def swap_partials(patch: pytest.MonkeyPatch) -> None:
    """Exchange the two partial derivatives of a product."""
    operation = REGISTRY["multiply"]
    swapped = (lambda z, x, y: x, lambda z, x, y: y)
    # The operation is frozen: its field is set below it, and put back by the fixture.
    object.__setattr__(operation, "partials", swapped)


def transpose_sum(patch: pytest.MonkeyPatch) -> None:
    """Spread the gradient of a sum along the axes in the wrong order."""
    operation = REGISTRY["transpose"]

    def wrong(g: Any, x: Any, **settings: Any) -> Any:
        return np.reshape(g, x.shape)

    object.__setattr__(operation, "transposes", (wrong,))


def lose_repeated_indices(patch: pytest.MonkeyPatch) -> None:
    """Add the gradient of an element that was read twice only once."""

    def once(base: Any, value: Any, *indices: Any, chain: Any, key: Any) -> None:
        from wengert.ops.index import decode, follow

        follow(base, chain)[decode(key, indices)] += value

    patch.setattr(modes, "add_in_place", once)


def ignore_guards(patch: pytest.MonkeyPatch) -> None:
    """Let a replay go on where Python would have taken another branch."""
    patch.setattr(interpret, "check_guard", lambda tape, index, value: None)


FAULTS = [
    drop_stores,
    keep_stale_views,
    keep_gradients_of_overwritten,
    swap_partials,
    transpose_sum,
    lose_repeated_indices,
    ignore_guards,
]


@pytest.fixture
def patch() -> Iterator[pytest.MonkeyPatch]:
    """Give a monkeypatch, and put back the two operations that a fault may change."""
    kept = REGISTRY["multiply"].partials, REGISTRY["transpose"].transposes
    known.cache_clear()  # written sweeps keep the rules they were written with
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield monkeypatch
    object.__setattr__(REGISTRY["multiply"], "partials", kept[0])
    object.__setattr__(REGISTRY["transpose"], "transposes", kept[1])
    known.cache_clear()


@pytest.mark.parametrize("put", FAULTS)
def test_a_seeded_fault_is_found(put: Any, patch: pytest.MonkeyPatch) -> None:
    @seed(0)
    @settings(
        deadline=None,
        database=None,
        max_examples=300,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(programs(), st.integers(0, 999))
    def check(program: Program, number: int) -> None:
        judge(program, number)

    put(patch)

    with pytest.raises(AssertionError):
        check()
