"""What native code asks NumPy for: one operation, of operands and results in memory."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

# By name: while recording, NumPy's own is answered.
from numpy import asarray, ndarray

from wengert.core.floating_point import Silent
from wengert.core.types import Array, Type, copy_with_strides, reach
from wengert.emit.calls import DONE, FAILED
from wengert.execute.plan import Plan
from wengert.lower.nest import Asked, Laid

#: Interrupts by the user that came in a call: whoever is told that it failed raises.
INTERRUPTS: list[bool] = []


class Memory(NamedTuple):
    """How an array lies in memory, in bytes.

    Attributes
    ----------
    kind : type
        That of its memory, as bytes.
    before : int
        How far its memory reaches before its first element.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]
    kind: Any
    before: int

    @classmethod
    def of(cls, laid: Laid, like: Type) -> Memory:
        """Return how an array lies; of complex numbers the parts are side by side."""
        size = np.dtype(laid.type).itemsize
        strides = tuple([k * size for k in laid.strides[: len(like.shape)]])
        before, size = reach(like.shape, strides, like.dtype.itemsize)
        return cls(like.shape, strides, like.dtype, ctypes.c_char * size, before)

    def at(self, address: int) -> Any:
        """Return the array at an address."""
        shape, strides, dtype, kind, before = self
        memory = kind.from_address(address - before)
        return ndarray(shape, dtype, memory, before, strides)


def caller(asked: Asked) -> Callable[[int], int]:
    """Return the function that native code calls, with the address of a table.

    The table holds the addresses of operands, then of results.  Where the operation
    raises, or gives something else than was recorded, the call fails; whoever asked for
    the native code plays the tape then, and it is known why.
    """
    plan, called = Plan(asked.called.tape), asked.called
    (step,), (output,) = plan.steps, plan.outputs
    read = list(map(Memory.of, asked.operands, called.operands))
    given = list(zip(plan.inputs, read, called.operands, called.strides, strict=True))
    written = list(map(Memory.of, asked.results, called.results))
    is_one = type(called.tape.types[output]) is not tuple
    first, count = len(read), len(read) + len(written)
    table_type, blank = ctypes.c_void_p * count, plan.blank

    def compute(addresses: Any) -> int:
        outputs, apart = blank.copy(), dict[Any, Any]()
        for k, (index, memory, like, strides) in enumerate(given):
            array = memory.at(addresses[k])
            if strides not in (None, memory.strides):
                key = addresses[k], *sorted(strides)
                array = apart[key] = with_strides(array, strides, apart.get(key))
            elif called.is_users:
                array = array.copy()
            outputs[index] = array if like.shape else number(array, like.weak)
        with Silent():
            step(outputs)
        results = (outputs[output],) if is_one else outputs[output]
        for k, memory in enumerate(written):
            array = asarray(results[k])
            if array.shape != memory.shape or array.dtype != memory.dtype:
                return FAILED
            memory.at(addresses[first + k])[...] = array
        return DONE

    def call(table: int) -> int:
        try:
            return compute(table_type.from_address(table)[:])
        except KeyboardInterrupt:
            INTERRUPTS.append(True)
            return FAILED
        except Exception:  # the play that follows says what it was
            return FAILED

    return call


def with_strides(array: Array, strides: tuple[int, ...], known: Array | None) -> Array:
    """Return an array of these strides, in the memory of its transpose if there is."""
    if known is None:
        return copy_with_strides(array, strides)
    before, _ = reach(array.shape, strides, array.itemsize)
    return ndarray(array.shape, array.dtype, known.base, before, strides)


def raise_interrupts() -> None:
    """Raise what the user asked for in a call of native code."""
    if INTERRUPTS:
        INTERRUPTS.clear()
        raise KeyboardInterrupt


def number(array: Any, is_weak: bool) -> Any:
    """Return an array without axes as the number that it holds."""
    return array.item() if is_weak else array[()]
