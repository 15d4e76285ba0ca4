"""Elliptic integrals, by Carlson's symmetric ones: nothing cancels."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.error import like

# R_F is half the integral over t from 0 to infinity of (t + x)**-1/2 (t + y)**-1/2
# (t + z)**-1/2.  By the logarithm of t the trapezoid rule is exact: its error falls
# with the distance to the singularities -x, -y, -z, pi for positive numbers.
# Complex ones are integrated along the ray in the middle of their angles.

#: The step at that distance.
STEP = 0.5
#: The smallest share of the distance that a step is still made smaller for.
NEAREST = 0.02
#: How far beyond the numbers' logarithms something is left.
BEYOND = 80.0


@np.errstate(all="ignore")
def elliprf_derivative(x: Any, y: Any, z: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of Carlson's symmetric integral of the first kind."""
    if sum(orders) == 0:
        return special.elliprf(x, y, z)
    if sum(orders) == 1:
        by = orders.index(1)
        numbers = (x, y, z)[by + 1 :] + (x, y, z)[: by + 1]
        return special.elliprd(*numbers) / -6
    given = np.result_type(x, y, z, np.float32)
    kind = np.complex128 if given.kind == "c" else np.float64
    parts = np.broadcast_arrays(*(np.asarray(part, kind) for part in (x, y, z)))
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
    exponent, factor = u, 0.5
    for part, order in zip(parts, orders, strict=True):
        exponent = exponent - (0.5 + order) * np.log(np.exp(u) + part[..., None])
        factor *= (-1) ** order * special.poch(0.5, order)
    return like(factor * np.sum(np.exp(exponent), axis=-1) * width / count, given)


ELLIPRF = family("elliprf_derivative", elliprf_derivative)
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
