"""A loop with a long body is written once, whatever is left over at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import check_tape
from wengert.core.tape import Tape
from wengert.emit.nests import written
from wengert.emit.tails import LONG_BODY, ends_earlier, length_of
from wengert.execute.engine import native_engine
from wengert.lower.build import build
from wengert.lower.lower import lower
from wengert.lower.nest import Loop, Nest, Statement, Store, everything

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

LANES = (2, 4, 8)


def long(x: Any, y: Any) -> Any:
    """Return what takes many statements of two numbers."""
    s, c = np.sin(x), np.cos(y)
    a = x * c + y * s
    b = a / (2.0 + s * s) - c * x * y
    return a * b + np.exp(-b * b) * (a - s) + np.sqrt(1.0 + a * a * c * c)


def alone(x: Any) -> Any:
    """Return elements of elements."""
    return long(x, x * x)


def of_neighbours(x: Any) -> Any:
    """Return what is made of two neighbours, to which slopes are added."""
    return long(x[1:], x[:-1])


def in_turn(x: Any) -> Any:
    """Return what is made of every second element, and of those between."""
    half = len(x) // 2
    return long(x[: 2 * half : 2], x[1 : 2 * half : 2])


def one_to_many(x: Any) -> Any:
    """Return what numbers are added to in another order, some twice."""
    order = np.arange(len(x)) * 7 % (len(x) - 1)
    return long(x[order], x)


def slopes(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the slopes of a sum of them."""
    return wg.grad(lambda x: np.sum(function(x)))


def nests_of(tape: Tape, lanes: int) -> tuple[Nest, str]:
    """Return the nest of a tape and its text."""
    nest, constants = build(lower(tape), lanes, 1)
    return nest, written(nest, constants, lanes, {}).texts[0]


def loops_of(body: list[Statement]) -> Iterator[Loop]:
    """Give the loops in lanes."""
    return (s for s in everything(body) if isinstance(s, Loop) and s.is_lanes)


@pytest.mark.parametrize("function", [alone, of_neighbours, in_turn, one_to_many])
@pytest.mark.parametrize("is_derived", [False, True])
@pytest.mark.parametrize("size", [9, 13, 24, 31])
def test_what_is_done_again_gives_the_same(
    function: Any, is_derived: bool, size: int
) -> None:
    x = np.random.default_rng(size).normal(size=size)
    tape = wg.record(slopes(function) if is_derived else function, x)
    for lanes in LANES:
        check_tape(tape, (lanes, 1))


@pytest.mark.parametrize("function", [alone, in_turn])
def test_a_long_body_is_written_once(function: Any) -> None:
    texts = [nests_of(wg.record(function, np.ones(size)), 8)[1] for size in (96, 98)]
    assert len(texts[1]) < 1.2 * len(texts[0])


def test_what_is_added_to_memory_is_added_once() -> None:
    x = np.ones(40)
    nest, text = nests_of(wg.record(slopes(of_neighbours), x), 8)
    folding = [
        loop
        for loop in loops_of(nest.body)
        if any(isinstance(s, Store) and s.fold for s in everything(loop.body))
        and ends_earlier(loop, 8)
    ]
    assert folding
    assert "select <8 x i1> %" in text


def test_what_reads_what_it_writes_is_done_once() -> None:
    def centred(x: Any) -> Any:
        y = np.exp(x - np.max(x))  # lies in the result, until that is written over it
        return long(y / np.sum(y), y)

    tape = wg.record(centred, np.random.default_rng(0).normal(size=1001))
    nest, _ = nests_of(tape, 8)
    loop = list(loops_of(nest.body))[-1]
    assert length_of(loop) >= LONG_BODY
    assert not nest.scratch
    assert not ends_earlier(loop, 8)
    for lanes in LANES:
        check_tape(tape, (lanes, 1))
