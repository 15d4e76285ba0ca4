"""Complex numbers in loops: what the parts' formulas give is what NumPy gives."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.lower.test_nests import WAYS, check_tape
from wengert.emit import entry
from wengert.emit.refusal import NotLoweredError
from wengert.execute.engine import native_engine
from wengert.execute.loops import compile_loops
from wengert.lower.parts import FORMULAS, in_parts

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages"),
]

SPECIAL = (0.0, -0.0, 1.0, -2.5, 1e-200, 1e100, np.inf, -np.inf, np.nan)
POINTS = [complex(a, b) for a, b in itertools.product(SPECIAL, SPECIAL)]
UNARY: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in FORMULAS
    if isinstance(getattr(np, name, None), np.ufunc) and getattr(np, name).nin == 1
} | {"real": np.real, "imag": np.imag}
BINARY: dict[str, Callable[..., Any]] = {
    name: getattr(np, name)
    for name in FORMULAS
    if isinstance(getattr(np, name, None), np.ufunc) and getattr(np, name).nin == 2
}


def same(found: Any, expected: Any, ulps: float) -> bool:
    """Whether two numbers are the same: signs of zeros, infinities, NaN, and ulps."""
    if expected.dtype.kind == "c":
        parts = (found.real, found.imag), (expected.real, expected.imag)
        pairs = list(zip(*parts, strict=True))
    else:
        pairs = [(found, expected)]
    size = max([1e-320, *(abs(y) for _, y in pairs if np.isfinite(y))])
    for x, y in pairs:
        if np.isnan(x) != np.isnan(y):
            return False
        is_number = np.isfinite(y) and y.dtype.kind == "f"
        if not np.isnan(y) and (
            abs(x - y) > ulps * np.finfo(float).eps * size if is_number else x != y
        ):
            return False
    return True


def answers(function: Callable[..., Any], *given: complex) -> tuple[int, Any, Any]:
    """Return what native code answers for numbers, its result, and NumPy's."""
    arrays = [np.array([x]) for x in given]
    key = function, len(given)
    if key not in KERNELS:
        ones = [np.array([1.0 + 1.0j])] * len(given)
        KERNELS[key] = compile_loops(wg.record(function, *ones), True)
    with np.errstate(all="ignore"):
        expected = function(*arrays)
    found = np.empty_like(expected)
    code = KERNELS[key].call(arrays, [found])
    return code, found[0], expected[0]


KERNELS: dict[Any, Any] = {}


@pytest.mark.parametrize("name", UNARY)
def test_a_function_of_special_numbers_is_numpys_or_refused(name: str) -> None:
    refused = 0
    for point in POINTS:
        code, found, expected = answers(UNARY[name], point)
        refused += code != 0
        assert code or same(found, expected, 8), (point, found, expected)
    assert refused < len(POINTS) * 0.7


@pytest.mark.parametrize("name", BINARY)
def test_an_operation_on_special_numbers_is_numpys(name: str) -> None:
    for one, other in itertools.product(POINTS[::2], POINTS):
        code, found, expected = answers(BINARY[name], one, other)
        assert not code
        assert same(found, expected, 8), (one, other, found, expected)


@pytest.mark.parametrize("name", [n for n in UNARY if n not in ("real", "imag")])
def test_a_function_of_random_numbers_is_numpys(name: str) -> None:
    rng = np.random.default_rng(0)
    sizes = 10.0 ** rng.uniform(-3, 2, size=400)
    points = sizes * np.exp(1j * rng.uniform(-np.pi, np.pi, size=400))
    points[:100] = points[:100] / abs(points[:100]) * (1 + 1e-9 * rng.normal(size=100))
    for point in points:
        code, found, expected = answers(UNARY[name], complex(point))
        assert not code
        assert same(found, expected, 16), (point, found, expected)


