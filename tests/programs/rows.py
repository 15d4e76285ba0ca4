"""The calls of a program as rows of `vmap`, and what it should give for them."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np


def stacked(rows: list[tuple[Any, ...]]) -> tuple[list[int | None], tuple[Any, ...]]:
    """Return the axes and arguments of a `vmap` over the calls; 0 where rows differ."""
    axes: list[int | None] = []
    args: list[Any] = []
    for column in zip(*rows, strict=True):
        likes = {(np.asarray(a).dtype.str, np.shape(a)) for a in column if is_row(a)}
        if len(likes) == 1 and all(is_row(a) for a in column):
            axes.append(0)
            args.append(in_rows(np.stack([np.asarray(a) for a in column])))
        else:
            axes.append(None)
            args.append(in_rows(column[0]))
    return axes, tuple(args)


def row(args: tuple[Any, ...], axes: list[int | None], k: int) -> tuple[Any, ...]:
    """Return the arguments of one row, with arrays of its own."""
    return copy.deepcopy(
        tuple(a[k] if axis == 0 else a for a, axis in zip(args, axes, strict=True))
    )


def is_row(value: Any) -> bool:
    """Whether a value can be a row: an array or a number of floats."""
    if isinstance(value, (float, np.floating)):
        return True
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def stack_results(rows: list[Any]) -> Any:
    """Return what `vmap` should give, or None where rows cannot be stacked."""
    head = rows[0]
    if any(type(row) is not type(head) for row in rows):
        return None
    if isinstance(head, dict):
        if any(list(row) != list(head) for row in rows):
            return None
        parts = [stack_results([row[key] for row in rows]) for key in head]
        return (
            None
            if any(p is None for p in parts)
            else dict(zip(head, parts, strict=True))
        )
    if isinstance(head, (list, tuple)):
        if any(len(row) != len(head) for row in rows):
            return None
        parts = [stack_results(list(column)) for column in zip(*rows, strict=True)]
        return None if any(p is None for p in parts) else type(head)(parts)
    if isinstance(head, (float, np.ndarray, np.generic)):
        likes = {(np.asarray(row).dtype, np.shape(row)) for row in rows}
        return np.stack([np.asarray(row) for row in rows]) if len(likes) == 1 else None
    return None


def in_rows(value: Any) -> Any:
    """Return an argument, an array in C order, as `vmap` hands rows on: a limit."""
    return np.ascontiguousarray(value) if isinstance(value, np.ndarray) else value
