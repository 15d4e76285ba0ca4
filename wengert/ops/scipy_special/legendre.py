"""Legendre functions of whole degree and order, and spherical harmonics.

SciPy has their first two derivatives; those of it are taken by differences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, apply, elementwise, general
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import differentiated
from wengert.ops.scipy_special.error import like

#: Up to which order SciPy has derivatives.
LAST = 2


def further(function: Function, operands: Any, order: int, step: Any) -> Any:
    """Return a derivative by the last operand: ``function(*operands, order)``."""
    if order <= LAST:
        return function(*operands, order)
    orders = (*[0] * (len(operands) - 1), order - LAST)
    steps = [*[None] * (len(operands) - 1), step]
    found = differentiated(
        lambda *moved: function(*moved, LAST), list(operands), orders, steps
    )
    return like(found, operands[-1])


def to_ends(x: Any) -> Any:
    """Return a part of the way to the nearer of -1 and 1."""
    return 0.3 * np.minimum(np.abs(1 - x), np.abs(1 + x))


def evaluate_legendre(n: Any, x: Any, *, order: int) -> Any:
    """Return a derivative of Legendre's polynomial, which is analytic everywhere."""

    def function(n: Any, x: Any, order: int) -> Any:
        return special.legendre_p(n, x, diff_n=order)[order]

    return further(function, (n, x), order, 2 / (1 + n) ** 2)


def evaluate_associated(
    n: Any, m: Any, x: Any, *, order: int, branch_cut: int, norm: bool
) -> Any:
    """Return a derivative of the associated function."""

    def function(n: Any, m: Any, x: Any, order: int) -> Any:
        every = special.assoc_legendre_p(
            n, m, x, branch_cut=branch_cut, norm=norm, diff_n=order
        )
        return every[order]

    return further(function, (n, m, x), order, to_ends(x) / (1 + n))


def evaluate_spherical(n: Any, m: Any, x: Any, *, order: int) -> Any:
    """Return a derivative of the spherical one, a polynomial in sine and cosine."""

    def function(n: Any, m: Any, x: Any, order: int) -> Any:
        return special.sph_legendre_p(n, m, x, diff_n=order)[order]

    # Of an odd order there is a kink at the poles.
    to_pole = np.abs(x - np.pi * np.rint(x / np.pi))
    within = np.where(m % 2 == 0, np.inf, 0.9 * to_pole)
    return further(function, (n, m, x), order, np.minimum(2 / (1 + n), within))


def evaluate_harmonic(n: Any, m: Any, theta: Any, phi: Any, *, order: int) -> Any:
    """Return a derivative of the spherical harmonic by the polar angle."""
    if order == 0:
        return special.sph_harm_y(n, m, theta, phi)
    wave = np.exp(1j * m * phi)
    return like(
        evaluate_spherical(n, m, theta, order=order) * wave,
        np.result_type(theta, phi, np.complex64),
    )


def of_order(name: str, evaluate: Function, *, is_wave: bool = False) -> None:
    """State a function whose rule by the number is the next order.

    A wave has its angle after the number, and the order m before.
    """
    last = 2 if is_wave else 1

    def slopes(y: Any, operands: Any, order: int, how: Any) -> list[Any]:
        found = [apply(operation, *operands, order=order + 1, **how)]
        return [*found, 1j * operands[1] * y] if is_wave else found

    def jvp(tangents: Any, y: Any, *operands: Any, order: int, **how: Any) -> Any:
        total: Any = 0.0
        moved = zip(tangents[-last:], slopes(y, operands, order, how), strict=True)
        for tangent, slope in moved:
            if tangent is not None:
                total = total + apply(CHAIN_PRODUCT, tangent, slope)
        return total

    def vjp(g: Any, y: Any, *operands: Any, order: int, **how: Any) -> Any:
        found = (
            apply(CHAIN_PRODUCT, g, slope) for slope in slopes(y, operands, order, how)
        )
        return (*[None] * (len(operands) - last), *found)

    operation = general(name, evaluate, form=Map(), jvp=jvp, vjp=vjp)


of_order("legendre_p", evaluate_legendre)
of_order("assoc_legendre_p", evaluate_associated)
of_order("sph_legendre_p", evaluate_spherical)
of_order("sph_harm_y", evaluate_harmonic, is_wave=True)

# Ferrers's function of any degree: DLMF 14.10.5


def ferrers(m: Any, v: Any, x: Any, order: int) -> Any:
    """Return the value, or the derivative."""
    value = special.lpmv(m, v, x)
    if order == 0:
        return value
    return ((m + v) * special.lpmv(m, v - 1, x) - v * x * value) / ((1 - x) * (1 + x))


def lpmv_derivative(m: Any, v: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative; by the whole order there is none."""
    by_m, by_v, by_x = orders
    given = np.result_type(m, v, x, np.float32)
    values = [np.asarray(p, np.float64) for p in (np.trunc(m), v, x)]
    base = min(by_x, 1)
    found = differentiated(
        lambda m, v, x: ferrers(m, v, x, base),
        values,
        (0, by_v, by_x - base),
        [None, 1.0, to_ends(values[2])],
    )
    return like(np.zeros_like(found) if by_m else found, given)


LPMV = family("lpmv_derivative", lpmv_derivative)
elementwise(
    "lpmv",
    special.lpmv,
    (
        lambda y, m, v, x: 0.0,
        lambda y, m, v, x: apply(LPMV, m, v, x, orders=(0, 1, 0)),
        lambda y, m, v, x: apply(LPMV, m, v, x, orders=(0, 0, 1)),
    ),
    form=Map(),
    domain=(),
)
