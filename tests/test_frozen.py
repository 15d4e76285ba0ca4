"""Numbers that a tape keeps and another recording has otherwise are found."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from wengert.capture.array import RecordedScalar
from wengert.checks import frozen_numbers


def smooth(x: Any, w: Any) -> Any:
    return np.sum(np.sin(x) * w["a"]) + 2.0 * w["b"]


def branching(x: Any, w: Any) -> Any:
    return x[0] * 3.0 if np.sum(x) > 1.0 else x[0] * w["b"]


def at_the_branch(x: Any, w: Any) -> Any:
    return x[0] * 3.0 if np.sum(x) > 2.0 else x[0] * 2.0


ARGS = np.array([0.5, 1.5]), {"b": 2.0, "a": np.float32(0.25)}


@pytest.mark.parametrize("function", [smooth, branching, at_the_branch])
def test_a_function_of_its_arguments_has_none(function: Any) -> None:
    assert frozen_numbers(function, ARGS) == ()


def test_a_number_that_leaves_by_a_back_door_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def function(x: Any) -> Any:
        scale = float(x[0])
        return np.sum(x) * scale

    monkeypatch.setattr(RecordedScalar, "__float__", lambda self: float(self._value))

    (found,) = frozen_numbers(function, (np.array([0.5, 1.5]),))

    assert found.follows_arguments
    assert found.before == 0.5
    assert found.now == pytest.approx(0.5, abs=1e-5)
    assert "test_frozen.py:" in str(found)
    assert "follows from the arguments" in str(found)


def test_a_number_that_changes_from_call_to_call_is_found() -> None:
    numbers = itertools.count(10)

    (found,) = frozen_numbers(lambda x: x * next(numbers), (2.0,))

    assert (found.before, found.now) == (10, 11)
    assert not found.follows_arguments


def test_a_place_that_changes_from_call_to_call_is_found() -> None:
    numbers = itertools.count()

    (found,) = frozen_numbers(lambda x: x[next(numbers)] * 2.0, (np.arange(9.0),))

    assert not found.follows_arguments
