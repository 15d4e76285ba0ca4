"""What costs less is the same: signs, multiples, sums that are there, and checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

pytestmark = pytest.mark.filterwarnings("ignore")

needs_native = pytest.mark.skipif(
    not native_engine(), reason="the native engine is off"
)
EDGES = np.array([0.0, -0.0, 1.5, -1.5, 49.0, np.inf, -np.inf, np.nan, 1e-30, 1e300])


def products_of_negatives(x: Any, y: Any) -> Any:
    return (-x) * y, x * (-y), (-x) * (-y), -(-x * y) * -y


def quotients_of_negatives(x: Any, y: Any) -> Any:
    return (-x) / y, x / (-y), (-x) / (-y), -(1 / -x)


def sums_of_equal_numbers(x: Any, y: Any) -> Any:
    z, half, third = -x, 0.5 * x, y * 3
    sums = z + z, half + half, third + third, (-half) + (-half)
    return *sums, 4.0 * (0.2 * x), 2.0 * (1e308 * y), 0.5 * (3.0 * x)


def multiples_of_inverses(x: Any, y: Any) -> Any:
    roots = np.sqrt(x), np.sqrt(np.abs(y) * 5e-324), np.sqrt(np.abs(x) * 1e8)
    return [number / root for root in roots for number in (1.0, 0.5, -0.25, 256, 3.0)]


def sums_with_zero(x: Any, y: Any) -> Any:
    return x * x + 0.0, np.square(y) + 0.0, x + 0.0, 0.0 + x, (x + y) + 0.0, x - 0.0


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("is_table", [False, True])
@pytest.mark.parametrize(
    "function",
    [
        products_of_negatives,
        quotients_of_negatives,
        sums_of_equal_numbers,
        multiples_of_inverses,
        sums_with_zero,
    ],
)
def test_signs_and_multiples_are_numpys_to_the_last_bit(
    function: Callable[..., Any], is_table: bool, dtype: str
) -> None:
    """Zeros of both signs, infinities and NaN too."""
    x, y = np.meshgrid(EDGES, EDGES) if is_table else (EDGES, EDGES[::-1])
    x, y = x.astype(dtype), y.astype(dtype)

    found = wg.jit(function, wait=True)(x, y)

    for one, other in zip(found, function(x, y), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
        numbers = ~np.isnan(other)
        signs = np.signbit(one)[numbers], np.signbit(other)[numbers]
        np.testing.assert_array_equal(*signs)


@pytest.mark.parametrize("value", [0.0, -0.0, 2.0, -1.5, np.inf, np.nan])
def test_few_numbers_whose_sum_is_asked_are_added_as_numpy_adds(value: float) -> None:
    """Squares are no negative zeros, whatever is added to them; numbers may be."""

    def function(x: Any) -> Any:
        squares, sums = np.sum(x**2), np.sum(x * np.array([1.0, 0.0, 1.0]))
        first = squares if squares < 3.0 else 2.0 * squares
        return first, sums if sums <= 4.0 else sums - 1.0, squares - x[0]

    x = np.full(3, value)
    jitted = wg.jit(function, wait=True)

    for _ in range(2):
        found = jitted(x)
    for one, other in zip(found, function(x), strict=True):
        np.testing.assert_array_equal(one, other)
        if not np.isnan(other):
            assert np.signbit(one) == np.signbit(other)


@pytest.mark.parametrize("axis", [None, 0, 1])
@pytest.mark.parametrize("value", [0.0, -0.0, 2.0])
def test_a_sum_of_negatives_has_numpys_sign(axis: Any, value: float) -> None:
    x = np.full((20, 30), value)

    found = wg.jit(lambda x: np.sum(-x, axis=axis), wait=True)(x)

    expected = np.sum(-x, axis=axis)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def weighted(x: Any, shift: Any, weight: Any) -> Any:
    """The slope by the shift is the sum of the slopes by the elements."""
    return weight * np.sum(np.exp(x - shift))


@needs_native
def test_a_sum_of_multiples_of_what_was_added_is_no_loop() -> None:
    slopes = wg.jit(wg.value_and_grad(weighted, argnums=(0, 1)), wait=True)
    x = np.linspace(-1.0, 1.0, 1000)

    _, found = slopes(x, 0.5, 3.0)

    e = np.exp(x - 0.5)
    np.testing.assert_allclose(found[0], 3.0 * e, rtol=1e-14)
    np.testing.assert_allclose(found[1], -3.0 * np.sum(e), rtol=1e-13)
    (path,) = slopes.paths()
    sums = [line for line in path.kernels[0].nest.splitlines() if " over " in line]
    assert len(sums) == 2  # of what is added, and of what is checked


def test_a_sum_of_multiples_is_finite_where_what_was_added_is_not() -> None:
    slopes = wg.jit(wg.value_and_grad(weighted, argnums=(0, 1)), wait=True)
    x = np.full(100, 709.0)

    for _ in range(3):
        slopes(np.zeros(100), 0.0, 1.0)
        value, (by_elements, by_shift) = slopes(x, 0.0, 1e-300)

    slope = 1e-300 * np.exp(709.0)
    assert value == np.inf
    np.testing.assert_allclose(by_elements, np.full(100, slope), rtol=1e-12)
    np.testing.assert_allclose(by_shift, -100 * slope, rtol=1e-12)


@pytest.mark.parametrize("n", [4, 200])
def test_slopes_that_are_infinite_both_ways_are_handed_out(n: int) -> None:
    w = np.where(np.arange(n) % 2, 1.0, -1.0)
    slope = wg.jit(wg.grad(lambda x: np.sum(np.sqrt(x) * w)), wait=True)

    for _ in range(40):
        np.testing.assert_array_equal(slope(np.zeros(n)), w * np.inf)
        np.testing.assert_allclose(slope(np.ones(n)), w / 2, rtol=1e-14)
