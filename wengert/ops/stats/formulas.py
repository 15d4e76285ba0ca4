"""Formulas of standard distributions that take the place of SciPy's own."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from scipy import special, stats
from scipy.stats import rv_continuous, rv_discrete

from wengert.core.forms import Map
from wengert.core.operation import apply, constant_of, elementwise
from wengert.errors import UnsupportedError, explain
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.families import family, quadrature
from wengert.ops.scipy_special.error import density as normal_density
from wengert.ops.scipy_special.incomplete import Cumulant, moment
from wengert.ops.stats.methods import formula

Function = Callable[..., Any]

# What a distribution does not say itself


def log_of(name: str) -> Function:
    """Return the logarithm of another formula."""
    return lambda dist, *x: np.log(formula(dist, name)(*x))


def log_of_smaller(own: str, other: str, *, is_lower: bool) -> Function:
    """Return a logarithm, from the complement on the side where that is smaller."""

    def logarithm(dist: Any, x: Any, *args: Any) -> Any:
        median = formula(dist, "_ppf")(0.5, *args)
        is_smaller = x < median if is_lower else x > median
        direct = np.log(formula(dist, own)(x, *args))
        return np.where(is_smaller, direct, np.log1p(-formula(dist, other)(x, *args)))

    return logarithm


def numeric(dist: Any, *_: Any) -> Any:
    """Raise where SciPy integrates, sums or solves."""
    raise UnsupportedError(
        explain(
            f"a method of scipy.stats.{dist.name} that has no formula met a recorded "
            "value",
            "SciPy integrates, sums or solves numerically there: derivatives would be "
            "lost",
            "another method that has one (logpdf, cdf), or a function with "
            "@wengert.rule(vjp=...) that calls it on plain numbers",
        )
    )


#: In place of what SciPy's classes of distributions have where one has no own formula.
DEFAULTS: dict[Any, Function] = {
    rv_continuous._pdf: numeric,
    rv_continuous._cdf: numeric,
    rv_discrete._pmf: numeric,
    rv_discrete._cdf: numeric,
    rv_continuous._logpdf: log_of("_pdf"),
    rv_discrete._logpmf: log_of("_pmf"),
    rv_discrete._logcdf: log_of("_cdf"),
    rv_discrete._logsf: log_of("_sf"),
    rv_continuous._logcdf: log_of_smaller("_cdf", "_sf", is_lower=True),
    rv_continuous._logsf: log_of_smaller("_sf", "_cdf", is_lower=False),
    rv_continuous._sf: lambda dist, *x: 1.0 - formula(dist, "_cdf")(*x),
    rv_continuous._isf: lambda dist, q, *x: formula(dist, "_ppf")(1.0 - q, *x),
    rv_continuous._entropy: numeric,
    rv_discrete._entropy: numeric,
}
#: Formulas by the class of the distribution and the name of SciPy's private method.
FORMULAS: dict[type, dict[str, Function]] = {}


def formulas(distribution: Any) -> Callable[[Function], Function]:
    """Enter the decorated function as the formula of its name."""

    def enter(code: Function) -> Function:
        name = f"_{code.__name__.rpartition('_')[2]}"
        FORMULAS.setdefault(type(distribution), {})[name] = code
        return code

    return enter


# Quantiles that SciPy solves for


def evaluate_quantile(q: Any, *args: Any, name: str, method: str) -> Any:
    """Return what SciPy solves for, with no derivative."""
    return getattr(getattr(stats, name), method)(q, *args)


QUANTILE = constant_of("quantile_of", evaluate_quantile, form=Map(), numpy=())


def solved(method: str, own: str, sign: float) -> Function:
    """Return a quantile with its derivatives, to the third: two steps of Newton's."""

    def quantile(dist: Any, q: Any, *args: Any) -> Any:
        if getattr(stats, dist.name, None) is None:
            return numeric(dist)
        found = z = apply(QUANTILE, q, *args, name=dist.name, method=method)
        for _ in range(2):
            probability, slope = (formula(dist, m)(z, *args) for m in (own, "_pdf"))
            moves = slope > 0
            step = sign * (q - probability) / np.where(moves, slope, 1.0)
            z = z + np.where(moves, step, 0.0)
        return found + (z - apply(STOP_GRADIENT, z))

    return quantile


DEFAULTS[rv_continuous._ppf] = solved("ppf", "_cdf", 1.0)
SOLVED = {"_ppf": DEFAULTS[rv_continuous._ppf], "_isf": solved("isf", "_sf", -1.0)}


