"""Gradients within a budget of memory: the same bits, a plan, a measured peak."""

from __future__ import annotations

import itertools
import os
import pickle
import re
import tempfile
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.tape import Tape
from wengert.derive import checkpoints
from wengert.derive.budget import MOST_TIMES, Binomial, Plan, bytes_of
from wengert.execute.engine import native_engine

RNG = np.random.default_rng(11)
SIZE = 2000
X = np.linspace(0.1, 1.0, SIZE)


def last(x: Any, steps: int = 603) -> Any:
    """A loop that carries an array, and reads it and a number in every step."""
    rows = np.linspace(0.0, 1.0, steps)
    y, _ = wg.scan(lambda y, t: (np.sin(y) * 0.99 + x * t, None), x, rows)
    return np.sum(y * y)


def by_rows(x: Any, w: Any, reverse: bool) -> Any:
    """A loop that is differentiated by what it carries, reads, stacks, and by what is
    the same in every step."""

    def step(carry: Any, row: Any) -> Any:
        y, n = carry
        y = np.tanh(w @ y + row) * np.exp(-y * y)
        return (y, n + 1), {"sum": np.sum(y), "y": y * row[0]}

    (y, n), kept = wg.scan(step, (x[0], 0), x, reverse=reverse)
    return np.sum(y * y) + n + np.sum(kept["sum"] ** 2) + np.sum(kept["y"])


