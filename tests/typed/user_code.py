"""What a user writes, read by type checkers: see `tests/test_typing.py`.

Every line marked ``type: ignore`` is a mistake that a checker must find.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
import numpy.typing as npt

import wengert as wg

Vector = npt.NDArray[np.float64]


def loss(w: Vector, data: Vector, scale: float = 1.0) -> float:
    """A loss as a user types it."""
    return float(np.sum((w - data) ** 2)) * scale


def both(w: Vector) -> tuple[float, Vector]:
    """A loss with something beside it."""
    return 1.0, w


w: Vector = np.ones(3)
data: Vector = np.zeros(3)


# The arguments are those of the function

slope = wg.grad(loss)
slope(w, data, scale=2.0)
slope(w)  # type: ignore
slope(w, data, size=2.0)  # type: ignore
slope(w, "data")  # type: ignore

assert_type(wg.value_and_grad(loss)(w, data), tuple[float, Any])
assert_type(wg.value_and_grad(both, has_aux=True)(w), tuple[tuple[float, Vector], Any])
assert_type(wg.value_and_hessian(loss)(w, data), tuple[float, Any])
assert_type(wg.value_grad_and_hessian(loss)(w, data), tuple[float, Any, Any])
assert_type(wg.value_and_jacobian(loss)(w, data, 1.0), tuple[float, Any])

for derivative in (wg.jacobian(loss), wg.jacrev(loss), wg.jacfwd(loss)):
    derivative(w, data)
    derivative(w)  # type: ignore
wg.hessian(loss)(w, data)
wg.hessian(loss)(w)  # type: ignore


# Both modes at a point

assert_type(wg.jvp(loss, (w, data), (w, data)), tuple[float, float])
value, pull = wg.vjp(loss, w, data)
assert_type(value, float)
assert_type(pull(1.0), tuple[Any, ...])
value, pull, beside = wg.vjp(both, w, has_aux=True)
assert_type(beside, Vector)
value, push = wg.linearize(loss, w, data)
assert_type(push(w, data), float)


# Compiled, checkpointed, with a rule: the function's own type

fast = wg.jit(loss)
assert_type(fast(w, data), float)
fast(w)  # type: ignore
print(fast.report(), fast.paths(), fast.strict()(w, data))
fast.clear()
wg.jit(wg.grad(loss))(w)  # type: ignore
wg.jit(wg.value_and_grad(loss))(w, data)[0].is_integer()


@wg.jit
def decorated(x: float) -> float:
    """A decorated function."""
    return x**2


decorated(2.0).is_integer()
decorated("2")  # type: ignore


class Model:
    """A class with a decorated method."""

    @wg.jit
    def energy(self, x: float) -> float:
        """A method."""
        return x


Model().energy(2.0).is_integer()

kept: Callable[[Vector, Vector, float], float] = wg.checkpoint(loss)
wg.checkpoint(loss)(w)  # type: ignore


@wg.rule(vjp=lambda g, y, x: g * 2 * x)
def square(x: float) -> float:
    """A function with a rule."""
    return x**2


assert_type(square(2.0), float)
square("2")  # type: ignore


@wg.custom_jvp
def softplus(x: float) -> float:
    """A function with a forward rule."""
    return float(np.log1p(np.exp(x)))


@softplus.defjvp
def softplus_jvp(primals: Any, tangents: Any) -> Any:
    """Its rule."""
    return softplus(*primals), tangents[0] / (1 + np.exp(-primals[0]))


assert_type(softplus(2.0), float)
softplus("2")  # type: ignore


# Rows change the types of the arguments, so a checker takes any

wg.vmap(decorated)(np.ones(3))


# The tape

tape = wg.record(loss, w, data)
assert_type(tape, wg.Tape)
node = wg.Multiply(wg.ConstantNode(2, tape), wg.ConstantNode(3, tape), tape)
node.set_gradient(1.0)
assert_type(wg.stop_gradient(1.0), float)
wg.grad(3)  # type: ignore
