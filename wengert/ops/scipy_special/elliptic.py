"""Elliptic integrals and functions, by Carlson's symmetric ones: nothing cancels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.error import like
from wengert.ops.scipy_special.several import several

# They are integrals over t from 0 to infinity of powers of t + x, t + y, ... (DLMF
# 19.16.1-2).  By the logarithm of t the trapezoid rule is exact: its error falls with
# the distance to the singularities -x, -y, ..., which is pi for positive numbers.
# Complex ones are integrated along the ray in the middle of their angles.

#: The step at that distance.
STEP = 0.5
#: The smallest share of the distance that a step is still made smaller for.
NEAREST = 0.02
#: How far beyond the numbers' logarithms something is left.
BEYOND = 80.0


@np.errstate(all="ignore")
def symmetric(numbers: Any, powers: Any, orders: tuple[int, ...]) -> Any:
    """Return a derivative of the integral of ``(t + x)**-p (t + y)**-q ...``."""
    given = np.result_type(*numbers, np.float32)
    kind = np.complex128 if given.kind == "c" else np.float64
    parts = np.broadcast_arrays(*(np.asarray(part, kind) for part in numbers))
    sizes = np.abs(np.stack(parts))
    smallest = np.min(np.where(sizes == 0, np.inf, sizes), axis=0)
    low = np.log(smallest) - BEYOND
    width = np.log(np.max(sizes, axis=0)) + BEYOND - low
    share, ray = 1.0, 0.0
    if kind is np.complex128:
        angles = np.where(sizes == 0, np.nan, np.angle(np.stack(parts)))
        high, least = np.nanmax(angles, axis=0), np.nanmin(angles, axis=0)
        share = max(1 - np.nanmax(high - least, initial=0.0) / (2 * np.pi), NEAREST)
        ray = 0.5j * (high + least)[..., None]
    count = int(np.nanmax(width, initial=0.0) / (STEP * share)) + 1
    u = low[..., None] + width[..., None] * (np.arange(count) / count) + ray
    exponent, factor = u, 1.0
    for part, power, order in zip(parts, powers, orders, strict=True):
        exponent = exponent - (power + order) * np.log(np.exp(u) + part[..., None])
        factor *= (-1) ** order * special.poch(power, order)
    return like(factor * np.sum(np.exp(exponent), axis=-1) * width / count, given)


def elliprf_derivative(x: Any, y: Any, z: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of Carlson's symmetric integral of the first kind."""
    if sum(orders) == 0:
        return special.elliprf(x, y, z)
    if sum(orders) == 1:
        by = orders.index(1)
        numbers = (x, y, z)[by + 1 :] + (x, y, z)[: by + 1]
        return special.elliprd(*numbers) / -6
    return 0.5 * symmetric((x, y, z), (0.5, 0.5, 0.5), orders)


def elliprj_derivative(*numbers: Any, orders: tuple[int, ...]) -> Any:
    """Return a derivative of the integral of the third kind."""
    if sum(orders) == 0:
        return special.elliprj(*numbers)
    return 1.5 * symmetric(numbers, (0.5, 0.5, 0.5, 1.0), orders)


ELLIPRF = family("elliprf_derivative", elliprf_derivative)
ELLIPRJ = family("elliprj_derivative", elliprj_derivative)
NUMBERS = ((0.3, 3.0),) * 3


def rf(*orders: int) -> Any:
    """Return the derivative of R_F of some orders as a function of x, y, z."""
    return lambda r, x, y, z: apply(ELLIPRF, x, y, z, orders=orders)


def rd(*orders: int) -> Any:
    """Return the derivative of R_D, which is -6 times that of R_F by z."""
    by_x, by_y, by_z = orders
    return lambda r, *numbers: -6 * rf(by_x, by_y, by_z + 1)(r, *numbers)


EACH = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
elementwise(
    "elliprf",
    special.elliprf,
    tuple(rf(*orders) for orders in EACH),
    form=Map(),
    domain=NUMBERS,
)
elementwise(
    "elliprd",
    special.elliprd,
    tuple(rd(*orders) for orders in EACH),
    form=Map(),
    domain=NUMBERS,
)


def rj(*orders: int) -> Any:
    """Return the derivative of R_J of some orders."""
    return lambda r, *numbers: apply(ELLIPRJ, *numbers, orders=orders)


elementwise(
    "elliprj",
    special.elliprj,
    tuple(rj(*(int(k == j) for k in range(4))) for j in range(4)),
    form=Map(),
    domain=((0.3, 3.0),) * 4,
)


def rg_partial(x: Any, y: Any, z: Any) -> Any:
    """Return the derivative of R_G by the first number (DLMF 19.18.2 for a = -1/2)."""
    third = np.where(x == 0, 0.0, x * special.elliprd(y, z, np.where(x == 0, 1.0, x)))
    return 0.25 * special.elliprf(x, y, z) - third / 12


elementwise(
    "elliprg",
    special.elliprg,
    (
        lambda r, x, y, z: rg_partial(x, y, z),
        lambda r, x, y, z: rg_partial(y, z, x),
        lambda r, x, y, z: rg_partial(z, x, y),
    ),
    form=Map(),
    domain=NUMBERS,
)

