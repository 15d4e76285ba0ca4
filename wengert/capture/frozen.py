"""Values as they were: numbers and containers by value, everything else by identity."""

from __future__ import annotations

from collections import deque
from typing import Any, NamedTuple

import numpy as np

from wengert.core.tape import same_contents
from wengert.core.types import has_class

PLAIN = (bool, int, float, complex, str, bytes, type(None), np.generic)


class Frozen(NamedTuple):
    """A value as it was: its class and parts, or just the object."""

    kind: type
    parts: Any
    value: Any


def freeze(value: Any, around: tuple[int, ...] = ()) -> Frozen:
    """Return what is needed to see later whether a value is still the same."""
    kind = type(value)
    if kind in (tuple, list, deque, dict) and id(value) not in around:
        around = (*around, id(value))
        if kind is dict:
            parts = [(freeze(k), freeze(v, around)) for k, v in value.items()]
        else:
            parts = [freeze(part, around) for part in value]  # type: ignore[misc]
        return Frozen(kind, parts, None)
    if kind in (set, frozenset):
        return Frozen(kind, {(type(part), part) for part in value}, None)
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
        return has_class(value, PLAIN) and equal(value, before)
    if kind in (set, frozenset):
        return bool({(type(part), part) for part in value} == parts)
    if len(value) != len(parts):
        return False
    if kind is dict:
        return all(
            is_same(key, k) and is_same(part, v)
            for (key, part), (k, v) in zip(value.items(), parts, strict=True)
        )
    pairs = zip(value, parts, strict=True)
    return all(is_same(part, before) for part, before in pairs)


def equal(value: Any, before: Any) -> bool:
    """Whether two plain values of one type are the same, zeros by their sign."""
    if has_class(value, np.generic):
        is_same_dtype = value.dtype == before.dtype
        return bool(is_same_dtype and value.tobytes() == before.tobytes())
    if has_class(value, (float, complex)):
        return repr(value) == repr(before)
    return bool(value == before)


#: Bytes that are compared at once: two such blocks stay in the cache.
BLOCK = 1 << 18


def has_contents(array: np.ndarray, copy: np.ndarray) -> bool:
    """Whether an array still holds the bytes of its copy."""
    if array.nbytes <= BLOCK or not array.flags.c_contiguous:
        return same_contents(array, copy)
    if array.shape != copy.shape or array.dtype != copy.dtype:
        return False
    now = array.reshape(-1).view(np.uint8)
    before = copy.reshape(-1).view(np.uint8)
    return all(
        now[k : k + BLOCK].tobytes() == before[k : k + BLOCK].tobytes()
        for k in range(0, now.size, BLOCK)
    )
