"""The product of the chain rule: gradient times partial.

A zero on either side absorbs whatever is on the other, NaN and infinity included: what
a selection did not take, and what nothing depends on, contributes exactly nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import float64, multiply, vdot

from wengert.core.floating_point import Undefined
from wengert.core.forms import Map
from wengert.core.operation import elementwise

#: The product in our vocabulary.
ABSORBING_PRODUCT = "select(x == 0 or y == 0, 0, x * y)"


#: Elements up to which a dot product is the quickest look at all of them (beyond
#: 10,000 BLAS starts threads).
FEW = 8192


def has_nan(g: Any) -> bool:
    """Whether a gradient has a NaN."""
    if type(g) is float64:
        return bool(g != g)
    if not g.size:
        return False
    if g.dtype.kind == "f" and g.size <= FEW:
        norm = vdot(g, g)  # a sum of squares is NaN only where an element is
        return bool(norm != norm)
    parts = (g.real, g.imag) if g.dtype.kind == "c" else (g,)
    return any(bool(np.isnan(np.minimum.reduce(part, axis=None))) for part in parts)


def chain_product(g: Any, partial: Any) -> Any:
    """Return ``g * partial``, zero where either is zero."""
    if type(g) is float64 and type(partial) is float64:
        if g == 0 or partial == 0:
            return float64(0.0)
        return g * partial
    with Undefined():
        product = multiply(g, partial)
    if not has_nan(product):
        return product
    absorbed = np.equal(g, 0) | np.equal(partial, 0)
    return np.where(absorbed, product.dtype.type(0), product)[()]


CHAIN_PRODUCT = elementwise(
    "chain_product",
    chain_product,
    (lambda z, g, p: p, lambda z, g, p: g),
    form=Map(ABSORBING_PRODUCT),
    numpy=(),
)
