"""The gamma function and its relatives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.polynomial import polynomial
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, constant_of, elementwise
from wengert.ops.families import family, with_family
from wengert.ops.scipy_special.error import like

POSITIVE = ((0.2, 4.0),)

elementwise(
    "gammaln",
    special.gammaln,
    (lambda y, x: special.psi(x),),
    form=Map("lgamma(x)"),
    domain=POSITIVE,
)
elementwise(
    "loggamma",
    special.loggamma,
    (lambda y, x: special.psi(x),),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "gamma",
    special.gamma,
    (lambda y, x: y * special.psi(x),),
    form=Map("tgamma(x)"),
    domain=POSITIVE,
)
constant_of("gammasgn", special.gammasgn, form=Map(), domain=POSITIVE)


def half_turns(x: Any) -> Any:
    """Return x minus the nearest even number: sine and cosine of pi x are the same."""
    return x - 2 * np.rint(np.real(x) / 2)


def rgamma_partial(y: Any, x: Any) -> Any:
    """Return the derivative of 1/gamma, by reflection on the left: no poles there."""
    is_left = np.real(x) < 0.5
    left, right = np.where(is_left, x, 0.0), np.where(is_left, 1.0, x)
    turn, mirrored = np.pi * half_turns(left), 1 - left
    reflected = special.gamma(mirrored) * (
        np.cos(turn) - special.psi(mirrored) * np.sin(turn) / np.pi
    )
    return np.where(is_left, reflected, -y * special.psi(right))


elementwise("rgamma", special.rgamma, (rgamma_partial,), form=Map(), domain=POSITIVE)

# Hurwitz's zeta function, by Euler and Maclaurin's formula

TERMS = 16
#: B_2j / (2j)!, the factors of the formula.
FACTORS = [
    b / math.factorial(2 * j)
    for j, b in enumerate(
        (
            1 / 6,
            -1 / 30,
            1 / 42,
            -1 / 30,
            5 / 66,
            -691 / 2730,
            7 / 6,
            -3617 / 510,
            43867 / 798,
            -174611 / 330,
        ),
        1,
    )
]


def rising(count: int) -> Any:
    """Return the coefficients of ``s (s + 1) ... (s + count - 1)``."""
    return polynomial.polyfromroots(-np.arange(count)) if count else np.ones(1)


def tail(s: Any, a: Any, order: int) -> Any:
    """Return a derivative by s of the sum's remainder from a on, over ``a**-s``."""
    found = (-1) ** order * math.factorial(order) * a / (s - 1) ** (order + 1)
    found = found + (0.5 if order == 0 else 0.0)
    for j, factor in enumerate(FACTORS, 1):
        coefficients = polynomial.polyder(rising(2 * j - 1), order)
        found = found + factor * polynomial.polyval(s, coefficients) * a ** (
            1.0 - 2 * j
        )
    return found


@np.errstate(all="ignore")
def hurwitz(s: Any, q: Any, order: int) -> Any:
    """Return a derivative by s of the sum of ``(k + q)**-s``."""
    left = np.min(np.real(q), initial=0.0)
    terms = TERMS + (int(-left) if left > -1000 else 0)
    total: Any = 0.0
    for k in range(terms):
        log = np.log(q + k)
        total = total + np.exp(-s * log) * (-log) ** order
    a = q + terms
    log = np.log(a)
    rest: Any = 0.0
    for k in range(order + 1):
        part = math.comb(order, k) * (-log) ** (order - k) * tail(s, a, k)
        rest = rest + part
    return total + np.exp(-s * log) * rest


