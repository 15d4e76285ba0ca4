"""Functions answered while recording: makers of arrays, lists, `math`, threads."""

from __future__ import annotations

import builtins
import importlib
import math
import subprocess
import sys
import threading
from functools import partial
from math import sin as bound_sin
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.judge import judge
from tests.threads import at_once

V = np.array([0.5, 1.5, -0.7, 2.0])
M = np.arange(6.0).reshape(2, 3) - 2.2
S = np.float64(0.6)
F = V.astype(np.float32)
PLAIN = np.array([3.0, 4.0])

# Makers: what they make takes recorded values

MADE: dict[str, Any] = {
    "zeros": lambda: np.zeros(4),
    "ones": lambda: np.ones((4,)),
    "full": lambda: np.full(4, 2.0),
    "eye": lambda: np.eye(4)[1],
    "identity": lambda: np.identity(4).T[2],
    "tri": lambda: np.tri(4)[3],
    "arange": lambda: np.arange(4.0),
    "linspace": lambda: np.linspace(0, 1, 4),
    "logspace": lambda: np.logspace(0, 1, 4),
    "geomspace": lambda: np.geomspace(1, 8, 4),
    "array": lambda: np.array([1.0, 2.0, 3.0, 4.0]),
    "asarray": lambda: np.asarray([1.0, 2.0, 3.0, 4.0]),
    "array_of_array": lambda: np.array(V),
    "copy": lambda: np.copy(V),
    "zeros_like": lambda: np.zeros_like(V),
    "ones_like": lambda: np.ones_like(V),
    "full_like": lambda: np.full_like(V, 3.0),
    "fromfunction": lambda: np.fromfunction(lambda i: i * 2.0, (4,)),
    "ascontiguousarray": lambda: np.ascontiguousarray([1.0, 2.0, 3.0, 4.0]),
    "hamming": lambda: np.hamming(4),
}


@pytest.mark.parametrize("name", MADE)
def test_made_arrays_take_recorded_values(name: str) -> None:
    def function(x: Any) -> Any:
        y = MADE[name]()
        y[0] = x[0] * x[1]
        y[1:3] += x[2:]
        y *= 2.0
        return y

    judge(function, [V])


LIKES: dict[str, Any] = {
    "zeros_like": lambda x: np.zeros_like(x),
    "ones_like": lambda x: np.ones_like(x, dtype=float),
    "full_like": lambda x: np.full_like(x, 2.5),
    "full_like_recorded": lambda x: np.full_like(x, x[0]),
    "full_like_plain": lambda x: np.full_like(V, x[0] * x[1]),
    "zeros_like_shape": lambda x: np.zeros_like(x, shape=(4,)),
    "full_recorded": lambda x: np.full(4, x[1]),
    "full_row": lambda x: np.full((2, 4), x)[0],
    "full_dtype": lambda x: np.full(4, x[1], dtype=np.float64),
}


@pytest.mark.parametrize("name", LIKES)
def test_arrays_made_like_recorded_ones(name: str) -> None:
    def function(x: Any) -> Any:
        y = LIKES[name](x)
        y[2] = x[3] ** 2
        return y * x

    judge(function, [V])


