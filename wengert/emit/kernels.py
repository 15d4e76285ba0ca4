"""Lowering: a tape becomes a scalar program, small arrays unrolled into scalars.

Every array node is an array of scalar nodes (`Elements`).  An operation with a native
expression is emitted element by element; everything linear or multilinear (reshape, sum,
matmul, ...) is evaluated by its own NumPy function on arrays of `Symbol`, whose ``+`` and
``*`` emit.  Equal nodes are emitted once, and what no output needs is dropped.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.core.operation import Operation
from wengert.core.tape import CONSTANT, GUARD, IDENTITY, INPUT, Tape
from wengert.core.types import Type
from wengert.emit import program
from wengert.emit.program import Argument, Program, Result
from wengert.emit.vocabulary import SIZES, VocabularyError, operand_count
from wengert.ops.chain import CHAIN_PRODUCT
from wengert.ops.index import GETITEM, INDEX_ADD, STORE, Placeholder, decode, follow

#: Scalar nodes that arrays of a tape may become; above, NumPy is faster than a
#: straight line of scalars (its code no longer fits the instruction cache).
MOST_UNROLLED = 60_000
#: Elements among which a recorded index may choose by comparison.
MOST_CHOICES = 64


class NotLoweredError(Exception):
    """A tape holds something that has no native kernel yet."""


Elements = np.ndarray[Any, Any]
#: The elements of a node: an array of scalar nodes, or the node itself of a scalar.
Parts = Any


@dataclass(slots=True)
class Symbol:
    """A scalar node as a number: ``+`` and ``*`` on it emit nodes."""

    lowering: Lowering
    node: int

    def __add__(self, other: Any) -> Symbol:
        return self.lowering.combine("x + y", self, other)

    def __radd__(self, other: Any) -> Symbol:
        return self.lowering.combine("x + y", other, self)

    def __sub__(self, other: Any) -> Symbol:
        return self.lowering.combine("x - y", self, other)

    def __rsub__(self, other: Any) -> Symbol:
        return self.lowering.combine("x - y", other, self)

    def __mul__(self, other: Any) -> Symbol:
        return self.lowering.combine("x * y", self, other)

    def __rmul__(self, other: Any) -> Symbol:
        return self.lowering.combine("x * y", other, self)

    def __truediv__(self, other: Any) -> Symbol:
        return self.lowering.combine("x / y", self, other)

    def __neg__(self) -> Symbol:
        return self.lowering.combine("-x", self)

    def conjugate(self) -> Symbol:
        """Return itself: complex numbers are not lowered."""
        return self

    def __bool__(self) -> bool:
        raise NotLoweredError("a rule asks for a number")

    __lt__ = __le__ = __gt__ = __ge__ = lambda self, other: self.__bool__()
    __float__ = __int__ = __index__ = __bool__


@dataclass(slots=True)
class Lowering:
    """A scalar program as it grows."""

    absorbs: bool
    operations: list[str] = field(default_factory=list)
    operands: list[tuple[int, ...]] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    values: dict[int, float] = field(default_factory=dict)
    known: dict[Any, int] = field(default_factory=dict)
    unrolled: int = 0

    def emit(self, operation: str, operands: tuple[int, ...], type_: str) -> int:
        """Return the node of an operation on nodes; an equal one is used again."""
        key = (operation, operands, type_)
        node = self.known.get(key)
        if node is not None:
            return node
        if operation in SIMPLER:
            simpler = self.simplify(operation, operands, type_)
            if simpler is not None:
                self.known[key] = simpler
                return simpler
        node = len(self.operations)
        self.operations.append(operation)
        self.operands.append(operands)
        self.types.append(type_)
        self.known[key] = node
        return node

    def constant(self, value: Any, type_: str) -> int:
        """Return the node of a number."""
        number = np.dtype(type_).type(value).item()
        bits = struct.pack("d", number) if type_.startswith("f") else number
        key = ("constant", bits, type_)
        node = self.known.get(key)
        if node is None:
            node = self.known[key] = len(self.operations)
            self.operations.append(program.CONSTANT)
            self.operands.append(())
            self.types.append(type_)
            self.values[node] = number
        return node

    def guard(self, node: int, expected: float) -> None:
        """Append a guard; one on a constant is decided already."""
        key = ("guard", node, expected)
        if key in self.known:
            return
        index = self.known[key] = len(self.operations)
        self.operations.append(program.GUARD)
        self.operands.append((node,))
        self.types.append(self.types[node])
        self.values[index] = expected

    def simplify(self, operation: str, operands: Any, type_: str) -> int | None:
        """Return a node with the same value that costs less; exact in every case."""
        return SIMPLER[operation](self, operands, type_)

    def number(self, node: int) -> float | None:
        """Return the number of a constant node."""
        return self.values.get(node) if not self.operands[node] else None

    def combine(self, operation: str, *parts: Any) -> Symbol:
        """Return the symbol of an operation on symbols and numbers."""
        nodes = []
        types = [self.types[p.node] for p in parts if isinstance(p, Symbol)]
        type_ = str(np.result_type(*types))
        for part in parts:
            if isinstance(part, Symbol):
                nodes.append(part.node)
            else:
                nodes.append(self.constant(part, type_))
        adds = operation in ("x + y", "x - y")
        first, last = parts[0], parts[-1]
        # A sum's first term, or an absent one: nothing is added.
        if adds and self.number(nodes[-1]) == 0 and isinstance(first, Symbol):
            return first
        is_sum = operation == "x + y"
        if is_sum and self.number(nodes[0]) == 0 and isinstance(last, Symbol):
            return last
        return Symbol(self, self.emit(operation, tuple(nodes), type_))


def _power(lowering: Lowering, operands: Any, type_: str) -> int | None:
    base, exponent = operands
    number = lowering.number(exponent)
    if number is None or not type_.startswith("f"):
        return None
    if number in (2, 3, 4):
        square = lowering.emit("x * y", (base, base), type_)
        if number == 2:
            return square
        return lowering.emit("x * y", (square, base if number == 3 else square), type_)
    if number == 1:
        return base if lowering.types[base] == type_ else None
    if number == -1:
        return lowering.emit("1 / x", (base,), type_)
    if number == 0:
        return lowering.constant(1, type_)
    return None


def _times(lowering: Lowering, operands: Any, type_: str) -> int | None:
    for one, other in (operands, operands[::-1]):
        if lowering.number(one) == 1 and lowering.types[other] == type_:
            return int(other)
        if lowering.number(one) == -1:
            return lowering.emit("-x", (other,), type_)
    return None


def _negative(lowering: Lowering, operands: Any, type_: str) -> int | None:
    (node,) = operands
    if lowering.operations[node] == "-x" and lowering.types[node] == type_:
        return int(lowering.operands[node][0])
    number = lowering.number(node)
    if number is not None and type_.startswith("f"):
        return lowering.constant(-number, type_)
    return None


def _same(lowering: Lowering, operands: Any, type_: str) -> int | None:
    node = int(operands[0])
    return node if lowering.types[node] == type_ else None


SIMPLER: dict[str, Callable[[Lowering, Any, str], int | None]] = {
    "x ** y": _power,
    "pow(x, y)": _power,
    "x * y": _times,
    "-x": _negative,
    "x": _same,
}


@dataclass(frozen=True, slots=True)
class Lowered:
    """A tape's scalar program, and which constants of the tape it reads as captures."""

    program: Program
    captured: tuple[int, ...]
    nodes: int


