"""Differences, interpolation, polynomials, covariance: value and both modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import wengert
from tests.ops.judge import judge
from wengert import jacobian, vjp

random = np.random.default_rng(0)
V, W = random.standard_normal(6), random.standard_normal(6)
M = random.standard_normal((3, 5))
T = random.standard_normal((3, 4, 5))
C = V + 1j * W
S = np.float64(0.8)
F = V.astype(np.float32)
PLACES = np.array([0.0, 0.5, 0.7, 1.5, 2.5, 4.0])
X = np.array([-1.0, 0.1, 0.6, 2.0, 2.6, 3.9, 5.0])

CALLS: dict[str, tuple[Any, ...]] = {
    "diff": (np.diff, V),
    "diff_twice": (lambda x: np.diff(x, n=2, axis=0), M),
    "diff_ends": (lambda x: np.diff(x, prepend=0.0, append=x[-1:]), V),
    "diff_none": (lambda x: np.diff(x, n=0), V),
    "ediff1d": (np.ediff1d, M),
    "ediff1d_ends": (lambda x: np.ediff1d(x, to_begin=x[0], to_end=[1.0, 2.0]), V),
    "gradient": (np.gradient, V),
    "gradient_single": (np.gradient, F),
    "gradient_spacing": (lambda x: np.gradient(x, 0.5), V),
    "gradient_second_order": (lambda x: np.gradient(x, 0.5, edge_order=2), V),
    "gradient_places": (lambda x: np.gradient(x, PLACES), V),
    "gradient_places_second_order": (lambda x: np.gradient(x, PLACES, edge_order=2), V),
    "gradient_axes": (lambda x: np.gradient(x, 2.0, PLACES[:5]), M),
    "gradient_axis": (lambda x: np.gradient(x, axis=(0, 2)), T),
    "gradient_by_places": (lambda x, p: np.gradient(x, p + PLACES), V, V * 0.01),
    "unwrap": (lambda x: np.unwrap(x * 5), V),
    "unwrap_axis": (lambda x: np.unwrap(x * 5, axis=0, period=3.0), M),
    "interp": (lambda x, fp: np.interp(x, PLACES, fp), X, V),
    "interp_by_places": (lambda x, xp, fp: np.interp(x, xp, fp), X, PLACES, V),
    "interp_ends": (lambda x: np.interp(x, PLACES, V, left=-1.0, right=x[0]), X),
    "interp_period": (lambda x: np.interp(x, PLACES, V, period=3.1), X),
    "interp_number": (lambda x, fp: np.interp(x, PLACES, fp), S, V),
    "interp_one_point": (lambda x, fp: np.interp(x, [0.3], fp), X, V[:1]),
    "interp_complex": (lambda fp: np.interp(X, PLACES, fp), C),
    "interp_matrix": (lambda x: np.interp(x, PLACES, V), M),
    "polyval": (np.polyval, V[:4], W),
    "polyval_number": (np.polyval, V[:4], S),
    "polyval_complex": (np.polyval, V[:3], C),
    "polyadd": (np.polyadd, V[:3], W),
    "polysub": (np.polysub, V, W[:2]),
    "polymul": (np.polymul, V[:3], W),
    "polymul_leading_zero": (lambda p: np.polymul(p, [0.0, 1.0, 2.0]), V),
    "polyder": (lambda p: np.polyder(p, 2), V),
    "vander": (np.vander, V),
    "vander_increasing": (lambda x: np.vander(x, 3, increasing=True), V),
    "linspace": (lambda x, y: np.linspace(x, y, 7), S, np.float64(2.3)),
    "linspace_open": (lambda x: np.linspace(0, x, 5, endpoint=False), S),
    "linspace_arrays": (lambda x, y: np.linspace(x, y, 4, axis=-1), V, W),
    "linspace_one": (lambda x: np.linspace(x, 2.0, 1), S),
    "linspace_none": (lambda x: np.linspace(x, 2.0, 0) + x, S),
    "linspace_step": (lambda x: np.linspace(x, 2.0, 5, retstep=True), S),
    "linspace_flat": (lambda x: np.linspace(x, x, 3), S),
    "logspace": (lambda x: np.logspace(x, 2.0, 4), S),
    "logspace_base": (lambda x: np.logspace(x, 2.0, 4, base=2.0), V),
    "geomspace": (lambda x: np.geomspace(x, 7.0, 4), S),
    "cov": (np.cov, M),
    "cov_two": (lambda x, y: np.cov(x, y), V, W),
    "cov_columns": (lambda x: np.cov(x, rowvar=False, bias=True), M),
    "cov_weights": (
        lambda x: np.cov(x, aweights=[1, 2, 3, 1, 2], fweights=[1, 1, 2, 1, 2]),
        M,
    ),
    "cov_complex": (lambda x: np.cov(x, x[::-1]), C),
    "corrcoef": (np.corrcoef, M),
    "corrcoef_two": (lambda x, y: np.corrcoef(x, y), V, W + V),
    "apply_along_axis": (lambda x: np.apply_along_axis(np.sum, 1, x), M),
    "apply_along_axis_lines": (
        lambda x: np.apply_along_axis(lambda r: r * r[0], 1, x),
        T,
    ),
    "apply_along_axis_matrices": (
        lambda x: np.apply_along_axis(lambda r: np.outer(r, r)[:2], 0, x),
        M,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_are_numpys_and_modes_agree(name: str) -> None:
    function, *operands = CALLS[name]

    judge(function, operands)


def test_interp_at_a_knot_takes_the_slope_to_its_right() -> None:
    gradient = wengert.grad(lambda x: np.interp(x, [0.0, 1.0, 3.0], [0.0, 1.0, 7.0]))

    assert gradient(1.0) == 3.0
    assert gradient(0.0) == 1.0
    assert gradient(3.0) == 3.0
    assert gradient(3.1) == 0.0


@pytest.mark.parametrize(
    "call",
    [
        lambda x: np.diff(x, n=-1),
        lambda x: np.gradient(x, edge_order=3),
        lambda x: np.gradient(x[:1]),
        lambda x: np.gradient(x, [1.0, 2.0]),
        lambda x: np.interp(x, [0.0, 1.0], [0.0]),
        lambda x: np.vander(x[None]),
    ],
)
def test_wrong_arguments_raise_as_numpy_does(call: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        call(V)
    with pytest.raises(ValueError, match=r"\w"):
        wengert.grad(lambda x: np.sum(call(x)))(V)


# Where NumPy goes a shorter way for some numbers, the neighbours go the longer one

EVEN = np.array([0.0, 0.5, 1.0, 1.5])
TABLE = np.array([[1.0, 4.0, 2.0, 7.0], [3.0, 3.0, 8.0, 1.0]])
TWO = np.array([2.0, 1.0])
SHORTER = [
    (lambda x: np.gradient(TABLE[0], x), EVEN),
    (lambda x: np.gradient(TABLE, x, axis=1, edge_order=2), EVEN),
    (lambda x: np.gradient(x**2, x), EVEN),
    (lambda x: np.gradient(TABLE, 2.0, x)[1], EVEN),
    (lambda c: np.polymul(TWO, c)[-2:], np.array([0.0, 3.0])),
    (lambda c: np.polymul(c, c)[-1:], np.array([0.0, 0.0, 2.0])),
    (lambda c: np.polymul(c, TWO)[-2:], np.array([0.0, 0.0])),
    (np.unwrap, np.array([0.0, np.pi, 0.3, 0.3 - np.pi, 9.0])),
    (lambda p: np.unwrap(p, period=4.0), np.array([1.0, 3.0, 1.0, 5.5])),
    (lambda x: np.linspace(x[0], x[1], 4), np.array([2.0, 2.0])),
    (lambda x: np.geomspace(x[0], x[1], 4), np.array([2.0, 2.0])),
    (lambda x: np.cumprod(x), np.array([0.0, 3.0, 0.0, 2.0])),
    (lambda x: np.prod(x), np.array([0.0, 3.0, 0.0])),
    (lambda x: np.polyval(x, 0.0), np.array([0.0, 0.0, 1.0])),
    (lambda x: np.vander(x, 3), np.array([0.0, 1.0])),
    (lambda x: np.convolve(x, x), np.array([0.0, 0.0, 1.0])),
    (lambda x: np.trapezoid(TABLE[0], x), EVEN),
    (lambda x: np.quantile(x, 0.5), np.array([1.0, 2.0, 4.0])),
    (lambda x: np.average(TABLE[0], weights=x), np.ones(4)),
    (lambda x: np.cov(x, TABLE[0]), np.ones(4)),
]


@pytest.mark.parametrize(("function", "x"), SHORTER)
def test_the_derivative_at_special_numbers_is_that_of_their_neighbours(
    function: Any, x: Any
) -> None:
    near = x + 1e-5 * np.array([0.3, -0.7, 0.5, 0.2, 0.9])[: x.size]
    steps = 1e-7 * np.eye(x.size)
    # The slopes change by about 1e-5 times a curvature of some tens on the way.
    with np.errstate(all="ignore"):
        columns = [(function(near + h) - function(near - h)) / 2e-7 for h in steps]

        found = jacobian(function)(x)
        np.testing.assert_allclose(found, np.stack(columns, axis=-1), atol=1e-2)
        np.testing.assert_array_equal(vjp(function, x)[0], function(x))


ENDS = {
    "a Python int": 1,
    "a Python float": 1.5,
    "a float64": np.float64(2.5),
    "a float32": np.float32(3.0),
    "a float16": np.float16(3.5),
    "an array of float32": np.array([2.0, 4.0], "f4"),
    "an array": np.array([2.0, 4.0]),
    "an int64": np.int64(2),
}


@pytest.mark.parametrize("name", ["linspace", "logspace", "geomspace"])
@pytest.mark.parametrize("start", ENDS)
@pytest.mark.parametrize("stop", ENDS)
def test_ends_give_the_dtype_that_they_give_in_numpy(
    name: str, start: str, stop: str
) -> None:
    function = getattr(np, name)
    ends = ENDS[start], ENDS[stop]
    expected = function(*ends, 4)
    for recorded in range(2):
        if np.asarray(ends[recorded]).dtype.kind != "f":
            continue

        def call(end: Any, recorded: int = recorded) -> Any:
            given = (end, ends[1]) if recorded == 0 else (ends[0], end)
            return function(*given, 4)

        found = wengert.record(call, ends[recorded])(ends[recorded])
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(found, expected, rtol=2e-3)
