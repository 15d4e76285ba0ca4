"""What a function may hand out: no recorded value leaves a recording unseen."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg


class Plain:
    """A class that nobody registered."""

    def __init__(self, value: Any) -> None:
        self.value = value


class Registered(Plain):
    """A class whose numbers are found."""


wg.register_pytree_node(
    Registered, lambda made: ((made.value,), None), lambda _, parts: Registered(*parts)
)


def stepwise(x: float) -> Any:
    """Yield two numbers."""
    yield x
    yield x * 2


HIDING: list[Callable[[float], Any]] = [
    lambda x: {x * 2},
    lambda x: frozenset([x * 2]),
    lambda x: deque([x]),
    lambda x: Plain(x * 2),
    lambda x: Plain([{"k": (x,)}]),
    lambda x: (1.0, Plain(Plain(x))),
    lambda x: lambda y: x * y,
    lambda x: lambda y=x: y,
    lambda x: map(abs, [x]),
    lambda x: zip([x], [1], strict=True),
    lambda x: {"a": x}.values(),
    stepwise,
]


@pytest.mark.parametrize("transform", [wg.jit, lambda f: lambda x: wg.record(f, x)])
@pytest.mark.parametrize("function", HIDING)
def test_a_result_that_hides_a_recorded_value_is_refused(
    function: Callable[[float], Any], transform: Any
) -> None:
    transformed = transform(function)
    for x in (2.0, 3.0, 3.0):
        with pytest.raises(wg.RecordingError, match="that holds a recorded value"):
            transformed(x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: list({x * 2}),
        lambda x: list(deque([x, 2 * x])),
        lambda x: Registered(x * 2).value,
        lambda x: list(stepwise(x)),
        lambda x: [{1, 2}, Plain("a").value, x],
    ],
)
def test_the_numbers_of_such_a_result_are_answered(
    function: Callable[[float], Any],
) -> None:
    compiled = wg.jit(function)
    for x in (2.0, 3.0, 4.0, 5.0):
        assert compiled(x) == function(x)


def test_a_registered_class_is_handed_out_with_its_numbers() -> None:
    compiled = wg.jit(lambda x: Registered(x * 2))
    for x in (2.0, 3.0, 4.0):
        assert type(compiled(x)) is Registered
        assert (type(compiled(x).value), compiled(x).value) == (float, x * 2)


@pytest.mark.parametrize("other", [None, "a", 2, [1.0, 2.0]])
def test_an_array_of_objects_keeps_each_as_it_is(other: Any) -> None:
    def function(x: float) -> Any:
        made = np.array([x, other], dtype=object)
        return made[0] * 2, made[1], made.shape, made.dtype == object

    compiled = wg.jit(function)
    for x in (2.0, 3.0, 4.0):
        assert compiled(x) == function(x)


def test_an_empty_array_of_objects_holds_none() -> None:
    compiled = wg.jit(lambda x: [part is None for part in np.empty(2, dtype=object)])
    for x in (2.0, 3.0, 4.0):
        assert compiled(x) == [True, True]


def objects(x: Any) -> Any:
    return np.array([x, None], dtype=object)


def records(x: Any) -> Any:
    return np.array([(x, 1)], dtype=[("a", float), ("b", int)])


@pytest.mark.parametrize(
    "function",
    [objects, records, lambda x: np.asarray([x, None]), lambda x: np.array([x, {}])],
)
def test_arrays_of_objects_and_records_do_not_hand_out_recorded_values(
    function: Callable[[float], Any],
) -> None:
    compiled = wg.jit(function)
    for x in (2.0, 3.0, 3.0):
        with pytest.raises(wg.WengertError, match="recorded value"):
            compiled(x)


@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy])
@pytest.mark.parametrize("number", [2.0, 3, np.float64(2.0), np.float32(0.5), 1j])
def test_a_copy_of_a_number_is_of_its_type(make: Any, number: Any) -> None:
    compiled = wg.jit(lambda x: make({"k": x})["k"] * 2)
    for _ in range(3):
        assert compiled(number) == number * 2
        assert type(compiled(number)) is type(number * 2)
