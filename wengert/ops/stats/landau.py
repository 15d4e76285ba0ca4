"""Landau's distribution, whose functions are integrals.

With ``g = exp(-y) u / sin(u) exp(-u cot(u))`` and ``y = pi x / 2 + log(pi / 2)`` the
probability below x is the mean of ``exp(-g)`` over u from 0 to pi (Nolan 1997, theorem
1, at index 1 and skewness 1).  Moving y moves g by -g alone, so that every derivative
is such a mean too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from wengert.core.forms import Map
from wengert.core.operation import apply, elementwise
from wengert.ops.families import family
from wengert.ops.stats.formulas import formulas, solve_quantiles

#: Where ``exp(-g)`` is nothing beside its greatest, and where g is nothing.
MOST, LEAST = 60.0, -40.0
#: Steps of the trapezoidal rule, which is exact to rounding: what it sums is analytic,
#: even about 0 or without ends, and vanishes with all of its derivatives.
STEPS = 400
#: Elements that are integrated at once: each takes a few arrays of so many steps.
AT_ONCE = 1024
#: The y from which on g starts from nothing.
FAR = 40.0
#: The height ``log(u / sin(u)) + 1 - u cot(u)`` by powers of u^2, the highest first:
#: the closed form cancels where u is small.
TERMS = np.arange(1.0, 15.0)
SERIES = (
    4**TERMS
    * np.abs(special.bernoulli(28)[2::2])
    / special.factorial(2 * TERMS)
    * (1 + 0.5 / TERMS)
)[::-1]
SMALL = 0.7


def height(u: Any, rest: Any) -> tuple[Any, Any]:
    """Return the height at u and its derivative; `rest` is pi - u."""
    cot = np.where(u < 2, 1, -1) / np.tan(np.where(u < 2, u, rest))
    sin = np.sin(np.where(u < 2, u, rest))
    square = np.where(u < SMALL, u * u, 0.0)
    value = square * np.polyval(SERIES, square)
    slope = 2 * u * np.polyval(SERIES * TERMS[::-1], square)
    is_small = u < SMALL
    return (
        np.where(is_small, value, np.log(u / sin) + 1 - u * cot),
        np.where(is_small, slope, 1 / u - 2 * cot + u / sin**2),
    )


def slope_at(w: Any) -> Any:
    """Return du/dw at numbers above 0, where the height at u is w^2.

    Newton's method for the root of the height comes down from above; near pi it is the
    distance from there that has all digits.
    """
    y = w * w
    start = np.minimum(np.sqrt(2 * y), np.pi - np.pi / (y + 3))
    is_far = start > 2
    place = np.where(is_far, np.pi - start, start)
    for _ in range(12):
        u, rest = np.where(is_far, np.pi - place, place), np.pi - place
        value, slope = height(u, np.where(is_far, place, rest))
        root = np.sqrt(value)
        step = (root - w) * 2 * root / slope
        place = place + np.where(is_far, step, -step)
    return 2 * w / height(u, np.where(is_far, place, rest))[1]


def polynomial(order: int) -> Any:
    """Return the coefficients of a derivative's factor in g, the highest first."""
    found: Any = np.ones(1)
    for _ in range(order):
        found = np.polymul([1, 0], np.polysub(found, np.polyder(found)))
    return found


def evaluate_landau(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of the probability below."""
    if orders[0] < 2:
        own = special._ufuncs._landau_pdf if orders[0] else special._ufuncs._landau_cdf
        return own(x, 0, 1)
    flat = np.asarray(x, np.float64).ravel()
    found = np.empty(flat.size)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, AT_ONCE):
            some = slice(start, start + AT_ONCE)
            found[some] = integrated(flat[some], orders[0])
    return found.reshape(np.shape(x))[()]


def integrated(x: Any, order: int) -> Any:
    """Return a derivative of the probability below, the second or a higher one."""
    y = np.pi / 2 * x + np.log(np.pi / 2)
    near, far = np.minimum(y, FAR)[:, None], np.maximum(y, FAR)[:, None]
    least = np.exp(-near - 1)
    end = np.sqrt(np.log1p(MOST / least))
    steps = (np.arange(STEPS) + 1) / STEPS
    w = end * steps
    first = factor(order, least) * np.sqrt(2) / 2
    inner = factor(order, least * np.exp(w * w)) * slope_at(w)
    close = (first[:, 0] + inner.sum(-1)) * end[:, 0] / STEPS
    v = LEAST + (np.log(MOST) - LEAST) * steps
    w = np.sqrt(v + far + 1)
    outer = factor(order, np.exp(v)) * slope_at(w) / (2 * w)
    away = outer.sum(-1) * (np.log(MOST) - LEAST) / STEPS
    found = np.where(y < FAR, close, away) / np.pi * (np.pi / 2) ** order
    return np.where(np.isinf(y) | (least[:, 0] > 800), 0.0, found)


def factor(order: int, g: Any) -> Any:
    """Return what is averaged for a derivative."""
    return np.polyval(polynomial(order), g) * np.exp(-g)


LANDAU = family("landau_derivative", evaluate_landau)


def evaluate_above(x: Any) -> Any:
    """Return the probability above."""
    return special._ufuncs._landau_sf(x, 0, 1)


LANDAU_ABOVE = elementwise(
    "landau_above",
    evaluate_above,
    (lambda y, x: -apply(LANDAU, x, orders=(1,)),),
    form=Map(),
    numpy=(),
)


@formulas(stats.landau)
def landau_pdf(x: Any) -> Any:
    """Return the density."""
    return apply(LANDAU, x, orders=(1,))


@formulas(stats.landau)
def landau_cdf(x: Any) -> Any:
    """Return the probability below."""
    return apply(LANDAU, x, orders=(0,))


@formulas(stats.landau)
def landau_sf(x: Any) -> Any:
    """Return the probability above."""
    return apply(LANDAU_ABOVE, x)


solve_quantiles(stats.landau)
