"""What a closure, a play or a tape keeps of a caller's array is the caller's no more.

And what it hands out is nobody else's.
"""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import wengert
from wengert import ConstantNode, Tape, grad, jvp, linearize, nodes, record, rule, vjp

FUNCTIONS = [
    lambda x: np.sum(x**3),
    lambda x: np.sum(x[1:] * x[:-1]),
    lambda x: np.prod(x),
    lambda x: np.dot(x, x),
    lambda x: np.max(x),
    lambda x: np.sum(np.sort(x) * np.arange(3.0)),
    lambda x: np.hypot(x[0], x[2]),
    lambda x: np.sum(np.where(x > 1.5, x * x, np.sin(x))),
    lambda x: np.std(x),
    lambda x: np.einsum("i,i,i->", x, x, x),
    lambda x: np.interp(1.7, x, x**2),
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_pullback_belongs_to_the_point_of_its_call(function: Any) -> None:
    x = np.array([1.0, 2.0, 4.0])
    expected = grad(function)(x)
    _, pull = vjp(lambda p: function(p["x"]), {"x": x})
    _, push = linearize(function, x)
    x[:] = [50.0, -20.0, 3.0]

    np.testing.assert_allclose(pull(1.0)[0]["x"], expected)
    np.testing.assert_allclose([push(unit) for unit in np.eye(3)], expected)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_play_belongs_to_the_point_of_its_recording(function: Any) -> None:
    x = np.array([1.0, 2.0, 4.0])
    expected, value = grad(function)(x), function(x)
    tape = record(function, x)
    x[:] = [50.0, -20.0, 3.0]

    tape.backward()
    np.testing.assert_allclose(tape.inputs[0].gradient, expected)
    tape.forward()
    np.testing.assert_allclose(tape.outputs[0].output, value)


def test_a_pullback_keeps_the_constants_of_its_call() -> None:
    weights, places, mask = np.ones(3), np.array([0, 2]), np.array([True, True, False])

    def f(x: Any) -> Any:
        chosen = np.where(mask, x * x, x)
        return np.sum(x[places] ** 2) + np.sum(chosen * weights) + np.sum(x[mask])

    _, pull = vjp(f, np.array([1.0, 2.0, 3.0]))
    expected = pull(1.0)[0]
    weights[:], places[:], mask[:] = 9.0, 1, False

    np.testing.assert_array_equal(pull(1.0)[0], expected)
    np.testing.assert_array_equal(expected, [5.0, 5.0, 7.0])


def test_a_checkpoint_whose_capture_has_changed_is_refused() -> None:
    weights = np.ones(2)
    layer = wengert.checkpoint(lambda x: x * weights * x)
    _, pull = vjp(lambda x: np.sum(layer(x)), np.array([1.0, 2.0]))
    weights[:] = 5.0

    with pytest.raises(wengert.DerivativeError, match="gave other numbers"):
        pull(1.0)


def test_a_constant_node_keeps_its_numbers() -> None:
    weights = np.array([1.0, 2.0])
    tape = Tape()
    constant = ConstantNode(weights, tape)
    square = nodes.Multiply(constant, constant, tape)
    tape.forward()
    weights[:] = 7.0
    tape.backward(np.ones(2))

    np.testing.assert_array_equal(constant.gradient, [2.0, 4.0])
    constant.value = weights
    weights[:] = 0.0
    tape.forward()
    np.testing.assert_array_equal(square.output, [49.0, 49.0])


# What is handed out


def test_gradients_share_no_memory() -> None:
    left, right = grad(lambda x, y: np.sum((x + y) ** 2), (0, 1))(
        np.ones(2), np.ones(2)
    )

    assert not np.shares_memory(left, right)


@pytest.mark.parametrize(
    "function", [lambda x: x, lambda x: (x, x), lambda x: [x[:], x.T]]
)
def test_a_gradient_is_not_what_the_caller_gave(function: Any) -> None:
    x = np.ones(3)
    value, pull = vjp(function, x)
    seed = [np.ones(3), np.ones(3)] if isinstance(value, list) else np.ones(3)
    seed = (np.ones(3), np.ones(3)) if isinstance(value, tuple) else seed
    direction = np.ones(3)
    _, tangents = jvp(function, (x,), (direction,))
    _, push = linearize(function, x)
    parts = [x, direction, *np.atleast_2d(seed), *np.atleast_2d(value)]
    found = [pull(seed)[0], *flat(tangents), *flat(push(direction))]

    for k, part in enumerate(found):
        assert not any(np.shares_memory(part, other) for other in parts + found[:k])


def flat(value: Any) -> list[Any]:
    """Return the parts of a result."""
    return list(value) if isinstance(value, (list, tuple)) else [value]


def test_a_gradient_is_not_the_array_that_a_rule_returned() -> None:
    slope = np.array([3.0, 4.0])
    weighted = rule(vjp=lambda g, y, x: (slope,))(lambda x: float(x @ [3.0, 4.0]))

    found = grad(lambda x: weighted(x))(np.ones(2))
    found *= 0.0

    np.testing.assert_array_equal(slope, [3.0, 4.0])


def test_whole_numbers_have_gradients_that_are_none() -> None:
    """By hand every node has one; that of a whole number need not be one itself."""

    def moved(x: Any) -> Any:
        places = np.argsort(x)
        return np.sum((places[1:] - places[:-1]) * x[1:])

    tape = record(moved, np.array([0.5, 2.5, 1.5]))
    tape.backward()

    places = tape.computations[1]
    np.testing.assert_array_equal(tape.inputs[0].gradient, [0.0, 2.0, -1.0])
    np.testing.assert_array_equal(places.gradient, [-2.5, 1.0, 1.5])


def many_steps(x: Any) -> Any:
    for _ in range(40):
        x = np.sin(x) + 0.1
    return x


def test_large_tangents_are_let_go_once_nothing_reads_them() -> None:
    x, tangent = np.linspace(0.1, 0.9, 1 << 17), np.ones(1 << 17)  # 1 MB

    def slope() -> Any:
        return jvp(lambda x: np.sum(many_steps(x)), (x,), (tangent,))[1]

    slope()
    tracemalloc.start()
    try:
        found, peak = slope(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    expected = np.sum(many_steps(x + 1e-30j).imag / 1e-30)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert peak < 50 * x.nbytes  # rules read what forty sines are of
