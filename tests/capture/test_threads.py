"""Recordings in several threads do not see each other, nor does plain NumPy."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import grad


def together(*functions: Callable[[threading.Barrier], Any]) -> list[Any]:
    """Run functions in threads that wait for each other; return their results."""
    barrier = threading.Barrier(len(functions), timeout=30)
    with ThreadPoolExecutor(len(functions)) as pool:
        return [job.result() for job in [pool.submit(f, barrier) for f in functions]]


def gradient_of(power: int) -> Callable[[threading.Barrier], Any]:
    """Return a job that waits in the middle of its recording."""

    def job(barrier: threading.Barrier) -> Any:
        def f(x: Any) -> Any:
            y = np.zeros(3)
            barrier.wait()
            y[0] = x[0] ** power
            barrier.wait()
            y[1:] = x[1:] * y[0]
            return np.sum(y)

        return grad(f)(np.array([2.0, 3.0, 4.0]))

    return job


def test_two_threads_record_at_once() -> None:
    square, cube = together(gradient_of(2), gradient_of(3))

    np.testing.assert_allclose(square, [4 * 8.0, 4.0, 4.0])
    np.testing.assert_allclose(cube, [12 * 8.0, 8.0, 8.0])


def test_plain_numpy_in_a_third_thread_stays_plain() -> None:
    def plain(barrier: threading.Barrier) -> list[type]:
        barrier.wait()
        made = [np.zeros(3), np.ones(2), np.arange(4.0), np.array([1.0]), np.eye(2)]
        barrier.wait()
        return [type(array) for array in made]

    _, _, kinds = together(gradient_of(2), gradient_of(3), plain)

    assert kinds == [np.ndarray] * 5


def test_a_recorded_value_is_refused_in_another_thread() -> None:
    def f(x: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: np.sum(x * x)).result()

    with pytest.raises(wengert.RecordingError, match="in another thread"):
        grad(f)(np.ones(2))


def test_a_write_from_another_thread_is_refused() -> None:
    def f(x: Any) -> Any:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(x.__setitem__, 0, 1.0).result()
        return np.sum(x)

    with pytest.raises(wengert.RecordingError, match="in another thread"):
        grad(f)(np.ones(2))


def test_one_tape_is_replayed_by_many_threads() -> None:
    tape = wengert.record(lambda x: np.cumsum(np.sin(x) * x), np.ones(50))
    points = [np.linspace(0, k, 50) for k in range(16)]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(tape, points))

    for x, y in zip(points, found, strict=True):
        np.testing.assert_array_equal(np.cumsum(np.sin(x) * x), y)


def test_numpy_is_put_back_after_a_recording_that_failed() -> None:
    before = np.zeros, np.array

    def f(x: Any) -> Any:
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        grad(f)(1.0)

    assert (np.zeros, np.array) == before


def test_a_recording_goes_on_after_a_nested_one_failed() -> None:
    def f(x: Any) -> Any:
        with contextlib.suppress(AttributeError):
            grad(lambda y: y.no_such_attribute)(x)
        return x * x

    assert grad(f)(3.0) == 6.0
