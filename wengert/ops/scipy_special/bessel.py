"""Bessel functions, in their order too."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, answers, apply, elementwise, general
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import differentiated
from wengert.ops.scipy_special.error import like
from wengert.ops.scipy_special.parameters import by_differences, parametric, rising

ORDER_RANGE = ((0.3, 3.0), (0.5, 4.0))
POSITIVE = ((0.5, 4.0),)


def by_order(function: Any, at_zero: float = np.nan) -> Function:
    """Return the derivatives by the order of a function of an order and a number.

    `at_zero` is the limit of the first at order and number 0.
    """

    def derivative(v: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
        if orders == (0,):
            return function(v, x)
        given = np.result_type(v, x, np.float32)
        kind = np.complex128 if given.kind == "c" else np.float64
        given = function(1.0, given.type(1)).dtype  # Hankel's is complex
        v, x = np.asarray(v, np.float64), np.asarray(x, kind)
        with np.errstate(all="ignore"):
            # Small arguments go with a power of the order.
            step = 1 / (1 + np.abs(np.log(np.abs(x) / (1 + np.abs(v)))) / 4)
        is_zero = x == 0
        safe, step = np.where(is_zero, 1.0, x), np.where(is_zero, 1.0, step)
        found = differentiated(function, [v, safe], (*orders, 0), [step, None])
        vanishes = is_zero & (v > 0) & (function(1.0, 0.0 * x) == 0)
        limit = np.where((v == 0) & (orders == (1,)), at_zero, np.nan)
        found = np.where(vanishes, 0.0, np.where(is_zero, limit, found))
        return like(found, given)

    return derivative


def bessel(name: str, function: Any, slope: Function, at_zero: float = np.nan) -> None:
    """State a function of an order and a number.

    ``slope(y, f, v, x)`` is its derivative by the number, in terms of its value and of
    the same function ``f(v, x)`` of other orders, without a factor that has the order:
    so it holds of the derivatives by the order too.
    """

    def last(y: Any, v: Any, x: Any, orders: tuple[int, ...]) -> Any:
        return slope(y, lambda v, x: apply(all_orders, v, x, orders=orders), v, x)

    all_orders = family(f"{name}_derivative", by_order(function, at_zero), last)
    elementwise(
        name,
        function,
        (
            lambda y, v, x: apply(all_orders, v, x, orders=(1,)),
            lambda y, v, x: slope(y, function, v, x),
        ),
        form=Map(),
        domain=ORDER_RANGE,
    )


def falling(y: Any, f: Function, v: Any, x: Any) -> Any:
    """Return half the difference of the neighbours."""
    return 0.5 * (f(v - 1, x) - f(v + 1, x))


def growing(y: Any, f: Function, v: Any, x: Any) -> Any:
    """Return half the sum of the neighbours."""
    return 0.5 * (f(v - 1, x) + f(v + 1, x))


# At order 0 the derivatives by it are pi Y0 / 2, -pi J0 / 2, -K0 and 0: DLMF 10.15.3-4
# and 10.38.4-5.
bessel("jv", special.jv, falling, -np.inf)
bessel("yv", special.yv, falling, -np.pi / 2)
bessel("iv", special.iv, growing, -np.inf)
bessel("kv", special.kv, lambda y, f, v, x: -growing(y, f, v, x), 0.0)
bessel("kve", special.kve, lambda y, f, v, x: y - growing(y, f, v, x), 0.0)

# Hankel's, and times exp(-i x) or exp(i x)

bessel("hankel1", special.hankel1, falling)
bessel("hankel2", special.hankel2, falling)
bessel("hankel1e", special.hankel1e, lambda y, f, v, x: falling(y, f, v, x) - 1j * y)
bessel("hankel2e", special.hankel2e, lambda y, f, v, x: falling(y, f, v, x) + 1j * y)

# Scaled by exp(-|Re x|), or exp(-|Im x|): of complex numbers not holomorphic


def scaled(name: str, function: Any, slope: Function, by_imaginary: bool) -> None:
    """State such a function, all its derivatives by the order included.

    `slope` is that of the function without the scale.
    """
    evaluate = by_order(function)

    def raised(v: Any, x: Any, orders: tuple[int, ...]) -> Any:
        return apply(operation, v, x, orders=(orders[0] + 1,))

    def unscaled(y: Any, v: Any, x: Any, orders: tuple[int, ...]) -> Any:
        return slope(y, lambda v, x: apply(operation, v, x, orders=orders), v, x)

    def jvp(tangents: Any, y: Any, v: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
        by_v, by_x = tangents
        total: Any = 0.0
        if by_v is not None:
            total = total + apply(CHAIN_PRODUCT, by_v, raised(v, x, orders))
        if by_x is not None:
            total = total + apply(CHAIN_PRODUCT, by_x, unscaled(y, v, x, orders))
            part = np.imag if by_imaginary else np.real
            total = total - apply(CHAIN_PRODUCT, part(by_x), np.sign(part(x)) * y)
        return total

    def vjp(g: Any, y: Any, v: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
        by_v = apply(CHAIN_PRODUCT, g, raised(v, x, orders))
        by_x = apply(CHAIN_PRODUCT, g, unscaled(y, v, x, orders))
        part = np.imag if by_imaginary else np.real
        by_part = np.real(apply(CHAIN_PRODUCT, g, np.sign(part(x)) * y))
        if not by_imaginary:
            by_x = by_x - by_part
        elif np.iscomplexobj(x):
            by_x = by_x + 1j * by_part
        return by_v, by_x

    operation = general(name, evaluate, form=Map(), jvp=jvp, vjp=vjp)
    answers(function)(lambda v, x: apply(operation, v, x, orders=(0,)))


scaled("ive", special.ive, growing, by_imaginary=False)
scaled("jve", special.jve, falling, by_imaginary=True)
scaled("yve", special.yve, falling, by_imaginary=True)

# Whole orders, to which SciPy cuts others off: no derivative by the order


def constant(y: Any, n: Any, x: Any) -> Any:
    """Return the derivative by a whole order."""
    return 0.0


elementwise(
    "kn",
    special.kn,
    (
        constant,
        lambda y, n, x: (
            -0.5 * (special.kn(np.abs(np.trunc(n) - 1), x) + special.kn(n + 1, x))
        ),
    ),
    form=Map(),
    domain=(),
)
elementwise(
    "yn",
    special.yn,
    (
        constant,
        lambda y, n, x: 0.5 * (special.yn(np.trunc(n) - 1, x) - special.yn(n + 1, x)),
    ),
    form=Map(),
    domain=(),
)

# Spherical ones, of whole orders: DLMF 10.51.2 and 10.51.5


def spherical(kind: str, sign_below: float, sign_above: float) -> None:
    """State such a function and its derivative, which both solve one recurrence."""
    function = getattr(special, f"spherical_{kind}")

    def combined(operation: Any, n: Any, x: Any) -> Any:
        """Return the derivative, of the neighbours."""
        below = sign_below * n * apply(operation, np.maximum(n - 1, 0), x)
        above = sign_above * (n + 1) * apply(operation, n + 1, x)
        return (below + above) / (2 * n + 1)

    def derivative(n: Any, x: Any) -> Any:
        return function(n, x, derivative=True)

    slope = elementwise(
        f"spherical_{kind}_slope",
        derivative,
        (constant, lambda y, n, x: combined(slope, n, x)),
        form=Map(),
        domain=(),
        numpy=(),
    )
    elementwise(
        f"spherical_{kind}",
        function,
        (constant, lambda y, n, x: apply(slope, n, x)),
        form=Map(),
        domain=(),
        numpy=(),
    )


spherical("jn", 1.0, -1.0)
spherical("yn", 1.0, -1.0)
spherical("in", 1.0, 1.0)
spherical("kn", -1.0, -1.0)

# Struve's: DLMF 11.4.27 and 11.4.28


def struve(function: Any, sign: float) -> Function:
    """Return the derivatives by the number."""

    def power(v: Any, x: Any, order: int) -> Any:
        """Return a derivative of ``(x / 2)**v / (sqrt(pi) gamma(v + 3 / 2))``."""
        size = special.rgamma(v + 1.5) / math.sqrt(math.pi)
        factor = (-0.5) ** order * rising(-v, order)
        return factor * size * (x / 2) ** (v - order)

    def by_number(v: Any, x: Any, order: int) -> Any:
        if order == 0:
            return function(v, x)
        below = by_number(v - 1.0, x, order - 1)
        above = by_number(v + 1.0, x, order - 1)
        return 0.5 * (below + sign * above + power(v, x, order - 1))

    return by_number


def logarithm(x: Any) -> Any:
    """Return how fast a power of the number goes with its exponent."""
    return np.abs(np.log(np.abs(x))) / 4


for _name, _sign in (("struve", -1.0), ("modstruve", 1.0)):
    _function = getattr(special, _name)
    _by_number = struve(_function, _sign)
    parametric(_name, _function, _by_number, ORDER_RANGE, growth=logarithm)

# The integral of t**lam J_v(2 a t) from 0 to 1: its derivative by a is DLMF 10.6.1


def besselpoly_derivative(a: Any, lam: Any, v: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative, by the exponent and the order by differences."""
    by_number, *by_parameters = orders

    def by_scale(lam: Any, v: Any, a: Any, order: int) -> Any:
        if order == 0:
            return special.besselpoly(a, lam, v)
        above = by_scale(lam + 1, v + 1, a, order - 1)
        return by_scale(lam + 1, v - 1, a, order - 1) - above

    found = by_differences(
        by_scale, (lam, v, a), (*by_parameters, by_number), power_poles, logarithm
    )
    return like(found, np.result_type(a, lam, v, np.float32))


