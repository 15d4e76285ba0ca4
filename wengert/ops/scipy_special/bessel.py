"""Bessel functions, in their order too."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, answers, apply, elementwise, general
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import differentiated
from wengert.ops.scipy_special.error import like

ORDER_RANGE = ((0.3, 3.0), (0.5, 4.0))
POSITIVE = ((0.5, 4.0),)


def by_order(function: Any) -> Function:
    """Return the derivatives by the order of a function of an order and a number."""

    def derivative(v: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
        if orders == (0,):
            return function(v, x)
        given = np.result_type(v, x, np.float32)
        kind = np.complex128 if given.kind == "c" else np.float64
        v, x = np.asarray(v, np.float64), np.asarray(x, kind)
        with np.errstate(all="ignore"):
            # Small arguments go with a power of the order.
            step = 1 / (1 + np.abs(np.log(np.abs(x) / (1 + np.abs(v)))) / 4)
        is_zero = x == 0
        safe, step = np.where(is_zero, 1.0, x), np.where(is_zero, 1.0, step)
        found = differentiated(function, [v, safe], (*orders, 0), [step, None])
        vanishes = is_zero & (v > 0) & (function(1.0, 0.0 * x) == 0)
        found = np.where(vanishes, 0.0, np.where(is_zero, np.nan, found))
        return like(found, given)

    return derivative


def bessel(name: str, function: Any, slope: Function) -> None:
    """State a function of an order and a number.

    ``slope(y, f, v, x)`` is its derivative by the number, in terms of its value and of
    the same function ``f(v, x)`` of other orders, without a factor that has the order:
    so it holds of the derivatives by the order too.
    """

    def last(y: Any, v: Any, x: Any, orders: tuple[int, ...]) -> Any:
        return slope(y, lambda v, x: apply(all_orders, v, x, orders=orders), v, x)

    all_orders = family(f"{name}_derivative", by_order(function), last)
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


bessel("jv", special.jv, falling)
bessel("yv", special.yv, falling)
bessel("iv", special.iv, growing)
bessel("kv", special.kv, lambda y, f, v, x: -growing(y, f, v, x))
bessel("kve", special.kve, lambda y, f, v, x: y - growing(y, f, v, x))

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

elementwise(
    "kn",
    special.kn,
    (
        lambda y, n, x: 0.0,
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
        lambda y, n, x: 0.0,
        lambda y, n, x: 0.5 * (special.yn(np.trunc(n) - 1, x) - special.yn(n + 1, x)),
    ),
    form=Map(),
    domain=(),
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
