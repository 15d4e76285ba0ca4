"""Python's `math`, answered while recording."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from wengert.capture.answers.table import Function, answered, holds, number
from wengert.core.types import Recorded
from wengert.ops.join import gather


def answer_math(name: str, function: Function) -> None:
    """Answer a `math` function by the NumPy function that is the same.

    The original is asked first, of the plain numbers: it raises what `math` raises.
    """
    original = getattr(math, name, None)
    if original is None:  # a later Python's
        return

    @answered(name, math)
    def of_numbers(*args: Any) -> Any:
        for arg in args:
            if isinstance(arg, Recorded):
                break
        else:
            return original(*args)
        original(*(number(arg) for arg in args))
        return function(*(as_double(arg) for arg in args))


def as_double(value: Any) -> Any:
    """Return an argument in double precision, as `math` computes."""
    if not isinstance(value, Recorded):
        return value
    if hasattr(value, "__setitem__"):
        value = np.reshape(value, ())[()]  # type: ignore[call-overload]
    if value.dtype != np.float64:
        return value.astype(np.float64)
    return value


def logarithm(x: Any, base: Any = None) -> Any:
    """Return ``math.log``."""
    return np.log(x) if base is None else np.log(x) / np.log(base)


def ieee_remainder(x: Any, y: Any) -> Any:
    """Return ``math.remainder``: the quotient is rounded to the nearest integer."""
    return x - np.rint(x / y) * y


def hypotenuse(*coordinates: Any) -> Any:
    """Return ``math.hypot`` of any number of coordinates."""
    result: Any = np.abs(coordinates[0])
    for coordinate in coordinates[1:]:
        result = np.hypot(result, coordinate)
    return result


def special(name: str) -> Function:
    """Return a function of SciPy's, looked up when it is needed."""

    def function(x: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(x)

    return function


for _name, _function in {
    **{
        name: getattr(np, name)
        for name in (
            "sqrt cbrt exp exp2 expm1 log2 log10 log1p sin cos tan sinh cosh tanh "
            "degrees radians fabs copysign fmod ldexp nextafter"
        ).split()
    },
    **{
        short: getattr(np, f"arc{short[1:]}")
        for short in "asin acos atan asinh acosh atanh atan2".split()
    },
    "pow": np.power,
    "log": logarithm,
    "remainder": ieee_remainder,
    "hypot": hypotenuse,
    "fma": lambda x, y, z: x * y + z,
    "modf": lambda x: (x - np.trunc(x), np.trunc(x)),
    "ulp": lambda x: np.spacing(np.abs(x)),
    "erf": special("erf"),
    "erfc": special("erfc"),
    "gamma": special("gamma"),
    "lgamma": special("gammaln"),
}.items():
    answer_math(_name, _function)

# Questions and whole numbers: what Python decides on is guarded

for _name, _function in {
    "isnan": lambda x: bool(np.isnan(x)),
    "isinf": lambda x: bool(np.isinf(x)),
    "isfinite": lambda x: bool(np.isfinite(x)),
    "floor": lambda x: int(np.floor(x)),
    "ceil": lambda x: int(np.ceil(x)),
    "trunc": lambda x: int(np.trunc(x)),
}.items():
    answer_math(_name, _function)


@answered("isclose", math)
def isclose(a: Any, b: Any, *, rel_tol: float = 1e-09, abs_tol: float = 0.0) -> bool:
    """Answer ``math.isclose``."""
    if not (isinstance(a, Recorded) or isinstance(b, Recorded)):
        return math_isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
    if a == b:
        return True
    largest = np.maximum(abs(a), abs(b))
    return bool(abs(a - b) <= np.maximum(rel_tol * largest, abs_tol))


math_isclose = math.isclose


def over_numbers(name: str, function: Function) -> None:
    """Answer a `math` function of iterables of numbers."""
    original = getattr(math, name, None)
    if original is None:
        return

    @answered(name, math)
    def of_iterables(*args: Any, **settings: Any) -> Any:
        args = tuple(listed(arg) for arg in args)
        if not any(holds(arg) for arg in (*args, *settings.values())):
            return original(*args, **settings)
        return function(*args, **settings)


def listed(values: Any) -> Any:
    """Return an iterable as a list."""
    if isinstance(values, (list, tuple)) or not isinstance(values, Iterable | Recorded):
        return values
    return list(values)  # type: ignore[arg-type]


def product(values: Any, *, start: Any = 1) -> Any:
    """Return ``math.prod``: factor by factor."""
    for value in values:
        start = start * value
    return start


def distance(p: Any, q: Any) -> Any:
    """Return ``math.dist``."""
    if len(p) != len(q):
        raise ValueError("both points must have the same number of dimensions")
    return hypotenuse(*(x - y for x, y in zip(p, q, strict=True)))


def sum_of_products(p: Any, q: Any) -> Any:
    """Return ``math.sumprod``."""
    return np.dot(gather(p), gather(q))


over_numbers("fsum", lambda values: np.sum(gather(values)))
over_numbers("prod", product)
over_numbers("dist", distance)
over_numbers("sumprod", sum_of_products)


@answered("frexp", math)
def frexp(x: Any) -> Any:
    """Answer ``math.frexp``; the exponent is guarded."""
    if not isinstance(x, Recorded):
        return math_frexp(x)
    exponent = math_frexp(number(x))[1]
    lower, upper = 2.0 ** (exponent - 1), 2.0**exponent
    size: Any = np.abs(x)  # type: ignore[call-overload]
    assert number(x) == 0 or bool((size >= lower) & (size < upper))
    return x / upper, exponent  # type: ignore[operator]


math_frexp = math.frexp