def power_poles(lam: Any, v: Any) -> Any:
    """Return the power of which it is an integral, by both."""
    return (lam + v + 1,), (lam + v + 1,)


BESSELPOLY = family("besselpoly_derivative", besselpoly_derivative)
elementwise(
    "besselpoly",
    special.besselpoly,
    (
        lambda y, a, lam, v: apply(BESSELPOLY, a, lam, v, orders=(1, 0, 0)),
        lambda y, a, lam, v: apply(BESSELPOLY, a, lam, v, orders=(0, 1, 0)),
        lambda y, a, lam, v: apply(BESSELPOLY, a, lam, v, orders=(0, 0, 1)),
    ),
    form=Map(),
    domain=((0.5, 3.0), (0.5, 2.0), (0.5, 2.0)),
)

# Orders 0 and 1

elementwise("j0", special.j0, (lambda y, x: -special.j1(x),), form=Map())
elementwise(
    "j1",
    special.j1,
    (lambda y, x: 0.5 * (special.j0(x) - special.jv(2, x)),),
    form=Map(),
)
elementwise(
    "y0", special.y0, (lambda y, x: -special.y1(x),), form=Map(), domain=POSITIVE
)
elementwise(
    "y1",
    special.y1,
    (lambda y, x: special.y0(x) - y / x,),
    form=Map(),
    domain=POSITIVE,
)
elementwise("scipy_i0", special.i0, (lambda y, x: special.i1(x),), form=Map())
elementwise(
    "i1",
    special.i1,
    (lambda y, x: 0.5 * (special.i0(x) + special.iv(2, x)),),
    form=Map(),
)
elementwise(
    "i0e",
    special.i0e,
    (lambda y, x: special.i1e(x) - np.sign(x) * y,),
    form=Map(),
)
elementwise(
    "i1e",
    special.i1e,
    (lambda y, x: 0.5 * (special.i0e(x) + special.ive(2, x)) - np.sign(x) * y,),
    form=Map(),
)
elementwise(
    "k0", special.k0, (lambda y, x: -special.k1(x),), form=Map(), domain=POSITIVE
)
elementwise(
    "k1",
    special.k1,
    (lambda y, x: -special.k0(x) - y / x,),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "k0e", special.k0e, (lambda y, x: y - special.k1e(x),), form=Map(), domain=POSITIVE
)
elementwise(
    "k1e",
    special.k1e,
    (lambda y, x: y - special.k0e(x) - y / x,),
    form=Map(),
    domain=POSITIVE,
)
