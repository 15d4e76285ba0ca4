"""What Python and NumPy do with a value, and what they do with a recorded one.

The answer is the same, the exception is of the same class, or the error says what to
write instead.
"""

from __future__ import annotations

import copy
import enum
import fractions
import functools
import itertools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from tests.capture.test_numpy_sweep import agree
from wengert.capture.record import leave

V = np.array([0.5, 1.5, 0.7])
Program = Callable[[Any], Any]


class Metres(float):
    """A float with a unit."""


class Count(int):
    """An integer with a name."""


class Mode(enum.IntEnum):
    """A choice that is a number."""

    FAST = 2


class Place:
    """What counts as an index."""

    def __index__(self) -> int:
        return 1


class Reading:
    """What converts to an array, as a sensor's reading."""

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        return np.array([1.0, 2.0, 3.0])


class Strange:
    """What takes no part in NumPy's operators and has its own."""

    __array_ufunc__ = None

    def reflected(self, other: Any) -> str:
        """Return which method was asked."""
        return "its own"

    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rpow__ = __rmatmul__ = reflected
    __rfloordiv__ = __rmod__ = __lt__ = __gt__ = __le__ = __ge__ = reflected


class Eager(Strange):
    """What goes before arrays by its priority, as NumPy's older protocol has it."""

    __array_ufunc__ = np.ndarray.__array_ufunc__
    __array_priority__ = 10.0


class Shy:
    """What does not want to be looked at."""

    def __getattribute__(self, name: str) -> Any:
        raise ValueError("no")


def nested(value: Any, times: int) -> Any:
    """Return a value in lists in lists."""
    for _ in range(times):
        value = [value]
    return value


def of_itself(value: Any) -> Any:
    """Return a list that holds a value and itself twice."""
    values = [value]
    values += [values, values]
    return values


def delete(x: Any) -> None:
    """Delete an element."""
    del x[0]


def unpacked(x: Any) -> Any:
    """Return the first and last of three."""
    first, *_, last = x
    return first - last


def of(name: str) -> Callable[..., Any]:
    """Return an operator by its name."""
    return getattr(operator, name)


