"""What has no loops: one operation that NumPy computes, between those that have some.

Its operands lie in memory, its results are written there.  A function of the user's
may keep what it is given: it gets copies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from wengert.core.checked import same
from wengert.core.forms import Routine
from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, INPUT, NO_SETTINGS, Tape
from wengert.core.types import Type, dtype_name
from wengert.core.verify import content
from wengert.lower.empty import nothing
from wengert.lower.graph import Node
from wengert.lower.refusal import NotLoweredError
from wengert.lower.rounding import depends_on_layout
from wengert.lower.values import Dims, Value, checked_type
from wengert.ops.python import RAISES

if TYPE_CHECKING:
    from wengert.lower.lower import Lowering

#: What lies in memory, whoever reads it, a stride an axis.
LIES = frozenset({"call", "place", "product", "routine", "sort"})


class Called(NamedTuple):
    """One operation that NumPy computes.

    Attributes
    ----------
    tape : Tape
        That operation alone: its inputs are the operands that are not constant.
    dims : tuple of Dims
        The axes of those.
    laid : tuple of Type
        How its results lie: where they are complex, with an axis more for their parts.
    strides : tuple of (tuple of int, or None)
        In bytes, of operands that did not lie in C order when they were recorded.
    is_in_order : bool
        Whether they are to lie as they did.
    reason : str
        Why there are no loops.
    """

    tape: Tape
    dims: tuple[Dims, ...]
    laid: tuple[Type, ...]
    strides: tuple[tuple[int, ...] | None, ...]
    is_in_order: bool
    reason: str

    @property
    def operation(self) -> Operation:
        """The operation."""
        return self.tape.operations[-1]

    @property
    def operands(self) -> list[Type]:
        """The types of the operands that are not constant."""
        return [self.tape.types[k] for k in self.tape.input_indices]

    @property
    def results(self) -> tuple[Type, ...]:
        """The types of the results."""
        return results_of(self.tape.types[-1])

    @property
    def is_users(self) -> bool:
        """Whether it runs code of the user's."""
        return is_users(self.operation, self.tape.settings[-1])

    def __reduce__(self) -> tuple[Any, ...]:
        return unpickled, (self.tape.__getstate__(), *self[1:])

    def content(self) -> bytes:
        """Return the bytes that stand for it."""
        laid, how = [*map(str, self.laid)], (self.dims, self.strides, self.is_in_order)
        return self.tape.fingerprint().encode() + content((laid, how))

    def __str__(self) -> str:
        given = ", ".join(map(str, self.operands))
        where = self.tape.line(len(self.tape) - 1)
        name = self.operation.name
        why = "it has no loops" if self.reason.endswith(f" {name}") else self.reason
        return f"{name} of {given}{f' at {where}' * bool(where)} ({why})"


def unpickled(state: dict[str, Any], *how: Any) -> Called:
    """Return a call of what its tape says; one operation alone is no whole tape."""
    tape = Tape()
    tape.fill(state)
    return Called(tape, *how)


def results_of(like: Any) -> tuple[Type, ...]:
    """Return the types of the results of a node."""
    return like if type(like) is tuple else (like,)


def is_users(operation: Operation, settings: Any) -> bool:
    """Whether an operation runs code of the user's."""
    if operation is RAISES:
        return callable(settings["of"])
    if type(operation.identity) is InParts:
        return operation.identity.is_users
    return not operation.is_registered


class InParts(NamedTuple):
    """What an operation takes and gives where its complex numbers are in parts."""

    operands: tuple[Type, ...]
    result: Any
    strides: tuple[tuple[int, ...] | None, ...]
    is_users: bool