def has_none(dist: Any, *methods: str) -> None:
    """Enter that a distribution has no formula of a method."""
    for method in methods:
        FORMULAS.setdefault(type(dist), {})[f"_{method}"] = partial(numeric, dist)


def solve_quantiles(*distributions: Any) -> None:
    """Enter quantiles that SciPy computes in compiled code."""
    for dist in distributions:
        for name, code in SOLVED.items():
            FORMULAS.setdefault(type(dist), {})[name] = partial(code, dist)


solve_quantiles(stats.invgauss, stats.wald, stats.skewnorm)

# Student's t: of infinite freedom it is the normal distribution


@formulas(stats.t)
def t_entropy(df: Any) -> Any:
    """Return the entropy; of many degrees of freedom by its asymptotic series."""
    half, more = df / 2, (df + 1) / 2
    regular = more * (special.psi(more) - special.psi(half))
    regular = regular + np.log(np.sqrt(df) * special.beta(half, 0.5))
    u = 1 / df
    series = u + u**2 / 4 - u**3 / 6 - u**4 / 8 + 0.3 * u**5 + u**6 / 4
    return np.where(df >= 100, stats.norm._entropy() + series, regular)


# Cauchy


@formulas(stats.cauchy)
def cauchy_ppf(q: Any) -> Any:
    """Return the quantile, from the nearer tail."""
    is_low = q < 0.5
    tail = 1 / np.tan(np.pi * np.where(is_low, q, 1 - q))
    return np.where(is_low, -tail, tail)


@formulas(stats.cauchy)
def cauchy_isf(q: Any) -> Any:
    """Return the quantile of the upper tail."""
    return -cauchy_ppf(q)


# Pareto


@formulas(stats.pareto)
def pareto_stats(b: Any, moments: str = "mv") -> Any:
    """Return the moments that exist."""
    mean = np.where(b > 1, b / (b - 1), np.inf)
    variance = np.where(b > 2, b / ((b - 2) * (b - 1) ** 2), np.inf)
    skewness = 2 * (b + 1) * np.sqrt(b - 2) / ((b - 3) * np.sqrt(b))
    above = 6 * (b**3 + b**2 - 6 * b - 2)
    kurtosis = above / (b * (b**2 - 7 * b + 12))
    return (
        mean,
        variance,
        np.where(b > 3, skewness, np.nan),
        np.where(b > 4, kurtosis, np.nan),
    )


# Numbers of events


@formulas(stats.poisson)
def poisson_stats(mu: Any) -> Any:
    """Return the moments."""
    is_moving = mu > 0
    kurtosis = np.where(is_moving, 1 / np.where(is_moving, mu, 1.0), np.inf)
    return mu, mu, np.sqrt(kurtosis), kurtosis


@formulas(stats.nbinom)
def nbinom_stats(n: Any, p: Any) -> Any:
    """Return the moments."""
    rest = 1 - p
    variance = n * rest / (p * p)
    skewness = (2 - p) / np.sqrt(n * rest)
    return n * rest / p, variance, skewness, 6 / n + p * p / (n * rest)


@formulas(stats.nbinom)
def nbinom_logcdf(k: Any, n: Any, p: Any) -> Any:
    """Return the logarithm of the probability of so many failures, or fewer."""
    k = np.floor(k)
    above = special.betainc(k + 1, n, 1 - p)
    below = special._ufuncs._nbinom_cdf(k, n, p)
    return np.where(below > 0.5, np.log1p(-above), np.log(below))


# The skew normal distribution


def evaluate_skewnorm_cdf(x: Any, a: Any) -> Any:
    """Return the distribution function, of which SciPy's takes no numbers."""
    x, a = np.broadcast_arrays(x, a)
    return np.reshape(stats.skewnorm._cdf(np.ravel(x), np.ravel(a)), x.shape)[()]


SKEWNORM = elementwise(
    "skewnorm_cdf",
    evaluate_skewnorm_cdf,
    (
        lambda y, x, a: 2 * normal_density(x) * special.ndtr(a * x),
        lambda y, x, a: np.exp(-0.5 * x * x * (1 + a * a)) / (-np.pi * (1 + a * a)),
    ),
    form=Map(),
    numpy=(),
)


@formulas(stats.skewnorm)
def skewnorm_cdf(x: Any, a: Any) -> Any:
    """Return the probability below."""
    return apply(SKEWNORM, x, a)


@formulas(stats.skewnorm)
def skewnorm_sf(x: Any, a: Any) -> Any:
    """Return the probability above, as SciPy does."""
    return apply(SKEWNORM, -x, -a)


# The generalized Pareto distribution

