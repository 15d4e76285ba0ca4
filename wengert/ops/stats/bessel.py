"""Distributions whose heights are modified Bessel functions, of any order."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special, stats

from wengert.ops.stats.formulas import formulas, has_none


def log_kv(order: Any, x: Any) -> Any:
    """Return the logarithm of the modified Bessel function of the second kind."""
    return np.log(special.kve(order, x)) - x


# The generalized inverse Gaussian distribution


@formulas(stats.geninvgauss)
def geninvgauss_logpdf(x: Any, p: Any, b: Any) -> Any:
    """Return the logarithm of the density."""
    height = np.log(2.0) + log_kv(p, b)
    return special.xlogy(p - 1, x) - b * (x + 1 / x) / 2 - height


@formulas(stats.geninvgauss)
def geninvgauss_pdf(x: Any, p: Any, b: Any) -> Any:
    """Return the density."""
    return np.exp(geninvgauss_logpdf(x, p, b))


# The generalized hyperbolic distribution


@formulas(stats.genhyperbolic)
def genhyperbolic_logpdf(x: Any, p: Any, a: Any, b: Any) -> Any:
    """Return the logarithm of the density."""
    root = np.sqrt((a - b) * (a + b))
    r = np.hypot(1.0, x)
    height = special.xlogy(p, root) - special.xlogy(p - 0.5, a)
    height = height - 0.5 * np.log(2 * np.pi) - log_kv(p, root)
    return height + special.xlogy(p - 0.5, r) + log_kv(p - 0.5, a * r) + b * x


@formulas(stats.genhyperbolic)
def genhyperbolic_pdf(x: Any, p: Any, a: Any, b: Any) -> Any:
    """Return the density."""
    return np.exp(genhyperbolic_logpdf(x, p, a, b))


for _dist in (stats.geninvgauss, stats.genhyperbolic):
    has_none(_dist, "cdf", "sf", "ppf", "isf")