GATHERED: dict[str, Any] = {
    "list": lambda x: np.array([x[0], x[1] * x[2]]),
    "tuple": lambda x: np.asarray((x[0], 1.0, x[2])),
    "nested": lambda x: np.array([[x[0], 2], [x[1] * x[0], x[3]]]),
    "rows": lambda x: np.array([x, 2 * x, np.ones(4)]),
    "rows_and_lists": lambda x: np.array([x, [1, 2, x[0], x[1]]]),
    "dtype": lambda x: np.array([x[0], 1], dtype=complex),
    "ndmin": lambda x: np.array([x[0], 1.0], ndmin=2),
    "of_array": lambda x: np.array(x),
    "of_scalar": lambda x: np.array(x[0]) * x,
    "one": lambda x: np.ascontiguousarray(x[0]),
    "object": lambda x: (np.array([x[0], x[1]], dtype=object) * x[:2]).astype(float),
    "object_of_products": lambda x: (
        (np.array([x[0], 2.0], dtype=object) ** 2) * x[:2]
    ).astype(float),
    "sum": lambda x: np.sum([x[0], x[1] * x[2]]),
    "sum_rows": lambda x: np.sum([x, x * x], axis=0),
    "mean": lambda x: np.mean([x[0], x[1], 3.0]),
    "max": lambda x: np.max([x[0], x[1], 1.0]),
    "min": lambda x: np.min((x[0], x[1])),
    "prod": lambda x: np.prod([x[0], x[1], x[2]]),
    "var": lambda x: np.var([x[0], x[1], x[2]]),
    "std": lambda x: np.std([x[0], x[1], x[2]]),
    "dot": lambda x: np.dot([x[0], x[1]], PLAIN),
    "dot_right": lambda x: np.dot(PLAIN, [x[0], x[1]]),
    "outer": lambda x: np.outer([x[0], x[1]], [x[2], 1.0]),
    "cumsum": lambda x: np.cumsum([x[0], x[1], x[2]]),
    "r_": lambda x: np.r_[x, 1.0, x[0], 0:3],
    "c_": lambda x: np.c_[x, x * x],
    "vectorize": lambda x: np.vectorize(lambda v: v * v if v > 0 else -v)(x),
    "vectorize_later": lambda x: np.vectorize(otypes=[float])(lambda v: v * v)(x),
    "vectorize_two": lambda x: np.vectorize(lambda v, w: v * w)(x, 2.0),
    "vectorize_tuple": lambda x: np.vectorize(lambda v: (v, v * v))(x),
    "ndenumerate": lambda x: sum(v * (i[0] + 1) for i, v in np.ndenumerate(x)),
    "ndindex": lambda x: sum(x[i] * x[i] for i in np.ndindex(x.shape)),
    "asarray_chkfinite": lambda x: np.asarray_chkfinite(x) * 2,
    "broadcast": lambda x: x * np.broadcast(x, x[:, None]).size,
    "fromiter": lambda x: np.fromiter((v * v for v in x), dtype=float),
    "zeros_like_list": lambda x: np.zeros_like([x[0], x[1]]) + x[2],
    "append_to_nothing": lambda x: np.append([], x[0] * x[1]),
    "unravel": lambda x: x[np.unravel_index(np.argmax(x), (4,))],
    "asanyarray": lambda x: np.asanyarray(x) * np.require(x),
    "meshgrid": lambda x: np.meshgrid([x[0], x[1]], x)[0],
    "fromfunction": lambda x: np.fromfunction(lambda i, j: i * x[0] + j, (2, 3)),
}


@pytest.mark.parametrize("name", GATHERED)
def test_lists_of_recorded_values_become_arrays(name: str) -> None:
    judge(GATHERED[name], [V])


def test_dtypes_of_gathered_lists_are_numpys() -> None:
    judge(lambda x: np.array([x[0], x[1]]), [F])
    judge(lambda x: np.array([x[0], 1.0]), [F])
    judge(lambda x: np.stack([x, x]), [F])
    judge(lambda x: np.array([x[0], 1j]), [V])


def test_arange_between_recorded_bounds() -> None:
    judge(lambda x: np.arange(x, x + 2.0, 0.31), [S])
    judge(lambda x: np.arange(1.0, 3.0, x), [S])
    judge(lambda x: np.arange(x * 9) * x, [S])


def test_asarray_of_a_recorded_array_is_itself() -> None:
    def function(x: Any) -> Any:
        y = x * 2.0
        z = np.asarray(y)
        z[0] = x[1]
        return y

    judge(function, [V])


def test_asarray_of_the_callers_array_stays_the_callers() -> None:
    outside = V.copy()

    def function(x: Any) -> Any:
        np.asarray(outside)[0] = x[0]
        return x.sum()

    with pytest.raises((wengert.RecordingError, ValueError)):
        wengert.grad(function)(V)
    np.testing.assert_array_equal(outside, V)


def test_an_array_that_depends_on_no_input_is_plain_and_read_only_outside() -> None:
    def function(x: Any) -> Any:
        y = np.zeros(3)
        y[0] = 2.0
        plain = memoryview(np.ascontiguousarray(y.__array__()))
        assert y.__array__().flags.writeable is False
        assert plain[0] == 2.0
        assert type(y[0]) is np.float64
        assert type(y.sum()) is np.float64
        return x * float(y[0])

    assert wengert.grad(function)(1.5) == 2.0


