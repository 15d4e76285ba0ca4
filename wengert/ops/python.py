"""What Python's own arithmetic and `math` do where NumPy does something else.

A node whose type is weak was computed by Python: it raises where NumPy warns, its
integers have no limit, and a power may leave the integers or the reals.  Such a node
implies that Python computes a number of the same kind; a replay for which that is not
so leaves the recorded path, and a recording decides.  What did raise while it was
recorded is a node of its own, `RAISES`, with a guard.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.core.forms import Routine
from wengert.core.guards import QUESTIONS
from wengert.core.operation import REGISTRY, constant_of
from wengert.core.types import WEAK, Type, has_class

Function = Callable[..., Any]
ZERO, DOMAIN, OVERFLOW = "ZeroDivisionError", "ValueError", "OverflowError"


@dataclass(frozen=True, slots=True)
class Conditions:
    """When Python raises, and when its result is a number of another kind.

    Native expressions of the operands `x`, `y` (of one operand, `y` is `x`) and the
    result `z`.

    Attributes
    ----------
    raises : dict of str to str
        By the name of the exception.
    fits : str
        Besides, whether the result is of the recorded kind and within 64 bits.
    """

    raises: dict[str, str] = field(default_factory=dict)
    fits: str = ""

    @property
    def holds(self) -> list[str]:
        """What a node implies: that nothing is raised, and the result fits."""
        fine = [f"not ({condition})" for condition in self.raises.values()]
        return [*fine, self.fits] if self.fits else fine


NOTHING = Conditions()
LEAST = f"-{2**63 - 1} - 1"
#: Whole numbers up to this are exact as floats.
EXACT = 2**53
_FINITE = "fabs(x) < inf"
_INFINITE = f"fabs(z) == inf and {_FINITE}"
_INFINITE_OF_TWO = f"{_INFINITE} and fabs(y) < inf"
_NAN = "z != z and x == x"
_NAN_OF_TWO = f"{_NAN} and y == y"
_ZERO_TO_A_NEGATIVE = "x == 0 and y < 0 and y > -inf"

#: Operations on whole numbers with a whole result.
OF_INTEGERS: dict[str, Conditions] = {
    "add": Conditions(fits="not overflows_add(x, y)"),
    "subtract": Conditions(fits="not overflows_subtract(x, y)"),
    "multiply": Conditions(fits="not overflows_multiply(x, y)"),
    "negative": Conditions(fits=f"x != {LEAST}"),
    "absolute": Conditions(fits=f"x != {LEAST}"),
    "floor_divide": Conditions({ZERO: "y == 0"}, f"x != {LEAST} or y != -1"),
    "remainder": Conditions({ZERO: "y == 0"}),
    "power": Conditions(
        {ZERO: "x == 0 and y < 0"}, "y >= 0 and not overflows_power(x, y)"
    ),
    "left_shift": Conditions({DOMAIN: "y < 0"}, "(x << y) >> y == x"),
    "right_shift": Conditions({DOMAIN: "y < 0"}),
}
_IS_EXACT = " and ".join(f"{name} >= -{EXACT} and {name} <= {EXACT}" for name in "xy")
#: Operations on whole numbers whose result is a float.
OF_INTEGERS_TO_FLOAT: dict[str, Conditions] = {
    "divide": Conditions({ZERO: "y == 0"}, _IS_EXACT),
    "power": Conditions({ZERO: "x == 0 and y < 0"}, "y < 0"),
}
#: Operations with a float among the operands.
OF_FLOATS: dict[str, Conditions] = {
    "divide": Conditions({ZERO: "y == 0"}),
    "floor_divide": Conditions({ZERO: "y == 0"}),
    "remainder": Conditions({ZERO: "y == 0"}),
    "power": Conditions(
        {
            ZERO: _ZERO_TO_A_NEGATIVE,
            OVERFLOW: f"{_INFINITE_OF_TWO} and x != 0",
        },
        f"not ({_NAN_OF_TWO})",
    ),
}
#: `math`'s functions, by the operation that they are.
MATH: dict[str, Conditions] = {
    **dict.fromkeys(
        ["sqrt", "sin", "cos", "tan", "arcsin", "arccos", "arccosh"],
        Conditions({DOMAIN: _NAN}),
    ),
    **dict.fromkeys(
        ["log", "log2", "log10", "log1p", "arctanh"],
        Conditions({DOMAIN: f"({_NAN}) or ({_INFINITE})"}),
    ),
    **dict.fromkeys(
        ["exp", "exp2", "expm1", "sinh", "cosh", "ldexp"],
        Conditions({OVERFLOW: _INFINITE}),
    ),
    "fmod": Conditions({DOMAIN: _NAN_OF_TWO}),
}
POW = Conditions(
    {
        DOMAIN: f"({_NAN_OF_TWO}) or ({_ZERO_TO_A_NEGATIVE})",
        OVERFLOW: f"{_INFINITE_OF_TWO} and x != 0",
    }
)

COMPARISONS: dict[str, Function] = {
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "equal": operator.eq,
    "not_equal": operator.ne,
}
#: Python's arithmetic, by NumPy's name of the operation.
ARITHMETIC: dict[str, Function] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
    "floor_divide": operator.floordiv,
    "remainder": operator.mod,
    "power": operator.pow,
    "bitwise_and": operator.and_,
    "bitwise_or": operator.or_,
    "bitwise_xor": operator.xor,
    "left_shift": operator.lshift,
    "right_shift": operator.rshift,
    "negative": operator.neg,
    "positive": operator.pos,
    "absolute": operator.abs,
    "invert": operator.invert,
    **COMPARISONS,
}
#: `math`'s function for each operation that is one.
MATH_FUNCTIONS: dict[str, Function] = {
    **{
        name: getattr(math, name)
        for name in (
            "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan sinh cosh tanh "
            "degrees radians fabs copysign fmod ldexp nextafter hypot"
        ).split()
    },
    **{
        f"arc{short[1:]}": getattr(math, short)
        for short in "asin acos atan asinh acosh atanh atan2".split()
    },
}
#: What Python computes a weak node with.
PYTHON: dict[str, Function] = {
    **MATH_FUNCTIONS,
    **ARITHMETIC,
    "round": lambda x, *, decimals: round(x, decimals),
}
PYTHON_KINDS: dict[str, type] = {"b": bool, "i": int, "f": float, "c": complex}


def is_weak(like: Any) -> bool:
    """Whether a type is that of a Python number."""
    return type(like) is Type and like.weak


def as_python(value: Any) -> Any:
    """Return NumPy's number as Python's."""
    return value.item() if has_class(value, np.generic) else value


def evaluate(name: str, values: list[Any], settings: dict[str, Any]) -> Any:
    """Return what Python computes of plain numbers; raises what Python raises."""
    return PYTHON[name](*[as_python(value) for value in values], **settings)


def conditions(name: str, operands: list[str], result: str) -> Conditions:
    """Return what a node computed by Python implies.

    Parameters
    ----------
    name : str
        The operation's, or ``"pow"``: `math.pow`.
    operands, result : str
        Kinds of the operands, and of the result: ``b i f c`` as in NumPy.
    """
    if name in COMPARISONS:
        mixed = set(operands) == {"i", "f"}
        letter = "xy"[operands.index("i")] if mixed else ""
        exact = f"{letter} >= -{EXACT} and {letter} <= {EXACT}"
        return Conditions(fits=exact) if mixed else NOTHING
    if name == "pow":
        return POW
    if name in MATH and name not in OF_FLOATS:
        return MATH[name]
    if "f" in operands:
        return OF_FLOATS.get(name, NOTHING)
    table = OF_INTEGERS if result in "bi" else OF_INTEGERS_TO_FLOAT
    return table.get(name, NOTHING)


# What did raise


def evaluate_raises(*values: Any, of: str | Function, error: str, settings: Any) -> Any:
    """Return whether an operation, or a function, raises that error, or any."""
    function = find_function(of, values) if isinstance(of, str) else of
    try:
        function(*values, **dict(settings))
    except Exception as found:
        return np.bool_(type(found).__name__ == (error or type(found).__name__))
    return np.False_


def find_function(of: str, values: tuple[Any, ...]) -> Function:
    """Return what is to be tried: Python's function, or that of an operation."""
    module, _, name = of.rpartition(".")
    if module == "math":
        return MATH_ORIGINALS[name]
    if module == "question":
        return QUESTIONS[name].ask
    if name in PYTHON and all(type(value) in WEAK for value in values):
        return PYTHON[name]
    return REGISTRY[name].function


MATH_ORIGINALS: dict[str, Function] = {
    name: function for name, function in vars(math).items() if callable(function)
}
#: Whether an operation raises: what a caught exception depends on.
RAISES = constant_of("raises", evaluate_raises, form=Routine(), numpy=())
