"""The product in miniature: each test is well under a second."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from wengert import (
    CompNode,
    ConstantNode,
    Multiply,
    Tape,
    check_grads,
    grad,
    hessian,
    jvp,
    record,
    value_and_grad,
)
from wengert.errors import GuardError


def example_tape() -> tuple[Tape, Any, Any, Any, Any]:
    """Return the first example: o = a b and f = 5 o at a = 2, b = 3."""
    tape = Tape()
    a, b = ConstantNode(2, tape), ConstantNode(3, tape)
    o = Multiply(a, b, tape)
    f = Multiply(ConstantNode(5, tape), o, tape)
    return tape, a, b, o, f


# By hand


def test_the_hand_built_tape_gives_5_15_10() -> None:
    tape, a, b, o, f = example_tape()
    tape.forward()
    tape.backward()

    assert (o.gradient, a.gradient, b.gradient) == (5, 15, 10)
    assert f.output == 30
    assert all(isinstance(node.gradient, int) for node in (o, a, b))


def test_a_node_is_on_the_tape_it_was_given() -> None:
    """A node registers on its own tape, not on a global one."""
    first, *_, f = example_tape()
    second = Tape()
    Multiply(ConstantNode(1, second), ConstantNode(4, second), second)

    assert len(first.computations) == 5
    assert len(second.computations) == 3
    assert f.tape is first


def test_sweeps_repeat_in_any_order() -> None:
    """A backward sweep leaves the order of the nodes as it is."""
    tape, a, b, o, _ = example_tape()
    order = list(tape.computations)
    for sweep in "fbbfbffb":
        (tape.forward if sweep == "f" else tape.backward)()

    assert list(tape.computations) == order
    assert (o.gradient, a.gradient, b.gradient) == (5, 15, 10)


def test_a_changed_constant_is_played() -> None:
    tape, a, b, _, f = example_tape()
    a.value = 7
    tape.forward()
    tape.backward()

    assert (f.output, a.gradient, b.gradient) == (105, 15, 35)


def test_arrays_flow_through_the_same_nodes() -> None:
    tape = Tape()
    x = ConstantNode(np.array([1.0, 2.0]), tape)
    square = Multiply(x, x, tape)
    tape.forward()
    tape.backward()

    np.testing.assert_array_equal(square.output, [1.0, 4.0])
    np.testing.assert_array_equal(x.gradient, [2.0, 4.0])


class Cube(CompNode):
    """A user's own operation, in the style of the first program."""

    def __init__(self, x: CompNode, tape: Tape) -> None:
        self.x = x
        super().__init__(tape)

    def forward(self) -> None:
        self.output = self.x.output**3

    def backward(self) -> None:
        self.x.add_gradient(self.gradient * 3 * self.x.output**2)


def test_a_user_s_node_is_differentiated_twice() -> None:
    tape = Tape()
    x = ConstantNode(2.0, tape)
    y = Cube(Cube(x, tape), tape)  # x^9
    tape.forward()
    tape.backward()
    ninth = tape.function([x], y)

    assert (y.output, x.gradient) == (2.0**9, 9 * 2.0**8)
    assert grad(ninth)(2.0) == 9 * 2.0**8
    assert grad(grad(ninth))(2.0) == 72 * 2.0**7
    check_grads(ninth, (1.5,), order=3)


# Recorded


def f(x: Any, y: Any) -> Any:
    """Plain NumPy: a loop, a branch, a store through a view."""
    z = np.zeros(4)
    head = z[:2]
    head[:] = x * y
    for k in range(2, 4):
        z[k] = np.sin(z[k - 1]) + z[k - 2]
    if z[3] > 10:
        z *= 2.0
    return np.sum(z**2)


def by_hand(x: Any, y: Any) -> Any:
    """The same without a store."""
    a, b = x[0] * y, x[1] * y
    c = np.sin(b) + a
    d = np.sin(c) + b
    return a**2 + b**2 + c**2 + d**2


X, Y = np.array([0.5, -1.25]), 0.75


def test_plain_numpy_is_recorded_and_differentiated() -> None:
    value, (by_x, by_y) = value_and_grad(f, argnums=(0, 1))(X, Y)
    step = 1e-30
    complex_steps = [by_hand(X + 1j * step * unit, Y).imag / step for unit in np.eye(2)]

    assert value == f(X, Y)
    np.testing.assert_allclose(by_x, complex_steps, rtol=1e-14)
    assert by_y == pytest.approx(by_hand(X, Y + 1j * step).imag / step, rel=1e-14)


def test_a_store_through_a_view_reaches_the_owner() -> None:
    def stored(x: Any) -> Any:
        y = x * 1.0
        view = y[::-1]
        view[0] = 10 * view[1]
        return y

    value, tangent = jvp(stored, (np.array([1.0, 2.0, 3.0]),), (np.ones(3),))

    np.testing.assert_array_equal(value, [1.0, 2.0, 20.0])
    np.testing.assert_array_equal(tangent, [1.0, 1.0, 10.0])


def test_grad_of_grad() -> None:
    third = grad(grad(grad(lambda x: x**5)))

    assert third(2.0) == 60 * 2.0**2
    check_grads(f, (X, Y))


def test_no_perturbation_is_confused() -> None:
    """d/dx [x d/dy (x + y)] = 1."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(2.0) == 1


def test_hessian_of_a_quadratic_is_its_matrix() -> None:
    a = np.array([[2.0, 1.0], [1.0, 3.0]])

    np.testing.assert_array_equal(hessian(lambda x: x @ (a @ x) / 2)(X), a)


def test_a_tape_is_printed_replayed_and_kept() -> None:
    tape = record(f, X, Y).verify()
    listing = str(tape)
    other = np.array([0.1, 0.2])

    assert "store" in listing
    assert "sin" in listing
    assert "test_tiny.py:" in listing
    assert tape(other, 2.0) == f(other, 2.0)
    assert pickle.loads(pickle.dumps(tape))(other, 2.0) == f(other, 2.0)
    assert tape.fingerprint() == record(f, X, Y).fingerprint()


def test_a_recorded_tape_plays_backward_by_hand() -> None:
    tape = record(f, X, Y)
    tape.forward()
    tape.backward()

    np.testing.assert_allclose(tape.inputs[0].gradient, grad(f)(X, Y), rtol=1e-15)


def test_a_replay_that_leaves_the_path_says_where() -> None:
    tape = record(f, X, Y)

    with pytest.raises(GuardError, match=r"test_tiny.py:\d+: a replay left"):
        tape(np.array([30.0, 40.0]), 1.0)


def test_arguments_stay_as_they_are() -> None:
    def doubled(x: Any) -> Any:
        x *= 2
        return np.sum(x)

    x = np.ones(3)
    np.testing.assert_array_equal(grad(doubled)(x), [2.0, 2.0, 2.0])

    np.testing.assert_array_equal(x, np.ones(3))


def test_a_zero_absorbs_by_hand_too() -> None:
    with np.errstate(divide="ignore"):
        tape = record(lambda x: np.where(x != 0, 1 / x, 0.0), np.float64(0.0))
        tape.forward()
    tape.backward()

    assert tape.inputs[0].gradient == 0


def test_a_step_stops_a_backward_sweep_by_hand() -> None:
    tape = record(lambda x: np.floor(x) * x, 2.5)
    tape.forward()
    tape.backward()

    assert tape.inputs[0].gradient == 2
