"""Pearson's distribution of type III, which is normal where its skew is 0.

It is the gamma distribution of a = 4/skew^2 about its mean.  Written about the normal
density, nothing in it cancels as a grows without bound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from wengert.core.operation import apply
from wengert.ops.numeric import VALUED_AS
from wengert.ops.stats.formulas import NODES, WEIGHTS, formulas, solve_quantiles

#: Skews below which SciPy's is the normal distribution.
NORMAL = 0.000016
#: The remainder of Stirling's series by powers of 1/a (DLMF 5.11.1), the highest first:
#: to rounding from a = 10 on.
STIRLING = [1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12]
POWERS = [13, 11, 9, 7, 5, 3, 1]
MANY = 10.0
#: ``(log(1 + u) - u) / u^2`` by powers of u, the highest first: to rounding below 1/4.
BOW = [(-1.0) ** (k + 1) / (k + 2) for k in range(32)][::-1]
BENT = 0.25
#: Skews below which probabilities move as their tails do, and how far those reach.
SLIGHT, REACH = 0.1, 10.0


def stirling(t: Any) -> Any:
    """Return ``log gamma(a)`` less Stirling's formula, of t = 1/a."""
    is_small = t < 1 / MANY
    small = np.where(is_small, t, 0.0)
    series = small * np.polyval(STIRLING, small * small)
    a = 1 / np.where(is_small, 1.0, t)
    rest = special.gammaln(a) - (a - 0.5) * np.log(a) + a - 0.5 * np.log(2 * np.pi)
    return np.where(is_small, series, rest)


def stirling_slope(t: Any) -> Any:
    """Return the derivative of that remainder."""
    is_small = t < 1 / MANY
    small = np.where(is_small, t, 0.0)
    series = np.polyval(np.multiply(STIRLING, POWERS), small * small)
    a = 1 / np.where(is_small, 1.0, t)
    slope = -a * a * (special.psi(a) - np.log(a) + 0.5 / a)
    return np.where(is_small, series, slope)


def bow(u: Any) -> Any:
    """Return ``(log(1 + u) - u) / u^2``."""
    is_small = np.abs(u) < BENT
    series = np.polyval(BOW, np.where(is_small, u, 0.0))
    far = np.where(is_small, 1.0, u)
    return np.where(is_small, series, (np.log1p(far) - far) / (far * far))


def log_density(x: Any, skew: Any) -> Any:
    """Return the logarithm of the density."""
    t, u = skew * skew / 4, skew * x / 2
    there, is_end = (u > -1) & np.isfinite(x), u == -1
    is_nan = np.isnan(x)
    inner, x = np.where(there, u, 0.0), np.where(there, x, 0.0)
    height = -0.5 * np.log(2 * np.pi) - stirling(t)
    inside = height + x * x * bow(inner) - np.log1p(inner)
    a = 1 / np.where(is_end, t, 1.0)
    at_end = height + a + special.xlogy(a - 1, 0.0)
    outside = np.where(is_nan, np.nan, -np.inf)
    found = np.where(there, inside, np.where(is_end, at_end, outside))
    normal = np.where(there, -0.5 * x * x - 0.5 * np.log(2 * np.pi), outside)
    is_normal = np.abs(skew) < NORMAL
    return apply(VALUED_AS, found, np.where(is_normal, normal, found))


@formulas(stats.pearson3)
def pearson3_logpdf(x: Any, skew: Any) -> Any:
    """Return the logarithm of the density; SciPy has none at an infinite end."""
    is_end = np.isinf(x) & (x * skew > 0)
    is_end = is_end & (np.abs(skew) >= NORMAL) & (np.abs(skew) < 2)
    return np.where(is_end, np.nan, log_density(np.where(is_end, 0.0, x), skew))


@formulas(stats.pearson3)
def pearson3_pdf(x: Any, skew: Any) -> Any:
    """Return the density."""
    return np.exp(log_density(x, skew))


def tail(x: Any, skew: Any) -> Any:
    """Return the probability in the tail that a number lies in, by quadrature."""
    away = np.where(x < 0, -REACH, REACH)
    t = x[..., None] + away[..., None] * NODES
    return REACH * np.dot(pearson3_pdf(t, skew[..., None]), WEIGHTS)


def probability(x: Any, skew: Any, *, is_lower: bool) -> Any:
    """Return the probability below a number, or above.

    Where the skew is small the derivatives by a and by its argument cancel: what is
    there moves as the tail does.
    """
    is_gamma = np.abs(skew) >= NORMAL
    some = np.where(is_gamma, skew, 1.0)
    a = 4 / (some * some)
    y = np.maximum(a + 2 * x / some, 0.0)
    is_left = (skew > 0) == is_lower
    value = np.where(is_left, special.gammainc(a, y), special.gammaincc(a, y))
    is_slight = np.abs(skew) < SLIGHT
    if not np.any(is_slight):
        return value
    value = np.where(is_gamma, value, special.ndtr(x if is_lower else -x))
    x, skew = np.broadcast_arrays(x, skew)
    moving = tail(x, np.where(is_slight, skew, 0.0))
    moving = np.where((x < 0) == is_lower, moving, 1 - moving)
    return apply(VALUED_AS, np.where(is_slight, moving, value), value)


@formulas(stats.pearson3)
def pearson3_cdf(x: Any, skew: Any) -> Any:
    """Return the probability below."""
    return probability(x, skew, is_lower=True)


@formulas(stats.pearson3)
def pearson3_sf(x: Any, skew: Any) -> Any:
    """Return the probability above."""
    return probability(x, skew, is_lower=False)


@formulas(stats.pearson3)
def pearson3_entropy(skew: Any) -> Any:
    """Return the entropy: that of the gamma distribution, over its deviation."""
    t = skew * skew / 4
    rest = stirling(t) - t / 2 + (t - t * t) * stirling_slope(t)
    return 0.5 * np.log(2 * np.pi * np.e) + rest


solve_quantiles(stats.pearson3)
