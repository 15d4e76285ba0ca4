"""A derivative in every step of a loop runs its function in a few, and is the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import wengert as wg
from tests.ops.examples import Example, examples
from tests.ops.judge import floats
from wengert.capture import tree
from wengert.capture.recall import NOTHING
from wengert.derive import called

X = np.array([0.4, -0.7, 1.3])
TABLE = np.array([0.2, 0.5, 0.9])
STEPS = 12


def bowl(x: Any) -> Any:
    return np.sum(np.sin(x) ** 2 * TABLE) + x[0] * x[-1]


def by_hand(x: Any) -> Any:
    slope = np.sin(2 * x) * TABLE
    slope[0] += x[-1]
    slope[-1] += x[0]
    return slope


def descent(derivative: Callable[[Any], Any], x: Any, steps: int = STEPS) -> Any:
    for _ in range(steps):
        x = x - 0.01 * derivative(x)
    return x


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each call was known."""
    found: list[bool] = []
    before = called.Calls.known

    def noted(self: called.Calls, asked: called.Asked) -> Any:
        result = before(self, asked)
        found.append(result is not NOTHING)
        return result

    monkeypatch.setattr(called.Calls, "known", noted)
    return found


@pytest.mark.parametrize("mode", [wg.grad, wg.jacfwd])
def test_most_steps_of_a_descent_run_no_function(
    mode: Callable[..., Any], known: list[bool]
) -> None:
    tape = wg.record(lambda x: descent(mode(bowl), x), X)

    assert sum(known) >= STEPS - 5
    for x in (X, 0.5 * X, -2.0 * X):
        assert_allclose(tape(x), descent(by_hand, x), rtol=1e-13)


@pytest.mark.parametrize("steps", [STEPS, 400])
@pytest.mark.parametrize("inner", [wg.grad, wg.jacfwd])
@pytest.mark.parametrize("outer", [wg.jacrev, wg.jacfwd])
def test_derivatives_of_a_descent(
    inner: Any, outer: Any, steps: int, known: list[bool]
) -> None:
    slope = inner(bowl)
    jitted = wg.jit(outer(lambda x: descent(slope, x, steps)), wait=True)
    h = 1e-20
    for x in (X, 0.5 * X, -2.0 * X):
        found = jitted(x)
        columns = [
            np.imag(descent(by_hand, x + 1j * h * unit, steps)) / h
            for unit in np.eye(3)
        ]
        assert_allclose(found, np.stack(columns, axis=1), rtol=1e-10, atol=1e-12)
    assert sum(known) >= 2 * (steps - 5)
    assert len(jitted.paths()) == 1


def test_long_loops_with_derivatives_are_written_once() -> None:
    slope = wg.grad(bowl)
    tape = wg.record(lambda x: descent(slope, x, 2000), X)

    (loop,) = tape.operations.repetitions  # type: ignore[attr-defined]
    assert loop.steps > 1800
    assert_allclose(tape(0.5 * X), descent(by_hand, 0.5 * X, 2000), rtol=1e-12)


def test_numbers_of_steps_that_differ_are_one_path() -> None:
    def fallen(v: Any) -> Any:
        push = wg.grad(lambda z: 1 / np.sqrt(np.sum((z - np.array([3.0, v[0]])) ** 2)))
        z, speed = np.array([0.0, 1.0]), v
        while z[1] > 0.0:
            z = z + 0.01 * speed
            speed = speed - 0.01 * (np.array([0.0, 9.81]) + push(z))
        return z[0]

    def plainly(v: Any) -> Any:
        z, speed = np.array([0.0, 1.0]) + 0 * v, v
        while z[1].real > 0.0:
            z = z + 0.01 * speed
            apart = z - np.array([3.0, v[0]])
            force = -apart / np.sum(apart**2) ** 1.5
            speed = speed - 0.01 * (np.array([0.0, 9.81]) + force)
        return z[0]

    landing = wg.jit(wg.grad(fallen), wait=True)
    h = 1e-20
    for up in (1.0, 2.0, 3.0, 1.0, 4.0, 2.5):
        v = np.array([1.0, up])
        expected = [np.imag(plainly(v + 1j * h * unit)) / h for unit in np.eye(2)]
        assert_allclose(landing(v), expected, rtol=1e-10)