#: The coefficients of ``log(1 + u) / u``, the highest power first.
LOG1P_OVER = [(-1.0) ** k / (k + 1) for k in range(16)][::-1]


def over_shape(x: Any, c: Any, power: Any) -> Any:
    """Return ``power log(1 + c x) / c``; near c = 0 by its series, to rounding."""
    u = c * x
    is_near = (np.abs(u) < 0.05) | (c == 0)
    near = np.where(is_near & np.isfinite(u), u, 0.0)
    series = power * x * np.polyval(LOG1P_OVER, near)
    logarithm = special.xlog1py(power, np.where(is_near, 1.0, u))
    return np.where(is_near, series, logarithm / np.where(is_near, 1.0, c))


@formulas(stats.genpareto)
def genpareto_logpdf(x: Any, c: Any) -> Any:
    """Return the logarithm of the density."""
    return -over_shape(x, c, c + 1.0)


@formulas(stats.genpareto)
def genpareto_pdf(x: Any, c: Any) -> Any:
    """Return the density; at an upper end in powers."""
    is_end = c * x == -1
    least = np.where(is_end, 1 + c * x, 1.0)
    at_end = least ** (-1 - 1 / np.where(is_end, c, 1.0))
    inside = np.exp(genpareto_logpdf(np.where(is_end, 0.0, x), c))
    return np.where(is_end, at_end, inside)


@formulas(stats.genpareto)
def genpareto_logsf(x: Any, c: Any) -> Any:
    """Return the logarithm of the probability above."""
    return -over_shape(x, c, 1.0)


# Von Mises

#: Gauss and Legendre's rule from 0 to 1.
NODES, WEIGHTS = quadrature(64)


def mean_of_cosine(order: int, kappa: Any) -> Any:
    """Return the mean of the cosine of a multiple of the angle."""
    return special.ive(order, kappa) / special.i0e(kappa)


def cosine_cumulant(order: int, kappa: Any) -> Any:
    """Return a derivative of the logarithm of I_0: a cumulant of the cosine."""
    moments = [
        sum(
            math.comb(n, k) * mean_of_cosine(abs(n - 2 * k), kappa) * 0.5**n
            for k in range(n + 1)
        )
        for n in range(order + 1)
    ]
    cumulants: list[Any] = [0.0]
    for n in range(1, order + 1):
        found = moments[n]
        for k in range(1, n):
            found = found - math.comb(n - 1, k - 1) * cumulants[k] * moments[n - k]
        cumulants.append(found)
    return cumulants[order]


def vonmises_cumulant(kappa: Any, cosine: Any) -> Cumulant:
    """Return the derivatives by kappa of the density's logarithm."""
    return lambda i, _: (cosine if i == 1 else 0.0) - cosine_cumulant(i, kappa)


def vonmises_density(kappa: Any, x: Any) -> Any:
    """Return the density."""
    height = 2 * np.pi * special.i0e(kappa)
    return np.exp(kappa * special.cosm1(x)) / height


