"""The methods of ufuncs: reduce, accumulate, outer, at, reduceat."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops.judge import judge, judge_no_gradient, judge_value
from wengert import grad, jit, record, vjp
from wengert.errors import RecordingError, UnsupportedError

Function = Callable[..., Any]

R = np.random.default_rng(6)
P = abs(R.standard_normal((3, 4))) + 0.1
W = abs(R.standard_normal(4)) + 0.1
SINGLE = P.astype(np.float32)
INTEGERS = np.array([[3, 1, 2], [0, 5, 4]])

COMMUTATIVE = [
    np.add,
    np.multiply,
    np.maximum,
    np.minimum,
    np.fmax,
    np.fmin,
    np.logaddexp,
    np.hypot,
]
ORDERED = [np.subtract, np.divide]
LOGICAL = [np.logical_and, np.logical_or, np.logical_xor]
EVERY = [*COMMUTATIVE, *ORDERED, *LOGICAL]


def name(ufunc: np.ufunc) -> str:
    """Return the name of a ufunc."""
    return ufunc.__name__


@pytest.mark.parametrize("operand", [P, SINGLE], ids=["double", "single"])
@pytest.mark.parametrize("ufunc", EVERY, ids=name)
def test_methods_along_an_axis(ufunc: np.ufunc, operand: Any) -> None:
    judge(lambda x: ufunc.reduce(x), [operand])
    judge(lambda x: ufunc.reduce(x, axis=1, keepdims=True), [operand])
    judge(lambda x: ufunc.accumulate(x, axis=1), [operand])
    judge(lambda x: ufunc.reduceat(x, [0, 2, 1, 3], axis=1), [operand])
    judge(lambda x, y: ufunc.outer(x, y), [operand, W])


@pytest.mark.parametrize("ufunc", [*COMMUTATIVE, *LOGICAL], ids=name)
def test_reductions_over_several_axes(ufunc: np.ufunc) -> None:
    judge(lambda x: ufunc.reduce(x, axis=(0, 1)), [P])
    judge(lambda x: ufunc.reduce(x, axis=None), [P])


@pytest.mark.parametrize("ufunc", [np.power, np.arctan2], ids=name)
def test_ufuncs_that_numpy_does_not_reduce_in_order(ufunc: np.ufunc) -> None:
    """NumPy's vector loops of these two take the running result in blocks."""
    x = W[:3]
    expected = ufunc(ufunc(x[0], x[1]), x[2])

    tape = record(lambda x: ufunc.reduce(x), x)
    assert tape(x) == expected
    outer = record(lambda x, y: ufunc.outer(x, y), x, W)
    np.testing.assert_array_equal(outer(x, W), ufunc.outer(x, W))


def test_integers_are_data() -> None:
    judge_value(lambda x: np.bitwise_or.reduce(x, axis=1), [INTEGERS])
    judge_value(lambda x: np.gcd.reduce(x), [INTEGERS])
    judge_value(lambda x: np.add.accumulate(x, axis=1), [INTEGERS])
    judge_value(lambda x: np.bitwise_xor.accumulate(x), [INTEGERS])
    judge_value(lambda x: np.multiply.reduceat(x, [0, 1], axis=1), [INTEGERS])
    judge_value(lambda x: np.logical_or.reduce(x > 1, axis=1), [INTEGERS])
    judge_value(lambda x: np.add.outer(x, x), [INTEGERS])


def test_settings_of_reductions() -> None:
    mask = P > 0.5
    judge(lambda x: np.maximum.reduce(x, initial=0.2, axis=1), [P])
    judge(lambda x: np.add.reduce(x, axis=1, dtype=np.float64), [SINGLE])
    judge(lambda x: np.add.reduce(x, initial=None), [P])
    judge(lambda x: np.add.reduce(x, where=mask, initial=2.0), [P])
    judge(lambda x: np.hypot.reduce(x, initial=3.0), [P])
    judge(lambda x: np.multiply.reduce(x, axis=()), [P])


