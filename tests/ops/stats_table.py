"""Distributions of SciPy's beside mpmath's formulas of them.

A row of the table is a method of a distribution as a function of the number, the shape
parameters, the location and the scale, as the rows of `special_table` are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp
from scipy import stats

from tests.ops.special_table import (
    Row,
    beta_lower,
    evenly,
    lower,
    mp_owens_t,
    root,
    upper,
)

Function = Callable[..., Any]
ROWS: list[Row] = []
LOCATION, SCALE = 0.3, 1.4


def half(x: Any) -> Any:
    """Half of a number of mpmath's."""
    return mp.mpf(x) / 2


def scaled(function: Function, method: str) -> Function:
    """A standard formula with a location and a scale."""

    def at(x: Any, *given: Any) -> Any:
        *shapes, loc, scale = given
        value = function((x - loc) / scale, *shapes)
        if method == "pdf":
            return value / scale
        return value - mp.log(scale) if method == "logpdf" else value

    return at


def quantile(cdf: Function, start: Function, *, is_upper: bool) -> Function:
    """What has a probability below it, or above."""

    def at(p: Any, *given: Any) -> Any:
        *shapes, loc, scale = given
        near = start(*map(float, (p, *shapes)))
        wanted = 1 - p if is_upper else p
        found = root(lambda x: mp.log(cdf(x, *shapes) / wanted), near or 1e-3)
        return found * scale + loc

    return at


def distribution(
    name: str,
    shapes: tuple[float, ...],
    logpdf: Function,
    cdf: Function,
    methods: str = "pdf logpdf cdf logcdf sf logsf ppf isf",
    *,
    low: float = 1e-9,
) -> None:
    """Enter the methods of a distribution by its density and distribution function.

    They are judged in the middle and in both tails, the lower one from `low` on.
    """
    probabilities = (0.3, low, 1 - 1e-6)
    dist = getattr(stats, name)
    made: dict[str, Function] = {
        "logpdf": logpdf,
        "pdf": lambda *x: mp.exp(logpdf(*x)),
        "cdf": cdf,
        "sf": lambda *x: 1 - cdf(*x),
        "logcdf": lambda *x: mp.log(cdf(*x)),
        "logsf": lambda *x: mp.log1p(-cdf(*x)),
    }
    parameters = (*shapes, LOCATION, SCALE)
    for method in methods.split():
        ours = getattr(dist, method)
        if method in ("ppf", "isf"):
            start = getattr(dist, method)
            exact = quantile(cdf, start, is_upper=method == "isf")
            at = tuple((p, *parameters) for p in probabilities[:2])
        else:
            exact = scaled(made[method], method)
            at = tuple((dist.ppf(p, *parameters), *parameters) for p in probabilities)
        draws = tuple(evenly(v, v) for v in at[0])
        ROWS.append(Row(f"{name}.{method}", ours, exact, draws, 50, at))


LOG_2PI = lambda: mp.log(2 * mp.pi)  # noqa: E731


def t_cdf(x: Any, v: Any) -> Any:
    """Student's distribution function."""
    tail = mp.betainc(half(v), mp.mpf(1) / 2, 0, v / (v + x * x), regularized=True) / 2
    return tail if x < 0 else 1 - tail


def f_logpdf(x: Any, m: Any, n: Any) -> Any:
    """The logarithm of the density of F."""
    powers = half(m) * mp.log(m) + half(n) * mp.log(n) + (half(m) - 1) * mp.log(x)
    return powers - half(m + n) * mp.log(n + m * x) - mp.log(mp.beta(half(m), half(n)))


def vonmises_cdf(x: Any, kappa: Any) -> Any:
    """The von Mises distribution function, by its series."""
    terms = (mp.besseli(j, kappa) * mp.sin(j * x) / j for j in range(1, mp.mp.dps + 20))
    return (
        mp.mpf(1) / 2
        + x / (2 * mp.pi)
        + mp.fsum(terms) / (mp.pi * mp.besseli(0, kappa))
    )


