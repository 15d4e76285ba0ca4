"""Recorded Python numbers are what Python's are: values, types, texts, exceptions."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.programs.compare import RELATIVE, difference
from tests.programs.program import outcome
from wengert.execute import keys

Function = Callable[..., Any]
Calls = list[tuple[Any, ...]]

FLOATS: Calls = [(1.5,), (-2.25,), (1e300,), (4.0,), (math.inf,), (math.nan,)]
INTEGERS: Calls = [(3,), (-7,), (2**63,), (0,), (-(2**63),)]
COMPLEX: Calls = [(1 + 2j,), (3 - 1j,), (0j,)]
PAIRS: Calls = [(7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (1.0, 0.0), (math.inf, 2.0)]
INTEGER_PAIRS: Calls = [(7, 2), (-7, 2), (7, -2), (1, 0), (2**62, 3), (0, -1)]
COUNTS: Calls = [(3,), (1,), (0,), (5,)]


@pytest.fixture(params=["native", "interpreter"], autouse=True)
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test by both engines, with every int an input at once."""
    monkeypatch.setenv("WENGERT_ENGINE", request.param)
    monkeypatch.setattr(keys, "MOST_INTEGERS", 0)


def check(function: Function, calls: Calls) -> None:
    """Assert that a jitted function does what Python does, in each of many calls."""
    compiled = wg.jit(function)
    for args in calls * 3:
        expected, found = outcome(function, args), outcome(compiled, args)
        assert type(found.error) is type(expected.error), args
        assert difference(found.value, expected.value, RELATIVE) is None, args


def methods(names: str) -> dict[str, Function]:
    """Return functions that call a method without arguments."""
    return {name: operator.methodcaller(name) for name in names.split()}


OF_ALL = methods(
    "as_integer_ratio conjugate __trunc__ __floor__ __ceil__ __int__ __bool__ __hash__ "
    "__str__ __repr__ __abs__ __neg__ __pos__"
)
OF_FLOATS: dict[str, Function] = {
    **OF_ALL,
    **methods("hex is_integer"),
    **{
        name: (lambda x, name=name: getattr(math, name)(x))
        for name in (
            "floor ceil trunc frexp modf ulp isnan isinf isfinite fabs sqrt exp log "
            "log2 log10 log1p expm1 sin cos tan asin acos atan sinh cosh tanh asinh "
            "acosh atanh degrees radians"
        ).split()
    },
    "real": lambda x: x.real,
    "imag": lambda x: x.imag,
    "round": round,
    "round to digits": lambda x: round(x, 1),
    "int": int,
    "bool": bool,
    "not": lambda x: not x,
    "text": lambda x: f"{x:.1f} {x!r} {x}",
    "set": lambda x: len({x, 1.5}),
    "dictionary": lambda x: {1.5: 1.0, -2.25: 2.0}.get(x, 0.0),
    "in": lambda x: x in (1.5, 4.0),
    "difference of truths": lambda x: -(x > 1) - (x > 2),
    "comparison is True": lambda x: 1.0 if (x < 1) is True else x,
    "truth is False": lambda x: [c is False for c in (x < 1, x > 2)],
    "isinstance of a comparison": lambda x: isinstance(x < 1, bool),
    "sum of truths": lambda x: sum([x > 1, x > 2, True]),
    "hypot": lambda x: math.hypot(x, 2, 3.0),
    "dist": lambda x: math.dist((x, 1.0), (0.5, 2.0)),
    "fsum": lambda x: math.fsum([x, 1e-3, -1.0]),
    "prod": lambda x: math.prod([x, 2, 0.5]),
    "log by a base": lambda x: math.log(x, 4.0),
    "ldexp": lambda x: math.ldexp(x, 900),
}
OF_INTEGERS: dict[str, Function] = {
    **OF_ALL,
    **methods("bit_length bit_count __invert__ __index__"),
    "numerator": lambda n: n.numerator,
    "denominator": lambda n: n.denominator,
    "bytes": lambda n: n.to_bytes(16, "big", signed=True),
    "logarithm": lambda n: math.log(n * n * 10**300),
    "text": lambda n: f"{n:05d} {n!r} {n}",
    "key": lambda n: {3: 1, 0: 2}[n],
    "square": lambda n: n * n,
    "cube": lambda n: n**3,
    "negative power": lambda n: n**-2,
    "true quotient": lambda n: n / 7,
    "square root": lambda n: n**0.5,
    "greater than a float": lambda n: n > 9.2e18,
    "round to tens": lambda n: round(n, -1),
}
OF_COUNTS: dict[str, Function] = {
    "range": lambda n: list(range(n)),
    "slice": lambda n: [1, 2, 3][:n],
    "element": lambda n: [1, 2, 3][n],
    "list": lambda n: [0.5] * n + n * [1.0],
    "tuple": lambda n: (0.5,) * n,
    "str": lambda n: "ab" * n,
    "bytes": lambda n: n * b"a",
    "shift": lambda n: 1 << (n * 20),
    "factorial": lambda n: math.factorial(n),
}
OF_PAIRS: dict[str, Function] = {
    "divmod": divmod,
    "pow": pow,
    "max": max,
    "min": min,
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
    "chain": lambda x, y: 0 < x < y,
    "any": lambda x, y: any([x < y, x == y]),
    "exclusive": lambda x, y: (x < y) ^ (x > 0),
    "least": lambda x, y: sorted([x, y, 0])[0],
    "quotient": lambda x, y: x / y,
    "floor": lambda x, y: x // y,
    "remainder": lambda x, y: x % y,
    "math remainder": lambda x, y: math.remainder(x, y),
    "fmod": lambda x, y: math.fmod(x, y),
    "pow of math": lambda x, y: math.pow(x, y),
    "close": lambda x, y: math.isclose(x, y, rel_tol=0.5),
}
FAMILIES: dict[str, tuple[dict[str, Function], Calls]] = {
    "float": (OF_FLOATS, FLOATS),
    "int": (OF_INTEGERS, INTEGERS),
    "count": (OF_COUNTS, COUNTS),
    "floats": (OF_PAIRS, PAIRS),
    "ints": (OF_PAIRS, INTEGER_PAIRS),
    "power modulo": ({"pow": lambda x, y: pow(x, y, 5)}, INTEGER_PAIRS),
    "complex": (
        {
            "conjugate": lambda z: z.conjugate(),
            "parts": lambda z: (z.real, z.imag),
            "absolute": lambda z: abs(z) * 2,
            "reciprocal": lambda z: 1 / z,
            "square": lambda z: z**2,
        },
        COMPLEX,
    ),
}
CASES = [
    pytest.param(function, calls, id=f"{family} {name}")
    for family, (functions, calls) in FAMILIES.items()
    for name, function in functions.items()
]


