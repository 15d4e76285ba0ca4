"""Distributions whose heights are modified Bessel functions, of any order.

SciPy integrates their densities.  A probability is SciPy's and moves as a quadrature of
the density over the smaller tail does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special, stats

from wengert.core.operation import apply
from wengert.ops.numeric import VALUED_AS
from wengert.ops.stats.formulas import (
    FORMULAS,
    NODES,
    QUANTILE,
    WEIGHTS,
    Function,
    formulas,
    solve_quantiles,
)


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


# Probabilities

#: How far a tail may reach, in a variable in which it falls at least exponentially,
#: and how much smaller the density is there, in its logarithm.
REACHES = 0.25 * 1.4 ** np.arange(18)
FALL = 40.0
Place = Callable[[Any], Any]


def tail(log_density: Function, x: Any, shapes: Any, sign: Any, ways: Any) -> Any:
    """Return the probability on a side of x, by quadrature.

    `ways` are the variable of which x is a function, that function, and the logarithm
    of its slope.
    """
    variable, number, log_slope = ways
    shapes = [shape[..., None] for shape in shapes]
    sign, start = sign[..., None], variable(x)[..., None]

    def falls_at(distance: Any) -> Any:
        t = start + sign * distance
        return log_density(number(t), *shapes) + log_slope(t)

    first, later = falls_at(np.zeros(1)), falls_at(REACHES)
    is_far = later < first - FALL
    reach = np.min(np.where(is_far, REACHES, REACHES[-1]), axis=-1, keepdims=True)
    terms = np.exp(falls_at(reach * NODES))
    return reach[..., 0] * np.dot(terms, WEIGHTS)


def integrated(dist: Any, log_density: Function, *ways: Place) -> None:
    """Enter the probabilities and quantiles of a distribution by its density."""

    def of_side(method: str, is_lower: bool) -> Function:
        def probability(x: Any, *shapes: Any) -> Any:
            value = apply(QUANTILE, x, *shapes, name=dist.name, method=method)
            x, *parts = np.broadcast_arrays(x, *shapes)
            is_small = value < 0.5
            sign = np.where(is_small == is_lower, -1.0, 1.0)
            moving = tail(log_density, x, parts, sign, ways)
            moving = np.where(is_small, moving, 1 - moving)
            return apply(VALUED_AS, moving, value)

        return probability

    own = FORMULAS.setdefault(type(dist), {})
    own["_cdf"], own["_sf"] = of_side("cdf", True), of_side("sf", False)
    solve_quantiles(dist)


integrated(stats.geninvgauss, geninvgauss_logpdf, np.log, np.exp, lambda t: t)
integrated(
    stats.genhyperbolic,
    genhyperbolic_logpdf,
    np.arcsinh,
    np.sinh,
    lambda t: np.log(np.cosh(t)),
)
