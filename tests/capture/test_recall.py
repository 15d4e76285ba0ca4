"""Calls that repeat while a recursion is recorded, beside those of plain Python."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.tape import Tape

Function = Callable[..., Any]
A = np.random.default_rng(5).normal(size=(7, 7))
RATE = 0.25
SEEN: list[int] = []


@pytest.fixture(autouse=True)
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for calls from a few nodes on."""
    monkeypatch.setattr(Tape, "looks_from", 12)


def minor(a: Any, row: int, columns: Any) -> Any:
    if len(columns) == 1:
        return a[row, columns[0]]
    total = 0.0
    for k, column in enumerate(columns):
        rest = [other for other in columns if other != column]
        total += (-1) ** k * a[row, column] * minor(a, row + 1, rest)
    return total


def det(a: Any) -> Any:
    return minor(a, 0, range(len(a)))


def inside(a: Any) -> Any:
    """Return a determinant by a function that reads a matrix from outside."""

    def part(row: int, columns: tuple[int, ...]) -> Any:
        if not columns:
            return 1.0
        return sum(
            (-1) ** k * a[row, c] * part(row + 1, columns[:k] + columns[k + 1 :])
            for k, c in enumerate(columns)
        )

    return part(0, tuple(range(len(a))))


def option(spot: Any, step: int = 0, ups: int = 0) -> Any:
    """Return the value of an option on a tree, by recursion; it branches."""
    if step == 9:
        return np.maximum(spot * np.exp(0.1 * (2 * ups - step)) - 1.0, 0.0)
    later = 0.5 * (option(spot, step + 1, ups) + option(spot, step + 1, ups + 1))
    now = spot * np.exp(0.1 * (2 * ups - step)) - 1.0
    return now if now > later else later / (1.0 + RATE * spot)


def even(x: Any, n: int) -> Any:
    return x if n <= 0 else x * odd(x, n - 1) + odd(x, n - 2)


def odd(x: Any, n: int) -> Any:
    return 0.5 * x if n <= 0 else np.sin(even(x, n - 1)) + even(x, n - 2)


def alternating(x: Any) -> Any:
    return even(x, 11)


def writes_argument(x: Any) -> Any:
    """Return what depends on how often a function was called."""
    count = np.zeros(1, np.result_type(x))

    def f(n: int, count: Any) -> Any:
        count[0] += x
        return count[0] if n <= 0 else f(n - 1, count) * 0.5 + f(n - 2, count)

    return f(6, count) + count[0]


def writes_outside(x: Any) -> Any:
    calls = []

    def f(n: int) -> Any:
        calls.append(n)
        return x * len(calls) if n <= 0 else f(n - 1) * x + f(n - 2)

    return f(6)


def reads_what_changes(x: Any) -> Any:
    """Return what recursions with another array, and other contents of one, give."""
    y = x * 1.0

    def f(n: int) -> Any:
        return y[n % 2] if n <= 0 else f(n - 1) * y[n % len(y)] + f(n - 2)

    first = f(7)
    y[0] = y[1] * 3.0
    second = f(7)
    y = y + 1.0
    return first + 2.0 * second + f(7)


def of_views(x: Any) -> Any:
    def f(y: Any) -> Any:
        if len(y) == 1:
            return y[0] * 1.5
        return f(y[1:]) * y[0] + f(y[:-1]) - f(y[1:])

    return f(x[:5])


def returns_arrays(x: Any) -> Any:
    """Return what is made of arrays that are written into after they were returned."""

    def f(n: int) -> Any:
        if n <= 0:
            return np.stack([x[0], x[1]])
        y = f(n - 1)
        y[0] += f(n - 2)[1]
        return y

    return np.sum(f(6))


def raises(x: Any) -> Any:
    def f(n: int) -> Any:
        if n < 0:
            raise ValueError(n)
        try:
            return f(n - 2) * x + f(n - 1)
        except ValueError:
            return x

    return f(8)


