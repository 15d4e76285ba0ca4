"""A nest in parts does what it does as a whole, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.guarded import call_guarded
from tests.lower.programs import random_program
from tests.lower.test_nests import given_to
from wengert.emit.nests import made, written
from wengert.execute.engine import native_engine
from wengert.execute.loops import compile_loops
from wengert.lower.build import build
from wengert.lower.cut import cut
from wengert.lower.lower import lower
from wengert.lower.nest import Fold, Nest, Part, Read, Start, everything, read_by
from wengert.lower.refusal import NotLoweredError

needs_engine = pytest.mark.skipif(not native_engine(), reason="the engine is off")
LANES = 4


def numbers(seed: int, count: int) -> Any:
    """Return a function of random operations on numbers, some of them asked about."""

    def function(x: Any) -> Any:
        rng = np.random.default_rng(seed)
        pool = [x[k] for k in range(6)]
        for _ in range(count):
            j, k = rng.integers(6, size=2)
            kind = rng.integers(7)
            if kind < 2:
                pool[k] = np.tanh(pool[j] * pool[k])
            elif kind == 2:
                pool[k] = np.sin(pool[k])
            elif kind == 3:
                pool[k] = 0.5 * (pool[k] - pool[j])
            elif kind == 4:
                pool[k] = np.where(pool[j] > 0.1, pool[k], 0.5)
            elif kind == 5:
                pool[k] = np.trunc(pool[k] * 10.0) * 0.1
            elif pool[j] > 0.3 * rng.normal():
                pool[k] = 1.0 - 0.5 * pool[k]
        return np.stack(pool), pool[0] > pool[1]

    return function


def nest_of(tape: Any) -> tuple[Nest, list[np.ndarray]]:
    return build(lower(tape), LANES)


def results(nest: Nest, constants: Any, tape: Any, given: Any, level: int) -> Any:
    """Return what the kernel of a nest answers, its memory between guard pages."""
    kernel = made(written(nest, constants, LANES, {}), level)
    likes = [tape.types[k] for k in tape.output_indices]
    return call_guarded(kernel, given, likes, True)


def agree(one: Any, other: Any) -> None:
    assert one[0] == other[0]
    for x, y in zip(one[1], other[1], strict=True):
        if not one[0]:
            np.testing.assert_array_equal(x, y)


@pytest.mark.one_in(3)
@needs_engine
@pytest.mark.parametrize(("part", "level"), [(3, 0), (20, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_values_go_from_part_to_part(seed: int, part: int, level: int) -> None:
    """Also at points where a guard fails: it is the same one, the first."""
    rng = np.random.default_rng(seed)
    tape = wg.record(numbers(seed, 80), rng.normal(size=6))
    nest, constants = nest_of(tape)
    pieces = cut(nest, 0, part)

    answers = set()
    for _ in range(6):
        given = [rng.normal(size=6)]
        whole = results(nest, constants, tape, given, level)
        agree(results(pieces, constants, tape, given, level), whole)
        answers.add(whole[0])
    assert len(answers) > 1


@needs_engine
@pytest.mark.parametrize("seed", range(5))
def test_random_programs_of_arrays_may_be_cut_anywhere(seed: int) -> None:
    tape = wg.record(random_program(seed), *random_program(seed).arguments)
    try:
        nest, constants = nest_of(tape)
    except NotLoweredError:
        pytest.skip("not lowered")
    given = given_to(tape)

    whole = results(nest, constants, tape, given, 2)

    agree(results(cut(nest, 0, 1), constants, tape, given, 2), whole)


@pytest.mark.parametrize("seed", range(5))
def test_a_part_reads_what_it_makes_or_loads(seed: int) -> None:
    """And no register is used in two."""
    program = random_program(seed)
    tape = wg.record(program, *program.arguments)
    try:
        nest, _ = nest_of(tape)
    except NotLoweredError:
        pytest.skip("not lowered")

    seen = set[int]()
    for part in cut(nest, 0, 1).body:
        assert isinstance(part, Part)
        made_here, registers = set[int](), set[int]()
        for each in everything(part.body):
            assert made_here.issuperset(read_by(each))  # none of them is a `While`
            made_here.add(getattr(each, "value", -1))
            if isinstance(each, Start | Fold | Read):
                registers.add(each.register)
        assert seen.isdisjoint(registers)
        seen |= registers


def test_short_nests_are_whole() -> None:
    nest, _ = nest_of(wg.record(np.sin, 0.5))

    assert cut(nest) is nest


@needs_engine
def test_text_grows_linearly_and_no_function_grows_at_all() -> None:
    texts, scratch = [], []
    for count in (2000, 16_000):
        tape = wg.record(numbers(0, count), np.zeros(6))
        found = written(cut(nest_of(tape)[0]), [], LANES, {})
        texts.append(found.texts)
        scratch.append(found.workspace)

    lengths = [sum(map(len, text)) for text in texts]
    longest = [max(map(len, text[:-1])) for text in texts]
    assert lengths[1] < 8.5 * lengths[0]
    assert longest[1] < 1.5 * longest[0]
    assert scratch[1] < 2 * scratch[0] + 1024  # memory is used again
    assert len(texts[1]) > 6 * len(texts[0])


@needs_engine
def test_how_many_parts_are_done_is_told() -> None:
    tape, told = wg.record(numbers(1, 6000), np.zeros(6)), list[Any]()

    kernel = compile_loops(tape, True, told=lambda *counts: told.append(counts))

    total = kernel.parts + 1
    assert total > 6
    assert kernel.level == 0
    assert told == [(k, total) for k in range(total + 1)]
