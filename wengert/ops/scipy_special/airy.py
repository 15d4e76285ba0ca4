"""Airy's and Kelvin's functions, which solve equations of the second order."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import apply, elementwise, general
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.scipy_special.several import several, sum_of_products

# w'' = x w: DLMF 9.2.1

several(
    "airy",
    special.airy,
    lambda y, x: (y[1], x * y[0], y[3], x * y[2]),
    results=4,
)

# Scaled by exp(zeta) and exp(-|Re zeta|), with zeta 2/3 of the power 3/2: of complex
# numbers the second is not holomorphic.


def root(x: Any) -> Any:
    """Return the derivative of zeta; that of its real part for real numbers."""
    return np.sqrt(x) if np.iscomplexobj(x) else np.sqrt(np.maximum(x, 0.0))


def sign_of_zeta(x: Any) -> Any:
    """Return the sign of zeta's real part."""
    return np.sign(np.real(x * np.sqrt(x))) if np.iscomplexobj(x) else 1.0


def unscaled(y: Any, x: Any) -> Any:
    """Return the derivatives without that of the second scale."""
    slope = np.sqrt(x)
    return y[1] + slope * y[0], x * y[0] + slope * y[1], y[3], x * y[2]


def airye_jvp(tangents: Any, y: Any, x: Any) -> Any:
    """Return the tangents of all four."""
    found = [apply(CHAIN_PRODUCT, tangents[0], slope) for slope in unscaled(y, x)]
    scale = sign_of_zeta(x) * np.real(apply(CHAIN_PRODUCT, tangents[0], root(x)))
    for k in (2, 3):
        found[k] = found[k] - apply(CHAIN_PRODUCT, scale, y[k])
    return tuple(found)


def airye_vjp(gradients: Any, y: Any, x: Any) -> Any:
    """Return the gradient of the number."""
    total = sum_of_products(gradients, unscaled(y, x))
    scale = sum_of_products(gradients[2:], y[2:])
    if scale is None:
        return (total,)
    scale = sign_of_zeta(x) * np.real(scale)
    return (total - apply(CHAIN_PRODUCT, scale, root(x)),)


general(
    "airye",
    special.airye,
    form=Map(),
    jvp=airye_jvp,
    vjp=airye_vjp,
    results=4,
    numpy=(special.airye,),
)

# Kelvin's: ker + i kei is K0 of a number turned by an eighth (DLMF 10.61.2), of which
# SciPy's own derivatives have 11 digits; ber + i bei solves w'' = i w - w' / x (DLMF
# 10.61.3).

TURN = complex(np.exp(0.25j * np.pi))


def second_kind(x: Any, order: int) -> Any:
    """Return a derivative of ker + i kei: the first or the second."""
    z = TURN * x
    if order == 1:
        return -TURN * special.kv(1, z)
    return 0.5 * TURN**2 * (special.kv(0, z) + special.kv(2, z))


def over_number(slope: Any, x: Any, limit: Any) -> Any:
    """Return a derivative over the number, and its limit at 0."""
    is_zero = x == 0
    return np.where(is_zero, limit, slope / np.where(is_zero, 1.0, x))


several(
    "kelvin",
    special.kelvin,
    lambda y, x: (
        y[2],
        second_kind(x, 1),
        1j * y[0] - over_number(y[2], x, 0.5j),
        second_kind(x, 2),
    ),
    results=4,
)
for _name, _partial in (
    ("ber", lambda y, x: special.berp(x)),
    ("bei", lambda y, x: special.beip(x)),
    ("berp", lambda y, x: -special.bei(x) - over_number(y, x, 0.0)),
    ("beip", lambda y, x: special.ber(x) - over_number(y, x, 0.5)),
    ("ker", lambda y, x: np.real(second_kind(x, 1))),
    ("kei", lambda y, x: np.imag(second_kind(x, 1))),
    ("kerp", lambda y, x: np.real(second_kind(x, 2))),
    ("keip", lambda y, x: np.imag(second_kind(x, 2))),
):
    _domain = (0.3, 3.0) if _name[0] == "k" else (-3.0, 3.0)
    elementwise(
        _name, getattr(special, _name), (_partial,), form=Map(), domain=(_domain,)
    )
