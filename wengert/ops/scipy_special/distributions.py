"""Distribution functions and their inverses, by every one of their parameters.

They are the incomplete gamma and beta functions of other arguments.  A whole number
among the parameters has no derivative.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.error import density as normal_density
from wengert.ops.scipy_special.error import like
from wengert.ops.scipy_special.incomplete import (
    BETA_DENSITY,
    BETAINC,
    GAMMA_DENSITY,
    GAMMAINC,
    NODES,
    WEIGHTS,
    Cumulant,
    beta_slope,
    moment,
    of_inverse,
    psi,
)

#: A derivative in terms of the operands alone.
Slope = Callable[..., Any]
Domain = tuple[tuple[float, float], ...]

_ufuncs = special._ufuncs


def by_shape(a: Any, x: Any) -> Any:
    """Return the derivative of the lower incomplete gamma function by `a`."""
    return apply(GAMMAINC, a, x, orders=(1,))


def by_first(a: Any, b: Any, x: Any) -> Any:
    """Return the derivative of the lower incomplete beta function by `a`."""
    return apply(BETAINC, a, b, x, orders=(1, 0))


def by_second(a: Any, b: Any, x: Any) -> Any:
    """Return the derivative of the lower incomplete beta function by `b`."""
    return apply(BETAINC, a, b, x, orders=(0, 1))


def gamma_density(a: Any, x: Any) -> Any:
    """Return the density of the gamma distribution."""
    return apply(GAMMA_DENSITY, a, x)


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return the density of the beta distribution."""
    return apply(BETA_DENSITY, a, b, x)


def constant(*_: Any) -> Any:
    """Return the derivative by a whole number."""
    return 0.0


def cumulative(
    name: str, slopes: tuple[Slope, ...], domain: Domain, *, upper: str = ""
) -> None:
    """State a distribution function by its derivatives, and its complement's name."""
    for this, sign in ((name, 1.0), (upper, -1.0)):
        if not this:
            continue
        function = getattr(special, this, None) or getattr(_ufuncs, this)
        partials = tuple(
            lambda z, *x, slope=slope, sign=sign: sign * slope(*x) for slope in slopes
        )
        elementwise(this, function, partials, form=Map(), domain=domain)


def inverse(
    name: str,
    slopes: tuple[Slope, ...],
    place: int,
    domain: Domain,
    *,
    sign: float = 1.0,
    function: Any = None,
    bound: float | None = None,
) -> None:
    """State what solves a distribution function for the argument at a place.

    The probability stands at that place; `sign` is -1 where it is of the upper tail.
    What SciPy searches for above 0 ends at a `bound` where there is no solution, and
    does not move.
    """

    def quotient(k: int, z: Any, x: Any) -> Any:
        at = (*x[:place], z, *x[place + 1 :])
        if k == place:
            return sign / slopes[place](*at)
        return of_inverse(slopes[k](*at), slopes[place](*at))

    def partial(k: int) -> Slope:
        def slope(z: Any, *x: Any) -> Any:
            if bound is None:
                return quotient(k, z, x)
            size = np.abs(z)
            is_end = (size <= LEAST) | (size >= np.float64(bound))
            return np.where(is_end, 0.0, quotient(k, np.where(is_end, 1.0, z), x))

        return slope

    function = function or getattr(special, name, None) or getattr(_ufuncs, name)
    partials = tuple(partial(k) for k in range(len(slopes)))
    elementwise(name, function, partials, form=Map(), domain=domain)


#: Searches end at 0, or so near to it, and at infinity where no less is said.
LEAST = np.float64(1e-100)  # of no single precision

# Gamma and chi-squared

