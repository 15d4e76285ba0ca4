"""Derivatives by parameters of which functions are analytic, by differences.

A function of a parameter is interpolated at Chebyshev's points of an interval, where
it is analytic well beyond; the polynomial's derivatives at the middle are those of the
function to some ten roundings of its values over the interval's length.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

POINTS = 20
NODES = chebyshev.chebpts1(POINTS)

Function = Callable[..., Any]


@lru_cache
def weights(order: int) -> Any:
    """Return the weights of values at the nodes in a derivative at the middle."""
    basis = np.eye(POINTS)
    at_middle = [chebyshev.chebval(0.0, chebyshev.chebder(c, order)) for c in basis]
    values = chebyshev.chebvander(NODES, POINTS - 1)
    scale = np.where(np.arange(POINTS) == 0, 1.0, 2.0) / POINTS
    return values @ (scale * np.array(at_middle))


@np.errstate(all="ignore")
def differentiated(
    function: Function, operands: list[Any], orders: tuple[int, ...], steps: list[Any]
) -> Any:
    """Return a derivative of a function by several parameters, element by element.

    `steps` has half the length of each parameter's interval.
    """
    moved = [k for k, order in enumerate(orders) if order]
    operands = list(np.broadcast_arrays(*operands))
    given = [operand[(..., *[None] * len(moved))] for operand in operands]
    for place, k in enumerate(moved):
        shape = [-1 if axis == place else 1 for axis in range(len(moved))]
        step = np.broadcast_to(steps[k], operands[k].shape)
        step = step[(..., *[None] * len(moved))]
        given[k] = given[k] + step * NODES.reshape(shape)
    values = function(*given)
    for k in reversed(moved):
        # What the values have in common would only be rounded: the weights add up to 0.
        values = (values - values[..., POINTS // 2, None]) @ weights(orders[k])
    for k in moved:
        values = values / np.asarray(steps[k]) ** orders[k]
    return values
