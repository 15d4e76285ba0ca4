"""A checked tape compares what is recorded, node by node, and appends nothing."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

from wengert import record
from wengert.capture.record import record_onto
from wengert.core.checked import CheckedTape, Expected, same
from wengert.core.tape import Tape

NAN = float("nan")


def scaled(factor: float) -> Any:
    return lambda x: np.sin(x) * factor


def check(function: Any, tape: Tape, *args: Any) -> Tape:
    return record_onto(CheckedTape(Expected(tape)), function, args)


def test_a_tape_that_agrees_has_the_values_of_its_own_run() -> None:
    tape = record(scaled(2.0), 0.5)
    checked = check(scaled(2.0), tape, 1.5)

    assert isinstance(checked, CheckedTape)
    assert checked.operations is tape.operations
    assert checked.play.outputs[checked.output_indices[0]] == np.sin(1.5) * 2.0


@pytest.mark.parametrize("factor", [3.0, 2, np.float64(2.0), np.float32(2.0), True])
def test_another_constant_parts_the_tapes_and_the_rest_is_recorded(factor: Any) -> None:
    tape = record(scaled(2.0), 0.5)
    length = len(tape)
    checked = check(scaled(factor), tape, 1.5)

    assert type(checked) is Tape
    assert len(tape) == length
    difference = checked.difference
    assert difference.before.settings == {"value": 2.0}
    assert not difference.is_branch
    assert checked(0.25) == record(scaled(factor), 0.25)(0.25)
    assert checked.verify() is checked


def test_an_ending_that_comes_early_parts_the_tapes() -> None:
    tape = record(lambda x: np.sin(x) * 2.0, 0.5)
    checked = check(np.sin, tape, 0.5)

    assert type(checked) is Tape
    assert [op.name for op in checked.operations] == ["input", "sin"]


def test_another_output_of_the_same_operations_parts_the_tapes() -> None:
    def both(x: Any) -> tuple[Any, Any]:
        return np.sin(x), np.cos(x)

    tape = record(lambda x: both(x)[0], 0.5)
    checked = check(lambda x: both(x)[1], tape, 0.5)

    assert type(checked) is Tape
    assert checked(0.5) == np.cos(0.5)


def test_a_branch_is_told_from_a_function_that_does_not_repeat() -> None:
    def bend(x: Any) -> Any:
        return x if x > 0 else -x

    tape = record(bend, 1.0)

    assert check(bend, tape, -1.0).difference.is_branch


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "i8"])
def test_shapes_and_types_of_inputs_are_compared(shape: Any, dtype: str) -> None:
    tape = record(lambda x: x * 2, np.ones(4, np.float16))

    assert type(check(lambda x: x * 2, tape, np.ones(shape, dtype))) is Tape


SAME = [
    (1.5, 1.5),
    (NAN, float("nan")),
    (np.float64(NAN), np.float64(NAN)),
    ((1, (2.0, "a")), (1, (2.0, "a"))),
    (np.arange(3.0), np.arange(3.0)),
    ({"a": [1, 2]}, {"a": [1, 2]}),
    (slice(1, 2), slice(1, 2)),
    (functools.partial(max, 1), functools.partial(max, 1)),
    (scaled(2.0), scaled(2.0)),
    (np.sin, np.sin),
    ({1, 2}, {2, 1}),
]
OTHER = [
    (0.0, -0.0),
    (1, True),
    (1, 1.0),
    (1.0, np.float64(1.0)),
    ((1, 2), [1, 2]),
    (np.arange(3.0), np.arange(3)),
    (np.array([0.0]), np.array([-0.0])),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (scaled(2.0), scaled(3.0)),
    (functools.partial(max, 1), functools.partial(max, 2)),
    (np.sin, np.cos),
    (object(), object()),
    (lambda x: x, lambda x: -x),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_every_reader_finds_the_same_is_the_same(one: Any, other: Any) -> None:
    assert same(one, other)
    assert same(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_what_a_reader_can_tell_apart_is_not_the_same(one: Any, other: Any) -> None:
    assert not same(one, other)
    assert not same(other, one)


def test_functions_that_hold_themselves_are_compared_too() -> None:
    def make(step: float) -> Any:
        def down(x: Any) -> Any:
            return x if x < 1 else down(x - step)

        return down

    assert same(make(0.5), make(0.5))
    assert not same(make(0.5), make(0.25))