def test_isscalar_of_recorded_numbers() -> None:
    def function(x: Any) -> Any:
        assert np.isscalar(x[0])
        assert not np.isscalar(x)
        assert np.isscalar(1.0)
        return x.sum()

    np.testing.assert_array_equal(wengert.grad(function)(V), np.ones(4))


def test_a_scalar_is_not_iterable_as_in_numpy() -> None:
    with pytest.raises(TypeError, match="not iterable"):
        wengert.grad(lambda x: builtins.sum(x[0]))(V)


def assign(key: Any, value: Any) -> Any:
    def function(x: Any) -> Any:
        y = np.zeros((2, 2)) + x[0] if key == "active" else np.zeros((2, 2))
        y[1] = value(x)
        return y * y

    return function


@pytest.mark.parametrize("key", ["active", "passive"])
@pytest.mark.parametrize(
    "value",
    [
        lambda x: [x[0] * x[1], 1],
        lambda x: (x[0], x[1] ** 2),
        lambda x: [np.array(x[2]), x[3]],
    ],
)
def test_a_list_of_recorded_values_is_assigned_as_numpy_does(
    key: str, value: Any
) -> None:
    judge(assign(key, value), [V])


def test_what_cannot_be_recorded_names_a_way_out() -> None:
    with pytest.raises(wengert.UnsupportedError, match="ndenumerate"):
        wengert.grad(lambda x: sum(v for v in np.nditer(x)))(V)
    with pytest.raises(wengert.UnsupportedError, match="concatenate"):
        wengert.grad(lambda x: np.r_["0,2", x, x].sum())(V)


# math


@pytest.mark.parametrize(
    "name",
    "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh "
    "cosh tanh asinh atanh degrees radians fabs".split(),
)
def test_math_functions_of_one_number(name: str) -> None:
    function = getattr(math, name)

    value, slope = wengert.value_and_grad(lambda x: getattr(math, name)(x))(S)

    # NumPy's vectorised functions and libm's may differ in the last places.
    np.testing.assert_allclose(value, function(S), rtol=1e-15)
    h = 1e-6
    # Central differences: error h^2 f''' / 6 + eps / h.
    numeric = (function(S + h) - function(S - h)) / (2 * h)
    np.testing.assert_allclose(slope, numeric, rtol=1e-7)


def test_code_that_has_run_before_is_answered_too() -> None:
    """The interpreter notes where in a module a function lay, and goes there again."""

    def f(x: Any) -> Any:
        y = np.zeros(2)
        y[0] = math.hypot(x, 2.0, x * x)
        return y[0] + math.exp(np.full(2, x)[1])

    for _ in range(100):
        f(1.5)

    numeric = (f(1.5 + 1e-6) - f(1.5 - 1e-6)) / 2e-6
    np.testing.assert_allclose(wengert.grad(f)(1.5), numeric, rtol=1e-8)
    for _ in range(100):
        assert type(f(1.5)) is np.float64


MATH: dict[str, Any] = {
    "acosh": lambda x: math.acosh(x + 2),
    "atan2": lambda x: math.atan2(x, 2.0) * math.atan2(1, x),
    "pow": lambda x: math.pow(x, 2.5) + math.pow(2, x),
    "hypot": lambda x: math.hypot(x, 2.0, x * x),
    "hypot_one": lambda x: math.hypot(x),
    "log_base": lambda x: math.log(x, 3) + math.log(3, x),
    "copysign": lambda x: math.copysign(x, -1.0),
    "fmod": lambda x: math.fmod(x * 5, 0.7),
    "remainder": lambda x: math.remainder(x * 5, 0.7),
    "modf": lambda x: math.modf(x * 5)[0],
    "frexp": lambda x: math.frexp(x * 5)[0] * math.frexp(x * 5)[1],
    "ldexp": lambda x: math.ldexp(x, 3),
    "fsum": lambda x: math.fsum([x, 1.0, x * x]),
    "fsum_array": lambda x: math.fsum(np.array([x, 1.0])),
    "prod": lambda x: math.prod([x, 2.0, x], start=3.0),
    "dist": lambda x: math.dist([x, 1.0], [0.0, x]),
    "floor": lambda x: x * math.floor(x * 5),
    "ceil": lambda x: x * math.ceil(x * 5),
    "trunc": lambda x: x * math.trunc(x * -5),
    "isclose": lambda x: x * 2 if math.isclose(x, 0.64) else x,
    "isnan": lambda x: x if not math.isnan(x) and math.isfinite(x) else 0.0,
    "isinf": lambda x: 0.0 if math.isinf(x) else x * x,
    "constants": lambda x: math.pi * x + math.inf * 0 if x > 1 else math.e * x,
    "comb": lambda x: x * math.comb(int(x * 10), 2),
}


