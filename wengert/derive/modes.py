"""How derivatives are added up: on plain numbers, or recorded on the tape.

The sweeps in `forward` and `reverse` are written once.  A mode says how they read a
node's output, multiply a gradient by a partial, and accumulate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from wengert.capture.array import RecordedScalar, handle, project
from wengert.capture.operators import scalar_binary
from wengert.core.flags import reaching
from wengert.core.forms import Map
from wengert.core.operation import apply
from wengert.core.tape import CONSTANT, Tape
from wengert.core.types import Type
from wengert.ops.chain import CHAIN_PRODUCT, chain_product
from wengert.ops.index import (
    INDEX_ADD,
    STORE,
    add_in_place,
    decode,
    store_in_place,
)

Gradients = dict[int, Any]


#: How precise dtypes are, by their characters, and those of a kind and a precision.
PRECISIONS = {"e": 0, "f": 1, "d": 2, "g": 3, "F": 1, "D": 2, "G": 3}
WIDER = {("f", 1): "f", ("f", 2): "d", ("f", 3): "g", ("c", 2): "D", ("c", 3): "G"}


def widened(value: Any, own: Type, like: Type) -> Any:
    """Return an operand in the precision of a result, where its own is lower.

    NumPy casts operands before it computes: so do rules.
    """
    given, wanted = own.dtype, like.dtype
    if given is wanted or value is None or type(value) is Type:  # not read
        return value
    precision = PRECISIONS.get(wanted.char, 0)
    if PRECISIONS.get(given.char, precision) >= precision:
        return value
    return value.astype(WIDER[given.kind, precision])


def operands_of(
    tape: Tape, index: int, inputs: tuple[int, ...], mode: Mode
) -> list[Any]:
    """Return what the rule of a node reads: of elements in the node's precision."""
    types, like = tape.types, tape.types[index]
    if len(inputs) == 1 or type(tape.operations[index].form) is not Map:
        return [mode.read(k) for k in inputs]
    like = like[0] if type(like) is tuple else like  # of several results
    return [widened(mode.read(k), types[k], like) for k in inputs]


def fit(g: Any, like: Type) -> Any:
    """Return a gradient in the shape and dtype of the value that it belongs to.

    What broadcasting repeated is summed, a real value takes the real part.
    """
    try:
        shape, dtype = g.shape, g.dtype
    except AttributeError:  # a Python number from a rule
        if like.weak and type(g) is int:
            return g  # by hand, ints stay ints
        g = np.asarray(g)[()]
        shape, dtype = g.shape, g.dtype
    if shape != like.shape:
        g = unbroadcast(g, shape, like.shape)
    if not like.shape and hasattr(g, "__setitem__"):
        g = g[()]  # a number, not an array without axes
    kind = like.dtype.kind
    if dtype is like.dtype or kind not in "fc":
        return g
    if dtype.kind == "c" and kind == "f":
        g = np.real(g)
        dtype = g.dtype
    if dtype != like.dtype and (kind == "c" or not like.weak):
        g = g.astype(like.dtype) if hasattr(g, "astype") else like.dtype.type(g)
    return g


def unbroadcast(g: Any, shape: tuple[int, ...], target: tuple[int, ...]) -> Any:
    """Return `g` in a shape: summed where that repeats, repeated where `g` does not.

    A rule may give one number for many equal ones, so both may happen.
    """
    extra = len(shape) - len(target)
    if extra < 0:
        shape, extra = (1,) * -extra + shape, 0
    axes = tuple(range(extra)) + tuple(
        k + extra for k, n in enumerate(target) if n == 1 and shape[k + extra] != 1
    )
    if axes:
        g = np.sum(g, axis=axes)
    kept = tuple(1 if k in axes else n for k, n in enumerate(shape))[extra:]
    if np.shape(g) != kept:
        g = np.reshape(g, kept)
    return g if kept == target else np.broadcast_to(g, target)


def zeros_like_type(like: Type) -> Any:
    """Return a zero gradient for a value of this type."""
    dtype = like.dtype if like.dtype.kind in "fc" else np.dtype(np.float64)
    return np.zeros(like.shape, dtype) if like.shape else dtype.type(0)


def restore(
    tape: Tape, start: int, stop: int, roots: Sequence[int] | None = None
) -> None:
    """Compute what rules of a stretch read where a tape has not kept it.

    Of those nodes alone that roots are made of, where they are given.
    """
    if not tape.forgets:
        return
    from wengert.derive.roll import fill

    swept = None if roots is None else reaching(tape, roots, start, stop)
    read: list[int] = []
    for index in range(start, stop):
        if swept is not None and not swept[index]:
            continue
        operation, operands = tape.operations[index], tape.operands[index]
        read += [k for j, k in enumerate(operands) if operation.reads_operand(j)]
        if operation.reads_result:
            read.append(index)
    fill(tape, read)


