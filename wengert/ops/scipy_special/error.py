"""The error function and its relatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, elementwise
from wengert.ops.families import with_family

#: The slope of the error function at 0.
SLOPE = 2 / math.sqrt(math.pi)
SQRT2 = math.sqrt(2)
#: The normal density at 0.
PEAK = 1 / math.sqrt(2 * math.pi)


def density(x: Any) -> Any:
    """Return the normal density."""
    return PEAK * np.exp(-0.5 * x * x)


WIDE = ((-4.0, 4.0),)
elementwise(
    "erf",
    special.erf,
    (lambda y, x: SLOPE * np.exp(-x * x),),
    form=Map("erf(x)"),
    domain=WIDE,
)
elementwise(
    "erfc",
    special.erfc,
    (lambda y, x: -SLOPE * np.exp(-x * x),),
    form=Map("erfc(x)"),
    domain=WIDE,
)
elementwise("erfi", special.erfi, (lambda y, x: SLOPE * np.exp(x * x),), form=Map())
elementwise(
    "ndtr",
    special.ndtr,
    (lambda y, x: density(x),),
    form=Map("0.5 * erfc(-x * 0.7071067811865476)"),
    domain=WIDE,
)
UNIT = ((0.02, 0.98),)
elementwise(
    "ndtri",
    special.ndtri,
    (lambda y, x: np.exp(0.5 * y * y) / PEAK,),
    form=Map(),
    domain=UNIT,
)
elementwise(
    "erfinv",
    special.erfinv,
    (lambda y, x: np.exp(y * y) / SLOPE,),
    form=Map(),
    domain=((-0.98, 0.98),),
)
elementwise(
    "erfcinv",
    special.erfcinv,
    (lambda y, x: -np.exp(y * y) / SLOPE,),
    form=Map(),
    domain=((0.02, 1.98),),
)


def inverse_mills(x: Any) -> Any:
    """Return the normal density over the distribution function, in both tails."""
    is_left = np.real(x) < 0
    left = np.where(is_left, x, 0.0)
    right = np.where(is_left, 0.0, x)
    return np.where(
        is_left,
        2 * PEAK / special.erfcx(left / -SQRT2),
        density(right) / special.ndtr(right),
    )


elementwise(
    "log_ndtr",
    special.log_ndtr,
    (lambda y, x: inverse_mills(x),),
    form=Map(),
    domain=((-6.0, 4.0),),
)
elementwise(
    "ndtri_exp",
    special.ndtri_exp,
    (lambda y, x: 1 / inverse_mills(y),),
    form=Map(),
    domain=((-6.0, -0.2),),
)

# erfcx, dawsn and wofz solve f'' = 2z f' + 2f, in a variable turned by i for the first.
# Their first derivatives cancel far out, where they are sums of simple poles: those of
# the integral that they are, by Gauss and Hermite's rule.

POLES, WEIGHTS = np.polynomial.hermite.hermgauss(20)
#: From here on, and so far above the real axis, that rule is exact to rounding.
FAR, HIGH = 7.0, 3.0


def sum_of_poles(z: Any, order: int) -> Any:
    """Return a derivative of ``wofz`` far from 0 in the upper half plane."""
    poles = (z[..., None] - POLES) ** (-order - 1.0)
    return (-1) ** order * math.factorial(order) * 1j / np.pi * (poles @ WEIGHTS)


def gaussian(z: Any, order: int) -> Any:
    """Return a derivative of ``exp(-z**2)``."""
    hermite = np.polynomial.hermite.hermval(z, [0.0] * order + [1.0])
    return (-1) ** order * hermite * np.exp(-z * z)


def recurred(value: Any, slope: Any, z: Any, order: int) -> Any:
    """Return a derivative by ``f'' = -2z f' - 2f`` from the value and the slope."""
    below, found = value, slope
    for n in range(order - 1):
        below, found = found, -2 * z * found - 2 * (n + 1) * below
    return found


