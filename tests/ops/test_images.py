"""Filters and transforms of images: modes, origins, sizes, types, sums of splines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

import wengert
from tests.ops.judge import judge, judge_modes, judge_refusal, judge_value
from wengert.ops.image_transforms import at_places

R = np.random.default_rng(7)
A = R.standard_normal((4, 5))
CUBE = R.standard_normal((2, 3, 2))
COMPLEX = A + 1j * A[::-1]
EVEN = R.standard_normal((2, 3))
MODES = (
    "reflect mirror nearest wrap constant grid-wrap grid-constant grid-mirror"
).split()
PLACES = np.array([R.uniform(-3, 7, 5), R.uniform(-3, 8, 5)])


@pytest.mark.parametrize("mode", MODES)
def test_linear_filters_beyond_the_ends(mode: str) -> None:
    how: dict[str, Any] = {"mode": mode, "cval": 0.3}
    judge(lambda x, w: ndimage.correlate1d(x, w, origin=-1, **how), [A[0], EVEN[0]])
    judge(lambda x, w: ndimage.convolve1d(x, w, axis=0, **how), [A, EVEN[:, 0]], 1)
    for name in ("correlate", "convolve"):
        filtered = getattr(ndimage, name)
        judge(lambda x, w: filtered(x, w, origin=(-1, 0), **how), [A, EVEN], 1)  # noqa: B023
    judge(lambda x: ndimage.uniform_filter(x, (2, 3), origin=(0, 1), **how), [A], 1)
    judge(lambda x: ndimage.gaussian_filter(x, 0.6, **how), [A], 1)


@pytest.mark.parametrize("mode", MODES)
def test_filters_that_select(mode: str) -> None:
    how: dict[str, Any] = {"mode": mode, "cval": 0.3}
    judge(lambda x: ndimage.maximum_filter(x, (2, 3), origin=(0, 1), **how), [A], 1)
    judge(lambda x: ndimage.median_filter(x, (2, 3), **how), [A], 1)
    judge_value(lambda x: ndimage.median_filter(x, 3, **how), [A[0]])


def test_windows_longer_than_the_array() -> None:
    judge(ndimage.correlate1d, [A[0, :2], np.arange(1.0, 8.0)])


def test_complex_numbers_and_single_precision() -> None:
    weights = np.array([1.0, 1j, 2 + 1j])
    for x in (A, COMPLEX):
        judge(ndimage.correlate1d, [x, weights], 1)
        judge(ndimage.convolve, [x, weights[None]], 1)
    judge(ndimage.correlate1d, [A.astype(np.float32), np.float32([1, 2, 3])], 1)


def test_footprints_ranks_and_axes() -> None:
    corners = [[1, 0, 1], [0, 1, 0]]
    judge(lambda x: ndimage.minimum_filter(x, footprint=corners), [A])
    judge(lambda x: ndimage.rank_filter(x, -2, size=3), [A])
    judge(lambda x: ndimage.percentile_filter(x, 30, size=3), [A])
    judge(lambda x: ndimage.maximum_filter1d(x, 3, axis=0), [A])
    judge(lambda x, w: ndimage.correlate(x, w, axes=(0, 1)), [CUBE, EVEN])


def test_a_gaussian_by_its_width() -> None:
    for order in (0, 1, 2):
        judge(
            lambda x, s: ndimage.gaussian_filter1d(x, s, order=order),  # noqa: B023
            [A[0], np.float64(0.9)],
        )


def test_results_are_written_as_asked() -> None:
    judge(lambda x: ndimage.sobel(x, output=np.zeros((4, 5))), [A])
    judge_value(lambda x: ndimage.gaussian_filter(x, 0.5, output=np.float32), [A])
    whole = np.arange(20).reshape(4, 5)
    judge_value(lambda s: ndimage.gaussian_filter(whole, s), [0.9])


@pytest.mark.parametrize("order", range(6))
@pytest.mark.parametrize("mode", MODES)
def test_the_sum_of_splines_is_scipys(mode: str, order: int) -> None:
    """What is differentiated has SciPy's value, to rounding."""
    x, places = R.standard_normal(7), R.uniform(-9, 13, (1, 30))
    expected = ndimage.map_coordinates(x, places, order=order, mode=mode, cval=0.7)
    found = at_places(x, [places[0]], order, mode, 0.7, True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    expected = ndimage.map_coordinates(A, PLACES, order=order, mode=mode)
    found = at_places(A, list(PLACES), order, mode, 0.0, True)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_elements_at_places(mode: str) -> None:
    for order in (0, 1, 3):
        judge(
            lambda x, p: ndimage.map_coordinates(
                x,
                p,
                order=order,  # noqa: B023
                mode=mode,
                cval=0.7,
            ),
            [A, PLACES],
            2 if (order, mode) == (3, "mirror") else 1,
        )
    judge(lambda x: ndimage.spline_filter1d(x, 2, axis=0, mode=mode), [A])


def test_images_that_move() -> None:
    slant = np.array([[0.9, 0.2], [-0.1, 1.1]])
    judge(
        lambda x, s: ndimage.shift(x, s, mode="nearest"), [A, np.array([0.3, -1.2])], 1
    )
    judge(lambda x: ndimage.zoom(x, (1.5, 0.7)), [A], 1)
    judge(lambda x: ndimage.zoom(x, 1.5, grid_mode=True, mode="grid-wrap"), [A], 1)
    judge(lambda x, a: ndimage.rotate(x, a, mode="reflect"), [A, np.float64(31.0)], 1)
    judge(
        lambda x, a: ndimage.rotate(x, a, reshape=False, axes=(0, 2), order=1),
        [CUBE, np.float64(31.0)],
        1,
    )
    judge(
        lambda x, m, o: ndimage.affine_transform(x, m, o, mode="reflect"),
        [A, slant, np.array([0.31, -0.2])],
        1,
    )
    judge_modes(lambda x: ndimage.map_coordinates(x, PLACES), [COMPLEX])


def test_a_long_spline_is_transposed_by_its_symmetry() -> None:
    judge_modes(
        lambda x: ndimage.spline_filter1d(x, mode="reflect"), [R.standard_normal(80)]
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda x: ndimage.correlate1d(x, [1.0, 2.0], mode="other"),
        lambda x: ndimage.correlate1d(x, [1.0, 2.0], origin=3),
        lambda x: ndimage.correlate(x, [1.0, 2.0]),
        lambda x: ndimage.median_filter(x),
        lambda x: ndimage.map_coordinates(x, [[1.0, 2.0]]),
        lambda x: ndimage.map_coordinates(x, PLACES, order=7),
        lambda x: ndimage.rank_filter(x, 20, size=2),
    ],
)
def test_what_scipy_refuses_is_refused(call: Any) -> None:
    judge_refusal(call, A)


FILTERS: list[Any] = [
    lambda x: ndimage.gaussian_filter(x, 0.7),
    lambda x: ndimage.gaussian_laplace(x, 0.8),
    lambda x: ndimage.correlate1d(x, [0.3, 0.2, 0.1]),
    lambda x: ndimage.uniform_filter(x, 3),
    lambda x: ndimage.correlate(x, np.full((2, 2), 0.3)),
    lambda x: ndimage.maximum_filter(x, 2),
    lambda x: ndimage.map_coordinates(x, [[0.4, 1.3], [0.2, 2.7]], order=1),
    lambda x: ndimage.shift(x, 0.4, order=1),
]


@pytest.mark.parametrize("function", FILTERS)
def test_filters_of_truth_values_write_bytes(function: Any) -> None:
    x = np.random.default_rng(0).uniform(size=(5, 6)) > 0.4

    found = wengert.jit(function)(x)

    assert found.dtype == bool
    np.testing.assert_array_equal(found, function(x))
