"""Hypergeometric functions, in their parameters too."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from wengert.core.forms import Map
from wengert.core.operation import Function, apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import differentiated
from wengert.ops.scipy_special.error import like


def hypergeometric(
    name: str, function: Any, above: int, below: int, domain: Any
) -> None:
    """State a function of parameters above and below, and of a number.

    Its derivative by the number is the function with all parameters one more, times
    those above over those below.
    """
    count = above + below

    def moved(*operands: Any, order: int) -> Any:
        """Return a derivative by the number."""
        *parameters, x = operands
        factor: Any = 1.0
        for k, parameter in enumerate(parameters):
            rising = special.poch(parameter, order)
            factor = factor * rising if k < above else factor / rising
        return factor * function(*[p + order for p in parameters], x)

    def derivative(*operands: Any, orders: tuple[int, ...]) -> Any:
        *by_parameters, order = orders
        given = np.result_type(*operands, np.float32)
        *parameters, x = np.broadcast_arrays(*operands)
        parameters = [np.asarray(p, np.float64) for p in parameters]
        x = np.asarray(x, np.complex128 if given.kind == "c" else np.float64)
        # The function goes with a power of the number, or of its distance to 1.
        growth = np.abs(np.log1p(np.abs(x)))
        if above > below:
            with np.errstate(divide="ignore"):
                growth = growth + np.abs(np.log(np.abs(1 - x)))
        width = np.minimum(1.0, 2 / (1 + growth))
        steps: list[Any] = [width] * above
        for parameter in parameters[above:]:  # a part of the way to the next pole
            pole = np.minimum(np.rint(parameter), 0.0)
            steps.append(np.minimum(width, 0.3 * np.abs(parameter - pole)))
        found = differentiated(
            lambda *given: moved(*given, order=order),
            [*parameters, x],
            (*by_parameters, 0),
            [*steps, None],
        )
        return like(found, given)

    all_orders = family(f"{name}_derivative", derivative)

    def by_parameter(k: int) -> Function:
        orders = tuple(int(j == k) for j in range(count + 1))
        return lambda y, *operands: apply(all_orders, *operands, orders=orders)

    def by_number(y: Any, *operands: Any) -> Any:
        *parameters, x = operands
        factor: Any = 1.0
        for k, parameter in enumerate(parameters):
            factor = factor * parameter if k < above else factor / parameter
        return factor * function(*[parameter + 1 for parameter in parameters], x)

    elementwise(
        name,
        function,
        (*[by_parameter(k) for k in range(count)], by_number),
        form=Map(),
        domain=domain,
    )


NEAR = (0.5, 3.0)
hypergeometric("hyp0f1", special.hyp0f1, 0, 1, (NEAR, (-2.0, 2.0)))
hypergeometric("hyp1f1", special.hyp1f1, 1, 1, (NEAR, NEAR, (-2.0, 2.0)))
hypergeometric("hyp2f1", special.hyp2f1, 2, 1, (NEAR, NEAR, NEAR, (-1.5, 0.7)))
