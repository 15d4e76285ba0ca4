"""The tapes of derivatives, and gradients by intermediate nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert as wg
from tests.show.programs import PROGRAMS, loop_of_writes
from wengert.capture import tree
from wengert.errors import DerivativeError


def moved(function: Any, args: Any, direction: Any) -> Any:
    """Return the derivative of a function along a direction, by central differences."""
    h = 1e-6
    ahead = [a + h * d for a, d in zip(args, direction, strict=True)]
    behind = [a - h * d for a, d in zip(args, direction, strict=True)]
    return (function(*ahead) - function(*behind)) / (2 * h)


X = np.array([0.5, 1.0, 1.5, 0.7])


def test_grad_tape_gives_the_gradient_at_other_points() -> None:
    tape = wg.record(loop_of_writes, np.arange(1.0, 5.0), 3.0).grad_tape().verify()
    by_x, by_n = tape(X, 2.0)

    for k in range(4):
        expected = moved(loop_of_writes, (X, 2.0), (np.eye(4)[k], 0.0))
        assert by_x[k] == pytest.approx(expected, rel=1e-7)
    assert by_n == pytest.approx(
        moved(loop_of_writes, (X, 2.0), (0 * X, 1.0)), rel=1e-7
    )


def test_tangent_tape_gives_the_derivative_along_a_direction() -> None:
    tape = wg.record(loop_of_writes, np.arange(1.0, 5.0), 3.0).tangent_tape().verify()
    direction = (np.array([1.0, -2.0, 0.5, 3.0]), 0.25)

    expected = moved(loop_of_writes, (X, 2.0), direction)
    assert tape(X, 2.0, *direction) == pytest.approx(expected, rel=1e-7)


def test_jacobian_tape_gives_the_jacobian_at_other_points() -> None:
    def two(x: Any) -> Any:
        return np.stack([x[0] * x[1], np.sin(x[1])])

    tape = wg.record(two, np.ones(2)).jacobian_tape().verify()

    expected = [[3.0, 2.0], [0.0, np.cos(3.0)]]
    np.testing.assert_allclose(tape(np.array([2.0, 3.0])), expected)


def test_a_gradient_tape_is_derived_again() -> None:
    second = wg.record(lambda x: x**4, 2.0).grad_tape().grad_tape()

    assert second(3.0) == pytest.approx(12 * 9.0)


@pytest.mark.parametrize("name", PROGRAMS)
def test_derived_tapes_agree_by_the_dot_product(name: str) -> None:
    program = PROGRAMS[name]
    tape = wg.record(program.function, *program.args)
    direction = tree.map_leaves(lambda leaf: np.ones_like(leaf), program.args)
    gradients = tree.flatten(tape.grad_tape()(*program.args))[0]

    tangent = tape.tangent_tape()(*program.args, *direction)
    assert sum(np.sum(g) for g in gradients) == pytest.approx(tangent, rel=1e-5)


def test_gradient_by_an_intermediate_node() -> None:
    def f(x: Any) -> Any:
        y = np.exp(x)
        return np.sum(y**3)

    tape = wg.record(f, np.array([0.0, 1.0]))
    node = tape.computations[1]

    assert node.operation.name == "exp"
    expected = 3 * np.exp([0.0, 2.0])
    np.testing.assert_allclose(tape.gradient(wrt=node), expected)
    np.testing.assert_allclose(tape.gradient([node])[0], expected)
    np.testing.assert_allclose(tape.gradient()[0], expected * np.exp([0.0, 1.0]))


def test_gradient_of_several_outputs_is_refused_with_advice() -> None:
    tape = wg.record(lambda x: (x, 2 * x), 1.0)

    with pytest.raises(DerivativeError, match=r"(?s)float64.*, float64.*jacobian_tape"):
        tape.grad_tape()