def lower(
    tape: Tape,
    absorbs: bool,
    captured: Sequence[int] = (),
    rows: Sequence[bool] | None = None,
    sums: Sequence[bool] | None = None,
) -> Lowered:
    """Return the scalar program of a tape.

    Parameters
    ----------
    tape : Tape
    absorbs : bool
        Whether a zero absorbs a non-finite number in products of the chain rule.
        Without, such a product is plain, and a guard refuses results that are NaN.
    captured : sequence of int
        Constant nodes whose arrays are arguments after the tape's inputs.
    rows : sequence of bool, one an input, optional
        Whether every row has its own value of it (the others are shared).
    sums : sequence of bool, one an output, optional
        Whether the rows' values of an output are added up.

    Raises
    ------
    NotLoweredError
        If a node has no native kernel.
    """
    lowering = Lowering(absorbs)
    sources = [*tape.input_indices, *captured]
    elements: dict[int, Parts] = {}
    arguments = []
    for argument, index in enumerate(sources):
        like = tape.types[index]
        elements[index] = load(lowering, argument, like)
        has_rows = rows is not None and argument < len(rows) and rows[argument]
        arguments.append(
            Argument(type_name(like), row_stride=like.size if has_rows else 0)
        )
    lower_nodes(lowering, tape, elements)
    outputs, results, finals = [], [], []
    for position, index in enumerate(tape.output_indices):
        like = tape.types[index]
        is_sum = sums is not None and sums[position]
        stride = like.size if rows is not None and not is_sum else 0
        results.append(Result(type_name(like), row_stride=stride, is_sum=is_sum))
        for k, node in enumerate(np.ravel(elements[index]).tolist()):
            outputs.append((node, position, k))
            finals.append(node)
    if not absorbs:
        refuse_nan(lowering, finals)
    whole = Program(
        lowering.operations,
        lowering.operands,
        lowering.types,
        lowering.values,
        arguments,
        results,
        outputs,
    )
    return Lowered(needed(whole), tuple(captured), len(lowering.operations))


