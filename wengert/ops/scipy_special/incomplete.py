"""The incomplete gamma and beta functions, in their parameters too.

A derivative by a parameter is the integral of the density times a polynomial in the
logarithms.  It is taken over the smaller tail, where little cancels, in a variable in
which the integrand decays double exponentially, so that the trapezoid rule is exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Operation, apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.error import like
from wengert.ops.scipy_special.gamma import PSI

_name: str
_function: Any
_inverse: Any
_sign: int

#: A tail's integral from 0 on is a sum at these distances, in units of its width.
STEP = 1 / 12
TAU = np.arange(-4.5, 6.5, STEP)
NODES = np.exp(TAU - np.exp(-TAU))
WEIGHTS = STEP * NODES * (1 + np.exp(-TAU))

Cumulant = Callable[[int, int], Any]


def moment(orders: tuple[int, ...], cumulant: Cumulant) -> Any:
    """Return a derivative of an exponential over itself.

    ``cumulant(i, j)`` is the derivative of the exponent by two parameters.
    """
    rows, columns = (*orders, 0)[:2]
    found: dict[tuple[int, int], Any] = {(0, 0): 1.0}

    def of(i: int, j: int) -> Any:
        if (i, j) in found:
            return found[i, j]
        # The exponential's own derivative by the first parameter that is left.
        di, dj = (1, 0) if i else (0, 1)
        total: Any = 0.0
        for k in range(i - di + 1):
            for m in range(j - dj + 1):
                times = math.comb(i - di, k) * math.comb(j - dj, m)
                term = cumulant(k + di, m + dj) * of(i - di - k, j - dj - m)
                total = total + times * term
        found[i, j] = total
        return total

    return of(rows, columns)


def psi(x: Any, order: int) -> Any:
    """Return a derivative of the digamma function."""
    return apply(PSI, x, orders=(order,))


def of_inverse(by_parameter: Any, density: Any) -> Any:
    """Return the derivative of a quantile by a parameter; the ends do not move."""
    is_end = by_parameter == 0
    return np.where(is_end, 0.0, -by_parameter / np.where(is_end, 1.0, density))


# Gamma

#: SciPy has one method there: from one to another its values jump a little.
GAMMA_RANGE = ((0.5, 1.5), (2.0, 4.0))


def gamma_density(a: Any, x: Any) -> Any:
    """Return ``x**(a - 1) exp(-x) / gamma(a)``, with its limits at 0."""
    with np.errstate(all="ignore"):
        inside = special._ufuncs._igam_fac(a, x) / x
        at_zero = np.where(a > 1, 0.0, np.where(a == 1, 1.0, np.inf))
        at_ends = np.where(x == 0, at_zero, 0.0)
        is_end = (x == 0) | (x == np.inf)
        return like(np.where(is_end, at_ends, inside), np.result_type(inside))


GAMMA_DENSITY: Operation = elementwise(
    "gamma_density",
    gamma_density,
    (
        lambda z, a, x: special.xlogy(z, x) - z * special.psi(a),
        lambda z, a, x: with_power(z, a, x, lambda a: apply(GAMMA_DENSITY, a, x)) - z,
    ),
    form=Map(),
    domain=GAMMA_RANGE,
    numpy=(),
)


def with_power(z: Any, a: Any, x: Any, density: Any) -> Any:
    """Return a density that goes as ``x**(a - 1)``, times ``(a - 1) / x``.

    Above 1 it is a multiple of the density of one less, which is right at 0 too.
    """
    has_less, is_flat = a > 1, a == 1
    less = density(np.where(has_less, a - 1, 1.0))
    rest = z * np.where(is_flat, 0.0, (a - 1) / np.where(is_flat, 1.0, x))
    return np.where(has_less, less, rest)


def gamma_cumulant(a: Any, log: Any) -> Cumulant:
    """Return the derivatives by `a` of the density's logarithm."""
    return lambda i, j: (log if i == 1 else 0.0) - psi(a, i - 1)