def called(lowering: Lowering, index: int, reason: str) -> list[Value]:
    """Return the results of a node that NumPy computes."""
    tape, graph = lowering.tape, lowering.graph
    operation, result = tape.operations[index], tape.types[index]
    types = [checked_type(tape.types[k]) for k in tape.operands[index]]
    lying = [lowering.laid_otherwise.get(k) for k in tape.operands[index]]
    results = [*map(checked_type, results_of(result))]
    if not all(like.size for like in (*types, *results)):
        return always_given(lowering, index, results)
    is_asked = index in lowering.asked_about and depends_on_layout(operation)
    if type(operation.identity) is InParts:
        kept = operation.identity
        types, lying, result = [*kept.operands], [*kept.strides], kept.result
    alone, places, settings = Tape(), list[int](), tape.settings[index]
    nodes, dims, strides = list[Node](), list[Dims](), []
    lies_at = dict[Node, int]()
    for k, like, lies in zip(tape.operands[index], types, lying, strict=True):
        if lowering.known(k) is not None and like.dtype == tape.types[k].dtype:
            places.append(alone.append(CONSTANT, (), tape.settings[k], like))
            continue
        places.append(alone.append(INPUT, (), NO_SETTINGS, like))
        alone.input_indices.append(places[-1])
        value = lowering.current(lowering.values[k])
        dims.append(value.dims)
        strides.append(lies if is_asked else None)
        if is_asked and like.shape:
            at, node = memory_of(tape, k), laid(lowering, value, lies or ())
            if lies_at.setdefault(node, at) != at:
                node = copied(lowering, node, node.data[0])
            nodes.append(node)
        else:
            nodes.append(in_memory(lowering, value, like))
    line = tape.lines[index]
    made = alone.append(operation, tuple(places), settings, result, None, line)
    alone.chosen_outputs, alone.structure = [made], tape.structure
    key = operation, tuple(nodes), tuple(dims), len(places), tuple(strides), is_asked
    for known, values in lowering.asked_for.get(key, ()):
        if same(known.settings, alone.settings):
            return values
    how = tuple(dims), tuple(results), tuple(strides), is_asked, reason
    call, found = Called(alone, *how), list[Value]()
    for k, like in enumerate(results):
        own = lowering.fresh((index, "call", k), like.shape)
        data, axes = (call, k, own), [axis for axis in own if axis is not None]
        node = graph.make("call", data, nodes, axes, dtype_name(like.dtype))
        found.append(Value(node, own))
    lowering.asked_for.setdefault(key, []).append((alone, found))
    if not lowering.is_read[index]:  # it may raise
        lowering.compute(found[0].node)
    return found


def always_given(lowering: Lowering, index: int, results: list[Type]) -> list[Value]:
    """Return the results of a node that are the same in every play.

    It has arrays without elements, and constants, or none but such results.
    """
    tape, operation = lowering.tape, lowering.tape.operations[index]
    if isinstance(operation.form, Routine) and not any(like.size for like in results):
        return [nothing(lowering, (index, k), x) for k, x in enumerate(results)]
    given = [
        np.empty(like.shape, like.dtype) if like.size == 0 else lowering.known(k)
        for k in tape.operands[index]
        for like in [tape.types[k]]
    ]
    is_known = operation.is_registered and all(x is not None for x in given)
    if not is_known or is_users(operation, tape.settings[index]):
        raise NotLoweredError(f"{operation.name} of an array without elements")
    with np.errstate(all="ignore"):
        found = operation.function(*given, **tape.settings[index])
    parts = found if type(tape.types[index]) is tuple else (found,)
    return [
        lowering.constant((index, k), part, like)
        for k, (part, like) in enumerate(zip(parts, results, strict=True))
    ]


def in_memory(lowering: Lowering, value: Value, like: Type) -> Node:
    """Return an operand that lies in memory, in C order where it has to be written."""
    node, dims = value
    is_given = node.kind == "leaf" and lowering.done is None
    is_ready = is_given or node.kind in LIES
    if node.axes and is_ready and like.dtype.kind != "c":
        return node
    if node.kind == "call" and node.data[2] == dims:
        return node
    return copied(lowering, node, dims)


def memory_of(tape: Tape, index: int) -> int:
    """Return the node in whose memory a node lies: another where it is a view.

    NumPy adds in another order where a matrix and its transpose share memory.
    """
    while tape.operations[index].view and len(tape.operands[index]) == 1:
        index = tape.operands[index][0]
    return index


def laid(lowering: Lowering, value: Value, strides: tuple[int, ...]) -> Node:
    """Return an operand whose dimensions lie in the order of strides.

    A matrix and its transpose are one operand then.
    """
    node, dims = value
    order = sorted(range(len(strides)), key=lambda k: -abs(strides[k]))
    return copied(lowering, node, (*[dims[k] for k in order], *dims[len(order) :]))


def copied(lowering: Lowering, node: Node, dims: Dims) -> Node:
    """Return a value that is written to memory, in an order of dimensions."""
    axes = [axis for axis in dims if axis is not None]
    return lowering.graph.make("copy", (dims, ()), (node,), axes, node.type)