@np.errstate(all="ignore")
def wofz_derivative(z: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of the Faddeeva function."""
    (order,) = orders
    if order == 0:
        return special.wofz(z)
    given, z = z, np.asarray(z, np.complex128)
    value = special.wofz(z)
    near = recurred(value, -2 * z * value + 1j * SLOPE, z, order)
    is_below = z.imag < 0
    upper = np.where(is_below, -z, z)
    is_far = np.abs(z) > FAR
    is_far &= ~is_below | (np.abs(z.real) > np.abs(z.imag))
    is_far |= z.imag > HIGH
    upper = np.where(is_far, upper, 1j * FAR)
    far = sum_of_poles(upper, order)
    reflected = 2 * gaussian(np.where(is_far & is_below, z, 0), order)
    reflected = reflected - (-1) ** order * far
    found = np.where(is_far, np.where(is_below, reflected, far), near)
    return like(found, special.wofz(given))


def like(values: Any, given: Any) -> Any:
    """Return values in the precision of an operand, real where that is real."""
    kind = np.result_type(given)
    kind = kind if kind.kind in "fc" else np.dtype(np.float64)
    if kind.kind == "f" and np.iscomplexobj(values):
        values = values.real
    return np.asarray(values).astype(kind)[()]


WOFZ = with_family("wofz", special.wofz, wofz_derivative, form=Map())

# Voigt's profile is the real part of wofz((x + i gamma) / (sigma sqrt(2))) over sigma
# sqrt(2 pi) (DLMF 7.19.3); without a normal part it is Lorentz's, even in sigma.


def voigt_slope(x: Any, sigma: Any, gamma: Any) -> Any:
    """Return the slope in the plane of x and gamma, over sigma where that is not 0."""
    z = (x + 1j * gamma) / (sigma * SQRT2)
    return apply(WOFZ, z, orders=(1,)) * (PEAK / SQRT2 / sigma)


def lorentz_slope(x: Any, gamma: Any) -> Any:
    """Return the same of 1 / (gamma - i x) over pi."""
    return 1j / np.pi / (gamma - 1j * x) ** 2


def voigt_partial(k: int) -> Any:
    """Return the derivative by an operand."""

    def partial(y: Any, x: Any, sigma: Any, gamma: Any) -> Any:
        is_narrow = sigma == 0
        width = np.where(is_narrow, 1.0, sigma)
        slope = voigt_slope(x, width, gamma) / width
        if k == 1:
            moved = -y / width - np.real(slope * (x + 1j * gamma)) / width
            return np.where(is_narrow, 0.0, moved)
        turned = 1.0 if k == 0 else 1j
        apart = lorentz_slope(x, np.where(is_narrow, gamma, 1.0))
        return np.real(turned * np.where(is_narrow, apart, slope))

    return partial


elementwise(
    "voigt_profile",
    special.voigt_profile,
    tuple(map(voigt_partial, range(3))),
    form=Map(),
    domain=((-3.0, 3.0), (0.3, 2.0), (0.3, 2.0)),
)


@np.errstate(all="ignore")
def erfcx_derivative(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of ``erfcx(x) = wofz(1j * x)``."""
    (order,) = orders
    if order == 0:
        return special.erfcx(x)
    if np.iscomplexobj(x):
        return like(1j**order * wofz_derivative(1j * x, orders=orders), x)
    given, x = x, np.asarray(x, np.float64)
    is_negative = x < 0
    left = np.where(is_negative, x, 0.0)
    value = special.erfcx(left)
    # In the variable i x the equation has the other sign; nothing cancels for x < 0.
    below, found = value, 2 * left * value - SLOPE
    for n in range(order - 1):
        below, found = found, 2 * left * found + 2 * (n + 1) * below
    right = 1j**order * wofz_derivative(
        1j * np.where(is_negative, 0.0, x), orders=orders
    )
    right = np.where(x == np.inf, 0.0, right.real)
    return like(np.where(is_negative, found, right), given)


with_family("erfcx", special.erfcx, erfcx_derivative, form=Map())


@np.errstate(all="ignore")
def dawsn_derivative(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of Dawson's integral, an odd function."""
    (order,) = orders
    if order == 0:
        return special.dawsn(x)
    given, z = x, np.asarray(x, np.complex128)
    value = special.dawsn(z)
    near = recurred(value, 1 - 2 * z * value, z, order)
    is_below = z.imag < 0
    is_far = np.abs(z) > FAR
    upper = np.where(is_far, np.where(is_below, -z, z), FAR + 0j)
    far = 1j / SLOPE * (gaussian(upper, order) - sum_of_poles(upper, order))
    far = np.where(is_below, (-1) ** (order + 1) * far, far)
    far = np.where(np.isinf(z), 0.0, far)
    return like(np.where(is_far, far, near), given)


with_family("dawsn", special.dawsn, dawsn_derivative, form=Map())