@np.errstate(all="ignore")
def vonmises_derivative(kappa: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of the distribution function by kappa: from the middle on."""
    if orders == (0,):
        return np.asarray(stats.vonmises._cdf(x, kappa))[()]
    kappa, x = np.broadcast_arrays(np.asarray(kappa, float), np.asarray(x, float))
    x = x - 2 * np.pi * np.rint(x / (2 * np.pi))
    end = np.minimum(np.abs(x), 12 / np.sqrt(kappa))
    t = end[..., None] * NODES
    k = kappa[..., None]
    values = vonmises_density(k, t) * moment(orders, vonmises_cumulant(k, np.cos(t)))
    return (np.sign(x) * end * (values @ WEIGHTS))[()]


def vonmises_last(y: Any, kappa: Any, x: Any, orders: tuple[int, ...]) -> Any:
    """Return the derivative of the density by kappa."""
    factor = moment(orders, vonmises_cumulant(kappa, np.cos(x)))
    return vonmises_density(kappa, x) * factor


VONMISES = family("vonmises_derivative", vonmises_derivative, vonmises_last)


@formulas(stats.vonmises)
def vonmises_cdf(x: Any, kappa: Any) -> Any:
    """Return the distribution function, which goes on beyond a turn."""
    return apply(VONMISES, kappa, x, orders=(0,))


# The truncated normal distribution


def log_difference(larger: Any, smaller: Any) -> Any:
    """Return the logarithm of a difference of exponentials."""
    return larger + np.log1p(-np.exp(smaller - larger))


def log_mass(a: Any, b: Any) -> Any:
    """Return the logarithm of a normal probability between two numbers.

    An interval to the right of 0 is taken to the left of it; one around 0 is what is
    not in the tails.
    """
    is_right = a > 0
    low, high = np.where(is_right, -b, a), np.where(is_right, -a, b)
    one_sided = log_difference(special.log_ndtr(high), special.log_ndtr(low))
    around = np.log1p(-special.ndtr(low) - special.ndtr(-high))
    return np.where(high <= 0, one_sided, around)


def log_truncated(direct: Any, other: Any) -> Any:
    """Return a logarithm of a probability; near 1 by that of its complement."""
    is_near = direct > -0.1
    return np.where(is_near, np.log1p(-np.exp(np.where(is_near, other, -1.0))), direct)


@formulas(stats.truncnorm)
def truncnorm_logpdf(x: Any, a: Any, b: Any) -> Any:
    """Return the logarithm of the density."""
    return -0.5 * x * x - 0.5 * np.log(2 * np.pi) - log_mass(a, b)


@formulas(stats.truncnorm)
def truncnorm_pdf(x: Any, a: Any, b: Any) -> Any:
    """Return the density."""
    return np.exp(truncnorm_logpdf(x, a, b))


@formulas(stats.truncnorm)
def truncnorm_logcdf(x: Any, a: Any, b: Any) -> Any:
    """Return the logarithm of the probability below."""
    whole = log_mass(a, b)
    return log_truncated(log_mass(a, x) - whole, log_mass(x, b) - whole)


@formulas(stats.truncnorm)
def truncnorm_logsf(x: Any, a: Any, b: Any) -> Any:
    """Return the logarithm of the probability above."""
    whole = log_mass(a, b)
    return log_truncated(log_mass(x, b) - whole, log_mass(a, x) - whole)


@formulas(stats.truncnorm)
def truncnorm_cdf(x: Any, a: Any, b: Any) -> Any:
    """Return the probability below."""
    return np.exp(truncnorm_logcdf(x, a, b))


@formulas(stats.truncnorm)
def truncnorm_sf(x: Any, a: Any, b: Any) -> Any:
    """Return the probability above."""
    return np.exp(truncnorm_logsf(x, a, b))


@formulas(stats.truncnorm)
def truncnorm_ppf(q: Any, a: Any, b: Any) -> Any:
    """Return the quantile, from the tail that the interval begins in."""
    mass, is_left = log_mass(a, b), a < 0
    left = np.logaddexp(special.log_ndtr(a), np.log(q) + mass)
    right = np.logaddexp(special.log_ndtr(-b), np.log1p(-q) + mass)
    found = special.ndtri_exp(np.where(is_left, left, right))
    return np.where(is_left, found, -found)


@formulas(stats.truncnorm)
def truncnorm_isf(q: Any, a: Any, b: Any) -> Any:
    """Return the quantile of the upper tail."""
    mass, is_left = log_mass(a, b), b < 0
    left = log_difference(special.log_ndtr(b), np.log(q) + mass)
    right = log_difference(special.log_ndtr(-a), np.log1p(-q) + mass)
    found = special.ndtri_exp(np.where(is_left, left, right))
    return np.where(is_left, found, -found)


@formulas(stats.truncnorm)
def truncnorm_entropy(a: Any, b: Any) -> Any:
    """Return the entropy."""
    mass = special.ndtr(b) - special.ndtr(a)
    ends = a * stats.norm._pdf(a) - b * stats.norm._pdf(b)
    return np.log(np.sqrt(2 * np.pi * np.e) * mass) + ends / (2 * mass)


@formulas(stats.truncnorm)
def truncnorm_stats(a: Any, b: Any, moments: str = "mv") -> Any:
    """Return the moments, from the density at the ends."""
    at_a, at_b = truncnorm_pdf(a, a, b), truncnorm_pdf(b, a, b)
    has_a, has_b = np.isfinite(a), np.isfinite(b)
    a, b = np.where(has_a, a, 0.0), np.where(has_b, b, 0.0)
    m1 = at_a - at_b
    m2 = 1 + a * at_a - b * at_b
    m3 = 2 * m1 + a**2 * at_a - b**2 * at_b
    m4 = 3 * m2 + a**3 * at_a - b**3 * at_b
    variance = 1 + (a - m1) * at_a - (b - m1) * at_b
    third = m3 + m1 * (-3 * m2 + 2 * m1**2)
    fourth = m4 + m1 * (-4 * m3 + 3 * m1 * (2 * m2 - m1**2))
    return m1, variance, third / variance**1.5, fourth / variance**2 - 3
