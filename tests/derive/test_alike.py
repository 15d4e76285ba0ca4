"""What is derived in every step of a loop is derived once, and is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import wengert as wg
from tests.ops.examples import Example, examples
from tests.ops.judge import floats, is_float, replaced
from wengert.capture import tree
from wengert.derive import alike, called
from wengert.execute.jit import Jitted

X = np.array([0.4, -0.7, 1.3])
TABLE = np.array([0.2, 0.5, 0.9])
STEPS = 6


def bowl(x: Any) -> Any:
    return np.sum(np.sin(x) ** 2 * TABLE) + x[0] * x[-1]


def descent(derivative: Callable[[Any], Any], x: Any) -> Any:
    for _ in range(STEPS):
        x = x - 0.1 * derivative(x)
    return x


def by_hand(x: Any) -> Any:
    slope = np.sin(2 * x) * TABLE
    slope[0] += x[-1]
    slope[-1] += x[0]
    return slope


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each derivative was known, where no call is known as a whole."""
    found: list[bool] = []
    repeated = alike.Stretch.repeated

    def noted(self: alike.Stretch) -> Any:
        results = repeated(self)
        found.append(results is not None)
        return results

    monkeypatch.setattr(alike.Stretch, "repeated", noted)
    monkeypatch.setattr(called, "MOST_COMPARED", 0)
    return found


@pytest.mark.parametrize("mode", [wg.grad, wg.jacfwd, wg.jacrev])
def test_most_steps_of_a_descent_ask_no_rule(
    mode: Callable[..., Any], asked: list[bool]
) -> None:
    tape = wg.record(lambda x: descent(mode(bowl), x), X)
    known = sum(asked)

    assert known >= len(asked) // 2
    for x in (X, 0.5 * X, -2.0 * X):
        assert_allclose(tape(x), descent(by_hand, x), rtol=1e-13)


