"""Splines and tables: in values, knots and places, by their kinds and ends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import interpolate
from scipy.interpolate import CubicSpline, make_interp_spline

import wengert
from tests.ops.judge import judge

R = np.random.default_rng(7)
X = np.array([0.0, 0.7, 1.5, 2.1, 3.3, 4.0, 4.9])
Y, LINES = R.standard_normal(7), R.standard_normal((7, 2))
AT = np.array([0.2, 1.2, 2.9, -0.5, 5.3, 3.4])
KNOTS = np.array([0.0] * 4 + [1.7, 3.0] + [4.9] * 4)
C = R.standard_normal(6)

# Cubic splines and their kin

ENDS = ("not-a-knot", "natural", "clamped", ((1, 0.5), (2, -0.3)))


@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_cubic_splines_by_everything(ends: Any) -> None:
    judge(lambda x, y, q: CubicSpline(x, y, bc_type=ends)(q), [X, Y, AT])


def test_cubic_splines_that_go_on_from_their_end() -> None:
    def closed(x: Any, y: Any, q: Any) -> Any:
        return CubicSpline(x, np.concatenate([y, y[:1]]), bc_type="periodic")(q)

    judge(closed, [X, Y[:6], AT], 1)
    judge(closed, [X[:3], Y[:2], AT], 1)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize(
    "name", ["CubicSpline", "PchipInterpolator", "Akima1DInterpolator"]
)
def test_few_points(name: str, count: int) -> None:
    kind = getattr(interpolate, name)
    judge(
        lambda x, y, q: kind(x, y, extrapolate=True)(q),
        [X[:count], Y[:count], AT[:2]],
        1,
    )


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("PchipInterpolator", {}),
        ("Akima1DInterpolator", {}),
        ("Akima1DInterpolator", {"method": "makima"}),
    ],
)
def test_splines_that_keep_a_shape(name: str, how: Any) -> None:
    kind = getattr(interpolate, name)
    judge(lambda x, y, q: kind(x, y, **how)(q), [X, Y, AT[:3]])
    judge(lambda y, q: kind(X, y, axis=1, **how)(q), [LINES.T, AT[:3]], 1)


def test_axes_complex_numbers_and_given_slopes() -> None:
    judge(lambda y, q: CubicSpline(X, y)(q), [LINES, AT.reshape(2, 3)], 1)
    judge(lambda y, q: CubicSpline(X, y, axis=1)(q), [LINES.T, AT], 1)
    judge(lambda y, q: CubicSpline(X, y)(q), [Y + 1j * Y[::-1], AT], 1)
    judge(
        lambda y, v: CubicSpline(X, y, bc_type=((1, v), (2, 0.1)))(AT),
        [Y, np.float64(0.3)],
    )
    judge(
        lambda y, d, q: interpolate.CubicHermiteSpline(X, y, d)(q), [Y, Y[::-1], AT], 1
    )


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_derivatives_of_splines(order: int) -> None:
    judge(lambda y, q: CubicSpline(X, y)(q, order), [Y, AT], 1)
    judge(lambda y, q: CubicSpline(X, y).derivative(order)(q), [Y, AT], 1)
    judge(lambda c, q: interpolate.BSpline(KNOTS, c, 3)(q, order), [C, AT], 1)


def test_integrals_of_splines() -> None:
    ends = [np.float64(0.3), np.float64(3.1)]
    judge(lambda x, y, q: CubicSpline(x, y).antiderivative()(q), [X, Y, AT], 1)
    judge(lambda y, q: CubicSpline(X, y).antiderivative(2)(q), [Y, AT], 1)
    judge(lambda x, y, a, b: CubicSpline(x, y).integrate(b, a), [X, Y, *ends], 1)
    closed = np.append(Y[:6], Y[0])
    spline = CubicSpline(X, closed, bc_type="periodic")
    judge(lambda a, b: spline.integrate(a, b + 9.0), ends, 1)
    judge(lambda y, a, b: make_interp_spline(X, y).integrate(a, b), [Y, *ends], 1)
    judge(lambda y, q: make_interp_spline(X, y).antiderivative(2)(q), [Y, AT], 1)


def test_a_spline_is_of_scipys_class_and_has_its_numbers() -> None:
    def numbers(x: Any, y: Any) -> Any:
        spline = CubicSpline(x, y)
        assert isinstance(spline, CubicSpline)
        assert isinstance(spline, interpolate.PPoly)
        assert isinstance(spline.derivative(), CubicSpline)
        return spline.c, spline.x, spline.derivative().c, spline.axis * x

    judge(numbers, [X, Y], 1)
    judge(lambda y: make_interp_spline(X, y).tck[1], [Y], 1)
    judge(lambda y: make_interp_spline(X, y).derivative().c, [Y], 1)


def test_polynomials_in_pieces() -> None:
    c, inside = R.standard_normal((3, 6)), AT[:3]
    judge(lambda c, x, q: interpolate.PPoly(c, x)(q), [c, X, inside])
    judge(lambda c, x, q: interpolate.PPoly(c, x)(q), [c, X[::-1].copy(), inside], 1)
    judge(lambda c, q: interpolate.PPoly(c, X, extrapolate="periodic")(q), [c, AT], 1)


def test_splines_from_outside_are_called_at_recorded_places() -> None:
    for spline in (
        CubicSpline(X, Y),
        make_interp_spline(X, Y),
        interpolate.UnivariateSpline(X, Y, s=0.5),
    ):
        judge(lambda q: spline(q), [AT])  # noqa: B023
        jitted = wengert.jit(wengert.grad(lambda q: np.sum(spline(q) ** 2)))  # noqa: B023
        for _ in range(3):
            np.testing.assert_allclose(
                jitted(AT), 2 * spline(AT) * spline(AT, 1), rtol=1e-9
            )


# B-splines


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_splines_through_points(k: int) -> None:
    judge(lambda x, y, q: make_interp_spline(x, y, k)(q), [X, Y, AT], 1)


@pytest.mark.parametrize("ends", ["clamped", "natural", ([(1, 0.4)], [(2, 0.3)])])
def test_splines_with_ends(ends: Any) -> None:
    judge(lambda x, y, q: make_interp_spline(x, y, bc_type=ends)(q), [X, Y, AT], 1)


def test_b_splines_by_everything() -> None:
    apart = KNOTS + np.array([-0.3, -0.2, -0.1, 0, 0, 0, 0, 0.1, 0.2, 0.3])
    judge(lambda t, c, q: interpolate.BSpline(t, c, 3)(q), [apart, C, AT])
    for how in (False, "periodic"):
        judge(
            lambda c, q: interpolate.BSpline(KNOTS, c, 3, extrapolate=how)(q),  # noqa: B023
            [C, AT[:3]],
            1,
        )
    judge(
        lambda c, q: interpolate.BSpline(KNOTS, c, 3, axis=1)(q),
        [R.standard_normal((2, 6)), AT],
        1,
    )


def test_splines_near_points_by_weights_and_inner_knots() -> None:
    x = np.linspace(0.1, 4.8, 15) + R.uniform(-0.1, 0.1, 15)
    y, w = R.standard_normal(15), R.uniform(0.5, 1, 15)

    def fitted(x: Any, y: Any, w: Any, inner: Any) -> Any:
        t = np.concatenate([KNOTS[:4], inner, KNOTS[6:]])
        return interpolate.make_lsq_spline(x, y, t, 3, w)(AT)

    judge(fitted, [x, y, w, KNOTS[4:6]], 1)


@pytest.mark.parametrize("ext", [0, 1, 3])
def test_splines_of_fitpack(ext: int) -> None:
    t, c, k = interpolate.splrep(X, Y)
    judge(lambda c, q: interpolate.splev(q, (t, c, k), ext=ext), [c, AT], 1)


# Tables

KINDS = ("linear slinear nearest nearest-up previous next zero quadratic cubic").split()


@pytest.mark.parametrize("kind", KINDS)
def test_tables(kind: str) -> None:
    inside = np.array([0.2, 1.0, 2.9])
    judge(lambda x, y, q: interpolate.interp1d(x, y, kind=kind)(q), [X, Y, inside], 1)
    outside = interpolate.interp1d(X, Y, kind=kind)
    judge(lambda q: outside(q), [inside], 1)


def test_tables_out_of_order_and_beyond_their_ends() -> None:
    order = np.array([3, 0, 4, 1, 5, 2, 6])
    judge(lambda x, y: interpolate.interp1d(x, y)(AT[:3]), [X[order], Y[order]])
    for fill in ("extrapolate", (1.0, 2.0), 0.5):
        judge(
            lambda y, q: interpolate.interp1d(
                X,
                y,
                bounds_error=False,
                fill_value=fill,  # noqa: B023
            )(q),
            [Y, AT],
            1,
        )
    judge(lambda y: interpolate.interp1d(X, y, axis=0)(AT[:3, None]), [LINES])


GRID = (X, X[::-1].copy())
SURFACE = R.standard_normal((7, 7))
PLACES = np.array([[0.3, 0.2], [2.6, 3.1], [3.9, 0.75]])


@pytest.mark.parametrize("method", ["linear", "nearest", "slinear", "cubic"])
def test_grids(method: str) -> None:
    """SciPy solves for splines on grids to five digits or so."""
    allowed = {"atol": 1e-4, "rtol": 1e-4} if method in ("slinear", "cubic") else {}
    kind = interpolate.RegularGridInterpolator
    judge(lambda v, q: kind(GRID, v, method=method)(q), [SURFACE, PLACES], 1, allowed)
    grid = kind(GRID, SURFACE, method=method)
    judge(lambda q: grid(q), [PLACES], 1, allowed)


def test_grids_by_their_points_and_beyond_them() -> None:
    kind = interpolate.RegularGridInterpolator
    far = np.vstack([PLACES, [[9.0, 9.0]]])
    judge(lambda a, b, v, q: kind((a, b), v)(q), [*GRID, SURFACE, PLACES], 1)
    for fill in (0.3, None):
        judge(
            lambda v, q: kind(GRID, v, bounds_error=False, fill_value=fill)(q),  # noqa: B023
            [SURFACE, far],
            1,
        )
    judge(
        lambda v, a, b: interpolate.interpn(GRID, v, (a, b)),
        [R.standard_normal((7, 7, 2)), *PLACES.T],
        1,
    )


# What is refused


@pytest.mark.parametrize(
    "call",
    [
        lambda y: CubicSpline(X[:5], y),
        lambda y: CubicSpline(X, y, bc_type="other"),
        lambda y: CubicSpline(X, y, bc_type="periodic"),
        lambda y: interpolate.PPoly(y, X),
        lambda y: interpolate.BSpline(KNOTS, y[:3], 3),
        lambda y: make_interp_spline(X[::-1], y),
        lambda y: interpolate.interp1d(X, y)(9.0),
        lambda y: interpolate.RegularGridInterpolator((X,), y)([9.0]),
    ],
)
def test_what_scipy_refuses_is_refused(call: Any) -> None:
    with pytest.raises(Exception) as plain:  # noqa: PT011
        call(Y)
    with pytest.raises(plain.type) as found:
        wengert.record(lambda y: [call(y), y][1], Y)
    assert str(found.value) == str(plain.value)


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda y: interpolate.UnivariateSpline(X, y), "make_lsq_spline"),
        (lambda y: interpolate.griddata(LINES, y, LINES), "RegularGridInterpolator"),
        (lambda y: CubicSpline(X, y).roots(), "one step of Newton's"),
        (lambda y: make_interp_spline(X, y, bc_type="periodic"), "CubicSpline"),
        (lambda y: interpolate.KroghInterpolator(X, Y)(y), "CubicSpline"),
        (lambda y: interpolate.interpn((X,), y, [1.0], "pchip"), "method='cubic'"),
    ],
)
def test_what_has_no_rule_says_what_to_write(call: Any, instead: str) -> None:
    with pytest.raises(wengert.WengertError) as error:
        wengert.record(call, Y)

    assert instead in str(error.value)
