"""Functions of parameters and of a number, with derivatives in all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.operation import Function, Operation, apply, elementwise
from wengert.ops.families import family
from wengert.ops.scipy_special.differences import differentiated
from wengert.ops.scipy_special.error import like

Domain = tuple[tuple[float, float], ...]
#: The numbers of gamma functions, whose poles are 0, -1, ..., by each parameter.
Poles = Callable[..., tuple[tuple[Any, ...], ...]]


def power_of(x: Any) -> Any:
    """Return how fast a function grows with a parameter that is a power's."""
    return np.log1p(np.abs(x))


def rising(x: Any, count: int) -> Any:
    """Return ``x (x + 1) ... (x + count - 1)``, Pochhammer's symbol."""
    found: Any = 1.0
    for k in range(count):
        found = found * (x + k)
    return found


@np.errstate(all="ignore")
def by_differences(
    by_number: Function,
    operands: tuple[Any, ...],
    orders: tuple[int, ...],
    poles: Poles | None = None,
    growth: Function = power_of,
) -> Any:
    """Return a derivative by parameters, taken by differences, and by the number.

    The intervals keep away from ``poles(*parameters)`` and are shorter where
    ``growth(x)`` is large.  Whole parameters stay whole.
    """
    *by_parameters, order = orders
    *given, x = operands
    is_complex = np.result_type(x).kind == "c"
    x = np.asarray(x, np.complex128 if is_complex else np.float64)
    parameters = [
        np.asarray(p, np.float64) if by or np.result_type(p).kind == "f" else p
        for p, by in zip(given, by_parameters, strict=True)
    ]
    near = poles(*parameters) if poles else ((),) * len(parameters)
    steps: list[Any] = [None] * len(operands)
    for k, by in enumerate(by_parameters):
        if by:
            steps[k] = np.minimum(1.0, 2 / (1 + growth(x)))
            for argument in near[k]:
                distance = np.abs(argument - np.minimum(np.rint(argument), 0.0))
                steps[k] = np.minimum(steps[k], 0.3 * distance)
    return differentiated(
        lambda *moved: by_number(*moved, order=order),
        [*parameters, x],
        (*by_parameters, 0),
        steps,
    )


def parametric(
    name: str,
    function: Any,
    by_number: Function,
    domain: Domain,
    *,
    poles: Poles | None = None,
    growth: Function = power_of,
    derivative: Function | None = None,
) -> Operation:
    """State a function of parameters and of a number by its derivatives by the number.

    ``by_number(*parameters, x, order=m)`` is that of order m, in plain NumPy; those by
    the parameters are taken of it `by_differences`, or are as `derivative` says.
    """

    def differences(*operands: Any, orders: tuple[int, ...]) -> Any:
        found = by_differences(by_number, operands, orders, poles, growth)
        return like(found, np.result_type(*operands, np.float32))

    every = family(f"{name}_derivative", derivative or differences)

    def partial(k: int) -> Function:
        orders = tuple(int(j == k) for j in range(len(domain)))
        return lambda y, *operands: apply(every, *operands, orders=orders)

    partials = tuple(map(partial, range(len(domain))))
    elementwise(name, function, partials, form=Map(), domain=domain)
    return every
