"""Loops of a tape give what the interpreter does, between guard pages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.derive.loops import rolled
from tests.lower.guarded import call_guarded
from tests.lower.programs import random_program
from tests.lower.test_nests import ILL_CONDITIONED, WAYS, check_tape, compiled
from wengert import Tape
from wengert.derive.shortened import shortened
from wengert.execute.engine import native_engine
from wengert.lower.lower import lower
from wengert.lower.refusal import BOUNDS, HIDDEN, NotLoweredError

pytestmark = [
    pytest.mark.skipif(not native_engine(), reason="the native engine is off"),
    pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for guard pages"),
]

Function = Callable[..., Any]
RNG = np.random.default_rng(8)
LOOPS = 30
#: Ulps by which numbers may differ after some steps.
ULPS = 1e4


def recorded(
    step: Function, carried: int, moving: int, *operands: Any, is_back: bool = False
) -> Tape:
    """Return the tape of a loop, and what it gives, as a tape."""
    count = len(operands[carried])
    loop = rolled(step, carried, moving, count, is_back)
    return wg.record(lambda *x: tuple(loop(*x)), *operands)


def gradient_of(tape: Tape, *operands: Any) -> Tape:
    """Return the tape of the gradient of all results."""

    def total(*x: Any) -> Any:
        found = enumerate(tape(*x), 1)
        return sum(np.sum(np.tanh(part * 0.5) * k) for k, part in found)

    floats = [k for k, x in enumerate(operands) if np.asarray(x).dtype.kind == "f"]
    return wg.record(wg.value_and_grad(total, tuple(floats)), *operands)


def judge(tape: Tape, *operands: Any) -> None:
    """A loop and its gradient, at every width, back and on."""
    for way in WAYS:
        check_tape(tape, way, ulps=ULPS)
    gradient = gradient_of(tape, *operands)
    for k, way in enumerate(WAYS):
        check_tape(gradient, way, at_end=bool(k % 2), ulps=ULPS)


def of_numbers(x: Any, v: Any, f: Any, k: Any) -> Any:
    """A step of numbers alone."""
    v = 0.9 * v - 0.1 * np.sin(x) * k + f
    return x + 0.1 * v, v, x * v


def of_arrays(h: Any, c: Any, x: Any, w: Any) -> Any:
    """A step of arrays, with a product, a sum and a value that is stacked twice."""
    z = np.tanh(w @ h + x)
    return z, np.exp(-np.square(c)) * z, np.sum(z * c), z, h[::-1]


def of_writes(u: Any, x: Any) -> Any:
    """A step that writes into what it carries."""
    u = u.copy()
    u[1:-1] = u[1:-1] + 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    u[0] = x
    return (u,)


def of_kinds(count: Any, flag: Any, x: Any, x_max: Any) -> Any:
    """A step of whole numbers and truth values."""
    is_large = np.abs(x) > x_max
    return count + is_large, flag | np.any(is_large), np.where(is_large, x_max, x)


def of_rows(total: Any, a: Any, b: Any) -> Any:
    """A step that reads rows of two stacks, one of matrices."""
    return total + a @ b, a.T * b


def of_small(z: Any, v: Any, m: Any, x: Any, k: Any) -> Any:
    """A step of arrays of few elements, which change places and are written to."""
    m = m.copy()
    m[0, 1] = np.sum(z * v) * x
    turned = np.stack([v[1], z[0] - x])
    return turned * k, z + 0.1 * np.sin(v)[::-1], m.T * 0.7, np.sqrt(np.sum(v * v)), m


CASES: dict[str, tuple[Function, int, int, Callable[[int], tuple[Any, ...]]]] = {
    "numbers": (of_numbers, 2, 1, lambda n: (0.3, -0.2, RNG.normal(size=n), 1.5)),
    "arrays": (
        of_arrays,
        2,
        1,
        lambda n: (
            RNG.normal(size=5),
            RNG.normal(size=5),
            RNG.normal(size=(n, 5)),
            RNG.normal(size=(5, 5)),
        ),
    ),
    "small arrays": (
        of_small,
        3,
        1,
        lambda n: (
            RNG.normal(size=2),
            RNG.normal(size=2),
            RNG.normal(size=(2, 2)),
            RNG.normal(size=n),
            0.9,
        ),
    ),
    "writes": (of_writes, 1, 1, lambda n: (RNG.normal(size=37), RNG.normal(size=n))),
    "kinds": (
        of_kinds,
        2,
        1,
        lambda n: (np.zeros(4, int), np.False_, RNG.normal(size=(n, 4)), 0.8),
    ),
    "rows": (
        of_rows,
        1,
        2,
        lambda n: (np.zeros(3), RNG.normal(size=(n, 3, 3)), RNG.normal(size=(n, 3))),
    ),
}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("is_back", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_loop_is_what_the_interpreter_does(name: str, is_back: bool) -> None:
    step, carried, moving, draw = CASES[name]
    for count in (1, 2, 5):
        operands = tuple(np.asarray(x)[()] for x in draw(count))
        tape = recorded(step, carried, moving, *operands, is_back=is_back)
        judge(tape, *operands)


def test_small_arrays_are_carried_in_registers() -> None:
    step = lambda z, v, x: (z + 0.1 * v, v - 0.1 * np.sin(z) * x)  # noqa: E731
    operands = RNG.normal(size=2), RNG.normal(size=3)[:2], RNG.normal(size=9)
    kernel = compiled(recorded(step, 2, 1, *operands), WAYS[1], True)

    assert kernel is not None
    _, loop = kernel.nest.split(" to 9:", 1)
    inside = loop.split("\nv")[0].splitlines()
    assert len(inside) > 9
    assert not any("scratch" in line for line in inside)


def test_what_a_loop_gives_is_read_in_other_ways() -> None:
    loop = rolled(of_arrays, 2, 1, 6, False)

    def function(h: Any, x: Any, w: Any) -> Any:
        z, _, sums, stacked, flipped = loop(h, h * 2.0, x[::-1] * 0.5, w.T)
        again = loop(z, sums[:5], flipped, w)
        return stacked.T @ sums, again[3][2:4], z[[3, 0, 1]], again[0]

    operands = RNG.normal(size=5), RNG.normal(size=(6, 5)), RNG.normal(size=(5, 5))
    judge(wg.record(function, *operands), *operands)


def test_carried_values_that_start_as_one_number() -> None:
    loop = rolled(lambda s, m, x: (s + x, np.maximum(m, x), s * x), 2, 1, 4, False)

    def function(x: Any) -> Any:
        return tuple(loop(np.zeros(9), np.full(9, -3.0), x))

    x = RNG.normal(size=(4, 9))
    judge(wg.record(function, x), x)


def test_a_loop_in_a_loop() -> None:
    def turned(a: Any, k: Any) -> Any:
        return np.sin(a) * k[0] + k[1], a

    for like in (0.4, RNG.normal(size=6)):
        inner = rolled(turned, 1, 0, 3, False)

        def outer(a: Any, x: Any, k: Any, inner: Function = inner) -> Any:
            a, before = inner(a, k * x)
            return a, np.sum(before, axis=0)

        operands = like, RNG.normal(size=5), RNG.normal(size=2)
        judge(recorded(outer, 1, 1, *operands), *operands)


def test_what_loops_in_loops_hand_on_unchanged() -> None:
    def function(k: Any) -> Any:
        def inner(b: Any, t: Any) -> Any:
            return np.sin(b) * k + t, b

        def outer(a: Any, x: Any) -> Any:
            a, before = wg.scan(inner, a, x * np.arange(2.0))
            return a, np.sum(before)

        a, sums = wg.scan(outer, 0.1, np.linspace(0.0, 1.0, 3))
        return a + np.sum(sums * sums)

    slope = wg.grad(function)
    tape = wg.record(wg.grad(lambda k: np.sin(slope(k))), 0.7)
    for way in WAYS:
        check_tape(tape, way, ulps=ULPS)


def decided(a: Any, x: Any) -> Any:
    """A step with a decision."""
    return (a * 2.0 if x > 0.0 else a - 1.0, a)


def answer_of(tape: Tape, *given: Any, absorbs: bool = True) -> int:
    """Return what a tape's native code answers at other arguments."""
    kernel = compiled(tape, WAYS[1], absorbs)
    assert kernel is not None
    likes = [tape.types[k] for k in tape.output_indices]
    arrays = [np.asarray(x, dtype=float) for x in given]
    return call_guarded(kernel, arrays, likes, True)[0]