@pytest.mark.parametrize("name", MATH)
def test_math_functions_of_several_numbers(name: str) -> None:
    function = MATH[name]
    expected = function(0.64)

    value, slope = wengert.value_and_grad(function)(0.64)

    np.testing.assert_allclose(value, expected, rtol=1e-15)
    h = 1e-6
    numeric = (function(0.64 + h) - function(0.64 - h)) / (2 * h)
    if name != "isclose":
        np.testing.assert_allclose(slope, numeric, rtol=1e-7, atol=1e-9)


def test_math_functions_raise_what_math_raises() -> None:
    with pytest.raises(ValueError, match=r"domain|positive|nonnegative"):
        wengert.grad(lambda x: math.log(x - 1))(0.5)
    with pytest.raises(OverflowError):
        wengert.grad(lambda x: math.exp(x * 2000))(0.5)


def test_math_of_plain_numbers_is_untouched_while_recording() -> None:
    def function(x: Any) -> Any:
        assert math.sin(1) == bound_sin(1)
        assert type(math.floor(2.5)) is int
        assert math.prod([2, 3]) == 6
        assert math.hypot(3, 4) == 5
        return x

    assert wengert.grad(function)(1.0) == 1.0


def test_a_function_imported_from_math_raises_with_advice() -> None:
    with pytest.raises(wengert.RecordingError, match=r"np\.|math\."):
        wengert.grad(lambda x: bound_sin(x))(1.0)


# Python's own functions


BUILTINS: dict[str, Any] = {
    "sum": lambda x: sum([x[0], x[1] * x[1]]),
    "sum_array": lambda x: sum(x * x),
    "abs": lambda x: abs(x[2]) * x[0],
    "round": lambda x: x[0] * round(x[1] * 3),
    "min": lambda x: min(x[0], x[1]),
    "max": lambda x: max(x[0] * x[0], x[1], 0.3),
    "max_array": lambda x: max(x),
    "sorted": lambda x: sorted([x[0], x[1], x[2]])[1],
    "pow": lambda x: pow(x[0], 2) + pow(2.0, x[1]),
    "divmod": lambda x: divmod(x[1] * 2, x[0])[1] + divmod(5.0, x[0])[0],
    "int": lambda x: x[0] * int(x[3]),
    "list": lambda x: list(x)[2] * x[0],
    "unpacking": lambda x: (lambda a, b, c, d: a * d - b * c)(*x),
    "enumerate": lambda x: sum(k * v for k, v in enumerate(x)),
    "zip": lambda x: sum(a * b for a, b in zip(x, reversed(list(x)), strict=True)),
    "any": lambda x: x[0] if any(v > 1 for v in x) else x[1],
    "format": lambda x: x[0] * len(f"{x[0]:.3f}"),
}


@pytest.mark.parametrize("name", BUILTINS)
def test_pythons_functions_work_by_protocol(name: str) -> None:
    judge(BUILTINS[name], [np.array([0.53, 1.47, -0.72, 2.1])])


# Replacement: while recording, in this context, for user code


ORIGINALS = {name: getattr(np, name) for name in ("zeros", "array", "sum", "r_")}


def test_originals_are_back_after_recording_and_after_an_error() -> None:
    def failing(x: Any) -> Any:
        assert np.zeros is not ORIGINALS["zeros"]
        raise KeyError("stop")

    with pytest.raises(KeyError):
        wengert.grad(failing)(1.0)

    assert all(getattr(np, name) is value for name, value in ORIGINALS.items())
    assert math.sin is bound_sin


def test_libraries_get_the_originals() -> None:
    import scipy.linalg

    def function(x: Any) -> Any:
        toeplitz = scipy.linalg.toeplitz([1.0, 2.0, 3.0])
        assert type(toeplitz) is np.ndarray
        assert type(np.histogram([1.0, 2.0])[0]) is np.ndarray
        return x * toeplitz[0, 1]

    assert wengert.grad(function)(1.0) == 2.0


