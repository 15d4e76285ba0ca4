"""Which operands' NaN a native expression may hide.

Arithmetic and selections hand a NaN on, or give what any number in its place gives; a
comparison, a whole number, a sign turn it into an answer that looks like any other.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable

from wengert.core.expressions import parse
from wengert.core.forms import Contract, Map, Move, Reduce
from wengert.core.tape import GUARD, Tape
from wengert.core.types import Type
from wengert.derive.loops import COUNTED
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.cumulative import RECURRENCE

#: The names of an expression's operands.
OPERANDS = "xyzw"
#: The plain product; the brackets tell it from a product that a user wrote.
PLAIN_PRODUCT = "(x * y)"
#: Functions that answer a NaN by what is no NaN, for all of their operands ...
_HIDING = frozenset({"fmax", "fmin", "isnan", "isinf", "isfinite"})
#: ... or for their second one: a sign, a power of two.
_HIDING_SECOND = frozenset({"copysign", "ldexp"})


def has_chain_products(tape: Tape) -> bool:
    """Whether a tape, or a step of its loops, holds products of the chain rule."""
    chained = CHAIN_PRODUCT, RECURRENCE
    if any(operation in chained for operation in tape.operations):
        return True
    return any(
        operation in COUNTED and has_chain_products(settings["body"].tape)
        for operation, settings in zip(tape.operations, tape.settings, strict=True)
    )


def handing_on(tape: Tape, nodes: Iterable[int]) -> set[int] | None:
    """Return which of some nodes, in order, are NaN where a plain product may be.

    The products are those of the chain rule, were no zero to absorb anything in them.
    None where something may make another answer of such a NaN.
    """
    found: set[int] = set()
    for index in nodes:
        operation = tape.operations[index]
        reads = [k for k, read in enumerate(tape.operands[index]) if read in found]
        if operation is not CHAIN_PRODUCT:
            if not reads:
                continue
            if operation is GUARD or hides(tape, index, reads):
                return None
        like = tape.types[index]
        if not isinstance(like, Type) or like.dtype.kind != "f":
            return None
        found.add(index)
    return found


def hides(tape: Tape, index: int, reads: Iterable[int]) -> bool:
    """Whether a node may make another answer of a NaN among some of its operands."""
    form, settings = tape.operations[index].form, tape.settings[index]
    texts: tuple[str | None, ...]
    if isinstance(form, Map):
        texts = form.texts("f", settings) or (None,)
    elif isinstance(form, Reduce):
        texts = form.text, form.of
    else:
        return not isinstance(form, (Move, Contract))
    return any(
        text is None or not hidden(text, "float").isdisjoint(reads) for text in texts
    )


@functools.lru_cache(maxsize=4096)
def hidden(native: str, type_: str) -> frozenset[int]:
    """Return which operands' NaN an expression may turn into another answer."""
    tree = parse(native)
    names = _hidden(tree) if type_.startswith("float") else _names(tree)
    return frozenset(OPERANDS.index(name) for name in names)


def _names(*trees: ast.AST) -> set[str]:
    """Return the operands that expressions read."""
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {n.id for n in nodes if isinstance(n, ast.Name) and n.id in OPERANDS}


def _hidden(tree: ast.expr) -> set[str]:
    """Return the operands whose NaN an expression may hide."""
    match tree:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return _names(tree)
        case ast.UnaryOp(operand=operand):
            return _hidden(operand)
        case ast.BinOp(left=left, right=right):
            return _hidden(left) | _hidden(right)
        case ast.Call(func=ast.Name(id="select"), args=[condition, *ways]):
            return _names(condition).union(*map(_hidden, ways))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            if name in _HIDING:
                return _names(*arguments)
            if name in _HIDING_SECOND:
                return _hidden(arguments[0]) | _names(arguments[1])
            return set().union(*map(_hidden, arguments))
    return set()