def segments(plan: Any) -> int:
    """The segments of the loop that has most of them."""
    return max(-(-loop.steps // loop.schedule.length) for loop in plan.loops)


def levels(plan: Any) -> int:
    """Segments in segments, of loops of a tape."""
    return max(len(loop.schedule.lengths) for loop in plan.loops)


def least(f: Any, *args: Any) -> int:
    """The least budget, as the error says."""
    with pytest.raises(wg.ArgumentError, match="cannot be swept in 1 B") as error:
        f(1).plan(*args)
    found = re.search(r"a budget of (\S+ \S+) or more", str(error.value))
    assert found is not None
    return bytes_of(found[1]) or 0


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps", [1, 2, 317])
def test_gradients_are_the_same_bits(steps: int, reverse: bool) -> None:
    x, w = RNG.normal(size=(steps, 20)), RNG.normal(size=(20, 20)) * 0.2
    expected = wg.grad(by_rows, (0, 1))(x, w, reverse)
    within = lambda memory: wg.grad(by_rows, (0, 1), memory=memory)  # noqa: E731
    whole = within("1 GB").plan(x, w, reverse).peak
    lowest = least(within, x, w, reverse)
    reached = set()
    for budget in np.linspace(lowest, whole + 1000, 4):
        f = within(float(budget))
        reached.add(segments(f.plan(x, w, reverse)))
        for one, other in zip(f(x, w, reverse), expected, strict=True):
            np.testing.assert_array_equal(one, other)
    assert steps < 317 or {1, 317} < reached


@pytest.mark.parametrize("memory", ["50 MB", "5 MB", "1.6 MB"])
def test_the_peak_is_within_plan_and_budget(memory: str) -> None:
    f = wg.grad(last, memory=memory)
    plan = f.plan(X)
    wg.grad(last, memory=memory)(X, 50)  # what is made once for all
    tracemalloc.start()
    found = f(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= plan.peak <= (bytes_of(memory) or 0)
    np.testing.assert_array_equal(found, wg.grad(last)(X))
    assert (segments(plan) > 1) is (memory != "50 MB")
    assert (2 < plan.factor < 4) is (memory != "50 MB")


def plain(x: Any, steps: int = 603) -> Any:
    """The same loop, as Python has it."""
    y = x
    for t in np.linspace(0.0, 1.0, steps):
        y = np.sin(y) * 0.99 + x * t
    return np.sum(y * y)


@pytest.mark.parametrize("memory", ["5 MB", "1.6 MB"])
def test_a_plain_loop_stays_within_the_budget(memory: str) -> None:
    f = wg.grad(plain, memory=memory)
    expected = wg.grad(plain)(X)
    f(X, 200)  # what is made once for all
    tracemalloc.start()
    found = f(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    plan = f.plan(X)
    assert peak <= plan.peak <= (bytes_of(memory) or 0)
    np.testing.assert_array_equal(found, expected)
    assert segments(plan) > 1


def written(x: Any) -> Any:
    """Rules that read operands, results, indices and what is written into."""
    y = np.exp(x) * np.tanh(x)
    z = y.copy()
    z[1:3] = np.sqrt(1 + x[:2] ** 2)
    w = z[np.argsort(x)] @ np.outer(x, x)
    return np.sum(np.where(w > 0, w * w, np.sin(w)) / (1 + y * y)) + np.prod(y)


def looped(x: Any) -> Any:
    """A loop that is found."""
    y = x
    for k in range(40):
        y = np.sin(y) * x + np.exp(-y * y) / (1 + k)
    return np.sum(y * y)


def asking(x: Any) -> Any:
    """A loop that is none, for its steps differ."""
    y = x
    for _ in range(30):
        y = y - 0.3 * y * y if np.sum(y) > 0 else y + np.exp(y)
    return np.sum(y**3)


def slopes(x: Any) -> Any:
    """Derivatives of functions that read recorded arrays around them."""
    c = np.exp(x)
    d = 0.1 * c + x
    _, along = wg.jvp(lambda z: z * c * d, (x,), (c,))
    y = x - 0.1 * wg.grad(looped)(d)
    return np.sum(wg.jacobian(lambda z: np.sin(z) * c + z * d)(x)) + y @ along


@pytest.mark.parametrize("looks_from", [12, 4096])
@pytest.mark.parametrize("f", [written, looped, asking, slopes])
def test_what_is_forgotten_is_computed_again(
    f: Any, looks_from: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Tape, "looks_from", looks_from)
    x = np.array([0.3, -0.4, 0.8, 0.1, -0.2])
    for of in (
        wg.value_and_grad,
        wg.hessian,
        wg.jacfwd,
        lambda f: wg.grad(lambda x: np.sum(wg.grad(f)(x) ** 2)),
        lambda f: lambda x: wg.hvp(f, x, np.cos(x)),
        lambda f: lambda x: wg.linearize(f, x)[1](x),
    ):
        expected, jitted = of(f)(x), wg.jit(of(f), memory="1 GB")
        for _ in range(3):
            found = jitted(x)
            for one, other in zip(leaves(found), leaves(expected), strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-11)


def leaves(value: Any) -> tuple[Any, ...]:
    """What a result is made of."""
    return value if isinstance(value, tuple) else (value,)


@pytest.mark.parametrize("is_outside", [True, False])
def test_a_recording_of_jit_keeps_no_steps(is_outside: bool) -> None:
    f = wg.grad(plain, memory=None if is_outside else "4 MB")
    jitted = wg.jit(f, memory="4 MB" if is_outside else None)
    jitted(X, 200), jitted(X, 200)  # what is made once for all
    expected = wg.grad(plain)(X)
    tracemalloc.start()
    for _ in range(2):
        np.testing.assert_allclose(jitted(X), expected, rtol=1e-12)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000 < 603 * X.nbytes


def test_plain_loops_of_all_kinds_have_the_same_gradients() -> None:
    def writing(x: Any, w: Any) -> Any:
        y, total = np.zeros((120, 4)), 0.0
        for k in range(120):
            before = y[k - 1] if k else x
            y[k] = np.tanh(w @ before) + x * w[k % 4]
            total = total + np.sum(y[k] * y[k])
        return total + np.sum(y)

    def descending(x: Any, w: Any) -> Any:
        slope = wg.grad(lambda x: np.sum(np.sin(w @ x)))
        for _ in range(100):
            x = x - 0.1 * slope(x)
        return np.sum(x * w)

    def straight(x: Any, w: Any) -> Any:
        return np.sum(w @ np.sin(x) * x[::-1])

    x, w = RNG.normal(size=4), RNG.normal(size=(4, 4)) * 0.5
    for f in (writing, descending, straight):
        found = wg.value_and_grad(f, (0, 1), memory="2 MB")(x, w)
        expected = wg.value_and_grad(f, (0, 1))(x, w)
        assert found[0] == expected[0]
        for one, other in zip(found[1], expected[1], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


def test_a_recording_that_is_too_long_says_what_to_write() -> None:
    sides = np.random.default_rng(0).random(1000) < 0.5

    def wandering(x: Any) -> Any:
        for side in sides:
            x = np.sin(x) if side else x * 0.5
        return np.sum(x)

    with pytest.raises(wg.ArgumentError, match="is written step by step"):
        wg.grad(wandering, memory="100 kB")(X)


def test_value_and_gradient() -> None:
    value, g = wg.value_and_grad(last, memory="2 MB")(X)
    assert value == last(X)
    np.testing.assert_array_equal(g, wg.grad(last)(X))


def test_a_plan_does_not_do_the_steps() -> None:
    started = time.perf_counter()
    plan = wg.grad(last, memory="1 GB").plan(X, 10**7)
    assert time.perf_counter() - started < 2.0
    assert re.fullmatch(
        r"\S+ MB of 1 GB, steps done 3.0\d times\n"
        r"  test_budget.py:\d+: 10000000 steps: \d+ segments of \d+, \d+ states in "
        r"memory; \S+ MB \(160 GB with all of them\), each done 3.0\d times",
        str(plan),
    )


def test_the_least_budget_is_enough() -> None:
    within = lambda memory: wg.grad(last, memory=memory)  # noqa: E731
    lowest = least(within, X)
    assert 4 < within(lowest).plan(X).factor <= MOST_TIMES
    np.testing.assert_array_equal(within(lowest)(X), wg.grad(last)(X))
    with pytest.raises(wg.ArgumentError, match="are held whatever is kept"):
        within(0.9 * lowest)(X)


def long(x: Any) -> Any:
    """A loop whose step takes longer than a state to disk and back."""

    def step(y: Any, t: Any) -> Any:
        for _ in range(8):
            y = np.sin(y) * 0.99 + x * t
        return y, t * np.sum(y)

    y, sums = wg.scan(step, x, np.linspace(0.0, 1.0, 150))
    return np.sum(y * y) + np.sum(sums)


def test_states_on_disk_save_steps() -> None:
    f = wg.grad(long, memory="3.6 MB", disk="100 MB")
    plan = f.plan(X)
    (loop,) = plan.loops
    written = loop.schedule.on_disk(loop.steps)
    assert written > 1
    assert loop.disk == written * X.nbytes
    assert plan.factor < wg.grad(long, memory="3.6 MB").plan(X).factor
    assert f"{written} on disk" in str(plan)
    f(X)  # what is made once for all
    tracemalloc.start()
    found = f(X)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= plan.peak <= 3_600_000
    np.testing.assert_array_equal(found, wg.grad(long)(X))


@pytest.mark.parametrize("reverse", [False, True])
def test_any_schedule_with_states_on_disk_gives_the_same_bits(
    monkeypatch: Any, reverse: bool
) -> None:
    x, w = RNG.normal(size=(91, 20)), RNG.normal(size=(20, 20)) * 0.2
    expected = wg.grad(by_rows, (0, 1))(x, w, reverse)
    f = wg.grad(by_rows, (0, 1), memory="1 MB", disk="1 MB")
    for length, room, stretch in itertools.product((1, 7, 90), (1, 3), (1, 5, 13)):
        schedule = Binomial(length, room, stretch)
        monkeypatch.setattr(Plan, "binomial", lambda *given, s=schedule: s)
        for one, other in zip(f(x, w, reverse), expected, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no list of files")
def test_nothing_is_left_on_disk_where_an_exception_passes(
    monkeypatch: Any, tmp_path: Any
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []

    def files() -> int:
        names = [
            os.path.realpath(f"/proc/self/fd/{k}") for k in os.listdir("/proc/self/fd")
        ]
        return sum(str(tmp_path) in name for name in names) + len(os.listdir(tmp_path))

    def failing(*given: Any) -> Any:
        seen.append(files())
        raise ZeroDivisionError

    monkeypatch.setattr(Plan, "binomial", lambda *given: Binomial(3, 2, 5))
    f = wg.grad(long, memory="1 MB", disk="1 MB")
    f(X)
    assert files() == 0
    monkeypatch.setattr(checkpoints, "parts", failing)
    with pytest.raises(ZeroDivisionError):
        f(X)
    assert seen == [1]
    assert files() == 0


def test_disk_without_memory_is_an_error() -> None:
    with pytest.raises(wg.ArgumentError, match="disk='1 GB' without memory=") as error:
        wg.grad(last, disk="1 GB")
    assert 'memory="1 GB"' in str(error.value)
    with pytest.raises(wg.ArgumentError, match="disk='much' is no budget"):
        wg.grad(last, memory="1 GB", disk="much")


def scratch(report: str) -> int:
    found = re.search(r"([\d.]+ [kMG]?B) of scratch", report)
    assert found is not None
    return bytes_of(found[1]) or 0


def coupled(x: Any, is_scan: bool) -> Any:
    """A loop whose elements read each other, so that none is done before others."""
    rows = np.linspace(0.0, 1.0, 603)
    step = lambda y, t: (np.sin(y[::-1]) * 0.99 + x * t, None)  # noqa: E731
    y = x
    if is_scan:
        y, _ = wg.scan(step, x, rows)
    else:
        for t in rows:
            y, _ = step(y, t)
    return np.sum(y * y)


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
@pytest.mark.parametrize("is_scan", [True, False])
def test_native_loops_stay_within_the_budget(is_scan: bool) -> None:
    f = lambda x: coupled(x, is_scan)  # noqa: E731
    free = wg.jit(wg.grad(f), wait=True)
    bound = wg.jit(wg.grad(f), memory="5 MB", wait=True)
    expected = free(X)
    if "of scratch" not in str(free.report()):
        pytest.skip("there is no native code")
    np.testing.assert_array_equal(bound(X), expected)
    np.testing.assert_array_equal(bound(X), free(X))
    np.testing.assert_allclose(bound(X), wg.grad(f)(X), rtol=1e-12)
    plan = bound.plan(X)
    (loop,) = plan.loops
    assert loop.steps == 603
    assert loop.line.startswith("test_budget.py:")
    assert scratch(str(bound.report())) <= plan.peak <= 5_000_000
    assert scratch(str(free.report())) > 5_000_000


@pytest.mark.skipif(not native_engine(), reason="the native engine is off")
def test_native_loops_over_elements_hold_a_block_of_them() -> None:
    free = wg.jit(wg.grad(last), wait=True)
    free(X), free(X)
    np.testing.assert_allclose(free(X), wg.grad(last)(X), rtol=1e-12)
    assert scratch(str(free.report())) < 1_000_000 < 603 * X.nbytes


def test_several_loops_of_one_tape_share_the_budget() -> None:
    f = lambda x: last(x, 500) + last(2.0 * x, 400) * last(x, 300)  # noqa: E731
    plan = wg.jit(wg.grad(f), memory="8 MB").plan(X)
    assert sum(loop.peak for loop in plan.loops) == plan.peak <= 8_000_000
    bound = wg.jit(wg.grad(f), memory="8 MB", wait=True)
    np.testing.assert_array_equal(bound(X), wg.jit(wg.grad(f), wait=True)(X))
    if "of scratch" in str(bound.report()):
        assert scratch(str(bound.report())) <= 8_000_000


def test_a_derivative_of_what_has_a_budget_has_it() -> None:
    bound = wg.grad(wg.jit(last, memory="5 MB"))
    assert levels(bound.plan(X)) == 1  # type: ignore[attr-defined]
    f = lambda x: np.sum(wg.grad(last, memory="4 MB")(x, 300) * X)  # noqa: E731
    free = lambda x: np.sum(wg.grad(last)(x, 300) * X)  # noqa: E731
    for derivative in (wg.grad, lambda f: lambda x: wg.jvp(f, (x,), (X,))[1]):
        np.testing.assert_allclose(derivative(f)(X), derivative(free)(X), rtol=1e-12)


def test_loops_in_loops() -> None:
    def f(x: Any) -> Any:
        def step(y: Any, t: Any) -> Any:
            inner = lambda i, z: np.sin(z) * 0.9 + x * t  # noqa: E731
            return wg.fori_loop(0, 5, inner, y), np.sum(y)

        y, kept = wg.scan(step, x, np.linspace(0.0, 1.0, 100))
        return np.sum(y) + np.sum(kept**2)

    g = wg.grad(f, memory="5 MB")
    assert segments(g.plan(X)) > 1
    np.testing.assert_array_equal(g(X), wg.grad(f)(X))


def test_a_loop_that_ends_by_a_condition() -> None:
    def f(x: Any) -> Any:
        step = lambda at: (np.sin(at[0]) * 0.99 + 0.1 * x, at[1] + 1)  # noqa: E731
        return np.sum(wg.while_loop(lambda at: at[1] < 300, step, (x, 0))[0] ** 2)

    g = wg.grad(f, memory="2 MB")
    assert segments(g.plan(X)) > 1
    np.testing.assert_array_equal(g(X), wg.grad(f)(X))


def test_it_is_pickled_and_saved(tmp_path: Any) -> None:
    f = pickle.loads(pickle.dumps(wg.grad(last, memory="3 MB")))
    np.testing.assert_array_equal(f(X), wg.grad(last)(X))
    tape = wg.record(wg.grad(last, memory="3 MB"), X)
    tape.save(tmp_path / "tape")
    np.testing.assert_array_equal(wg.load(tmp_path / "tape")(2 * X), tape(2 * X))


@pytest.mark.parametrize(
    ("memory", "count"),
    [
        ("500 MB", 500 * 10**6),
        ("1.5GiB", 3 * 2**29),
        ("64kB", 64000),
        ("12", 12),
        (2e9, 2 * 10**9),
        (2**30, 2**30),
    ],
)
def test_what_a_budget_says(memory: Any, count: int) -> None:
    assert bytes_of(memory) == count


@pytest.mark.parametrize("memory", ["much", "5 XB", "", -1, 0, True, [], "1.2.3 MB"])
def test_what_is_no_budget_is_an_error(memory: Any) -> None:
    with pytest.raises(wg.ArgumentError, match="is no budget") as error:
        wg.grad(last, memory=memory)
    assert 'memory="500 MB"' in str(error.value)
