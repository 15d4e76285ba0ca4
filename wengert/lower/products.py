"""Which sums are of two products, so that none is contracted into a multiply-add.

A multiply-add does not round its product; the other product has been rounded.  So where
both are equal their difference would be what rounding took, and NumPy's is 0.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Collection, Sequence

from wengert.core.expressions import parse
from wengert.lower.hiding import OPERANDS

#: Functions that hand an operand on.
_PASSING = frozenset("fabs maximum minimum fmax fmin copysign".split())


def has_sum_of(text: str, operands: Sequence[int], products: Collection[int]) -> bool:
    """Whether an expression adds two products, some of its operands being products."""
    return _adds(text, flags(operands, products))


def is_product(text: str, operands: Sequence[int], products: Collection[int]) -> bool:
    """Whether an expression is a product, or hands one on."""
    return _passes(text, flags(operands, products))


def flags(operands: Sequence[int], products: Collection[int]) -> tuple[bool, ...]:
    """Return which operands are products."""
    return tuple([operand in products for operand in operands])


@functools.lru_cache(maxsize=4096)
def _adds(text: str, given: tuple[bool, ...]) -> bool:
    return any(
        isinstance(tree, ast.BinOp)
        and isinstance(tree.op, ast.Add | ast.Sub)
        and _ends(tree.left, given)
        and _ends(tree.right, given)
        for tree in ast.walk(parse(text))
    )


@functools.lru_cache(maxsize=4096)
def _passes(text: str, given: tuple[bool, ...]) -> bool:
    return _ends(parse(text), given)


def _ends(tree: ast.expr, given: tuple[bool, ...]) -> bool:
    """Whether an expression's last operation is a product."""
    match tree:
        case ast.BinOp(op=ast.Mult() | ast.Pow()) | ast.Call(func=ast.Name(id="pow")):
            return True
        case ast.Name(id=name) if name in OPERANDS:
            return given[OPERANDS.index(name)]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
            return _ends(operand, given)
        case ast.Call(func=ast.Name(id="select"), args=[_, *ways]):
            return any(_ends(way, given) for way in ways)
        case ast.Call(func=ast.Name(id=name), args=arguments) if name in _PASSING:
            return any(_ends(argument, given) for argument in arguments)
    return False
