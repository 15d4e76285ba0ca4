"""A scalar program as it grows: nodes, and arrays of nodes.

Every array node of a tape is an array of scalar nodes (`Elements`).  An operation with
a native expression is emitted element by element; everything linear or multilinear
(reshape, sum, matmul, ...) is evaluated by its own NumPy function on arrays of
`Symbol`, whose ``+`` and ``*`` emit.  Equal nodes are emitted once.
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wengert.core.operation import Operation
from wengert.core.types import Type
from wengert.emit import program
from wengert.emit.absorption import PLAIN_PRODUCT
from wengert.emit.refusal import NotLoweredError
from wengert.emit.vocabulary import SIZES, operand_count

#: Scalar nodes that arrays of a tape may become; above, NumPy is faster than a
#: straight line of scalars (its code no longer fits the instruction cache).
MOST_UNROLLED = 60_000
TOO_MANY = f"arrays of more than {MOST_UNROLLED} elements in all"


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
    #: Truth values that must hold: what nodes imply.
    implied: list[int] = field(default_factory=list)
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
        try:
            number = np.dtype(type_).type(value).item()
        except OverflowError as error:
            raise NotLoweredError("an integer beyond 64 bits") from error
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
    PLAIN_PRODUCT: _times,
    "-x": _negative,
    "x": _same,
}


@functools.lru_cache(maxsize=4096)
def type_name(like: Any) -> str:
    """Return the name of a type that native code has."""
    if not isinstance(like, Type) or str(like.dtype) not in SIZES:
        raise NotLoweredError(f"values of type {like}")
    return str(like.dtype)


def as_array(part: Parts) -> Elements:
    """Return elements as an array, 0-d for a scalar."""
    return np.asarray(part, dtype=np.int64)


def count_unrolled(lowering: Lowering, like: Type, is_moved: bool = False) -> None:
    """Count an array's elements; refuse when they are too many for scalar code.

    Elements that are only moved cost their place in a table, a sixteenth of a node.
    """
    if like.shape:
        count_scalars(lowering, like.size // 16 if is_moved else like.size)


def count_scalars(lowering: Lowering, count: int) -> None:
    """Count scalar nodes that an array takes; refuse when they are too many."""
    lowering.unrolled += count
    if lowering.unrolled > MOST_UNROLLED:
        raise NotLoweredError(TOO_MANY)


@functools.cache
def check_arity(native: str, count: int) -> None:
    """Raise `NotLoweredError` unless an expression is native, of so many operands."""
    if operand_count(native) > count:
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
        if isinstance(item, np.ndarray):  # np.array keeps arrays of one object whole
            item = item[()]
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


def truth(lowering: Lowering, node: int) -> int:
    """Return whether a node is not zero."""
    type_ = lowering.types[node]
    if type_ == "bool":
        return node
    return lowering.emit("x != y", (node, lowering.constant(0, type_)), "bool")