def reduced_into_out(x: Any) -> Any:
    """Return reductions written into arrays."""
    out = np.zeros((3, 4))
    np.add.reduce(x, axis=0, out=out[0])
    np.multiply.accumulate(x[1], out=out[1])
    np.maximum.reduce(x, axis=0, out=out[2])
    return out


def test_out_of_methods() -> None:
    judge(reduced_into_out, [P])


def test_a_long_sum_of_stretches_has_numpys_bits() -> None:
    x = R.standard_normal(500)
    judge_value(lambda x: np.add.reduceat(x, [0, 200, 210, 450]), [x])
    judge_value(lambda x: np.add.reduce(x), [x])
    judge_value(lambda x: np.add.reduce(x, where=x > 0, initial=0.1), [x])


# at


def at(ufunc: np.ufunc, indices: Any) -> Function:
    """Return a function that applies ``ufunc.at`` to a copy."""

    def function(x: Any, *values: Any) -> Any:
        y = x * 1.0
        ufunc.at(y, indices(y) if callable(indices) else indices, *values)
        return y

    return function


BINARY = [*COMMUTATIVE, *ORDERED, np.power, np.arctan2]


@pytest.mark.parametrize("ufunc", BINARY, ids=name)
def test_at_repeated_indices(ufunc: np.ufunc) -> None:
    judge(at(ufunc, [0, 2, 0]), [P, W])
    judge(at(ufunc, [0, 2, 0]), [W, W[:3] + np.array([0.2, 0.3, 0.4])])
    judge(at(ufunc, (np.array([0, 0, 1]), np.array([1, 1, 2]))), [P, W[:3]])
    judge(at(ufunc, ([0, 0], slice(1, 3))), [P, np.float64(0.3)])


@pytest.mark.parametrize("ufunc", BINARY, ids=name)
def test_at_slices_masks_and_recorded_indices(ufunc: np.ufunc) -> None:
    judge(at(ufunc, slice(1, 3)), [W, np.float64(0.3)])
    judge(at(ufunc, 2), [W, np.float64(0.3)])
    judge(at(ufunc, lambda y: y > 0.5), [W, np.float64(0.3)])
    judge(at(ufunc, lambda y: np.argsort(y)[:2]), [W, np.float64(0.3)])


def test_at_of_unary_ufuncs() -> None:
    judge(at(np.negative, [0, 0, 1]), [W])
    judge(at(np.square, [1, 1]), [W])


@pytest.mark.parametrize("ufunc", [np.add, np.multiply], ids=name)
def test_at_rounds_to_integers_as_numpy_does(ufunc: np.ufunc) -> None:
    def function(x: Any) -> Any:
        y = np.full(3, 4)
        ufunc.at(y, [0, 0, 2], x)
        return y * 1.0

    x = np.array([0.7, 0.8, 2.6])
    judge_value(function, [x])
    judge_no_gradient(function, [x])


def test_the_order_of_repeated_indices_is_kept() -> None:
    def repeatedly(x: Any, v: Any) -> Any:
        y = x * 1.0
        np.divide.at(y, [0, 0, 1], v)
        return y[0]

    v = np.array([2.0, 4.0, 5.0])
    # x / 2 / 4 by the first divisor: -x / (2^2 4)
    gradient = grad(repeatedly, argnums=1)(np.array([8.0, 1.0]), v)
    np.testing.assert_array_equal(gradient, [-0.5, -0.25, 0.0])


def test_recorded_indices_stay_data_at_replay() -> None:
    x = np.array([0.5, 0.1, 0.9])
    function = at(np.multiply, lambda y: np.argsort(y)[[0, 0]])
    tape = record(function, x, 3.0)

    other = x[::-1] * 2
    np.testing.assert_array_equal(tape(other, 3.0), function(other, 3.0))


# Refusals