def test_a_library_that_asks_for_memory_is_refused() -> None:
    import scipy.linalg

    with pytest.raises(wengert.RecordingError, match="stop_gradient"):
        wengert.grad(lambda x: scipy.linalg.hessenberg(np.outer(x, x)).sum())(V)


def test_two_threads_record_and_a_third_is_undisturbed() -> None:
    rounds = 30

    def recorder(scale: float) -> None:
        def function(x: Any) -> Any:
            y = np.zeros(3)
            y[0] = x[0] * scale
            y[1] = math.sin(x[1])
            return np.sum([y[0], y[1]]) + np.array([x[2], x[0]]).sum()

        for _ in range(rounds):
            gradient = wengert.grad(function)(V[:3])
            expected = np.array([scale + 1, np.cos(V[1]), 1.0])
            np.testing.assert_allclose(gradient, expected, rtol=1e-15)

    def bystander() -> None:
        for _ in range(20 * rounds):
            made = (np.zeros(2), np.array([1.0]), np.asarray([2.0]), np.arange(3))
            assert all(type(value) is np.ndarray for value in made)
            assert type(np.sum([1.0, 2.0])) is np.float64
            assert type(math.sin(1.0)) is float

    at_once(partial(recorder, 2.0), partial(recorder, 3.0), bystander)

    assert np.zeros is ORIGINALS["zeros"]


def test_a_thread_started_while_recording_makes_plain_arrays() -> None:
    found: list[Any] = []

    def function(x: Any) -> Any:
        thread = threading.Thread(target=lambda: found.append(np.zeros(2)))
        thread.start()
        thread.join()
        return x

    wengert.grad(function)(1.0)

    assert type(found[0]) is np.ndarray


# What depends on no input is plain NumPy, also where there is no rule


def filled_objects(x: Any) -> Any:
    boxes = np.empty(4, dtype=object)
    for k in range(4):
        boxes[k] = x[k] ** 2
    return (boxes * x).sum() + np.sum(boxes)


def imported_while_recording(x: Any) -> Any:
    import scipy.linalg

    return scipy.linalg.det(np.eye(3) * 2.0) * x


PASSIVE_CALLS: dict[str, Any] = {
    "det": lambda x: np.linalg.det(np.eye(3) * 2.0) * x,
    "eigh": lambda x: np.linalg.eigh(np.diag([1.0, 2.0])).eigenvalues[1] * x,
    "histogram": lambda x: np.histogram(np.zeros(3))[0][5] * x,
    "fft": lambda x: np.fft.fft(np.ones(4)).real * x,
    "unique": lambda x: np.unique(np.array([1, 2, 2])).size * x,
    "table": lambda x: V[np.array([1, 0, 3, 2])] * x,
    "labels": lambda x: x[np.array(["a", "b", "a", "c"]) == "a"].sum(),
    "mask": lambda x: x[np.array([True, False, True, False])] ** 2,
    "float": lambda x: float(np.ones(3).sum()) * x,
    "list": lambda x: np.ones(4).tolist()[1] * x,
    "scipy": imported_while_recording,
    "objects": filled_objects,
}


@pytest.mark.parametrize("name", PASSIVE_CALLS)
def test_arrays_that_depend_on_no_input_are_plain_numpy(name: str) -> None:
    judge(PASSIVE_CALLS[name], [V])


# Modules imported by the recorded function


def test_a_recorded_function_may_import_compiled_modules() -> None:
    program = """
import numpy as np
import wengert

def f(x):
    import scipy.special
    return x * scipy.special.factorial(3)

print(wengert.grad(f)(2.0))
"""
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert result.stdout == "6.0\n", result.stderr


def test_arrays_of_a_module_imported_while_recording_are_plain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imported_late.py").write_text(
        "import numpy as np\nTABLE = np.zeros(3)\nTABLE[1] = 2.0\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def f(x: Any) -> Any:
        return np.sum(x * importlib.import_module("imported_late").TABLE)

    gradient = wengert.grad(f)(np.ones(3))

    assert type(sys.modules.pop("imported_late").TABLE) is np.ndarray
    np.testing.assert_array_equal(gradient, [0.0, 2.0, 0.0])


