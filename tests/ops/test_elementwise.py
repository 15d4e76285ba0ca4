"""Elementwise operations against 40 digits, and what the domains do not reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from wengert import check_grads, grad, jvp, vjp
from wengert.core.operation import REGISTRY

Function = Callable[..., Any]
mp = mpmath.mp.clone()
mp.dps = 40
LOG2 = mp.log(2)

ONE: dict[str, tuple[Function, tuple[float, ...]]] = {
    "negative": (lambda x: -x, (-2.0, 1e-300)),
    "positive": (lambda x: +x, (-2.0, 1e300)),
    "reciprocal": (lambda x: 1 / x, (1e-5, -3.0, 1e5)),
    "square": (lambda x: x * x, (1e-5, -3.0, 1e5)),
    "sqrt": (mp.sqrt, (1e-8, 2.0, 1e8)),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), (1e-8, -2.0, 1e8)),
    "exp": (mp.exp, (-50.0, 1e-9, 50.0)),
    "exp2": (lambda x: mp.power(2, x), (-50.0, 1e-9, 50.0)),
    "expm1": (mp.expm1, (-50.0, 1e-9, 50.0)),
    "log": (mp.log, (1e-9, 1 + 1e-9, 1e9)),
    "log2": (lambda x: mp.log(x) / LOG2, (1e-9, 1.5, 1e9)),
    "log10": (mp.log10, (1e-9, 1.5, 1e9)),
    "log1p": (mp.log1p, (-0.99, 1e-12, 1e9)),
    "sin": (mp.sin, (1e-9, 2.0, 50.0)),
    "cos": (mp.cos, (1e-4, 2.0, 50.0)),
    "tan": (mp.tan, (1e-9, 1.5, 4.0)),
    "arcsin": (mp.asin, (1e-9, -0.7, 0.9999)),
    "arccos": (mp.acos, (1e-9, -0.7, 0.9999)),
    "arctan": (mp.atan, (1e-9, -0.7, 1e4)),
    "sinh": (mp.sinh, (1e-9, -2.0, 30.0)),
    "cosh": (mp.cosh, (1e-9, -2.0, 30.0)),
    "tanh": (mp.tanh, (1e-9, -0.7, 2.0)),
    "arcsinh": (mp.asinh, (1e-9, -2.0, 1e4)),
    "arccosh": (mp.acosh, (1.0001, 2.0, 1e4)),
    "arctanh": (mp.atanh, (1e-9, -0.7, 0.9999)),
    "deg2rad": (mp.radians, (90.0,)),
    "radians": (mp.radians, (90.0,)),
    "rad2deg": (mp.degrees, (2.0,)),
    "degrees": (mp.degrees, (2.0,)),
    "absolute": (abs, (1e-300, -2.0)),
    "fabs": (abs, (1e-300, -2.0)),
}
TWO: dict[str, tuple[Function, tuple[tuple[float, float], ...]]] = {
    "add": (lambda x, y: x + y, ((1.0, 1e10),)),
    "subtract": (lambda x, y: x - y, ((1.0, 1e10),)),
    "multiply": (lambda x, y: x * y, ((1e-10, 1e10),)),
    "divide": (lambda x, y: x / y, ((1.0, 1e-5), (3.0, -7.0))),
    "power": (mp.power, ((1e-3, 2.5), (3.0, -7.5), (1.0, 0.3))),
    "float_power": (mp.power, ((1e-3, 2.5), (3.0, -7.5))),
    "hypot": (mp.hypot, ((3.0, -4.0), (1e-8, 1.0))),
    "arctan2": (mp.atan2, ((3.0, -4.0), (-1e-8, 1.0), (-1.0, -1.0))),
    "logaddexp": (
        lambda x, y: mp.log(mp.exp(x) + mp.exp(y)),
        ((1.0, 2.0), (9.0, -9.0)),
    ),
    "logaddexp2": (
        lambda x, y: mp.log(mp.power(2, x) + mp.power(2, y)) / LOG2,
        ((1.0, 2.0), (9.0, -9.0)),
    ),
    "remainder": (lambda x, y: x - y * mp.floor(x / y), ((7.5, 2.0), (-7.5, 2.0))),
    "fmod": (
        lambda x, y: x - y * mp.sign(x / y) * mp.floor(abs(x / y)),
        ((7.5, 2.0), (-7.5, 2.0)),
    ),
    "maximum": (max, ((1.0, 2.0), (2.0, 1.0))),
    "minimum": (min, ((1.0, 2.0), (2.0, 1.0))),
    "fmax": (max, ((1.0, 2.0), (2.0, 1.0))),
    "fmin": (min, ((1.0, 2.0), (2.0, 1.0))),
    "copysign": (lambda x, y: abs(x) * mp.sign(y), ((-2.0, 3.0), (2.0, -3.0))),
}
#: Judged where they are stated, or flat: their derivative is 1 or 0.
OTHERS = {"chain_product", "heaviside", "nextafter", "ldexp", "clip"}


def ulps(exact: Any, size: Any) -> float:
    """Return a tolerance: a rule gathers at most 20 roundings of its terms."""
    return 20 * np.finfo(float).eps * max(abs(float(exact)), float(size))


@pytest.mark.parametrize("name", ONE)
def test_first_and_second_derivative_to_the_last_digits(name: str) -> None:
    exact, points = ONE[name]
    for x in points:
        first = mp.diff(exact, mp.mpf(x), h=mp.mpf(x) * mp.mpf("1e-15"))
        second = mp.diff(exact, mp.mpf(x), 2, h=mp.mpf(x) * mp.mpf("1e-12"))
        function = getattr(np, name)
        # What x itself means to the derivative: its rounding times the next one.
        size = abs(second * x)

        assert abs(grad(function)(x) - first) <= ulps(first, size), x
        found = grad(grad(function))(x)
        assert abs(found - second) <= 1e4 * ulps(second, abs(first / x)), x


@pytest.mark.parametrize("name", TWO)
def test_partials_to_the_last_digits(name: str) -> None:
    exact, points = TWO[name]
    for x, y in points:
        by_x = mp.diff(lambda x, y=y: exact(x, mp.mpf(y)), mp.mpf(x), h=1e-15 * abs(x))
        by_y = mp.diff(lambda y, x=x: exact(mp.mpf(x), y), mp.mpf(y), h=1e-15 * abs(y))
        found = grad(getattr(np, name), argnums=(0, 1))(x, y)

        assert abs(found[0] - by_x) <= ulps(by_x, 0.0), (x, y)
        assert abs(found[1] - by_y) <= ulps(by_y, 0.0), (x, y)


def test_every_smooth_operation_is_compared() -> None:
    elementwise = {
        name for name, operation in REGISTRY.items() if operation.kind == "elementwise"
    }
    ufuncs = {
        name for name in elementwise if isinstance(getattr(np, name, None), np.ufunc)
    }

    assert ufuncs - set(ONE) - set(TWO) <= OTHERS


# To the third order


@pytest.mark.parametrize("name", sorted(set(ONE) - {"deg2rad", "rad2deg", "positive"}))
def test_third_order(name: str) -> None:
    x = 1.7 if name == "arccosh" else 0.6
    check_grads(getattr(np, name), (x,), order=3)


# Complex numbers: du/dx - i du/dy


def test_the_gradient_of_a_squared_absolute_value_is_twice_the_conjugate() -> None:
    z = np.array([1 + 2j, -3j])

    np.testing.assert_array_equal(
        grad(lambda z: np.sum(np.real(z * np.conj(z))))(z), 2 * np.conj(z)
    )


def test_real_imag_and_angle_by_their_two_real_partials() -> None:
    z = 3.0 + 4.0j

    assert grad(np.real)(z) == 1
    assert grad(np.imag)(z) == -1j
    assert grad(np.abs)(z) == pytest.approx(0.6 - 0.8j)
    assert grad(np.angle)(z) == pytest.approx(-4 / 25 - 3j / 25)


def test_the_sign_of_a_complex_number_turns_with_it() -> None:
    turned = jvp(np.sign, (2.0 + 0j,), (1j,))[1]
    stretched = jvp(np.sign, (2.0 + 0j,), (1.0 + 0j,))[1]

    assert turned == 0.5j
    assert stretched == 0


def test_a_complex_zero_has_zero_gradients() -> None:
    assert grad(np.abs)(0j) == 0
    assert grad(lambda z: np.real(np.sign(z)))(0j) == 0


def test_a_write_into_the_real_part_is_a_write_into_the_number() -> None:
    def changed(z: Any, x: Any) -> Any:
        w = z * 1
        np.real(w)[0] = x
        return np.real(np.sum(w * w))

    z, x = np.array([1 + 2j, 3j]), 5.0
    by_z, by_x = grad(changed, argnums=(0, 1))(z, x)

    # Re((x + 2i)^2 + (3i)^2) = x^2 - 2^2 + ..., so du/dx - i du/dy = 4i by the first z
    np.testing.assert_array_equal(by_z, [4j, 6j])
    assert by_x == 10.0


def test_a_write_into_the_imaginary_part_is_a_write_into_the_number() -> None:
    def changed(z: Any, y: Any) -> Any:
        w = z * 1
        np.imag(w)[0] = y
        return np.real(np.sum(w * w))

    by_z, by_y = grad(changed, argnums=(0, 1))(np.array([1 + 2j, 3j]), 5.0)

    # Re((1 + iy)^2 + (3i)^2) = 1 - y^2 + ...
    np.testing.assert_array_equal(by_z, [2, 6j])
    assert by_y == -10.0


# Single precision, mixed operands, several results


def test_higher_orders_stay_in_single_precision() -> None:
    x = np.array([0.5, 2.0], np.float32)
    second = grad(lambda x: np.sum(grad(lambda x: np.sum(np.maximum(x, 1) ** 3))(x)))(x)

    assert second.dtype == np.float32
    np.testing.assert_array_equal(second, np.array([0.0, 12.0], np.float32))


@pytest.mark.parametrize("exponent", [3, 3.0, np.float32(3), np.array([3, 3])])
def test_powers_with_exponents_of_any_kind(exponent: Any) -> None:
    x = np.array([-2.0, 0.5])

    np.testing.assert_allclose(grad(lambda x: np.sum(x**exponent))(x), 3 * x**2)


def test_divmod_is_its_two_parts() -> None:
    (quotient, rest), pull = vjp(lambda x, y: divmod(x, y), 7.5, 2.0)

    assert (quotient, rest) == (3.0, 1.5)
    assert pull((1.0, 1.0)) == (1.0, -3.0)


def test_modf_gives_each_result_its_gradient() -> None:
    x = np.array([1.5, -2.25])
    pull = vjp(np.modf, x)[1]

    np.testing.assert_array_equal(pull((np.ones(2), 5 * np.ones(2)))[0], [1.0, 1.0])
    np.testing.assert_array_equal(grad(lambda x: np.sum(np.modf(x)[1]))(x), [0.0, 0.0])


# Integers of few bits, whose squares and logarithms do not fit their dtype
FEW_BITS = [("uint8", 200), ("int8", 100), ("int16", 30000), ("bool", True)]
OF_TWO = [
    o.name for o in REGISTRY.values() if len(o.partials) == 2 and hasattr(np, o.name)
]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(("dtype", "large"), FEW_BITS)
@pytest.mark.parametrize("name", sorted({*OF_TWO} - {"ldexp", "nextafter"}))
def test_an_integer_of_few_bits_has_the_slopes_of_its_number(
    name: str, dtype: str, large: int, is_first: bool
) -> None:
    n, x = np.array([large, 1], dtype), np.array([1.3, 0.6])

    def function(x: Any, n: Any) -> Any:
        return getattr(np, name)(*((n, x) if is_first else (x, n)))

    with np.errstate(all="ignore"):
        slope = grad(lambda x: np.sum(function(x, n)))(x)
        wide = np.array([large, 1], float)
        steps = [function(x + h, wide) - function(x - h, wide) for h in (1e-6, 2e-6)]
        numeric = (8 * steps[0] - steps[1]) / 12e-6
        size = np.abs(function(x, wide))
    known = np.isfinite(numeric)

    error = np.abs(slope - numeric)[known]
    assert np.all(error < 1e-5 * np.abs(numeric[known]) + 1e-8 * (1 + size[known]))


# All derivatives of a power by both operands, against 40 digits

POINTS = [
    (x, y) for x in (0.3, 1.0, 2.5, 4.0) for y in (-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0)
]
PATHS = [
    "x",
    "y",
    "xx",
    "xy",
    "yx",
    "yy",
    "xxx",
    "xxy",
    "xyx",
    "yxx",
    "xyy",
    "yyx",
    "yyy",
]


@pytest.mark.parametrize("power", [np.power, np.float_power, lambda x, y: x**y])
@pytest.mark.parametrize("path", PATHS)
def test_a_power_has_all_its_derivatives(path: str, power: Any) -> None:
    slope = power
    for name in path:
        slope = grad(slope, argnums="xy".index(name))
    for x, y in POINTS:
        orders = (path.count("x"), path.count("y"))
        expected = float(mp.diff(mp.power, (mp.mpf(x), mp.mpf(y)), orders))

        assert abs(slope(x, y) - expected) <= 1e-13 * max(1, abs(expected)), (x, y)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, -1.0, -2.0])
def test_a_whole_power_of_a_negative_number_has_its_derivatives(
    exponent: float, order: int
) -> None:
    slope = np.power
    for _ in range(order):
        slope = grad(slope)
    for x in (-0.5, -3.0):
        expected = float(mp.diff(lambda t: mp.power(t, int(exponent)), x, order))

        assert slope(x, exponent) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("function", [np.sinc, np.i0])
def test_even_functions_have_no_slope_at_zero(function: Any) -> None:
    assert grad(function)(0.0) == 0.0
    assert grad(grad(grad(function)))(0.0) == 0.0