class PlainMode:
    """Derivatives as plain numbers: nobody differentiates them further.

    `absorb` decides what zero times a non-finite partial is, and whether powers of a
    cone's tip are passed around it (`derive.tips`), which shows only there.
    """

    records = False

    def __init__(self, tape: Tape, absorb: bool = False) -> None:
        self.tape = tape
        self.outputs = tape.play.outputs
        self.around_tips = absorb
        self.product: Callable[[Any, Any], Any] = (
            chain_product if absorb else np.multiply
        )
        #: Nodes whose gradient belongs to the sweep, and may be added to in place.
        self.owned: set[int] = set()

    def read(self, index: int) -> Any:
        """Return a node's output, or its type where no rule needs the numbers."""
        output = self.outputs[index]
        return self.tape.types[index] if output is None else output

    def add(self, gradients: Gradients, index: int, g: Any) -> None:
        """Add to the gradient of a node."""
        previous = gradients.get(index)
        if previous is None:
            gradients[index] = g
        elif index in self.owned:
            previous += g
            gradients[index] = previous
        else:
            gradients[index] = previous + g
            self.owned.add(index)

    def add_at(
        self, gradients: Gradients, index: int, g: Any, indices: Any, key: Any
    ) -> None:
        """Add to the gradient of the elements that were read."""
        if not self.tape.types[index].shape:  # a number, of which all was read
            self.add(gradients, index, np.sum(g))
            return
        buffer = gradients.get(index)
        if buffer is None:
            like = self.tape.types[index]
            whole = like.dtype.kind not in "fc"  # of whole numbers it need not be one
            dtype = np.result_type(like.dtype, g) if whole else like.dtype
            buffer = np.zeros(like.shape, dtype)
            gradients[index] = buffer
            self.owned.add(index)
            if not indices:
                buffer[decode(key, ())] = g
                return
        elif index not in self.owned:
            buffer = gradients[index] = buffer.copy()
            self.owned.add(index)
        if not indices:
            buffer[decode(key, ())] += g
            return
        add_in_place(buffer, g, *indices, chain=(), key=key)

    def clear_written(self, index: int, g: Any, indices: Any, where: Any) -> Any:
        """Return the gradient of a stored-to array before the store."""
        if index not in self.owned or not g.flags.writeable:
            g = g.copy()
        store_in_place(g, 0.0, *indices, **where)
        return g


class RecordedOutputs:
    """A tape's outputs as recorded values, made when asked for.

    Constants stay plain, so that a rule may branch on one; but not those whose array
    may be refilled before a replay, or what a rule makes of it would be fixed.
    """

    __slots__ = ("tape",)

    def __init__(self, tape: Tape) -> None:
        self.tape = tape

    def __getitem__(self, index: int) -> Any:
        output = self.tape.play.outputs[index]
        if output is None and index not in self.tape.deferred:
            return self.tape.types[index]
        is_constant = self.tape.operations[index] is CONSTANT
        if is_constant and index not in self.tape.refillable:
            return output
        if isinstance(output, tuple):
            return tuple(project(self.tape, index, output))
        return handle(self.tape, index)


#: The product of two recorded numbers, as quick as their operators.
SCALAR_PRODUCT = scalar_binary("chain_product", chain_product, reflected=False)


class RecordedMode:
    """Derivatives as recorded values on the same tape, for higher orders."""

    records = True
    around_tips = True

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.outputs = RecordedOutputs(tape)
        self.owned: set[int] = set()

    def product(self, g: Any, partial: Any) -> Any:
        """Return gradient times partial, a zero absorbing what is not finite."""
        if type(g) is RecordedScalar:
            return SCALAR_PRODUCT(g, partial)
        return apply(CHAIN_PRODUCT, g, partial)

    def read(self, index: int) -> Any:
        """Return a node's output as a recorded value, or its type."""
        return self.outputs[index]

    def add(self, gradients: Gradients, index: int, g: Any) -> None:
        """Add to the gradient of a node."""
        previous = gradients.get(index)
        gradients[index] = g if previous is None else previous + g

    def add_at(
        self, gradients: Gradients, index: int, g: Any, indices: Any, key: Any
    ) -> None:
        """Add to the gradient of the elements that were read."""
        if not self.tape.types[index].shape:  # a number, of which all was read
            self.add(gradients, index, np.sum(g))
            return
        buffer = gradients.get(index)
        if buffer is None:
            buffer = zeros_like_type(self.tape.types[index])
        gradients[index] = apply(INDEX_ADD, buffer, g, *indices, chain=(), key=key)

    def clear_written(self, index: int, g: Any, indices: Any, where: Any) -> Any:
        """Return the gradient of a stored-to array before the store."""
        return apply(STORE, g, 0.0, *indices, **where)


Mode = PlainMode | RecordedMode
