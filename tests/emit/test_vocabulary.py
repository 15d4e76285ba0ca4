"""Native expressions mean what NumPy means, at edges too and at every lane width."""

from __future__ import annotations

import re

import numpy as np
import pytest

from wengert.core.types import Type
from wengert.emit import machine
from wengert.emit.exponential import is_written_out
from wengert.emit.nests import compile_written, written
from wengert.emit.vocabulary import VocabularyError, template
from wengert.lower.axes import Axes
from wengert.lower.build import build
from wengert.lower.cut import cut
from wengert.lower.graph import Graph, Source
from wengert.lower.values import Lowered, Value

pytestmark = pytest.mark.skipif(not machine.available(), reason="needs llvmlite")

EDGES = np.array(
    [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        3.0,
        np.nan,
        np.inf,
        -np.inf,
        5e-324,
        -5e-324,
        2.2e-308,
        1e308,
        -1e308,
        1e22,
        710.0,
        -746.0,
        1e-17,
    ]
)
# Exact: IEEE arithmetic, selections and tests.  4 ulp: library functions; libm states
# 1 ulp, libmvec 4, and NumPy's own vector functions up to 4 of their own.
EXACT = {
    "x + y": np.add,
    "x - y": np.subtract,
    "x * y": np.multiply,
    "x / y": np.divide,
    "-x": np.negative,
    "x // y": np.floor_divide,
    "x % y": np.remainder,
    "fmod(x, y)": np.fmod,
    "fabs(x)": np.absolute,
    "sign(x)": np.sign,
    "copysign(x, y)": np.copysign,
    "sqrt(x)": np.sqrt,
    "floor(x)": np.floor,
    "ceil(x)": np.ceil,
    "rint(x)": np.rint,
    "trunc(x)": np.trunc,
    "maximum(x, y)": np.maximum,
    "minimum(x, y)": np.minimum,
    "fmax(x, y)": np.fmax,
    "fmin(x, y)": np.fmin,
    "select(x != x, x, select(x == 0, y, select(x < 0, 0, 1)))": np.heaviside,
    "nextafter(x, y)": np.nextafter,
    "nextafter(x, select(x < 0, -inf, inf)) - x": np.spacing,
}
LIBRARY = {
    "exp(x)": np.exp,
    "log(x)": np.log,
    "log1p(x)": np.log1p,
    "sin(x)": np.sin,
    "cos(x)": np.cos,
    "tanh(x)": np.tanh,
    "atan2(x, y)": np.arctan2,
    "hypot(x, y)": np.hypot,
    "x ** y": np.power,
    "cbrt(x)": np.cbrt,
}
TESTS = {
    "x < y": np.less,
    "x <= y": np.less_equal,
    "x == y": np.equal,
    "x != y": np.not_equal,
    "x and y": np.logical_and,
    "x or y": np.logical_or,
    "x ^ y": np.logical_xor,
    "not x": np.logical_not,
    "isnan(x)": np.isnan,
    "isinf(x)": np.isinf,
    "isfinite(x)": np.isfinite,
}
INTEGERS = {
    "x + y": np.add,
    "x * y": np.multiply,
    "x // y": np.floor_divide,
    "x % y": np.remainder,
    "fmod(x, y)": np.fmod,
    "fabs(x)": np.absolute,
    "maximum(x, y)": np.maximum,
    "sign(x)": np.sign,
    "x < y": np.less,
    "x & y": np.bitwise_and,
    "x | y": np.bitwise_or,
    "x ^ y": np.bitwise_xor,
    "~x": np.invert,
    "x << y": np.left_shift,
    "x >> y": np.right_shift,
}


