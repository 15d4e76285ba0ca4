"""Special functions that are formulas: logistic, entropies, Box-Cox, losses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, constant_of, elementwise
from wengert.ops.elementwise import share_of
from wengert.ops.families import family, quadrature, with_family
from wengert.ops.scipy_special.error import UNIT, like

POSITIVE = ((0.2, 3.0),)

# Elementary functions that SciPy has too

elementwise(
    "scipy_expm1", special.expm1, (lambda y, x: np.exp(x),), form=Map("expm1(x)")
)
elementwise(
    "scipy_log1p",
    special.log1p,
    (lambda y, x: 1 / (1 + x),),
    form=Map("log1p(x)"),
    domain=((-0.7, 3.0),),
)
elementwise(
    "scipy_cbrt",
    special.cbrt,
    (lambda y, x: 1 / (3 * y * y),),
    form=Map("cbrt(x)"),
    domain=POSITIVE,
)
elementwise(
    "scipy_exp2",
    special.exp2,
    (lambda y, x: y * math.log(2),),
    form=Map("exp2(x)"),
)
elementwise(
    "exp10", special.exp10, (lambda y, x: y * math.log(10),), form=Map("10 ** x")
)
elementwise(
    "cosm1",
    special.cosm1,
    (lambda y, x: -np.sin(x),),
    form=Map("-2 * sin(0.5 * x) * sin(0.5 * x)"),
)

# Of degrees; minutes and seconds are parts of one

DEGREE = math.pi / 180
elementwise(
    "sindg", special.sindg, (lambda y, x: DEGREE * special.cosdg(x),), form=Map()
)
elementwise(
    "cosdg", special.cosdg, (lambda y, x: -DEGREE * special.sindg(x),), form=Map()
)
elementwise("tandg", special.tandg, (lambda y, x: DEGREE * (1 + y * y),), form=Map())
elementwise(
    "cotdg",
    special.cotdg,
    (lambda y, x: -DEGREE * (1 + y * y),),
    form=Map(),
    domain=((20.0, 70.0),),
)
elementwise(
    "radian",
    special.radian,
    (
        lambda y, d, m, s: DEGREE,
        lambda y, d, m, s: DEGREE / 60,
        lambda y, d, m, s: DEGREE / 3600,
    ),
    form=Map(),
)
constant_of("special_round", special.round, form=Map(), domain=((0.1, 0.4),))
elementwise(
    "powm1",
    special.powm1,
    (
        lambda z, x, y: y * x ** (y - 1),
        lambda z, x, y: special.xlogy(z + 1, x),
    ),
    form=Map(),
    domain=((0.3, 3.0), (-3.0, 3.0)),
)

# The logistic function

elementwise(
    "expit",
    special.expit,
    (lambda y, x: y * special.expit(-x),),
    form=Map("1 / (1 + exp(-x))"),
)
elementwise(
    "logit",
    special.logit,
    (lambda y, x: 1 / x + 1 / (1 - x),),
    form=Map(
        "select(x < 0.3 or x > 0.65, log(x / (1 - x)),"
        " log1p(2 * x - 1) - log1p(1 - 2 * x))"
    ),
    domain=UNIT,
)
elementwise(
    "log_expit",
    special.log_expit,
    (lambda y, x: special.expit(-x),),
    form=Map("select(x < 0, x - log1p(exp(x)), -log1p(exp(-x)))"),
)

# Entropies: 0 log 0 is 0


elementwise(
    "xlogy",
    special.xlogy,
    (lambda z, x, y: np.log(y), lambda z, x, y: share_at_zero(x, y)),
    form=Map("select(x == 0 and y == y, 0, x * log(y))"),
    domain=((-3.0, 3.0), (0.2, 3.0)),
)
elementwise(
    "xlog1py",
    special.xlog1py,
    (lambda z, x, y: np.log1p(y), lambda z, x, y: share_at_zero(x, 1 + y)),
    form=Map("select(x == 0 and y == y, 0, x * log1p(y))"),
    domain=((-3.0, 3.0), (-0.7, 3.0)),
)


def share_at_zero(x: Any, y: Any) -> Any:
    """Return x / y, 0 where both are 0; by x its slope is 1/y also where x is 0."""
    is_zero = (x == 0) & (y == 0)
    return np.where(is_zero, 0.0, x / np.where(is_zero, 1.0, y))


elementwise(
    "entr",
    special.entr,
    (lambda y, x: -np.log(x) - 1,),
    form=Map("select(x != x, x, select(x > 0, -x * log(x), select(x == 0, 0, -inf)))"),
    domain=POSITIVE,
)
elementwise(
    "rel_entr",
    special.rel_entr,
    (lambda z, x, y: np.log(x / y) + 1, lambda z, x, y: -share_at_zero(x, y)),
    form=Map(
        "select(x != x or y != y, nan, select(x > 0 and y > 0, x * log(x / y),"
        " select(x == 0 and y >= 0, 0, inf)))"
    ),
    domain=POSITIVE,
)
elementwise(
    "kl_div",
    special.kl_div,
    (lambda z, x, y: np.log(x / y), lambda z, x, y: 1 - share_at_zero(x, y)),
    form=Map(
        "select(x != x or y != y, nan, select(x > 0 and y > 0,"
        " x * log(x / y) - x + y, select(x == 0 and y >= 0, y, inf)))"
    ),
    domain=POSITIVE,
)

# Losses; the first operand is the scale


def huber_by_scale(z: Any, x: Any, y: Any) -> Any:
    """Return what the residual exceeds the scale by."""
    return np.maximum(np.abs(y) - x, 0.0)


elementwise(
    "huber",
    special.huber,
    (huber_by_scale, lambda z, x, y: np.clip(y, -x, x)),
    form=Map(
        "select(x < 0, inf, select(fabs(y) <= x, 0.5 * y * y, x * (fabs(y) - 0.5 * x)))"
    ),
    domain=((1.0, 3.0), (-0.9, 0.9)),
)


def pseudo_huber_by_scale(z: Any, x: Any, y: Any) -> Any:
    """Return the derivative by the scale, which does not cancel for small residuals."""
    hypotenuse = np.hypot(x, y)
    return share_of(y**4, hypotenuse * (hypotenuse + x) ** 2)


elementwise(
    "pseudo_huber",
    special.pseudo_huber,
    (
        pseudo_huber_by_scale,
        lambda z, x, y: x * share_of(y, np.hypot(x, y)),
    ),
    form=Map(),
    domain=((0.5, 3.0), (-3.0, 3.0)),
)

# (exp(x) - 1) / x and log(1 + x) / x are integrals of elementary functions over t from
# 0 to 1, and so are their derivatives.

NODES, WEIGHTS = quadrature(24)


@np.errstate(all="ignore")
def exprel_derivative(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return the integral of ``t**n exp(x t)``."""
    (order,) = orders
    if order == 0:
        return special.exprel(x)
    given, x = x, np.asarray(x, np.float64)
    is_near = np.abs(x) < 8.0 + 2.0 * order
    small, large = np.where(is_near, x, 0.0), np.where(is_near, 1.0, x)
    inside = (NODES**order * np.exp(small[..., None] * NODES)) @ WEIGHTS
    exponential = np.exp(large)
    outside = np.where(large == np.inf, np.inf, (exponential - 1) / large)
    for n in range(1, order + 1):
        outside = (exponential - n * outside) / large
        outside = np.where(large == np.inf, np.inf, outside)
    return like(np.where(is_near, inside, outside), given)


