"""Densities at the ends of their supports.

SciPy has them as exponentials of logarithms, which are infinite there: by those they
would not move.  At an end a density is what it is in powers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special, stats

from wengert.ops.stats.formulas import FORMULAS

Function = Callable[..., Any]
__all__ = ["FORMULAS"]


def in_powers(
    *distributions: Any, ends: tuple[float, ...] = (0.0,), middle: float = 1.0
) -> Callable[[Function], Function]:
    """Enter the decorated function as densities at the ends of their supports.

    It is asked for what is in the middle instead wherever there is no end, so that all
    that it is made of has numbers for derivatives.
    """

    def enter(direct: Function) -> Function:
        for dist in distributions:
            FORMULAS.setdefault(type(dist), {})["_pdf"] = of_both(dist, direct)
        return direct

    def of_both(dist: Any, direct: Function) -> Function:
        def density(x: Any, *args: Any) -> Any:
            is_end = x == ends[0]
            for end in ends[1:]:
                is_end = is_end | (x == end)
            at_end = direct(np.where(is_end, x, middle), *args)
            inside = dist._pdf(np.where(is_end, middle, x), *args)
            return np.where(is_end, at_end, inside)

        return density

    return enter


def exponential(x: Any) -> Any:
    """Return an exponential without overflow: what grows so is times a power of 0."""
    return np.exp(np.minimum(x, 700.0))


@in_powers(stats.gamma, stats.erlang)
def gamma_density(x: Any, a: Any) -> Any:
    """Return the density of the gamma distribution."""
    return x ** (a - 1) * np.exp(-x) * special.rgamma(a)


@in_powers(stats.chi2)
def chi2_density(x: Any, df: Any) -> Any:
    """Return the density of chi-squared."""
    return 0.5 * gamma_density(0.5 * x, 0.5 * df)


@in_powers(stats.chi)
def chi_density(x: Any, df: Any) -> Any:
    """Return the density of the square root of chi-squared."""
    height = 2 * 0.5 ** (0.5 * df) * special.rgamma(0.5 * df)
    return x ** (df - 1) * np.exp(-0.5 * x * x) * height


@in_powers(stats.nakagami)
def nakagami_density(x: Any, nu: Any) -> Any:
    """Return Nakagami's density."""
    height = special.xlogy(nu, nu) - special.gammaln(nu) - nu * x * x
    return 2 * x ** (2 * nu - 1) * exponential(height)


@in_powers(stats.gengamma)
def gengamma_density(x: Any, a: Any, c: Any) -> Any:
    """Return the density of the generalized gamma distribution; 0 of inverses."""
    x = np.where(c > 0, x, 1.0)
    value = c * x ** (c * a - 1) * np.exp(-(x**c)) * special.rgamma(a)
    return np.where(c > 0, value, 0.0)


@in_powers(stats.f)
def f_density(x: Any, m: Any, n: Any) -> Any:
    """Return the density of F."""
    m, n = 0.5 * m, 0.5 * n
    height = m * np.log(m / n) - (m + n) * np.log1p(m * x / n) - special.betaln(m, n)
    return x ** (m - 1) * exponential(height)


@in_powers(stats.exponweib)
def exponweib_density(x: Any, a: Any, c: Any) -> Any:
    """Return the density of the exponentiated Weibull distribution."""
    y = x**c
    return a * c * x ** (a * c - 1) * special.exprel(-y) ** (a - 1) * np.exp(-y)


@in_powers(stats.burr12)
def burr12_density(x: Any, c: Any, d: Any) -> Any:
    """Return the density of Burr's distribution of type XII."""
    return c * d * x ** (c - 1) * (1 + x**c) ** (-d - 1)


@in_powers(stats.burr)
def burr_density(x: Any, c: Any, d: Any) -> Any:
    """Return the density of Burr's distribution of type III."""
    return c * d * x ** (c * d - 1) * (1 + x**c) ** (-d - 1)


@in_powers(stats.fisk)
def fisk_density(x: Any, c: Any) -> Any:
    """Return Fisk's density."""
    return burr_density(x, c, 1.0)


@in_powers(stats.argus, ends=(0.0, 1.0), middle=0.5)
def argus_density(x: Any, chi: Any) -> Any:
    """Return the density of ARGUS, by that in the middle."""
    height = stats.argus._logpdf(0.5, chi) - np.log(0.5 * np.sqrt(0.75))
    return x * np.sqrt(1 - x * x) * exponential(height + chi**2 * (x * x - 0.25) / 2)


@in_powers(stats.rdist, ends=(-1.0, 1.0), middle=0.0)
def rdist_density(x: Any, c: Any) -> Any:
    """Return the density of the R distribution."""
    return (1 - x * x) ** (0.5 * c - 1) / special.beta(0.5, 0.5 * c)