OPERATORS = "add sub mul truediv floordiv mod pow matmul lt gt le ge".split()
PROGRAMS: dict[str, Program] = {
    **{
        f"{name} of a class without ufuncs": lambda x, f=name: of(f)(x, Strange())
        for name in OPERATORS
    },
    **{
        f"{getattr(function, '__name__', function)} of {number!r}": (
            lambda x, f=function, n=number: f(x, n)
        )
        for number in (Metres(3.0), Count(3), Mode.FAST, True)
        for function in (operator.mul, operator.pow, np.maximum, operator.lt)
    },
    "a number of a class first": lambda x: Metres(3.0) ** x,
    "a store of a number of a class": lambda x: operator.setitem(x, 0, Metres(2.0)),
    "an index": lambda x: x[Place()],
    "a choice as an index": lambda x: x[Mode.FAST],
    "a slice by an index": lambda x: x[: Place()],
    "what converts to an array": lambda x: x * Reading(),
    "what converts to an array, first": lambda x: np.add(Reading(), x),
    "an operand that is shy": lambda x: x + Shy(),
    "a shy part of a list": lambda x: np.array([x[0], Shy()]),
    **{
        f"a list nested {times} times, {name}": lambda x, n=times, f=function: f(
            x, nested(x, n)
        )
        for times in (3, 20, 62, 70, 3000)
        for name, function in {
            "array": lambda x, deep: np.array(deep).ndim,
            "sum": lambda x, deep: np.sum(deep),
            "operand": lambda x, deep: np.ndim(x[0] + np.array(deep)),
            "concatenate": lambda x, deep: np.concatenate(deep).ndim,
        }.items()
    },
    "a store of a deep list": lambda x: operator.setitem(x, 0, nested(x[0], 3000)),
    "a key of a deep list": lambda x: x[nested(0, 3000)],
    "a list of itself": lambda x: np.sum(of_itself(x[0])),
    "base": lambda x: (x.base is None, (x * 2).base is None, x[0].base is None),
    "base of a view": lambda x: (x[1:].base is None, x.reshape(3, 1).base is None),
    "shape of a list": lambda x: np.shape([x[0], x[1]]),
    "ndim of a list": lambda x: np.ndim([[x[0]]]),
    "size of a list": lambda x: np.size([x[0], 2.0]),
    "len": len,
    "reversed": lambda x: list(reversed(x)),
    "sorted": sorted,
    "sum": sum,
    "min": min,
    "max": max,
    "any": any,
    "all": all,
    "abs": abs,
    "list": list,
    "tuple": tuple,
    "enumerate": lambda x: [k * v for k, v in enumerate(x)],
    "zip": lambda x: [a * b for a, b in zip(x, x, strict=True)],
    "map": lambda x: list(map(np.sin, x)),
    "filter": lambda x: list(filter(lambda v: v > 0.6, x)),
    "reduce": lambda x: functools.reduce(operator.mul, x),
    "accumulate": lambda x: list(itertools.accumulate(x)),
    "unpacking": unpacked,
    "divmod": lambda x: divmod(x, 2),
    "in": lambda x: (0.5 in x, 0.6 in x),
    "a text in": lambda x: "a" in x,
    **{
        f"{function.__name__} {kind}": lambda x, f=function, m=make: f(m(x))
        for function in (
            np.diag_indices_from,
            np.tril_indices_from,
            np.triu_indices_from,
        )
        for kind, make in {
            "of a matrix": lambda x: x * x[:, None],
            "of a column": lambda x: x[:, None],
            "of a vector": lambda x: x,
        }.items()
    },
    "indices from the second diagonal": lambda x: np.triu_indices_from(
        x * x[:, None], k=x.argmax() - 1
    ),
    "path of an einsum": lambda x: np.einsum(
        "i,ij->j",
        x,
        x * x[:, None],
        optimize=np.einsum_path("i,ij->j", x, x * x[:, None])[0],
    ),
    "isscalar": lambda x: (np.isscalar(x), np.isscalar(x[0])),
    "iterable": lambda x: (np.iterable(x), np.iterable(x[0])),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "isreal": np.isreal,
    "hash": lambda x: hash(x[0]),
    "a set": lambda x: set(x),
    "a key of a dictionary": lambda x: {x[0]: 1},
    "hash of an array": hash,
    "delete": delete,
    "memory": lambda x: x.data,
    "ctypes": lambda x: x.ctypes,
    "dtype": lambda x: setattr(x, "dtype", np.int64),
    "strides": lambda x: setattr(x, "strides", (0,)),
    "an attribute that nothing has": lambda x: x.nothing,
    "setflags": lambda x: x.setflags(write=False),
    "bit_count": lambda x: x.argmax().bit_count(),
    "bit_count of a float": lambda x: x[0].bit_count(),
    "dlpack": lambda x: np.from_dlpack(x),
    "len of a number": lambda x: len(x[0]),
    "an element of a number": lambda x: x[0][0],
    "a number with an axis": lambda x: x[0][None],
    "an index out of bounds": lambda x: x[5],
    "a text as an index": lambda x: x["a"],
    "a float as an index": lambda x: x[0.5],
    "no index": lambda x: x[[]],
    "a mask in a list": lambda x: x[[True, False, True]],
    "a range as an index": lambda x: x[range(2)],
    "a range without numbers as an index": lambda x: x[range(0)],
    "places without numbers in a list": lambda x: x[[[]]],
    "a set as an index": lambda x: x[{0}],
    **{
        f"{name} of {other!r}": lambda x, f=name, o=other: of(f)(x, o)
        for name in ("eq", "ne", "add", "lt")
        for other in (None, "a", b"a", {}, {1}, ..., object)
    },
    **{
        f"{name} of {other.dtype}": lambda x, f=name, o=other: of(f)(x, o)
        for name in ("eq", "ne", "mul")
        for other in (
            np.array(["a", "b", "c"]),
            np.datetime64("2020-01-01"),
            np.timedelta64(1, "D"),
            np.array([1, 2, 3], dtype="m8[s]"),
        )
    },
    "a list times a float": lambda x: [1.0, 2.0] * x[0],
    "a float times a tuple": lambda x: x[0] * (1.0, 2.0),
    "a number and None": lambda x: (x[0] == None, x[0] != None),  # noqa: E711
    **{
        f"{name} of a count": lambda x, f=function: f(x.argmax())
        for name, function in {
            "zeros": np.zeros,
            "ones": lambda n: np.ones((2, n)),
            "full": lambda n: np.full(n, 2.0),
            "full of two": lambda n: np.full((n, 2), 2.0),
            "eye": np.eye,
            "identity": np.identity,
            "tri": np.tri,
            "arange": np.arange,
            "arange from to": lambda n: np.arange(0, n, 1),
            "linspace": lambda n: np.linspace(0.0, 1.0, n),
            "indices": lambda n: np.indices((n, 2)),
            "hanning": np.hanning,
            "bartlett": np.bartlett,
            "triu_indices": np.triu_indices,
            "diag_indices": np.diag_indices,
            "ix_": lambda n: np.ix_([n], [0]),
            "unravel_index": lambda n: np.unravel_index(n, (3, 1)),
            "tile": lambda n: np.tile(V, n),
            "repeat": lambda n: np.repeat(V, n),
            "roll": lambda n: np.roll(V, n),
            "reshape": lambda n: np.arange(3.0).reshape(n, 3),
            "range": lambda n: list(range(n)),
            "an index": lambda n: (V[n], V[:n], [1, 2, 3][n]),
        }.items()
    },
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PROGRAMS)
def test_a_recorded_value_does_what_a_plain_one_does(name: str) -> None:
    program, found = PROGRAMS[name], []

    def recorded(x: Any) -> Any:
        found.append(leave(program(x)))
        return np.sum(x)

    try:
        right = program(V.copy())
    except Exception as error:
        kinds = [kind for kind in type(error).__mro__ if kind.__module__ == "builtins"]
        with pytest.raises(kinds[0]):
            wengert.grad(recorded)(V)
        return
    try:
        wengert.grad(recorded)(V)
    except wengert.WengertError as error:
        assert "instead:" in str(error)  # noqa: PT017
    else:
        assert agree(found[0], right)