SHAPE, PROBABILITY = (0.5, 3.0), (0.1, 0.9)
GAMMA: tuple[Slope, ...] = (
    lambda a, b, x: x * gamma_density(b, a * x),
    lambda a, b, x: by_shape(b, a * x),
    lambda a, b, x: a * gamma_density(b, a * x),
)
cumulative("gdtr", GAMMA, ((0.5, 1.5), (0.6, 1.5), (1.5, 2.5)), upper="gdtrc")
inverse("gdtria", GAMMA, 0, (PROBABILITY, SHAPE, (1.0, 2.0)), bound=np.inf)
inverse("gdtrib", GAMMA, 1, ((0.5, 1.5), (0.2, 0.8), (1.0, 2.0)), bound=np.inf)
inverse("gdtrix", GAMMA, 2, ((0.5, 1.5), SHAPE, PROBABILITY))
CHI2: tuple[Slope, ...] = (
    lambda v, x: 0.5 * by_shape(0.5 * v, 0.5 * x),
    lambda v, x: 0.5 * gamma_density(0.5 * v, 0.5 * x),
)
cumulative("chdtr", CHI2, ((1.0, 3.0), (4.0, 6.0)), upper="chdtrc")
inverse("chdtri", CHI2, 1, ((1.0, 3.0), (0.02, 0.3)), sign=-1.0)
inverse("chdtriv", CHI2, 0, ((0.2, 0.8), (1.0, 4.0)), bound=np.inf)

# Numbers of events: SciPy's functions of its own round them down, and Boost's do not


def rounded(*slopes: Slope, count: int) -> tuple[Slope, ...]:
    """Return derivatives at so many first numbers rounded down; by these: none."""
    moving = tuple(
        lambda *x, slope=slope: slope(*map(np.floor, x[:count]), *x[count:])
        for slope in slopes[count:]
    )
    return (constant,) * count + moving


POISSON: tuple[Slope, ...] = (
    lambda k, m: -by_shape(k + 1, m),
    lambda k, m: -gamma_density(k + 1, m),
)
EVENTS = rounded(*POISSON, count=1)
cumulative("pdtr", EVENTS, ((0.1, 0.9), (0.5, 4.0)), upper="pdtrc")
inverse("pdtri", EVENTS, 1, ())
inverse("pdtrik", POISSON, 0, ((0.5, 0.9), (1.0, 4.0)), bound=np.inf)

# Binomial

BINOMIAL: tuple[Slope, ...] = (
    lambda k, n, p: -by_first(k + 1, n - k, p) + by_second(k + 1, n - k, p),
    lambda k, n, p: -by_second(k + 1, n - k, p),
    lambda k, n, p: -beta_density(k + 1, n - k, p),
)
SUCCESSES = rounded(*BINOMIAL, count=2)
cumulative("bdtr", SUCCESSES, (), upper="bdtrc")
BINOMIAL_RANGE = ((1.0, 4.0), (5.0, 9.0), (0.2, 0.8))
cumulative("_binom_cdf", BINOMIAL, BINOMIAL_RANGE, upper="_binom_sf")
inverse("bdtri", SUCCESSES, 2, ())
inverse("bdtrik", BINOMIAL, 0, ((0.3, 0.9), (7.0, 9.0), (0.3, 0.6)), bound=np.inf)
inverse("bdtrin", BINOMIAL, 1, ((1.0, 3.0), (0.2, 0.7), (0.3, 0.6)), bound=1e100)
elementwise(
    "_binom_pmf",
    _ufuncs._binom_pmf,
    (
        lambda z, k, n, p: 0.0,
        lambda z, k, n, p: (
            z * (special.psi(n + 1) - special.psi(n - k + 1) + np.log1p(-p))
        ),
        lambda z, k, n, p: n * (mass(k - 1, n - 1, p) - mass(k, n - 1, p)),
    ),
    form=Map(),
    domain=(),
)


def mass(k: Any, n: Any, p: Any) -> Any:
    """Return the probability of a number of successes; 0 outside the triangle."""
    inside = (k >= 0) & (k <= n)
    k, n = np.where(inside, k, 0), np.where(inside, n, 0)
    return np.where(inside, _ufuncs._binom_pmf(k, n, p), 0.0)


# Negative binomial