@pytest.mark.parametrize("failing", [0, 3, 6])
def test_a_decision_is_checked_in_every_step(failing: int) -> None:
    x = np.arange(1.0, 8.0)
    tape = recorded(decided, 1, 1, 1.0, x)
    assert answer_of(tape, 2.0, x) == 0
    x[failing] = -1.0
    assert answer_of(tape, 2.0, x) == BOUNDS


def test_another_decision_is_another_path() -> None:
    loop = rolled(decided, 1, 1, 5, False)
    f = wg.jit(lambda a, x: loop(a, x)[0], wait=True)
    x = np.arange(1.0, 6.0)
    for _ in range(3):
        assert f(1.0, x) == 32.0
    with pytest.raises(wg.GuardError):
        f(1.0, -x)  # the step itself was recorded once


def test_what_is_no_number_in_a_step_is_not_hidden() -> None:
    loop = rolled(
        lambda a, x: (np.where(a < 0.5, a, 0.25) + 0.0 * x, a), 1, 1, 3, False
    )

    def slopes(a: Any, x: Any) -> Any:
        slope = wg.grad(lambda v: np.sum(np.sqrt(v) ** 2))(x)
        return tuple(loop(a, slope))

    x = np.array([4.0, 1.0, 2.0])
    tape = wg.record(slopes, 0.1, x)
    assert answer_of(tape, 0.1, x, absorbs=False) == 0
    x[1] = 0.0
    assert answer_of(tape, 0.1, x, absorbs=False) == HIDDEN


