"""Hypergeometric functions, in their parameters too."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, apply, elementwise
from wengert.ops.scipy_special.error import like
from wengert.ops.scipy_special.incomplete import moment, psi
from wengert.ops.scipy_special.parameters import (
    by_differences,
    parametric,
    power_of,
    rising,
)

# The derivative by the number is the function with all parameters one more, times those
# above over those below: DLMF 13.3.15, 15.5.1 and 13.3.22.


def moved(function: Any, above: int) -> Function:
    """Return the derivatives by the number, given how many parameters are above."""

    def by_number(*operands: Any, order: int) -> Any:
        *parameters, x = operands
        factor: Any = 1.0
        for k, parameter in enumerate(parameters):
            by = rising(parameter, order)
            factor = factor * by if k < above else factor / by
        return factor * function(*[p + order for p in parameters], x)

    return by_number


def distance_to_1(x: Any) -> Any:
    """Return how fast powers of a number, and of its distance to 1, grow."""
    return power_of(x) + np.abs(np.log(np.abs(1 - x)))


def below(*parameters: Any) -> Any:
    """Return the one parameter below, whose poles there are."""
    return (*[()] * (len(parameters) - 1), parameters[-1:])


NEAR = (0.5, 3.0)
parametric(
    "hyp0f1",
    special.hyp0f1,
    moved(special.hyp0f1, 0),
    (NEAR, (-2.0, 2.0)),
    poles=below,
)
parametric(
    "hyp1f1",
    special.hyp1f1,
    moved(special.hyp1f1, 1),
    (NEAR, NEAR, (-2.0, 2.0)),
    poles=below,
)
parametric(
    "hyp2f1",
    special.hyp2f1,
    moved(special.hyp2f1, 2),
    (NEAR, NEAR, NEAR, (-1.5, 0.7)),
    poles=below,
    growth=distance_to_1,
)


# Tricomi's: the integral over the logarithm of t of exp(-x t) t**a (1 + t)**(b - a - 1)
# over gamma(a), DLMF 13.4.4, which decays double exponentially; SciPy's values have 10
# digits here and there, too few for differences.

STEP = 0.25
#: How far an exponent falls until nothing is left.
FALL = 40.0


def tricomi(a: Any, b: Any, x: Any, order: int) -> Any:
    """Return a derivative of U, of which both parameters are above (13.3.22)."""
    factor = (-1) ** order * rising(a, order)
    return factor * special.hyperu(a + order, b + order, x)


@np.errstate(all="ignore")
def tricomi_integral(a: Any, b: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of U for positive a."""
    *by_parameters, order = orders
    a, b, x = np.broadcast_arrays(*(np.asarray(v, np.float64) for v in (a, b, x)))
    low = np.minimum(0.0, -np.log(x)) - FALL / (a + order)
    width = np.log((2.5 * FALL + 10 * (a + np.abs(b) + order)) / x) - low
    count = int(np.nanmax(width, initial=0.0) / STEP) + 1
    u = low[..., None] + STEP * np.arange(count)
    a_, b_, x_ = a[..., None], b[..., None], x[..., None]
    more = np.logaddexp(0.0, u)
    exponent = (a_ + order) * u - x_ * np.exp(u) + (b_ - a_ - 1) * more
    exponent = exponent - special.gammaln(a_)

    def cumulant(i: int, j: int) -> Any:
        if j:
            return more if (i, j) == (0, 1) else 0.0
        return (u - more if i == 1 else 0.0) - psi(a_, i - 1)

    values = np.exp(exponent) * moment(tuple(by_parameters), cumulant)
    return (-1) ** order * np.sum(values, axis=-1) * STEP


def tricomi_derivative(a: Any, b: Any, x: Any, *, orders: tuple[int, ...]) -> Any:
    """Return a derivative of U: for a that is not positive by differences."""
    given = np.result_type(a, b, x, np.float32)
    is_positive = np.asarray(a) > 0
    found = tricomi_integral(np.where(is_positive, a, 1.0), b, x, orders=orders)
    if not np.all(is_positive):
        other = by_differences(tricomi, (a, b, x), orders)
        found = np.where(is_positive, found, other)
    return like(found, given)


parametric(
    "hyperu",
    special.hyperu,
    tricomi,
    (NEAR, NEAR, (0.5, 3.0)),
    derivative=tricomi_derivative,
)

# Wright's: its first two numbers are not negative


def wright(a: Any, b: Any, x: Any, order: int) -> Any:
    """Return a derivative of the sum of ``x**k / (k! gamma(a k + b))`` (DLMF 10.46)."""
    return special.wright_bessel(a, a * order + b, x)


def each(a: Any, b: Any) -> Any:
    """Return both, which are positive."""
    return (a,), (b,)


WRIGHT_RANGE = ((0.3, 2.0), (0.5, 2.0), (0.5, 3.0))
WRIGHT = parametric(
    "wright_bessel",
    special.wright_bessel,
    wright,
    WRIGHT_RANGE,
    poles=each,
)


def relative(*orders: int) -> Function:
    """Return a derivative of Wright's function over its value."""
    return lambda y, a, b, x: apply(WRIGHT, a, b, x, orders=orders) / np.exp(y)


elementwise(
    "log_wright_bessel",
    special.log_wright_bessel,
    (
        relative(1, 0, 0),
        relative(0, 1, 0),
        lambda y, a, b, x: np.exp(special.log_wright_bessel(a, a + b, x) - y),
    ),
    form=Map(),
    domain=WRIGHT_RANGE,
)
