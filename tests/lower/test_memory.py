"""Scratch buffers share memory unless both are in use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.programs import random_program
from wengert.lower.build import build
from wengert.lower.lower import lower
from wengert.lower.memory import ALIGNED, bytes_of, placed
from wengert.lower.nest import Buffer, Fill, Nest, everything, touched
from wengert.lower.refusal import NotLoweredError


def conflicts(nest: Nest) -> list[tuple[Buffer, Buffer]]:
    """Return the buffers that are in use at once, by looking at every statement."""
    used = [
        [k for k, s in enumerate(nest.body) if b in set(map_touched(s))]
        for b in nest.scratch
    ]
    return [
        (nest.scratch[i], nest.scratch[j])
        for i in range(len(used))
        for j in range(i)
        if used[i] and used[j]
        if used[i][0] <= used[j][-1] and used[j][0] <= used[i][-1]
    ]


def map_touched(statement: Any) -> Any:
    return (buffer for each in everything([statement]) for buffer in touched(each))


def check(nest: Nest) -> None:
    places, end = placed(nest)
    for buffer in nest.scratch:
        assert places[buffer.number] % ALIGNED == 0
        assert places[buffer.number] + bytes_of(buffer) <= end
    for one, other in conflicts(nest):
        first, second = sorted((one, other), key=lambda b: places[b.number])
        assert places[first.number] + bytes_of(first) <= places[second.number]
    assert end <= sum(map(bytes_of, nest.scratch))


@pytest.mark.parametrize("seed", range(20))
def test_random_buffers_lie_apart_where_they_must(seed: int) -> None:
    rng = np.random.default_rng(seed)
    types = ["float64", "bool", "int32"]
    scratch = [
        Buffer("scratch", k, types[rng.integers(3)], int(rng.integers(1, 400)))
        for k in range(rng.integers(1, 30))
    ]
    body = [Fill(scratch[k], 0.0) for k in rng.integers(len(scratch), size=60)]

    check(Nest([], [], [], scratch, list(body), 0, []))


@pytest.mark.parametrize("seed", range(20))
def test_buffers_of_random_programs(seed: int) -> None:
    program = random_program(seed)
    tape = wg.record(wg.value_and_grad(program.total), *program.arguments)
    try:
        check(build(lower(tape), 4)[0])
    except NotLoweredError:
        pytest.skip("not lowered")


def test_what_comes_one_after_the_other_shares_a_place() -> None:
    def chain(x: Any) -> Any:
        for _ in range(10):
            x = np.sort(x)[::-1] + 1.0
        return x

    nest, _ = build(lower(wg.record(chain, np.ones(200))), 4)
    _, end = placed(nest)

    assert sum(map(bytes_of, nest.scratch)) > 20 * 1600
    assert end < 7 * 1664
