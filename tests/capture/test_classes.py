"""A recorded value is what it stands for: `isinstance` holds as it does outside."""

from __future__ import annotations

import numbers
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import pytest

import wengert

CLASSES = (
    np.ndarray,
    np.generic,
    np.number,
    np.inexact,
    np.floating,
    np.complexfloating,
    np.integer,
    np.bool_,
    np.float64,
    np.float32,
    np.int64,
    bool,
    int,
    float,
    complex,
    numbers.Number,
    numbers.Complex,
    numbers.Real,
    numbers.Integral,
    list,
    tuple,
    dict,
    str,
    (list, tuple),
    (np.ndarray, list),
    (int, float),
    int | float,
)
VALUES: tuple[Any, ...] = (
    2.0,
    3,
    2.0 + 1.0j,
    np.float64(2.0),
    np.float32(2.0),
    np.int64(2),
    np.complex128(1.0j),
    np.array(2.0),
    np.array([1.0, 2.0]),
    np.array([1.0, 2.0], dtype=np.float32),
    np.ones((2, 3)),
)


def named(value: Any) -> str:
    """Return a value's class for the name of a case."""
    return f"{type(value).__name__}{np.shape(value)}"


def answers_of(value: Any) -> list[bool]:
    """Return what `isinstance` says of a value, class by class."""
    return [isinstance(value, kind) for kind in CLASSES]


@pytest.mark.parametrize("value", VALUES, ids=named)
def test_an_argument_is_of_the_classes_that_it_is_of_outside(value: Any) -> None:
    seen: list[list[bool]] = []

    def f(x: Any) -> Any:
        seen.append(answers_of(x))
        return x * 1.0

    wengert.record(f, value)

    assert seen == [answers_of(value)]


RESULTS: tuple[Callable[[Any], Any], ...] = (
    lambda x: x[0],
    lambda x: x[:1],
    lambda x: x[0] > 1.0,
    lambda x: x > 1.0,
    lambda x: x[0] * 1.0,
    lambda x: x[0] * 1j,
    lambda x: np.sum(x),
    lambda x: np.argmax(x),
    lambda x: np.argsort(x),
    lambda x: x.astype(np.float32)[0],
    lambda x: np.zeros(2),
    lambda x: np.sqrt(x[0]),
    lambda x: -x,
)


@pytest.mark.parametrize("result", RESULTS)
def test_a_result_is_of_the_classes_that_it_is_of_outside(
    result: Callable[[Any], Any],
) -> None:
    at = np.array([1.5, 2.0])
    seen: list[list[bool]] = []

    def f(x: Any) -> Any:
        seen.append(answers_of(result(x)))
        return np.sum(x)

    wengert.record(f, at)

    assert seen == [answers_of(result(at))]


def test_a_function_that_dispatches_on_the_class_takes_the_same_way() -> None:
    @singledispatch
    def f(x: Any) -> Any:
        raise TypeError(x)

    f.register(float, lambda x: x**3)
    f.register(np.ndarray, lambda x: np.sum(x**2))

    assert wengert.grad(f)(2.0) == 12.0
    assert list(wengert.grad(f)(np.array([1.0, 2.0]))) == [2.0, 4.0]


@pytest.mark.parametrize("compile", [False, True])
def test_a_branch_on_the_class_is_that_of_the_argument(compile: bool) -> None:
    def f(x: Any) -> Any:
        if isinstance(x, np.ndarray):
            return np.sum(x**2)
        return x**3 if isinstance(x, float) else x

    derivative = wengert.grad(f)
    derivative = wengert.jit(derivative) if compile else derivative

    for _ in range(2):
        assert derivative(3.0) == 27.0
        assert derivative(np.float64(3.0)) == 27.0
        assert list(derivative(np.array([1.0, 2.0]))) == [2.0, 4.0]
