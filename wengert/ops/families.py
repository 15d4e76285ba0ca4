"""Functions whose derivatives of every order are one operation.

Where a derivative by closed forms would cancel, or there is no closed form, the author
writes the derivative of any orders, and the rule of each is the next one.
"""

from __future__ import annotations

from typing import Any

from wengert.core.forms import Map
from wengert.core.operation import Function, Operation, apply, general
from wengert.ops.chain import CHAIN_PRODUCT


def family(name: str, evaluate: Function, last: Function | None = None) -> Operation:
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

    operation = general(name, evaluate, form=Map(), jvp=jvp, vjp=vjp)
    return operation