NEGATIVE: tuple[Slope, ...] = (
    lambda k, n, p: by_second(n, k + 1, p),
    lambda k, n, p: by_first(n, k + 1, p),
    lambda k, n, p: beta_density(n, k + 1, p),
)
FAILURES = rounded(*NEGATIVE, count=2)
cumulative("nbdtr", FAILURES, (), upper="nbdtrc")
NEGATIVE_RANGE = ((1.0, 4.0), (1.0, 5.0), (0.2, 0.8))
cumulative("_nbinom_cdf", NEGATIVE, NEGATIVE_RANGE, upper="_nbinom_sf")
inverse("nbdtri", FAILURES, 2, ())
inverse("nbdtrik", NEGATIVE, 0, ((0.5, 0.9), (2.0, 5.0), (0.3, 0.5)), bound=np.inf)
inverse("nbdtrin", NEGATIVE, 1, ((1.1, 1.9), (0.2, 0.8), (0.3, 0.6)), bound=1e100)
elementwise(
    "_nbinom_pmf",
    _ufuncs._nbinom_pmf,
    (
        lambda z, k, n, p: 0.0,
        lambda z, k, n, p: z * (special.psi(n + k) - special.psi(n) + np.log(p)),
        lambda z, k, n, p: (z - one_less(k, n + 1, p)) * n / p,
    ),
    form=Map(),
    domain=(),
)


def one_less(k: Any, n: Any, p: Any) -> Any:
    """Return the probability of one failure less."""
    has_less = k > 0
    less = np.where(has_less, k - 1, 0)
    ways = special.gammaln(n + less) - special.gammaln(n) - special.gammaln(less + 1)
    powers = special.xlogy(n, p) + special.xlog1py(less, -p)
    return np.where(has_less, np.exp(ways + powers), 0.0)


# Beta and F


def own_beta_density(a: Any, b: Any, x: Any) -> Any:
    """Return the density of the beta distribution, as SciPy's distribution has it."""
    return _ufuncs._beta_pdf(x, a, b)


elementwise(
    "_beta_pdf",
    _ufuncs._beta_pdf,
    (
        lambda z, x, a, b: beta_slope(own_beta_density, z, a, b, x),
        lambda z, x, a, b: special.xlogy(z, x) + z * (psi(a + b, 0) - psi(a, 0)),
        lambda z, x, a, b: special.xlog1py(z, -x) + z * (psi(a + b, 0) - psi(b, 0)),
    ),
    form=Map(),
    domain=((0.1, 0.9), (0.5, 4.0), (0.5, 4.0)),
)
BETA: tuple[Slope, ...] = (
    by_first,
    by_second,
    beta_density,
)
inverse("btdtria", BETA, 0, (PROBABILITY, (1.0, 3.0), (0.3, 0.7)), bound=np.inf)
inverse("btdtrib", BETA, 1, ((1.0, 3.0), PROBABILITY, (0.3, 0.7)), bound=np.inf)
BETA_OF_X = tuple(
    lambda x, a, b, slope=slope: slope(a, b, x)
    for slope in (beta_density, by_first, by_second)
)
inverse("_beta_ppf", BETA_OF_X, 0, (PROBABILITY, (1.0, 3.0), (1.0, 3.0)))


def odds(m: Any, n: Any, x: Any) -> Any:
    """Return the argument of the beta distribution that F's is."""
    return m * x / (n + m * x)


F: tuple[Slope, ...] = (
    lambda m, n, x: (
        0.5 * by_first(0.5 * m, 0.5 * n, odds(m, n, x))
        + beta_density(0.5 * m, 0.5 * n, odds(m, n, x)) * n * x / (n + m * x) ** 2
    ),
    lambda m, n, x: (
        0.5 * by_second(0.5 * m, 0.5 * n, odds(m, n, x))
        - beta_density(0.5 * m, 0.5 * n, odds(m, n, x)) * m * x / (n + m * x) ** 2
    ),
    lambda m, n, x: (
        beta_density(0.5 * m, 0.5 * n, odds(m, n, x)) * m * n / (n + m * x) ** 2
    ),
)
F_RANGE = ((1.0, 5.0), (1.0, 5.0), (0.5, 3.0))
cumulative("fdtr", F, F_RANGE, upper="fdtrc")
inverse("fdtri", F, 2, (*F_RANGE[:2], PROBABILITY))
inverse("fdtridfd", F, 1, ((2.0, 4.0), (0.3, 0.5), (0.7, 1.0)), bound=1e100)

# Student's t


def student_density(v: Any, t: Any) -> Any:
    """Return the density of Student's distribution; of infinite freedom the normal."""
    is_normal = v == np.inf
    m = np.where(is_normal, 1.0, v)
    logarithm = -0.5 * (m + 1) * np.log1p(t * t / m)
    size = np.sqrt(m) * special.beta(0.5 * np.ones_like(m), 0.5 * m)
    return np.where(is_normal, normal_density(t), np.exp(logarithm) / size)


