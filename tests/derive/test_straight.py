"""The written sweeps of short tapes: the same numbers as the general sweep's."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from wengert import checkpoint, grad, record, value_and_grad, vjp
from wengert.derive import reverse, straight

ENOUGH = straight.PATIENCE + 2


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def read_twice(x: Any) -> Any:
    """Elements of which some are read by two slices, on top of a whole gradient."""
    return np.sum(x * x) + np.sum(x[1:3] * x[2:4]) + x[0] * x[-1]


def broadcast(x: Any) -> Any:
    return np.sum(np.sin(x) * np.exp(x[:, np.newaxis]) / (2.0 + x[0] ** 2))


def layers(x: Any) -> Any:
    w = np.outer(np.arange(1.0, 5.0), np.arange(1.0, 4.0))[: len(x)]
    return np.sum(np.tanh(x @ w).T - np.mean(x))


def constant_in_x(x: Any) -> Any:
    return np.sum(np.sign(x) + 0.0 * np.floor(x))


FUNCTIONS = [rosenbrock, read_twice, broadcast, layers, constant_in_x]


def general_gradient(
    function: Callable[..., Any], x: Any, monkeypatch: pytest.MonkeyPatch
) -> Any:
    """The gradient by the sweep that is not written out."""
    with monkeypatch.context() as patch:
        patch.setattr(reverse, "find_sweep", lambda *_: None)
        return grad(function)(x)


def find_sweeps(function: Callable[..., Any], *args: Any) -> list[Any]:
    """What was looked up while a function was differentiated a few times."""
    found = []
    find = straight.find_sweep

    def spy(*given: Any) -> Any:
        found.append(find(*given))
        return found[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reverse, "find_sweep", spy)
        for _ in range(ENOUGH):
            grad(function)(*args)
    return found


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_written_sweep_gives_the_same_gradient(
    function: Callable[..., Any], dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.array([0.3, -1.2, 0.8, 2.1], dtype)
    expected = general_gradient(function, x, monkeypatch)
    found = [grad(function)(x) for _ in range(ENOUGH)]

    for gradient in found:
        np.testing.assert_array_equal(gradient, expected, strict=True)


def test_sweep_is_written_after_a_few_calls() -> None:
    found = find_sweeps(lambda x: np.sum(np.cos(x) * x[::-1]), np.ones(3))

    assert found[0] is None
    assert callable(found[-1])


def test_one_written_sweep_serves_all_sizes() -> None:
    def function(x: Any) -> Any:
        return np.sum(x[1:] ** 3 * x[:-1])

    both = value_and_grad(function)
    for n in (*range(2, 2 + ENOUGH), 50):
        x = np.linspace(0.5, 1.5, n)
        expected = np.zeros(n)
        expected[1:] += 3 * x[1:] ** 2 * x[:-1]
        expected[:-1] += x[1:] ** 3

        np.testing.assert_allclose(both(x)[1], expected, rtol=1e-14)


def test_what_is_not_selected_contributes_nothing_in_a_written_sweep() -> None:
    def function(x: Any) -> Any:
        return np.sum(np.where(x != 0, 1 / x, 0.0) * x)

    x = np.array([0.0, 2.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        found = [grad(function)(x) for _ in range(ENOUGH)]

    assert all(np.isfinite(gradient).all() for gradient in found)


def test_written_sweep_does_not_warn() -> None:
    def function(x: Any) -> Any:
        return np.sum(np.sqrt(x))

    with np.errstate(all="raise"):
        found = [grad(function)(np.array([0.0, 4.0])) for _ in range(ENOUGH)]

    np.testing.assert_array_equal(found[-1], [np.inf, 0.25])


def test_a_gradient_that_is_not_connected_is_zero_in_a_written_sweep() -> None:
    def function(x: Any, y: Any) -> Any:
        return np.sum(y * 2.0)

    both = grad(function, argnums=(0, 1))
    for _ in range(ENOUGH):
        gx, gy = both(np.ones(2), np.ones(3))

    np.testing.assert_array_equal(gx, np.zeros(2))
    np.testing.assert_array_equal(gy, np.full(3, 2.0))


def test_pulling_many_times_gives_the_same() -> None:
    x = np.array([1.0, 2.0])
    _, pull = vjp(lambda x: x[0] * x[1], x)
    found = [pull(1.0)[0] for _ in range(ENOUGH)]

    for gradient in found:
        np.testing.assert_array_equal(gradient, [2.0, 1.0])


def test_operations_made_at_run_time_are_not_kept() -> None:
    tape = record(lambda x: np.sum(checkpoint(np.sin)(x)), np.ones(2))

    assert not straight.STRAIGHT.issuperset(tape.operations)
    assert straight.find_sweep(tape, len(tape) - 1, [0]) is None