def random_loop(seed: int) -> tuple[Tape, list[Any]]:
    """Return the tape of a random step, done some times, and operands."""
    program, rng = random_program(seed, is_path=True), np.random.default_rng(seed)
    arguments = program.arguments
    kinds = rng.integers(0, 3, len(arguments))
    kinds[rng.integers(len(kinds))] = 0
    order = np.argsort(kinds, kind="stable")
    carried, moving = int((kinds == 0).sum()), int((kinds == 1).sum())
    count = int(rng.integers(1, 6))

    def step(*given: Any) -> Any:
        values = dict(zip(order.tolist(), given, strict=True))
        found = program(*[values[k] for k in range(len(arguments))])
        following = []
        for k in range(carried):
            alike = [v for v in found if np.shape(v) == np.shape(given[k])]
            mean = np.mean(np.tanh(found[k % len(found)]))
            value = alike[-1] if alike and k % 2 == 0 else mean
            following.append(np.tanh(0.6 * given[k] + 0.3 * value))
        return (*following, *found)

    operands: list[Any] = [arguments[k] for k in order]
    for k in range(carried, carried + moving):
        operands[k] = np.stack([operands[k] * (1.0 - 0.3 * t) for t in range(count)])
    operands = [np.asarray(x)[()] for x in operands]
    loop = rolled(step, carried, moving, count, bool(rng.integers(2)))
    return wg.record(lambda *x: tuple(loop(*x)), *operands), operands


def judge_random(seed: int) -> None:
    """A random loop and its gradient, in loops between guard pages."""
    tape, operands = random_loop(seed)
    way, at_end = WAYS[seed % len(WAYS)], bool(seed // len(WAYS) % 2)
    check_tape(tape, way, at_end, ILL_CONDITIONED)
    gradient = gradient_of(tape, *operands)
    if not has_steps_on_nothing(gradient):
        check_tape(gradient, way, at_end, ILL_CONDITIONED, calls=True)


def has_steps_on_nothing(tape: Tape) -> bool:
    """Whether NumPy would be asked for steps of arrays without elements."""
    try:
        lower(shortened(tape, ())[0], calls=True)
    except NotLoweredError as error:
        return "scan of an array without elements" in str(error)
    return False


@pytest.mark.one_in(3)
@pytest.mark.parametrize("first", range(0, LOOPS, 10))
def test_random_loops(first: int) -> None:
    for seed in range(first, first + 10):
        judge_random(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(LOOPS, 4000, 197))
def test_many_random_loops(first: int) -> None:
    for seed in range(first, first + 197):
        judge_random(seed)


def test_a_loop_is_compiled_by_jit() -> None:
    loop = rolled(of_numbers, 2, 1, 50, False)
    x = RNG.normal(size=50)
    f = wg.jit(wg.value_and_grad(lambda k: loop(0.3, -0.2, x, k)[0]), wait=True)
    for k in (1.5, 0.5):
        value, slope = f(k)
        expected = wg.value_and_grad(lambda k: loop(0.3, -0.2, x, k)[0])(k)
        np.testing.assert_allclose([value, slope], expected, rtol=1e-12)
    assert "loops over arrays" in str(f.report())


def test_columns_cost_no_second_loop_at_any_depth() -> None:
    def turned(a: Any, k: Any) -> Any:
        return np.sin(a) * k + 0.3, a

    def outer(a: Any, x: Any, k: Any) -> Any:
        a, before = inner(a, k)
        return a * x, np.sum(before)

    inner, x = rolled(turned, 1, 0, 17, False), RNG.normal(size=50)
    loop = rolled(outer, 1, 1, 50, False)
    f = wg.jit(wg.value_and_grad(lambda k: np.sum(loop(0.3, x, k)[1])), wait=True)
    f(1.5)
    (row,) = f.report().rows
    for times in ("to 50:", "to 17:"):
        assert row["nest"].count(times) == 2  # on, and back