def student_cumulant(v: Any, square: Any) -> Cumulant:
    """Return the derivatives of the density's logarithm by the degrees of freedom.

    ``square`` is the square of t over v; it is t that stays.
    """
    log = np.log1p(square)

    def of_power(i: int) -> Any:
        """Return the derivative of ``log(v + t t) - log(v)``."""
        if i == 0:
            return log
        scale = -((-1.0) ** i) * math.factorial(i - 1)
        return scale * v ** (-1.0 * i) * np.expm1(-i * log)

    def cumulant(i: int, _: int) -> Any:
        gammas = psi(0.5 * (v + 1), i - 1) - psi(0.5 * v, i - 1)
        scale = -((-1.0) ** i) * math.factorial(i - 1)
        own = 0.5 * scale * v ** (-1.0 * i)
        moved = 0.5 * (v + 1) * of_power(i) + 0.5 * i * of_power(i - 1)
        return 0.5**i * gammas - own - moved

    return cumulant


@np.errstate(all="ignore")
def stdtr_derivative(v: Any, t: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of Student's distribution by the degrees of freedom.

    The integral over the tail is in w, where t is ``sqrt(v) sinh(w)``.
    """
    if orders == (0,):
        return special.stdtr(v, t)
    given = np.result_type(v, t, np.float32)
    v, t = np.broadcast_arrays(np.asarray(v, np.float64), np.asarray(t, np.float64))
    is_normal = np.isinf(v)
    v = np.where(is_normal, 1.0, v)
    start = np.arcsinh(np.abs(t) / np.sqrt(v))
    width = 1 / np.maximum(v * np.tanh(start), np.sqrt(v))
    w = start[..., None] + width[..., None] * NODES
    # Log of the hyperbolic cosine, which itself overflows.
    log = w + np.log1p(np.exp(-2 * w)) - math.log(2)
    cumulant = student_cumulant(v[..., None], np.sinh(np.minimum(w, 350.0)) ** 2)
    values = np.exp(-v[..., None] * log) * moment(orders, cumulant)
    values = np.where(v[..., None] * log > 745, 0.0, values)
    scale = -np.sign(t) * width / special.beta(0.5, 0.5 * v)
    is_still = is_normal | np.isinf(t) | (t == 0)
    return like(np.where(is_still, 0.0, scale * (values @ WEIGHTS)), given)


def stdtr_last(y: Any, v: Any, t: Any, orders: tuple[int, ...]) -> Any:
    """Return the derivative of the density by the degrees of freedom."""
    factor = moment(orders, student_cumulant(v, t * t / v))
    return student_density(v, t) * factor


STDTR = family("stdtr_derivative", stdtr_derivative, stdtr_last)


STUDENT: tuple[Slope, ...] = (
    lambda v, t: apply(STDTR, v, t, orders=(1,)),
    student_density,
)
cumulative("stdtr", STUDENT, ((1.0, 5.0), (-3.0, 3.0)))
inverse("stdtrit", STUDENT, 1, ((1.0, 5.0), PROBABILITY))
inverse("stdtridf", STUDENT, 0, ((0.84, 0.95), (1.55, 1.85)), bound=1e10)

# Normal, of a location and a scale

NORMAL: tuple[Slope, ...] = (
    lambda m, s, x: -normal_density((x - m) / s) / s,
    lambda m, s, x: -normal_density((x - m) / s) * (x - m) / (s * s),
    lambda m, s, x: normal_density((x - m) / s) / s,
)
inverse("nrdtrimn", NORMAL, 0, (PROBABILITY, (0.5, 2.0), (-1.0, 1.0)))
inverse("nrdtrisd", NORMAL, 1, ((-3.0, -1.0), (0.6, 0.9), (0.0, 1.0)))

# The cosine distribution


def cosine_density(x: Any) -> Any:
    """Return the density of the cosine distribution."""
    return (1 + np.cos(x)) / (2 * np.pi)


cumulative("_cosine_cdf", (cosine_density,), ((-2.5, 2.5),))
inverse("_cosine_invcdf", (cosine_density,), 0, (PROBABILITY,))
