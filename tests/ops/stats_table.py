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
    whole: tuple[int, ...] = (),
    digits: int = 50,
) -> None:
    """Enter the methods of a distribution by its density and distribution function.

    They are judged in the middle and in both tails, the lower one from `low` on.  Its
    first shapes may be whole numbers, by which nothing is differentiated.
    """
    probabilities = (0.3, low, 1 - 1e-6)
    dist = getattr(stats, name)

    def method_of(name: str) -> Function:
        return lambda x, *rest: getattr(dist, name)(x, *whole, *rest)

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
        ours = method_of(method)
        if method in ("ppf", "isf"):
            exact = quantile(cdf, ours, is_upper=method == "isf")
            at = tuple((p, *parameters) for p in probabilities[:2])
        else:
            exact = scaled(made[method], method)
            points = [method_of("ppf")(p, *parameters) for p in probabilities]
            at = tuple((float(x), *parameters) for x in points)
        draws = tuple(evenly(v, v) for v in at[0])
        ROWS.append(Row(f"{name}.{method}", ours, exact, draws, digits, at))


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


def pearson_logpdf(x: Any, skew: Any) -> Any:
    """The logarithm of the density of Pearson's type III, as of a gamma density."""
    a = 4 / mp.mpf(skew) ** 2
    y = a + 2 * x / mp.mpf(skew)
    return mp.log(mp.sqrt(a)) + (a - 1) * mp.log(y) - y - mp.loggamma(a)


def pearson_cdf(x: Any, skew: Any) -> Any:
    """The distribution function of Pearson's type III."""
    a = 4 / mp.mpf(skew) ** 2
    y = a + 2 * x / mp.mpf(skew)
    return lower(a, y) if skew > 0 else upper(a, y)


for _skew, _digits in ((0.7, 50), (-1.1, 50), (0.03, 80)):
    distribution(
        "pearson3", (_skew,), pearson_logpdf, pearson_cdf, low=1e-6, digits=_digits
    )


def kappa_y(x: Any, k: Any) -> Any:
    """What Hosking's kappa distribution is of."""
    return mp.exp(mp.log(1 - k * x) / k)


distribution(
    "kappa4",
    (0.3, -0.2),
    lambda x, h, k: (
        (1 - k) * mp.log(kappa_y(x, k)) + (1 / h - 1) * mp.log1p(-h * kappa_y(x, k))
    ),
    lambda x, h, k: mp.exp(mp.log1p(-h * kappa_y(x, k)) / h),
    low=1e-4,
)


distribution(
    "irwinhall",
    (),
    lambda x: mp.log(
        half(x * x)
        if x < 1
        else half(-2 * x * x + 6 * x - 3)
        if x < 2
        else half((3 - x) ** 2)
    ),
    lambda x: (
        x**3 / 6
        if x < 1
        else (-2 * x**3 + 9 * x**2 - 9 * x + 3) / 6
        if x < 2
        else 1 - (3 - x) ** 3 / 6
    ),
    whole=(3,),
)
distribution(
    "geninvgauss",
    (2.3, 1.5),
    lambda x, p, b: (
        (p - 1) * mp.log(x) - half(b * (x + 1 / x)) - mp.log(2 * mp.besselk(p, b))
    ),
    lambda x, p, b: x,
    "pdf logpdf",
    low=1e-3,
)
distribution(
    "genhyperbolic",
    (0.5, 1.5, -0.5),
    lambda x, p, a, b: (
        half(p) * mp.log(a * a - b * b)
        - LOG_2PI() / 2
        - (p - half(1)) * mp.log(a)
        - mp.log(mp.besselk(p, mp.sqrt(a * a - b * b)))
        + (p - half(1)) * mp.log(mp.sqrt(1 + x * x))
        + mp.log(mp.besselk(p - half(1), a * mp.sqrt(1 + x * x)))
        + b * x
    ),
    lambda x, p, a, b: x,
    "pdf logpdf",
    low=1e-3,
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
