"""Exponential, trigonometric and Fresnel integrals, Owen's T, those of Bessel's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import differentiated
from wengert.ops.scipy_special.error import PEAK, SQRT2, like
from wengert.ops.scipy_special.several import several
from wengert.ops.special import SINC

POSITIVE = ((0.3, 4.0),)

elementwise(
    "exp1",
    special.exp1,
    (lambda y, x: -np.exp(-x) / x,),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "expi",
    special.expi,
    (lambda y, x: np.exp(x) / x,),
    form=Map(),
    domain=POSITIVE,
)


def expn_partial(y: Any, n: Any, x: Any) -> Any:
    """Return the derivative of the exponential integral of a whole order."""
    is_lowest = np.trunc(n) == 0  # SciPy cuts orders off
    below = special.expn(np.where(is_lowest, 0, n - 1), x)
    return np.where(is_lowest, -y * (1 + 1 / x), -below)


elementwise(
    "expn", special.expn, (lambda y, n, x: 0.0, expn_partial), form=Map(), domain=()
)
elementwise(
    "owens_t",
    special.owens_t,
    (
        lambda y, h, a: -0.5 * PEAK * np.exp(-0.5 * h * h) * special.erf(a * h / SQRT2),
        lambda y, h, a: np.exp(-0.5 * h * h * (1 + a * a)) / (2 * np.pi * (1 + a * a)),
    ),
    form=Map(),
)

# Pairs of integrals


def sine_over(x: Any) -> Any:
    """Return ``sin(x) / x``."""
    return apply(SINC, x / np.pi, orders=(0,))


def sinh_over(x: Any) -> Any:
    """Return ``sinh(x) / x``."""
    if np.iscomplexobj(x):
        return apply(SINC, 1j * x / np.pi, orders=(0,))
    return 0.5 * (special.exprel(x) + special.exprel(-x))


def quarter_turns(x: Any) -> Any:
    """Return ``x**2`` in quarter turns, less full ones: large numbers keep digits."""
    whole = np.rint(np.real(x))
    rest = x - whole
    odd = whole % 2
    twice = 2 * whole * rest
    return odd + twice - 4 * np.rint(np.real(twice) / 4) + rest * rest


several("sici", special.sici, lambda y, x: (sine_over(x), np.cos(x) / x))
several("shichi", special.shichi, lambda y, x: (sinh_over(x), np.cosh(x) / x))
several(
    "fresnel",
    special.fresnel,
    lambda y, x: (
        np.sin(math.pi / 2 * quarter_turns(x)),
        np.cos(math.pi / 2 * quarter_turns(x)),
    ),
)

# The modified ones: F is the integral of exp(+-i t t) from x on, K is it, scaled by
# exp(-+i (x x + pi / 4)) / sqrt(pi): A & S 7.4, DLMF 7.2


def modified_fresnel(sign: float) -> Function:
    """Return the derivatives of both."""
    turn = complex(np.exp(-0.25j * np.pi * sign)) / math.sqrt(math.pi)
    return lambda y, x: (-np.exp(1j * sign * x * x), -2j * sign * x * y[1] - turn)


several("modfresnelp", special.modfresnelp, modified_fresnel(1.0))
several("modfresnelm", special.modfresnelm, modified_fresnel(-1.0))

# Integrals of the functions of Bessel, Struve and Airy: DLMF 10.43, 11.2 and 9.10

POWERS = np.arange(1, 9)
#: Of (1 - J0(x)) / x, which cancels near 0: the powers of x / 2 over k!**2, halved.
COEFFICIENTS = 0.5 / special.gamma(POWERS + 1) ** 2
NEAR = 1.0


def complement_over(x: Any, sign: float, far: Any) -> Any:
    """Return ``(1 - J0(x)) / x``, or ``(I0(x) - 1) / x``, by its series near 0."""
    is_near = np.abs(x) < NEAR
    half = np.where(is_near, 0.5 * x, 0.0)
    total: Any = 0.0
    for factor in COEFFICIENTS[::-1]:
        total = factor - sign * half * half * total
    return np.where(is_near, total * half, far / np.where(is_near, 1.0, x))


several("itj0y0", special.itj0y0, lambda y, x: (special.j0(x), special.y0(x)))
several("iti0k0", special.iti0k0, lambda y, x: (special.i0(x), special.k0(x)))
several(
    "it2j0y0",
    special.it2j0y0,
    lambda y, x: (complement_over(x, 1.0, 1 - special.j0(x)), -special.y0(x) / x),
)
several(
    "it2i0k0",
    special.it2i0k0,
    lambda y, x: (complement_over(x, -1.0, special.i0(x) - 1), -special.k0(x) / x),
)


def of_airy(y: Any, x: Any) -> Any:
    """Return the integrands at the number and at its opposite."""
    right, left = special.airy(x), special.airy(-x)
    return right[0], right[2], left[0], left[2]


several("itairy", special.itairy, of_airy, results=4)
elementwise(
    "itstruve0",
    special.itstruve0,
    (lambda y, x: special.struve(np.zeros_like(x), x),),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "it2struve0",
    special.it2struve0,
    (lambda y, x: -special.struve(np.zeros_like(x), x) / x,),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "itmodstruve0",
    special.itmodstruve0,
    (lambda y, x: special.modstruve(np.zeros_like(x), x),),
    form=Map(),
    domain=POSITIVE,
)

# Kolmogorov's distribution: the tail is a sum of normal densities, or by Poisson's
# formula of others, which is short for small numbers (Feller 1948)

#: Where both are as short.
MIDDLE = 1.0
TERMS = range(1, 6)


def kolmogorov_slope(y: Any, x: Any) -> Any:
    """Return minus the density."""
    is_small = x < MIDDLE
    small, large = np.where(is_small, x, MIDDLE), np.where(is_small, MIDDLE, x)
    near: Any = 0.0
    far: Any = 0.0
    for k in TERMS:
        rate = ((2 * k - 1) * math.pi) ** 2 / 8
        scaled = rate / (small * small)
        near = near + (2 * scaled - 1) * np.exp(-scaled)
        far = far + (-1) ** k * 8 * k * k * np.exp(-2 * k * k * large * large)
    near = np.where(small > 0.02, near, 0.0) / np.maximum(small, 0.02) ** 2
    return np.where(is_small, -math.sqrt(2 * math.pi) * near, far * large)


elementwise(
    "kolmogorov",
    special.kolmogorov,
    (kolmogorov_slope,),
    form=Map(),
    domain=((0.3, 2.0),),
)
elementwise(
    "kolmogi",
    special.kolmogi,
    (lambda x, p: 1 / kolmogorov_slope(p, x),),
    form=Map(),
    domain=((0.05, 0.95),),
)

# Smirnov's, of a whole number of samples: between the knots 1 - j / n a polynomial, of
# which SciPy has the first derivative


def smirnov_derivative(n: Any, d: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative; further ones by differences between the knots."""
    by_count, order = orders
    given = np.result_type(n, d, np.float32)
    n, d = np.trunc(np.asarray(n, np.float64)), np.asarray(d, np.float64)
    if order < 2:
        found = special._ufuncs._smirnovp(n, d) if order else special.smirnov(n, d)
    else:
        to_knot = np.abs(n * d - np.rint(n * d)) / n
        found = differentiated(
            special._ufuncs._smirnovp, [n, d], (0, order - 1), [None, 0.9 * to_knot]
        )
    return like(np.zeros_like(found) if by_count else found, given)


SMIRNOV = family("smirnov_derivative", smirnov_derivative)
elementwise(
    "smirnov",
    special.smirnov,
    (
        lambda y, n, d: 0.0,
        lambda y, n, d: apply(SMIRNOV, n, d, orders=(0, 1)),
    ),
    form=Map(),
    domain=(),
)
elementwise(
    "smirnovi",
    special.smirnovi,
    (
        lambda d, n, p: 0.0,
        lambda d, n, p: 1 / apply(SMIRNOV, n, d, orders=(0, 1)),
    ),
    form=Map(),
    domain=(),
)
