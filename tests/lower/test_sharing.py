"""Results are scratch memory before they are written, where nothing tells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.programs import random_program
from tests.lower.test_nests import check_tape
from wengert.execute.engine import native_engine
from wengert.lower import sharing
from wengert.lower.build import build
from wengert.lower.lower import lower

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e)


def reversed_softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e[::-1] / np.sum(e)


def moved_softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return np.roll(e, 1) / np.sum(e) + e


def both(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / np.sum(e), e - np.mean(e)


def of_rows(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def of_columns(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=0))
    return (e / np.sum(e, axis=0)).T + np.sum(e)


def chained(x: Any) -> Any:
    for _ in range(3):
        x = np.tanh(x - np.mean(x))
    return x


def ordered(x: Any) -> Any:
    return np.sort(np.sort(np.sin(x))[::-1] + x) - np.sum(x)


def packed(x: Any) -> Any:
    """Rows that are put together one after the other, and what follows them."""
    s = np.sin(x)
    rows = np.stack((s, np.cos(s), x * s), axis=1)
    return np.concatenate((rows.ravel(), s, np.atleast_1d(np.sum(rows[:, 1]))))


def packed_twice(x: Any) -> Any:
    rows = np.stack((np.sin(x), np.cos(x)), axis=1)
    whole = np.concatenate((x, rows.ravel()))
    return whole, np.concatenate((rows.ravel(), whole[::2])), np.max(rows)


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize(
    "function",
    [
        packed,
        packed_twice,
        softmax,
        reversed_softmax,
        moved_softmax,
        both,
        of_rows,
        of_columns,
        chained,
        ordered,
    ],
)
def test_what_is_computed_in_a_result_is_what_numpy_computes(
    function: Callable[..., Any], lanes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "LEAST", 2)
    shapes = [(30, 20), (20, 31)] if "of_" in function.__name__ else [(9,), (600,)]
    for shape in shapes:
        x = np.random.default_rng(0).standard_normal(shape)
        check_tape(wg.record(function, x), (lanes, 4), ulps=8, calls=True)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("seed", range(60))
def test_random_programs_in_results(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "LEAST", 2)
    program = random_program(seed)
    tape = wg.record(wg.value_and_grad(program.total), *program.arguments)

    check_tape(tape, (4, 2), ulps=1e5)


def test_a_softmax_takes_no_memory_but_its_result() -> None:
    nest, _ = build(lower(wg.record(softmax, np.ones(1000))), 8)

    assert not nest.scratch


def test_what_is_read_elsewhere_keeps_its_memory() -> None:
    nest, _ = build(lower(wg.record(reversed_softmax, np.ones(1000))), 8)

    assert len(nest.scratch) == 1


def test_rows_are_written_where_they_are_put_together() -> None:
    nest, _ = build(lower(wg.record(packed, np.ones(1000))), 8)

    assert not any(buffer.size >= 3000 for buffer in nest.scratch)
    assert nest.results[0].size == 4001


def test_a_slope_that_is_no_number_is_found_among_pieces() -> None:
    def f(x: Any, y: Any) -> Any:
        return np.sum(np.sqrt(x) * y)

    def slopes(x: Any, y: Any) -> Any:
        one, other = wg.grad(f, (0, 1))(x, y)
        rows = np.stack((one, other, x), axis=1)
        return np.concatenate((rows.ravel(), one * 2.0))

    fast = wg.jit(slopes, wait=True)
    x, y = np.linspace(1.0, 2.0, 500), np.linspace(-1.0, 1.0, 500)
    for _ in range(3):
        np.testing.assert_allclose(fast(x, y), slopes(x, y), rtol=1e-13)
    x[77] = y[77] = y[78] = 0.0  # the slope of a root is infinite, times nothing
    for _ in range(3):
        np.testing.assert_allclose(fast(x, y), slopes(x, y), rtol=1e-13)
    assert np.isfinite(fast(x, y)).all()