# R_C is R_F of an equal pair; of negative numbers a principal value


def is_principal(y: Any) -> Any:
    """Whether Cauchy's principal value is taken."""
    return (np.real(y) < 0) & (np.imag(y) == 0)


def rc_first(r: Any, x: Any, y: Any) -> Any:
    """Return the derivative by the first number."""
    is_cut = is_principal(y)
    inside = rf(1, 0, 0)(r, x, *[np.where(is_cut, 1.0, y)] * 2)
    apart = np.where(is_cut, x - y, 1.0)
    return np.where(is_cut, (1 / np.sqrt(x) - r) / (2 * apart), inside)


def rc_second(r: Any, x: Any, y: Any) -> Any:
    """Return the derivative by the second, by homogeneity where that is negative."""
    is_cut = is_principal(y)
    inside = 2 * rf(0, 1, 0)(r, x, *[np.where(is_cut, 1.0, y)] * 2)
    return np.where(is_cut, -(0.5 * r + x * rc_first(r, x, y)) / y, inside)


elementwise(
    "elliprc",
    special.elliprc,
    (rc_first, rc_second),
    form=Map(),
    domain=NUMBERS[:2],
)

# Gauss's mean is pi / 2 over R_F(0, a a, b b): DLMF 19.8.5


def mean_partial(r: Any, a: Any, b: Any) -> Any:
    """Return the derivative by the first number; the sign is that of both."""
    return r * r * np.abs(a) * special.elliprd(0.0, b * b, a * a) * (2 / (3 * np.pi))


elementwise(
    "agm",
    special.agm,
    (mean_partial, lambda r, a, b: mean_partial(r, b, a)),
    form=Map(),
    domain=NUMBERS[:2],
)

# Complete

BELOW_1 = ((-2.0, 0.8),)
elementwise(
    "ellipk",
    special.ellipk,
    (lambda y, m: special.elliprd(0.0, 1.0, 1 - m) / 6,),
    form=Map(),
    domain=BELOW_1,
)
elementwise(
    "ellipkm1",
    special.ellipkm1,
    (lambda y, p: special.elliprd(0.0, 1.0, p) / -6,),
    form=Map(),
    domain=((0.2, 3.0),),
)
elementwise(
    "ellipe",
    special.ellipe,
    (lambda y, m: special.elliprd(0.0, 1 - m, 1.0) / -6,),
    form=Map(),
    domain=BELOW_1,
)

# Incomplete: the angle is some half turns and a rest


def square_of_delta(phi: Any, m: Any) -> Any:
    """Return ``1 - m sin(phi)**2``, which is m' + m cos(phi)**2 near m = 1."""
    return 1 - m * np.sin(phi) ** 2


def first_by_parameter(y: Any, phi: Any, m: Any) -> Any:
    """Return the derivative of the first kind by the parameter."""
    turns = np.rint(phi / np.pi)
    rest = phi - np.pi * turns
    sine, cosine = np.sin(rest), np.cos(rest)
    inner = sine**3 * special.elliprd(cosine**2, 1.0, square_of_delta(rest, m)) / 6
    m_turned = np.where(turns == 0, 0.0, m)
    return inner + turns * special.elliprd(0.0, 1.0, 1 - m_turned) / 3


def second_by_parameter(y: Any, phi: Any, m: Any) -> Any:
    """Return the derivative of the second kind by the parameter."""
    turns = np.rint(phi / np.pi)
    rest = phi - np.pi * turns
    sine, cosine = np.sin(rest), np.cos(rest)
    inner = sine**3 * special.elliprd(cosine**2, square_of_delta(rest, m), 1.0) / 6
    m_turned = np.where(turns == 0, 0.0, m)
    return -inner - turns * special.elliprd(0.0, 1 - m_turned, 1.0) / 3


ANGLES = ((-1.4, 4.0), (-2.0, 0.8))
elementwise(
    "ellipkinc",
    special.ellipkinc,
    (lambda y, phi, m: 1 / np.sqrt(square_of_delta(phi, m)), first_by_parameter),
    form=Map(),
    domain=ANGLES,
)
elementwise(
    "ellipeinc",
    special.ellipeinc,
    (lambda y, phi, m: np.sqrt(square_of_delta(phi, m)), second_by_parameter),
    form=Map(),
    domain=ANGLES,
)

# Jacobi's, of the angle whose integral of the first kind the number is: DLMF 22.13.1-3


def by_number(y: Any, u: Any, m: Any) -> Any:
    """Return the derivatives by the number."""
    sn, cn, dn, _ = y
    return cn * dn, -sn * dn, -m * sn * cn, dn


def by_parameter(y: Any, u: Any, m: Any) -> Any:
    """Return the derivatives by the parameter, of the angle first."""
    sn, cn, dn, angle = y
    turned = -dn * first_by_parameter(u, angle, m)
    by_dn = -sn * (sn + 2 * m * cn * turned) / (2 * dn)
    return cn * turned, -sn * turned, by_dn, turned


several("ellipj", special.ellipj, by_number, by_parameter, results=4)
