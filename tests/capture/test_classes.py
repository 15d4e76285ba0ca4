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
from wengert.capture.answers.install import ORIGINALS
from wengert.capture.answers.leading import plain

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


# A function that is compared with NumPy's

NORM, DOT = np.linalg.norm, np.dot
HALF = fractions.Fraction(1, 2)
ANSWERED = [
    (module, name) for module in (np, np.linalg, np.fft) for name in ORIGINALS[module]
]


class Reduced:
    def __init__(self, how: Any) -> None:
        self.how = how

    def of(self, x: Any) -> Any:
        return 2.0 * self.how(x) if self.how is np.sum else self.how(x)


HOLDING: dict[str, Callable[[Any, Any], Any]] = {
    "is": lambda x, how: 2.0 * how(x) if how is np.sum else how(x),
    "is_not": lambda x, how: how(x) if how is not np.mean else 3.0 * how(x),
    "equal": lambda x, how: 2.0 * how(x) if np.sum == how else how(x),
    "in": lambda x, how: 2.0 * how(x) if how in (np.mean, np.sum) else how(x),
    "key": lambda x, how: {np.sum: 2.0, np.max: 4.0}.get(how, 1.0) * how(x),
    "attribute": lambda x, how: Reduced(how).of(x),
    "global": lambda x, how: how(x) * (2.0 if np.linalg.norm is NORM else 3.0),
}


@pytest.mark.parametrize("way", HOLDING)
@pytest.mark.parametrize("how", [np.sum, np.mean, np.max, np.prod, np.linalg.norm])
def test_numpys_functions_are_the_same_while_recording(way: str, how: Any) -> None:
    x = np.array([1.5, 2.5, 3.0])

    def f(x: Any) -> Any:
        return HOLDING[way](x, how)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = wengert.value_and_grad(f)(x)
        compiled = wengert.jit(wengert.value_and_grad(f))
        replayed = [compiled(x) for _ in range(3)]

    steps = 1e-6 * np.eye(3)
    slope = [(f(x + step) - f(x - step)) / 2e-6 for step in steps]
    assert found[0] == f(x)
    np.testing.assert_allclose(found[1], slope, rtol=1e-6)
    for value, gradient in replayed:
        np.testing.assert_allclose(value, found[0], rtol=1e-14)
        np.testing.assert_allclose(gradient, found[1], rtol=1e-14)


def test_which_functions_are_another_object_while_recording() -> None:
    """Those in C, whose code is nobody's to lead elsewhere; the others stay."""
    seen: dict[tuple[Any, str], Any] = {}

    def f(x: Any) -> Any:
        seen.update({(m, name): getattr(m, name) for m, name in ANSWERED})
        return x

    wengert.record(f, 1.0)

    others = {
        (module, name)
        for module, name in ANSWERED
        if seen[module, name] is not ORIGINALS[module][name]
    }
    in_c = {
        (module, name)
        for module, name in ANSWERED
        for function in [ORIGINALS[module][name]]
        if not inspect.isfunction(getattr(function, "_implementation", function))
    }
    assert others == in_c
    assert len(in_c) < 45 < 200 < len(ANSWERED)


def test_functions_imported_by_name_answer_lists() -> None:
    from numpy import mean, ones

    def f(x: Any) -> Any:
        made = ones(2)
        made[0] = x[1] ** 2
        return mean([x[0] * 2.0, 3.0]) + np.sum(made)

    np.testing.assert_array_equal(wengert.grad(f)(np.array([1.0, 4.0])), [1.0, 8.0])


def test_numpys_functions_have_their_own_code_when_used_outside() -> None:
    own = plain(np.median).__code__
    wengert.grad(lambda x: np.median(x))(np.arange(3.0))

    for _ in range(20):
        assert np.median([1.0, 2.0, 4.0]) == 2.0

    assert np.median._implementation.__code__ is own  # type: ignore[attr-defined]
    assert "axis" in inspect.signature(np.median).parameters


def of_a_default(x: Any, how: Any = np.dot) -> Any:
    return 2.0 * how(x, x) if how is np.dot else how(x, x)  # here


def of_a_global(x: Any) -> Any:
    return 2.0 * DOT(x, x) if np.dot is DOT else DOT(x, x)  # here


def of_an_equal(x: Any, how: Any = np.dot) -> Any:
    return how(x, x) if how != np.dot else 2.0 * how(x, x)  # here


def of_several(x: Any, how: Any = np.dot) -> Any:
    return 2.0 * how(x, x) if how in (np.inner, np.dot) else how(x, x)  # here


class Multiplied:
    def __init__(self, how: Any) -> None:
        self.how = how

    def of(self, x: Any) -> Any:
        return 2.0 * self.how(x, x) if self.how is np.dot else x[0]  # here


MULTIPLIED = Multiplied(np.dot)


def of_an_attribute(x: Any) -> Any:
    return MULTIPLIED.of(x)


ASKS_FUNCTIONS = (
    of_a_default,
    of_a_global,
    of_an_equal,
    of_several,
    of_an_attribute,
)


@pytest.mark.parametrize("function", ASKS_FUNCTIONS)
def test_a_comparison_of_a_function_in_c_is_warned_of_once(
    function: Callable[..., Any],
) -> None:
    kinds.WARNED.clear()

    with pytest.warns(UserWarning, match=r"is compared with np\.") as warned:
        [wengert.grad(function)(np.ones(3)) for _ in range(2)]

    (warning,) = warned
    asks = Multiplied.of if function is of_an_attribute else function
    lines, first = inspect.getsourcelines(asks)
    (place,) = [k for k, line in enumerate(lines) if "# here" in line]
    assert str(warning.message).startswith(f"test_classes.py:{first + place}: ")
    assert "function.__name__ == " in str(warning.message)


def test_names_of_functions_hold() -> None:
    def f(x: Any, how: Any = np.dot) -> Any:
        return 2.0 * how(x, x) if how.__name__ == "dot" else how(x, x)

    def g(x: Any) -> Any:
        return f(x, np.dot) + f(x)

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
        if how is None and act is np.sin and other is not np.dot and x[0] != np.pi:
            return np.sum(np.where(x == 0.0, 1.0, act(x)))
        return np.sum(x)

    kinds.WARNED.clear()
    x = np.array([0.0, 1.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert wengert.value_and_grad(f)(x)[0] == f(x)
