"""Tapes with nodes that have no native kernel run in parts, and as eager."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.ops.examples import Example, examples
from tests.programs.generate import generate
from tests.programs.judge import Judge
from tests.programs.ways import run
from tests.threads import at_once
from wengert.emit.refusal import NotLoweredError
from wengert.execute import engine, segments
from wengert.execute.engine import native_engine
from wengert.execute.plan import Plan
from wengert.lower.lower import Lowering

needs_engine = pytest.mark.skipif(
    not native_engine(), reason="the native engine is off"
)


def pendulum(x: Any) -> Any:
    """Many scalar nodes, one operation that has no kernel, and a branch after it."""
    a, v = x[0], x[1]
    for _ in range(30):
        a, v = a + 0.01 * v, v - 0.01 * np.sin(a)
    bent = np.i0(a) + v
    if bent > 1.5:
        bent = bent * v
    for _ in range(10):
        bent = np.cos(bent) + a * x[2]
    return bent


def refuse_whole_tapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no tape have one kernel for all of it."""

    def refuse(*_: Any) -> Any:
        raise NotLoweredError("a test")

    monkeypatch.setattr(engine, "refuse_long", refuse)


@needs_engine
def test_a_mixed_tape_runs_in_native_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_whole_tapes(monkeypatch)
    slope = wg.value_and_grad(pendulum)
    jitted = wg.jit(slope, wait=True)
    generator = np.random.default_rng(0)

    for _ in range(12):
        x = generator.normal(size=3)
        value, g = jitted(x)
        expected = slope(x)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        np.testing.assert_allclose(g, expected[1], rtol=1e-11, atol=1e-13)
    plans = [path.plan for path in jitted.paths() if path.plan is not None]

    assert len(jitted.paths()) == 2
    assert min(plan.groups for plan in plans) >= 2


@needs_engine
def test_large_arrays_alone_stay_with_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_whole_tapes(monkeypatch)

    def fun(x: Any) -> Any:
        for _ in range(10):
            x = np.i0(np.sin(x))
        return np.sum(x)

    jitted = wg.jit(fun, wait=True)
    x = np.linspace(0, 1, 1000)

    assert [jitted(x) for _ in range(3)] == [fun(x)] * 3
    (path,) = jitted.paths()
    assert path.plan.groups == 0


def test_captured_arrays_are_read_at_every_play() -> None:
    table = np.ones(3)

    def fun(x: Any) -> Any:
        y = x
        for _ in range(6):
            y = np.sin(y) * table + x
        return np.i0(y) * table

    jitted = wg.jit(fun, wait=True)
    x = np.arange(3.0)

    for k in range(4):
        table[:] = k + 1.0
        np.testing.assert_allclose(jitted(x), fun(x), rtol=1e-13)


def test_a_guard_in_a_native_part_comes_before_what_it_guards() -> None:
    def fun(x: Any) -> Any:
        total = x[0]
        for _ in range(8):
            total = np.sin(total) + x[1]
        if total > 0:
            return np.sqrt(np.sum(np.i0(x) ** 2)) * total
        return np.float64(0.0) * total

    jitted = wg.jit(fun, wait=True)
    points = np.random.default_rng(1).normal(size=(20, 2))

    for x in [*points, *points]:
        np.testing.assert_allclose(jitted(x), fun(x), rtol=1e-13, atol=1e-15)


def test_writes_between_parts_are_in_order() -> None:
    def fun(x: Any) -> Any:
        y = np.zeros(100)
        for k in range(5):
            y[k] = np.sin(x[k]) * 2
            a = y[k] * 3 + x[0]
            y[50:] += a
            y[k + 5] = a * a
        return np.sum(np.i0(y)) + y[3] * y[7]

    slope = wg.value_and_grad(fun)
    jitted = wg.jit(slope, wait=True)

    for shift in range(3):
        x = np.linspace(-1, 1, 5) + shift / 10
        value, g = jitted(x)
        expected = slope(x)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        np.testing.assert_allclose(g, expected[1], rtol=1e-12)


def test_threads_share_a_mixed_plan() -> None:
    jitted = wg.jit(pendulum, wait=True)
    points = np.random.default_rng(2).normal(size=(4, 30, 3))
    expected = [[pendulum(x) for x in part] for part in points]
    for x in points[0]:
        jitted(x)
    wrong: list[Any] = []

    def work(k: int) -> None:
        for x, value in zip(points[k], expected[k], strict=True):
            if abs(jitted(x) - value) > 1e-12 * (1 + abs(value)):
                wrong.append(x)

    at_once(*[partial(work, k) for k in range(4)])

    assert wrong == []


# The same operations and programs as for whole kernels, in parts of any size


@needs_engine
@pytest.mark.parametrize("fewest", [1, 3])
def test_random_programs_agree_in_parts(
    fewest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_whole_tapes(monkeypatch)
    monkeypatch.setattr(segments, "FEWEST", fewest)
    # Every third operation is left to NumPy, so that parts begin and end everywhere.
    is_native = segments.is_native
    monkeypatch.setattr(
        segments,
        "is_native",
        lambda tape, k, captured: k % 3 != 0 and is_native(tape, k, captured),
    )

    for number in range(4):
        judge = Judge(generate(number, "analytic"))
        assert run(judge, ("eager", "jit", "jit(grad)")) == []


def results_of(found: Any) -> list[Any]:
    """Return one result or several as a list."""
    return list(found) if isinstance(found, (tuple, list)) else [found]


@pytest.mark.one_in(10)
@needs_engine
@pytest.mark.parametrize("example", examples(), ids=str)
@pytest.mark.filterwarnings("ignore")
def test_operations_agree_in_parts(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_whole_tapes(monkeypatch)
    monkeypatch.setattr(segments, "FEWEST", 1)
    function: Callable[..., Any] = example.function
    jitted = wg.jit(lambda *operands: function(*operands), wait=True)

    jitted(*example.operands)
    found = results_of(jitted(*example.operands))

    expected = results_of(function(*example.operands))
    for one, other in zip(found, expected, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        close = {"rtol": 1e-5 if one.dtype.itemsize < 8 else 1e-13, "atol": 1e-14}
        np.testing.assert_allclose(one, other, **close)


def test_a_plan_plays_as_the_interpreter() -> None:
    tape = wg.record(wg.value_and_grad(pendulum), np.array([0.3, 0.2, 0.1]))
    x = np.array([0.31, 0.22, 0.09])

    value, g = Plan(tape).run([x])

    expected = tape(x)
    assert value == expected[0]
    np.testing.assert_array_equal(g, expected[1])


@pytest.mark.parametrize("function", [np.signbit, np.reciprocal, np.sqrt])
def test_no_error_of_the_compiler_is_seen(function: Any) -> None:
    """What has no native form for whole numbers is played with NumPy."""
    jitted = wg.jit(lambda n: function(n) + 0)

    for n in ([1, 2, 3], [1, 2, 3], [5, 1, 1]):
        np.testing.assert_array_equal(jitted(np.array(n)), function(np.array(n)) + 0)


def test_whatever_the_compiler_raises_is_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("deep inside")

    monkeypatch.setattr(Lowering, "mapped", broken)
    jitted = wg.jit(lambda x: np.where(x > 0, x, 2.0 * x))
    for _ in range(3):
        np.testing.assert_array_equal(jitted(np.array([1.0, -1.0])), [1.0, -2.0])

    if native_engine():
        assert "ZeroDivisionError of the compiler: deep inside" in str(jitted.report())
