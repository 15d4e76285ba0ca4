"""While a jitted function is recorded, native code sweeps over long loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.core.tape import Tape
from wengert.derive import steps
from wengert.execute import costs, engine

X = np.array([0.7, 0.2, 0.9, 0.4])


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let short loops be long ones."""
    monkeypatch.setattr(steps, "LONG", 1)
    monkeypatch.setattr(costs, "PLAYS", 0)


@pytest.fixture
def players(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Note for every loop that is asked about whether native code did it."""
    found: list[bool] = []
    natively = steps.Body.natively

    def noted(self: steps.Body, *how: Any) -> Any:
        result = natively(self, *how)
        if self.is_swept:
            found.append(result is not None)
        return result

    monkeypatch.setattr(steps.Body, "natively", noted)
    return found


def pendulum(x: Any) -> Any:
    y, v, rows = x[0], x[1], []
    for k in range(300):
        y, v = y + 0.01 * v, v - 0.01 * (x[2] * np.sin(y) + x[3] * v * (0.1 * k))
        rows.append(y * v)
    return y * y + v + np.sum(np.stack(rows) ** 2)


def of_arrays(x: Any) -> Any:
    y = x * 1.0
    for _ in range(300):
        y = y + 0.01 * np.tanh(y @ np.outer(x, x)) - 0.001 * y[::-1]
    return np.sum(y * x)


def absorbing(x: Any) -> Any:
    """A loop in which a zero absorbs what is infinite."""
    y = x * 1.0
    for k in range(300):
        apart = np.where(y > 0.0, np.sqrt(np.where(y > 0.0, y, 0.0)), 0.0)
        y = y * 0.99 + 0.01 * apart - 0.001 * (k % 3) * x[0]
    return np.sum(y)


def while_it_grows(x: Any) -> Any:
    y = x[0]
    for _ in range(300):
        y = y * 1.01 if y < 1.5 else y * 0.97
    return y * x[1]


LOOPS = [pendulum, of_arrays, absorbing, while_it_grows]


@pytest.mark.parametrize("f", LOOPS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("derived", [wg.grad, wg.jacfwd, wg.hessian])
def test_derivatives_are_those_that_numpy_plays(
    f: Any, derived: Any, players: list[bool]
) -> None:
    expected = derived(f)(X)
    assert not any(players)
    for given in ({"wait": True}, {}):
        jitted = wg.jit(derived(f), **given)
        for _ in range(3):
            np.testing.assert_allclose(jitted(X), expected, rtol=1e-11, atol=1e-13)
    if engine.native_engine() and derived is wg.grad and f in LOOPS[:2]:
        assert any(players)


def test_a_tape_that_is_recorded_has_the_numbers_of_numpy(players: list[bool]) -> None:
    tape = wg.record(wg.grad(pendulum), X)
    assert isinstance(tape, Tape)
    np.testing.assert_array_equal(tape(X), wg.grad(pendulum)(X))
    assert not any(players)


def test_short_loops_are_played(
    players: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(costs, "PLAYS", 2)
    wg.jit(wg.grad(pendulum), wait=True)(X)
    assert players
    assert not any(players)
