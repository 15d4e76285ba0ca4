"""Powers of a cone's tip: ``abs(x)**2`` is as smooth as ``x**2``.

The derivative of ``abs`` at 0 is 0 by rule 2, and a product of two such zeros has lost
the curvature of the square.  So where a power of at least 2 is differentiated, what it
is a power of is passed over: the derivative of ``abs(x)**p`` is ``p abs(x)**(p-2) x``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wengert.core.operation import REGISTRY, Partial
from wengert.core.tape import CONSTANT, Tape
from wengert.core.types import has_class
from wengert.ops.mean import of_root
from wengert.ops.products import split_subscripts

#: Operations that may be a power of their first operand.
POWERS = frozenset(
    REGISTRY[name] for name in ("square", "power", "float_power", "multiply")
)
ROOTS = frozenset(REGISTRY[name] for name in ("sqrt", "power", "float_power"))
#: Operations that keep a sum of squares one: element by element, or summed.
KEEPS_SQUARES = frozenset(
    ("sum", "reshape", "transpose", "getitem", "positive", "identity")
)
PRODUCTS = frozenset(("dot", "matmul", "vecdot"))
#: Nodes below a root that are looked at.
DEEPEST = 5
Around = tuple[tuple[int, ...], tuple[Partial, ...]]


def around_tip(tape: Tape, index: int, outputs: Any) -> Around | None:
    """Return the operands of the tip that a node is a power of, and the partials.

    None where it is no power of at least 2, or of no tip.
    """
    base = tape.operands[index][0]
    operation = tape.operations[base]
    if not operation.of_powers and operation not in ROOTS:  # nearly always
        return None
    exponent = power_of(tape, index)
    if exponent is None or exponent < 2:
        return None
    operands = tape.operands[base]
    if operation.of_powers:
        partials = operation.of_powers
    elif is_root_of_squares(tape, base):
        operands, partials = operands[:1], (of_root,)
    else:
        return None

    def partial_of(rule: Callable[..., Any]) -> Callable[..., Any]:
        def partial(result: Any, *values: Any) -> Any:
            return rule(exponent, outputs[base], *values)

        return partial

    return operands, tuple(partial_of(rule) for rule in partials)


def power_of(tape: Tape, index: int) -> Any:
    """Return the constant power of its first operand that a node is; None for none."""
    operation, operands = tape.operations[index], tape.operands[index]
    if operation.name == "square":
        return 2
    if operation.name == "multiply":
        return 2 if is_same(tape, *operands) else None
    return constant_number(tape, operands[1])


def constant_number(tape: Tape, index: int) -> Any:
    """Return the real number of a constant node; None for other nodes."""
    if tape.operations[index] is not CONSTANT:
        return None
    value = tape.settings[index]["value"]
    return value if has_class(value, (int, float)) and value == value else None


def is_same(tape: Tape, left: int, right: int, depth: int = DEEPEST) -> bool:
    """Whether two nodes are one, or the same operation of the same operands."""
    if left == right:
        return True
    ours, theirs = tape.operands[left], tape.operands[right]
    return (
        depth > 0
        and tape.operations[left] is tape.operations[right]
        and len(ours) == len(theirs) > 0
        and tape.settings[left] == tape.settings[right]
        and all(
            is_same(tape, *pair, depth - 1) for pair in zip(ours, theirs, strict=True)
        )
    )


def is_root_of_squares(tape: Tape, index: int) -> bool:
    """Whether a node is the square root of a sum of squares: a norm."""
    operation, operands = tape.operations[index], tape.operands[index]
    if operation not in ROOTS:
        return False
    is_root = operation.name == "sqrt" or constant_number(tape, operands[1]) == 0.5
    return is_root and is_sum_of_squares(tape, operands[0], DEEPEST)


def is_sum_of_squares(tape: Tape, index: int, depth: int) -> bool:
    """Whether a node is a sum of squares, as far as its operations show."""
    operation, operands = tape.operations[index], tape.operands[index]
    if operation is CONSTANT:  # below a root: what is not negative
        return True
    if depth == 0 or not operands:
        return False
    if operation.name in KEEPS_SQUARES:
        return is_sum_of_squares(tape, operands[0], depth - 1)
    if operation.name == "add":
        return all(is_sum_of_squares(tape, k, depth - 1) for k in operands)
    if operation.name == "divide":
        divisor = constant_number(tape, operands[1])
        return bool(divisor and is_sum_of_squares(tape, operands[0], depth - 1))
    if operation.name in PRODUCTS:
        return tape.types[index].shape == () and is_same(tape, *operands)
    if operation.name == "einsum" and len(operands) == 2:
        terms, _ = split_subscripts(tape.settings[index]["subscripts"])
        return terms[0] == terms[1] and is_same(tape, *operands)
    if operation in POWERS:
        exponent = power_of(tape, index)
        return exponent is not None and exponent >= 2
    return False
