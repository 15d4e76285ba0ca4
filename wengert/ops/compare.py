"""Comparisons, logic and bits: not differentiable."""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.operation import answers, apply, constant_of

PAIR = ((-3.0, 3.0), (-3.0, 3.0))
SINGLE = ((-3.0, 3.0),)

_ufunc: np.ufunc

for _ufunc, _text in (
    (np.less, "x < y"),
    (np.less_equal, "x <= y"),
    (np.greater, "x > y"),
    (np.greater_equal, "x >= y"),
    (np.equal, "x == y"),
    (np.not_equal, "x != y"),
    (np.logical_and, "x and y"),
    (np.logical_or, "x or y"),
    (np.logical_xor, "x ^ y"),
):
    constant_of(_ufunc.__name__, _ufunc, form=Map(_text), domain=PAIR)

for _ufunc, _text in (
    (np.logical_not, "not x"),
    (np.isnan, "isnan(x)"),
    (np.isinf, "isinf(x)"),
    (np.isfinite, "isfinite(x)"),
    (np.signbit, "copysign(1, x) < 0"),
):
    constant_of(_ufunc.__name__, _ufunc, form=Map(_text), domain=SINGLE)

for _ufunc, _text in (
    (np.bitwise_and, "x & y"),
    (np.bitwise_or, "x | y"),
    (np.bitwise_xor, "x ^ y"),
    (np.invert, "~x"),
    (np.left_shift, "x << y"),
    (np.right_shift, "x >> y"),
):
    constant_of(_ufunc.__name__, _ufunc, form=Map(_text))
for _ufunc in (np.gcd, np.lcm, np.bitwise_count):
    constant_of(_ufunc.__name__, _ufunc, form=Map())

# Whole arrays


def evaluate_isclose(a: Any, b: Any, rtol: Any, atol: Any, *, equal_nan: bool) -> Any:
    """Return ``np.isclose``."""
    return np.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


def text_of_isclose(kind: str, *, equal_nan: bool) -> str:
    """Return the expression of ``np.isclose``."""
    text = "(fabs(x - y) <= w + z * fabs(y) and isfinite(y)) or x == y"
    return text + " or (isnan(x) and isnan(y))" * equal_nan


ISCLOSE = constant_of("isclose", evaluate_isclose, form=Map(text_of_isclose), numpy=())


@answers(np.isclose)
def isclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> Any:
    """Answer ``np.isclose``."""
    return apply(ISCLOSE, a, b, rtol, atol, equal_nan=bool(equal_nan))


@answers(np.allclose)
def allclose(
    a: Any, b: Any, rtol: Any = 1e-05, atol: Any = 1e-08, equal_nan: bool = False
) -> bool:
    """Answer ``np.allclose``; the answer is guarded."""
    return bool(np.all(isclose(a, b, rtol, atol, equal_nan)))


@answers(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> bool:
    """Answer ``np.array_equal``; the answer is guarded."""
    if np.shape(a1) != np.shape(a2):
        return False
    same = np.equal(a1, a2)
    if equal_nan:
        same = np.logical_or(
            same, np.logical_and(np.not_equal(a1, a1), np.not_equal(a2, a2))
        )
    return bool(np.all(same))


@answers(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> bool:
    """Answer ``np.array_equiv``; the answer is guarded."""
    try:
        np.broadcast_shapes(np.shape(a1), np.shape(a2))
    except ValueError:
        return False
    return bool(np.all(np.equal(a1, a2)))


@answers(np.isposinf)
def isposinf(x: Any, out: Any = None) -> Any:
    """Answer ``np.isposinf``."""
    return np.logical_and(np.isinf(x), np.logical_not(np.signbit(x)), out)


@answers(np.isneginf)
def isneginf(x: Any, out: Any = None) -> Any:
    """Answer ``np.isneginf``."""
    return np.logical_and(np.isinf(x), np.signbit(x), out)
