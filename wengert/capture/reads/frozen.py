"""Values as they were: numbers and containers by value, everything else by identity."""

from __future__ import annotations

from collections import deque
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

PLAIN = (bool, int, float, complex, str, bytes, type(None))
SEQUENCES = (tuple, list, deque, set, frozenset)


def is_plain(value: Any) -> bool:
    """Whether a value never changes and holds nothing of the user's."""
    kind = type(value)
    if kind in PLAIN:
        return True
    return (
        issubclass(kind, np.generic)
        and kind.__module__ == "numpy"
        and kind
        not in (
            np.void,
            np.object_,
        )
    )


class Frozen(NamedTuple):
    """A value as it was: its class and parts, or just the object."""

    kind: type
    parts: Any
    value: Any


def freeze(value: Any, around: tuple[int, ...] = ()) -> Frozen:
    """Return what is needed to see later whether a value is still the same."""
    kind = type(value)
    if id(value) in around:
        return Frozen(kind, None, value)
    if kind is dict or kind is MappingProxyType:
        around = (*around, id(value))
        parts = [(freeze(k), freeze(v, around)) for k, v in value.items()]
        return Frozen(kind, parts, None)
    if kind in SEQUENCES:
        around = (*around, id(value))
        return Frozen(kind, [freeze(part, around) for part in value], None)
    return Frozen(kind, None, value)


def is_same(value: Any, frozen: Frozen) -> bool:
    """Whether a value equals one that was frozen: by identity, then by value."""
    kind: Any
    kind, parts, before = frozen
    if type(value) is not kind:
        return False
    if parts is None:
        if value is before:
            return True
        return is_plain(value) and equal(value, before)
    if len(value) != len(parts):
        return False
    if kind is dict or kind is MappingProxyType:
        return all(
            is_same(key, k) and is_same(part, v)
            for (key, part), (k, v) in zip(value.items(), parts, strict=True)
        )
    pairs = zip(value, parts, strict=True)
    return all(is_same(part, before) for part, before in pairs)


def equal(value: Any, before: Any) -> bool:
    """Whether two plain values of one type are the same, zeros by their sign."""
    if issubclass(type(value), np.generic):
        is_same_dtype = value.dtype == before.dtype
        return bool(is_same_dtype and value.tobytes() == before.tobytes())
    if type(value) in (float, complex):
        return repr(value) == repr(before)
    return bool(value == before)


# Contents of arrays

#: Compares two buffers with `memcmp`; NotImplemented where one lies in pieces.
_SAME_BYTES = bytearray.__eq__
#: Unsigned integers by the size of an element, to compare bits in place.
BITS = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}


class Contents:
    """What an array held: bytes, shape and dtype, compared at memory speed."""

    __slots__ = ("array", "copy", "shape", "strides", "dtype", "bytes")

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.copy = array, plainly(array).copy()
        self.shape, self.strides, self.dtype = array.shape, array.strides, array.dtype
        order = plainly(array)
        if is_reversed(order):
            order = order.T
        self.bytes = bytearray(order.tobytes())

    def hold(self) -> bool:
        """Whether the array holds the same bytes now."""
        array = self.array
        if array.shape != self.shape or array.dtype is not self.dtype:
            return False
        found = _SAME_BYTES(self.bytes, array)
        return self.hold_in_pieces() if found is NotImplemented else found

    def hold_in_pieces(self) -> bool:
        """Whether an array that is no plain run of bytes holds what it held."""
        array, copy = plainly(self.array), self.copy
        if array.dtype.hasobject:
            pairs = zip(array.flat, copy.flat, strict=True)
            return all(now is before for now, before in pairs)
        if is_reversed(array):
            found = _SAME_BYTES(self.bytes, array.T)
            if found is not NotImplemented:
                return found
        return same_bits(array, copy)


def plainly(array: np.ndarray) -> np.ndarray:
    """Return an array of a subclass as NumPy's own, on the same memory."""
    if type(array) is np.ndarray:
        return array
    return np.ndarray.view(array, np.ndarray)


def is_reversed(array: np.ndarray) -> bool:
    """Whether an array lies in Fortran's order, and not in C's."""
    flags = array.flags
    return flags.f_contiguous and not flags.c_contiguous


def same_bits(array: np.ndarray, copy: np.ndarray) -> bool:
    """Whether an array in pieces holds the bytes of its copy."""
    bits = BITS.get(array.itemsize)
    if bits is not None:
        return bool(np.array_equal(array.view(bits), copy.view(bits)))
    if array.dtype.char == "D":
        parts = (array.real, copy.real), (array.imag, copy.imag)
        return all(same_bits(now, before) for now, before in parts)
    return array.tobytes() == copy.tobytes()


def has_contents(array: np.ndarray, copy: np.ndarray) -> bool:
    """Whether an array holds the bytes of a copy."""
    if array.shape != copy.shape or array.dtype != copy.dtype:
        return False
    return same_bits(plainly(array), copy)
