"""Python's `math`, answered while recording."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from wengert.capture.answers.table import Function, answered, holds, number
from wengert.capture.array import (
    RecordedValue,
    is_active,
    plain,
    record_operation,
)
from wengert.capture.python import as_float, note_raise, record_python
from wengert.core.operation import REGISTRY, Operation, apply
from wengert.core.types import WEAK, Recorded, plain_example
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.join import gather
from wengert.ops.python import RAISES
from wengert.ops.rounding import FSUM


def answer_math(name: str, function: Function) -> None:
    """Answer a `math` function by NumPy functions that do the same.

    The original is asked first, of the plain numbers: it raises what `math` raises.
    Of several nodes the last one has its result, and a guard that it does not raise.
    """
    original = getattr(math, name, None)
    if original is None:  # a later Python's
        return

    def of_nodes(*args: Any) -> Any:
        value = asked(name, original, args)
        doubles = [as_double(arg) for arg in args]
        if not any([isinstance(operand, Recorded) for operand in doubles]):
            return value
        if name in MAY_RAISE:
            guard_no_error(name, doubles)
        found = function(*doubles)
        if isinstance(found, tuple):
            return tuple(map(as_python, found, value))
        return as_python(found, value)

    answer_nodes(name, original, of_nodes)


def answer_by_operation(name: str, operation: Operation) -> None:
    """Answer a `math` function that is one operation."""
    original = getattr(math, name, None)
    if original is None:
        return

    def of_nodes(*args: Any) -> Any:
        value = asked(name, original, args)
        operands = tuple([as_double(arg) for arg in args])
        if name == "ldexp":
            operands = (operands[0], args[1])
        if any([isinstance(operand, Recorded) for operand in operands]):
            return record_python(operation, operands, value)
        return value

    answer_nodes(name, original, of_nodes)


def answer_nodes(name: str, original: Function, of_nodes: Function) -> None:
    """Answer a `math` function where a node is among its arguments."""

    @answered(name, math)
    def of_numbers(*args: Any) -> Any:
        for arg in args:
            if isinstance(arg, Recorded):
                return of_nodes(*args)
        return original(*args)


def asked(name: str, original: Function, args: tuple[Any, ...]) -> Any:
    """Return what `math` computes of plain numbers; that it raises is guarded."""
    try:
        return original(*map(plain, args))
    except Exception as error:
        note_raise(error, f"math.{name}", args)
        raise


def guard_no_error(name: str, operands: list[Any]) -> None:
    """Guard that a `math` function of several nodes does not raise."""
    tape = next(part._tape for part in operands if isinstance(part, Recorded))  # type: ignore[attr-defined]
    if tape.keeps_guards:
        raised = {"of": f"math.{name}", "error": "", "settings": ()}
        bool(record_operation(RAISES, tuple(operands), raised))


#: Functions of several nodes that may raise.
MAY_RAISE = frozenset({"remainder", "fma", "ulp", "gamma", "lgamma"})


def as_python(found: Any, value: Any) -> Any:
    """Return a result as the Python number that `math` gives."""
    if type(value) not in WEAK:
        return found
    if not isinstance(found, RecordedValue):
        return value
    return record_python(REGISTRY["identity"], (found,), value)


def as_double(value: Any) -> Any:
    """Return an argument in double precision, as `math` computes."""
    if not isinstance(value, RecordedValue):
        return value
    if not value._tape.thread or not is_active(value):
        return number(value)
    if hasattr(value, "__setitem__"):
        value = np.reshape(value, ())[()]
    kind = type(value._value)
    if kind in (bool, int):
        return as_float(value)
    return value if kind in (float, np.float64) else value.astype(np.float64)


def taken_apart(x: Any) -> tuple[Any, int]:
    """Return ``math.frexp``; the exponent is guarded."""
    mantissa, exponent = np.frexp(x)
    return mantissa, int(exponent)


def special(name: str) -> Function:
    """Return a function of SciPy's, looked up when it is needed."""

    def function(x: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(x)

    return function


def log_gamma(x: Any) -> Any:
    """Return ``math.lgamma``, which is infinite at either end."""
    return special("gammaln")(np.where(x == -np.inf, np.inf, x))


def ieee_remainder(x: Any, y: Any) -> Any:
    """Return ``math.remainder``: what is left of the nearest multiple.

    The exact remainder is found as C finds it (Hauser, 1996); the quotient, rounded,
    is the slope by `y`.
    """
    x0, y0 = stop_gradient(x), stop_gradient(y)
    size, step = np.abs(x0), np.abs(y0)
    least = np.fmod(size, step)
    rest = step - least
    even = least - 2.0 * np.fmod(0.5 * (size - least), step)
    nearest = np.where(least < rest, least, np.where(least > rest, -rest, even))
    exact = np.where(np.isinf(step), x0, np.copysign(1.0, x0) * nearest)
    quotient = np.where(np.isinf(step), 0.0, np.rint((x0 - exact) / y0))
    return exact + ((x - x0) - quotient * np.where(np.isinf(step), 0.0, y - y0))


def stop_gradient(value: Any) -> Any:
    """Return a number without its derivative."""
    return apply(STOP_GRADIENT, value)


def hypotenuse(*coordinates: Any) -> Any:
    """Return ``math.hypot`` of any number of coordinates."""
    result: Any = np.abs(coordinates[0])
    for coordinate in coordinates[1:]:
        result = np.hypot(result, coordinate)
    return result


for _name in (
    "sqrt cbrt exp exp2 expm1 log2 log10 log1p sin cos tan sinh cosh tanh "
    "degrees radians fabs copysign fmod ldexp nextafter"
).split():
    answer_by_operation(_name, REGISTRY[_name])
for _name in "asin acos atan asinh acosh atanh atan2".split():
    answer_by_operation(_name, REGISTRY[f"arc{_name[1:]}"])
answer_by_operation("pow", REGISTRY["power"])


@answered("log", math)
def log(x: Any, *base: Any) -> Any:
    """Answer ``math.log``: by a base it is the quotient of two logarithms."""
    if not (isinstance(x, Recorded) or any(isinstance(b, Recorded) for b in base)):
        return math_log(x, *base)
    asked("log", math_log, (x, *base))
    if any(is_large(part) for part in (x, *base)):
        return math_log(*[part.exact() for part in (x, *base)])
    parts = []
    for part in (x, *base):
        double = as_double(part)
        value = math_log(number(double))
        is_recorded = isinstance(double, Recorded)
        parts.append(
            record_python(REGISTRY["log"], (double,), value) if is_recorded else value
        )
    return parts[0] / parts[1] if base else parts[0]


math_log = math.log


def is_large(value: Any) -> bool:
    """Whether a recorded integer is no float."""
    plain = number(value)
    return type(plain) is int and plain.bit_length() > MOST_BITS and plain is not value


#: Bits of the greatest floats.
MOST_BITS = 1023

OF_SEVERAL_NODES: dict[str, Function] = {
    "remainder": ieee_remainder,
    "hypot": hypotenuse,
    "fma": lambda x, y, z: x * y + z,
    "modf": np.modf,
    "frexp": taken_apart,
    "ulp": lambda x: np.where(np.isinf(x), np.abs(x), np.spacing(np.abs(x))),
    "erf": special("erf"),
    "erfc": special("erfc"),
    "gamma": special("gamma"),
    "lgamma": log_gamma,
}
for _name, _function in OF_SEVERAL_NODES.items():
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
    if not any(isinstance(part, Recorded) for part in (a, b, rel_tol, abs_tol)):
        return math_isclose(a, b, rel_tol=rel_tol, abs_tol=abs_tol)
    given = a, b, rel_tol, abs_tol
    asked("isclose", lambda a, b, r, t: math_isclose(a, b, rel_tol=r, abs_tol=t), given)
    a, b, rel_tol, abs_tol = map(as_double, given)
    if a == b:
        return True
    if math.isinf(a) or math.isinf(b):
        return False
    largest = np.maximum(abs(a), abs(b))
    return bool(abs(a - b) <= np.maximum(rel_tol * largest, abs_tol))


math_isclose = math.isclose


def over_numbers(name: str, function: Function, is_python: bool = True) -> None:
    """Answer a `math` function of iterables of numbers.

    Its result is Python's, unless it is what the numbers' own operators give.
    """
    original = getattr(math, name, None)
    if original is None:
        return

    @answered(name, math)
    def of_iterables(*args: Any, **settings: Any) -> Any:
        args = tuple(listed(arg) for arg in args)
        if not any(holds(arg) for arg in (*args, *settings.values())):
            return original(*args, **settings)
        if not is_python:
            return function(*args, **settings)
        value = asked(name, original, args)
        return as_python(function(*args), value)


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
    p, q = ([as_double(x) for x in point] for point in (p, q))
    return hypotenuse(*(x - y for x, y in zip(p, q, strict=True)))


def sum_of_products(p: Any, q: Any) -> Any:
    """Return ``math.sumprod``: that of NumPy's values is what their operators give."""
    if all(type(plain_example(x)) in WEAK for x in (*p, *q)):
        return np.dot(gather(p), gather(q))
    return sum(x * y for x, y in zip(p, q, strict=True))


def exact_sum(values: Any) -> Any:
    """Return ``math.fsum``: the exact sum, rounded once."""
    value = asked("fsum", math_fsum, (values,))
    doubles = tuple(as_double(part) for part in values)
    return record_python(FSUM, doubles, value) if is_active(doubles) else value


math_fsum = math.fsum
over_numbers("fsum", exact_sum)
over_numbers("prod", product, is_python=False)
over_numbers("dist", distance)
over_numbers("sumprod", sum_of_products)
