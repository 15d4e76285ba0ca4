"""Lowering: a tape becomes a scalar program, small arrays unrolled into scalars.

What no output and no guard needs is dropped.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wengert.core.forms import Map
from wengert.core.guards import OF_MEMORY, QUESTIONS
from wengert.core.operation import REGISTRY, Operation
from wengert.core.tape import CONSTANT, GUARD, IDENTITY, INPUT, Tape
from wengert.core.types import Type
from wengert.derive.loops import SCAN
from wengert.emit import program
from wengert.emit.absorption import PLAIN_PRODUCT, checked
from wengert.emit.implied import (
    guard_implied,
    imply,
    lower_raises,
    refuse_negative_powers,
)
from wengert.emit.lowering import (
    MOST_UNROLLED,
    TOO_MANY,
    Elements,
    Lowering,
    Parts,
    as_array,
    check_arity,
    count_unrolled,
    lower_by_numpy,
    lower_native,
    type_name,
)
from wengert.emit.program import Program
from wengert.emit.refusal import NotLoweredError, refuses
from wengert.emit.special import SEVERAL, SPECIAL
from wengert.emit.sums import BLOCK
from wengert.emit.vocabulary import template
from wengert.lower.needed import asked_sums, laid_otherwise
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.cumulative import RECURRENCE
from wengert.ops.index import GETITEM, INDEX_ADD, ITEM, STORE, decode
from wengert.ops.products import starts_at_zero
from wengert.ops.python import RAISES
from wengert.ops.reduce import PROD, SUM
from wengert.ops.sort import SORT

#: What makes no scalar node of an element that it only hands on.
MOVERS = frozenset({GETITEM, INDEX_ADD, STORE})
FREE = frozenset({INPUT, IDENTITY, ITEM})

NOTHING = "an array without elements"
POWER = REGISTRY["power"]
#: Scalar nodes that one node of a mixed tape may become.
MOST_OF_ONE = 2000


@dataclass(frozen=True, slots=True)
class Lowered:
    """A tape's scalar program, and which constants of the tape it reads as captures."""

    program: Program
    captured: tuple[int, ...]
    nodes: int
    #: Numbers of the guards that refuse a NaN which a zero would have absorbed.
    nan_guards: frozenset[int] = frozenset()


@refuses
def lower(
    tape: Tape,
    absorbs: bool,
    captured: Sequence[int] = (),
) -> Lowered:
    """Return the scalar program of a tape.

    Parameters
    ----------
    tape : Tape
    absorbs : bool
        Whether a zero absorbs a non-finite number in products of the chain rule.
        Without, such a product is plain, and guards refuse where its NaN matters.
    captured : sequence of int
        Constant nodes whose arrays are arguments after the tape's inputs.

    Raises
    ------
    NotLoweredError
        If a node has no native kernel.
    """
    check_size(tape)
    lowering = Lowering(absorbs)
    sources = [*tape.input_indices, *captured]
    elements: dict[int, Parts] = {}
    arguments = []
    for argument, index in enumerate(sources):
        like = tape.types[index]
        elements[index] = load(lowering, argument, like)
        arguments.append(type_name(like))
    lower_nodes(lowering, tape, elements)
    outputs, results = [], []
    for position, index in enumerate(tape.output_indices):
        like = tape.types[index]
        results.append(type_name(like))
        for k, node in enumerate(np.ravel(elements[index]).tolist()):
            outputs.append((node, position, k))
    guard_implied(lowering)
    whole = Program(
        lowering.operations,
        lowering.operands,
        lowering.types,
        lowering.values,
        arguments,
        results,
        outputs,
    )
    whole, nan_guards = checked(needed(whole))
    return Lowered(whole, tuple(captured), len(lowering.operations), nan_guards)


def lower_nodes(lowering: Lowering, tape: Tape, elements: dict[int, Parts]) -> None:
    """Lower every node that is not given; scalars, the bulk of long tapes, at once."""
    types, operands = tape.types, tape.operands
    emit, asked = lowering.emit, asked_sums(tape)
    otherwise = laid_otherwise(tape) if asked else frozenset()
    for index, operation in enumerate(tape.operations):
        if index in elements:
            continue
        if index in asked:
            elements[index] = lower_asked(lowering, tape, index, elements, otherwise)
            continue
        if operation is GUARD:
            if tape.settings[index]["kind"] not in OF_MEMORY:  # asked before
                lower_guard(lowering, tape, index, elements)
            continue
        like, native = types[index], operation.native
        if native is None or like is None or like.shape != ():
            part = lower_node(lowering, tape, index, operation, elements)
            is_scalar = type(like) is Type and like.shape == ()
            elements[index] = int(part) if is_scalar else part
            continue
        if operation is CHAIN_PRODUCT and not lowering.absorbs:
            native = PLAIN_PRODUCT
        parts = tuple([elements[operand] for operand in operands[index]])
        if like.dtype == bool:
            parts = tuple(as_met(lowering, tape, index, parts))
        check_arity(native, len(parts))
        elements[index] = node = emit(native, parts, type_name(like))
        if like.weak:
            imply(lowering, operation.name, parts, node)
        elif operation is POWER:
            refuse_negative_powers(lowering, parts[1], node)