@pytest.mark.parametrize(("function", "calls"), CASES)
def test_what_python_has_for_its_numbers(function: Function, calls: Calls) -> None:
    check(function, calls)


def caught(function: Function) -> Function:
    """Return a function that answers an exception with its name."""

    def answered(*args: Any) -> Any:
        try:
            return function(*args)
        except Exception as error:
            return float(len(type(error).__name__))

    return answered


RAISING = [
    case
    for case in CASES
    if any(outcome(case.values[0], args).error is not None for args in case.values[1])
]


@pytest.mark.one_in(3)
@pytest.mark.parametrize(("function", "calls"), RAISING)
def test_a_caught_exception_is_a_branch(function: Function, calls: Calls) -> None:
    check(caught(function), calls)
    check(caught(function), calls[::-1])


@pytest.mark.parametrize(
    ("function", "fine", "wrong"),
    [
        (lambda x: x[x[0].astype(int)], [1.0, 2.0], [5.0, 2.0]),
        (lambda x: np.power(2, x.astype(int))[0] * 1.0, [3.0, 1.0], [-3.0, 1.0]),
    ],
    ids=["index", "integer power"],
)
def test_a_caught_exception_of_numpy_is_a_branch(
    function: Function, fine: list[float], wrong: list[float]
) -> None:
    calls: Calls = [(np.array(fine),), (np.array(wrong),)]

    def guarded(x: Any) -> Any:
        try:
            return function(x)
        except (IndexError, ValueError):
            return np.sum(x) - 100.0

    for order in (calls, calls[::-1]):
        compiled = wg.jit(guarded)
        for args in order * 3:
            np.testing.assert_allclose(compiled(*args), guarded(*args))


def logarithm(x: Any) -> Any:
    """Return three logarithms, and beyond their domain a line."""
    try:
        return math.log(x) * 3.0
    except ValueError:
        return 1.0 + 0.5 * x


def test_a_gradient_is_that_of_the_branch_that_is_taken() -> None:
    for slope in (wg.grad(logarithm), wg.jit(wg.grad(logarithm))):
        for x in [2.0, -2.0, 0.0, 4.0] * 3:
            assert slope(x) == (3.0 / x if x > 0 else 0.5)


def test_every_row_raises_by_its_own_number() -> None:
    rows = np.array([-1.0, 1.0, 2.0, 0.0, -3.0, 9.0] * 3)
    mapped = wg.vmap(logarithm)

    for _ in range(3):
        np.testing.assert_allclose(mapped(rows), [logarithm(x) for x in rows])
    slopes = [3.0 / x if x > 0 else 0.5 for x in rows]
    np.testing.assert_allclose(wg.vmap(wg.grad(logarithm))(rows), slopes)