# Plain Python's numerics

TIES = [1.115, 2.675, 0.5, 2.5, -1.005, 1e16 + 2, 12345.678, 0.0, -0.0]


@pytest.mark.parametrize("digits", [0, 1, 2, 15, -1, -3])
@pytest.mark.parametrize("x", TIES)
def test_a_python_number_is_rounded_as_python_does(x: float, digits: int) -> None:
    def f(x: Any) -> Any:
        return round(x, digits)

    compiled = wengert.jit(f)
    expected = round(x, digits)

    assert repr(wengert.value_and_grad(f)(x)[0]) == repr(expected)
    assert [repr(compiled(x)) for _ in range(3)] == [repr(expected)] * 3
    assert wengert.vmap(f)(np.array([x]))[0] == np.round(x, digits)  # NumPy's number


@pytest.mark.parametrize(
    "parts",
    [[1e17, 0.25, -1e17], [0.1] * 10, [1e100, 1.0, -1e100, 1e-3], [1, 2**53, -1.5]],
)
def test_fsum_is_exact(parts: list[float]) -> None:
    def f(*parts: Any) -> Any:
        return math.fsum(parts) * 1.0

    places = tuple(range(len(parts)))
    compiled = wengert.jit(f)
    value, slopes = wengert.value_and_grad(f, places)(*parts)

    assert value == math.fsum(parts)
    assert slopes == (1.0,) * len(parts)
    assert [compiled(*parts) for _ in range(3)] == [math.fsum(parts)] * 3
    rows = wengert.vmap(f)(*(np.array([part, part]) for part in parts))
    assert rows.tolist() == [math.fsum(parts)] * 2


def test_fsum_raises_what_python_raises() -> None:
    with pytest.raises(OverflowError):
        wengert.grad(lambda x: math.fsum([x, x]))(1.7e308)
    with pytest.raises(ValueError, match="inf"):
        wengert.grad(lambda x: math.fsum([x, -x]))(math.inf)


# Plain arrays that NumPy's functions make while recording

MAKING: dict[str, Any] = {
    "diag": lambda a: np.diag(a[0]),
    "tril": lambda a: np.tril(a),
    "triu": lambda a: np.triu(a),
    "tile": lambda a: np.tile(a, 1),
    "kron": lambda a: np.kron(a, np.eye(1)),
    "where": lambda a: np.where(a > 1.0, a, 0.0),
    "concatenate": lambda a: np.concatenate((a, a)),
    "stack": lambda a: np.stack((a[0], a[1])),
    "block": lambda a: np.block([a, a]),
    "repeat": lambda a: np.repeat(a, 2, axis=0),
    "pad": lambda a: np.pad(a, 1),
    "roll": lambda a: np.roll(a, 1),
    "outer": lambda a: np.outer(a[0], a[1]),
}


@pytest.mark.parametrize("name", MAKING)
def test_what_is_made_of_plain_arrays_takes_recorded_values(name: str) -> None:
    plain = np.array([[1.0, 2.0], [3.0, 4.0]])

    def function(x: Any) -> Any:
        work = MAKING[name](plain)
        work[0, 1] = x * x
        return np.sum(work)

    value, slope = wengert.value_and_grad(function)(3.0)

    made = MAKING[name](plain)
    assert value == np.sum(made) - made[0, 1] + 9.0
    assert slope == 6.0
    assert plain.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    "use",
    [
        lambda a: a.tobytes() == PLAIN.tobytes(),
        lambda a: a.view(np.int64).tolist() == PLAIN.view(np.int64).tolist(),
        lambda a: a.ctypes.shape[0] == 2,
        lambda a: a.data.nbytes == 16,
        lambda a: np.from_dlpack(a).tolist() == PLAIN.tolist(),
        lambda a: a.tolist() == PLAIN.tolist(),
        lambda a: memoryview(np.asarray(a.__array__())).nbytes == 16,
    ],
)
def test_what_is_made_of_plain_arrays_hands_out_its_memory(use: Any) -> None:
    """Nothing recorded is in it yet, so that what asks for memory is right."""
    found = []

    def function(x: Any) -> Any:
        found.append(use(np.concatenate((PLAIN[:1], PLAIN[1:]))))
        return x * 1.0

    wengert.grad(function)(2.0)

    assert found == [True]
