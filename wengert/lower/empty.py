"""Values without elements, and what is computed of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wengert.core.forms import Contract, Map, Move, Reduce, Routine, Scan
from wengert.core.types import Type, dtype_name
from wengert.lower.refusal import NotLoweredError
from wengert.lower.values import Value
from wengert.ops.index import INDEX_ADD, STORE
from wengert.ops.join import CONCATENATE

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering


def nothing(lowering: Lowering, index: Any, like: Type, number: float = 0) -> Value:
    """Return a node's value that is the same number at every place, if there is one."""
    dims = lowering.fresh(index, like.shape)
    return Value(lowering.graph.number(number, dtype_name(like.dtype)), dims)


def may_be_outside(lowering: Lowering, operand: int) -> bool:
    """Whether an array of indices may be out of bounds in another play."""
    is_index = lowering.tape.types[operand].dtype != bool
    return is_index and lowering.known(operand) is None


def of_nothing(lowering: Lowering, index: int, like: Type) -> Value | None:
    """Return a node that has no elements, or an operand without.

    None where such an operand only adds nothing to others, or has a determinant.
    """
    tape = lowering.tape
    operation, form = tape.operations[index], tape.operations[index].form
    shapes = [lowering.shape(k) for k in tape.operands[index]]
    moved = form.moved or len(shapes) if isinstance(form, Move) else len(shapes)
    places = [k for k in tape.operands[index][moved:] if may_be_outside(lowering, k)]
    if any(0 not in lowering.shape(k) for k in places):
        raise NotLoweredError("indices into an array without elements")
    is_native = isinstance(form, Routine) and form.native is not None
    is_known = is_native or isinstance(form, Map | Reduce | Scan | Contract | Move)
    if like.size == 0 and (is_known or all(0 in shape for shape in shapes)):
        return nothing(lowering, index, like)
    if is_native:
        return None
    is_linear = operation.kind == "linear" and len(shapes) == 1
    if isinstance(form, Contract) or is_linear:
        return nothing(lowering, index, like)
    if isinstance(form, Reduce) and form.start is not None and len(shapes) == 1:
        return nothing(lowering, index, like, form.start)
    if operation in (CONCATENATE, STORE, INDEX_ADD):
        return None
    raise NotLoweredError(f"{operation.name} of an array without elements")
