"""Sorts, masks, searches and recorded indices in native code: NumPy's edges."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.execute.engine import native_engine

pytestmark = pytest.mark.skipif(not native_engine(), reason="the native engine is off")

NAN, INF = np.nan, np.inf
TABLE = np.array([-1.0, 0.0, 0.5, 2.0])


def rows(*shape: int) -> list[Any]:
    """Return arrays with ties, NaN and infinities among them."""
    generator = np.random.default_rng(0)
    some = [generator.integers(-2, 3, shape) * 0.5 for _ in range(6)]
    some[0].flat[1] = NAN
    some[1].flat[:2] = NAN, -INF
    some[2].flat[-1] = INF
    return some


def check(fun: Callable[..., Any], points: list[Any], native: bool = True) -> None:
    """Compare a jitted function with itself, each point recorded and replayed."""
    jitted = wg.jit(fun, wait=True)
    for point in [*points, *points]:
        np.testing.assert_array_equal(jitted(point), fun(point))
        assert np.asarray(jitted(point)).dtype == np.asarray(fun(point)).dtype
    assert not native or all(path.kernels for path in jitted.paths())


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_a_sort_has_nan_last(axis: int) -> None:
    check(lambda x: np.sort(x, axis=axis), rows(3, 4))


@pytest.mark.parametrize("axis", [0, 1])
def test_a_stable_argsort_keeps_ties_in_order(axis: int) -> None:
    check(lambda x: np.argsort(x, axis=axis, kind="stable"), rows(4, 3))


def test_an_argsort_that_need_not_be_stable_is_numpys() -> None:
    check(np.argsort, rows(9), native=False)


def test_a_sorts_gradient_follows_its_permutation() -> None:
    def fun(x: Any) -> Any:
        return np.sum(np.sort(x) * np.arange(1.0, 7.0))

    slope = wg.grad(fun)

    check(slope, [row for row in rows(6) if np.all(np.isfinite(row))])


@pytest.mark.parametrize("count", [4, 5, 16, 17])
def test_medians(count: int) -> None:
    check(np.median, rows(count), native=count <= 16)


def test_a_mask_takes_and_writes_what_it_selects() -> None:
    def fun(x: Any) -> Any:
        y = x * 2
        y[x > 0] = x[x > 0] * 3
        y[x < -0.6] = 7.0
        return np.concatenate([y, x[x > 0.2]])

    check(fun, rows(5))


def test_a_mask_over_rows() -> None:
    def fun(x: Any) -> Any:
        y = x.copy()
        y[x[:, 0] > 0] += 1.0
        return np.sum(x[x[:, 0] > 0], axis=0) + np.sum(y, axis=0)

    check(fun, rows(3, 2)[2:])


def test_an_index_from_data_reads_and_writes_any_axis() -> None:
    def fun(x: Any) -> Any:
        k = np.argmax(x, axis=1)
        y = x * 2
        y[k, 1] = x[1, k[0]]
        y[:, k[1]] += 1.0
        return y

    check(fun, rows(3, 3))


def test_of_repeated_places_the_last_write_wins() -> None:
    def fun(x: Any) -> Any:
        y = x * 0.0
        k = np.argsort(x, kind="stable") // 2
        y[k] = x
        return y

    check(fun, rows(6)[3:])


def test_an_index_beyond_the_end_raises_as_numpys() -> None:
    table = np.arange(4.0)

    def fun(x: Any) -> Any:
        return (table * x[0])[np.argmax(x) * 2]

    jitted = wg.jit(fun, wait=True)
    good, bad = np.array([1.0, 2.0, 0.0]), np.array([1.0, 2.0, 3.0])

    assert jitted(good) == jitted(good) == fun(good)
    with pytest.raises(IndexError):
        jitted(bad)
    assert jitted(good) == fun(good)


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_search_counts_what_comes_before(side: Any) -> None:
    points = np.array([-2.0, -1.0, 0.0, 0.25, 2.0, 5.0, NAN, INF])

    check(lambda x: np.searchsorted(TABLE, x, side=side), [points, points[::-1].copy()])


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("bins", [TABLE, TABLE[::-1].copy()], ids=["up", "down"])
def test_digitize_either_way(right: bool, bins: Any) -> None:
    points = np.array([-2.0, -1.0, 0.5, 2.0, 3.0])
    check(lambda x: np.digitize(x, bins, right), [points, -points], native=False)


@pytest.mark.parametrize(
    "fun",
    [
        lambda x: x.astype(np.int64),
        lambda x: x.astype(np.int32),
        lambda x: x.astype(bool),
        lambda x: x.astype(np.float32),
        lambda x: np.modf(x)[0],
        lambda x: np.modf(x)[1],
        lambda x: np.round(x, 1),
        lambda x: np.round(x, -1),
        lambda x: np.nextafter(x, 1.0),
        np.spacing,
        lambda x: np.ldexp(x, 3),
        lambda x: np.ldexp(x, 2000),
        lambda x: np.ldexp(x, -1074),
        lambda x: np.isclose(x, 1.0, equal_nan=True),
        lambda x: np.isclose(x, x),
        lambda x: np.maximum.accumulate(x),
        lambda x: np.fmin.accumulate(x),
        np.cumprod,
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_edges_of_numbers(fun: Callable[..., Any]) -> None:
    points = np.array(
        [0.0, -0.0, 1.0, -1.5, 2.5, 0.25, 14.6, -37.5, 1e-310, INF, -INF, NAN]
    )

    check(fun, [points, points * 1e300, -points])


@pytest.mark.parametrize("kind", [np.int64, np.int32, np.bool_])
def test_bits(kind: Any) -> None:
    x = np.array([0, 1, -1, 5, 1 << 30, -(1 << 30)]).astype(kind)
    y = np.array([3, 1, 0, 6, 31, 2]).astype(kind)

    check(lambda v: v & y, [x, ~x])
    check(lambda v: v | y, [x, ~x])
    check(lambda v: ~(v ^ y), [x, ~x])


@pytest.mark.parametrize("kind", [np.int64, np.int32])
def test_shifts_past_the_last_bit(kind: Any) -> None:
    x = np.array([1, -1, 5, -5, 7, -7], kind)
    by = np.array([0, 1, 31, 32, 63, 64], kind)

    check(lambda v: v << by, [x, -x])
    check(lambda v: v >> by, [x, -x])


@pytest.mark.parametrize("order", range(4))
def test_derivatives_of_sinc(order: int) -> None:
    def fun(x: Any) -> Any:
        return np.sinc(x)

    for _ in range(order):
        fun = wg.grad(fun)
    jitted = wg.jit(fun, wait=True)

    for x in (0.0, 1e-9, 0.3, -2.0, 7.9, 8.1, 40.0):
        jitted(x)
        scale = np.pi**order
        assert jitted(x) == pytest.approx(fun(x), rel=1e-11, abs=1e-13 * scale)


def test_sums_under_a_mask() -> None:
    def fun(x: Any) -> Any:
        return np.sum(x, where=x > 0, axis=0), np.prod(x, where=x < 0, initial=2.0)

    jitted = wg.jit(fun, wait=True)
    for x in rows(3, 2)[3:]:
        for _ in range(2):
            for found, expected in zip(jitted(x), fun(x), strict=True):
                np.testing.assert_array_equal(found, expected)
    assert all(path.kernels for path in jitted.paths())


@pytest.mark.parametrize(
    "ufunc", [np.bitwise_or, np.bitwise_xor, np.logical_and, np.logical_xor]
)
def test_data_is_reduced_by_any_ufunc(ufunc: np.ufunc) -> None:
    x = np.array([[1, 2, 0], [4, -3, 7]])

    check(lambda v: ufunc.reduce(v, axis=1), [x, -x, x * 0])
    check(lambda v: ufunc.accumulate(v, axis=0), [x, -x, x * 0])
