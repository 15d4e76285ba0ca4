"""Selecting, limiting, rounding and taking numbers apart."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import pytest

from tests.ops.judge import judge, judge_modes, judge_no_gradient, judge_value
from wengert import grad, hessian, jacobian, jit, record

R = np.random.default_rng(4)
A = R.standard_normal((3, 4))
V = abs(R.standard_normal(4)) + 0.1
SINGLE = A.astype(np.float32)
INTEGERS = np.array([[3, 1, 2], [0, 5, 4]])

# where, select, choose


def test_what_was_not_selected_contributes_exactly_nothing() -> None:
    x = np.array([0.0, 2.0, -1.0])

    safe = grad(lambda x: np.sum(np.where(x != 0, 1 / x, 0)))
    logs = grad(lambda x: np.sum(np.where(x > 0, np.log(x), 0)))
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(safe(x), [0, -0.25, -1])
        np.testing.assert_array_equal(logs(x), [0, 0.5, 0])


def test_select() -> None:
    judge(lambda x: np.select([x > 1, x > 0], [x * 2, x**2], default=-x), [A])
    judge(lambda x: np.select([x > 1, x > 0], [x * 2, 3], default=7), [SINGLE])
    judge(lambda x: np.select([[True], x[0] > 0], [1.0, x], default=x[0, 0]), [A])


def test_choose() -> None:
    index = np.array([0, 1, 0, 1])
    judge(lambda x, y: np.choose(index, [x, y]), [A, V])
    judge(lambda x: np.choose([0, -1, 5], [x, 2 * x], mode="wrap"), [np.arange(3.0)])
    judge(lambda x: np.choose([0, -1, 5], x, mode="clip"), [A[:, :3]])
    judge(lambda x: np.choose(np.argmax(x, axis=0), x), [A])


def test_selected_elements() -> None:
    judge(lambda x: np.compress([True, False, True], x, axis=0), [A])
    judge(lambda x: np.compress(x[:, 0] > 0, x, axis=0), [A])
    judge(lambda x: np.compress([0, 1, 1], x), [A])
    judge(lambda x: np.extract(x > 0, x), [A])


def pieces(x: Any) -> Any:
    """Return a function in three pieces."""
    return np.piecewise(x, [x < 0, x >= 1], [np.square, 3.0, lambda v: v * 4])


def test_piecewise() -> None:
    judge(pieces, [A])
    judge(pieces, [np.float64(0.3)])
    judge(lambda x: np.piecewise(x, x < 0, [np.square, np.negative]), [A[0]])
    judge(lambda x: np.piecewise(x, [x < 0], [lambda v, a: a * v, 1], 3.0), [A])


def test_wrong_selections_raise_as_in_numpy() -> None:
    for wrong in (
        lambda x: np.select([x > 0], [x, x]),
        lambda x: np.select([], [], x),
        lambda x: np.select([x], [x]),
        lambda x: np.compress(x > 0, x),
        lambda x: np.piecewise(x, [x < 0], [1, 2, 3]),
        lambda x: np.clip(x, 1),
        lambda x: np.clip(x, 1, 2, min=1),
    ):
        with pytest.raises(Exception) as plain:  # noqa: PT011
            wrong(A)
        with pytest.raises(plain.type):
            record(wrong, A)


# clip


@pytest.mark.parametrize(
    "limits",
    [(-0.5, 0.5), (None, 0.5), (-0.5, None), (None, None), (np.float32(-0.5), 1)],
    ids=str,
)
def test_clip_by_numbers(limits: Any) -> None:
    low, high = limits
    judge(lambda x: np.clip(x, low, high), [A])
    judge(lambda x: x.clip(low, high), [SINGLE])
    judge(lambda x: np.clip(x, min=low, max=high), [A])
    judge_value(lambda x: np.clip(x, low, high), [INTEGERS])


def test_clip_by_arrays_and_into_out() -> None:
    def into_out(x: Any) -> Any:
        out = np.empty_like(x)
        np.clip(x, -0.5, 0.5, out=out)
        return out * x

    judge(lambda x, low, high: np.clip(x, low, high), [A, -V, V])
    judge(into_out, [A])
    judge_value(lambda x: np.clip(x, -300, 300), [INTEGERS.astype(np.int8)])


def test_a_clip_shares_the_gradient_at_a_limit() -> None:
    x = np.array([-1.0, 0.0, 1.0, 2.0, np.nan])

    gradient = grad(lambda x: np.sum(np.clip(x, 0.0, 1.0)))(x)
    np.testing.assert_array_equal(gradient, [0, 0.5, 0.5, 0, 1])
    by_limit = grad(lambda a: np.sum(np.clip(x[:-1], a, 1.0)))(0.0)
    assert by_limit == 1.5


def test_replaced_numbers_have_no_derivative() -> None:
    x = np.array([1.0, np.nan, np.inf, -np.inf])

    gradient = grad(lambda x: np.sum(np.nan_to_num(x) * 1e-300))(x)
    np.testing.assert_array_equal(gradient, [1e-300, 0, 0, 0])
    judge_value(lambda x: np.nan_to_num(x), [x])
    judge_value(lambda x: np.nan_to_num(x, nan=1, posinf=3, neginf=-3), [x])
    judge_value(lambda x: np.nan_to_num(x), [INTEGERS])
    judge(lambda x: np.nan_to_num(x), [A[:, 0] + 1j * A[:, 1]])


def test_nan_to_num_of_a_number_has_no_place() -> None:
    def change(x: Any) -> Any:
        np.nan_to_num(np.logical_not(x[0]), copy=False)
        return x[0]

    for call in (change, grad(change), jit(change)):
        with pytest.raises(ValueError, match="avoid copy"):
            call(np.ones(3))


def test_nan_to_num_works_in_place() -> None:
    def cleaned(x: Any) -> Any:
        y = x * 1
        np.nan_to_num(y, copy=False)
        return y

    judge_value(cleaned, [np.array([1.0, np.nan])])
    np.testing.assert_array_equal(jacobian(cleaned)(np.array([1.0, 2.0])), np.eye(2))


# Rounding, numbers taken apart


def test_rounding_is_flat() -> None:
    for function in (
        lambda x: np.round(x, 1),
        np.around,
        np.fix,
        lambda x: x.round(2),
        lambda x: np.round(x, decimals=-1),
    ):
        judge_value(function, [A * 30])
        judge_no_gradient(function, [A * 30])
    judge_value(lambda x: np.round(x, -1), [INTEGERS])


def test_numbers_taken_apart() -> None:
    judge(lambda x: np.frexp(x)[0], [V + 1 / 3])
    judge_modes(np.frexp, [np.array([[0.3, 5.0], [-3.0, 0.0]])])
    judge_value(np.frexp, [np.array([np.inf, 0.0, -2.0])])


# sinc and i0


def sinc_derivative(x: float, order: int) -> float:
    """Return a derivative of sin(pi x)/(pi x) by its series, in high precision."""
    with mpmath.workdps(60):
        y = mpmath.pi * mpmath.mpf(x)
        terms = (
            (-1) ** k
            * y ** (2 * k - order)
            * mpmath.factorial(2 * k)
            / (mpmath.factorial(2 * k - order) * mpmath.factorial(2 * k + 1))
            for k in range((order + 1) // 2, 300)
        )
        return float(mpmath.pi**order * mpmath.fsum(terms))


@pytest.mark.parametrize("x", [0.0, 1e-9, 0.3, -1.0, 7.0, 9.7, 30.25])
def test_sinc_has_all_its_derivatives(x: float) -> None:
    first = grad(np.sinc)
    second = grad(first)
    third = grad(second)
    for order, derivative in enumerate((first, second, third), start=1):
        expected = sinc_derivative(x, order)
        # Derivatives are bounded by pi^order; cos near its zeros rounds its argument.
        assert abs(derivative(x) - expected) <= 1e-14 * np.pi**order * max(1, abs(x))


@pytest.mark.parametrize("x", [0.0, -0.4, 2.5, 7.9, 8.1, 40.0, 300.0])
def test_i0_has_all_its_derivatives(x: float) -> None:
    with mpmath.workdps(40):
        first = float(mpmath.besseli(1, x))
        second = float((mpmath.besseli(0, x) + mpmath.besseli(2, x)) / 2)

    np.testing.assert_allclose(grad(np.i0)(x), first, rtol=1e-13, atol=1e-16)
    np.testing.assert_allclose(grad(grad(np.i0))(x), second, rtol=1e-13)


def test_special_functions_keep_shape_and_precision() -> None:
    for function in (np.sinc, np.i0):
        judge_value(function, [SINGLE])
        judge_modes(function, [SINGLE])
        judge_modes(function, [np.zeros((0, 2))])
    x = np.array([0.0, 0.5])
    assert hessian(lambda x: np.sum(np.sinc(x)))(x).shape == (2, 2)


# Comparisons of whole arrays


def test_comparisons_of_whole_arrays_are_answered() -> None:
    with_nan = np.where(A > 1, np.nan, A)
    for function in (
        lambda x: np.isclose(x, x + 1e-9),
        lambda x: np.isclose(x, x + 1e-3, rtol=1e-2, atol=0.0),
        lambda x: np.isclose(x, with_nan, equal_nan=True),
    ):
        judge_value(function, [with_nan])
    for answer in (
        lambda x: np.allclose(x, x + 1e-9),
        lambda x: np.array_equal(x, x),
        lambda x: np.array_equal(x, x, equal_nan=True),
        lambda x: np.array_equal(x, x[0]),
        lambda x: np.array_equiv(x, x[0] * 1),
        lambda x: np.array_equiv(x, x[0, :3]),
    ):
        answers: list[Any] = []
        record(lambda x: answers.append(answer(x)) or x, with_nan)  # noqa: B023

        assert answers == [answer(with_nan)]
        assert isinstance(answers[0], bool)
