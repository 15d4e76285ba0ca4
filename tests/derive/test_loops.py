"""A loop as one node, against the same loop in plain Python."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert
from tests.derive.loops import rolled
from wengert.core.operation import apply
from wengert.derive.loops import SCAN
from wengert.derive.steps import repeat
from wengert.errors import GuardError

Function = Callable[..., Any]
RNG = np.random.default_rng(4)


def straight(
    step: Function, carried: int, moving: int, count: int, is_back: bool
) -> Function:
    """Return the same function, every step recorded."""

    def function(*operands: Any) -> Any:
        return repeat(step, carried, moving, count, is_back, *operands)

    return function


def summed(function: Function) -> Function:
    """Return one number of all results."""
    return lambda *x: sum(np.sum(np.sin(part) * 0.7) for part in function(*x))


def cell(h: Any, c: Any, x: Any, w: Any, p: Any) -> Any:
    """Return a recurrent cell with a product of matrices, a write, a selection."""
    z = np.tanh(w @ h + x * p[0] + p[1])
    y = np.exp(-np.tanh(c)) * z + p[2] * np.maximum(x, 0.0)
    y[0] = z[1] * p[0]
    return z, y, np.sum(z * y), h * z, x


def numbers(a: Any, b: Any, x: Any, k: Any) -> Any:
    """Return a step of numbers alone, with what is the same in every step."""
    scale = np.exp(k[0]) * k[1]
    return b, 0.5 * a + np.cos(b) * scale + x * k[1], a * b


def largest(m: Any, x: Any, k: Any) -> Any:
    """Return a step whose derivative asks for the place of a maximum."""
    return (np.maximum(m, np.max(x * k)),)


def apart(a: Any, n: Any, x: Any, k: Any) -> Any:
    """Return a step whose second value has no derivative, and reads no gradient."""
    return a * 0.9 + np.floor(n), n + 1.0, k * k


LOOPS: dict[str, tuple[Function, int, int, tuple[Any, ...]]] = {
    "cell": (
        cell,
        2,
        1,
        (
            RNG.normal(size=3),
            RNG.normal(size=3),
            RNG.normal(size=(5, 3)),
            RNG.normal(size=(3, 3)),
            RNG.normal(size=3),
        ),
    ),
    "numbers": (numbers, 2, 1, (0.3, -0.2, RNG.normal(size=6), RNG.normal(size=2))),
    "largest": (largest, 1, 1, (-9.0, RNG.normal(size=(5, 4)), 1.3)),
    "apart": (apart, 2, 1, (0.4, 0.0, RNG.normal(size=4), RNG.normal(size=2))),
}
CASES = [(name, is_back) for name in LOOPS for is_back in (False, True)]


def pair(name: str, is_back: bool) -> tuple[Function, Function, tuple[Any, ...]]:
    """Return a loop as one node, the same straight, and operands."""
    step, carried, moving, operands = LOOPS[name]
    count = len(operands[carried])
    how = (step, carried, moving, count, is_back)
    values = tuple(np.float64(x) if np.ndim(x) == 0 else x for x in operands)
    return rolled(*how), straight(*how), values


def agree(found: Any, expected: Any, ulps: float = 8.0) -> None:
    """Assert that two nested results are the same but for the order of sums."""
    pairs = zip(
        wengert.capture.tree.flatten(found)[0],
        wengert.capture.tree.flatten(expected)[0],
        strict=True,
    )
    for one, other in pairs:
        scale = np.max(np.abs(other), initial=1.0)
        assert np.shape(one) == np.shape(other)
        np.testing.assert_allclose(one, other, atol=ulps * 2.3e-16 * scale, rtol=0)


@pytest.mark.parametrize(("name", "is_back"), CASES)
def test_values_are_those_of_the_plain_loop(name: str, is_back: bool) -> None:
    loop, plain_loop, x = pair(name, is_back)
    found, expected = loop(*x), plain_loop(*x)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("name", "is_back"), CASES)
def test_gradients_are_those_of_the_plain_loop(name: str, is_back: bool) -> None:
    loop, plain_loop, x = pair(name, is_back)
    every = tuple(range(len(x)))
    agree(
        wengert.value_and_grad(summed(loop), argnums=every)(*x),
        wengert.value_and_grad(summed(plain_loop), argnums=every)(*x),
    )
    tangents = tuple(np.cos(3.0 * part) for part in x)
    agree(wengert.jvp(loop, x, tangents), wengert.jvp(plain_loop, x, tangents))


@pytest.mark.parametrize(("name", "is_back"), CASES)
def test_second_derivatives_are_those_of_the_plain_loop(
    name: str, is_back: bool
) -> None:
    loop, plain_loop, x = pair(name, is_back)
    last = len(x) - 1
    for derivative in (
        lambda f: wengert.hessian(f, argnums=last),
        lambda f: wengert.jacrev(wengert.grad(f, argnums=0), argnums=last),
        lambda f: wengert.jacfwd(wengert.grad(f, argnums=last), argnums=0),
    ):
        agree(derivative(summed(loop))(*x), derivative(summed(plain_loop))(*x), 64.0)


@pytest.mark.parametrize("name", LOOPS)
def test_it_replays_at_other_numbers(name: str) -> None:
    loop, plain_loop, x = pair(name, False)
    compiled = wengert.jit(wengert.value_and_grad(summed(loop), argnums=0), wait=True)
    expected = wengert.value_and_grad(summed(plain_loop), argnums=0)
    for scale in (1.0, 0.5, -1.25):
        given = tuple(scale * part for part in x)
        agree(compiled(*given), expected(*given))


@pytest.mark.parametrize("name", LOOPS)
def test_rows_of_loops(name: str) -> None:
    loop, plain_loop, x = pair(name, False)
    rows = [np.stack([part, 0.5 * part, -part]) for part in x]
    agree(wengert.vmap(loop)(*rows), wengert.vmap(plain_loop)(*rows))
    in_axes = (0, *[None] * (len(x) - 1))
    given = (rows[0], *x[1:])
    agree(
        wengert.vmap(wengert.grad(summed(loop)), in_axes)(*given),
        wengert.vmap(wengert.grad(summed(plain_loop)), in_axes)(*given),
    )


def test_a_step_is_derived_once_however_often_it_is_done() -> None:
    lengths = []
    for count in (5, 500):
        loop = rolled(numbers, 2, 1, count, False)
        x = (0.3, -0.2, RNG.normal(size=count), RNG.normal(size=2))
        lengths.append(len(wengert.record(wengert.grad(summed(loop)), *x)))
    assert lengths[0] == lengths[1]


def branching(a: Any, x: Any) -> Any:
    """Return a step with a decision on a number."""
    return (a * 2.0 if x > 0.0 else a - 1.0,)


def test_a_decision_is_checked_in_every_step() -> None:
    loop = rolled(branching, 1, 1, 4, False)
    up = np.array([1.0, 2.0, 3.0, 4.0])
    assert loop(1.0, up) == (16.0,)
    with pytest.raises(GuardError, match="test_loops"):
        loop(1.0, np.array([1.0, 2.0, -3.0, 4.0]))
    tape = wengert.record(loop, 1.0, up)
    with pytest.raises(GuardError):
        tape(1.0, -up)


def test_steps_whose_derivatives_are_different_programs() -> None:
    # A tie splits its gradient; the place of a maximum is another in every step.
    def step(a: Any, x: Any) -> Any:
        return (a + np.max(x),)

    rows = np.array(
        [[1.0, 2.0, 0.0], [3.0, 3.0, 1.0], [5.0, 5.0, 5.0], [0.0, -1.0, 7.0]]
    )
    loop, plain_loop = rolled(step, 1, 1, 4, False), straight(step, 1, 1, 4, False)
    for derivative in (
        wengert.grad,
        lambda f, k: wengert.jit(wengert.grad(f, k), wait=True),
    ):
        found = derivative(lambda x: loop(0.5, x)[0], 0)(rows)
        expected = wengert.grad(lambda x: plain_loop(0.5, x)[0], 0)(rows)
        np.testing.assert_array_equal(found, expected)


def test_no_steps() -> None:
    loop = rolled(numbers, 2, 1, 3, False)
    x = (np.float64(0.3), np.float64(-0.2), RNG.normal(size=3), RNG.normal(size=2))
    loop(*x)  # the step is known from here
    tape = wengert.record(loop, *x)
    body = next(s["body"] for s in tape.settings if "body" in s)

    def none(a: Any, b: Any, k: Any) -> Any:
        return apply(SCAN, a, b, np.zeros(0), k, body=body, count=0, reverse=False)

    a, b, stacked = none(*x[:2], x[3])
    assert (a, b, stacked.shape) == (0.3, -0.2, (0,))
    assert wengert.grad(lambda a: none(a, x[1], x[3])[0] * 3.0)(x[0]) == 3.0
    assert wengert.jvp(lambda a: none(a, x[1], x[3])[0], (x[0],), (2.0,))[1] == 2.0


def test_complex_numbers() -> None:
    def step(z: Any, x: Any, w: Any) -> Any:
        return z * w + x, np.abs(z) ** 2

    loop, plain_loop = rolled(step, 1, 1, 5, False), straight(step, 1, 1, 5, False)
    z, w = np.complex128(0.3 + 0.2j), np.complex128(0.5 - 0.7j)
    x = RNG.normal(size=5) + 1j * RNG.normal(size=5)
    of_loop, of_plain = (
        wengert.grad(
            lambda z, x, w, f=f: np.sum(f(z, x, w)[1]) + f(z, x, w)[0].real, (0, 1, 2)
        )
        for f in (loop, plain_loop)
    )
    agree(of_loop(z, x, w), of_plain(z, x, w))


def test_it_is_data() -> None:
    loop, _, x = pair("cell", True)
    tape = wengert.record(wengert.grad(summed(loop), argnums=3), *x)
    again = pickle.loads(pickle.dumps(tape))
    assert again.fingerprint() == tape.fingerprint()
    np.testing.assert_array_equal(again(*x), tape(*x))
    bodies = [s["body"] for s in tape.settings if "body" in s]
    others = [s["body"] for s in again.settings if "body" in s]
    assert bodies == others
    assert len(set(bodies)) == len(bodies) == 3  # values, values with columns, back


def test_a_loaded_loop_is_checked(tmp_path: Any) -> None:
    loop, _, x = pair("numbers", False)
    tape = wengert.record(wengert.grad(summed(loop)), *x)
    path = tmp_path / "loop.tape"
    tape.save(path)
    np.testing.assert_array_equal(wengert.load(path)(*x), tape(*x))
    index = next(k for k, s in enumerate(tape.settings) if "body" in s)
    for change in ({"count": -1}, {"count": 7}, {"reverse": 1}, {"body": 3}):
        broken = pickle.loads(pickle.dumps(tape))
        broken.settings[index] = {**broken.settings[index], **change}
        with pytest.raises(wengert.TapeError):
            broken.verify()


def test_it_is_written_as_plain_numpy() -> None:
    loop, plain_loop, x = pair("cell", True)
    tape = wengert.record(loop, *x)
    space: dict[str, Any] = {}
    exec(tape.to_numpy("f"), space)
    for one, other in zip(space["f"](*x), plain_loop(*x), strict=True):
        np.testing.assert_array_equal(one, other)


OF_ANY_DTYPE = {
    "scan": lambda x: wengert.scan(
        lambda c, t: (1.5 * c + 0.1 * np.sin(t * c), c), x, np.linspace(0, 1, 5)
    )[0],
    "while_loop": lambda x: wengert.while_loop(
        lambda c: c[1] < 5,
        lambda c: (1.5 * c[0] + 0.1 * np.sin(c[0]), c[1] + 1),
        (x, 0),
    )[0],
    "cond": lambda x: wengert.cond(
        np.sum(x) > 0, lambda x: 0.1 * np.sin(x) * x, lambda x: x, x
    ),
}


@pytest.mark.parametrize("name", OF_ANY_DTYPE)
def test_what_was_derived_at_single_precision_is_not_taken_at_double(name: str) -> None:
    """Constants of such a derivative are of the precision of its operands."""

    def total(x: Any) -> Any:
        return np.sum(OF_ANY_DTYPE[name](x))

    x = np.array([0.3, 0.7])
    tape = wengert.record(total, x)
    for derivative in (wengert.grad, wengert.hessian):
        assert derivative(tape)(x.astype(np.float32)).dtype == np.float32
        np.testing.assert_allclose(
            derivative(tape)(x), derivative(total)(x), rtol=1e-14
        )