@pytest.mark.parametrize(
    "function",
    [
        abs,
        operator.neg,
        operator.pos,
        math.cos,
        math.sqrt,
        lambda a: round(a, 1),
        lambda a: a**2,
        lambda a: a % 0.5,
        lambda a: a > 0.5,
        lambda a: math.hypot(a, 1.0),
        lambda a: math.log(a, 2.0),
        lambda a: math.fmod(a, 0.5),
    ],
)
def test_a_result_of_python_numbers_leaves_float32_alone(function: Function) -> None:
    x = np.ones(3, np.float32)
    named = getattr(function, "__name__", "")
    asked = (lambda a: getattr(math, named)(a)) if hasattr(math, named) else function
    compiled = wg.jit(lambda x, a: x * asked(a))

    for _ in range(3):
        assert compiled(x, 0.75).dtype == np.float32
        np.testing.assert_allclose(compiled(x, 0.75), x * function(0.75), rtol=1e-6)


@pytest.mark.parametrize(
    "rows",
    [
        lambda f, x: wg.scan(lambda y, row: (y, f(row)), x[0], x)[1],
        lambda f, x: wg.checkpoint(f)(x),
        lambda f, x: wg.vmap(f)(x),
    ],
    ids=["scan", "checkpoint", "vmap"],
)
def test_python_computes_of_its_numbers_from_outside(rows: Function) -> None:
    asked: list[Function] = [
        abs,
        operator.neg,
        lambda a: 1 / a,
        lambda a: 2**a - a * True,
        lambda a: divmod(a, 0.5)[1],
        lambda a: a > 0.5,
    ]

    def function(x: Any, a: Any) -> Any:
        return [rows(lambda row, g=g: row * g(a), x) for g in asked]

    compiled, x = wg.jit(function), np.ones(3, np.float32)
    for a in (0.3, 0.7, 0.4):
        for found, expected in zip(compiled(x, a), function(x, a), strict=True):
            assert found.dtype == expected.dtype
            np.testing.assert_allclose(found, expected, rtol=1e-6)
    with pytest.raises(ZeroDivisionError):
        compiled(x, 0.0)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(x) * len(np.array2string(x)),
        lambda x: np.sum(x) * len(np.array_repr(x)),
        lambda x: np.sum(x) * len(np.array_str(x)),
        lambda x: np.sum(x) * len(str(x)),
        lambda x: np.sum(x) * len(repr(x)),
        lambda x: np.sum(x) * len(f"{x}"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*cannot be watched")
def test_a_text_of_an_array_is_that_of_its_present_numbers(function: Function) -> None:
    compiled = wg.jit(function)
    rows = ([1.0, 2.0], [1.25, 2.5], [0.0, -0.0], [-0.0, 0.0], [np.nan, 1e-300])
    for row in rows * 3:
        x = np.array(row)
        np.testing.assert_equal(compiled(x), function(x))


def test_hash_and_text_under_strict_are_decisions() -> None:
    with wg.strict(), pytest.raises(wg.GuardError, match="text"):
        wg.record(lambda x: x * len(str(x)), 2.0)


def test_a_recorded_value_shows_itself_once_its_tape_is_closed() -> None:
    kept = []
    wg.record(lambda x: kept.append(x) or x, 2.0)

    assert repr(kept[0]) == "Recorded(2.0)"


@pytest.mark.filterwarnings("ignore:.*cannot be watched")
def test_numpy_raises_where_the_function_says_so() -> None:
    def function(x: Any) -> Any:
        with np.errstate(divide="raise"):
            try:
                return np.sum(1.0 / x)
            except FloatingPointError:
                return np.sum(x)

    compiled = wg.jit(function)
    for row in ([1.0, 2.0], [0.0, 2.0], [1.0, 4.0]) * 3:
        assert compiled(np.array(row)) == function(np.array(row))


#: Some with a part that is NaN, of which NumPy's arrays are another opinion.
ORDERED = [
    complex(a, b) for a in (0.5, math.inf, math.nan) for b in (-1.0, 0.0, math.nan)
]


@pytest.mark.parametrize("name", ["gt", "ge", "lt", "le", "eq", "ne"])
@pytest.mark.parametrize(
    "other", [0.5, np.float32(0.5), np.complex64(0.5), 0.5 + 1j, True]
)
def test_numpys_complex_numbers_are_in_the_order_of_its_scalars(
    name: str, other: Any
) -> None:
    compare = getattr(operator, name)
    calls: Calls = [(np.array([x, 0.5]),) for x in ORDERED]
    check(lambda x: compare(np.sum(x[:1]), other), calls)
    check(lambda x: compare(x, other), calls)
    check(lambda x: 1.0 if compare(np.sum(x[:1]), x[1]) else x.real, calls)