STEPS: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a + b,
    lambda a, b: a - 1.5 * b,
    lambda a, b: a * b,
    lambda a, b: a / (3.0 + b * np.conj(b)),
    lambda a, b: np.exp(1j * np.real(a)),
    lambda a, b: np.sqrt(a * a + 4.0),
    lambda a, b: np.sin(0.1 * a),
    lambda a, b: a[::-1] + b[0],
    lambda a, b: np.cumsum(0.2 * a),
    lambda a, b: np.where(np.abs(a) < 1.0, a, b),
    lambda a, b: np.log(a + 5.0j),
    lambda a, b: np.concatenate([a[1:], b[:1]]) + np.imag(b * 1.0j),
    lambda a, b: np.sum(a) + b * 0.1,
    lambda a, b: (a[:, None] * np.conj(b)[None, :]) @ (0.1j * a),
)


def program(seed: int) -> Callable[..., Any]:
    """Return a random program of two complex arrays and a real one."""

    def run(z: Any, w: Any, x: Any) -> Any:
        rng = np.random.default_rng(seed)
        values = [z, w, x, z * (0.5 - 2.0j)]
        for _ in range(8):
            a, b = (values[rng.integers(len(values))] for _ in range(2))
            made = STEPS[rng.integers(len(STEPS))](a, b)
            values.append(made / (1.0 + np.abs(made)))
        return values[-1] + values[-2]

    return run


def judge(seed: int) -> None:
    """A random program and its gradient, in loops between guard pages."""
    rng, way = np.random.default_rng(seed), WAYS[seed % len(WAYS)]
    n = int(rng.choice([1, 2, 3, 8, 17, 40]))
    numbers = rng.normal(size=(5, n))
    z, w, x = numbers[0] + 1j * numbers[1], numbers[2] + 1j * numbers[3], numbers[4]
    function = program(seed)

    def total(z: Any, w: Any, x: Any) -> Any:
        found = function(z, w, x)
        return np.sum(np.real(found * np.conj(found)))

    check_tape(wg.record(function, z, w, x), way, bool(seed % 2), 1e4)
    gradient = wg.value_and_grad(total, (0, 1, 2))
    check_tape(wg.record(gradient, z, w, x), way, bool(seed % 2), 1e5)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("first", range(0, 6, 3))
def test_random_programs_touch_nothing_outside(first: int) -> None:
    for seed in range(first, first + 3):
        judge(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(6, 306, 50))
