"""What a report says of a jitted function is what its calls do."""

from __future__ import annotations

import timeit
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

needs_engine = pytest.mark.skipif(not native_engine(), reason="the engine is off")


@needs_engine
@pytest.mark.parametrize("nests", [False, True], ids=["array", "dictionary"])
def test_the_time_of_a_call_is_that_of_the_users_own(nests: bool) -> None:
    fast = wg.jit(lambda a: np.sum((a["x"] if nests else a) ** 2), wait=True)
    x = np.linspace(0.0, 1.0, 10)
    argument = {"x": x} if nests else x
    fast(argument)

    (row,) = fast.report().rows
    own = timeit.repeat(lambda: fast(argument), number=2000, repeat=9)

    assert row["seconds"]["call"] < 3 * min(own) / 2000


def test_a_report_neither_records_nor_calls_the_function() -> None:
    scale = [2.0]
    watched = wg.jit(lambda x: x * scale[0], wait=True)
    watched(3.0)
    fun, scale[0] = watched.fun, 5.0

    def fails(*args: Any) -> Any:
        raise AssertionError("it was called")

    watched.fun = fails
    seconds = watched.report().rows[0]["seconds"]
    watched.fun = fun

    assert 0 < seconds["call"] < 10
    assert watched(3.0) == 15.0


def test_a_path_that_is_not_believed_takes_another_recording() -> None:
    once = wg.jit(np.sin)
    once(0.5)

    (row,) = once.report().rows

    assert row["seconds"]["call"] == row["seconds"]["record"]
