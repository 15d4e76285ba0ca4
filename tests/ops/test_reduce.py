"""Reductions, means, cumulatives and quantiles: signatures, edges and second orders."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from tests.ops.judge import judge, judge_modes, judge_value
from wengert import grad, hessian, jacobian, jvp, record

Function = Callable[..., Any]

R = np.random.default_rng(3)
A = R.standard_normal((3, 4))
B = R.standard_normal((2, 3, 4))
SINGLE = A.astype(np.float32)
INTEGERS = np.array([[3, 1, 2], [0, 5, 4]])
BOOLS = np.array([[1, 0, 1, 1], [1, 1, 0, 1], [0, 1, 1, 0]]) > 0
COMPLEX = R.standard_normal((2, 3)) + 1j * R.standard_normal((2, 3))
WITH_NAN = A.copy()
WITH_NAN[0, 1] = WITH_NAN[2, :2] = np.nan

SUMS = "sum prod mean var std nansum nanprod nanmean nanvar nanstd".split()
EXTREMES = "max min amax amin nanmax nanmin".split()
REDUCTIONS = [*SUMS, *EXTREMES, "ptp", "median", "nanmedian"]
POSITIONS = "argmax argmin nanargmax nanargmin".split()
QUESTIONS = "any all count_nonzero".split()


def calls(function: Function) -> dict[str, tuple[Function, Any]]:
    """Return calls of a reduction by axes, and their operand."""
    return {
        "all": (lambda x: function(x), A),
        "axis": (lambda x: function(x, axis=0), A),
        "kept": (lambda x: function(x, axis=-1, keepdims=True), A),
        "axes": (lambda x: function(x, axis=(0, -1)), B),
        "all_kept": (lambda x: function(x, keepdims=True), B),
        "number": (lambda x: function(x), np.float64(1.5)),
        "single": (lambda x: function(x, axis=1), SINGLE),
    }


@pytest.mark.parametrize("how", list(calls(np.sum)))
@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction_by_axes(name: str, how: str) -> None:
    function, operand = calls(getattr(np, name))[how]
    judge(function, [operand])


@pytest.mark.parametrize("how", ["all", "axis", "kept", "number"])
@pytest.mark.parametrize("name", POSITIONS + QUESTIONS)
def test_positions_and_questions_are_data(name: str, how: str) -> None:
    function, operand = calls(getattr(np, name))[how]
    judge_value(function, [operand])


@pytest.mark.parametrize("name", [*REDUCTIONS, *POSITIONS, *QUESTIONS])
def test_integers_and_bools_reduce_as_in_numpy(name: str) -> None:
    function = getattr(np, name)
    judge_value(lambda x: function(x, axis=1), [INTEGERS])
    if name != "ptp":
        judge_value(lambda x: function(x, axis=0), [BOOLS])


@pytest.mark.parametrize("name", SUMS)
def test_sums_and_means_of_complex_numbers(name: str) -> None:
    judge(lambda x: getattr(np, name)(x, axis=1), [COMPLEX])


@pytest.mark.parametrize("name", SUMS)
def test_sums_and_means_take_where_dtype_and_out(name: str) -> None:
    function = getattr(np, name)

    def into_out(x: Any) -> Any:
        out = np.zeros(4)
        function(x, axis=0, out=out)
        return out * 1

    judge(lambda x: function(x, axis=0, where=BOOLS), [A])
    judge(lambda x: function(x, axis=0, dtype=np.float64), [SINGLE])
    judge(into_out, [A])
    judge(into_out, [SINGLE])


@pytest.mark.parametrize("name", ["sum", "prod", "nansum", "nanprod"])
def test_sums_and_products_take_initial(name: str) -> None:
    function = getattr(np, name)
    judge(lambda x, v: function(x, axis=0, initial=v), [A, np.float64(2.5)])
    judge(lambda x: function(x, axis=0, initial=2.5, where=BOOLS), [A])
    judge(lambda x: function(x, axis=0), [np.zeros((0, 3))])
    judge(lambda x: function(x, axis=()), [A])
    judge_value(lambda x: function(x, axis=0, dtype=int), [A])


@pytest.mark.parametrize("name", ["max", "min", "nanmax", "nanmin"])
def test_extremes_take_initial_and_where(name: str) -> None:
    function = getattr(np, name)
    judge(lambda x: function(x, axis=0, where=BOOLS, initial=-0.1), [A])
    judge(lambda x, v: function(x, axis=0, initial=v), [A, np.float64(0.3)])
    judge_value(lambda x: function(x, axis=0, initial=0.3), [np.zeros((0, 3))])


@pytest.mark.parametrize("name", ["var", "std", "nanvar", "nanstd"])
def test_variances_take_degrees_of_freedom_and_a_mean(name: str) -> None:
    function = getattr(np, name)
    judge(lambda x: function(x, axis=0, ddof=1), [A])
    judge(lambda x: function(x, axis=0, correction=0.5), [SINGLE])
    judge(lambda x: function(x, 0, mean=np.mean(x, axis=0, keepdims=True)), [A])


@pytest.mark.parametrize("axis", [None, 1])
@pytest.mark.parametrize("name", [n for n in dir(np) if n.startswith("nan") and n[3:]])
def test_nan_functions_leave_nans_out(name: str, axis: Any) -> None:
    function = getattr(np, name)
    if name == "nan_to_num":
        judge(lambda x: np.nan_to_num(x), [WITH_NAN])
    elif name in POSITIONS:
        judge_value(lambda x: function(x, axis=axis), [WITH_NAN])
    elif name in ("nanquantile", "nanpercentile"):
        judge(lambda x: function(x, 0.3, axis=axis), [WITH_NAN])
        judge(lambda x: function(x, [0.3, 1], axis, keepdims=True), [SINGLE])
    else:
        judge(lambda x: function(x, axis=axis), [WITH_NAN])


def test_empty_means_warn_as_in_numpy() -> None:
    for function in (np.mean, np.var, np.median):
        with warnings.catch_warnings(record=True) as plain:
            warnings.simplefilter("always")
            function(np.zeros(0))
        with warnings.catch_warnings(record=True) as recorded:
            warnings.simplefilter("always")
            record(function, np.zeros(0))

        first = str(plain[0].message)
        assert first in [str(warning.message) for warning in recorded]


# Refusals, as NumPy's


def test_wrong_arguments_raise_as_in_numpy() -> None:
    for wrong in (
        lambda x: np.sum(x, axis=2),
        lambda x: np.max(x, where=BOOLS),
        lambda x: np.max(x[:0]),
        lambda x: np.std(x, ddof=1, correction=1),
        lambda x: np.sum(x, axis=0, out=np.zeros(3)),
        lambda x: np.average(x, weights=[1.0, 2.0]),
        lambda x: np.average(x, axis=1, weights=[1.0, 2.0]),
        lambda x: np.quantile(x, 1.5),
        lambda x: np.quantile(x, 0.5, method="none"),
        lambda x: np.nanargmax(x * np.nan),
        lambda x: np.cumulative_sum(x),
    ):
        with pytest.raises(Exception) as plain:  # noqa: PT011
            wrong(A)
        with pytest.raises(plain.type):
            record(wrong, A)


def test_weights_that_sum_to_zero_raise() -> None:
    with pytest.raises(ZeroDivisionError, match="sum to zero"):
        record(lambda x: np.average(x[0], weights=[1, -1, 1, -1]), A)


def test_what_is_not_recorded_says_what_to_write() -> None:
    from wengert.errors import UnsupportedError

    with pytest.raises(UnsupportedError, match=r"np\.searchsorted"):
        record(lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=abs(A)), A)
    with pytest.raises(UnsupportedError, match="method='linear'"):
        record(lambda x: np.nanquantile(x, 0.5, method="lower"), A)


# Edges


def test_ties_split_evenly_between_extremes() -> None:
    x = np.array([1.0, 3.0, 3.0, 0.0, 3.0])

    for function in (np.max, np.nanmax, lambda x: -np.min(-x)):
        np.testing.assert_array_equal(grad(function)(x), [0, 1 / 3, 1 / 3, 0, 1 / 3])
        direction = np.array([5.0, 1.0, 2.0, 5.0, 6.0])
        assert jvp(function, (x,), (direction,))[1] == 3.0


def test_the_gradient_of_a_nan_goes_to_the_nan() -> None:
    x = np.array([1.0, np.nan, 3.0])

    np.testing.assert_array_equal(grad(np.max)(x), [0, 1, 0])
    np.testing.assert_array_equal(grad(np.nanmax)(x), [0, 0, 1])


def test_masked_elements_do_not_tie_with_the_initial_value() -> None:
    x = np.array([1.0, 7.0, 2.0])
    mask = np.array([True, False, True])

    gradient = grad(lambda x: np.max(x, where=mask, initial=2.0))(x)
    np.testing.assert_array_equal(gradient, [0, 0, 0.5])


def others(x: np.ndarray[Any, Any], left_out: tuple[int, ...]) -> float:
    """Return the product of all elements but some, by hand."""
    product = 1.0
    for k, value in enumerate(x):
        product *= 1.0 if k in left_out else value
    return product


@pytest.mark.parametrize("zeros", [(), (1,), (1, 3), (0, 1, 4)])
def test_products_with_zeros_are_right_to_second_order(zeros: tuple[int, ...]) -> None:
    x = np.array([1.5, -2.0, 0.5, 3.0, 0.7])
    x[list(zeros)] = 0.0
    size = range(x.size)

    gradient = [others(x, (k,)) for k in size]
    second = [[0.0 if j == k else others(x, (j, k)) for j in size] for k in size]
    np.testing.assert_allclose(grad(np.prod)(x), gradient, rtol=1e-14)
    np.testing.assert_allclose(hessian(np.prod)(x), second, rtol=1e-14)


@pytest.mark.parametrize("zeros", [(), (1,), (1, 3)])
def test_cumulative_products_with_zeros_are_right_to_second_order(zeros: Any) -> None:
    x = np.array([1.5, -2.0, 0.5, 3.0, 0.7])
    x[list(zeros)] = 0.0
    weights = np.array([1.0, 2.0, -1.0, 0.5, 3.0])
    expected = np.zeros((5, 5))
    second = np.zeros((5, 5))
    for k, j in itertools.product(range(5), range(5)):
        if j <= k:
            expected[k, j] = others(x[: k + 1], (j,))
        for i in range(5):
            if i <= k and j <= k and i != j:
                second[i, j] += weights[k] * others(x[: k + 1], (i, j))

    np.testing.assert_allclose(jacobian(np.cumprod)(x), expected, rtol=1e-14)
    found = hessian(lambda x: np.sum(weights * np.cumprod(x)))(x)
    np.testing.assert_allclose(found, second, rtol=1e-14, atol=1e-15)


def test_a_product_neither_overflows_nor_underflows_by_division() -> None:
    x = np.array([1e-200, 1e-200, 1e300])

    np.testing.assert_allclose(grad(np.prod)(x), [1e100, 1e100, 0.0])


@pytest.mark.parametrize("function", [np.std, np.nanstd, lambda x: np.std(x, ddof=1)])
def test_the_deviation_of_equal_values_is_flat(function: Function) -> None:
    x = np.full(4, 2.0)

    np.testing.assert_array_equal(grad(function)(x), np.zeros(4))
    np.testing.assert_array_equal(hessian(function)(x), np.zeros((4, 4)))


def test_left_out_nans_contribute_exactly_nothing() -> None:
    y = np.array([1.0, np.nan, 2.0])
    x = np.array([3.0, 4.0, 5.0])

    gradient = grad(lambda x: np.nansum(x * y))(x)
    np.testing.assert_array_equal(gradient, [1, 0, 2])
    gradient = grad(lambda x: np.sum(x * y, where=~np.isnan(y)))(x)
    np.testing.assert_array_equal(gradient, [1, 0, 2])
    gradient = grad(lambda x: np.nanmean((x * y) ** 2))(x)
    np.testing.assert_allclose(gradient, [3, 0, 20])


def test_medians_and_quantiles_follow_the_permutation_at_ties() -> None:
    x = np.array([2.0, 1.0, 2.0, 2.0])

    assert np.array_equal(grad(np.median)(x), [0.5, 0, 0.5, 0])
    assert np.array_equal(grad(lambda x: np.quantile(x, 1.0))(x), [0, 0, 0, 1])


def test_medians_with_nans_are_nan() -> None:
    judge_value(lambda x: np.median(x, axis=1), [WITH_NAN])
    judge_value(lambda x: np.percentile(x, 40, axis=1), [WITH_NAN])
    judge_modes(lambda x: np.median(x, axis=0), [A])


# Quantiles

METHODS = (
    "linear lower higher midpoint nearest hazen weibull median_unbiased "
    "normal_unbiased inverted_cdf averaged_inverted_cdf closest_observation "
    "interpolated_inverted_cdf"
).split()


@pytest.mark.parametrize("q", [0.3, 1, 0.0, [0.1, 0.5], [[0.2, 0.3], [0.4, 0.9]]])
@pytest.mark.parametrize("method", METHODS)
def test_quantiles_by_every_method(method: str, q: Any) -> None:
    judge(lambda x: np.quantile(x, q, axis=0, method=method), [A], order=1)
    judge_value(lambda x: np.quantile(x, q, method=method, keepdims=True), [SINGLE])
    judge_value(lambda x: np.percentile(x, q, method=method), [INTEGERS])


def test_quantiles_over_several_axes() -> None:
    judge(lambda x: np.percentile(x, [25, 50], axis=(0, 2)), [B])
    judge(lambda x: np.quantile(x, 0.4, axis=(0, 2), keepdims=True), [B])


# Cumulatives


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "nancumsum", "nancumprod"])
def test_cumulatives(name: str) -> None:
    function = getattr(np, name)
    judge(lambda x: function(x), [A])
    judge(lambda x: function(x, axis=1), [B])
    judge(lambda x: function(x, axis=-1), [SINGLE])
    judge(lambda x: function(x, axis=0, dtype=np.float64), [SINGLE])
    judge(lambda x: function(x, axis=1), [COMPLEX])
    judge(lambda x: function(x), [np.zeros((0, 3))])
    judge(lambda x: function(x), [np.float64(2)])
    judge_value(lambda x: function(x, axis=1), [INTEGERS])
    judge_value(lambda x: function(x, axis=1), [BOOLS])


def test_cumulatives_that_include_the_empty_one() -> None:
    judge(lambda x: np.cumulative_sum(x, axis=1, include_initial=True), [A])
    judge(lambda x: np.cumulative_prod(x, include_initial=True), [A[0]])


@pytest.mark.parametrize("ufunc", [np.maximum, np.minimum, np.fmax, np.fmin])
def test_ties_split_evenly_between_running_extremes(ufunc: np.ufunc) -> None:
    sign = 1.0 if ufunc in (np.maximum, np.fmax) else -1.0
    x = sign * np.array([1.0, 3.0, 3.0, 0.0, 3.0, 4.0])
    third = [0, 1 / 3, 1 / 3, 0, 1 / 3, 0]
    half = [0, 1 / 2, 1 / 2, 0, 0, 0]
    one = np.eye(6)

    expected = [one[0], one[1], half, half, third, one[5]]
    np.testing.assert_allclose(jacobian(ufunc.accumulate)(x), expected)
    judge(lambda x: ufunc.accumulate(x, axis=1), [A])


def test_a_long_cumulative_product_agrees_with_exact_arithmetic() -> None:
    x = R.uniform(0.9, 1.1, 300)
    mpmath.mp.prec = 200
    exact = [mpmath.mpf(float(value)) for value in x]
    product = mpmath.fprod(exact)

    gradient = grad(lambda x: np.cumprod(x)[-1])(x)
    expected = [float(product / value) for value in exact]
    # 300 factors, each rounded once in either direction.
    np.testing.assert_allclose(gradient, expected, rtol=600 * 2.0**-53)


# Weighted means and integrals


def test_averages() -> None:
    weights = abs(A[0]) + 0.1
    judge(lambda x: np.average(x, axis=0), [A])
    judge(lambda x, w: np.average(x, axis=1, weights=w), [A, weights])
    judge(lambda x, w: np.average(x, 1, w, True, keepdims=True), [A, weights])
    judge(lambda x: np.average(x, axis=1, weights=[1, 2, 3, 4]), [SINGLE])
    judge(lambda x: np.average(x, axis=(1, 2), weights=abs(B[0])), [B])
    judge(lambda x: np.average(x, returned=True), [SINGLE])
    judge_value(lambda x: np.average(x, axis=0, weights=[1, 3]), [INTEGERS])


def test_trapezoids() -> None:
    judge(lambda y: np.trapezoid(y), [A])
    judge(lambda y, x: np.trapezoid(y, x), [A, A[0]])
    judge(lambda y, x: np.trapezoid(y, x, axis=0), [A, A + 1])
    judge(lambda y, d: np.trapezoid(y, dx=d, axis=0), [A, np.float64(0.3)])


# Replay


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.median(x, axis=1),
        lambda x: np.nanmedian(x, axis=0),
        lambda x: np.max(x, axis=0) + np.argmax(x, axis=0),
        lambda x: np.quantile(x, [0.2, 0.6]),
        lambda x: np.std(x),
        lambda x: np.maximum.accumulate(x),
    ],
)
def test_a_recorded_reduction_replays_at_other_inputs(function: Function) -> None:
    tape = record(function, A)
    other = A[::-1, ::-1] * 2 + 1

    np.testing.assert_array_equal(tape(other), function(other))