def test_many_random_programs_touch_nothing_outside(first: int) -> None:
    for seed in range(first, first + 50):
        judge(seed)


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("type_", ["complex128", "complex64"])
def test_jit_returns_numbers_arrays_and_their_types(
    type_: str, fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not fast:
        monkeypatch.setattr(entry, "is_fast", lambda: False)
    z = np.array([1.0 + 2.0j, -0.5j, 3.0], type_)

    def function(z: Any, w: Any) -> Any:
        return {
            "sum": np.sum(z * z),
            "array": np.conj(z) * w,
            "part": z[0].real,
            "z": z,
        }

    jitted = wg.jit(function, wait=True)
    for k in range(4):
        w = z[::-1] * (k + 1)
        expected, found = function(z, w), jitted(z, w)
        for name, value in expected.items():
            assert type(found[name]) is type(value)
            assert found[name].dtype == value.dtype
            np.testing.assert_allclose(found[name], value, rtol=1e-6)
    (row,) = jitted.report().rows
    assert not row["reason"]
    assert row["nest"]


def test_pythons_complex_numbers_stay_pythons() -> None:
    jitted = wg.jit(lambda z, x: (z * 2j + 1.0, x * z), wait=True)
    x = np.ones(2, np.complex64)
    for z in (1.0 + 2.0j, 3.0 - 1.0j, -1j):
        number, array = jitted(z, x)
        assert type(number) is complex
        assert number == z * 2j + 1.0
        assert array.dtype == np.complex64
        np.testing.assert_array_equal(array, x * z)
    assert not jitted.report().rows[0]["reason"]


def test_what_is_captured_is_read_in_place() -> None:
    table = np.array([1.0 + 1.0j, 2.0])
    jitted = wg.jit(lambda x: np.real(table * x), wait=True)
    x = np.array([1.0 - 1.0j, 3.0j])
    for _ in range(3):
        table[0] += 1.0j
        np.testing.assert_array_equal(jitted(x), np.real(table * x))
    assert not jitted.report().rows[0]["reason"]


def test_a_branch_on_complex_numbers_is_asked_of_numpy() -> None:
    z = np.array([1.0 + 1.0j, 2.0])
    tape = wg.record(lambda z: z * 2.0 if np.sum(z * z).real > 0.0 else z, z)
    with pytest.raises(NotLoweredError, match="a guard on complex numbers"):
        in_parts(tape, [])
    jitted = wg.jit(lambda z: z * 2.0 if np.sum(z * z).real > 0.0 else z, wait=True)
    for sign in (1.0, 1.0, 1j, 1j, 1.0):
        expected = sign * z * (2.0 if sign == 1.0 else 1.0)
        np.testing.assert_array_equal(jitted(sign * z), expected)


def test_a_tape_without_complex_numbers_is_itself() -> None:
    tape = wg.record(np.sin, np.ones(3))
    assert in_parts(tape, [])[0] is tape


def evolved(psi: Any, v: Any) -> Any:
    """A wave in a potential, by small steps of a plain loop."""
    for _ in range(200):
        laplacian = np.roll(psi, 1) + np.roll(psi, -1) - 2.0 * psi
        psi = psi * np.exp(-0.01j * v) + 0.005j * laplacian
    return np.sum(np.abs(psi) ** 2 * v)


def scanned(psi: Any, v: Any) -> Any:
    """The same kind of thing as a scan, which stacks, and carries a real number."""

    def step(state: Any, x: Any) -> Any:
        psi, total = state
        psi = psi * np.exp(1j * x * v) + 0.1j * psi[::-1]
        return (psi, total + np.sum(np.abs(psi))), psi[0]

    (psi, total), firsts = wg.scan(step, (psi, 0.0), np.linspace(0.0, 1.0, 30))
    return total + np.sum(np.real(psi * v)) + np.sum(np.abs(firsts))


@pytest.mark.parametrize("function", [evolved, scanned])
def test_loops_of_complex_numbers(function: Callable[..., Any]) -> None:
    v = np.random.default_rng(0).normal(size=12)
    psi = np.exp(-(np.linspace(-3.0, 3.0, 12) ** 2) + 1j * v)
    evaluate = wg.value_and_grad(function, (0, 1))
    value, gradients = evaluate(psi, v)
    jitted = wg.jit(evaluate, wait=True)
    for _ in range(2):
        found, others = jitted(psi, v)
        np.testing.assert_allclose(found, value, rtol=1e-12)
        for gradient, other in zip(gradients, others, strict=True):
            np.testing.assert_allclose(other, gradient, rtol=1e-9, atol=1e-12)
    (row,) = jitted.report().rows
    assert not row["reason"]
    assert "loop i0 to" in row["nest"]


@pytest.mark.filterwarnings("ignore")
def test_what_is_not_finite_is_numpys_in_a_loop_too() -> None:
    def program(z: Any) -> Any:
        return wg.fori_loop(0, 5, lambda k, z: np.exp(z), z)

    jitted = wg.jit(program, wait=True)
    for z in (0.1 + 0.2j, 0.1 + 0.3j, 3.0 + 0.0j, 2.0 - 0.1j, 0.2 + 0.1j):
        given = np.array([z])
        expected = program(given)
        np.testing.assert_allclose(jitted(given), expected, rtol=1e-12)


def writes_through_parts(z: Any, places: Any, numbers: Any) -> Any:
    """Every way of writing one part, whole, of some, moved, added."""
    z = z * 1.5
    z.real[:] = 0
    z.imag[1:, ::-1] = z.imag[:-1] * 2.0
    z.real.T[0] += 3.0
    np.add.at(z.imag, places, 1.25)
    z.real[places] = numbers
    z[0].imag[...] -= 1.0
    return z, z.real * 1.0


@pytest.mark.parametrize("n", [1, 3, 40])
def test_writes_through_one_part_leave_the_other(n: int) -> None:
    rng = np.random.default_rng(n)
    z = rng.normal(size=(3, n)) + 1j * rng.normal(size=(3, n))
    given = z, np.array([0, 2, 2]), rng.normal(size=(3, n))

    for way in WAYS:
        check_tape(wg.record(writes_through_parts, *given), way, ulps=4)
    jitted = wg.jit(writes_through_parts, wait=True)
    for scale in (1.0, 2.0, 0.5):
        found = jitted(scale * z, *given[1:])
        expected = writes_through_parts(scale * z, *given[1:])
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-14)
