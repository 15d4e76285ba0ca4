"""What an operation costs inside of a loop: whether it is done again or stored.

In additions.  When compiling pays at all is on the page of `execute.costs`.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wengert.lower.graph import Node

#: What is computed again rather than stored, in operations.
CHEAP = 10
#: What is stored where two loops read it.
COSTLY = 8
#: What functions cost beside an addition.
COSTS = dict.fromkeys(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh "
    "asinh acosh atanh erf erfc tgamma lgamma pow atan2 hypot fmod cbrt".split(),
    20,
)


def own_cost(node: Node) -> int:
    """Return what one element of an expression costs, beside an addition."""
    return cost_of(node.data) if node.kind == "map" else 0


@cache
def cost_of(text: str) -> int:
    """Return what an expression costs, beside an addition."""
    found = sum(cost for name, cost in COSTS.items() if f"{name}(" in text)
    return found + 8 * ("/" in text or "sqrt" in text) + 20 * ("**" in text) or 1


def is_cheap(node: Node, most: int = CHEAP) -> bool:
    """Whether an expression of leaves costs little to compute again."""
    return cost_inline(node, most) <= most


def cost_inline(node: Node, most: int) -> int:
    """Return what an expression of leaves costs, or more than `most`."""
    if node.kind in ("leaf", "number", "index"):
        return 0
    if node.kind != "map":
        return most + 1
    total = own_cost(node)
    for operand in node.operands:
        if total > most:
            break
        total += cost_inline(operand, most - total)
    return total
