"""Functions whose derivatives of every order are one operation.

Where a derivative by closed forms would cancel, or there is no closed form, the author
writes the derivative of any orders, and the rule of each is the next one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.operation import Function, Operation, apply, elementwise, general
from wengert.errors import DerivativeError, explain
from wengert.ops.chain import CHAIN_PRODUCT

#: The highest derivative: closed forms of some double with every order.
MOST_ORDERS = 12
#: The form of what only its own function computes.
ASKED = Map()


def check_orders(name: str, orders: tuple[int, ...]) -> None:
    """Raise for derivatives of a higher order than is made, or of none."""
    if all(type(order) is int and order >= 0 for order in orders) and (
        sum(orders) <= MOST_ORDERS
    ):
        return
    raise DerivativeError(
        explain(
            f"a derivative of orders {orders} of {name.removesuffix('_derivative')}",
            f"derivatives of special functions are made to order {MOST_ORDERS}",
            "differentiate a series, or an approximation by a polynomial",
        )
    )


def quadrature(count: int) -> tuple[Any, Any]:
    """Return the nodes and weights of Gauss and Legendre's rule from 0 to 1."""
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return (nodes + 1) / 2, weights / 2


def with_family(
    name: str,
    function: Function,
    derivative: Function,
    *,
    form: Map,
    domain: tuple[tuple[float, float], ...] = ((-3.0, 3.0),),
) -> Operation:
    """State a function of one number by its derivatives; return their operation.

    ``derivative(x, orders)`` is as in `family`.
    """
    every = family(f"{name}_derivative", derivative)
    partial = (lambda y, x: apply(every, x, orders=(1,)),)
    elementwise(name, function, partial, form=form, domain=domain)
    return every


def family(
    name: str, evaluate: Function, last: Function | None = None, form: Map = ASKED
) -> Operation:
    """State the derivatives of a function of numbers.

    ``evaluate(*operands, orders)`` is the derivative of these orders, one an operand.
    Where that by the last operand is made of others, `last` says how:
    ``last(y, *operands, orders)``, with the orders of the other operands alone.
    """

    def partial(y: Any, operands: Any, k: int, orders: tuple[int, ...]) -> Any:
        if k == len(orders):
            assert last is not None
            return last(y, *operands, orders=orders)
        raised = (*orders[:k], orders[k] + 1, *orders[k + 1 :])
        check_orders(name, raised)
        return apply(operation, *operands, orders=raised)

    def jvp(tangents: Any, y: Any, *operands: Any, orders: tuple[int, ...]) -> Any:
        total: Any = None
        for k, tangent in enumerate(tangents):
            if tangent is not None:
                part = apply(CHAIN_PRODUCT, tangent, partial(y, operands, k, orders))
                total = part if total is None else total + part
        return total

    def vjp(g: Any, y: Any, *operands: Any, orders: tuple[int, ...]) -> Any:
        return tuple(
            apply(CHAIN_PRODUCT, g, partial(y, operands, k, orders))
            for k in range(len(operands))
        )

    operation = general(name, evaluate, form=form, jvp=jvp, vjp=vjp)
    return operation