EXPREL = with_family(
    "exprel",
    special.exprel,
    exprel_derivative,
    form=Map("select(fabs(x) < 1e-16, 1, expm1(x) / x)"),
)


@np.errstate(all="ignore")
def log1prel_derivative(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of ``log1p(x) / x``, which is 1 at 0."""
    (order,) = orders
    given = x
    x = np.asarray(x, np.complex128 if np.iscomplexobj(x) else np.float64)
    is_near = np.abs(x) < 0.5
    small, large = np.where(is_near, x, 0.0), np.where(is_near, 1.0, x)
    poles = (-NODES) ** order * (1 + small[..., None] * NODES) ** (-order - 1.0)
    inside = math.factorial(order) * (poles @ WEIGHTS)
    outside = np.log1p(large) / large
    for n in range(1, order + 1):
        slope = (-1) ** (n - 1) * math.factorial(n - 1) * (1 + large) ** -float(n)
        outside = (slope - n * outside) / large
    return like(np.where(is_near, inside, outside), given)


LOG1PREL = family("log1prel_derivative", log1prel_derivative)


def log1prel(x: Any, order: int = 0) -> Any:
    """Return a derivative of ``log1p(x) / x``."""
    return apply(LOG1PREL, x, orders=(order,))


# Box and Cox's transform, (x^y - 1) / y


def by_exponent(log: Any, y: Any, limit: Any) -> Any:
    """Return the derivative by the exponent, given the logarithm; its limit at 0."""
    is_zero = log == -np.inf
    log = np.where(is_zero, 0.0, log)
    found = log * log * apply(EXPREL, y * log, orders=(1,))
    return np.where(is_zero, limit(y), found)


def limit_at_zero(y: Any) -> Any:
    """Return the derivative of -1/y for a positive exponent, infinite else."""
    is_positive = y > 0
    return np.where(is_positive, 1 / np.where(is_positive, y, 1.0) ** 2, np.inf)


elementwise(
    "boxcox",
    special.boxcox,
    (
        lambda z, x, y: x ** (y - 1),
        lambda z, x, y: by_exponent(np.log(x), y, limit_at_zero),
    ),
    form=Map("select(y == 0, log(x), expm1(y * log(x)) / y)"),
    domain=((0.2, 3.0), (-2.0, 2.0)),
)
elementwise(
    "boxcox1p",
    special.boxcox1p,
    (
        lambda z, x, y: np.exp((y - 1) * np.log1p(x)),
        lambda z, x, y: by_exponent(np.log1p(x), y, limit_at_zero),
    ),
    form=Map("select(y == 0, log1p(x), expm1(y * log1p(x)) / y)"),
    domain=((-0.7, 3.0), (-2.0, 2.0)),
)
elementwise(
    "inv_boxcox",
    special.inv_boxcox,
    (
        lambda z, x, y: z / (1 + x * y),
        lambda z, x, y: z * x * x * log1prel(x * y, 1),
    ),
    form=Map("select(y == 0, exp(x), exp(log1p(x * y) / y))"),
    domain=((0.2, 2.0), (-0.4, 2.0)),
)
elementwise(
    "inv_boxcox1p",
    special.inv_boxcox1p,
    (
        lambda z, x, y: (z + 1) / (1 + x * y),
        lambda z, x, y: (z + 1) * x * x * log1prel(x * y, 1),
    ),
    form=Map("select(y == 0, expm1(x), expm1(log1p(x * y) / y))"),
    domain=((0.2, 2.0), (-0.4, 2.0)),
)

# Tukey's distribution function: its inverse is boxcox(p, y) - boxcox(1 - p, y)


def tukey_by_number(p: Any, x: Any, y: Any) -> Any:
    """Return the density; outside the range there is none."""
    is_end = (p == 0) | (p == 1)
    p = np.where(is_end, 0.5, p)
    return np.where(is_end, 0.0, 1 / (p ** (y - 1) + (1 - p) ** (y - 1)))


def tukey_by_shape(p: Any, x: Any, y: Any) -> Any:
    """Return the derivative by the exponent."""
    is_end = (p == 0) | (p == 1)
    inside = np.where(is_end, 0.5, p)
    left = by_exponent(np.log(inside), y, limit_at_zero)
    right = by_exponent(np.log1p(-inside), y, limit_at_zero)
    return (right - left) * tukey_by_number(p, x, y)


elementwise(
    "tklmbda",
    special.tklmbda,
    (tukey_by_number, tukey_by_shape),
    form=Map(),
    domain=((-1.0, 1.0), (-1.0, 0.8)),
)

# The dilogarithm, Lambert's W and Wright's omega

elementwise(
    "spence",
    special.spence,
    (lambda y, x: -log1prel(x - 1),),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "wrightomega",
    special.wrightomega,
    (lambda w, z: w / (1 + w),),
    form=Map(),
)
elementwise(
    "lambertw",
    special._ufuncs._lambertw,
    (
        lambda w, z, k, tol: np.exp(-w) / (1 + w),
        lambda w, z, k, tol: 0.0,
        lambda w, z, k, tol: 0.0,
    ),
    form=Map(),
    domain=(),
)
