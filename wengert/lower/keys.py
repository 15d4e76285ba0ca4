"""Keys of reads and writes: their parts, and where the dimensions of indices go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wengert.ops.index import Placeholder, decode


def key_parts(key: Sequence[Any], ndim: int) -> list[Any]:
    """Return the parts of a key, one for every dimension, and None for new ones."""
    used = sum(part is not None and part is not Ellipsis for part in key)
    parts: list[Any] = []
    is_spread = False
    for part in key:
        if part is Ellipsis:
            parts += [slice(None)] * (ndim - used)
            is_spread = True
        else:
            parts.append(
                decode((part,), ())[0] if type(part) is not Placeholder else part
            )
    return parts if is_spread else parts + [slice(None)] * (ndim - used)


def split_key(
    parts: list[Any],
) -> tuple[tuple[Any, ...], list[tuple[int, int]], int]:
    """Return a key without its index arrays, where they stand, and where theirs go.

    The dimensions of index arrays stand where the first of them does if they are side
    by side, whole numbers counted among them; else before all others.
    """
    basic = tuple([slice(None) if type(p) is Placeholder else p for p in parts])
    slots, place = [], 0
    advanced = [
        k for k, p in enumerate(parts) if type(p) is Placeholder or type(p) is int
    ]
    front, is_found = 0, False
    for part in parts:
        if type(part) is Placeholder:
            slots.append((place, part.position))
        if not is_found and (type(part) is Placeholder or type(part) is int):
            front, is_found = place, True
        place += type(part) is not int
    if slots and advanced[-1] - advanced[0] + 1 != len(advanced):
        front = 0
    return (*basic, Ellipsis) if Ellipsis not in basic else basic, slots, front
