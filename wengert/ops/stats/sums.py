"""The sum of uniform numbers: a spline, by the number alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import interpolate, stats

from wengert.core.forms import Map
from wengert.core.operation import apply, general
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.constants import STOP_GRADIENT
from wengert.ops.stats.formulas import formulas, solve_quantiles


def evaluate_irwin_hall(x: Any, n: Any, *, order: int) -> Any:
    """Return a derivative of the density; of order -1 the probability below."""
    x, n = np.broadcast_arrays(x, n)
    found = np.full(x.shape, np.nan)
    for count in np.unique(n[(n >= 1) & (n == np.floor(n)) & np.isfinite(n)]):
        spline = interpolate.BSpline.basis_element(np.arange(count + 1))
        if order < 0:
            spline = spline.antiderivative()
        elif order:
            spline = spline.derivative(order) if order < count else np.zeros_like
        found[n == count] = spline(x[n == count])
    return found[()]


def irwin_hall_jvp(tangents: Any, y: Any, x: Any, n: Any, *, order: int) -> Any:
    """Return the tangent by the number; how many are summed is whole."""
    return apply(CHAIN_PRODUCT, tangents[0], apply(IRWIN_HALL, x, n, order=order + 1))


def irwin_hall_vjp(g: Any, y: Any, x: Any, n: Any, *, order: int) -> Any:
    """Return the gradient by the number."""
    return apply(CHAIN_PRODUCT, g, apply(IRWIN_HALL, x, n, order=order + 1)), None


IRWIN_HALL = general(
    "irwin_hall",
    evaluate_irwin_hall,
    form=Map(),
    jvp=irwin_hall_jvp,
    vjp=irwin_hall_vjp,
    reads=(True, True),
)


@formulas(stats.irwinhall)
def irwinhall_pdf(x: Any, n: Any) -> Any:
    """Return the density."""
    return apply(IRWIN_HALL, x, apply(STOP_GRADIENT, n), order=0)


@formulas(stats.irwinhall)
def irwinhall_cdf(x: Any, n: Any) -> Any:
    """Return the probability below."""
    return apply(IRWIN_HALL, x, apply(STOP_GRADIENT, n), order=-1)


@formulas(stats.irwinhall)
def irwinhall_sf(x: Any, n: Any) -> Any:
    """Return the probability above, as SciPy does."""
    n = apply(STOP_GRADIENT, n)
    return apply(IRWIN_HALL, n - x, n, order=-1)


solve_quantiles(stats.irwinhall)
