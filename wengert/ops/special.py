"""NumPy's own special functions: `sinc` and `i0`, with all their derivatives.

Both are integrals of elementary functions over a finite interval, so the derivative of
order n is one more integral, evaluated by a quadrature rule that converges faster than
any power: no cancellation near 0, where the closed forms lose all digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.operation import answers, apply
from wengert.ops.families import family, quadrature

# sinc(x) is the integral of cos(pi x t) over t from 0 to 1

NODES, WEIGHTS = quadrature(40)
#: Up to this argument 40 nodes are exact to rounding; beyond, the recurrence is stable.
QUADRATURE_LIMIT = 25.0


def evaluate_sinc(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return the derivative of ``np.sinc`` of some order."""
    (order,) = orders
    if order == 0:
        return np.sinc(x)
    y = np.pi * np.asanyarray(x)
    near = abs(y) < QUADRATURE_LIMIT
    small = np.where(near, y, 0.0)
    angles = small[..., None] * NODES + order * np.pi / 2
    inside = (NODES**order * np.cos(angles)) @ WEIGHTS
    large = np.where(near, QUADRATURE_LIMIT, y)
    outside = np.sin(large) / large
    for n in range(1, order + 1):
        outside = (np.sin(large + n * np.pi / 2) - n * outside) / large
    values = np.where(near, inside, outside) * np.pi**order
    values = np.where((y == 0) & (order % 2 == 1), 0.0, values)  # an even function
    return values.astype(y.dtype)[()]


def text_of_sinc(kind: str, *, orders: tuple[int, ...]) -> str:
    """Return the expression of a derivative of ``np.sinc``, as evaluated above."""
    (order,) = orders
    outside = "sin(x * pi) / (x * pi)"
    if order == 0:
        return f"select(x == 0, 1, {outside})"
    turn = order * np.pi / 2
    inside = " + ".join(
        f"{weight * node**order!r} * cos(x * pi * {node!r} + {turn!r})"
        for node, weight in zip(NODES.tolist(), WEIGHTS.tolist(), strict=True)
    )
    for n in range(1, order + 1):
        turn = n * np.pi / 2
        outside = f"(sin(x * pi + {turn!r}) - {n} * ({outside})) / (x * pi)"
    near = f"fabs(x * pi) < {QUADRATURE_LIMIT!r}"
    value = f"select({near}, {inside}, {outside}) * {float(np.pi**order)!r}"
    return f"select(x == 0, 0, {value})" if order % 2 else value


SINC = family("sinc", evaluate_sinc, form=Map(text_of_sinc))


@answers(np.sinc)
def sinc(x: Any) -> Any:
    """Answer ``np.sinc``."""
    return apply(SINC, x, orders=(0,))


# I0(x) is the mean of exp(x cos t) over t from 0 to pi


def evaluate_i0(x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return the derivative of ``np.i0`` of some order, by the trapezoid rule."""
    (order,) = orders
    if order == 0:
        return np.i0(x)
    x = np.asanyarray(x)
    largest = float(np.max(abs(x), initial=1.0))
    # The rule misses I_2n(x): nothing once n is well above sqrt(x) and the order.
    count = int(24 + order + 9 * np.sqrt(largest))
    cosines = np.polynomial.chebyshev.chebgauss(count)[0]
    values = np.mean(cosines**order * np.exp(x[..., None] * cosines), axis=-1)
    values = np.where((x == 0) & (order % 2 == 1), 0.0, values)  # an even function
    return values.astype(x.dtype)[()]


I0 = family("i0", evaluate_i0)


@answers(np.i0)
def i0(x: Any) -> Any:
    """Answer ``np.i0``."""
    return apply(I0, x, orders=(0,))