def as_met(
    lowering: Lowering, tape: Tape, index: int, parts: Sequence[Any]
) -> list[Any]:
    """Return operands of a question, Python's numbers in the dtype of what they meet.

    Single precision is asked in single precision: 0.17 is not below its float32.
    """
    types = [tape.types[k] for k in tape.operands[index]]
    if not all(type(like) is Type for like in types):
        return list(parts)
    others = {like.dtype for like in types if not like.weak}
    if others != {np.dtype(np.float32)}:
        return list(parts)
    return [
        lowering.emit("x", (int(part),), "float32") if like.weak else part
        for like, part in zip(types, parts, strict=True)
    ]


def check_size(tape: Tape) -> None:
    """Raise `NotLoweredError` where lowering would count too many elements.

    It counts as it goes, and would find out after seconds.
    """
    if count_scalars(tape, 0) > MOST_UNROLLED:
        raise NotLoweredError(TOO_MANY)


def count_scalars(
    tape: Tape, scalar: int = 1, start: int = 0, stop: int | None = None
) -> int:
    """Return about how many scalar nodes a tape becomes; a scalar counts as given.

    From `start` to `stop` where only that stretch counts.
    The products in `matmul` and its kin count, and the terms of a sum; elements that
    are only moved cost their place in a table, a sixteenth of a node.
    """
    total = 0
    types, operands = tape.types, tape.operands
    for index in range(start, len(tape) if stop is None else stop):
        operation, like = tape.operations[index], types[index]
        if operation is GUARD or type(like) is not Type:
            continue
        if operation in FREE:
            continue
        if operation in MOVERS:
            total += like.size // 16
        elif operation.native is not None or operation is CONSTANT:
            total += like.size if like.shape else scalar
        else:
            found = work(like.size, [size(types[k]) for k in operands[index]])
            total += found if found > 1 else scalar
    return total


def size(like: Any) -> int:
    """Return the number of elements of a type."""
    return like.size if type(like) is Type else 1


def work(result: int, operands: list[int]) -> int:
    """Return about how many products or terms a result is made of.

    A product of two operands sums over what both have and the result does not: of
    ``m k`` and ``k n`` elements to ``m n``, that is ``k``.
    """
    if len(operands) == 2 and result:
        shared = math.sqrt(operands[0] * operands[1] / result)
        return max(result, round(result * shared))
    return max([result, *operands])


def has_chain_products(tape: Tape) -> bool:
    """Whether a tape holds products of the chain rule."""
    chained = CHAIN_PRODUCT, RECURRENCE
    if any(operation in chained for operation in tape.operations):
        return True
    return any(
        operation is SCAN and has_chain_products(settings["body"].tape)
        for operation, settings in zip(tape.operations, tape.settings, strict=True)
    )


def needed(whole: Program) -> Program:
    """Return a program without the nodes that no output and no guard needs."""
    keep = bytearray(len(whole.operations))
    for node, _, _ in whole.outputs:
        keep[node] = 1
    skips = (program.INPUT, program.CONSTANT)
    for node in range(len(whole.operations) - 1, -1, -1):
        operation = whole.operations[node]
        if operation == program.GUARD:
            keep[node] = 1
        if keep[node] and operation not in skips:
            for operand in whole.operands[node]:
                keep[operand] = 1
    if all(keep):
        return whole
    places = np.cumsum(np.frombuffer(keep, np.uint8), dtype=np.int64) - 1
    place = places.tolist()
    kept = [k for k in range(len(keep)) if keep[k]]
    return Program(
        [whole.operations[k] for k in kept],
        [
            whole.operands[k]
            if whole.operations[k] in skips
            else tuple([place[j] for j in whole.operands[k]])
            for k in kept
        ],
        [whole.types[k] for k in kept],
        {place[k]: value for k, value in whole.values.items() if keep[k]},
        whole.arguments,
        whole.results,
        [(place[node], result, k) for node, result, k in whole.outputs],
    )