distribution("norm", (), lambda x: -half(x * x) - LOG_2PI() / 2, mp.ncdf)
distribution(
    "t",
    (3.5,),
    lambda x, v: (
        mp.loggamma(half(v + 1))
        - mp.loggamma(half(v))
        - mp.log(v * mp.pi) / 2
        - half(v + 1) * mp.log1p(x * x / v)
    ),
    t_cdf,
)
distribution(
    "gamma",
    (2.5,),
    lambda x, a: (a - 1) * mp.log(x) - x - mp.loggamma(a),
    lambda x, a: lower(a, x),
)
distribution(
    "beta",
    (2.5, 1.5),
    lambda x, a, b: (
        (a - 1) * mp.log(x) + (b - 1) * mp.log1p(-x) - mp.log(mp.beta(a, b))
    ),
    lambda x, a, b: beta_lower(a, b, x),
)
distribution(
    "lognorm",
    (0.7,),
    lambda x, s: -half((mp.log(x) / s) ** 2) - mp.log(s * x) - LOG_2PI() / 2,
    lambda x, s: mp.ncdf(mp.log(x) / s),
)
distribution("expon", (), lambda x: -x, lambda x: -mp.expm1(-x))
distribution("uniform", (), lambda x: 0 * x, lambda x: x)
distribution(
    "chi2",
    (3.5,),
    lambda x, v: (
        (half(v) - 1) * mp.log(x) - half(x) - mp.loggamma(half(v)) - half(v) * mp.log(2)
    ),
    lambda x, v: lower(half(v), half(x)),
)
distribution(
    "f",
    (3.5, 4.5),
    f_logpdf,
    lambda x, m, n: beta_lower(half(m), half(n), m * x / (n + m * x)),
)
distribution(
    "weibull_min",
    (1.7,),
    lambda x, c: mp.log(c) + (c - 1) * mp.log(x) - x**c,
    lambda x, c: -mp.expm1(-(x**c)),
)
distribution(
    "laplace",
    (),
    lambda x: -abs(x) - mp.log(2),
    lambda x: mp.exp(x) / 2 if x < 0 else 1 - mp.exp(-x) / 2,
)
distribution(
    "logistic",
    (),
    lambda x: -x - 2 * mp.log1p(mp.exp(-x)),
    lambda x: 1 / (1 + mp.exp(-x)),
)
distribution(
    "cauchy",
    (),
    lambda x: -mp.log(mp.pi * (1 + x * x)),
    lambda x: mp.atan2(1, -x) / mp.pi,
)
distribution(
    "vonmises",
    (1.5,),
    lambda x, k: k * mp.cos(x) - LOG_2PI() - mp.log(mp.besseli(0, k)),
    vonmises_cdf,
    "pdf logpdf cdf sf",
)
distribution(
    "truncnorm",
    (-1.0, 2.0),
    lambda x, a, b: -half(x * x) - LOG_2PI() / 2 - mp.log(mp.ncdf(b) - mp.ncdf(a)),
    lambda x, a, b: (mp.ncdf(x) - mp.ncdf(a)) / (mp.ncdf(b) - mp.ncdf(a)),
)
distribution("gumbel_r", (), lambda x: -x - mp.exp(-x), lambda x: mp.exp(-mp.exp(-x)))
distribution(
    "pareto",
    (2.5,),
    lambda x, b: mp.log(b) - (b + 1) * mp.log(x),
    lambda x, b: 1 - x**-b,
    low=1e-3,  # nearer to the end SciPy's own values have few digits
)
distribution(
    "genpareto",
    (0.1,),
    lambda x, c: -(1 + 1 / c) * mp.log1p(c * x),
    lambda x, c: -mp.expm1(-mp.log1p(c * x) / c),
    "pdf logpdf cdf sf logsf ppf isf",
)
distribution(
    "invgauss",
    (0.8,),
    lambda x, m: -(((x / m - 1) ** 2) / x + LOG_2PI() + 3 * mp.log(x)) / 2,
    lambda x, m: (
        mp.ncdf((x / m - 1) / mp.sqrt(x))
        + mp.exp(2 / m) * mp.ncdf(-(x / m + 1) / mp.sqrt(x))
    ),
    "ppf isf",
)
distribution(
    "skewnorm",
    (1.3,),
    lambda x, a: -half(x * x) - LOG_2PI() / 2 + mp.log(2 * mp.ncdf(a * x)),
    lambda x, a: mp.ncdf(x) - 2 * mp_owens_t(x, a),
    "cdf sf",
    low=1e-4,  # nearer to the end SciPy's own values have few digits
)
distribution(
    "cosine",
    (),
    lambda x: mp.log1p(mp.cos(x)) - LOG_2PI(),
    lambda x: (mp.pi + x + mp.sin(x)) / (2 * mp.pi),
    "cdf sf ppf isf",
)

# Whole numbers: a function of the shape parameters alone


def discrete(
    name: str,
    shapes: tuple[float, ...],
    logpmf: Function,
    cdf: Function,
    moving: tuple[int, ...],
) -> None:
    """Enter the methods of a discrete distribution, by what is no whole number."""
    dist = getattr(stats, name)
    made: dict[str, Function] = {
        "logpmf": logpmf,
        "pmf": lambda *x: mp.exp(logpmf(*x)),
        "cdf": cdf,
        "sf": lambda *x: 1 - cdf(*x),
        "logcdf": lambda *x: mp.log(cdf(*x)),
        "logsf": lambda *x: mp.log1p(-cdf(*x)),
    }
    for method, exact in made.items():
        for k in (0, 1, 4)[: 2 if name == "bernoulli" else 3]:
            if name == "bernoulli" and k == 1 and method not in ("pmf", "logpmf"):
                continue  # constant

            def filled(call: Function, k: int = k) -> Function:
                def at(*moved: Any) -> Any:
                    given = list(shapes)
                    for place, value in zip(moving, moved, strict=True):
                        given[place] = value
                    return call(k, *given)

                return at

            point = tuple(shapes[place] for place in moving)
            draws = tuple(evenly(v, v) for v in point)
            ours = filled(getattr(dist, method))
            ROWS.append(
                Row(f"{name}.{method}({k})", ours, filled(exact), draws, 50, ())
            )


def binomial(k: int, n: Any, p: Any) -> Any:
    """The logarithm of the probability of a number of successes."""
    ways = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
    return ways + k * mp.log(p) + (n - k) * mp.log1p(-p)


discrete(
    "poisson",
    (2.5,),
    lambda k, m: k * mp.log(m) - m - mp.loggamma(k + 1),
    lambda k, m: upper(k + 1, m),
    (0,),
)
discrete(
    "binom",
    (7, 0.3),
    binomial,
    lambda k, n, p: mp.fsum(mp.exp(binomial(j, n, p)) for j in range(k + 1)),
    (1,),
)
discrete(
    "nbinom",
    (2.5, 0.3),
    lambda k, n, p: (
        mp.loggamma(n + k)
        - mp.loggamma(n)
        - mp.loggamma(k + 1)
        + n * mp.log(p)
        + k * mp.log1p(-p)
    ),
    lambda k, n, p: beta_lower(n, k + 1, p),
    (0, 1),
)
discrete(
    "bernoulli",
    (0.3,),
    lambda k, p: mp.log(p) if k else mp.log1p(-p),
    lambda k, p: 1 - p if k == 0 else mp.mpf(1),
    (0,),
)
