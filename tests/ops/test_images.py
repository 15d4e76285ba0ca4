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


CROSS = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
TURN = np.array([[1.0, 0.2], [0.0, 1.1]])
BETWEEN = [[0.4, 1.3], [0.2, 2.7]]
FILTERS: dict[str, tuple[Any, ...]] = {
    "correlate1d": ([-1, 0, 1],),
    "convolve1d": ([-1, 0, 2],),
    "correlate": (CROSS,),
    "convolve": (np.full((2, 2), 0.3),),
    "uniform_filter1d": (3,),
    "uniform_filter": (3,),
    "gaussian_filter1d": (0.7,),
    "gaussian_filter": (0.3, 1),
    "prewitt": (),
    "sobel": (0,),
    "laplace": (),
    "gaussian_laplace": (0.4,),
    "gaussian_gradient_magnitude": (0.4,),
    "generic_laplace": (ndimage.prewitt,),
    "generic_gradient_magnitude": (ndimage.sobel,),
    "maximum_filter": (2,),
    "minimum_filter1d": (2,),
    "median_filter": (3,),
    "rank_filter": (1, 3),
    "percentile_filter": (30, 3),
    "spline_filter1d": (3,),
    "spline_filter": (3,),
    "map_coordinates": (BETWEEN,),
    "affine_transform": (TURN,),
    "shift": (0.4,),
    "zoom": (1.3,),
    "rotate": (20.0,),
}


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8])
def test_filters_of_bytes_are_written_as_scipy_writes_them(
    name: str, dtype: Any
) -> None:
    """Of several passes each reads what the one before has written."""
    random = np.random.default_rng(0)
    for output in (None, bool, np.uint8, np.float32):
        x = random.integers(0, 2 if dtype is bool else 100, (5, 6)).astype(dtype)
        settings = {} if output is None else {"output": output}

        def filtered(x: Any, how: Any = settings) -> Any:
            return getattr(ndimage, name)(x, *FILTERS[name], **how)

        found, expected = wengert.jit(filtered)(x), filtered(x)

        assert found.dtype == expected.dtype
        if found.dtype == bool:  # SciPy's may be any byte
            expected = expected.view(np.uint8) != 0
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_the_name_of_no_number_is_no_type_to_write() -> None:
    for name in ("sobel", "shift"):
        with pytest.raises(RuntimeError, match="output must have numeric dtype"):
            wengert.jit(
                lambda x, name=name: getattr(ndimage, name)(x, 1, output="bool")
            )(A)