def load(lowering: Lowering, argument: int, like: Type) -> Parts:
    """Return the elements of an argument."""
    name = type_name(like)
    count_unrolled(lowering, like)
    nodes = [
        lowering.emit(program.INPUT, (argument, k), name) for k in range(like.size)
    ]
    return (
        np.array(nodes, dtype=np.int64).reshape(like.shape) if like.shape else nodes[0]
    )


def lower_node(
    lowering: Lowering,
    tape: Tape,
    index: int,
    operation: Operation,
    elements: dict[int, Parts],
) -> Parts:
    """Return the elements of one node."""
    like = tape.types[index]
    if operation is INPUT:
        raise NotLoweredError("an input that is not an argument")
    settings = tape.settings[index]
    form = operation.form
    if type(like) is tuple:
        parts = [as_array(elements[k]) for k in tape.operands[index]]
        texts = form.texts("", settings) if isinstance(form, Map) else None
        if texts is not None:
            return [
                lower_native(lowering, text, parts, each, type_name(each))
                for text, each in zip(texts, like, strict=True)
            ]
        if operation.name not in SEVERAL:
            raise NotLoweredError(f"the operation {operation.name}")
        if any(part.size == 0 for part in parts):
            raise NotLoweredError(NOTHING)
        for each in like:
            type_name(each)
        return SEVERAL[operation.name](lowering, parts, settings, like)
    name = type_name(like)
    if like.shape:
        count_unrolled(lowering, like, operation in MOVERS)
    if operation is CONSTANT:
        return lower_constant(lowering, settings["value"], like, name)
    parts = [elements[k] for k in tape.operands[index]]
    if type(like) is Type and like.dtype == bool:
        parts = as_met(lowering, tape, index, parts)
    if operation is IDENTITY:
        return parts[0]
    if operation is ITEM:
        return parts[0][settings["result"]]
    if operation is GETITEM and len(parts) == 1:
        return as_array(parts[0])[decode(settings["key"], ())]
    parts = [as_array(part) for part in parts]
    if operation is CHAIN_PRODUCT and not lowering.absorbs:
        return lower_native(lowering, PLAIN_PRODUCT, parts, like, name)
    if operation is RAISES:
        return lower_raises(lowering, tape, index, parts)
    texts = form.texts(like.dtype.kind, settings) if isinstance(form, Map) else None
    if texts is not None and operation.name not in SPECIAL:
        found = lower_native(lowering, texts[0], parts, like, name)
        if operation is POWER and like.size:
            refuse_negative_powers(lowering, parts[1], found)
        return found
    special = SPECIAL.get(operation.name)
    if special is not None:
        if operation not in MOVERS and any(part.size == 0 for part in parts):
            raise NotLoweredError(NOTHING)
        return special(lowering, parts, settings, like, name)
    if operation.kind in ("linear", "multilinear") or operation.moves:
        found = lower_by_numpy(lowering, operation, parts, settings, like, name)
        shapes = [part.shape for part in parts]
        if operation is SUM or starts_at_zero(operation, shapes, settings):
            return from_zero(lowering, found, name)
        return found
    raise NotLoweredError(f"the operation {operation.name}")


def lower_asked(
    lowering: Lowering,
    tape: Tape,
    index: int,
    elements: dict[int, Parts],
    otherwise: Container[int],
) -> Parts:
    """Return the elements of a sum that a guard asks about, added as NumPy adds."""
    operation = tape.operations[index]
    read, like = tape.operands[index][0], tape.types[index]
    if operation is SORT:
        return lower_node(lowering, tape, index, operation, elements)
    axes = sum(n > 1 for n in tape.types[read].shape)
    is_known = read not in otherwise or axes == 1
    if operation not in (SUM, PROD) or like.size != 1 or not is_known:
        raise NotLoweredError("a guard on a sum")
    if operation is PROD:
        return lower_node(lowering, tape, index, operation, elements)
    if tape.types[read].dtype != like.dtype or not like.dtype.kind == "f":
        raise NotLoweredError("a guard on a sum of another type")
    name = type_name(like)
    count_unrolled(lowering, tape.types[read])
    added = added_in_order(lowering, np.ravel(elements[read]).tolist(), name)
    found = from_zero(lowering, np.array(added).reshape(like.shape), name)
    return found if like.shape else int(found)


