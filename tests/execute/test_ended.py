"""Plain loops that go on while a condition holds: one kernel, however many steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine
from wengert.execute.jit import Jitted

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")


def fall(x: Any) -> Any:
    """A body thrown into air; where it comes down."""
    z, v = np.array([0.0, 2.0]), np.array([x[0], 1.0])
    while True:
        z = z + 0.02 * v
        if z[1] <= 0.0:
            return z[0] - z[1] / v[1] * v[0] + x[1]
        v = v - 0.02 * (np.array([0.0, 9.81]) * x[1] + 0.1 * v * np.sqrt(np.sum(v**2)))


def halved(x: Any) -> Any:
    """A loop of numbers, whose guard is asked first, of a value from outside."""
    a, total, least = x[0], 0.0, x[1] * 1e-3
    while a > least:
        total = total + np.sin(a) * x[1]
        a = 0.93 * a - 0.001 * np.cos(a + total)
        total = total * 0.99
    return total + a


def asked_within(x: Any) -> Any:
    """A step that asks twice; one of the answers is another in the last steps."""
    y, k = x[0], 0.0
    while y > 0.01:
        y = y * (0.96 + 0.001 * np.sin(x[1] * y)) - 1e-5
        if y < 10.0:
            k = k + np.cos(y) * y
    return k * x[1]


def derived_within(x: Any) -> Any:
    """A descent of so many steps."""
    slope, at = wg.grad(lambda y: (y - x[0]) ** 2 * (1.0 + 0.1 * np.cos(y * x[1]))), 3.0
    while abs(slope(at)) > 1e-3:
        at = at - 0.06 * slope(at)
    return at


def linear(x: Any) -> Any:
    """A loop whose derivative reads nothing of its steps."""
    y, v = 4.0 + x[0], x[1]
    while y > 0.0:
        y, v = y + 0.01 * v, v - 0.01 * (9.81 + 0.1 * v)
    return x[1] * (y + 2.0 * v)


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    program.__name__: program
    for program in (fall, halved, asked_within, derived_within, linear)
}
#: Of each the numbers of steps are others, and are met again.
POINTS = [np.array([1.1 + 0.4 * k, 0.7 + 0.1 * k]) for k in range(4)]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("derivative", [lambda f: f, wg.grad, wg.jacfwd])
@pytest.mark.parametrize("name", PROGRAMS)
def test_paths_that_differ_in_the_number_of_steps_are_one(
    name: str, derivative: Any
) -> None:
    function = derivative(PROGRAMS[name])
    fast = wg.jit(function, wait=True)

    for x in POINTS + POINTS:
        np.testing.assert_allclose(fast(x), function(x), rtol=1e-11, atol=1e-13)
    paths = [path for path in fast.paths() if path.known_steps]
    assert len(paths) == len(fast.paths()) == 1
    assert len(paths[0].known_steps) >= 2
    assert "steps" in str(fast.report())


def test_a_number_of_steps_is_believed_once_it_was_recorded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python counts too: of another number of steps nothing is known."""
    recorded = []
    record = Jitted.record_once

    def noted(self: Any, *args: Any) -> Any:
        recorded.append(args)
        return record(self, *args)

    monkeypatch.setattr(Jitted, "record_once", noted)

    def counted(x: Any) -> Any:
        steps = 0
        while x > 0.01:
            x = x * 0.93 + 1e-4 * np.cos(x) * np.sin(x)
            x = x - 1e-5 * np.exp(-x)
            steps += 1
        return x if steps < 80 else -x

    fast = wg.jit(counted, wait=True)
    points = [1.0, 1.3, 2.0, 4.0, 9.0, 30.0]
    expected = pytest.approx([counted(x) for x in points], rel=1e-12)

    assert [float(fast(x)) for x in points] == expected
    assert len(recorded) == len(points) + 2  # twice the first of either sign
    assert [float(fast(x)) for x in points] == expected
    assert len(recorded) == len(points) + 2
    assert len(fast.paths()) == 2  # one for each sign


def test_steps_that_python_counts_on_the_tape_are_paths() -> None:
    def f(x: Any) -> Any:
        steps = 0
        while x > 0.01:
            x = x * 0.93 + 1e-4 * np.cos(x) * np.sin(x)
            x = x - 1e-5 * np.exp(-x)
            steps += 1
        return x * steps

    fast = wg.jit(f, wait=True)
    for x in (1.0, 1.3, 2.0, 1.0, 1.3, 2.0):
        assert float(fast(x)) == pytest.approx(f(x), rel=1e-12)
    assert len(fast.paths()) == 3


def test_more_steps_than_there_is_room_for() -> None:
    function = wg.grad(halved)
    fast = wg.jit(function, wait=True)
    for first in (1.0, 1.2, 1e15, 1.2, 1e15, 1e16, 1.0):
        x = np.array([first, 1.0])
        np.testing.assert_allclose(fast(x), function(x), rtol=1e-9, atol=1e-12)


def test_without_native_code_the_paths_are_played() -> None:
    function = wg.grad(fall)
    fast = wg.jit(function)
    for x in POINTS + POINTS:
        np.testing.assert_allclose(fast(x), function(x), rtol=1e-11)
    fast.wait()
    for x in POINTS:
        np.testing.assert_allclose(fast(x), function(x), rtol=1e-11)


def test_what_is_read_from_outside_may_change() -> None:
    table = np.array([0.04, 0.05])

    def f(x: Any) -> Any:
        while x > 0.01:
            x = x * (1.0 - table[0]) - table[1] * 1e-3 * np.sin(x)
            x = x + 1e-6 * np.cos(x) - 1e-7 * np.exp(-x)
        return x

    fast = wg.jit(f, wait=True)
    for factor in (1.0, 0.5):
        table *= factor
        for x in (1.0, 1.3, 2.0, 1.0, 2.0):
            assert float(fast(x)) == pytest.approx(f(x), rel=1e-12)