def lower_nodes(lowering: Lowering, tape: Tape, elements: dict[int, Parts]) -> None:
    """Lower every node that is not given; scalars, the bulk of long tapes, at once."""
    types, operands = tape.types, tape.operands
    emit = lowering.emit
    for index, operation in enumerate(tape.operations):
        if index in elements:
            continue
        if operation is GUARD:
            lower_guard(lowering, tape, index, elements)
            continue
        like, native = types[index], operation.native
        if native is None or like is None or like.shape != ():
            part = lower_node(lowering, tape, index, operation, elements)
            is_scalar = like.__class__ is Type and like.shape == ()
            elements[index] = int(part) if is_scalar else part
            continue
        if operation is CHAIN_PRODUCT and not lowering.absorbs:
            native = "x * y"
        parts = tuple([elements[operand] for operand in operands[index]])
        check_arity(native, len(parts))
        elements[index] = emit(native, parts, type_name(like))


def has_chain_products(tape: Tape) -> bool:
    """Whether a tape holds products of the chain rule."""
    return any(operation is CHAIN_PRODUCT for operation in tape.operations)


def refuse_nan(lowering: Lowering, nodes: list[int]) -> None:
    """Append one guard that fails where a result is NaN."""
    fine: int | None = None
    for node in dict.fromkeys(nodes):
        if not lowering.types[node].startswith("f"):
            continue
        same = lowering.emit("x == y", (node, node), "bool")
        fine = same if fine is None else lowering.emit("x and y", (fine, same), "bool")
    if fine is not None:
        lowering.guard(fine, 1)


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


@functools.lru_cache(maxsize=4096)
def type_name(like: Any) -> str:
    """Return the name of a type that native code has."""
    if not isinstance(like, Type) or str(like.dtype) not in SIZES:
        raise NotLoweredError(f"values of type {like}")
    return str(like.dtype)


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


def as_array(part: Parts) -> Elements:
    """Return elements as an array, 0-d for a scalar."""
    return np.asarray(part, dtype=np.int64)