@pytest.mark.parametrize("inner", [wg.grad, wg.jacfwd])
@pytest.mark.parametrize("outer", [wg.jacrev, wg.jacfwd])
def test_derivatives_of_a_descent(inner: Any, outer: Any) -> None:
    jitted = wg.jit(outer(lambda x: descent(inner(bowl), x)), wait=True)
    h = 1e-20
    for x in (X, 0.5 * X, -2.0 * X):
        for _ in range(2):
            found = jitted(x)
        columns = [
            np.imag(descent(by_hand, x + 1j * h * unit)) / h for unit in np.eye(3)
        ]
        assert_allclose(found, np.stack(columns, axis=1), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("outer", [wg.grad, wg.jacfwd])
@pytest.mark.parametrize("steps", [STEPS, 100])
def test_a_second_recording_agrees_and_derives_nothing(
    outer: Any, steps: int, asked: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where numbers stand in loops, whole ones that a rule tells from others."""
    recorded = []
    record_onto = Jitted.record_onto

    def counted(self: Any, *args: Any) -> None:
        recorded.append(len(asked))
        record_onto(self, *args)

    def function(p: Any) -> Any:
        def potential(y: Any) -> Any:
            apart = y - np.array([3.0, p[0]])
            return 1 / np.sqrt(np.sum(apart**2))

        x, v = np.array([0.0, 8.0]), np.array([0.75, 0.0])
        for _ in range(steps):
            push = wg.grad(potential)(x)
            x = x + 0.01 * v
            v = v - 0.01 * push
        return (x[0] - x[1] / v[1] * v[0]) ** 2

    monkeypatch.setattr(Jitted, "record_onto", counted)
    jitted = wg.jit(outer(function), wait=True)
    found = jitted(np.array([0.5]))

    assert len(recorded) == 2
    assert len(asked) == recorded[-1] > steps
    h = 1e-20
    p, x, v = 0.5 + 1j * h, np.array([0.0, 8.0]), np.array([0.75, 0.0])
    for _ in range(steps):
        apart = x - np.array([3.0, p])
        x, v = x + 0.01 * v, v + 0.01 * apart / np.sum(apart**2) ** 1.5
    assert_allclose(found, [np.imag((x[0] - x[1] / v[1] * v[0]) ** 2) / h], rtol=1e-10)


def programs() -> dict[str, Callable[[Any], Any]]:
    """Functions whose steps look alike, and whose derivatives are not."""

    def powers(x: Any) -> Any:
        return sum([np.sum(wg.grad(lambda y, k=k: np.sum(y**k))(x)) for k in range(6)])

    def numbers(x: Any) -> Any:
        total = 0.0
        for k in (1.0, 2.0, 2.0, 2.0, 0.0, -0.0):
            total = total + np.sum(wg.grad(lambda y, k=k: np.sum(np.sin(y * k)))(x))
        return total

    def tables(x: Any) -> Any:
        total = 0.0
        for k in (1, 1, 1, 2, 2, 2):
            weight = np.arange(3.0) * k
            total = total + np.sum(wg.grad(lambda y, w=weight: np.sum(y**2 @ w))(x))
        return total

    def places(x: Any) -> Any:
        return sum([wg.grad(lambda y, k=k: y[k] ** 3)(x)[k] for k in (0, 0, 0, 1, 2)])

    def tips(x: Any) -> Any:
        z = np.zeros(3) * x
        found = 0.0
        for y in (x, x, x, np.abs(z), np.abs(z), np.abs(z), np.abs(z)):
            found = found + np.sum(wg.grad(lambda y: np.sum(y**2))(y) * x)
        return found

    def around(x: Any) -> Any:
        total, scale = 0.0, x
        for k in range(6):
            scale = np.sin(scale) if k < 3 else 2.0 * scale
            slope = wg.grad(lambda y, s=scale: np.sum(y**2 * s + y * x))(x)
            total = total + np.sum(slope)
        return total

    def kinds(x: Any) -> Any:
        total = 0.0
        for dtype in (np.float32, np.float32, np.float32, np.float64, np.float64):
            part = wg.grad(lambda y: np.sum(np.exp(y) / 3))(x.astype(dtype))
            total = total + np.sum(part).astype(np.float64)
        return total

    def layouts(x: Any) -> Any:
        total = 0.0
        for k in range(6):
            m = np.outer(x, x)
            m = m.T if k % 2 else m
            total = total + np.sum(wg.grad(lambda y: np.sum(y @ y))(m))
        return total

    def both(x: Any) -> Any:
        total = 0.0
        for k in range(6):
            other = x if k < 3 else 2.0 * x
            by_one, by_other = wg.grad(lambda y, z: np.sum(y * y * z), (0, 1))(x, other)
            total = total + np.sum(by_one * by_other)
        return total

    def seeds(x: Any) -> Any:
        total = 0.0
        for k in range(6):
            _, pull = wg.vjp(np.tanh, x)
            total = total + np.sum(pull(x if k % 2 else np.full(3, float(k)))[0])
        return total

    def writes(x: Any) -> Any:
        def f(y: Any) -> Any:
            z = np.zeros(4)
            z[:3] = y
            z[1:] += y**2
            return np.sum(z**2)

        y = x
        for _ in range(6):
            slope = wg.grad(f)(y)
            slope[0] = 0.0
            y = y - 0.01 * slope
        return y

    return {key: f for key, f in locals().items() if callable(f)}


@pytest.mark.parametrize("name", programs())
def test_what_looks_alike_is_not_taken_for_the_same(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = programs()[name]
    again = wg.record(wg.jacobian(function), X)
    value = wg.record(function, X)
    monkeypatch.setattr(alike, "MOST_NODES", -1)
    each = wg.record(wg.jacobian(function), X)

    for x in (X, 0.5 * X, np.array([1.0, 0.0, -2.0])):
        assert_array_equal(again(x), each(x))
        assert_allclose(value(x), function(x), rtol=1e-13)


def derivatives(example: Example) -> Callable[[Any], list[Any]]:
    """Return what derives an example in both modes at one point after another."""
    operands = example.operands
    chosen = floats(operands)

    def of_floats(*moved: Any) -> list[Any]:
        results = tree.flatten(example.function(*replaced(operands, chosen, moved)))[0]
        return [result for result in results if is_float(result)]

    def derived(scale: Any) -> list[Any]:
        found: list[Any] = []
        for step in (0, 0, 1, 2):
            primals = tuple([operands[k] * (1 + step * scale) for k in chosen])
            values, pull = wg.vjp(of_floats, *primals)
            found += pull([np.ones(np.shape(value), value.dtype) for value in values])
            found += wg.jvp(of_floats, primals, primals)[1]
        return found

    return derived


@pytest.mark.one_in(6)
@pytest.mark.parametrize(
    "example",
    [example for example in examples() if example.order and floats(example.operands)],
    ids=str,
)
def test_no_rule_looks_at_numbers(
    example: Example, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = derivatives(example)
    again = wg.record(function, 0.01)
    monkeypatch.setattr(alike, "MOST_NODES", -1)
    each = wg.record(function, 0.01)

    for scale in (0.01, 0.02):
        try:
            expected = each(scale)
        except wg.GuardError:
            with pytest.raises(wg.GuardError):
                again(scale)
        else:
            for part, like in zip(again(scale), expected, strict=True):
                assert_array_equal(part, like)