@np.errstate(all="ignore")
def gammainc_derivative(a: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative by `a` of the lower incomplete gamma function."""
    if orders == (0,):
        return special.gammainc(a, x)
    given = np.result_type(a, x, np.float32)
    a, x = np.broadcast_arrays(np.asarray(a, np.float64), np.asarray(x, np.float64))
    is_lower = x < a
    width = 1 / np.maximum(np.abs(a - x), np.sqrt(np.where(is_lower, a, x)))
    w = width[..., None] * NODES
    # Below, in the logarithm of t, so that a pole at 0 is far; above, in t itself.
    log = np.where(is_lower[..., None], -w, np.log1p(w))
    growth = np.where(is_lower[..., None], np.expm1(-w), w)
    exponent = a[..., None] * log - x[..., None] * growth
    exponent = exponent - np.where(is_lower[..., None], 0.0, log)
    cumulant = gamma_cumulant(a[..., None], np.log(x)[..., None] + log)
    values = np.exp(exponent) * moment(orders, cumulant)
    values = np.where(exponent < -745, 0.0, values)
    scale = np.where(is_lower, width, -width) * special._ufuncs._igam_fac(a, x)
    found = np.where((x == 0) | np.isinf(x), 0.0, scale * (values @ WEIGHTS))
    return like(found, given)


def gammainc_last(y: Any, a: Any, x: Any, orders: tuple[int, ...]) -> Any:
    """Return the derivative of a density by `a`."""
    factor = moment(orders, gamma_cumulant(a, np.log(x)))
    return apply(GAMMA_DENSITY, a, x) * factor


GAMMAINC = family("gammainc_derivative", gammainc_derivative, gammainc_last)
for _name, _function, _sign in (
    ("gammainc", special.gammainc, 1),
    ("gammaincc", special.gammaincc, -1),
):
    elementwise(
        _name,
        _function,
        (
            lambda z, a, x, s=_sign: s * apply(GAMMAINC, a, x, orders=(1,)),
            lambda z, a, x, s=_sign: s * apply(GAMMA_DENSITY, a, x),
        ),
        form=Map(),
        domain=GAMMA_RANGE,
    )
for _name, _function, _sign in (
    ("gammaincinv", special.gammaincinv, 1),
    ("gammainccinv", special.gammainccinv, -1),
):
    elementwise(
        _name,
        _function,
        (
            lambda z, a, y: of_inverse(
                apply(GAMMAINC, a, z, orders=(1,)), apply(GAMMA_DENSITY, a, z)
            ),
            lambda z, a, y, s=_sign: s / apply(GAMMA_DENSITY, a, z),
        ),
        form=Map(),
        domain=((0.5, 1.5), (0.85, 0.98)),
    )

# Beta

BETA_RANGE = ((0.5, 4.0), (0.5, 4.0), (0.1, 0.9))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return ``x**(a - 1) (1 - x)**(b - 1) / beta(a, b)``."""
    with np.errstate(all="ignore"):
        exponent = special.xlogy(a - 1, x) + special.xlog1py(b - 1, -x)
        return np.exp(exponent - special.betaln(a, b))


BETA_DENSITY: Operation = elementwise(
    "beta_density",
    beta_density,
    (
        lambda z, a, b, x: (
            special.xlogy(z, x) + z * beta_cumulant(a, b, 0.0, 0.0)(1, 0)
        ),
        lambda z, a, b, x: (
            special.xlog1py(z, -x) + z * beta_cumulant(a, b, 0.0, 0.0)(0, 1)
        ),
        lambda z, a, b, x: beta_slope(
            lambda *given: apply(BETA_DENSITY, *given), z, a, b, x
        ),
    ),
    form=Map(),
    domain=BETA_RANGE,
    numpy=(),
)


def beta_slope(density: Any, z: Any, a: Any, b: Any, x: Any) -> Any:
    """Return the derivative by x of a density of the beta distribution, z."""
    whole = a + b - 1
    up = with_power(z, a, x, lambda less: whole * density(less, b, x))
    down = with_power(z, b, 1 - x, lambda less: whole * density(a, less, x))
    return up - down


def beta_cumulant(a: Any, b: Any, log: Any, log_rest: Any) -> Cumulant:
    """Return the derivatives by `a` and `b` of the density's logarithm."""

    def cumulant(i: int, j: int) -> Any:
        total = psi(a + b, i + j - 1)
        if j == 0:
            total = total - psi(a, i - 1) + (log if i == 1 else 0.0)
        if i == 0:
            total = total - psi(b, j - 1) + (log_rest if j == 1 else 0.0)
        return total

    return cumulant


@np.errstate(all="ignore")
def betainc_derivative(a: Any, b: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative by `a` and `b` of the lower incomplete beta function.

    The integral is over the log-odds of t.
    """
    if orders == (0, 0):
        return special.betainc(a, b, x)
    given = np.result_type(a, b, x, np.float32)
    a, b, x = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (a, b, x)))
    is_lower = x * (a + b) < a
    sign = np.where(is_lower, -1.0, 1.0)
    odds = np.log(x) - np.log1p(-x)
    rate = np.abs(a * (1 - x) - b * x)
    width = 1 / np.maximum(rate, np.sqrt((a + b) * x * (1 - x)))
    t = odds[..., None] + sign[..., None] * width[..., None] * NODES
    log, log_rest = -np.logaddexp(0, -t), -np.logaddexp(0, t)
    a_, b_ = a[..., None], b[..., None]
    exponent = a_ * (log - np.log(x)[..., None])
    exponent = exponent + b_ * (log_rest - np.log1p(-x)[..., None])
    values = np.exp(exponent) * moment(orders, beta_cumulant(a_, b_, log, log_rest))
    values = np.where(exponent < -745, 0.0, values)
    scale = -sign * width * beta_density(a, b, x) * x * (1 - x)
    found = np.where((x == 0) | (x == 1), 0.0, scale * (values @ WEIGHTS))
    return like(found, given)


def betainc_last(y: Any, a: Any, b: Any, x: Any, orders: tuple[int, ...]) -> Any:
    """Return the derivative of a density by `a` and `b`."""
    factor = moment(orders, beta_cumulant(a, b, np.log(x), np.log1p(-x)))
    return apply(BETA_DENSITY, a, b, x) * factor


BETAINC = family("betainc_derivative", betainc_derivative, betainc_last)
for _name, _function, _sign in (
    ("betainc", special.betainc, 1),
    ("betaincc", special.betaincc, -1),
):
    elementwise(
        _name,
        _function,
        (
            lambda z, a, b, x, s=_sign: s * apply(BETAINC, a, b, x, orders=(1, 0)),
            lambda z, a, b, x, s=_sign: s * apply(BETAINC, a, b, x, orders=(0, 1)),
            lambda z, a, b, x, s=_sign: s * apply(BETA_DENSITY, a, b, x),
        ),
        form=Map(),
        domain=BETA_RANGE,
    )


def by_parameter(z: Any, a: Any, b: Any, orders: tuple[int, int]) -> Any:
    """Return the derivative of the inverse, z, by a parameter."""
    return of_inverse(
        apply(BETAINC, a, b, z, orders=orders), apply(BETA_DENSITY, a, b, z)
    )


for _name, _function, _sign in (
    ("betaincinv", special.betaincinv, 1),
    ("betainccinv", special.betainccinv, -1),
):
    elementwise(
        _name,
        _function,
        (
            lambda z, a, b, y: by_parameter(z, a, b, (1, 0)),
            lambda z, a, b, y: by_parameter(z, a, b, (0, 1)),
            lambda z, a, b, y, s=_sign: s / apply(BETA_DENSITY, a, b, z),
        ),
        form=Map(),
        domain=((0.5, 4.0), (0.5, 4.0), (0.05, 0.95)),
    )