def test_at_on_a_plain_array_raises() -> None:
    plain = np.zeros(3)
    with pytest.raises(RecordingError, match="plain array"):
        record(lambda x: np.add.at(plain, [0], x[:1]), W)

    np.testing.assert_array_equal(plain, np.zeros(3))


def test_wrong_methods_raise_as_in_numpy() -> None:
    for wrong in (
        lambda x: np.subtract.reduce(x, axis=(0, 1)),
        lambda x: np.maximum.reduce(x[:0]),
        lambda x: np.add.reduceat(x, [0, 9]),
        lambda x: np.add.accumulate(x, axis=3),
    ):
        with pytest.raises(Exception) as plain:  # noqa: PT011
            wrong(P)
        with pytest.raises(plain.type):
            record(wrong, P)


def test_what_is_not_recorded_says_what_to_write() -> None:
    with pytest.raises(UnsupportedError, match="select before it"):
        record(lambda x: np.hypot.reduce(x, where=x > 0.5, initial=0.0), P)


def test_reductions_start_where_numpy_starts() -> None:
    x = np.array([-3.0, 1.0, -2.0])
    judge(lambda x: np.hypot.reduce(x[:1]), [x])
    judge(lambda x: np.hypot.accumulate(x), [x])
    judge(lambda x: np.hypot.reduceat(x, [0, 2]), [x])
    judge_value(lambda x: np.logaddexp.reduce(x, axis=1), [np.zeros((2, 0))])
    judge(lambda x: np.hypot.reduce(x, axis=(0, 1)), [np.zeros((0, 0))])


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.maximum])
@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.uint8, np.float32, complex])
@pytest.mark.parametrize("value", [2, -1, True, 2.5, np.uint8(250), np.array([1, 300])])
def test_at_has_numpys_types(ufunc: Any, dtype: Any, value: Any) -> None:
    def f(x: Any) -> Any:
        target = np.zeros(3, dtype)
        ufunc.at(target, np.array([0, 0]), value)
        return target

    try:
        expected = f(1.0)
    except (TypeError, OverflowError):
        with pytest.raises((TypeError, OverflowError)):
            vjp(f, 1.0)
        return
    found = vjp(f, 1.0)[0]

    np.testing.assert_array_equal(found, expected, strict=True)


def test_at_of_plain_arrays_is_numpys() -> None:
    """An array from outside may be written into, as long as nothing recorded is."""
    counts = np.zeros(3, int)

    def f(x: Any) -> Any:
        np.add.at(counts, np.array([0, 0, 2]), 1)
        return np.sum(counts * x)

    assert grad(f)(2.0) == 3.0
    np.testing.assert_array_equal(counts, [2, 0, 1])


def test_plain_numbers_are_written_into_a_plain_out() -> None:
    kept = np.zeros(3)

    def f(x: Any) -> Any:
        np.add(np.arange(3.0), 1.0, out=kept)
        return np.sum(kept) * x

    assert grad(f)(2.0) == 6.0
    np.testing.assert_array_equal(kept, [1.0, 2.0, 3.0])
    with pytest.raises(RecordingError, match="into a plain array"):
        grad(lambda x: np.sum(np.add(np.arange(3.0), x, out=kept)))(2.0)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.hypot, np.negative])
@pytest.mark.parametrize(
    "target",
    [lambda x: x, lambda x: [x, x], lambda x: (x,), lambda x: 1.0, lambda x: [1.0]],
    ids=["recorded number", "list", "tuple", "number", "plain list"],
)
def test_at_of_what_is_no_array_is_numpys_error(ufunc: Any, target: Any) -> None:
    """It came back for ever: a RecursionError."""

    def f(x: Any) -> Any:
        ufunc.at(target(x), [0, 0], *[x] * (ufunc.nin - 1))
        return x

    for call in (f, grad(f), jit(f)):
        with pytest.raises(TypeError, match="first operand must be array"):
            call(np.float64(0.5))