def programs() -> dict[str, Callable[[Any], Any]]:
    """Functions whose steps look alike, and may do something else."""

    def stepped(derivative: Callable[..., Any], *settings: Any) -> Any:
        def run(x: Any) -> Any:
            for k in range(STEPS):
                x = x - 0.01 * derivative(x, *[setting(k, x) for setting in settings])
            return x

        return run

    def read_anew(x: Any) -> Any:
        scale = 1.0
        slope = wg.grad(lambda y: np.sum(np.sin(scale * y)))
        for k in range(STEPS):
            scale = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 0.0, -0.0, 1.0, 1.0)[k]
            x = x - 0.01 * slope(x)
        return x

    def read_recorded(x: Any) -> Any:
        other = x
        slope = wg.grad(lambda y: np.sum(y * y * other))
        for _ in range(STEPS):
            x = x - 0.01 * slope(x)
            other = np.sin(x)
        return x

    def written_meanwhile(x: Any) -> Any:
        table = np.arange(3.0)
        slope = wg.grad(lambda y: np.sum(y**3 * table))
        for k in range(STEPS):
            x = x - 0.01 * slope(x)
            table[k % 3] += 1.0
        return x

    def counting(x: Any) -> Any:
        seen: list[int] = []

        def f(y: Any) -> Any:
            seen.append(1)
            return np.sum(y**2) * len(seen)

        return stepped(wg.grad(f))(x)

    def branching(x: Any) -> Any:
        def f(y: Any) -> Any:
            return np.sum(y**2) if y[0] > 0.38 else np.sum(np.sin(y))

        return stepped(wg.grad(f))(x)

    def twice(x: Any) -> Any:
        slope = wg.grad(lambda y, z: np.sum(y * z * z), (0, 1))
        for k in range(STEPS):
            one, other = slope(x, x if k % 4 < 3 else 2.0 * x)
            x = x - 0.01 * (one + other)
        return x

    def into_its_argument(x: Any) -> Any:
        def f(y: Any) -> Any:
            y[0] = y[1] * y[2]
            return np.sum(y**2)

        return stepped(wg.grad(f))(x)

    def into_the_results(x: Any) -> Any:
        slope = wg.grad(lambda y: np.sum(y**3))
        for _ in range(STEPS):
            down = slope(x)
            down[0] = 0.0
            x[1] += 0.01 * down[2]
            x = x - 0.01 * down
        return x

    def layouts(x: Any) -> Any:
        slope = wg.grad(lambda m: np.sum(np.ravel(m, order="K") * np.arange(9.0)))
        total = 0.0
        for k in range(STEPS):
            m = np.outer(x, x * k)
            total = total + slope(m if k % 3 else m.T)[0, 1] * m
        return total

    def views(x: Any) -> Any:
        slope, total = wg.grad(lambda y: np.sum(np.exp(y))), 0.0
        for k in range(STEPS):
            total = total + np.sum(slope(x[k % 2 : 2 + k % 2])) * x
        return total

    def kinds(x: Any) -> Any:
        slope, total = wg.grad(lambda y: np.sum(np.exp(y) / 3)), 0.0
        for k in range(STEPS):
            part = slope(x.astype(np.float32) if k % 3 == 2 else x)
            total = total + np.sum(part).astype(np.float64)
        return total

    def tips(x: Any) -> Any:
        z, total = np.zeros(3) * x, 0.0
        slope = wg.grad(lambda y: np.sum(y**2))
        for k in range(STEPS):
            total = total + np.sum(slope(np.abs(z) if k > 4 else x) * x)
        return total

    def norms(x: Any) -> Any:
        slope = wg.grad(lambda y: np.sqrt(np.sum(y)) ** 4)
        total = 0.0
        for k in range(STEPS):
            total = total + slope((x - 1.0) ** 2 if k > 5 else x + 2.0)
        return total

    def seconds(x: Any) -> Any:
        curved = wg.jacfwd(wg.grad(bowl))
        for _ in range(STEPS):
            x = x - 0.01 * curved(x)[0]
        return x

    def inside(x: Any) -> Any:
        turn = wg.jacfwd(lambda y: np.sin(y) * y[1])
        for _ in range(STEPS):
            x = x - 0.01 * turn(x)[2]
        return x

    def written(x: Any) -> Any:
        def f(y: Any) -> Any:
            z = np.zeros(4)
            z[:3] = y
            z[1:] += y**2
            return np.sum(z**2)

        return stepped(wg.grad(f))(x)

    numbers = stepped(
        wg.grad(lambda y, k, s: np.sum(np.sin(y) ** k * s)),
        lambda k, x: k // 4,
        lambda k, x: 0.5,
    )
    floating = stepped(
        wg.grad(lambda y, s: np.sum(np.sin(y) * s)), lambda k, x: (0.0, -0.0)[k // 6]
    )
    recorded = stepped(wg.grad(lambda y, s: np.sum(y * y * s)), lambda k, x: x[k % 3])
    texts = stepped(
        wg.grad(lambda y, how: np.sum(y if how == "a" else y * y)),
        lambda k, x: "ab"[k // 7],
    )
    return {key: f for key, f in locals().items() if callable(f) and key != "stepped"}


def recorded_without(function: Callable[..., Any], *args: Any) -> Any:
    """Return the tape that is recorded where no call is known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(called, "MOST_COMPARED", 0)
        return wg.record(function, *args)


@pytest.mark.parametrize("name", programs())
def test_what_is_known_is_appended_as_it_would_be(name: str) -> None:
    function = programs()[name]
    for _ in range(8):  # Python counts instructions otherwise at first
        recorded_without(function, X)
    again, each = wg.record(function, X), recorded_without(function, X)

    assert again.fingerprint() == each.fingerprint()
    assert [again.line(k) for k in range(len(again))] == [
        each.line(k) for k in range(len(each))
    ]
    second = wg.record(wg.jacobian(function), X)
    assert_array_equal(second(X), recorded_without(wg.jacobian(function), X)(X))


@pytest.mark.parametrize("name", programs())
def test_two_recordings_agree(name: str) -> None:
    function = programs()[name]
    jitted = wg.jit(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore" if name == "counting" else "error")
        found = [jitted(x.copy()) for x in (X, X, 1.01 * X, X)]

    rounding = 1e-6 if name == "kinds" else 1e-13  # some are of single precision
    for x, result in zip((X, X, 1.01 * X, X), found, strict=True):
        assert_allclose(result, wg.record(function, x)(x), rtol=rounding)


def test_a_warning_is_given_in_the_step_that_it_belongs_to() -> None:
    def function(x: Any) -> Any:
        slope = wg.grad(lambda y: np.sum(1.0 / y))
        for k in range(STEPS):
            slope(x * (k != 9))
        return x

    for run in (wg.record, recorded_without):
        with pytest.warns(RuntimeWarning, match="divide by zero") as found:
            run(function, np.abs(X))
        assert {warning.filename for warning in found} == {__file__}


@pytest.mark.one_in(24)
@pytest.mark.parametrize(
    "example",
    [example for example in examples() if example.order and floats(example.operands)],
    ids=str,
)
def test_derivatives_of_an_operation_are_appended_as_they_would_be(
    example: Example,
) -> None:
    operands, function = example.operands, example.function
    chosen = floats(operands)
    slope = wg.jacobian(function, chosen)

    def derived(scale: Any) -> Any:
        total = 0.0
        for step in (0, 1, 2, 3, 4, 5, 6):
            moved = [
                x * (1 + step * scale) if k in chosen else x
                for k, x in enumerate(operands)
            ]
            for part in tree.flatten(slope(*moved))[0]:
                total = total + np.sum(np.abs(part))
        return total

    try:
        each = recorded_without(derived, 0.01)
    except wg.WengertError as error:
        pytest.skip(str(error))
    for _ in range(8):
        recorded_without(derived, 0.01)
    each, again = recorded_without(derived, 0.01), wg.record(derived, 0.01)

    assert again.fingerprint() == each.fingerprint()
