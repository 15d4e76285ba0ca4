"""Functions with several results."""

from __future__ import annotations

from typing import Any

from wengert.core.forms import Map
from wengert.core.operation import Function, Operation, apply, general
from wengert.ops.chain import CHAIN_PRODUCT


def several(
    name: str, function: Any, *slopes: Function, results: int = 2, numpy: Any = None
) -> Operation:
    """State a function with several results by the derivatives by each operand.

    ``slopes[k](results, *operands)`` is a tuple of those of all results by operand k.
    """

    def jvp(tangents: Any, values: Any, *operands: Any) -> Any:
        total: list[Any] = [None] * results
        for tangent, slope in zip(tangents, slopes, strict=True):
            if tangent is None:
                continue
            for k, by in enumerate(slope(values, *operands)):
                part = apply(CHAIN_PRODUCT, tangent, by)
                total[k] = part if total[k] is None else total[k] + part
        return tuple(total)

    def vjp(gradients: Any, values: Any, *operands: Any) -> Any:
        return tuple(
            sum_of_products(gradients, slope(values, *operands)) for slope in slopes
        )

    return general(
        name,
        function,
        form=Map(),
        jvp=jvp,
        vjp=vjp,
        results=results,
        numpy=(function,) if numpy is None else numpy,
    )


def sum_of_products(gradients: Any, slopes: Any) -> Any:
    """Return the gradient of an operand; a result that nobody uses has none."""
    total: Any = None
    for g, slope in zip(gradients, slopes, strict=True):
        if g is not None:
            part = apply(CHAIN_PRODUCT, g, slope)
            total = part if total is None else total + part
    return total
