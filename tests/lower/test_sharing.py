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


@pytest.mark.parametrize("lanes", [2, 4, 8])
@pytest.mark.parametrize(
    "function",
    [
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
        check_tape(wg.record(function, x), (lanes, 4), ulps=8)


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