def added_in_order(lowering: Lowering, nodes: Sequence[int], name: str) -> int:
    """Return the sum of nodes, by eights and by halves as in `emit.sums`."""
    emit, count = lowering.emit, len(nodes)
    if count > BLOCK:
        half = count // 16 * 8
        left = added_in_order(lowering, nodes[:half], name)
        right = added_in_order(lowering, nodes[half:], name)
        return emit("x + y", (left, right), name)
    totals, whole = list(nodes[:8]), count - count % 8
    if count < 8:
        totals, whole = [], 0
    for k in range(8, whole):
        totals[k % 8] = emit("x + y", (totals[k % 8], nodes[k]), name)
    while len(totals) > 1:
        pairs = zip(totals[::2], totals[1::2], strict=True)
        totals = [emit("x + y", pair, name) for pair in pairs]
    rest = [*totals, *nodes[whole:]] or [lowering.constant(-0.0, name)]
    return functools.reduce(lambda x, y: emit("x + y", (x, y), name), rest)


def from_zero(lowering: Lowering, sums: Elements, name: str) -> Elements:
    """Return sums that start at zero, as NumPy's: of zeros below zero it is zero."""
    if not name.startswith("float"):
        return sums
    zero = lowering.constant(0.0, name)
    nodes = [lowering.emit("x + y", (k, zero), name) for k in sums.ravel().tolist()]
    return np.array(nodes, dtype=np.int64).reshape(sums.shape)


@refuses
def lower_alone(tape: Tape, index: int, captured: Container[int]) -> Lowering:
    """Return the scalar program of one node; all its operations have a native form."""
    lowering, operation = Lowering(absorbs=True), tape.operations[index]
    elements: dict[int, Parts] = {}
    for argument, operand in enumerate(tape.operands[index]):
        like = tape.types[operand]
        if tape.operations[operand] is CONSTANT and operand not in captured:
            value = tape.settings[operand]["value"]
            elements[operand] = lower_constant(lowering, value, like, type_name(like))
        else:
            elements[operand] = load(lowering, argument, like)
    if operation is GUARD:
        lower_guard(lowering, tape, index, elements)
    else:
        lower_node(lowering, tape, index, operation, elements)
    check_native(lowering)
    return lowering


def check_native(lowering: Lowering) -> None:
    """Raise `NotLoweredError` where an operation has no native form for its types."""
    types = lowering.types
    for node, operation in enumerate(lowering.operations):
        if operation not in (program.INPUT, program.CONSTANT, program.GUARD):
            read = tuple([types[k] for k in lowering.operands[node]])
            template(operation, read, types[node])


def is_lowerable(tape: Tape, index: int, captured: Container[int] = ()) -> bool:
    """Whether a node has a native kernel by itself."""
    try:
        lowering = lower_alone(tape, index, captured)
    except NotLoweredError:
        return False
    return len(lowering.operations) <= MOST_OF_ONE


def lower_guard(
    lowering: Lowering, tape: Tape, index: int, elements: dict[int, Parts]
) -> None:
    """Append the guard that asks the recorded question."""
    settings = tape.settings[index]
    if settings["kind"] in OF_MEMORY:
        raise NotLoweredError("a question about the memory of an array")
    nodes = np.ravel(elements[tape.operands[index][0]])
    if settings["kind"] == "text":
        lower_text(lowering, nodes.tolist(), settings["expected"])
        return
    node, kind, expected = int(nodes[0]), settings["kind"], settings["expected"]
    type_ = lowering.types[node]
    text = QUESTIONS[kind].native.get(type_[0])
    if text is not None:
        type_ = "bool" if type(expected) is bool else type_
        node = lowering.emit(text, (node,), type_)
    lowering.guard(node, float(expected) if type_.startswith("f") else int(expected))


#: Whether floats are written alike: zeros by their sign, NaN as NaN.
SAME_TEXT = (
    "(x == y and (x != 0 or copysign(1, x) == copysign(1, y))) or (x != x and y != y)"
)


def lower_text(lowering: Lowering, nodes: list[int], expected: Any) -> None:
    """Append guards that numbers are those of a text."""
    if type(expected) is int and not -(2**63) <= expected < 2**63:
        raise NotLoweredError("the text of an integer beyond 64 bits")
    for k, node in enumerate(nodes):
        type_, number = lowering.types[node], expected
        if type(expected) is bytes:
            number = np.frombuffer(expected, type_)[k]
        native = SAME_TEXT if type_.startswith("f") else "x == y"
        known = lowering.constant(number, type_)
        lowering.guard(lowering.emit(native, (node, known), "bool"), 1)


def lower_constant(lowering: Lowering, value: Any, like: Type, name: str) -> Parts:
    """Return the elements of a constant."""
    if like.shape == ():
        return lowering.constant(value, name)
    flat = np.asarray(value).ravel().tolist()
    nodes = [lowering.constant(number, name) for number in flat]
    return np.array(nodes, dtype=np.int64).reshape(like.shape)


__all__ = [
    "Lowered",
    "has_chain_products",
    "is_lowerable",
    "lower",
]