def deep(x: Any) -> Any:
    """Return the end of a recursion that is nearly as deep as Python allows."""

    def f(n: int) -> Any:
        return x if n == 0 else f(n - 1) * 0.5 + x

    depth = len(inspect.stack())
    return f(sys.getrecursionlimit() - depth - 100)


NUMBER = 0.7
VECTOR = np.array([0.9, 0.2, 0.6, 0.4, 0.8])
CASES: list[tuple[Function, Any]] = [
    (det, A),
    (inside, A[:6, :6]),
    (option, NUMBER),
    (alternating, NUMBER),
    (writes_argument, NUMBER),
    (writes_outside, NUMBER),
    (reads_what_changes, VECTOR),
    (of_views, VECTOR),
    (returns_arrays, VECTOR),
    (raises, NUMBER),
]


def complex_steps(f: Function, x: Any) -> Any:
    """Return a gradient by complex steps of plain NumPy."""
    x = np.asarray(x, float)
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[place] += 1e-30j
        found[place] = np.imag(f(moved if x.shape else moved[()])) / 1e-30
    return found


@pytest.mark.parametrize(
    ("f", "x"), CASES, ids=lambda part: getattr(part, "__name__", "")
)
def test_values_and_gradients_are_those_of_plain_python(f: Function, x: Any) -> None:
    expected = f(x)
    np.testing.assert_allclose(wg.record(f, x)(x), expected, rtol=1e-13)
    value, gradient = wg.value_and_grad(f)(x)
    np.testing.assert_allclose(value, expected, rtol=1e-13)
    if f is option:  # complex numbers have no order
        steps = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        np.testing.assert_allclose(gradient, steps, rtol=1e-7)
    else:
        steps = complex_steps(f, x)
        np.testing.assert_allclose(gradient, steps, rtol=1e-11, atol=1e-13)
    compiled = wg.jit(wg.value_and_grad(f), wait=True)
    for factor in (1.0, 1.0, 1.01, 0.9):
        value, gradient = compiled(x * factor)
        np.testing.assert_allclose(value, f(x * factor), rtol=1e-12)
        eager = wg.grad(f)(x * factor)
        np.testing.assert_allclose(gradient, eager, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(
    ("f", "x"), CASES[:4], ids=lambda part: getattr(part, "__name__", "")
)
def test_what_repeats_is_recorded_once(
    f: Function, x: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    recalled = len(wg.record(f, x))
    monkeypatch.setattr(Tape, "looks_from", 10**9)
    assert 4 * recalled < len(wg.record(f, x))


def test_a_second_recording_agrees() -> None:
    compiled = wg.jit(wg.grad(det))
    for _ in range(4):
        np.testing.assert_allclose(
            compiled(A), np.linalg.det(A) * np.linalg.inv(A).T, rtol=1e-9
        )
    assert len(compiled.paths()) == 1
    assert "eager" not in str(compiled.report())


def test_functions_are_what_they_were() -> None:
    code = minor.__code__
    wg.grad(det)(A)
    assert minor.__code__ is code
    with pytest.raises(ZeroDivisionError):
        wg.grad(lambda a: det(a) / 0 if det(a) is None else 1 // 0)(A)
    assert minor.__code__ is code


def test_other_threads_run_the_function_itself() -> None:
    found: list[float] = []

    def f(a: Any) -> Any:
        result = det(a)
        thread = threading.Thread(target=lambda: found.append(det(A)))
        thread.start()
        thread.join()
        return result + det(a)

    wg.grad(f)(A)
    np.testing.assert_allclose(found, det(A))


def test_deep_recursion_is_as_deep_as_without() -> None:
    assert np.isfinite(wg.grad(deep)(NUMBER))


def global_list(x: Any, n: int) -> Any:
    SEEN.append(n)
    return x if n <= 0 else global_list(x, n - 1) * x + global_list(x, n - 2)


def test_what_is_written_outside_is_written_every_time() -> None:
    SEEN.clear()
    global_list(NUMBER, 9)
    plain = list(SEEN)
    SEEN.clear()
    wg.grad(lambda x: global_list(x, 9))(NUMBER)
    assert plain == SEEN