def count_unrolled(lowering: Lowering, like: Type) -> None:
    """Count an array's elements; refuse when they are too many for scalar code."""
    if like.shape:
        lowering.unrolled += like.size
        if lowering.unrolled > MOST_UNROLLED:
            raise NotLoweredError(
                f"arrays of more than {MOST_UNROLLED} elements in all"
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
    name = type_name(like)
    if like.shape:
        count_unrolled(lowering, like)
    if operation is CONSTANT:
        return lower_constant(lowering, tape.settings[index]["value"], like, name)
    parts = [elements[k] for k in tape.operands[index]]
    if operation is IDENTITY:
        return parts[0]
    settings = tape.settings[index]
    if operation is GETITEM and len(parts) == 1:
        return as_array(parts[0])[decode(settings["key"], ())]
    parts = [as_array(part) for part in parts]
    if operation is CHAIN_PRODUCT and not lowering.absorbs:
        return lower_native(lowering, "x * y", parts, like, name)
    if operation.native is not None:
        return lower_native(lowering, operation.native, parts, like, name)
    special = SPECIAL.get(operation.name)
    if special is not None:
        return special(lowering, parts, settings, like, name)
    if operation.kind in ("linear", "multilinear") or operation.moves:
        return lower_by_numpy(lowering, operation, parts, settings, like, name)
    raise NotLoweredError(f"the operation {operation.name}")


def lower_guard(
    lowering: Lowering, tape: Tape, index: int, elements: dict[int, Parts]
) -> None:
    """Append the guard that asks the recorded question."""
    settings = tape.settings[index]
    nodes = np.ravel(elements[tape.operands[index][0]])
    node, kind, expected = int(nodes[0]), settings["kind"], settings["expected"]
    type_ = lowering.types[node]
    if kind == "bool" and type_ != "bool":
        node = lowering.emit("x != y", (node, lowering.constant(0, type_)), "bool")
    elif kind in ("int", "round") and type_.startswith("f"):
        question = "trunc(x)" if kind == "int" else "rint(x)"
        node = lowering.emit(question, (node,), type_)
    elif kind == "fractional":
        whole = lowering.emit("floor(x)", (node,), type_)
        node = lowering.emit("x != y", (node, whole), "bool")
    lowering.guard(node, float(expected) if type_.startswith("f") else int(expected))


def lower_constant(lowering: Lowering, value: Any, like: Type, name: str) -> Parts:
    """Return the elements of a constant."""
    if like.shape == ():
        return lowering.constant(value, name)
    flat = np.asarray(value).ravel().tolist()
    nodes = [lowering.constant(number, name) for number in flat]
    return np.array(nodes, dtype=np.int64).reshape(like.shape)


@functools.cache
def check_arity(native: str, count: int) -> None:
    """Raise `NotLoweredError` unless a native expression is one, of so many operands."""
    try:
        arity = operand_count(native)
    except VocabularyError as error:
        raise NotLoweredError(str(error)) from error
    if arity > count:
        raise NotLoweredError(f"{native} of {count} operands")


def lower_native(
    lowering: Lowering, native: str, parts: list[Elements], like: Type, name: str
) -> Elements:
    """Return the elements of an operation with a native expression."""
    check_arity(native, len(parts))
    if like.shape == ():
        operands = tuple([int(part) for part in parts])
        return np.array(lowering.emit(native, operands, name), dtype=np.int64)
    columns = [
        np.broadcast_to(part, like.shape).ravel().tolist()
        if part.shape != like.shape
        else part.ravel().tolist()
        for part in parts
    ]
    emit = lowering.emit
    nodes = [emit(native, row, name) for row in zip(*columns, strict=True)]
    return np.array(nodes, dtype=np.int64).reshape(like.shape)


def lower_by_numpy(
    lowering: Lowering,
    operation: Operation,
    parts: list[Elements],
    settings: dict[str, Any],
    like: Type,
    name: str,
) -> Elements:
    """Return the elements of an operation evaluated by NumPy on symbols."""
    if settings.get("dtype") is not None:
        if operation.name == "astype":
            return lower_native(lowering, "x", parts, like, name)
        settings = {**settings, "dtype": None}
    # NumPy adds and multiplies in the result's type: a sum of truth values counts them.
    operands = [symbols(lowering, converted(lowering, part, name)) for part in parts]
    try:
        result = operation.function(*operands, **settings)
    except NotLoweredError:
        raise
    except Exception as error:
        raise NotLoweredError(f"the operation {operation.name}: {error}") from error
    flat = np.asarray(result, dtype=object).ravel().tolist()
    nodes = []
    for item in flat:
        node = item.node if isinstance(item, Symbol) else lowering.constant(item, name)
        if lowering.types[node] != name:
            node = lowering.emit("x", (node,), name)
        nodes.append(node)
    if len(nodes) != like.size:
        raise NotLoweredError(f"the operation {operation.name}")
    return np.array(nodes, dtype=np.int64).reshape(like.shape)


def converted(lowering: Lowering, part: Elements, name: str) -> Elements:
    """Return elements in another type."""
    nodes = [lowering.emit("x", (node,), name) for node in part.ravel().tolist()]
    return np.array(nodes, dtype=np.int64).reshape(part.shape)


def symbols(lowering: Lowering, part: Elements) -> Any:
    """Return elements as an array of symbols."""
    made = np.empty(part.shape, dtype=object)
    flat = made.reshape(-1) if part.shape else made.reshape(1)
    flat[:] = [Symbol(lowering, node) for node in part.ravel().tolist()]
    return flat.reshape(part.shape)


# Operations with a lowering of their own

Special = Callable[[Lowering, list[Elements], dict[str, Any], Type, str], Elements]


def lower_getitem(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements that a key takes; a recorded index chooses by comparison."""
    base, *indices = parts
    key = settings["key"]
    if not indices:
        return np.asarray(base[decode(key, ())])
    constants = [constant_indices(lowering, index) for index in indices]
    if all(constant is not None for constant in constants):
        return np.asarray(base[decode(key, tuple(constants))])
    if base.ndim != 1 or key != (Placeholder(0),) or base.size > MOST_CHOICES:
        raise NotLoweredError("an index that is known at replay only")
    chosen = [choose(lowering, base, int(i), name) for i in indices[0].ravel()]
    return np.array(chosen, dtype=np.int64).reshape(like.shape)


def constant_indices(lowering: Lowering, index: Elements) -> Any:
    """Return index elements as numbers where all are constants."""
    numbers = [lowering.number(node) for node in index.ravel().tolist()]
    if any(number is None for number in numbers):
        return None
    kind = lowering.types[int(index.ravel()[0])] if index.size else "int64"
    dtype = np.dtype(bool) if kind == "bool" else np.dtype(np.int64)
    return np.array(numbers, dtype=dtype).reshape(index.shape)


def choose(lowering: Lowering, base: Elements, index: int, name: str) -> int:
    """Return ``base[index]`` by comparison, guarded against leaving the bounds."""
    type_ = lowering.types[index]
    if type_ == "bool":
        raise NotLoweredError("a mask that is known at replay only")
    low = lowering.emit("x >= y", (index, lowering.constant(-base.size, type_)), "bool")
    high = lowering.emit("x < y", (index, lowering.constant(base.size, type_)), "bool")
    lowering.guard(lowering.emit("x and y", (low, high), "bool"), 1)
    result = int(base[0])
    for k in range(1, base.size):
        for place in (k, k - base.size):
            same = lowering.emit(
                "x == y", (index, lowering.constant(place, type_)), "bool"
            )
            result = lowering.emit(
                "select(x, y, z)", (same, int(base[k]), result), name
            )
    return result


def lower_store(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements after a write."""
    base, value, *indices = parts
    places = write_places(lowering, like, indices, settings)
    new = base.copy().reshape(-1) if base.shape else base.copy().reshape(1)
    flat = places.ravel().tolist()
    spread = np.broadcast_to(value, places.shape).ravel().tolist()
    for place, node in zip(flat, spread, strict=True):
        if lowering.types[node] != name:
            node = lowering.emit("x", (node,), name)
        new[place] = node
    return new.reshape(like.shape)


def lower_index_add(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return the elements after an addition to some of them.

    Only gradients are added up so: a term zero that was never written is dropped.
    """
    base, value, *indices = parts
    places = write_places(lowering, like, indices, settings)
    new = base.copy().reshape(-1) if base.shape else base.copy().reshape(1)
    flat = places.ravel().tolist()
    spread = np.broadcast_to(value, places.shape).ravel().tolist()
    for place, node in zip(flat, spread, strict=True):
        if lowering.number(int(new[place])) == 0 and lowering.types[node] == name:
            new[place] = node
        else:
            new[place] = lowering.emit("x + y", (int(new[place]), node), name)
    return new.reshape(like.shape)


def write_places(
    lowering: Lowering, like: Type, indices: list[Elements], settings: Any
) -> Elements:
    """Return the flat positions that a write replaces."""
    constants = tuple(constant_indices(lowering, index) for index in indices)
    if any(constant is None for constant in constants):
        raise NotLoweredError("an index that is known at replay only")
    positions = np.arange(like.size).reshape(like.shape)
    return np.asarray(
        follow(positions, settings["chain"])[decode(settings["key"], constants)]
    )


def lower_where(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return a selection element by element; the condition may be any number."""
    condition = parts[0]
    flat = [truth(lowering, node) for node in condition.ravel().tolist()]
    parts = [np.array(flat, dtype=np.int64).reshape(condition.shape), *parts[1:]]
    return lower_native(lowering, "select(x, y, z)", parts, like, name)


def truth(lowering: Lowering, node: int) -> int:
    """Return whether a node is not zero."""
    type_ = lowering.types[node]
    if type_ == "bool":
        return node
    return lowering.emit("x != y", (node, lowering.constant(0, type_)), "bool")


def reduced_rows(x: Elements, settings: Any) -> list[list[int]]:
    """Return for every element of a reduction's result the elements it is made of."""
    axis = settings.get("axis")
    axes = tuple(range(x.ndim)) if axis is None else tuple(np.atleast_1d(axis) % x.ndim)
    kept = [k for k in range(x.ndim) if k not in axes]
    length = int(np.prod([x.shape[k] for k in axes], dtype=np.int64))
    rows: list[list[int]] = x.transpose([*kept, *axes]).reshape(-1, length).tolist()
    if not length:
        raise NotLoweredError("a reduction of no elements")
    return rows


def lower_truth(native: str) -> Special:
    """Return the lowering of ``any`` and ``all``."""

    def lower_fold(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        nodes = []
        for row in reduced_rows(parts[0], settings):
            flags = [truth(lowering, node) for node in row]
            total = flags[0]
            for flag in flags[1:]:
                total = lowering.emit(native, (total, flag), "bool")
            nodes.append(total)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_fold


def lower_count(
    lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
) -> Elements:
    """Return how many elements are not zero."""
    nodes = []
    for row in reduced_rows(parts[0], settings):
        total = lowering.constant(0, name)
        for node in row:
            one = lowering.emit("x", (truth(lowering, node),), name)
            total = lowering.emit("x + y", (total, one), name)
        nodes.append(total)
    return np.array(nodes, dtype=np.int64).reshape(like.shape)


def lower_extreme_place(better: str) -> Special:
    """Return the lowering of ``argmax`` and ``argmin``: the first of equals, or NaN."""

    def lower_place(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        nodes = []
        for row in reduced_rows(parts[0], settings):
            best, place = row[0], lowering.constant(0, name)
            type_ = lowering.types[best]
            for k, node in enumerate(row[1:], 1):
                wins = lowering.emit(better, (node, best), "bool")
                number = lowering.constant(k, name)
                place = lowering.emit("select(x, y, z)", (wins, number, place), name)
                best = lowering.emit("select(x, y, z)", (wins, node, best), type_)
            nodes.append(place)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_place


def fold(native: str) -> Special:
    """Return the lowering of a reduction by a native expression of two operands."""

    def lower_fold(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        rows = reduced_rows(parts[0], settings)
        nodes = []
        for row in rows:
            total = row[0]
            for node in row[1:]:
                total = lowering.emit(native, (total, node), name)
            nodes.append(total)
        return np.array(nodes, dtype=np.int64).reshape(like.shape)

    return lower_fold


def on_truths(native: str) -> Special:
    """Return the lowering of an operation on bits, for truth values."""

    def lower_on_truths(
        lowering: Lowering, parts: list[Elements], settings: Any, like: Type, name: str
    ) -> Elements:
        if name != "bool":
            raise NotLoweredError("an operation on the bits of numbers")
        return lower_native(lowering, native, parts, like, name)

    return lower_on_truths


SPECIAL: dict[str, Special] = {
    "bitwise_and": on_truths("x and y"),
    "bitwise_or": on_truths("x or y"),
    "bitwise_xor": on_truths("x ^ y"),
    "invert": on_truths("not x"),
    GETITEM.name: lower_getitem,
    STORE.name: lower_store,
    INDEX_ADD.name: lower_index_add,
    "where": lower_where,
    "max": fold("maximum(x, y)"),
    "min": fold("minimum(x, y)"),
    "prod": fold("x * y"),
    "nanmax": fold("fmax(x, y)"),
    "nanmin": fold("fmin(x, y)"),
    "any": lower_truth("x or y"),
    "all": lower_truth("x and y"),
    "count_nonzero": lower_count,
    "argmax": lower_extreme_place("x > y or (isnan(x) and not isnan(y))"),
    "argmin": lower_extreme_place("x < y or (isnan(x) and not isnan(y))"),
}