@pytest.mark.parametrize("number", [Metres(3.0), Count(3), Mode.FAST])
def test_numbers_of_classes_have_derivatives_by_the_others(number: Any) -> None:
    def function(x: Any, n: Any) -> Any:
        return np.sum(x**n * n)

    expected = number * number * V ** (number - 1)
    for slope in (wengert.grad(function), wengert.jit(wengert.grad(function))):
        for _ in range(3):
            np.testing.assert_allclose(slope(V, number), expected)


def test_what_converts_to_an_array_is_a_constant() -> None:
    slope = wengert.grad(lambda x: np.sum(x * Reading()))(V)

    assert slope.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("name", ["data", "ctypes", "__array_interface__", "nothing"])
def test_what_asks_first_is_told_that_an_attribute_is_missing(name: str) -> None:
    wengert.grad(lambda x: x * (not hasattr(x, name)))(2.0)

    assert wengert.grad(lambda x: np.sum(x * (not hasattr(x, name))))(V).tolist() == [
        1.0,
        1.0,
        1.0,
    ]


def test_a_fraction_is_a_float_where_it_meets_one() -> None:
    half = fractions.Fraction(1, 2)

    slope = wengert.grad(lambda x: np.sum(x * half + half * x))(V)

    assert slope.tolist() == [1.0, 1.0, 1.0]


def test_an_argument_that_is_shy_is_passed_on() -> None:
    assert wengert.grad(lambda x, _: x**2)(3.0, Shy()) == 6.0
