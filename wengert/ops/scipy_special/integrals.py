"""Exponential, trigonometric and Fresnel integrals, and Owen's T."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, apply, elementwise, general
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.scipy_special.error import PEAK, SQRT2
from wengert.ops.special import SINC

POSITIVE = ((0.3, 4.0),)

elementwise(
    "exp1",
    special.exp1,
    (lambda y, x: -np.exp(-x) / x,),
    form=Map(),
    domain=POSITIVE,
)
elementwise(
    "expi",
    special.expi,
    (lambda y, x: np.exp(x) / x,),
    form=Map(),
    domain=POSITIVE,
)


def expn_partial(y: Any, n: Any, x: Any) -> Any:
    """Return the derivative of the exponential integral of a whole order."""
    is_lowest = np.trunc(n) == 0  # SciPy cuts orders off
    below = special.expn(np.where(is_lowest, 0, n - 1), x)
    return np.where(is_lowest, -y * (1 + 1 / x), -below)


elementwise(
    "expn", special.expn, (lambda y, n, x: 0.0, expn_partial), form=Map(), domain=()
)
elementwise(
    "owens_t",
    special.owens_t,
    (
        lambda y, h, a: -0.5 * PEAK * np.exp(-0.5 * h * h) * special.erf(a * h / SQRT2),
        lambda y, h, a: np.exp(-0.5 * h * h * (1 + a * a)) / (2 * np.pi * (1 + a * a)),
    ),
    form=Map(),
)

# Pairs of integrals


def pair(name: str, function: Any, slopes: tuple[Function, Function]) -> None:
    """State a function with two results by the derivative of each."""

    def jvp(tangents: Any, results: Any, x: Any) -> Any:
        return tuple(apply(CHAIN_PRODUCT, tangents[0], slope(x)) for slope in slopes)

    def vjp(gradients: Any, results: Any, x: Any) -> Any:
        total: Any = None
        for g, slope in zip(gradients, slopes, strict=True):
            if g is not None:
                part = apply(CHAIN_PRODUCT, g, slope(x))
                total = part if total is None else total + part
        return (total,)

    general(name, function, form=Map(), jvp=jvp, vjp=vjp, results=2, numpy=(function,))


def sine_over(x: Any) -> Any:
    """Return ``sin(x) / x``."""
    return apply(SINC, x / np.pi, orders=(0,))


def hyperbolic_sine_over(x: Any) -> Any:
    """Return ``sinh(x) / x``."""
    if np.iscomplexobj(x):
        return apply(SINC, 1j * x / np.pi, orders=(0,))
    return 0.5 * (special.exprel(x) + special.exprel(-x))


def quarter_turns(x: Any) -> Any:
    """Return ``x**2`` in quarter turns, less full ones: large numbers keep digits."""
    whole = np.rint(np.real(x))
    rest = x - whole
    odd = whole % 2
    twice = 2 * whole * rest
    return odd + twice - 4 * np.rint(np.real(twice) / 4) + rest * rest


pair("sici", special.sici, (sine_over, lambda x: np.cos(x) / x))
pair("shichi", special.shichi, (hyperbolic_sine_over, lambda x: np.cosh(x) / x))
pair(
    "fresnel",
    special.fresnel,
    (
        lambda x: np.sin(math.pi / 2 * quarter_turns(x)),
        lambda x: np.cos(math.pi / 2 * quarter_turns(x)),
    ),
)