def native(text, arrays, result_type, lanes):
    """The expression over whole arrays: in lanes, or one by one."""
    axes, count = Axes(), len(arrays[0])
    graph = Graph(axes)
    places = [(0, {axes.of("element", count): 1})] if lanes > 1 else []
    places = places or [(k, {}) for k in range(count)]
    outputs = []
    for offset, strides in places:
        given = [
            graph.leaf(Source("argument", k), offset, strides, str(array.dtype))
            for k, array in enumerate(arrays)
        ]
        outputs.append(Value(graph.map(text, given, result_type), tuple(strides)))
    given = [Type((count,), array.dtype) for array in arrays]
    shape = (count // len(outputs),) * (lanes > 1)
    types = [Type(shape, np.dtype(result_type))] * len(outputs)
    lowered = Lowered(graph, outputs, [], types, given, [], frozenset())
    nest, constants = build(lowered, max(lanes, 2))
    found = compile_written(written(cut(nest), constants, max(lanes, 2), {}))
    result = np.empty(count, result_type)
    found.call(arrays, np.split(result, len(outputs)))
    return result


def dtype_of(array):
    """The name of an array's dtype."""
    return str(array.dtype)


def operands(text, type_name="float64"):
    """Every pair of edges, and random numbers of many sizes."""
    rng = np.random.default_rng(0)
    if type_name.startswith("int"):
        limits = np.iinfo(type_name)
        edges = np.array([0, 1, -1, 2, -2, 7, -7, limits.min, limits.max], type_name)
    else:
        with np.errstate(over="ignore"):
            edges = EDGES.astype(type_name)
    count = sum(re.search(rf"\b{name}\b", text) is not None for name in "xyzw")
    grids = np.meshgrid(*[edges] * count)
    sizes = 10.0 ** rng.integers(-8, 8, 200)
    return [
        np.concatenate(
            [g.ravel(), (rng.standard_normal(200) * sizes).astype(type_name)]
        )
        for g in grids
    ]


def expected(function, arrays):
    """NumPy's answer without its warnings."""
    with np.errstate(all="ignore"):
        return function(*arrays)


@pytest.mark.one_in(4)
@pytest.mark.parametrize("lanes", [1, 2, 4, 8])
@pytest.mark.parametrize("text", EXACT)
@pytest.mark.parametrize("type_name", ["float64", "float32"])
def test_arithmetic_equals_numpy_to_the_last_bit(text, lanes, type_name):
    """Values, NaN and signs of zeros agree."""
    arrays = operands(text, type_name)
    want = expected(EXACT[text], arrays)

    got = native(text, arrays, type_name, lanes)

    assert np.array_equal(got, want, equal_nan=True)
    if text.startswith(("fmax", "fmin")):
        return  # NumPy's sign of a zero depends on the position in the array
    numbers = ~np.isnan(want)
    assert np.array_equal(np.signbit(got[numbers]), np.signbit(want[numbers]))


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("text", LIBRARY)
def test_library_functions_are_within_4_ulp_of_numpy(text, lanes):
    """Scalars by libm, lanes by libmvec or by code of our own."""
    arrays = operands(text)
    want = expected(LIBRARY[text], arrays)

    got = native(text, arrays, "float64", lanes)

    finite = np.isfinite(want)
    assert np.array_equal(got[~finite], want[~finite], equal_nan=True)
    error = np.abs(got[finite] - want[finite]) / np.spacing(np.abs(want[finite]))
    assert error.max() <= 4


@pytest.mark.parametrize("lanes", [2, 4, 8])
def test_exponentials_in_lanes_are_off_by_one_unit_in_the_last_place(
    lanes,
):
    """Subnormal results too; by those of libmvec, some more."""
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [
            rng.uniform(-745.2, 709.8, 4000),
            rng.uniform(-1, 1, 2000),
            np.log(2) * np.arange(-1075, 1025) / 2,
            [
                709.782712893384,
                709.7827128933841,
                -745.1332191019411,
                -745.1332191019413,
            ],
            [-708.3964185322641, -708.3964185322642, 1e-300, -1e-17],
        ]
    )
    with np.errstate(all="ignore"):
        want = np.exp(x.astype(np.longdouble))
        rounded = want.astype(np.float64)

    got = native("exp(x)", [x], "float64", lanes)

    finite = np.isfinite(rounded)
    assert np.array_equal(np.isfinite(got), finite)
    error = np.abs(got[finite] - want[finite]) / np.spacing(rounded[finite])
    assert error.max() < (1.2 if is_written_out(lanes) else 4)


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("text", TESTS)
def test_truth_values_equal_numpy(text, lanes):
    """Comparisons and logic, NaN included."""
    arrays = operands(text)

    got = native(text, arrays, "bool", lanes)

    assert np.array_equal(got, expected(TESTS[text], arrays))


@pytest.mark.one_in(4)
@pytest.mark.parametrize("lanes", [1, 4])
@pytest.mark.parametrize("text", INTEGERS)
@pytest.mark.parametrize("type_name", ["int64", "int32"])
def test_integers_wrap_and_never_trap(text, lanes, type_name):
    """Division by zero gives 0, the smallest integer over -1 wraps, as in NumPy."""
    arrays = operands(text, type_name)
    want = expected(INTEGERS[text], arrays)

    got = native(text, arrays, str(want.dtype), lanes)

    assert np.array_equal(got, want)


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("type_name", ["float64", "float32"])
def test_a_power_of_two_scales_with_one_rounding(lanes, type_name):
    """Also where the power alone is beyond the largest number."""
    exponents = np.array(
        [0, 1, -1, 60, -1074, 1100, -1100, 2100, -2100, 2**30, -(2**30)]
    )
    with np.errstate(over="ignore"):
        edges = EDGES.astype(type_name)
    x, n = (a.ravel() for a in np.meshgrid(edges, exponents))
    want = expected(np.ldexp, [x, n])

    got = native("ldexp(x, y)", [x, n], type_name, lanes)

    assert np.array_equal(got, want, equal_nan=True)


def test_integer_power_is_by_squaring():
    """Wrapping around like NumPy."""
    x = np.repeat(np.arange(-5, 6), 40)
    y = np.tile(np.arange(40), 11)

    assert np.array_equal(native("x ** y", [x, y], "int64", 2), x**y)


@pytest.mark.parametrize("target", ["int64", "int32", "float32", "bool"])
@pytest.mark.parametrize("lanes", [1, 8])
def test_conversion_equals_astype(target, lanes):
    """Where C defines the result, and NaN is a true value."""
    x = np.array([0.0, -0.0, 1.9, -1.9, 1e9, -1e9, 0.1, 2.5, 1e-300])
    if target == "bool":
        x = np.append(x, np.nan)

    assert np.array_equal(native("x", [x], target, lanes), x.astype(target))


def test_mixed_operands_meet_in_the_result_type():
    """An integer and a truth value take part in float arithmetic."""
    x, y = np.arange(-4, 4), np.arange(8) % 2 == 0

    assert np.array_equal(native("x / y", [x, y + 1], "float64", 4), x / (y + 1))
    assert np.array_equal(native("x * y", [x, y], "int64", 4), x * y)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x @ y", "not a native expression"),
        ("open(x)", "no native function is called 'open'"),
        ("x.real", "not a native expression"),
        ("x & y", "floats have no operations on bits"),
        ("x << y", "only whole numbers are shifted"),
        ("x +", "not a native expression"),
        ("x if y else x", "not a native expression"),
        ("exp(x, base=2)", "not a native expression"),
    ],
)
def test_anything_else_is_refused(text, message):
    """The vocabulary is closed."""
    with pytest.raises(VocabularyError, match=message):
        template(text, ("float64", "float64"), "float64")
