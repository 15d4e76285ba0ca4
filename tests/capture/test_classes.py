"""A recorded value is what it stands for: `isinstance` holds as it does outside."""

from __future__ import annotations

import fractions
import inspect
import numbers
import warnings
from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np
import pytest

import wengert
from wengert.capture import kinds

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


# type(x), which cannot be honoured

AMONG = (float, np.float64)


def by_identity(x: Any) -> Any:
    return x**2 if type(x) is float else 0.0 * x  # here


def by_equality(x: Any) -> Any:
    return x**2 if type(x) == np.float64 else 0.0 * x  # here  # noqa: E721


def by_difference(x: Any) -> Any:
    return 0.0 * x if type(x) is not float else x**2  # here


def the_class_first(x: Any) -> Any:
    return x**2 if np.float64 == type(x) else 0.0 * x  # here  # noqa: E721


def by_membership(x: Any) -> Any:
    return x**2 if type(x) in (int, float) else 0.0 * x  # here


def by_membership_of_a_global(x: Any) -> Any:
    return x**2 if type(x) in AMONG else 0.0 * x  # here


def of_a_part(x: Any) -> Any:
    y = [x]
    return x**2 if type(y[0]) is float else 0.0 * x  # here


def of_a_local(x: Any) -> Any:
    y = x * 2.0
    if type(y) is np.float64:  # here
        return y
    return 0.0 * x


def in_a_helper(x: Any) -> Any:
    return helper_of_types(x)


def helper_of_types(value: Any) -> Any:
    return value**2 if type(value) is float else 0.0 * value  # here


def in_an_inner_function(x: Any) -> Any:
    def inner(z: Any) -> Any:
        return z**2 if type(z) is float else 0.0 * z  # here

    return inner(x)


def inside_a_closure(x: Any) -> Any:
    return (lambda: x**2 if type(x) is float else 0.0 * x)()  # here


ASKS_TYPES = (
    by_identity,
    by_equality,
    by_difference,
    the_class_first,
    by_membership,
    by_membership_of_a_global,
    of_a_part,
    of_a_local,
    in_a_helper,
    in_an_inner_function,
    inside_a_closure,
)


def line_asked(function: Callable[..., Any]) -> str:
    """Return ``file.py:12`` of the line marked as the one that asks."""
    asks = helper_of_types if function is in_a_helper else function
    lines, first = inspect.getsourcelines(asks)
    (place,) = [k for k, line in enumerate(lines) if "# here" in line]
    return f"test_classes.py:{first + place}"


@pytest.mark.parametrize("function", ASKS_TYPES)
def test_a_comparison_of_a_type_is_warned_of_once(
    function: Callable[..., Any],
) -> None:
    kinds.WARNED.clear()

    with pytest.warns(UserWarning, match=r"type\(.*\) is compared") as warned:
        [wengert.grad(function)(at) for at in (2.0, 3.0)]

    (warning,) = warned
    assert str(warning.message).startswith(f"{line_asked(function)}: type(")
    assert "isinstance(" in str(warning.message)


def test_the_advice_of_the_warning_holds() -> None:
    assert wengert.grad(lambda x: x**2 if isinstance(x, float) else 0.0 * x)(2.0) == 4.0


def test_types_of_what_is_not_recorded_are_nobodys_concern() -> None:
    kinds.WARNED.clear()

    def f(x: Any, n: Any, names: Any) -> Any:
        if type(names) is list and type(x).__name__ != "list" and type(n) is int:
            return x**n
        return x

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = wengert.grad(f)(2.0, 3, ["a"])

    assert found == 12.0


# A function that is compared with NumPy's, which is another one while recording

SUM = np.sum
HALF = fractions.Fraction(1, 2)


class Reduced:
    def __init__(self, how: Any) -> None:
        self.how = how

    def of(self, x: Any) -> Any:
        return 2.0 * self.how(x) if self.how is np.sum else self.how(x)  # here


REDUCED = Reduced(np.sum)


def of_a_default(x: Any, how: Any = np.sum) -> Any:
    return 2.0 * how(x) if how is np.sum else how(x)  # here


def of_a_global(x: Any) -> Any:
    return 2.0 * SUM(x) if np.sum is SUM else SUM(x)  # here


def of_an_equal(x: Any, how: Any = np.sum) -> Any:
    return how(x) if how != np.sum else 2.0 * how(x)  # here


def of_several(x: Any, how: Any = np.sum) -> Any:
    return 2.0 * how(x) if how in (np.mean, np.sum) else how(x)  # here


def of_another_module(x: Any, how: Any = np.linalg.norm) -> Any:
    return 2.0 * how(x) if how is np.linalg.norm else how(x)  # here


def of_an_attribute(x: Any) -> Any:
    return REDUCED.of(x)


ASKS_FUNCTIONS = (
    of_a_default,
    of_a_global,
    of_an_equal,
    of_several,
    of_another_module,
    of_an_attribute,
)


@pytest.mark.parametrize("function", ASKS_FUNCTIONS)
def test_a_comparison_of_a_function_is_warned_of_once(
    function: Callable[..., Any],
) -> None:
    kinds.WARNED.clear()

    with pytest.warns(UserWarning, match=r"is compared with np\.") as warned:
        [wengert.grad(function)(np.ones(3)) for _ in range(2)]

    (warning,) = warned
    asks = Reduced.of if function is of_an_attribute else function
    lines, first = inspect.getsourcelines(asks)
    (place,) = [k for k, line in enumerate(lines) if "# here" in line]
    assert str(warning.message).startswith(f"test_classes.py:{first + place}: ")
    assert "function.__name__ == " in str(warning.message)


def test_names_of_functions_hold() -> None:
    def f(x: Any, how: Any = np.sum) -> Any:
        return 2.0 * how(x) if how.__name__ == "sum" else how(x)

    def g(x: Any) -> Any:
        return f(x, np.sum) + f(x)

    kinds.WARNED.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wengert.value_and_grad(g)(np.ones(3))[0] == g(np.ones(3)) == 12.0


def test_the_standard_librarys_comparisons_are_nobodys_concern() -> None:
    kinds.WARNED.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wengert.grad(lambda x: x * float(HALF))(2.0) == 0.5


def test_other_comparisons_of_functions_are_nobodys_concern() -> None:
    def f(x: Any, how: Any = None, act: Any = np.sin, other: Any = max) -> Any:
        if how is None and act is np.sin and other is not np.sum and x[0] != np.pi:
            return np.sum(np.where(x == 0.0, 1.0, act(x)))
        return np.sum(x)

    kinds.WARNED.clear()
    x = np.array([0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wengert.value_and_grad(f)(x)[0] == f(x)