def zeta_derivative(s: Any, q: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of Hurwitz's zeta function."""
    by_s, by_q = orders
    given = np.result_type(s, q, np.float32)
    kind = np.complex128 if given.kind == "c" else np.float64
    s, q = np.asarray(s, kind), np.asarray(q, kind)
    total: Any = 0.0
    for k in range(by_s + 1):
        coefficients = polynomial.polyder(rising(by_q), k)
        factor = math.comb(by_s, k) * polynomial.polyval(s, coefficients)
        total = total + factor * hurwitz(s + by_q, q, by_s - k)
    return like((-1) ** by_q * total, given)


ZETA = family("zeta_derivative", zeta_derivative)
elementwise(
    "zeta",
    special._ufuncs._zeta,
    (
        lambda z, x, q: apply(ZETA, x, q, orders=(1, 0)),
        lambda z, x, q: -x * special.zeta(x + 1, q),
    ),
    form=Map(),
    domain=((1.5, 4.0), (0.3, 3.0)),
)


def riemann_partial(y: Any, s: Any) -> Any:
    """Return the derivative of Riemann's zeta function, by reflection on the left."""
    is_left = np.real(s) < 0.5
    right = np.where(is_left, 2.0, s)
    t = 1 - np.where(is_left, s, -1.0)
    turn = np.pi * half_turns(t / 2)
    value = apply(ZETA, t, 1.0, orders=(0, 0))
    slope = apply(ZETA, t, 1.0, orders=(1, 0))
    log = special.psi(t) - math.log(2 * math.pi)
    reflected = (log * np.cos(turn) - np.pi / 2 * np.sin(turn)) * value
    reflected = reflected + np.cos(turn) * slope
    scale = -2 * (2 * np.pi) ** -t * special.gamma(t)
    return np.where(is_left, scale * reflected, apply(ZETA, right, 1.0, orders=(1, 0)))


elementwise(
    "riemann_zeta",
    special._ufuncs._riemann_zeta,
    (riemann_partial,),
    form=Map(),
    domain=((1.5, 4.0),),
)

elementwise(
    "zetac", special.zetac, (riemann_partial,), form=Map(), domain=((1.5, 4.0),)
)

# Derivatives of the digamma function


def psi_derivative(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a polygamma function."""
    (order,) = orders
    if order == 0:
        return special.psi(x)
    sign = (-1) ** (order + 1) * math.factorial(order)
    if np.iscomplexobj(x):
        given, x = x, np.asarray(x, np.complex128)
        return like(sign * hurwitz(order + 1.0, x, 0), given)
    return like(special.polygamma(order, x), x)


PSI = with_family("psi", special.psi, psi_derivative, form=Map(), domain=POSITIVE)

# Functions of two numbers that are made of gamma functions.  A pole below makes them 0,
# with the slope of 1/gamma; where one above meets one below, the difference of digamma
# functions has a finite part, by their reflection (DLMF 5.5.4).


def is_pole(x: Any) -> Any:
    """Whether the gamma function has a pole at a number."""
    return (x <= 0) & (x == np.floor(x))


def psi_difference(x: Any, y: Any) -> Any:
    """Return ``psi(x) - psi(y)``, or its finite part where both have a pole."""
    is_finite = is_pole(x) & is_pole(y)
    x, y = np.where(is_finite, 1 - x, x), np.where(is_finite, 1 - y, y)
    return special.psi(x) - special.psi(y)


def slope_at_zero(size: Any, other: Any, pole: Any) -> Any:
    """Return the derivative of ``size / gamma(pole)`` by a number in both.

    That of the size is it times ``psi(other)``.
    """
    return size * (special.psi(other) * special.rgamma(pole) + rgamma_partial(0, pole))


def apart(condition: Any, *numbers: Any) -> tuple[Any, ...]:
    """Return numbers where a condition holds, and others without a pole elsewhere."""
    return tuple(np.where(condition, x, 1.0) for x in numbers)


def beta_partial(z: Any, x: Any, y: Any) -> Any:
    """Return the derivative by the first number."""
    is_zero = is_pole(x + y) & ~is_pole(x) & ~is_pole(y)
    a, b, both = apart(is_zero, x, y, x + y)
    at_zero = slope_at_zero(special.gamma(a) * special.gamma(b), a, both)
    elsewhere = psi_difference(x, np.where(is_zero, 1.0, x + y))
    return np.where(is_zero, at_zero, z * elsewhere)


def binom_partial(z: Any, x: Any, y: Any) -> Any:
    """Return the derivative by the number of things."""
    rest = x - y + 1
    is_zero = is_pole(rest) & ~is_pole(x + 1) & ~is_pole(y + 1)
    a, b, c = apart(is_zero, x + 1, y + 1, rest)
    at_zero = slope_at_zero(special.gamma(a) * special.rgamma(b), a, c)
    elsewhere = psi_difference(x + 1, np.where(is_zero, 1.0, rest))
    return np.where(is_zero, at_zero, z * elsewhere)


def binom_by_choice(z: Any, x: Any, y: Any) -> Any:
    """Return the derivative by how many are chosen; both sides may be a pole."""
    rest = x - y + 1
    is_above = is_pole(rest) & ~is_pole(x + 1) & ~is_pole(y + 1)
    is_below = is_pole(y + 1) & ~is_pole(x + 1) & ~is_pole(rest)
    is_zero = is_above | is_below
    pole, other = np.where(is_above, rest, y + 1), np.where(is_above, y + 1, rest)
    a, b, c = apart(is_zero, x + 1, other, pole)
    size = special.gamma(a) * special.rgamma(b)
    at_zero = -slope_at_zero(size, b, c)
    at_zero = np.where(is_above, at_zero, -at_zero)
    elsewhere = psi_difference(*(np.where(is_zero, 1.0, v) for v in (rest, y + 1)))
    return np.where(is_zero, at_zero, z * elsewhere)


def poch_partial(z: Any, x: Any, y: Any) -> Any:
    """Return the derivative by the first factor."""
    is_zero = is_pole(x) & ~is_pole(x + y)
    a, above = apart(is_zero, x, x + y)
    at_zero = slope_at_zero(special.gamma(above), above, a)
    elsewhere = psi_difference(x + y, np.where(is_zero, 1.0, x))
    return np.where(is_zero, at_zero, z * elsewhere)


elementwise(
    "beta",
    special.beta,
    (
        beta_partial,
        lambda z, x, y: beta_partial(z, y, x),
    ),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "betaln",
    special.betaln,
    (
        lambda z, x, y: psi_difference(x, x + y),
        lambda z, x, y: psi_difference(y, x + y),
    ),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "binom",
    special.binom,
    (binom_partial, binom_by_choice),
    form=Map(),
    domain=((4.0, 7.0), (0.2, 3.5)),
)
elementwise(
    "poch",
    special.poch,
    (poch_partial, lambda z, x, y: z * special.psi(x + y)),
    form=Map(),
    domain=POSITIVE,
)
